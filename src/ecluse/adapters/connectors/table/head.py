"""What a file of tables is, whatever its format: the heads of its tables, and their rows as exact text, with what could not be read.

Nouns, and the names that columns are given. A value is the text that stands in the file, or the one text of a number, date or truth where the
file holds no text; an empty cell is absent. Formats decide the rest, each in its module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import pyarrow as pa

from ecluse.adapters.connectors.files.format import Seen, Unread
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn, CatalogueTable, TypeFamily

__all__ = [
    "LARGEST_CELL", "OCTETS", "ROWS", "Head", "TableFile", "batched", "column_names", "refuse_others", "text_columns",
]  # fmt: skip

ROWS: Final = 8_192
"""Rows in a batch, at most."""
OCTETS: Final = 8 << 20
"""Characters in a batch, about."""
LARGEST_CELL: Final = 32 << 20
"""Characters in one cell, at most: a longer one is unread, with what follows it."""

_BLANK: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Head:
    """One table of a file. `account`: each decision that was not written in the file, by its name ("encoding", "separator", "hidden"...)."""

    name: str
    columns: Mapping[str, CatalogueColumn]
    account: Mapping[str, str] = field(default_factory=dict)

    @property
    def catalogue(self) -> CatalogueTable:
        """As the rest of Écluse knows a table."""
        return CatalogueTable(self.name, dict(self.columns))

    def shape(self, columns: Sequence[str]) -> pa.Schema:
        """These columns as their rows give them: octets where the file says so, else text."""
        families = {name: self.columns[name].family for name in columns}
        return pa.schema(
            [(name, pa.binary() if families[name] == "bytes" else pa.string()) for name in columns]
        )


class TableFile(Protocol):
    """One file of tables."""

    def heads(self) -> Sequence[Head]:
        """The tables it holds. Raises Refusal `table/unreadable`."""
        ...

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """Its rows, these columns of them, as `head.shape(columns)`; and every row that could not be read, in between.

        Raises Refusal `table/unreadable`.
        """
        ...


def column_names(raw: Sequence[str | None]) -> list[str]:
    """Names that a mapping can write: one line, no point, no two alike to a database that ignores case; "column N" where there is none."""
    names: list[str] = []
    taken: set[str] = set()
    for place, given in enumerate(raw, 1):
        text = unicodedata.normalize("NFC", _BLANK.sub(" ", given or "").strip()).replace(".", "_")
        text = text[:_LONGEST_NAME] or f"column {place}"
        name, again = text, 2
        while name.casefold() in taken:
            name, again = f"{text} ({again})", again + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def refuse_others(head: Head, columns: Sequence[str]) -> None:
    """Raises Refusal `table/unreadable` where one of these columns is of a type that is no text."""
    for name in columns:
        if head.columns[name].family == "other":
            raise Refusal(
                "table/unreadable", where=f"{head.name}.{name}", got=f"type {head.columns[name].native}"
            )


def text_columns(names: Iterable[str], *, native: str = "text") -> dict[str, CatalogueColumn]:
    """Columns of text, which may be absent."""
    family: TypeFamily = "text"
    return {name: CatalogueColumn(name, family, native) for name in names}


def batched(
    told: Iterable[Sequence[str | None] | Unread | Seen],
    shape: pa.Schema,
    places: Sequence[int] | None = None,
) -> Iterator[pa.RecordBatch | Unread | Seen]:
    """Rows gathered into batches of bounded size, what was not read in between. `places`: which cells are wanted, all in order unless said."""
    rows: list[Sequence[str | None]] = []
    wanted = range(len(shape)) if places is None else places
    size = 0
    for row in told:
        if isinstance(row, Unread | Seen):
            yield row
            continue
        rows.append(row)
        size += sum(map(len, filter(None, row)))
        if len(rows) >= ROWS or size >= OCTETS:
            yield _batch(rows, wanted, shape)
            rows, size = [], 0
    if rows:
        yield _batch(rows, wanted, shape)


def _batch(rows: Sequence[Sequence[str | None]], places: Sequence[int], shape: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array([row[place] for row in rows], entry.type) for place, entry in zip(places, shape, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=shape)
