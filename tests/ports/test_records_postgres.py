"""What PostgreSQL alone promises of a ledger: several processes at once, tables that refuse, a server that goes away and comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ecluse.adapters.records_postgres import PostgresRecords
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.ledger import Ledger, Row
from tests.ports.test_records import KEY, NOON, ORIGIN, fill, row, without_password
from tests.servers import Server, free_port

Address = tuple[str, Path]


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    return without_password(request, tmp_path)


@pytest.fixture
def held(address: Address) -> Iterator[PostgresRecords]:
    url, passfile = address
    records = PostgresRecords(url, schema="chamber_a", passfile=passfile)
    yield records
    records.close()


def ledger_of(records: PostgresRecords) -> Ledger:
    return Ledger(records, origin=ORIGIN, key=KEY)


def test_the_tables_refuse_changes(held: PostgresRecords) -> None:
    """PostgreSQL itself refuses to change, remove or empty entries and nodes, and to change a body's octets; everything is still there."""
    fill(held, 2)
    for attempt in (
        "update leaves set leaf = ''",
        "delete from leaves",
        "truncate leaves cascade",
        "update nodes set hash = ''",
        "delete from nodes",
        "truncate nodes",
        "update bodies set body = ''",
        "truncate bodies",
    ):
        with pytest.raises(psycopg.IntegrityError), held.transaction() as db:
            db.execute(attempt.encode())
    assert list(held.read(0, 2)) == [row(0, "migration/0"), row(1, "migration/1")]


def test_one_laboratory_s_ledger_is_no_other_s(held: PostgresRecords, address: Address) -> None:
    """Each ledger has a schema of its own: no entry of one is in the other, whatever is asked."""
    fill(held, 3)
    other = PostgresRecords(address[0], schema="chamber_b", passfile=address[1])
    assert (list(other.read(0, 9)), list(other.notes())) == ([], [])
    other.append(row=row(0), nodes=[], note=b"its own")
    assert len(list(held.read(0, 9))) == 3
    other.close()


def test_several_processes_at_once_lose_nothing(held: PostgresRecords, address: Address) -> None:
    """Three processes that make the tables and append at once, each retrying when told, end with every entry once and a tree that verifies."""
    command = [sys.executable, "-c", WRITER, *map(str, address)]
    writers = [
        subprocess.Popen([*command, f"p/{number}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for number in range(3)
    ]
    assert [(it.communicate()[0], it.returncode) for it in writers] == [(b"", 0)] * 3
    other = PostgresRecords(address[0], schema="chamber_w", passfile=address[1])
    entries = list(ledger_of(other).entries())
    assert [entry.seq for entry in entries] == list(range(45))
    assert {entry.by: [it.by for it in entries].count(entry.by) for entry in entries} == {
        f"p/{number}": 15 for number in range(3)
    }
    other.close()


WRITER = f"""
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from ecluse.adapters.records_postgres import PostgresRecords
from ecluse.base.refusal import Fault
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
url, passfile, name = sys.argv[1:]
held = PostgresRecords(url, schema="chamber_w", passfile=Path(passfile))
ledger = Ledger(held, origin={ORIGIN!r}, key=SigningKey.from_seed(b"l" * 32))
done = 0
while done < 15:
    with suppress(Fault):
        ledger.append(at=datetime(2026, 11, 23, 12, tzinfo=UTC), by=name, subject="m/1", act="watched", body={{"n": done}})
        done += 1
"""


def test_an_entry_commits_whole_or_not_at_all(held: PostgresRecords) -> None:
    """What fails in a transaction leaves neither entry nor head, and the ledger goes on from where it was."""
    ledger = ledger_of(held)

    def act(*, fail: bool) -> None:
        with held.transaction():
            ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={})
            if fail:
                raise RuntimeError

    act(fail=False)
    with pytest.raises(RuntimeError):
        act(fail=True)
    assert ledger.size == 1
    act(fail=False)
    assert [entry.seq for entry in ledger.entries()] == [0, 1]


def test_a_writer_that_waits_too_long_is_told_to_retry(held: PostgresRecords, address: Address) -> None:
    """While another process holds the ledger past the wait, the fault says that retrying helps; reading never waits."""
    other = PostgresRecords(address[0], schema="chamber_a", passfile=address[1])
    other._connected().execute("set lock_timeout = '20ms'")
    with held.transaction():
        assert list(other.read(0, 9)) == []
        with pytest.raises(Fault, match="ledger/busy") as fault:
            other.append(row=row(0), nodes=[], note=b"")
    assert fault.value.retry
    other.append(row=row(0), nodes=[], note=b"")
    other.close()


def test_a_server_gone_away_is_a_fault_and_loses_nothing(
    held: PostgresRecords, postgresql: Server, address: Address
) -> None:
    """A connection that the server cut, in the middle of an entry or before, is a fault that says to retry; the retry finds all that was there."""
    ledger = ledger_of(held)
    ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={"n": 0})

    def cut() -> None:
        name = address[0].rpartition("/")[2]
        postgresql.say(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")

    def halfway() -> None:
        with held.transaction():
            ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={"n": 1})
            cut()
            ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={"n": 2})

    for attempt in (halfway, lambda: (cut(), ledger.size)):
        with pytest.raises(Fault, match="ledger/away") as fault:
            attempt()
        assert fault.value.retry
        assert [told.body for told in ledger.history()] == [{"n": 0}]
    assert ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={"n": 1}).seq == 1


