"""The SFTP door attacked: each finding of the decision (an anonymous, shared area in clear, read by anybody and never emptied) as an attempt that must fail."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from ecluse.doors.sftp import Limits
from ecluse.passage.parcel import MANIFEST
from tests.chambers import MIGRATION
from tests.sftp import FILES, PARTS, Opened, connected, opened, run

PLAIN = b"DUPONT;Jeanne;1980-02-01;VIH positif\n" * 3_000


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One door for all: what is attempted here leaves nothing behind."""
    with opened(tmp_path_factory.mktemp("attacks") / "exchange", language="en") as door:
        door.enrol("p-00e1", sends=True, reads=True)
        door.awaits("labo-b")
        door.enrol("p-00b2", sends=True, reads=True, chambers=("labo-b",))
        yield door


def ssh(
    door: Opened, login: str, *words: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    said = ["ssh", *door.options(login, *options), "-p", str(door.port), f"{login}@127.0.0.1", *words]
    return subprocess.run(
        said, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )


# --- the decision's findings ---------------------------------------------------------------------------------------------------------------


def test_nobody_comes_in_without_a_key_of_their_own(door: Opened) -> None:
    """Anonymous, root, a known login with another's key, a shared password: all are refused in the same words, and only keys are ever asked for."""
    door.keys["anonymous"] = door.keys["root"] = door.keys["p-00e1"]
    told = {login: ssh(door, login) for login in ("anonymous", "root", "ftp")}
    door.keys["p-00b2"], own = door.keys["p-00e1"], door.keys["p-00b2"]
    told["known"] = ssh(door, "p-00b2")
    door.keys["p-00b2"] = own
    said = {it.stderr.replace(login, "").strip().splitlines()[-1] for login, it in told.items()}
    assert {it.returncode for it in told.values()} == {255}
    assert {line.partition(": ")[2] for line in said} == {"Permission denied (publickey)."}
    entered = [by for by, act, _ in door.entries("labo-b") if act == "door.entered"]
    assert entered == []
    assert door.noted("door.refused", 1, "labo-b") == ["p-00b2"]


def test_plain_text_is_not_deposited(door: Opened, tmp_path: Path) -> None:
    """A file in clear, under a parcel's name or its own, is refused with the reason; nothing of it is kept anywhere, and its name is in no entry."""
    for name in (PARTS[0], "patients-dupont.csv", "age.txt"):
        (tmp_path / name).write_bytes(PLAIN)
        sent = door.sftp("p-00e1", f"cd {MIGRATION}\nput {name}\n", folder=tmp_path)
        assert not sent.well

    async def client() -> None:
        async with connected(door, "p-00e1") as sftp:
            file = await sftp.open(f"/{MIGRATION}/{PARTS[0]}", "wb")
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="intake/not-sealed"):
                await file.write(PLAIN)
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="intake/not-sealed"):
                await file.write(PLAIN, 100_000)
            await file.close()

    asyncio.run(client())
    held = b"".join(file.read_bytes() for file in (door.home / "chambers").rglob("*") if file.is_file())
    assert b"DUPONT" not in held
    assert b"dupont" not in held
    codes = [body["code"] for by, act, body in door.entries() if act == "custody.refused"]
    assert codes.count("intake/not-sealed") == 2


def test_another_laboratorys_parcel_is_not_there(door: Opened) -> None:
    """An account of one chamber sees nothing of another: its migrations do not exist for it, by listing or by name, nor for one whose admission is another's."""
    other = "m-20261128-bbbbbb"
    for act in ("migration.drafted",):
        door.exchange.chamber("labo-b").record(act, by="p-00e1", subject=other, body={})

    async def client() -> None:
        async with connected(door, "p-00b2") as mine, connected(door, "p-00e1") as theirs:
            assert await mine.listdir("/") == [".", "..", MIGRATION]
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await theirs.listdir(f"/{other}")
            async with mine.open(f"/{MIGRATION}/{PARTS[0]}", "wb") as file:
                await file.write(FILES[PARTS[0]])
            assert not await theirs.exists(f"/{MIGRATION}/{PARTS[0]}")

    asyncio.run(client())
    assert door.exchange.chamber("labo-a").custody.names(MIGRATION) == []


# --- what SSH can do beside ------------------------------------------------------------------------------------------------------------------


