"""The ledger in PostgreSQL, for an exchange of several processes: a schema of its own for each ledger, rows that the tables refuse to change.

One writer at a time holds the table of leaves until it commits; readers never wait. A connection that broke is opened again by the next call. What an entry
means is `proof.ledger`'s. The account that owns the tables could drop their triggers: what that changes, a witness sees.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ecluse.adapters.private import check_private
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.ledger import Row
from ecluse.proof.tree import Node

__all__ = ["PostgresRecords"]

_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TABLES: Final = """
create table leaves (seq bigint primary key, subject text not null, leaf bytea not null);
create index leaves_by_subject on leaves (subject, seq);
create table bodies (seq bigint primary key references leaves (seq), salt bytea not null, body bytea not null);
create table nodes (level int, place bigint, hash bytea not null, primary key (level, place));
create table notes (size bigint primary key, note bytea not null, kept boolean not null);
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'entries stay' using errcode = 'check_violation'; end $$;
create trigger leaves_stay before update or delete on leaves for each row execute function refuse();
create trigger nodes_stay before update or delete on nodes for each row execute function refuse();
create trigger bodies_hold before update on bodies for each row execute function refuse();
create trigger leaves_all before truncate on leaves for each statement execute function refuse();
create trigger nodes_all before truncate on nodes for each statement execute function refuse();
create trigger bodies_all before truncate on bodies for each statement execute function refuse();
"""
_ROWS: Final = """
select leaves.seq, subject, leaf, salt, body from leaves left join bodies on bodies.seq = leaves.seq
where leaves.seq >= %(start)s and leaves.seq < %(end)s"""
_OF_ALL: Final = f"{_ROWS} order by leaves.seq limit %(page)s"
_OF_ONE: Final = f"{_ROWS} and subject = %(subject)s order by leaves.seq limit %(page)s"
_PAGE: Final = 1_000
_CREATING: Final = 0x45636C757365  # "Ecluse": one process at a time makes tables
_SETTINGS: Final = "-c lock_timeout=5s -c synchronous_commit=on -c idle_in_transaction_session_timeout=60s"
"""A writer waits five seconds for another; a commit is on the disk whatever the server's own default; one that hangs lets go."""


