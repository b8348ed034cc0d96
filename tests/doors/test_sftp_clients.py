"""SFTP as people's own programs speak it: OpenSSH, lftp, rclone, and a client that names what is unfinished as WinSCP does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.chambers import MIGRATION, SENT
from tests.sftp import FILES, PARTS, Opened, connected, opened, run


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Opened]:
    with opened(tmp_path / "exchange") as door:
        door.enrol("p-00e1", sends=True)
        door.enrol("p-00f2", reads=True)
        yield door


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    """The parcel as the laboratory's spool holds it."""
    folder = tmp_path / "spool"
    folder.mkdir()
    for name, octets in FILES.items():
        (folder / name).write_bytes(octets)
    return folder


def kept(door: Opened) -> dict[str, bytes]:
    custody = door.exchange.chamber("labo-a").custody
    found = {}
    for name in custody.names(MIGRATION):
        with custody.open(MIGRATION, name) as file:
            found[name] = file.read()
    return found


def test_openssh_puts_and_gets_a_parcel(door: Opened, parcel: Path, tmp_path: Path) -> None:
    """OpenSSH's sftp lists, puts every file, is told they are there; the target's account gets them, octet for octet; all of it is in the ledger."""
    sent = door.sftp("p-00e1", f"ls -l\ncd {MIGRATION}\nput *\nls -l\n", folder=parcel)
    assert sent.well, sent.out
    assert kept(door) == dict(FILES)
    for name in FILES:
        assert name in sent.out
    door.exchange.chamber("labo-a").custody.erase(MIGRATION)
    door.deposit()
    target = tmp_path / "target"
    target.mkdir()
    got = door.sftp("p-00f2", f"ls -l {MIGRATION}\nget {MIGRATION}/* {target}/\n")
    assert got.well, got.out
    assert {file.name: file.read_bytes() for file in target.iterdir()} == dict(FILES)
    acts = [(by, act, body.get("file")) for by, act, body in door.entries()]
    assert acts[0] == ("p-00e1", "door.entered", None)
    assert sorted(it[2] for it in acts if it[:2] == ("p-00e1", "custody.received")) == sorted(FILES)
    assert sorted(it[2] for it in acts if it[:2] == ("p-00f2", "custody.read")) == sorted(FILES)
    assert {body["from"] for _, act, body in door.entries() if act.startswith("door")} == {"127.0.0.1"}


def test_openssh_goes_on_with_a_put_and_a_get(door: Opened, parcel: Path, tmp_path: Path) -> None:
    """A file cut in the middle is gone on with by `put -a` and `get -a`, from where it was."""
    whole = FILES[PARTS[2]]
    with door.exchange.intake("labo-a").begin(MIGRATION, PARTS[2], sent=SENT) as coming:
        coming.append(0, [whole[:200_001]])
    sent = door.sftp("p-00e1", f"cd {MIGRATION}\nls -l\nput -a {PARTS[2]}\n", folder=parcel)
    assert sent.well, sent.out
    assert "200001" in sent.out
    assert kept(door) == {PARTS[2]: whole}
    door.exchange.chamber("labo-a").custody.erase(MIGRATION)
    door.deposit()
    (tmp_path / PARTS[2]).write_bytes(whole[:123_456])
    got = door.sftp("p-00f2", f"cd {MIGRATION}\nget -a {PARTS[2]}\n", folder=tmp_path)
    assert got.well, got.out
    assert (tmp_path / PARTS[2]).read_bytes() == whole


def test_lftp_puts_goes_on_and_mirrors(door: Opened, parcel: Path, tmp_path: Path) -> None:
    """lftp mirrors a spool in parallel, goes on with a cut file by `put -c`, and mirrors the parcel out again."""
    lftp = shutil.which("lftp")
    if lftp is None:
        pytest.skip("SFTP clients: lftp is absent")
    with door.exchange.intake("labo-a").begin(MIGRATION, PARTS[0], sent=SENT) as coming:
        coming.append(0, [FILES[PARTS[0]][:99_999]])

    def line(login: str, *verbs: str):  # type: ignore[no-untyped-def]
        connect = " ".join(["ssh", "-a", "-x", *door.options(login)])
        said = f'set sftp:connect-program "{connect}"; open -u {login}, -p {door.port} sftp://127.0.0.1; {"; ".join(verbs)}'
        return run([lftp, "--norc", "-c", said], folder=parcel)

    sent = line(
        "p-00e1", f"cd {MIGRATION}", f"put -c {PARTS[0]}", "cd ..", f"mirror -R --parallel=3 . {MIGRATION}"
    )
    assert sent.well, sent.out
    assert kept(door) == dict(FILES)
    door.exchange.chamber("labo-a").custody.erase(MIGRATION)
    door.deposit()
    got = line("p-00f2", f"mirror --parallel=3 {MIGRATION} {tmp_path / 'target'}")
    assert got.well, got.out
    assert {file.name: file.read_bytes() for file in (tmp_path / "target").iterdir()} == dict(FILES)


