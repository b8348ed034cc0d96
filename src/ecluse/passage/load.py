"""Gate 2: write verified parts into a target, each batch in one transaction with its mark (« chargement »).

For each part of records, in the manifest's order (parents come first):

 1. the part given was opened and verified to its last octet (`handover.open_part`)
 2. records that the target's own marks say are written are left: a killed load resumes here, with no loss and no double
 3. records that stand among the rejects are left (a replay's to try); those that cannot be written exactly, or whose parent was
    rejected, join them
 4. the others are written, all in one transaction with the mark; where the target refuses, halves are tried until the refused rows stand alone

Where the target allows it, two parts of one kind are written side by side, each in its transaction; a kind begins once the kinds before it are
written whole.

The world is behind `Target`; every adapter of a target passes its one contract suite (tests/ports/test_target.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import Final, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.ahead import abreast
from ecluse.passage.handover import Part
from ecluse.passage.parcel import PartHeader
from ecluse.passage.rejects import REASON, RejectVault
from ecluse.passage.rows import read_body
from ecluse.passage.writing import TableRows, Writer, Written
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.mapping import Mapping
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["PLACE", "Loader", "Mark", "RowsRefused", "SideBySide", "TableRows", "Target", "placed", "publish"]

PLACE: Final = "_place"
"""The column, never written, that says where in its part a record stands."""

TOO_MANY: Final = 1000
"""From so many rejected rows on, more than a tenth of a kind's rows rejected means a wrong mapping or target, and the load stops."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One committed batch, as the target itself remembers it in the table `ecluse_load`: of which migration, which part, which records.

    `start` is the place in the part of the first record of this batch, the others follow it; a part is one batch unless some of its records
    were rejected.
    """

    migration: str
    part: int
    kind: str
    records: int
    start: int = 0


class RowsRefused(Fault):
    """The target refused at least one of the rows given; nothing of the batch is written.

    Its values carry a `reason` from a short list (not-null, unique, foreign-key, check, too-long, type, other), never the database's own
    message, which may hold values.
    """


class Target(Protocol):
    """A system of destination (« système de destination »)."""

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected."""
        ...

    def privileges(self) -> frozenset[Privilege]:
        """What the connected account may do, beyond what every account may."""
        ...

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration that are committed, in order."""
        ...

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:
        """A catalogue table as {text of `key`: text of `value`}; for the system's own dictionaries, never for patients."""
        ...

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """Write all, in the order given, and the mark, in one transaction; with `replace`, a row whose key is there takes the new values.

        Raises RowsRefused; Fault `target/...` when the connection is cut (nothing is then committed).
        """
        ...

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """Take out the rows with these keys (only key columns are given), in the order given, and the mark, in one transaction."""
        ...

    def settle(self, migration: str) -> None:
        """The migration is accepted and erased: forget its marks."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


@runtime_checkable
class Publishing(Protocol):
    """A target that shows what was written only once all of it is there, as files do."""

    def publish(self) -> None:
        """Show all that was written; nothing is done where that is so already. Raises Fault `target/...`."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """A target into which two batches that need nothing of each other can be written at the same time."""

    def beside(self) -> Target:
        """Another way into the same system. Raises as opening the target did."""
        ...


def publish(target: Target) -> None:
    """All that was written shows, before the gate closes."""
    if isinstance(target, Publishing):
        target.publish()


@dataclass(frozen=True, slots=True)
class _Ready:
    """A part's records that are to be written now."""

    header: PartHeader
    written: Written