class PostgresRecords:
    """`proof.ledger.Records` in `schema` of the database at `url`, which holds no password: `passfile` does (libpq's own format, mode 0600).

    Outside this machine only TLS with the server's name verified is spoken. Threads may share it. Raises Refusal `ledger/address`,
    `settings/secret-open`, Fault `ledger/away`.
    """

    def __init__(self, url: str, *, schema: str, passfile: Path | None = None) -> None:
        if not _SCHEMA.fullmatch(schema):
            raise Refusal("vault/name")
        self._schema, self._lock, self._depth = sql.Identifier(schema), threading.RLock(), 0
        self._address = _address(url, passfile)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        with self._lock, _told():
            self._prepare()

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Everything done inside commits together when the outermost block ends, or not at all.

        Raises Fault `ledger/busy`, `ledger/disk-full`, `ledger/away`, all to be retried.
        """
        with self._lock, _told():
            if self._depth:  # never a new connection here: it would be outside the transaction
                assert self._connection is not None
                yield self._connection
                return
            with (connection := self._connected()).transaction():
                connection.execute("lock table leaves in share row exclusive mode")
                self._depth = 1
                try:
                    yield connection
                finally:
                    self._depth = 0

    def append(self, *, row: Row, nodes: Sequence[Node], note: bytes) -> None:
        """One entry, its nodes and its head."""
        with self.transaction() as db:
            held = _one(db, "select coalesce(max(seq) + 1, 0) from leaves")[0]
            if held != row.seq:
                raise Fault("ledger/concurrent", expected=row.seq, got=held)
            db.execute("insert into leaves values (%s, %s, %s)", (row.seq, row.subject, row.leaf))
            db.execute("insert into bodies values (%s, %s, %s)", (row.seq, row.salt, row.body))
            with db.cursor() as cursor:
                cursor.executemany("insert into nodes values (%s, %s, %s)", nodes)
            db.execute("delete from notes where not kept")
            db.execute("insert into notes values (%s, %s, false)", (row.seq + 1, note))

    def read(self, start: int, end: int, *, subject: str | None = None) -> Iterator[Row]:
        """Rows in order, a thousand at a time: no transaction stays open between pages."""
        query = _OF_ALL if subject is None else _OF_ONE
        while True:
            with self._lock, _told():
                bound = {"start": start, "end": end, "subject": subject, "page": _PAGE}
                page = [Row(*found) for found in self._connected().execute(query, bound)]
            if not page:
                return
            yield from page
            start = page[-1].seq + 1

    def node(self, level: int, place: int) -> bytes:
        """The hash of a complete node."""
        found = self._found("select hash from nodes where level = %s and place = %s", (level, place))
        if found is None:
            raise Refusal("ledger/altered")
        return bytes(found[0])

    def forget(self, seq: int) -> None:
        """Removes a body and rewrites its table, so that the old octets are in no file of the table; Fault `ledger/busy` (retry).

        The server's own log (WAL) and its backups keep them until they are recycled: their retention is the host's to set. Inside `transaction()` the
        table is rewritten by the next `forget` outside one.
        """
        with self.transaction() as db:
            db.execute("delete from bodies where seq = %s", (seq,))
        with self._lock, _told():
            if not self._depth:
                self._connected().execute("vacuum (full) bodies")

    def keep_note(self, size: int, note: bytes) -> None:
        """A cosigned head, for ever."""
        with self.transaction() as db:
            db.execute(
                "insert into notes values (%s, %s, true) on conflict (size) do update set note = excluded.note, kept = true",
                (size, note),
            )

    def notes(self) -> Iterator[bytes]:
        """From the largest tree down."""
        size = 1 << 62
        while found := self._found(
            "select size, note from notes where size < %s order by size desc limit 1", (size,)
        ):
            size, note = found
            yield bytes(note)

    def _found(self, query: LiteralString, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        with self._lock, _told():
            return self._connected().execute(query, values).fetchone()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._address, autocommit=True)
            self._connection.execute(sql.SQL("set search_path to {}").format(self._schema))
        return self._connection

    def _prepare(self) -> None:
        with (db := self._connected()).transaction():
            db.execute("select pg_advisory_xact_lock(%s)", (_CREATING,))
            db.execute(sql.SQL("create schema if not exists {}").format(self._schema))
            if _one(db, "select to_regclass('leaves')")[0] is None:
                db.execute(_TABLES)


@contextmanager
def _told() -> Iterator[None]:
    """What the server says, in our words; its own hold addresses and values."""
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        raise Fault("ledger/busy") from None
    except (errors.DiskFull, errors.OutOfMemory):
        raise Fault("ledger/disk-full") from None
    except psycopg.OperationalError:  # not reached, shut down, restarting, cut
        raise Fault("ledger/away") from None


def _one(db: psycopg.Connection[tuple[Any, ...]], query: LiteralString) -> tuple[Any, ...]:
    found = db.execute(query).fetchone()
    assert found is not None
    return found


def _address(url: str, passfile: Path | None) -> str:
    """The address as libpq reads it, TLS verified unless it is this machine's own. Raises Refusal `ledger/address`."""
    try:
        told = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Refusal("ledger/address") from None
    host = str(told.get("host", ""))
    if told.get("password"):
        raise Refusal("ledger/address")
    more: dict[str, Any] = {"connect_timeout": 5, "options": _SETTINGS, "application_name": "ecluse"}
    if passfile is not None:
        check_private(passfile)  # libpq would pass it over in silence
        more["passfile"] = str(passfile)
    if not (host.startswith("/") or host in ("", "127.0.0.1", "::1")):
        more |= {"sslmode": "verify-full", "sslrootcert": told.get("sslrootcert", "system")}
    return make_conninfo(url, **more)
