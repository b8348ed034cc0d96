"""A backup holds no private key, is consistent whatever goes on meanwhile, and is brought back whole or not at all; what was erased stays erased."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.chamber import Chamber
from ecluse.passage.keeping import keep
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.parcel import MANIFEST
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import sign_document
from ecluse.wiring.backup import back_up, restore
from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange
from ecluse.wiring.folders import SiteFolder

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY = SigningKey.from_seed(b"k" * 32)
TO_DEPOSITED = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT]
SECRETS = {
    "secret.key": b"SECRET-OF-COOKIES",
    "tls/key.pem": b"SECRET-OF-TLS",
    "ssh/host.key": b"SECRET-OF-SSH",
}


def exchange_at(home: Path) -> Exchange:
    return Exchange(read_exchange(home), clock=lambda: AT)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An exchange with two chambers; one holds a deposited parcel, an accepted one that is still there, and an unfinished upload."""
    home = tmp_path / "sas"
    write_exchange(home, name="sas.example", host="h", language="fr")
    served = exchange_at(home)
    chamber, _ = served.create_chamber("labo-a"), served.create_chamber("labo-b")
    for name in ("m-1", "m-2"):
        deposited(chamber, name)
    chamber.record(Act.REVOKE.value, by="p-1", subject="m-2", body={})
    with closing(sqlite3.connect(home / "accounts.sqlite")) as db:
        db.execute("create table people (name text)")
    uploads = home / "chambers" / "labo-a" / "uploads" / "m-3"
    uploads.mkdir(parents=True)
    (uploads / "part-0001.age").write_bytes(b"half")
    for name, octets in SECRETS.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(octets)
    return home


def deposited(chamber: Chamber, name: str) -> None:
    """A parcel of two parts in custody, and the ledger that says so."""
    manifest = json.dumps({"parts": [{"number": 1}, {"number": 2}]}).encode()
    for act in TO_DEPOSITED[:-1]:
        record(chamber, name, act)
    for part in ("part-0001.age", "part-0002.age"):
        chamber.custody.put(name, part, [f"sealed {name}".encode()])
    chamber.custody.put(name, MANIFEST, [sign_document(manifest, type="manifest", keys=[KEY])])
    chamber.documents.put(b"{}", digest="sha256:" + name.encode().hex().ljust(64, "0"))
    record(chamber, name, TO_DEPOSITED[-1])


def record(chamber: Chamber, name: str, *acts: Act) -> None:
    for act in acts:
        chamber.record(act.value, by="p-1", subject=name, body={})


def keys_back(home: Path, to: Path) -> None:
    """The host puts back the keys it keeps apart."""
    for key in home.glob("chambers/*/log.key"):
        shutil.copy(key, to / key.relative_to(home))


def test_an_exchange_comes_back_and_serves_again(home: Path, tmp_path: Path) -> None:
    """Brought back and given its keys, the same ledger goes on, the parcel that waits is there to the last octet, and the other chamber too."""
    made = back_up(home, tmp_path / "kept.tar", at=AT)
    done = restore(tmp_path / "kept.tar", tmp_path / "back")
    assert (done.kind, done.files, done.sha256, done.made) == (
        "exchange",
        made.files,
        made.sha256,
        AT.isoformat(),
    )
    assert done.lacking == (
        "secret.key",
        "tls/",
        "ssh/",
        "chambers/labo-a/log.key",
        "chambers/labo-b/log.key",
    )
    keys_back(home, tmp_path / "back")
    before, after = (exchange_at(it).chamber("labo-a") for it in (home, tmp_path / "back"))
    assert after.ledger.checkpoint() == before.ledger.checkpoint()
    assert after.events() == before.events()
    with after.custody.open("m-1", "part-0002.age") as file:
        assert file.read() == b"sealed m-1"
    record(after, "m-1", Act.HAND_OVER)
    assert exchange_at(tmp_path / "back").chamber("labo-b").ledger.size == 0
    with closing(sqlite3.connect(tmp_path / "back" / "accounts.sqlite")) as db:
        assert db.execute("select count(*) from people").fetchone() == (0,)


def test_no_private_key_is_in_a_backup(home: Path, tmp_path: Path) -> None:
    """Neither the octets nor the name of any key is in the file; what is left out is said; the file is its owner's alone."""
    made = back_up(home, tmp_path / "kept.tar", at=AT)
    octets = (tmp_path / "kept.tar").read_bytes()
    secrets = [*SECRETS.values(), *(key.read_bytes() for key in home.glob("chambers/*/log.key"))]
    assert [secret for secret in secrets if secret in octets] == []
    assert b"half" not in octets
    assert made.left_out == (
        "chambers/labo-a/log.key",
        "chambers/labo-a/uploads/",
        "chambers/labo-b/log.key",
        "secret.key",
        "ssh/",
        "tls/",
    )
    assert stat.S_IMODE((tmp_path / "kept.tar").stat().st_mode) == 0o600