class Loader:
    """Writes the parts of one migration into one target. `replace`: rows already there take the new values (the cut-over night)."""

    def __init__(
        self,
        target: Target,
        *,
        migration: str,
        mapping: Mapping,
        vocabulary: Vocabulary,
        rejects: RejectVault,
        lost: dict[str, set[str]] | None = None,
        replace: bool = False,
    ) -> None:
        self.target, self.migration, self.rejects, self.replace = target, migration, rejects, replace
        self.vocabulary = vocabulary
        self.lost: dict[str, set[str]] = lost if lost is not None else {}
        catalogue = target.catalogue()
        self.writers = {
            name: Writer(vocabulary.kinds[name], kind, catalogue, target.lookup)
            for name, kind in mapping.kinds.items()
        }
        self._rejecting = Lock()
        self.seen: Counter[str] = Counter()
        self.done: dict[int, list[Mark]] = {}
        for mark in target.marks(migration):
            self.done.setdefault(mark.part, []).append(mark)

    def load(self, part: Part) -> int:
        """One part; how many records were written now. Raises Refusal `load/too-many-rejected`, Fault `target/...`."""
        return self.put(placed(part), part.header) if part.header.role == "records" else 0

    def put(self, batch: pa.RecordBatch, header: PartHeader) -> int:
        """The records of one part, as `placed` gives them, which may be done ahead. Returns and raises as `load`."""
        return self._put(self._ready(batch, header), self.target)

    def put_all(self, parts: Iterable[tuple[pa.RecordBatch, PartHeader]]) -> Iterator[tuple[PartHeader, int]]:
        """Parts in their order, as `put` takes them: each header with how many records were written now, once they are. Raises as `load`."""
        with ExitStack() as opened:
            hands = [self.target]
            if isinstance(self.target, SideBySide):
                with suppress(Fault):  # an account may have one connection only
                    hands.append(opened.enter_context(closing(self.target.beside())))
            for _, some in groupby(parts, key=lambda part: part[1].kind):
                # No kind refers to itself; the dictionaries are looked up for its first part, while nothing is being written.
                ready = (self._ready(batch, header) for batch, header in some)
                if len(hands) == 1:  # SQLite takes orders from one thread only
                    yield from (self._put_by(one, self.target) for one in ready)
                else:
                    yield from abreast(self._put_by, ready, hands)

    def _put_by(self, ready: _Ready, hand: Target) -> tuple[PartHeader, int]:
        return ready.header, self._put(ready, hand)

    def _ready(self, batch: pa.RecordBatch, header: PartHeader) -> _Ready:
        """Steps 2 and 3."""
        kind, number = header.kind, header.number
        self.seen[kind] += batch.num_rows
        left = self._left(batch, kind=kind, number=number)
        return _Ready(header, self._writable(left, kind=kind, number=number))

    def _put(self, ready: _Ready, target: Target) -> int:
        """Step 4."""
        return sum(self._write(run, ready, target) for run in _runs(ready.written.records))

    def unload(self, part: Part) -> int:
        """Take out again the very records of one part that its marks cover, children before parents; how many.

        All of them, or none: Refusal `load/rollback-not-told` where one can no longer be told (the target's own dictionary has lost its value):
        its mark would go and its row stay.
        """
        kind, marks = part.header.kind, sorted(self.done.get(part.header.number, []))
        if part.header.role != "records" or not marks:
            return 0
        batch = placed(part)
        written = self.writers[kind].write(batch.filter(_covered(batch, marks)))
        if written.rejected.num_rows:
            raise Refusal(
                "load/rollback-not-told",
                where=kind,
                got=written.rejected.num_rows,
                why=written.rejected.column(REASON)[0].as_py(),
            )
        keys = [TableRows(it.table, it.rows.select(it.key), it.key) for it in reversed(written.tables)]
        for mark in marks:
            self.target.remove(keys if mark is marks[0] else [], mark=mark)
        return sum(mark.records for mark in marks)

    def _left(self, batch: pa.RecordBatch, *, kind: str, number: int) -> pa.RecordBatch:
        """The records neither marked as written nor sealed among the rejects (steps 2 and 3)."""
        lost, marks = self.lost.get(kind), self.done.get(number)
        if lost:
            held = pc.is_in(batch.column("id"), value_set=pa.array(sorted(lost), pa.string()))
            batch = batch.filter(pc.invert(held))
        return batch.filter(pc.invert(_covered(batch, marks))) if marks else batch

    def _writable(self, batch: pa.RecordBatch, *, kind: str, number: int) -> Written:
        """The records that can be written exactly and whose parents were not rejected; the others are sealed."""
        reason = self._orphans(batch, kind=kind)
        if reason.null_count < batch.num_rows:
            orphans = batch.filter(pc.is_valid(reason)).append_column(REASON, reason.drop_null())
            self._reject(orphans, kind=kind, number=number)
            batch = batch.filter(pc.is_null(reason))
        written = self.writers[kind].write(batch)
        if written.rejected.num_rows:
            self._reject(written.rejected, kind=kind, number=number)
        return written

    def _orphans(self, batch: pa.RecordBatch, *, kind: str) -> pa.Array:
        """For each record, the reason why its parent's rejection takes it along; null for the others."""
        reason = pa.nulls(batch.num_rows, pa.string())
        for field in self.vocabulary.kinds[kind].parents:
            lost = self.lost.get(field.parent or "")
            if lost and field.name in batch.schema.names:
                orphan = pc.is_in(batch.column(field.name), value_set=pa.array(sorted(lost), pa.string()))
                reason = pc.if_else(
                    pc.and_(pc.is_null(reason), orphan), f"{field.name}: parent-rejected", reason
                )
        return reason

    def orphaned(self, row: pa.RecordBatch, *, kind: str) -> str:
        """Why one record's parent takes it along, or ""."""
        return self._orphans(row, kind=kind)[0].as_py() or ""

    def _write(self, run: pa.RecordBatch, ready: _Ready, target: Target) -> int:
        """Records that follow each other in their part, in one transaction with their mark; in halves where the target refuses."""
        kind, number = ready.header.kind, ready.header.number
        mark = Mark(self.migration, number, kind, run.num_rows, run.column(PLACE)[0].as_py())
        whole = run.num_rows == ready.written.records.num_rows
        tables = ready.written.tables if whole else self.writers[kind].write(run).tables
        try:
            self._try(target, tables, mark)
        except RowsRefused as refused:
            if run.num_rows == 1:
                reason = f"{refused.values['where']}: {refused.values['reason']}"
                self._reject(run.append_column(REASON, pa.array([reason])), kind=kind, number=number)
                return 0
            half = run.num_rows // 2
            return sum(self._write(piece, ready, target) for piece in (run.slice(0, half), run.slice(half)))
        return int(run.num_rows)

    def _try(self, target: Target, tables: Sequence[TableRows], mark: Mark) -> None:
        """Write a batch; once more where the target gave way to the batch beside it, which by then has ended."""
        try:
            target.write(tables, mark=mark, replace=self.replace)
        except Fault as fault:
            if fault.code != "target/busy":
                raise
            target.write(tables, mark=mark, replace=self.replace)

    def _reject(self, rows: pa.RecordBatch, *, kind: str, number: int) -> None:
        place = f"{number:04d}.{rows.column(PLACE)[0].as_py():07d}.{rows.num_rows}"
        with self._rejecting:
            self.rejects.put(kind, rows, place=place)
            lost = self.lost.setdefault(kind, set())
            lost.update(rows.column("id").to_pylist())
            if len(lost) > TOO_MANY and len(lost) * 10 > self.seen[kind]:
                raise Refusal("load/too-many-rejected", where=kind, got=len(lost))


