"""Counting and checksums of canonical rows, the same on both sides (« contrôle de complétude »): what reconciliation compares.

Rows are grouped by site and month. For each group: how many rows, and two sums of a keyed 64-bit hash of the whole row. Sums do not depend on
order, do not cancel on duplicates as XOR does, and subtract: what was rejected, or stood in the target before, is taken away exactly.
The hash itself is behind `Checksum`; its salts are drawn for each migration and travel sealed, so that sums tell nothing to anyone else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Analytes", "Checksum", "Group", "Salts", "Sums", "Tally"]

_MODULUS = 1 << 64


class Group(NamedTuple):
    """A site (canonical) and a month ("YYYY-MM"); "-" where the kind has none."""

    site: str
    month: str


class Salts(NamedTuple):
    """Two secret 64-bit numbers, drawn for one migration."""

    first: int
    second: int


class Sums(NamedTuple):
    """Rows, and the two sums modulo 2^64 of their hashes."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.rows + other.rows,
            (self.first + other.first) % _MODULUS,
            (self.second + other.second) % _MODULUS,
        )

    def minus(self, other: Sums) -> Sums:
        """These without the others."""
        return Sums(
            self.rows - other.rows,
            (self.first - other.first) % _MODULUS,
            (self.second - other.second) % _MODULUS,
        )


class Checksum(Protocol):
    """A keyed hash of canonical rows. `method` names it with everything its values depend on: two sides compare only under one method."""

    method: str

    def sums(self, batch: pa.RecordBatch, *, salts: Salts) -> dict[Group, Sums]:
        """The sums of the batch's fields (all columns but those that begin with "_"), by its `_site` and `_month`."""
        ...


@dataclass(slots=True)
class Tally:
    """The sums of one record kind, by group; grows as batches pass."""

    groups: dict[Group, Sums] = field(default_factory=dict)

    def add(self, sums: Mapping[Group, Sums]) -> None:
        """Take in one more batch's sums."""
        for group, more in sums.items():
            self.groups[group] = self.groups.get(group, Sums()).plus(more)

    def without(self, sums: Mapping[Group, Sums]) -> Tally:
        """A new tally with these taken away."""
        left = dict(self.groups)
        for group, less in sums.items():
            left[group] = left.get(group, Sums()).minus(less)
        return Tally({group: sums for group, sums in left.items() if sums != Sums()})

    @property
    def total(self) -> Sums:
        """All groups together."""
        return total(self.groups.values())

    def lines(self) -> list[list[str | int]]:
        """As JSON keeps it: [site, month, rows, first, second], sums as hexadecimal text, in order."""
        return [
            [g.site, g.month, s.rows, f"{s.first:016x}", f"{s.second:016x}"]
            for g, s in sorted(self.groups.items())
        ]

    @classmethod
    def from_lines(cls, lines: Iterable[list[str | int]]) -> Tally:
        """The inverse of `lines`."""
        return cls(
            {
                Group(str(site), str(month)): Sums(int(rows), int(str(first), 16), int(str(second), 16))
                for site, month, rows, first, second in lines
            }
        )


def total(sums: Iterable[Sums]) -> Sums:
    """The sum of sums."""
    result = Sums()
    for more in sums:
        result = result.plus(more)
    return result


@dataclass(slots=True)
class Analytes:
    """Results by code and unit: how many, how many without a value, how many censored ("<0,1", ">1000"). What a biologist compares."""

    lines: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a batch of results; one without the columns adds nothing."""
        if not {"code", "unit", "value"} <= set(batch.schema.names):
            return
        value = batch.column("value")
        table = pa.table(
            {
                "code": batch.column("code").fill_null(""),
                "unit": batch.column("unit").fill_null(""),
                "empty": pc.is_null(value).cast(pa.int64()),
                "censored": pc.fill_null(
                    pc.match_substring_regex(value, r"^\s*[<>≤≥]"), fill_value=False
                ).cast(pa.int64()),
            }
        )
        counted = table.group_by(["code", "unit"]).aggregate(
            [("empty", "count"), ("empty", "sum"), ("censored", "sum")]
        )
        for line in counted.to_pylist():
            before = self.lines.get((line["code"], line["unit"]), (0, 0, 0))
            more = (line["empty_count"], line["empty_sum"], line["censored_sum"])
            self.lines[line["code"], line["unit"]] = (
                before[0] + more[0],
                before[1] + more[1],
                before[2] + more[2],
            )