def test_without_its_key_a_restored_ledger_does_not_open(home: Path, tmp_path: Path) -> None:
    """The log's key is put back by the host or the chamber does not open; with another key it does not either."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    restore(tmp_path / "kept.tar", tmp_path / "back")
    with pytest.raises(Refusal, match="ledger/key-absent"):
        exchange_at(tmp_path / "back").chamber("labo-a")
    key = tmp_path / "back" / "chambers" / "labo-a" / "log.key"
    key.touch(0o600)
    key.write_bytes(SigningKey.new().seed)
    with pytest.raises(Refusal, match="ledger/note-not-signed"):
        exchange_at(tmp_path / "back").chamber("labo-a").events()
    key.chmod(0o644)
    with pytest.raises(Refusal, match="settings/secret-open"):
        exchange_at(tmp_path / "back").chamber("labo-a")


def test_what_was_to_be_erased_is_not_in_and_does_not_come_back(home: Path, tmp_path: Path) -> None:
    """A revoked parcel that still lies there is not backed up; put under a newer ledger, an older parcel is erased at the start, and the ledger says so."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    with tarfile.open(tmp_path / "kept.tar") as tar:
        assert [it for it in tar.getnames() if "m-2" in it and "custody" in it] == []
    chamber = exchange_at(home).chamber("labo-a")
    record(chamber, "m-1", Act.REVOKE)
    keep(chamber, uploads=None, by="sas.example")
    restore(tmp_path / "kept.tar", tmp_path / "back")
    back = tmp_path / "back"
    keys_back(home, back)
    # The disk of the parcels died, the ledger's did not: the host brings the parcels back under the ledger it still has.
    with closing(sqlite3.connect(home / "chambers" / "labo-a" / "ledger.sqlite")) as newer:
        target = back / "chambers" / "labo-a" / "ledger.sqlite"
        target.unlink()
        with closing(sqlite3.connect(target)) as db:
            newer.backup(db)
    restored = exchange_at(back).chamber("labo-a")
    assert restored.custody.names("m-1") != []
    assert keep(restored, uploads=None, by="sas.example") == ["m-1"]
    assert restored.custody.folders() == []
    last = restored.events()[-1].body
    assert (last["why"], last["again"], last["places"][0]["count"]) == ("revoked", True, 3)


def test_a_backup_made_otherwise_brings_no_ended_parcel_back(home: Path, tmp_path: Path) -> None:
    """Whatever a file holds, a parcel that its own ledger says is ended, or does not know, is dropped before anything is served."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    more = {f"chambers/labo-a/custody/{name}/part-0001.age": b"sealed" for name in ("m-2", "m-9")}
    remade(tmp_path / "kept.tar", tmp_path / "other.tar", more=more)
    done = restore(tmp_path / "other.tar", tmp_path / "back")
    assert done.erased == ("m-2", "m-9")
    kept = tmp_path / "back" / "chambers" / "labo-a" / "custody"
    assert [it.name for it in kept.iterdir()] == ["m-1"]


def test_a_backup_taken_while_it_is_used_is_consistent(home: Path, tmp_path: Path) -> None:
    """While parcels come, are accepted and are erased, every backup that is made restores to a ledger whose parcels are all there."""
    over = threading.Event()

    def use() -> None:
        chamber = exchange_at(home).chamber("labo-a")
        for number in range(200):
            if over.is_set():
                return
            deposited(chamber, f"m-1{number}")
            if number % 2:
                record(chamber, f"m-1{number - 1}", Act.REVOKE)
                chamber.custody.erase(f"m-1{number - 1}")

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for number in range(4):
            file, back = tmp_path / f"{number}.tar", tmp_path / f"back-{number}"
            with suppress(Fault):  # it moved five times over: said, and nothing was kept
                back_up(home, file, at=AT)
                restore(file, back)
                keys_back(home, back)
                chamber = exchange_at(back).chamber("labo-a")
                for name, migration in chamber.migrations().items():
                    held = chamber.custody.names(name)
                    assert len(held) == (3 if migration.state is MigrationState.DEPOSITED else len(held))
    finally:
        over.set()
        thread.join()
    assert len(list(tmp_path.glob("*.tar"))) >= 2
    assert [it for it in tmp_path.iterdir() if it.name.startswith(".")] == []


def test_a_parcel_that_is_not_whole_is_said(home: Path, tmp_path: Path) -> None:
    """A ledger that claims a part which is not there is not backed up as if it were; nothing is left of the attempt."""
    (home / "chambers" / "labo-a" / "custody" / "m-1" / "part-0002.age").unlink()
    with pytest.raises(Fault, match="backup/moving") as fault:
        back_up(home, tmp_path / "kept.tar", at=AT)
    assert fault.value.retry
    assert [it.name for it in tmp_path.iterdir()] == ["sas"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda octets: octets[:-1500],
        lambda octets: octets[: len(octets) // 2],
        lambda octets: octets[:3000] + b"\xff" + octets[3001:],
        lambda octets: octets.replace(b"sealed m-1", b"sealed m-9"),
        lambda octets: octets + b"more",
        lambda octets: b"",
        lambda octets: b"not a tar" * 1000,
    ],
)
def test_a_damaged_backup_writes_nothing(home: Path, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    """Cut, changed by one octet, lengthened or no backup at all: it is refused before anything is written."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    (tmp_path / "harmed.tar").write_bytes(harm((tmp_path / "kept.tar").read_bytes()))
    with pytest.raises(Refusal, match="backup/damaged"):
        restore(tmp_path / "harmed.tar", tmp_path / "back")
    assert sorted(it.name for it in tmp_path.iterdir()) == ["harmed.tar", "kept.tar", "sas"]