def test_a_full_disk_is_a_fault_and_loses_nothing(held: PostgresRecords) -> None:
    """When the server says that its disk is full the fault says to retry, and nothing of the entry is there."""
    full = "do $$ begin raise exception 'no room' using errcode = 'disk_full'; end $$"

    def append() -> None:
        with held.transaction() as db:
            held.append(row=row(0), nodes=[], note=b"head")
            db.execute(full.encode())

    with pytest.raises(Fault, match="ledger/disk-full") as fault:
        append()
    assert (fault.value.retry, list(held.read(0, 9))) == (True, [])


def test_a_forgotten_body_is_in_no_file_of_the_table(held: PostgresRecords, postgresql: Server) -> None:
    """After forgetting and the server's next checkpoint, the body's octets are in no file of the database; its write-ahead log is the host's to limit."""
    marker = "NEEDLE" + "".join(chr(97 + (number * 7) % 26) for number in range(40))
    ledger_of(held).append(at=NOON, by="p/1", subject="m/1", act="drafted", body={"marker": marker})
    postgresql.say("checkpoint")
    assert found(postgresql, marker)
    held.forget(0)
    postgresql.say("checkpoint")
    assert not found(postgresql, marker)
    assert [(it.salt, it.body) for it in held.read(0, 1)] == [(None, None)]


def found(server: Server, marker: str) -> bool:
    """Whether any file of the server's tables holds the marker."""
    files = (server.folder / "data" / "base").rglob("*")
    return any(marker.encode() in file.read_bytes() for file in files if file.is_file())


def test_many_rows_are_read_by_pages(held: PostgresRecords) -> None:
    """More rows than a page come back whole and in order, and no page is held while another is written."""
    with held.transaction():
        for seq in range(1_100):
            held.append(row=Row(seq, "m/1", b"leaf", bytes(32), b"{}"), nodes=[], note=b"head")
    reading = held.read(0, 1_100)
    first = next(reading)
    held.append(row=Row(1_100, "m/1", b"leaf", bytes(32), b"{}"), nodes=[], note=b"head")
    assert [first.seq, *(each.seq for each in reading)] == list(range(1_100))


def test_only_tls_is_spoken_outside_this_machine(tmp_path: Path) -> None:
    """Whatever the address asks, another machine is reached by verified TLS or not at all; no address holds a password."""
    from ecluse.adapters.records_postgres import _address

    for url in (
        "postgresql://e@db.example.org/x",
        "postgresql://e@localhost/x?sslmode=disable",
        "host=10.0.0.1 sslmode=prefer",
    ):
        assert "sslmode=verify-full" in _address(url, None)
    assert "sslmode" not in _address("postgresql://e@127.0.0.1/x", None)
    for url in ("postgresql://e:secret@127.0.0.1/x", "postgresql://e@127.0.0.1:no/x?y=z", "mysql://x"):
        with pytest.raises(Refusal, match="ledger/address") as refusal:
            _address(url, None)
        assert "secret" not in str(refusal.value)
    open_to_all = tmp_path / "pgpass"
    open_to_all.touch(0o644)
    with pytest.raises(Refusal, match="settings/secret-open"):
        _address("postgresql://e@127.0.0.1/x", open_to_all)


def test_nobody_at_the_address_and_a_name_that_is_not_ours(address: Address) -> None:
    """Where nobody answers the fault says to retry; a schema's name is of our own alphabet."""
    with pytest.raises(Fault, match="ledger/away") as fault:
        PostgresRecords(f"postgresql://e@127.0.0.1:{free_port()}/x", schema="chamber_a")
    assert fault.value.retry
    for name in ("", "A", "a-b", 'a"; drop schema public', "a" * 64):
        with pytest.raises(Refusal, match="vault/name"):
            PostgresRecords(address[0], schema=name, passfile=address[1])
