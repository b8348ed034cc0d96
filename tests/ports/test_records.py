"""The contract of `proof.ledger.Records` and `proof.witness.Memory`, held by SQLite, by PostgreSQL and by the memory fakes; then what SQLite alone
promises."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.records import SqliteMemory, SqliteRecords
from ecluse.adapters.records_postgres import PostgresRecords
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger, Records, Row
from ecluse.proof.note import Checkpoint
from ecluse.proof.witness import Memory
from tests.ports.memory_records import MemoryRecords, MemoryWitness

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = SigningKey.from_seed(b"l" * 32)
ORIGIN = "ecluse.example/lab-1"


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """Fresh, empty records of each kind."""
    if request.param == "memory":
        yield MemoryRecords()
        return
    held = (
        SqliteRecords(tmp_path / "ledger.sqlite")
        if request.param == "sqlite"
        else postgres(request, tmp_path)
    )
    yield held
    held.close()


@pytest.fixture(params=["sqlite", "memory"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """A fresh witness's memory of each kind."""
    if request.param == "memory":
        yield MemoryWitness()
        return
    held = SqliteRecords(tmp_path / "witness.sqlite")
    yield SqliteMemory(held)
    held.close()


def without_password(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Path]:
    """The address of a fresh PostgreSQL database, and the file that its password lies in."""
    url = urlsplit(str(request.getfixturevalue("postgresql_url")))
    file = folder / "pgpass"
    file.touch(0o600)
    file.write_text(f"*:*:*:*:{url.password}\n")
    return url._replace(netloc=f"{url.username}@{url.hostname}:{url.port}").geturl(), file


def postgres(request: pytest.FixtureRequest, folder: Path) -> PostgresRecords:
    url, passfile = without_password(request, folder)
    return PostgresRecords(url, schema="chamber_a", passfile=passfile)


def row(seq: int, subject: str = "migration/1") -> Row:
    """A row whose octets tell its place."""
    return Row(seq, subject, b"leaf %d" % seq, bytes([seq]) * 32, b'{"n":%d}' % seq)


def fill(records: Records, count: int) -> None:
    """Appends `count` rows, each with one node, of two subjects in turn."""
    for seq in range(count):
        records.append(
            row=row(seq, f"migration/{seq % 2}"), nodes=[(0, seq, bytes([seq]))], note=b"head %d" % seq
        )


def test_what_is_appended_is_read_back(records: Records) -> None:
    """Rows come back in order, whole or of one subject, and nodes by their place."""
    fill(records, 5)
    assert [each.seq for each in records.read(0, 5)] == [0, 1, 2, 3, 4]
    assert [each.seq for each in records.read(1, 4)] == [1, 2, 3]
    assert list(records.read(0, 5, subject="migration/1")) == [row(1, "migration/1"), row(3, "migration/1")]
    assert records.node(0, 3) == b"\x03"
    with pytest.raises(Refusal, match="ledger/altered"):
        records.node(1, 0)


def test_a_row_out_of_its_place_is_not_stored(records: Records) -> None:
    """A second writer of the same place, or one that skips a place, is told to retry, and nothing is stored."""
    fill(records, 2)
    for seq in (1, 3):
        with pytest.raises(Fault, match="concurrent") as fault:
            records.append(row=row(seq), nodes=[], note=b"other")
        assert fault.value.retry
    assert [each.seq for each in records.read(0, 9)] == [0, 1]
    assert next(records.notes()) == b"head 1"


def test_a_forgotten_body_is_gone_and_its_row_stays(records: Records) -> None:
    """Forgetting removes salt and body of that row only."""
    fill(records, 2)
    records.forget(0)
    first, second = records.read(0, 2)
    assert (first.leaf, first.salt, first.body) == (b"leaf 0", None, None)
    assert second == row(1, "migration/1")


def test_heads_are_the_newest_and_the_kept(records: Records) -> None:
    """Only the newest head and the cosigned ones are kept, and a cosigned one takes the place of its size's."""
    assert list(records.notes()) == []
    fill(records, 1)
    records.keep_note(1, b"head 0 cosigned")
    for seq in (1, 2):
        records.append(row=row(seq), nodes=[], note=b"head %d" % seq)
    assert list(records.notes()) == [b"head 2", b"head 0 cosigned"]