def test_rclone_copies_in_and_out(door: Opened, parcel: Path, tmp_path: Path) -> None:
    """rclone copies several files at once, under the names that it gives what is unfinished, checks sizes, and copies the parcel out."""
    rclone = shutil.which("rclone")
    if rclone is None:
        pytest.skip("SFTP clients: rclone is absent")
    release = run([rclone, "version"], folder=tmp_path).out.split("v", 1)[1].split(".")[1]
    # Debian 12's sends more octets than it says when it writes several blocks at once.
    old = ["--sftp-disable-concurrent-writes"] if int(release) < 63 else []
    said = [
        *old, "--config", "/dev/null", "--sftp-host", "127.0.0.1", "--sftp-port", str(door.port), "--sftp-known-hosts-file", str(door.known),
        "--sftp-set-modtime=false", "--sftp-disable-hashcheck", "--size-only", "--retries", "1", "--low-level-retries", "1",
    ]  # fmt: skip

    def go(login: str, *words: str):  # type: ignore[no-untyped-def]
        return run(
            [rclone, *words, *said, "--sftp-user", login, "--sftp-key-file", str(door.keys[login])],
            folder=tmp_path,
        )

    sent = go("p-00e1", "copy", str(parcel), f":sftp:/{MIGRATION}")
    assert sent.well, sent.out
    assert kept(door) == dict(FILES)
    again = go("p-00e1", "copy", "-v", str(parcel), f":sftp:/{MIGRATION}")
    assert again.well, again.out
    door.exchange.chamber("labo-a").custody.erase(MIGRATION)
    door.deposit()
    got = go("p-00f2", "copy", f":sftp:/{MIGRATION}", str(tmp_path / "target"))
    assert got.well, got.out
    assert {file.name: file.read_bytes() for file in (tmp_path / "target").iterdir()} == dict(FILES)


@pytest.mark.parametrize("suffix", [".filepart", ".a1b2c3d4.partial", ".part"])
def test_a_client_may_rename_what_is_whole(door: Opened, suffix: str) -> None:
    """WinSCP writes `.filepart`, is cut, looks for it, goes on at its size, and renames: the file is kept under its own name, whole."""
    octets, name = FILES[PARTS[0]], PARTS[0]

    async def client() -> list[str]:
        seen = []
        async with connected(door, "p-00e1") as sftp:
            await sftp.chdir(f"/{MIGRATION}")
            async with sftp.open(name + suffix, "wb") as file:
                await file.write(octets[:70_000])
        async with connected(door, "p-00e1") as sftp:
            await sftp.chdir(f"/{MIGRATION}")
            seen += [it for it in await sftp.listdir() if it[0] != "."]
            assert await sftp.getsize(name + suffix) == 70_000
            assert not await sftp.exists(name)
            async with sftp.open(name + suffix, "ab") as file:
                await file.write(octets[70_000:])
            await sftp.setstat(name + suffix, asyncssh.SFTPAttrs(permissions=0o644, mtime=1, atime=1))
            await sftp.rename(name + suffix, name)
            seen += [it for it in await sftp.listdir() if it[0] != "."]
            assert await sftp.getsize(name) == len(octets)
        return seen

    assert asyncio.run(client()) == [name + suffix, name]
    assert kept(door) == {name: octets}


def test_a_certificate_lets_in_until_it_is_ended(door: Opened) -> None:
    """A certificate of the console's lets its key in to its own chambers alone; ended, it lets nobody in at the next login, and who is in is put out; so is an ended account."""
    door.awaits("labo-b")
    _, issued = door.certify("p-00c3", sends=True, chambers=("labo-a", "labo-b"))
    assert door.sftp("p-00c3", f"ls {MIGRATION}\n").well
    assert "door.entered" not in [act for _, act, _ in door.entries("labo-b")]
    assert (door.entries()[-1][0], door.entries()[-1][2]["key"]) == ("p-00c3", f"certificate {issued.serial}")

    async def look(session: asyncssh.SFTPClient) -> None:
        for _ in range(200):
            await session.listdir("/")
            await asyncio.sleep(0.05)

    async def inside() -> None:
        async with connected(door, "p-00c3") as certified, connected(door, "p-00e1") as enrolled:
            assert await certified.listdir("/") == await enrolled.listdir("/")
            door.accounts.ended.add(issued.serial)
            del door.accounts.held["p-00e1"]
            for session in (certified, enrolled):
                with pytest.raises((asyncssh.Error, ConnectionError)):
                    await look(session)

    asyncio.run(inside())
    assert not door.sftp("p-00c3", "ls\n").well
    assert not door.sftp("p-00e1", "ls\n").well