def test_there_is_no_shell_no_command_no_terminal(door: Opened) -> None:
    """A shell, a command, a terminal, another subsystem and the old scp are refused, though the key is known."""
    for words, options in (((), ()), (("id",), ()), (("-tt",), ()), (("-s", "netconf"), ())):
        told = ssh(door, "p-00e1", *words, options=options)
        assert told.returncode != 0
        assert told.stdout == ""
    scp = [
        "scp",
        "-O",
        *door.options("p-00e1"),
        "-P",
        str(door.port),
        str(door.known),
        f"p-00e1@127.0.0.1:/{MIGRATION}/{PARTS[0]}",
    ]
    assert not run(scp, folder=door.home).well
    assert not run(
        [*scp[:-2], f"p-00e1@127.0.0.1:/{MIGRATION}/{PARTS[0]}", str(door.home / "out")], folder=door.home
    ).well
    assert door.exchange.intake("labo-a").unfinished(MIGRATION) == {}


def test_scp_over_sftp_is_judged_as_any_client(door: Opened, tmp_path: Path) -> None:
    """scp's new way is SFTP: a file that is no parcel's is refused there too."""
    (tmp_path / "plain.txt").write_bytes(PLAIN)
    told = run(
        ["scp", "-s", *door.options("p-00e1"), "-P", str(door.port), "plain.txt", f"p-00e1@127.0.0.1:/{MIGRATION}/plain.txt"], folder=tmp_path
    )  # fmt: skip
    assert not told.well


def test_nothing_is_forwarded(door: Opened) -> None:
    """Neither a port of the host's network, nor one of the client's, nor a socket, nor a tunnel: the exchange is no way in to anything."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        target = f"127.0.0.1:{inside.getsockname()[1]}"
        told = ssh(door, "p-00e1", "-W", target)
        assert told.returncode != 0
        assert "administratively prohibited" in told.stderr or "open failed" in told.stderr
        for words in (("-R", "0:localhost:9"), ("-R", f"{door.home}/socket:localhost:9"), ("-w", "0:0")):
            told = ssh(door, "p-00e1", "-N", *words, options=("-o", "ExitOnForwardFailure=yes"))
            assert told.returncode != 0
        inside.settimeout(0.05)
        with pytest.raises(TimeoutError):
            inside.accept()


# --- paths -----------------------------------------------------------------------------------------------------------------------------------


def test_no_path_leads_out(door: Opened) -> None:
    """Dots, slashes, odd letters, long and empty names: nothing exists but what is listed, and the disk is never asked."""
    words = [
        "/../../../etc/passwd", "../../etc/passwd", f"/{MIGRATION}/../../etc/passwd", "/etc/passwd", f"{MIGRATION}/../../labo-b", "/labo-b",
        f"/{MIGRATION}/custody", f"/{MIGRATION}//..//{MIGRATION}/%2e%2e/x", "/./.log.key", f"/{MIGRATION}/{PARTS[0]}/x", f"/{MIGRATION}/é",
        f"/{MIGRATION}/a\0b", "/" + "a" * 5000, f"/{MIGRATION}/{MANIFEST}~", f"/{MIGRATION}/..part-0001.age", "~", "~root", "C:\\Windows",
        f"/{MIGRATION}/part-0001.age\n", "/m-20261128-ffffff/part-0001.age",
    ]  # fmt: skip

    async def client() -> None:
        async with connected(door, "p-00e1") as sftp:
            for word in words:
                for verb in (
                    sftp.stat(word),
                    sftp.open(word, "rb"),
                    sftp.open(word, "wb"),
                    sftp.listdir(word),
                    sftp.remove(word),
                ):
                    with pytest.raises(asyncssh.SFTPError):
                        await verb
            assert await sftp.realpath("/../../..") == "/"
            assert await sftp.realpath(f"x/../{MIGRATION}/./y") == f"/{MIGRATION}/y"
            assert await sftp.listdir("/..//./") == [".", "..", MIGRATION]
            with pytest.raises(asyncssh.SFTPError):
                await sftp.realpath("/a/b/c")

    asyncio.run(client())
    assert door.exchange.intake("labo-a").unfinished(MIGRATION) == {}


def test_an_oversized_file_is_refused_as_it_comes(door: Opened) -> None:
    """A manifest of more than a document's size is refused at the octet that is too many, and is gone."""

    async def client() -> None:
        async with connected(door, "p-00e1") as sftp:
            file = await sftp.open(f"/{MIGRATION}/{MANIFEST}", "wb")
            await file.write(bytes(1 << 20))
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="intake/too-large"):
                await file.write(b"x", 1 << 20)
            await file.close()
            far = await sftp.open(f"/{MIGRATION}/{MANIFEST}", "wb")
            with pytest.raises(asyncssh.SFTPError):
                await far.write(bytes(9 << 20), 1 << 40)
            await far.close()

    asyncio.run(client())
    assert not door.exchange.intake("labo-a").unfinished(MIGRATION).get(MANIFEST)
    door.exchange.intake("labo-a").erase(MIGRATION)


