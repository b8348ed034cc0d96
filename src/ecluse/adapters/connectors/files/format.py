"""What a format of files is to Écluse: it reads octets into records and counts, and writes records into octets; nothing else.

Decides the contract that `source` and `target` of this folder rely on, and every format keeps (tests/ports/test_format.py). A format knows no
instruction, plan or rule: it gives the records of the canonical vocabulary, in the raw text of the message, and the fate of every unit
(segment, line, element, row) of what it was given, so that none is dropped in silence.

There are two kinds of format. Messages tell records of the vocabulary, the same one many times: those are `Format`, their facts are folded.
Tables (CSV, XLSX, Parquet...) have columns of their own, which a mapping written for them names: those are `Tables`, a row is a row. What can
be a target is a `Format`, whatever it reads by; a format may be both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

from ecluse.adapters.connectors.files.meter import Meter
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable
from ecluse.terms.mapping import BASE, KindMapping
from ecluse.terms.mapping import Mapping as SystemMapping
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "CARRIED", "IGNORED", "UNKNOWN", "Case", "Fact", "File", "Format", "Row", "Rows", "Seen", "Tables", "Unread", "Written", "catalogue_of",
    "id_column",
]  # fmt: skip

Row = Mapping[str, str | bytes | None]
"""A record: field name to raw text (octets for a document's content); None or missing where the message says nothing."""

CARRIED: Final = "carried"
"""The fate of a unit that gave a record, or a part of one."""
IGNORED: Final = "structure"
"""The fate of a unit that holds no field of the vocabulary: an envelope, a trailer, a set-up line."""
UNKNOWN: Final = "not-in-vocabulary"
"""The fate of a unit that says something the vocabulary has no word for: it stays where it is, and is counted."""


class Fact(NamedTuple):
    """One record as one message tells it. Later facts of the same kind and `id` complete and replace earlier ones, field by field: a field
    that is None changes nothing, "" empties it. `gone`: the message says that the record is deleted.

    `row` has the record's id, always: what has none cannot be told from another, and is `Unread`. `place`: file, message and unit (1-based),
    for counts and messages; never a value.
    """

    kind: str
    row: Row
    place: str
    gone: bool = False


class Unread(NamedTuple):
    """A unit, or a whole message, that cannot be read as records: `reason` is a short stable word ("cut", "no-patient", "encoding"...), `raw` its
    octets, which are kept sealed for the laboratory alone. Its units are counted here and nowhere else: `units` by name.
    """

    place: str
    reason: str
    raw: bytes
    units: Mapping[str, int]


class Seen(NamedTuple):
    """So many units of this name (segment "OBX", element "observation", "row") met this fate: `CARRIED`, `IGNORED`, or `UNKNOWN`."""

    unit: str
    fate: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """A request with all that stands below it, as a format writes it. `patient` and `prescriber` are {} where there is none.

    `codings`: beside a record's own code, by (kind, id), the list ("loinc", "nabm") and the code that a signed code map chose for it. A format
    that has a place for a second code writes it there; no format reads it back.
    """

    request: Row
    patient: Row = field(default_factory=dict)
    prescriber: Row = field(default_factory=dict)
    specimens: Sequence[Row] = ()
    results: Sequence[Row] = ()
    isolates: Sequence[Row] = ()
    susceptibilities: Sequence[Row] = ()
    documents: Sequence[Row] = ()
    invoices: Sequence[Row] = ()
    codings: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def coding(self, kind: str, row: Row) -> tuple[str, str] | None:
        """The list and the code chosen for this record, if any was."""
        return self.codings.get((kind, str(row.get("id"))))


class Written(NamedTuple):
    """One file to write: its name (made of numbers and safe letters, never of a value), and its octets."""

    name: str
    content: bytes


class Format(Protocol):
    """One format of files. Reading is a stream: memory stays that of one message."""

    name: str
    """As in an address: `hl7v2`, `hprim`, `cda`..."""
    mapping: str
    """The mapping file that ships with it (TOML text): the kinds and fields that the format can hold, and no other."""

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file, `name` being how places call it. Never raises for what the file holds: what cannot be read is `Unread`.

        `stream` may give fewer octets than asked for, as a pipe does. Every unit is counted once: by a `Seen`, or in an `Unread`.
        """
        ...

    def meter(self) -> Meter:
        """A new count of one file's units, by its separators alone: what `read` counts is held to it."""
        ...

    def unfit(self, kind: str, row: Row) -> str | None:
        """Why this record could not be read back exactly from this format ("encoding", "too-long"...), or None."""
        ...

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """Files that hold all cases, then the records that belong to none (kind, record): patients and prescribers without a request.

        Names are in their own order: what is read last was written last. Memory stays that of one file.
        """
        ...


class File(Protocol):
    """One file of a source."""

    @property
    def name(self) -> str:
        """As a table may be named after it: its path below the source's folder, with "/"."""
        ...

    @property
    def place(self) -> str:
        """As places call it: its number in the source, never its name, which may be a patient's."""
        ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Its octets from the start; it can be sought in. Raises Refusal `source/changed`, `files/stream-again` (a pipe is read once)."""
        ...


class Rows(NamedTuple):
    """Rows of one table, as they come: `batch` has exactly the columns asked for, of text (null where the cell is empty) or of octets."""

    table: str
    batch: pa.RecordBatch


@runtime_checkable
class Tables(Protocol):
    """One format of files that are tables of their own. `rows` reads as a stream: memory stays that of one batch."""

    name: str

    def catalogue(self, files: Sequence[File]) -> Catalogue:
        """Every table of these files with all its columns. Raises Refusal where a file is no table at all."""
        ...

    def account(self, files: Sequence[File]) -> dict[str, dict[str, str]]:
        """What was decided of each table that its file does not say itself, by the name of the decision; no value. Raises as `catalogue`."""
        ...

    def rows(
        self, files: Sequence[File], wanted: Mapping[str, Sequence[str]]
    ) -> Iterator[Rows | Unread | Seen]:
        """The wanted columns of the wanted tables; and, of all the tables, every row counted once, by a `Seen` or in an `Unread`.

        Columns of family `bytes` are given as binary, all others as string. Never raises for what a row holds.
        """
        ...


def catalogue_of(mapping: SystemMapping) -> Catalogue:
    """The tables of a format of messages, as its own mapping names them: text, or octets where the field is of octets; the id is the key."""
    tables: dict[str, CatalogueTable] = {}
    for kind in mapping.kinds.values():
        fields = vocabulary().kinds[kind.kind].fields
        octets = {
            column.name
            for name, it in kind.fields.items()
            for column in it.columns
            if fields[name].type == "bytes"
        }
        columns = {
            column.name: CatalogueColumn(
                column.name, "bytes" if column.name in octets else "text", "blob" if column.name in octets else "text"
            )
            for column in kind.columns
            if column.alias == BASE
        }  # fmt: skip
        there = tables.get(kind.table)
        tables[kind.table] = CatalogueTable(
            kind.table, {**(there.columns if there else {}), **columns}, (id_column(kind),)
        )
    return Catalogue("duckdb", tables)


def id_column(kind: KindMapping) -> str:
    """The column of a kind that holds the record's id."""
    return kind.fields["id"].columns[0].name