def test_what_a_client_asks_beside_changes_nothing(door: Opened) -> None:
    """Rights and times are heard and forgotten, a folder that is there is made, an unfinished upload is given up; the rest is refused with its reason."""

    async def client() -> None:
        name = f"/{MIGRATION}/{PARTS[0]}"
        async with connected(door, "p-00e1") as sftp:
            await sftp.mkdir("/")
            await sftp.mkdir(f"/{MIGRATION}")
            async with sftp.open(name, "wb") as file:
                await file.write(FILES[PARTS[0]])
            before = await sftp.stat(name)
            await sftp.chmod(name, 0o777)
            await sftp.utime(name, (1, 1))
            await sftp.setstat(name, asyncssh.SFTPAttrs(size=before.size))
            after = await sftp.stat(name)
            assert (after.size, after.permissions, after.mtime) == (
                before.size,
                before.permissions,
                before.mtime,
            )
            async with sftp.open(f"/{MIGRATION}/{PARTS[1]}.part", "wb") as file:
                await file.write(FILES[PARTS[1]][:3_000])
                assert (await file.stat()).size == 3_000
                await file.fsync()
            await sftp.remove(f"/{MIGRATION}/{PARTS[1]}.part")
            assert not await sftp.exists(f"/{MIGRATION}/{PARTS[1]}.part")
            refused = [
                sftp.remove(name), sftp.rename(name, f"/{MIGRATION}/part-0009.age"), sftp.truncate(name, 5), sftp.rmdir(f"/{MIGRATION}"),
                sftp.mkdir("/m-new"), sftp.symlink(name, f"/{MIGRATION}/part-0002.age"), sftp.link(name, f"/{MIGRATION}/part-0002.age"),
                sftp.readlink(name), sftp.statvfs("/"), sftp.open(name, "rb"), sftp.open(name, "xb"), sftp.open(name, "r+b"),
                sftp.posix_rename(name, "/part-0001.age"), sftp.open(f"/{MIGRATION}", "wb"), sftp.open("/part-0001.age", "wb"),
            ]  # fmt: skip
            for verb in refused:
                with pytest.raises(asyncssh.SFTPError):
                    await verb

    asyncio.run(client())
    assert kept(door) == {PARTS[0]: FILES[PARTS[0]]}


def test_an_account_does_what_it_may(door: Opened) -> None:
    """Who deposits does not read, who reads does not deposit, a machine bound to a migration sees no other, and each is told why."""
    door.deposit()
    door.enrol("agent-1", sends=True, reads=True, migration="m-20261128-ffffff")

    async def client() -> None:
        name = f"/{MIGRATION}/{PARTS[0]}"
        async with connected(door, "p-00f2") as sftp:
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="ne dépose pas"):
                await sftp.open(name, "wb")
            async with sftp.open(name, "rb") as file:
                assert await file.read(100, 1000) == FILES[PARTS[0]][1000:1100]
                assert await file.read(100, 10_000_000) == b""
                with pytest.raises(asyncssh.SFTPError):
                    await file.write(b"x")
        for login in ("p-00e1", "agent-1"):
            async with connected(door, login) as sftp:
                assert [it for it in await sftp.listdir("/") if it[0] != "."] == []
                with pytest.raises(asyncssh.SFTPError):
                    await sftp.open(name, "rb")

    asyncio.run(client())


def test_blocks_may_come_out_of_order(door: Opened) -> None:
    """A client that writes several blocks at once may send the second first: they are put in order; a gap never filled keeps what came before it."""
    octets, name = FILES[PARTS[2]], f"/{MIGRATION}/{PARTS[2]}"
    blocks = [(start, octets[start : start + 50_000]) for start in range(0, len(octets), 50_000)]

    async def client(order: list[tuple[int, bytes]]) -> None:
        async with connected(door, "p-00e1") as sftp:
            file = await sftp.open(name, "wb")
            for start, block in order:
                await file.write(block, start)
            await file.close()

    asyncio.run(client([blocks[0], *blocks[2:]]))
    assert door.exchange.intake("labo-a").unfinished(MIGRATION) == {PARTS[2]: 50_000}
    asyncio.run(client([blocks[0], blocks[3], blocks[2], blocks[1], *reversed(blocks[4:])]))
    assert kept(door) == {PARTS[2]: octets}


def test_a_file_is_sent_by_one_at_a_time(door: Opened) -> None:
    """While one connection sends a file, another that opens it is told to wait."""

    async def client() -> None:
        name = f"/{MIGRATION}/{PARTS[0]}"
        async with connected(door, "p-00e1") as first, connected(door, "p-00e1") as second:
            async with first.open(name, "wb") as file:
                await file.write(FILES[PARTS[0]][:1000])
                with pytest.raises(asyncssh.SFTPFailure, match="intake/busy"):
                    await second.open(name, "ab")
                await file.write(FILES[PARTS[0]][1000:])
            assert await second.getsize(name) == len(FILES[PARTS[0]])

    asyncio.run(client())
