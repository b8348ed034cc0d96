"""One CSV for each kind of record, and the documents beside it, from what is read back of the target.

Decides that a spreadsheet calculates nothing of it (`harmless`), that a document's octets become a file of their own which the table names, and what is
counted on the way: records, filled fields, and the sums by which the reading is held once more against the source's statement.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ecluse.adapters.archive.pdf import form_of, suffix_of
from ecluse.adapters.archive.spool import Spool
from ecluse.adapters.connectors.table.harmless import harmless
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Snapshot
from ecluse.passage.reconcile import Side
from ecluse.passage.tally import Checksum, Salts
from ecluse.proof.tar import Entry, entry
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = ["TableReading", "csv_octets"]

_MARK: Final = b"\xef\xbb\xbf"
_BESIDE: Final = ("sha256", "octets", "form")
"""What a table of documents says of each file, after the record's own fields."""


@dataclass(slots=True)
class TableReading:
    """What was read back: the sums and the filled fields of each kind, and how many documents became files."""

    sides: dict[str, Side] = field(default_factory=dict)
    filled: dict[str, Counter[str]] = field(default_factory=dict)
    forms: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: side.sums.total.rows for kind, side in self.sides.items()}

    def entries(
        self, snapshot: Snapshot, plan: Plan, *, checksum: Checksum, salts: Salts, folder: Path
    ) -> Iterator[Entry]:
        """Every document, then its kind's table; the encrypted spool of a table lies in `folder`."""
        for piece in plan.slices:
            side = self.sides[piece.kind] = Side()
            filled = self.filled[piece.kind] = Counter(dict.fromkeys(piece.fields, 0))
            octets = _octets_field(piece)
            spool = Spool(folder)
            try:
                spool.add(_MARK + csv_octets([[*piece.fields, *(_BESIDE if octets else ())]]))
                for raw in snapshot.rows(plan, piece):
                    moved = canonical(raw, piece, vocabulary=vocabulary(), lost={}).moved
                    side.sums.add(checksum.sums(moved, salts=salts))
                    side.analytes.add(moved)
                    for name in piece.fields:
                        filled[name] += moved.num_rows - moved.column(name).null_count
                    if octets:
                        yield from self._documents(moved, piece, octets, spool)
                    else:
                        spool.add(csv_octets(_lines(moved, piece)))
                yield Entry(f"tables/{piece.kind}.csv", spool.size, spool.chunks)
            finally:
                spool.close()

    def _documents(self, moved: pa.RecordBatch, piece: Slice, octets: str, spool: Spool) -> Iterator[Entry]:
        for row in moved.to_pylist():
            content, beside = row[octets], ["", "", ""]
            if content is not None:
                form = form_of(content)
                self.forms[form] += 1
                row[octets] = f"documents/{self.forms.total():08d}.{suffix_of(form)}"
                beside = [hashlib.sha256(content).hexdigest(), str(len(content)), form]
                yield entry(row[octets], content)
            spool.add(csv_octets([[*(_cell(row[name]) for name in piece.fields), *beside]]))


def csv_octets(lines: Iterable[Iterable[str]]) -> bytes:
    """Lines of CSV: RFC 4180's quoting and line ends, semicolons, which a French spreadsheet expects."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode("utf-8")


def _lines(moved: pa.RecordBatch, piece: Slice) -> Iterator[list[str]]:
    columns = [[_cell(value) for value in moved.column(name).to_pylist()] for name in piece.fields]
    return map(list, zip(*columns, strict=True))


def _octets_field(piece: Slice) -> str:
    """The field that holds a document's octets; "" in most kinds."""
    fields = vocabulary().kinds[piece.kind].fields
    return next((name for name in piece.fields if fields[name].type == "bytes"), "")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return harmless(value.isoformat() if isinstance(value, date) else str(value))
