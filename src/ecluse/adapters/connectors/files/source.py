"""A folder of messages or of tables as a source: every file is read once, as it comes, and only the plan's columns are kept.

Decides what is kept (the columns that the plan's own statements read, and no other) and accounts for everything else: each unit of each file
by name and fate, each fact told again or removed, each record whose parent was never seen, each file that was left. The kept columns wait in an
encrypted scratch, from which the very same queries as for a live source answer. The octets that could not be read wait there too, for
the laboratory's own reject vault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa

from ecluse.adapters.connectors.files.folder import Listing
from ecluse.adapters.connectors.files.format import Format, Tables, catalogue_of, id_column
from ecluse.adapters.connectors.files.intake import Intake
from ecluse.adapters.connectors.sql.dump import DumpSnapshot
from ecluse.adapters.connectors.sql.query import columns_read
from ecluse.adapters.connectors.sql.scratch import Scratch, open_scratch, said
from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.mapping import BASE, KindMapping, Mapping, parse_mapping
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = ["FilesSnapshot", "FilesSource", "mapping_of"]

_NEEDED: Final = frozenset({"request", "patient"})
"""The links without which a record cannot be told to be of anyone."""


def mapping_of(fmt: Format) -> Mapping:
    """The mapping that ships with a format of messages."""
    return parse_mapping(fmt.mapping.encode(), vocabulary=vocabulary())


class FilesSource:
    """Implements `passage.extract.Source` for the files that `listing` gives when they are first needed.

    `scratch`: the folder in which the encrypted scratch lies while it is needed.
    """

    def __init__(
        self, fmt: Format | Tables, listing: Callable[[], Listing], *, scratch: Path | None = None
    ) -> None:
        self._fmt, self._list, self._scratch = fmt, listing, scratch
        self._account: Account | None = None

    @cached_property
    def _listing(self) -> Listing:
        return self._list()

    def catalogue(self) -> Catalogue:
        """The tables: of messages, what the format can hold; of tables, what stands in the files, whose beginnings are read for it."""
        return self._catalogue

    @cached_property
    def _catalogue(self) -> Catalogue:
        if isinstance(self._fmt, Tables):
            return self._fmt.catalogue(self._listing.files)
        return catalogue_of(mapping_of(self._fmt))

    def privileges(self) -> frozenset[Privilege]:
        """None: files have no accounts; their permissions are the system's."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[FilesSnapshot]:
        """The files as they are when a plan is first asked for; one that changes meanwhile is refused."""
        with open_scratch(self._scratch) as scratch:
            snapshot = FilesSnapshot(self._read, scratch, self._catalogue)
            yield snapshot
            self._account = snapshot.last_account

    def statement(self) -> Account:
        """What the last snapshot saw, and what became of it. Raises Refusal `files/not-read` where no plan was asked for."""
        if self._account is None:
            raise Refusal("files/not-read")
        return self._account

    def _read(self, plan: Plan, scratch: Scratch) -> Intake:
        """All the files through the plan's columns, not yet run. A target whose folder is not made yet holds nothing."""
        try:
            listing = self._listing
        except Refusal as refused:
            if not (plan.read_back and refused.code == "files/absent"):
                raise
            listing = Listing(())
        if not listing.files and not plan.read_back:
            raise Refusal("files/none")
        keys: dict[str, str] = {}
        if not isinstance(self._fmt, Tables):
            keys = {kind.table: id_column(kind) for kind in mapping_of(self._fmt).kinds.values()}
        wanted = columns_read(plan, self._catalogue, "duckdb")
        return Intake(self._fmt, listing, self._catalogue, wanted, keys, scratch, exact=plan.read_back)


class FilesSnapshot:
    """Implements `passage.extract.Snapshot`, and `passage.account.Accounting`. The files are read at the first call, for its plan."""

    def __init__(
        self, read: Callable[[Plan, Scratch], Intake], scratch: Scratch, catalogue: Catalogue
    ) -> None:
        self._read, self._scratch = read, scratch
        self._answers = DumpSnapshot(scratch, catalogue)
        self._intake: Intake | None = None
        self._plan: Plan | None = None
        self.last_account: Account | None = None

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        return self._ready(plan).unclassified(plan, path)

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return self._ready(plan).census(plan, piece)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        return self._ready(plan).rows(plan, piece)

    def account(self, plan: Plan) -> Account:
        """What became of every unit of every file."""
        self._ready(plan)
        assert self.last_account is not None
        return self.last_account

    def unread(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """The units that could not be read: `place`, `units` (JSON), `raw` (their octets), `_reason`; in batches of some megabytes."""
        self._ready(plan)
        assert self._intake is not None
        return self._intake.unread.batches()

    def _ready(self, plan: Plan) -> DumpSnapshot:
        if plan is self._plan:
            return self._answers
        intake = self._read(plan, self._scratch)
        if self._intake is None or not _covers(self._intake, intake):
            self._scratch.clear()
            account = intake.run()
            self._intake = intake
            self.last_account = replace(account, orphans=self._orphans(plan, intake))
        self._plan = plan
        return self._answers

    def _orphans(self, plan: Plan, intake: Intake) -> dict[str, int]:
        """Records whose parent was never seen, where a plain column tells: the plan's rules or the target keep them, but not in silence."""
        found: dict[str, int] = {}
        for kind in plan.mapping.kinds.values():
            for field in vocabulary().kinds[kind.kind].parents:
                parent = plan.mapping.kinds.get(field.parent or "")
                if parent is None or field.name not in kind.fields:
                    continue
                child = _plain(kind, field.name, intake)
                there = _plain(parent, "id", intake)
                if child and there:
                    path = f"{kind.kind}.{field.name}"
                    rows = self._without_parent(kind.table, child, parent.table, there, field.name in _NEEDED)
                    found |= {path: rows} if rows else {}
        return found

    def _without_parent(self, table: str, child: str, parent: str, there: str, needed: bool) -> int:  # noqa: FBT001
        link, key = _quoted(child), _quoted(there)
        absent = f"{link} IS NULL OR " if needed else ""
        asked = (
            f"SELECT count(*) FROM {_quoted(table)} WHERE {absent}({link} IS NOT NULL AND {link} NOT IN "  # noqa: S608 - quoted
            f"(SELECT {key} FROM {_quoted(parent)} WHERE {key} IS NOT NULL))"
        )
        with said(table):
            ((rows,),) = self._scratch.connection.execute(asked).fetchall()
        return int(rows)


def _covers(done: Intake, asked: Intake) -> bool:
    """What was read holds all that this plan reads."""
    return all(set(columns) <= set(done.wanted.get(table, ())) for table, columns in asked.wanted.items())


def _plain(kind: KindMapping, field: str, intake: Intake) -> str:
    """The column of the kind's own table that holds the field as it stands, if it was kept; else ""."""
    reading = kind.fields[field]
    column = reading.column
    plain = column is not None and column.alias == BASE and not (reading.values or reading.trim or kind.where)
    kept = column is not None and column.name in intake.wanted.get(kind.table, ())
    return column.name if column is not None and plain and kept else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