def test_a_witness_remembers_one_head_of_each_ledger(memory: Memory) -> None:
    """The head stored is the one seen, for its origin only; storing over another head than the one read is refused."""
    first, second = Checkpoint(ORIGIN, 1, bytes(32)), Checkpoint(ORIGIN, 2, bytes(32))
    assert memory.seen(ORIGIN) is None
    memory.keep(first, after=None)
    memory.keep(second, after=first)
    assert memory.seen(ORIGIN) == second
    assert memory.seen("ecluse.example/other") is None
    for after in (None, first):
        with pytest.raises(Fault, match="concurrent"):
            memory.keep(first, after=after)
    with pytest.raises(Fault, match="concurrent"):
        memory.keep(Checkpoint("ecluse.example/other", 1, bytes(32)), after=first)


def test_a_ledger_goes_on_in_another_process(records: Records) -> None:
    """A ledger opened anew on the same records reads the same history and appends after it."""
    Ledger(records, origin=ORIGIN, key=KEY).append(
        at=NOON, by="p/1", subject="m/1", act="drafted", body={"n": 1}
    )
    again = Ledger(records, origin=ORIGIN, key=KEY)
    assert again.append(at=NOON, by="p/1", subject="m/1", act="instructed", body={"n": 2}).seq == 1
    assert [told.body for told in again.history()] == [{"n": 1}, {"n": 2}]


