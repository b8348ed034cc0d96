"""Gate 2: write verified parts into a target, each batch in one transaction with its mark (« chargement »).

For each part of records, in the manifest's order (parents come first):

 1. the part given was opened and verified to its last octet (`handover.open_part`)
 2. rows that the mapping cannot write exactly, or whose parent was rejected, are sealed in the reject vault
 3. records that the target's own marks say are written are left: a killed load resumes here, with no loss and no double
 4. the others are written, all in one transaction with the mark; where the target refuses, halves are tried until the refused rows stand alone

The world is behind `Target`; every adapter of a target passes its one contract suite (tests/ports/test_target.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.handover import Part
from ecluse.passage.rejects import REASON, RejectVault
from ecluse.passage.rows import read_body
from ecluse.passage.writing import TableRows, Writer, Written
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.mapping import Mapping
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Loader", "Mark", "RowsRefused", "TableRows", "Target"]

TOO_MANY: Final = 1000
"""From so many rejected rows on, more than a tenth of a kind's rows rejected means a wrong mapping or target, and the load stops."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One committed batch, as the target itself remembers it in the table `ecluse_load`: of which migration, which part, which records.

    `start` is the place, among the part's records that can be written, of the first one of this batch; a part is one batch unless the
    target refused some of its rows.
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
        self.seen: Counter[str] = Counter()
        self.done: dict[int, list[Mark]] = {}
        for mark in target.marks(migration):
            self.done.setdefault(mark.part, []).append(mark)

    def load(self, part: Part) -> int:
        """One part; how many records were written now. Raises Refusal `load/too-many-rejected`, Fault `target/...`."""
        if part.header.role != "records":
            return 0
        kind = part.header.kind
        number = part.header.number
        batch = _one(read_body(part.body, rows=part.header.rows, where=f"part {number}"))
        self.seen[kind] += batch.num_rows
        ready = self._writable(batch, kind=kind, number=number)  # step 2
        gaps = _gaps(ready.records, self.done.get(number, []))  # step 3
        return sum(
            self._write(piece, ready, kind=kind, number=number, start=start) for start, piece in gaps
        )  # step 4

    def unload(self, part: Part) -> int:
        """Take one part's records out again, children before parents; how many were marked as written."""
        number = part.header.number
        marks = self.done.get(number, [])
        if part.header.role != "records" or not marks:
            return 0
        kind = part.header.kind
        batch = _one(read_body(part.body, rows=part.header.rows, where=f"part {number}"))
        held = pc.is_in(batch.column("id"), value_set=pa.array(sorted(self.lost.get(kind, ())), pa.string()))
        records = self.writers[kind].write(batch.filter(pc.invert(held))).records
        # What is not in the reject vault was written, under whatever mark: taken out at once, with the part's first mark.
        written = self.writers[kind].write(records)
        keys = [TableRows(it.table, it.rows.select(it.key), it.key) for it in reversed(written.tables)]
        for place, mark in enumerate(sorted(marks)):
            self.target.remove(keys if place == 0 else [], mark=mark)
        return sum(mark.records for mark in marks)

    def _writable(self, batch: pa.RecordBatch, *, kind: str, number: int) -> Written:
        """The records that can be written exactly and whose parents were not rejected; the others are sealed."""
        reason = self._orphans(batch, kind=kind)
        if reason.null_count < batch.num_rows:
            orphans = batch.filter(pc.is_valid(reason)).append_column(REASON, reason.drop_null())
            self._reject(orphans, kind=kind, place=f"{number:04d}.parents")
            batch = batch.filter(pc.is_null(reason))
        written = self.writers[kind].write(batch)
        if written.rejected.num_rows:
            self._reject(written.rejected, kind=kind, place=f"{number:04d}.values")
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

    def _write(self, batch: pa.RecordBatch, ready: Written, *, kind: str, number: int, start: int) -> int:
        """Step 4 for the records from `start` on, halving where the target refuses."""
        if batch.num_rows == 0:
            return 0
        mark = Mark(self.migration, number, kind, batch.num_rows, start)
        whole = batch.num_rows == ready.records.num_rows
        tables = ready.tables if whole else self.writers[kind].write(batch).tables
        try:
            self.target.write(tables, mark=mark, replace=self.replace)
        except RowsRefused as refused:
            if batch.num_rows == 1:
                alone = batch.append_column(
                    REASON, pa.array([f"{refused.values['where']}: {refused.values['reason']}"])
                )
                self._reject(alone, kind=kind, place=f"{number:04d}.{start:07d}")
                return 0
            half = batch.num_rows // 2
            first = self._write(batch.slice(0, half), ready, kind=kind, number=number, start=start)
            return first + self._write(batch.slice(half), ready, kind=kind, number=number, start=start + half)
        return int(batch.num_rows)

    def _reject(self, rows: pa.RecordBatch, *, kind: str, place: str) -> None:
        self.rejects.put(kind, rows, place=place)
        lost = self.lost.setdefault(kind, set())
        lost.update(rows.column("id").to_pylist())
        if len(lost) > TOO_MANY and len(lost) * 10 > self.seen[kind]:
            raise Refusal("load/too-many-rejected", where=kind, got=len(lost))


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _gaps(batch: pa.RecordBatch, marks: list[Mark]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The stretches of the batch that no mark covers."""
    place = 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        if mark.start > place:
            yield place, batch.slice(place, mark.start - place)
        place = max(place, mark.start + mark.records)
    if place < batch.num_rows:
        yield place, batch.slice(place)
