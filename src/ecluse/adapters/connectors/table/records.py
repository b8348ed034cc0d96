"""Records of the vocabulary as rows of tables, one table a kind: what all the tables that we write have in common.

Decides the columns (`patient_birth_date`: kind and field, so that a table says by its head alone which it is), how documents become text, and how
many records go into one file. Within a file a person stands once, however many requests refer to them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from typing import Final

from ecluse.adapters.connectors.files.format import Case, Row
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "Gathered",
    "columns_of",
    "gathered",
    "kind_of",
    "mapping_text",
    "octets_from",
    "record_from",
    "row_of",
    "text_unfit",
]

RECORDS: Final = 100_000
"""Records in one file, about."""
OCTETS: Final = 32 << 20
"""Characters and octets in one file, about."""

Cell = str | bytes | None
Gathered = dict[str, dict[str, Row]]
"""Records by kind and id, in the vocabulary's order of kinds."""

_BELOW: Final = {
    "specimen": "specimens", "result": "results", "isolate": "isolates", "susceptibility": "susceptibilities", "document": "documents",
    "invoice": "invoices",
}  # fmt: skip


def columns_of(kind: str) -> list[str]:
    """The columns of a kind's table."""
    return [f"{kind}_{field}" for field in vocabulary().kinds[kind].fields]


def kind_of(columns: Sequence[str]) -> str | None:
    """The kind of the table with these columns; None where it is not ours."""
    kind = columns[0].partition("_")[0] if columns else ""
    known = vocabulary().kinds
    return kind if kind in known and list(columns) == columns_of(kind) else None


def mapping_text(name: str) -> str:
    """The mapping that ships with our own tables, for the format of this name."""
    text = resources.files(__package__).joinpath("records.toml").read_text("utf-8")
    return text.replace('system = "records"', f'system = "{name}"', 1)


def row_of(kind: str, record: Row) -> list[Cell]:
    """A record's cells, in the order of its columns."""
    return [record.get(field) for field in vocabulary().kinds[kind].fields]


def record_from(kind: str, cells: Sequence[Cell]) -> dict[str, Cell]:
    """The record in these cells."""
    fields = vocabulary().kinds[kind].fields
    return {field: cell for field, cell in zip(fields, cells, strict=True) if cell is not None}


def octets_from(text: str) -> bytes | None:
    """The document that stands in a cell as base64 (RFC 4648, section 4); None where it is none."""
    try:
        octets = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return octets if base64.b64encode(octets).decode("ascii") == text else None


def text_unfit(record: Row, *, longest: int) -> str | None:
    """Why these values cannot stand in a text file and come back: "nul", "encoding", "too-long"; else None."""
    for value in record.values():
        if isinstance(value, bytes):
            if len(value) * 4 // 3 + 4 > longest:
                return "too-long"
        elif value:
            if "\x00" in value:
                return "nul"
            if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
                return "encoding"
            if len(value) >= longest:
                return "too-long"
    return None


def gathered(cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Gathered]:
    """All records in files' measures, parents before what refers to them."""
    held: Gathered = {}
    count = size = 0
    for kind, record in _all(cases, alone):
        if count >= RECORDS or size >= OCTETS:
            yield _ordered(held)
            held, count, size = {}, 0, 0
        told = held.setdefault(kind, {})
        key = str(record["id"])
        if told.get(key) == record:
            continue
        told[key] = {**told.get(key, {}), **record}
        count += 1
        size += sum(len(value) for value in record.values() if value)
    if held:
        yield _ordered(held)


def _ordered(held: Gathered) -> Gathered:
    return {kind: held[kind] for kind in vocabulary().kinds if kind in held}


def _all(cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    for case in cases:
        for kind, person in (
            ("prescriber", case.prescriber),
            ("patient", case.patient),
            ("request", case.request),
        ):
            if person:
                yield kind, person
        for kind, place in _BELOW.items():
            for record in getattr(case, place):
                yield kind, record
    yield from alone