def test_the_file_is_private_and_refuses_changes(tmp_path: Path) -> None:
    """The SQLite file is its owner's only, and its own triggers refuse to change or remove an entry, a node or a body's octets."""
    path = tmp_path / "ledger.sqlite"
    held = SqliteRecords(path)
    fill(held, 2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for attempt in (
        "update leaves set leaf = x'00'",
        "delete from leaves",
        "update nodes set hash = x'00'",
        "delete from nodes",
        "update bodies set body = x'00'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            held.connection.execute(attempt)
    held.close()


def test_an_effect_commits_with_its_entry_or_not_at_all(tmp_path: Path) -> None:
    """What is written in the same transaction as an entry stays with it, and goes with it when the block fails."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    ledger = Ledger(held, origin=ORIGIN, key=KEY)
    held.connection.execute("create table effects (name text)")

    def act(name: str, *, fail: bool) -> None:
        with held.transaction() as db:
            db.execute("insert into effects values (?)", (name,))
            ledger.append(at=NOON, by="p/1", subject="m/1", act=name, body={})
            ledger.forget(0)
            if fail:
                raise RuntimeError(name)

    act("deposited", fail=False)
    with pytest.raises(RuntimeError):
        act("loaded", fail=True)
    act("revoked", fail=False)
    assert [entry.act for entry in ledger.entries()] == ["deposited", "revoked"]
    assert held.connection.execute("select name from effects").fetchall() == [("deposited",), ("revoked",)]
    held.close()


def test_a_first_entry_that_fails_leaves_an_empty_ledger(tmp_path: Path) -> None:
    """When the transaction of the very first entry fails, also from within, the same ledger is empty again and goes on."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    ledger = Ledger(held, origin=ORIGIN, key=KEY)

    def fail() -> None:
        with held.transaction():
            ledger.append(at=NOON, by="p/1", subject="m/1", act="drafted", body={})
            held.append(row=row(7), nodes=[], note=b"")

    with pytest.raises(Fault, match="concurrent"):
        fail()
    assert ledger.size == 0
    assert ledger.append(at=NOON, by="p/1", subject="m/1", act="drafted", body={}).seq == 0
    held.close()


def test_a_forgotten_body_is_not_in_the_file(tmp_path: Path) -> None:
    """After forgetting, the body's octets are neither in the database file nor in its write-ahead log."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    ledger = Ledger(held, origin=ORIGIN, key=KEY)
    ledger.append(at=NOON, by="p/1", subject="m/1", act="drafted", body={"marker": "NEEDLE-IN-THE-LOG"})
    assert any(b"NEEDLE" in path.read_bytes() for path in tmp_path.iterdir())
    ledger.forget(0)
    assert not any(b"NEEDLE" in path.read_bytes() for path in tmp_path.iterdir())
    assert [told.body for told in ledger.history()] == [None]
    held.close()


def test_a_body_that_a_reader_still_holds_is_not_said_forgotten(tmp_path: Path) -> None:
    """While another process reads the log where the body lies, forgetting says to retry, and the retry removes the octets."""
    path = tmp_path / "ledger.sqlite"
    held, reader = SqliteRecords(path), SqliteRecords(path)
    held.connection.execute("pragma busy_timeout = 10")
    fill(held, 2)
    reader.connection.execute("begin")
    reader.connection.execute("select * from bodies").fetchall()
    with pytest.raises(Fault, match="ledger/busy") as fault:
        held.forget(0)
    assert fault.value.retry
    reader.connection.execute("commit")
    held.forget(0)
    assert not any(b'{"n":0}' in file.read_bytes() for file in tmp_path.iterdir())
    held.close()
    reader.close()


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Two processes' worth of writers on one file, each retrying when told, end with every entry once and a tree that verifies."""
    path = tmp_path / "ledger.sqlite"
    SqliteRecords(path).close()

    def write(name: str) -> None:
        held = SqliteRecords(path)
        ledger = Ledger(held, origin=ORIGIN, key=KEY)
        done = 0
        while done < 20:
            with suppress(Fault):  # the other was first
                ledger.append(at=NOON, by=name, subject="m/1", act="watched", body={"n": done})
                done += 1
        held.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("p/1", "p/2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = SqliteRecords(path)
    entries = list(Ledger(held, origin=ORIGIN, key=KEY).entries())
    assert sorted((entry.by, entry.seq) for entry in entries) == sorted(
        {(entry.by, entry.seq) for entry in entries}
    )
    assert [entry.seq for entry in entries] == list(range(40))
    held.close()


def test_a_writer_that_waits_too_long_is_told_to_retry(tmp_path: Path) -> None:
    """When another process holds the file past the wait, the fault says that retrying helps."""
    path = tmp_path / "ledger.sqlite"
    held, other = SqliteRecords(path), SqliteRecords(path)
    other.connection.execute("pragma busy_timeout = 10")
    with held.transaction(), pytest.raises(Fault, match="ledger/busy") as fault, other.transaction():
        raise AssertionError("two writers at once")
    assert fault.value.retry
    held.close()
    other.close()


def test_a_full_disk_is_a_fault_and_loses_nothing(tmp_path: Path) -> None:
    """When there is no room for an entry the fault says to retry, what was appended is still there, and the same act succeeds once there is room."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    ledger = Ledger(held, origin=ORIGIN, key=KEY)
    append = partial(ledger.append, at=NOON, by="p/1", subject="m/1", act="watched")
    append(body={"n": 0})
    (pages,) = held.connection.execute("pragma page_count").fetchone()
    held.connection.execute(f"pragma max_page_count = {pages + 1}")
    with pytest.raises(Fault, match="ledger/disk-full") as fault:
        append(body={"n": "x" * 30_000})
    assert (fault.value.retry, ledger.size) == (True, 1)
    held.connection.execute("pragma max_page_count = 100000")
    assert append(body={"n": "x" * 30_000}).seq == 1
    assert len([told.body for told in ledger.history()]) == 2
    held.close()


def test_what_is_a_bug_is_not_taken_for_the_world(tmp_path: Path) -> None:
    """A statement that cannot be is shown as it is, never as a fault to retry."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    with pytest.raises(sqlite3.OperationalError), held.transaction() as db:
        db.execute("select * from nowhere")
    held.close()


def test_many_rows_are_read_by_pages(tmp_path: Path) -> None:
    """More rows than a page come back whole and in order."""
    held = SqliteRecords(tmp_path / "ledger.sqlite")
    with held.transaction():
        for seq in range(2_500):
            held.append(row=Row(seq, "m/1", b"leaf", bytes(32), b"{}"), nodes=[], note=b"head")
    assert [each.seq for each in held.read(0, 2_500)] == list(range(2_500))
    held.close()


def test_the_system_s_clock_tells_utc_in_whole_seconds(tmp_path: Path) -> None:
    """The clock's instants are UTC, to the second, and near this machine's time."""
    now = SystemClock().now()
    assert (now.tzinfo, now.microsecond) == (UTC, 0)
    assert abs(tmp_path.stat().st_mtime - now.timestamp()) < 60