def placed(part: Part) -> pa.RecordBatch:
    """The part's records, each with its place in the part: what marks and rejects are told by. Raises Refusal `parcel/body-malformed`."""
    batches = read_body(part.body, rows=part.header.rows, where=f"part {part.header.number}")
    batch = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
    return batch.append_column(PLACE, pa.array(np.arange(batch.num_rows, dtype=np.int64)))


def _covered(batch: pa.RecordBatch, marks: Sequence[Mark]) -> pa.Array:
    """Which of the records the marks cover."""
    places = batch.column(PLACE)
    covered = pa.repeat(pa.scalar(value=False), batch.num_rows)
    for mark in marks:
        inside = pc.and_(pc.greater_equal(places, mark.start), pc.less(places, mark.start + mark.records))
        covered = pc.or_(covered, inside)
    return covered


def _runs(records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The records in stretches that follow each other in their part: one, where none was left out."""
    if records.num_rows == 0:
        return
    places = records.column(PLACE)
    if places[-1].as_py() - places[0].as_py() + 1 == records.num_rows:
        yield records
        return
    steps = pc.pairwise_diff(places)
    starts = [0, *pc.indices_nonzero(pc.fill_null(pc.not_equal(steps, 1), fill_value=False)).to_pylist()]
    for start, end in zip(starts, [*starts[1:], records.num_rows], strict=True):
        yield records.slice(start, end - start)