@pytest.mark.parametrize(
    "name",
    [
        "chambers/labo-a/log.key",
        "secret.key",
        "../outside",
        "/etc/passwd",
        "chambers/labo-a/custody/m-1/../../../../outside",
        "chambers/labo-a/custody/m-1/A",
        "chambers/labo-a/documents/anything.json",
        "accounts.sqlite/x",
        ".profile",
    ],
)
def test_a_backup_made_otherwise_brings_no_file_of_its_own(home: Path, tmp_path: Path, name: str) -> None:
    """A name that no backup of ours holds, a key's or one that leads elsewhere, is refused before anything is written."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    remade(tmp_path / "kept.tar", tmp_path / "other.tar", more={name: b"planted"})
    with pytest.raises(Refusal, match="backup/damaged"):
        restore(tmp_path / "other.tar", tmp_path / "back")
    assert sorted(it.name for it in tmp_path.iterdir()) == ["kept.tar", "other.tar", "sas"]


def test_a_backup_whose_ledger_was_swapped_writes_nothing(home: Path, tmp_path: Path) -> None:
    """A ledger cut by its last entries, with a list that agrees, is not the one that was copied: refused, and the place is not there."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    ledger = tmp_path / "cut.sqlite"
    shutil.copy(home / "chambers" / "labo-b" / "ledger.sqlite", ledger)
    remade(
        tmp_path / "kept.tar",
        tmp_path / "other.tar",
        more={"chambers/labo-a/ledger.sqlite": ledger.read_bytes()},
    )
    with pytest.raises(Refusal, match="backup/damaged"):
        restore(tmp_path / "other.tar", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    """A backup is never written over a file, nor restored into a place that holds anything; an empty folder will do."""
    back_up(home, tmp_path / "kept.tar", at=AT)
    with pytest.raises(Refusal, match="backup/exists"):
        back_up(home, tmp_path / "kept.tar", at=AT)
    for place in (home, tmp_path / "kept.tar"):
        with pytest.raises(Refusal, match="backup/place-taken"):
            restore(tmp_path / "kept.tar", place)
    (tmp_path / "empty").mkdir()
    dry = restore(tmp_path / "kept.tar", tmp_path / "empty", dry=True)
    assert list((tmp_path / "empty").iterdir()) == []
    assert restore(tmp_path / "kept.tar", tmp_path / "empty").files == dry.files
    modes = {stat.S_IMODE(it.stat().st_mode) for it in (tmp_path / "empty").rglob("*") if it.is_file()}
    assert modes == {0o600}


def test_killed_at_any_moment_there_is_a_whole_one_or_none(home: Path, tmp_path: Path) -> None:
    """A backup or a restore killed in the middle leaves no file and no place of that name, or a whole one, and running it again mends all."""
    custody = home / "chambers" / "labo-a" / "custody" / "m-1"
    for number in (1, 2):
        (custody / f"part-000{number}.age").write_bytes(bytes(30_000_000))
    kept, back = tmp_path / "kept.tar", tmp_path / "back"
    for command, made in (
        (f"back_up(Path({str(home)!r}), Path({str(kept)!r}), at=datetime.now(UTC))", kept),
        (f"restore(Path({str(kept)!r}), Path({str(back)!r}))", back),
    ):
        process = subprocess.Popen(
            [sys.executable, "-c", FULL, str(1 << 40), command], stdout=subprocess.PIPE
        )
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            if any(it.name.startswith(".") for it in tmp_path.iterdir()):
                time.sleep(0.05)
                break
            time.sleep(0.005)
        process.kill()
        process.communicate()
        if made == kept and kept.exists():
            assert restore(kept, back, dry=True).files
            kept.unlink()
        elif made == back and back.exists():
            assert (back / "chambers" / "labo-a" / "ledger.sqlite").is_file()
            shutil.rmtree(back)
        if made == kept:
            back_up(home, kept, at=AT)
        else:
            restore(kept, back)
    assert sorted(it.name for it in tmp_path.iterdir()) == ["back", "kept.tar", "sas"]


@pytest.mark.parametrize("room", [1_000, 60_000])
def test_a_full_disk_leaves_nothing_half_done(home: Path, tmp_path: Path, room: int) -> None:
    """With no room for a database's copy, for the file or for what is brought back, the fault says to retry and nothing of it is left."""
    (home / "chambers" / "labo-a" / "custody" / "m-1" / "part-0001.age").write_bytes(bytes(70_000))
    for command in (
        f"back_up(Path({str(home)!r}), Path({str(tmp_path / 'kept.tar')!r}), at=datetime.now(UTC))",
        f"restore(Path({str(tmp_path / 'whole.tar')!r}), Path({str(tmp_path / 'back')!r}))",
    ):
        (tmp_path / "whole.tar").unlink(missing_ok=True)
        back_up(home, tmp_path / "whole.tar", at=AT)
        told = subprocess.run(
            [sys.executable, "-c", FULL, str(room), command], capture_output=True, text=True, check=False
        )
        assert (told.stdout, told.stderr) == ("backup/not-written True\n", "")
        assert sorted(it.name for it in tmp_path.iterdir()) == ["sas", "whole.tar"]


FULL = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from ecluse.base.refusal import Fault
from ecluse.wiring.backup import back_up, restore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
room = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    eval(sys.argv[2])
except Fault as fault:
    print(fault.code, fault.retry)
"""


def test_what_is_no_place_of_ours_or_keeps_elsewhere_is_refused(home: Path, tmp_path: Path) -> None:
    """A folder that is none of ours has no backup, and an exchange whose ledger or parcels lie elsewhere is not half saved."""
    (tmp_path / "other").mkdir()
    with pytest.raises(Refusal, match="backup/nothing-to-keep"):
        back_up(tmp_path / "other", tmp_path / "kept.tar", at=AT)
    with pytest.raises(Refusal, match="backup/absent"):
        restore(tmp_path / "absent.tar", tmp_path / "back")
    settings = home / "exchange.toml"
    settings.write_text(settings.read_text() + '\n[objects]\nendpoint = "https://s3.example.org"\n')
    with pytest.raises(Refusal, match="backup/elsewhere"):
        back_up(home, tmp_path / "kept.tar", at=AT)
    settings.write_text("not = [toml")
    with pytest.raises(Refusal, match="settings/malformed"):
        back_up(home, tmp_path / "kept.tar", at=AT)


def test_a_site_comes_back_with_its_words_alone(tmp_path: Path) -> None:
    """A site's backup holds what is public; the 24 words bring the root's and the machine's key back as they were, and no key of a parcel."""
    site = SiteFolder(tmp_path / "laboratory")
    root = site.create(passphrase="twelve letters", at=AT, work_factor=2)
    site.confirm()
    site.keystore.create("parcel-of-a-patient")
    agent, ids = site.agent().public, site.secret_of_ids()
    made = back_up(site.path, tmp_path / "kept.tar", at=AT)
    assert made.left_out == ("agent.age", "keys/", "root.age")
    restore(tmp_path / "kept.tar", tmp_path / "back" / "laboratory")
    back = SiteFolder(tmp_path / "back" / "laboratory")
    with pytest.raises(Refusal, match="key/agent-absent"):
        back.agent()
    back.restore_root(root, passphrase="another phrase", work_factor=2)
    assert (back.agent().public, back.secret_of_ids()) == (agent, ids)
    assert back.agent_key(root=back.root, at=AT) == agent
    assert back.keystore.names() == ["agent"]
    back.compare("laboratory-new", root.public)


def remade(file: Path, to: Path, *, more: dict[str, bytes]) -> None:
    """The same backup as somebody who can write it would make it: with other files, and a list that agrees with them."""
    from hashlib import sha256

    with tarfile.open(file) as tar:
        held = {it.name.partition("/")[2]: tar.extractfile(it).read() for it in tar.getmembers()}  # type: ignore[union-attr]
    told = json.loads(held.pop("backup.json"))
    held |= more
    told["files"] = {
        name: {"size": len(octets), "sha256": sha256(octets).hexdigest()} for name, octets in held.items()
    }
    held["backup.json"] = json.dumps(told).encode()
    with to.open("wb") as out:
        for name, octets in held.items():
            member = tarfile.TarInfo(f"ecluse-backup/{name}")
            member.size = len(octets)
            out.write(member.tobuf(tarfile.PAX_FORMAT) + octets + bytes(-len(octets) % tarfile.BLOCKSIZE))
        out.write(bytes(2 * tarfile.BLOCKSIZE))