# --- strangers and crowds --------------------------------------------------------------------------------------------------------------------


def test_the_door_says_nothing_of_itself(door: Opened) -> None:
    """What a stranger reads before logging in names no product and no version."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as stranger:
        assert stranger.recv(100) == b"SSH-2.0-SFTP\r\n"


def test_the_algorithms_are_todays(tmp_path: Path) -> None:
    """ssh-audit finds no [fail], its own crowd of connections included: post-quantum key exchange first, no CBC, no SHA-1, no NIST curve for the host."""
    audit = Path(sys.executable).with_name("ssh-audit")
    with opened(tmp_path / "exchange", limits=Limits()) as door:
        told = run([str(audit), "--no-colors", "-p", str(door.port), "127.0.0.1"], folder=tmp_path).out
    assert "[fail]" not in told, told
    first = next(line for line in told.splitlines() if line.startswith("(kex)"))
    assert first.split()[1] == "mlkem768x25519-sha256"
    assert "banner: SSH-2.0-SFTP" in told


def test_a_crowd_is_turned_away_and_the_door_stands(tmp_path: Path) -> None:
    """Of three hundred connections at once from one address a few are heard, the others are closed before a word; afterwards its people come in."""
    limits = Limits(burst=20, rate=30.0, per_address=12, not_logged_in=30)
    with opened(tmp_path / "exchange", limits=limits) as door:
        door.enrol("p-00e1", sends=True)
        crowd = [socket.create_connection(("127.0.0.1", door.port), timeout=10) for _ in range(300)]
        heard = 0
        for stranger in crowd:
            with suppress(ConnectionError):
                heard += bool(stranger.recv(100))
        for stranger in crowd:
            stranger.close()
        assert 1 <= heard <= limits.per_address
        time.sleep(0.5)
        assert door.sftp("p-00e1", "ls\n").well


def test_who_keeps_failing_is_not_heard(tmp_path: Path) -> None:
    """After its failures an address is closed at once, its own people too, for a while; the ledger holds a few of them, not all."""
    with opened(tmp_path / "exchange", limits=Limits(burst=100, failures=5, refusals_noted=3)) as door:
        door.enrol("p-00e1", sends=True)
        own = door.keys["p-00e1"]
        door.keys["p-00e1"] = door.enrol("nobody")
        for _ in range(5):
            assert not door.sftp("p-00e1", "ls\n").well
        door.keys["p-00e1"] = own
        assert not door.sftp("p-00e1", "ls\n").well
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as stranger:
            assert stranger.recv(100) == b""
        assert door.noted("door.refused", 4) == ["p-00e1"] * 3


def test_one_who_only_waits_is_put_out(tmp_path: Path) -> None:
    """A connection that says nothing, or half a handshake, ends after the time given to log in."""
    with opened(tmp_path / "exchange", limits=Limits(login=1.0)) as door:
        for words in (b"", b"SSH-2.0-slow\r\n"):
            with socket.create_connection(("127.0.0.1", door.port), timeout=10) as stranger:
                stranger.sendall(words)
                begun = time.monotonic()
                with suppress(ConnectionError):
                    while stranger.recv(10_000):
                        pass
                assert time.monotonic() - begun < 5


def test_many_keys_of_one_connection_are_not_all_heard(door: Opened) -> None:
    """A connection offers a few keys, not as many as it likes; how many sessions it holds is bounded too."""

    own, known = str(door.keys["p-00e1"]), str(door.known)

    async def come_in(*keys: object) -> asyncssh.SSHClientConnection:
        said = {"username": "p-00e1", "known_hosts": known, "config": None, "agent_path": None}
        return await asyncssh.connect("127.0.0.1", door.port, client_keys=list(keys), **said)  # type: ignore[arg-type]

    async def crowd(connection: asyncssh.SSHClientConnection) -> None:
        for _ in range(20):
            await connection.start_sftp_client()

    async def client() -> None:
        strange = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(20)]
        with pytest.raises((asyncssh.Error, ConnectionError)):
            await come_in(*strange, own)
        connection = await come_in(*strange[:3], own)
        with pytest.raises((asyncssh.Error, ConnectionError)):
            await crowd(connection)
        connection.close()

    asyncio.run(client())
