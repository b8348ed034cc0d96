"""The preview of a plan (« aperçu »): what would leave and what would stay, counted in the source before anything is signed or run.

Counts only, all read off one snapshot: rows by kind, moved or kept back by which rule; patients; an estimate of the size; health terms in the
free texts that are named. It decides nothing and seals nothing; the same plan then runs, and reconciliation holds the run to its own census.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.passage.extract import Snapshot
from ecluse.terms.free_text import HEALTH_TERMS
from ecluse.terms.plan import Plan, Slice

__all__ = ["KindPreview", "Preview", "preview"]


@dataclass(frozen=True, slots=True)
class KindPreview:
    """One record kind: rows that would leave, rows that would stay by rule, octets as read (an estimate), the columns read.

    `terms`: for each free-text field named, rows of the first `examined` in which a term of a special category was seen.
    """

    kind: str
    leaving: int
    staying: dict[str, int]
    octets: int
    columns: tuple[str, ...]
    terms: dict[tuple[str, str], int] = field(default_factory=dict)
    examined: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan would do. Meets `terms.instruction.Preview`, so that the page of an instruction shows its counts."""

    kinds: tuple[KindPreview, ...]

    @property
    def patients(self) -> int:
        """Patients of whom anything would leave; 0 where the instruction names no patient record."""
        return self.leaving.get("patient", 0)

    @property
    def leaving(self) -> Mapping[str, int]:
        """Records that would leave, by kind."""
        return {kind.kind: kind.leaving for kind in self.kinds}

    @property
    def staying(self) -> Mapping[str, int]:
        """Records that would stay whole, by kind."""
        return {kind.kind: sum(kind.staying.values()) for kind in self.kinds}

    @property
    def octets(self) -> int:
        """Octets of the values that would leave, before compression and sealing: an estimate from the first rows of each kind."""
        return sum(kind.octets for kind in self.kinds)


def preview(snapshot: Snapshot, plan: Plan) -> Preview:
    """Count what `plan` would do on an open snapshot. Raises what reading the source raises (`source/...`)."""
    return Preview(tuple(_kind(snapshot, plan, piece) for piece in plan.slices))


def _kind(snapshot: Snapshot, plan: Plan, piece: Slice) -> KindPreview:
    leaving, staying = 0, Counter[str]()
    for count in snapshot.census(plan, piece):
        if count.rule:
            staying[count.rule] += count.rows
        else:
            leaving += count.rows
    first = next(iter(snapshot.rows(plan, piece)), None)
    columns = tuple(
        dict.fromkeys(
            f"{piece.mapping.alias_table(column.alias)}.{column.name}"
            for reading in piece.fields.values()
            for column in reading.columns
        )
    )
    if first is None or first.num_rows == 0:
        return KindPreview(piece.kind, leaving, dict(staying.most_common()), 0, columns)
    read = first.select(list(piece.fields))
    return KindPreview(
        kind=piece.kind,
        leaving=leaving,
        staying=dict(staying.most_common()),
        octets=read.nbytes * leaving // read.num_rows,
        columns=columns,
        terms=_terms(read, piece),
        examined=read.num_rows if piece.free_texts else 0,
    )


def _terms(rows: pa.RecordBatch, piece: Slice) -> dict[tuple[str, str], int]:
    """Rows of a batch in which a health term is seen, by free-text field and category."""
    seen: dict[tuple[str, str], int] = {}
    for name in piece.free_texts:
        for category, words in HEALTH_TERMS.items():
            found = pc.match_substring_regex(rows.column(name), words, ignore_case=True)
            count = pc.sum(found).as_py() or 0
            if count:
                seen[name, category] = count
    return seen
