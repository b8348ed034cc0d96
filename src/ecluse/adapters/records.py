"""The ledger in a SQLite file: one durable transaction for each append, and rows that the file itself refuses to change.

Write-ahead log, `synchronous=FULL`, deleted pages overwritten. `transaction()` lets an effect kept in the same file commit with its entry, or not
at all. This module decides how rows lie on the disk; what an entry means is `proof.ledger`'s.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.ledger import Row
from ecluse.proof.note import Checkpoint
from ecluse.proof.tree import Node

__all__ = ["SqliteMemory", "SqliteRecords"]

_TABLES: Final = """
create table if not exists leaves (seq integer primary key, subject text not null, leaf blob not null);
create index if not exists leaves_by_subject on leaves (subject, seq);
create table if not exists bodies (seq integer primary key references leaves (seq), salt blob not null, body blob not null);
create table if not exists nodes (level integer, place integer, hash blob not null, primary key (level, place)) without rowid;
create table if not exists notes (size integer primary key, note blob not null, kept integer not null);
create table if not exists seen (origin text primary key, size integer not null, root blob not null) without rowid;
create trigger if not exists leaves_stay before delete on leaves begin select raise(abort, 'entries stay'); end;
create trigger if not exists leaves_hold before update on leaves begin select raise(abort, 'entries hold'); end;
create trigger if not exists nodes_stay before delete on nodes begin select raise(abort, 'nodes stay'); end;
create trigger if not exists nodes_hold before update on nodes begin select raise(abort, 'nodes hold'); end;
create trigger if not exists bodies_hold before update on bodies begin select raise(abort, 'bodies hold'); end;
"""
_ROWS: Final = """
select leaves.seq, subject, leaf, salt, body from leaves left join bodies on bodies.seq = leaves.seq
where leaves.seq >= :start and leaves.seq < :end"""
_OF_ALL: Final = f"{_ROWS} order by leaves.seq limit :page"
_OF_ONE: Final = f"{_ROWS} and subject = :subject order by leaves.seq limit :page"
_PAGE: Final = 1_000
_WAIT: Final = 5.0  # seconds that a writer waits for another
_WORLD: Final = {
    sqlite3.SQLITE_BUSY: "ledger/busy",
    sqlite3.SQLITE_LOCKED: "ledger/busy",
    sqlite3.SQLITE_FULL: "ledger/disk-full",
    sqlite3.SQLITE_IOERR: "ledger/disk-full",
}
"""What the world does to a file, by SQLite's primary result code: all may pass. Anything else is a bug and is shown as one."""


class SqliteRecords:
    """`proof.ledger.Records` in the file at `path`, made private to its owner when it is created. Threads may share it."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self.connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = wal", "synchronous = full", "secure_delete = on", "foreign_keys = on"):
            self.connection.execute(f"pragma {pragma}")
        self.connection.executescript(_TABLES)

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything done inside commits together when the outermost block ends, or not at all.

        Raises Fault `ledger/busy`, `ledger/disk-full`, both to be retried.
        """
        with self._lock, _told():
            if not self._depth:
                self.connection.execute("begin immediate")
            self._depth += 1
            try:
                yield self.connection
                if self._depth == 1:
                    self.connection.execute("commit")
            except BaseException:
                if self._depth == 1:
                    with suppress(sqlite3.OperationalError):  # a full disk has already rolled back
                        self.connection.execute("rollback")
                raise
            finally:
                self._depth -= 1

    def append(self, *, row: Row, nodes: Sequence[Node], note: bytes) -> None:
        """One entry, its nodes and its head."""
        with self.transaction() as db:
            (held,) = db.execute("select coalesce(max(seq) + 1, 0) from leaves").fetchone()
            if held != row.seq:
                raise Fault("ledger/concurrent", expected=row.seq, got=held)
            db.execute("insert into leaves values (?, ?, ?)", (row.seq, row.subject, row.leaf))
            db.execute("insert into bodies values (?, ?, ?)", (row.seq, row.salt, row.body))
            db.executemany("insert into nodes values (?, ?, ?)", nodes)
            db.execute("delete from notes where not kept")
            db.execute("insert into notes values (?, ?, 0)", (row.seq + 1, note))

    def read(self, start: int, end: int, *, subject: str | None = None) -> Iterator[Row]:
        """Rows in order, a thousand at a time: no lock is held between pages."""
        while page := self._page(start, end, subject):
            yield from page
            start = page[-1].seq + 1

    def node(self, level: int, place: int) -> bytes:
        """The hash of a complete node."""
        found = self._one("select hash from nodes where level = ? and place = ?", (level, place))
        if found is None:
            raise Refusal("ledger/altered")
        return bytes(found[0])

    def forget(self, seq: int) -> None:
        """Overwrites and removes a body, from the write-ahead log too; Fault `ledger/busy` (retry) while a reader holds that log.

        Inside `transaction()`, the log is emptied by the next `forget` outside one.
        """
        with self.transaction() as db:
            db.execute("delete from bodies where seq = ?", (seq,))
        with self._lock, _told():
            if not self._depth and self.connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
                raise Fault("ledger/busy")

    def keep_note(self, size: int, note: bytes) -> None:
        """A cosigned head, for ever."""
        with self.transaction() as db:
            db.execute(
                "insert into notes values (?, ?, 1) on conflict (size) do update set note = excluded.note, kept = 1",
                (size, note),
            )

    def notes(self) -> Iterator[bytes]:
        """From the largest tree down."""
        size = 1 << 62
        while found := self._one(
            "select size, note from notes where size < ? order by size desc limit 1", (size,)
        ):
            size, note = found
            yield note

    def _one(self, query: str, values: tuple[object, ...]) -> Any:
        with self._lock, _told():
            return self.connection.execute(query, values).fetchone()

    def _page(self, start: int, end: int, subject: str | None) -> list[Row]:
        query = _OF_ALL if subject is None else _OF_ONE
        with self._lock, _told():
            return [
                Row(*found)
                for found in self.connection.execute(
                    query, {"start": start, "end": end, "subject": subject, "page": _PAGE}
                )
            ]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        code = _WORLD.get(error.sqlite_errorcode & 0xFF)
        if code is None:
            raise
        raise Fault(code) from None


class SqliteMemory:
    """`proof.witness.Memory` in a records file of the laboratory's own."""

    def __init__(self, records: SqliteRecords) -> None:
        self._records = records

    def seen(self, origin: str) -> Checkpoint | None:
        """The largest head cosigned for `origin`."""
        with self._records.transaction() as db:
            found = db.execute("select size, root from seen where origin = ?", (origin,)).fetchone()
        return Checkpoint(origin, found[0], found[1]) if found else None

    def keep(self, checkpoint: Checkpoint, *, after: Checkpoint | None) -> None:
        """Stores it in place of `after`."""
        with self._records.transaction() as db:
            if (now := self.seen(checkpoint.origin)) != after:
                raise Fault(
                    "ledger/concurrent", expected=after.size if after else 0, got=now.size if now else 0
                )
            db.execute(
                "replace into seen values (?, ?, ?)", (checkpoint.origin, checkpoint.size, checkpoint.root)
            )
