"""A target when the world fails: killed, cut off, full, held, forbidden. The other half of the contract of `ecluse.passage.load.Target`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark
from tests.ports.loader import PARTS, ROWS, load
from tests.ports.targets import KINDS, MARK, PERSON, Opened, database, given, opened, person


@pytest.mark.parametrize("pause", range(PARTS))
@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_load_killed_in_the_middle_of_a_batch_is_resumed_without_loss_or_double(
    kind: str, pause: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Killed by SIGKILL between two tables of a part, the part is wholly absent; the next load writes it and what follows, once."""
    with ExitStack() as stack:
        on = next(opened(kind, stack, database(kind, request, tmp_path)))
        loader = subprocess.Popen(
            [sys.executable, "-m", "tests.ports.loader", kind, str(pause)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with loader:
            assert loader.stdin is not None
            assert loader.stdout is not None
            loader.stdin.write(on.url + "\n")
            loader.stdin.flush()
            assert loader.stdout.readline() == "middle\n"
            loader.kill()
        assert [mark.part for mark in on.target.marks("m")] == list(range(pause))
        assert len(on.rows("people")) == len(on.rows("tubes")) == pause * ROWS
        assert load(on.again()) == PARTS - pause
        assert [mark.part for mark in on.target.marks("m")] == list(range(PARTS))
        assert len(on.rows("people")) == len(on.rows("tubes")) == PARTS * ROWS


def test_a_connection_cut_is_a_fault_and_nothing_is_written(on_server: Opened) -> None:
    """When the server ends the connection, it is a fault worth retrying, and another connection finds nothing of the batch."""
    held = on_server.target._connection
    if on_server.dialect == "postgres":
        with open_postgres(parse_address(on_server.url), read_only=False) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (held.info.backend_pid,))
    else:
        with closing(open_mariadb(parse_address(on_server.url), read_only=False)) as other:
            other.cursor().execute("KILL %s", (held.thread_id(),))
    with pytest.raises(Fault) as said:
        on_server.target.write([given("people", PERSON)], mark=MARK)
    assert (said.value.code, said.value.retry) == ("target/connection-cut", True)
    assert (on_server.rows("people"), on_server.again().marks("m")) == ([], [])


def test_a_full_disk_is_a_fault_and_nothing_is_written(tmp_path: Path) -> None:
    """When the file may not grow, it is a fault, nothing of the batch is there, and with room again the same batch is written."""
    with ExitStack() as stack:
        on = next(opened("sqlite", stack, f"sqlite:///{tmp_path}/target.db"))
        on.target.write([], mark=Mark("m", 0, "patient", 0))
        connection = on.target._connection
        connection.execute("PRAGMA max_page_count = 40")
        big = given("people", *(person(id=str(row), note="x" * 4000) for row in range(100)))
        with pytest.raises(Fault, match="target/disk-full"):
            on.target.write([big], mark=MARK)
        assert on.rows("people") == []
        connection.execute("PRAGMA max_page_count = 4000")
        on.target.write([big], mark=MARK)
        assert len(on.rows("people")) == 100


def test_a_target_held_by_another_is_a_fault(tmp_path: Path) -> None:
    """A SQLite file that another program writes is busy: a fault worth retrying, and nothing is written."""
    with ExitStack() as stack:
        on = next(opened("sqlite", stack, f"sqlite:///{tmp_path}/target.db"))
        other = open_sqlite(parse_address(on.url), read_only=False)
        other.execute("BEGIN IMMEDIATE")
        on.target._connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(Fault, match="target/busy"):
            on.target.write([given("people", PERSON)], mark=MARK)
        other.execute("ROLLBACK")
        other.close()
        assert on.rows("people") == []


def test_an_account_that_may_not_write_is_refused(postgresql_url: str, restricted: str) -> None:
    """A target whose account lacks a right is a refusal, for the marks and for the tables."""
    with ExitStack() as stack:
        on = next(opened("postgres", stack, postgresql_url))
        owner = stack.enter_context(open_postgres(parse_address(on.url), read_only=False))
        address = replace(parse_address(on.url), account=restricted, password=restricted)
        target = stack.enter_context(closing(PostgresTarget(address)))
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        with pytest.raises(Refusal, match="target/marks-not-creatable"):
            target.write([given("people", PERSON)], mark=MARK)
        on.target.write([], mark=MARK)
        owner.execute(f"GRANT ALL ON ecluse_load TO {restricted}")  # type: ignore[call-overload]
        with pytest.raises(Refusal, match="target/not-allowed"):
            target.write([given("people", PERSON)], mark=Mark("m", 2, "patient", 1))


@pytest.fixture
def restricted(postgresql_url: str) -> Iterator[str]:
    """A PostgreSQL account that may enter and nothing else; its password is its name."""
    with open_postgres(parse_address(postgresql_url), read_only=False) as owner:
        name = f"restricted_{parse_address(postgresql_url).database}"
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")  # type: ignore[call-overload]
        yield name
        owner.execute(f"DROP OWNED BY {name}")  # type: ignore[call-overload]
        owner.execute(f"DROP ROLE {name}")  # type: ignore[call-overload]


def test_a_table_that_would_not_survive_a_crash_is_refused(postgresql_url: str, mariadb_url: str) -> None:
    """An UNLOGGED table of PostgreSQL and a MyISAM one of MariaDB cannot keep the promise of a mark: refused before a row is written."""
    with ExitStack() as stack:
        on = next(opened("postgres", stack, postgresql_url))
        with open_postgres(parse_address(on.url), read_only=False) as owner:
            owner.execute("ALTER TABLE words SET UNLOGGED")
        with pytest.raises(Refusal, match="target/table-not-durable"):
            on.target.write([given("words", {"code": "NA", "label": "sodium"}, key=())], mark=MARK)
        on = next(opened("mysql", stack, mariadb_url))
        with closing(open_mariadb(parse_address(on.url), read_only=False)) as other:
            other.cursor().execute("ALTER TABLE words ENGINE=MyISAM")
        with pytest.raises(Refusal, match="target/table-not-durable"):
            on.target.write([given("words", {"code": "NA", "label": "sodium"}, key=())], mark=MARK)
        assert on.rows("words") == []
