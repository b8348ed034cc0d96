"""The smallest format there is: a line of JSON for each record. No laboratory speaks it; what stands on formats is tested with it.

    {"kind": "patient", "row": {"id": "1", "birth_name": "DURAND"}}
    {"kind": "document", "row": {"id": "2", "content": {"base64": "JVBERg=="}}}
    {"kind": "result", "row": {"id": "3"}, "gone": true}
    {"note": "a line that says nothing of a record"}

Units are lines that are not empty. A line that is no JSON object, or a record without its id, is unread.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import RawIOBase
from itertools import chain, islice
from typing import Any, BinaryIO, Final

import pyarrow as pa

from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    UNKNOWN,
    Case,
    Fact,
    File,
    Row,
    Rows,
    Seen,
    Unread,
    Written,
)
from ecluse.adapters.connectors.files.meter import LineMeter, Meter
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import rows_of
from tests.ports.formats import Described, Repeat

TOGETHER: Final = 100
"""Cases in one file."""


def everything() -> str:
    """A mapping of the whole vocabulary: each kind a table, each field a column."""
    lines = ["[mapping]", 'system = "lines"', "version = 1"]
    for kind in vocabulary().kinds.values():
        lines += ["", f"[{kind.name}]", f'table = "{kind.name}"']
        lines += [f'fields.{name} = "{name}"' for name in kind.fields]
    return "\n".join(lines) + "\n"


class Lines:
    """Implements `files.format.Format`. `mapping`: another one than that of the whole vocabulary, for tests of what stands on formats."""

    name = "lines"

    def __init__(self, mapping: str | None = None) -> None:
        self.mapping = mapping or everything()
        described = parse_mapping(self.mapping.encode(), vocabulary=vocabulary())
        self._ids = {kind.table: str(kind.fields["id"].column) for kind in described.kinds.values()}
        self._fields: dict[str, set[str]] = {table: set() for table in self._ids}
        for kind in described.kinds.values():
            self._fields[kind.table] |= {column.name for column in kind.columns}

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """A line at a time."""
        for number, line in enumerate(stream, start=1):
            if line != b"\n":
                yield from self._line(line, f"{name}:{number}")

    def meter(self) -> Meter:
        """Lines that are not empty."""
        return LineMeter(ends=b"\n")

    def _line(self, line: bytes, place: str) -> Iterator[Fact | Unread | Seen]:
        try:
            said = json.loads(line)
            if not isinstance(said, dict):
                raise TypeError("not an object")
            if "kind" not in said:
                yield Seen("line", IGNORED)
                return
            if said["kind"] not in self._ids:
                yield Seen("line", UNKNOWN)
                return
            row = self._row(said["kind"], said["row"])
            fact = Fact(said["kind"], row, place, gone=said.get("gone") is True)
        except (ValueError, TypeError, KeyError, Error, RecursionError):
            yield Unread(place, "no-record", line, {"line": 1})
            return
        yield fact
        yield Seen("line", CARRIED)

    def _row(self, kind: str, said: Mapping[str, Any]) -> dict[str, str | bytes | None]:
        row: dict[str, str | bytes | None] = {}
        for name, value in said.items():
            if name in self._fields[kind]:
                row[name] = b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
        if not row[self._ids[kind]] or not all(
            it is None or isinstance(it, str | bytes) for it in row.values()
        ):
            raise TypeError("no id, or no text")
        for value in row.values():
            if isinstance(value, str):
                value.encode()  # a lone surrogate is no text
        return row

    def unfit(self, kind: str, row: Row) -> str | None:
        """An empty text is one thing with an emptied field, here as in every message; so are no octets."""
        if "" in row.values() or b"" in row.values():
            return "empty"
        return "type" if kind not in self._ids else None

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """Files of so many cases each, then one of what is alone."""
        number = 0
        rest = iter(cases)
        while some := list(islice(rest, TOGETHER)):
            number += 1
            records = chain.from_iterable(rows_of(case) for case in some)
            yield Written(f"{number:06d}.jsonl", b"".join(_told(kind, row) for kind, row in records))
        others = iter(alone)
        while records_alone := list(islice(others, TOGETHER)):
            number += 1
            yield Written(f"{number:06d}.jsonl", b"".join(_told(kind, row) for kind, row in records_alone))


class AnyLines(Lines):
    """The same lines for records of any tables at all, every value of which is told: for the contract of targets."""

    name = "any-lines"

    def __init__(self, catalogue: Catalogue) -> None:
        self.mapping = ""
        self._ids = {name: next(iter(table.columns)) for name, table in catalogue.tables.items()}
        self._fields = {name: set(table.columns) for name, table in catalogue.tables.items()}

    def unfit(self, kind: str, row: Row) -> str | None:
        """Everything fits."""
        return None


class LineTables:
    """Implements `files.format.Tables` on the same lines: each is a row of the table it names, with this catalogue."""

    name = "line-tables"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def catalogue(self, files: Sequence[File]) -> Catalogue:
        """As it was given: lines of JSON do not tell which columns are absent."""
        return self._catalogue

    def account(self, files: Sequence[File]) -> dict[str, dict[str, str]]:
        """Nothing has to be found."""
        return {}

    def rows(
        self, files: Sequence[File], wanted: Mapping[str, Sequence[str]]
    ) -> Iterator[Rows | Unread | Seen]:
        """A line at a time, in batches of one table."""
        for file in files:
            with file.open() as stream:
                for number, text in enumerate(stream, start=1):
                    yield from self._row(text, f"{file.place}:{number}", wanted)

    def _row(
        self, text: bytes, place: str, wanted: Mapping[str, Sequence[str]]
    ) -> Iterator[Rows | Unread | Seen]:
        try:
            said = json.loads(text)
            table, row = said["kind"], said["row"]
        except (ValueError, TypeError, KeyError):
            yield Unread(place, "no-row", text, {"row": 1})
            return
        if table in wanted:
            columns = {name: _cell(row.get(name)) for name in wanted[table]}
            shape = pa.schema([pa.field(name, self._type(table, name)) for name in columns])
            yield Rows(table, pa.RecordBatch.from_pylist([columns], schema=shape))
        yield Seen("row", CARRIED if table in wanted else UNKNOWN)

    def _type(self, table: str, name: str) -> pa.DataType:
        family = self._catalogue.tables[table].columns[name].family
        return pa.binary() if family == "bytes" else pa.string()


def told_in(octets: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and row of every line, octets as octets: read without the format."""
    for text in octets.split(b"\n")[:-1]:
        said = json.loads(text)
        yield said["kind"], {name: _cell(value) for name, value in said["row"].items()}


def _cell(value: Any) -> str | bytes | None:
    return b64decode(value["base64"]) if isinstance(value, dict) else value


def _told(kind: str, row: Row) -> bytes:
    told = {
        name: {"base64": b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.items()
        if value is not None
    }
    return json.dumps({"kind": kind, "row": told}, ensure_ascii=False).encode() + b"\n"


def line(kind: str, *, gone: bool = False, **row: str | bytes | None) -> bytes:
    """One line, as a test writes it."""
    told = json.loads(_told(kind, row))
    return json.dumps(told | ({"gone": True} if gone else {})).encode() + b"\n"


def _units(octets: bytes) -> int:
    return sum(bool(piece) for piece in octets.split(b"\n"))


def _repeated(times: int) -> RawIOBase:
    return Repeat(lambda n: line("patient", id=str(n), birth_name="DURAND"), times, head=b'{"note": ""}\n')


DESCRIBED = Described(
    name="lines",
    format=Lines,
    units=_units,
    samples=(
        b'{"note": "x"}\n\n' + line("patient", id="1", birth_name="DURAND") + line("mood", id="1") + b"{}\n[]\nnull\n"
        + line("result", id="9", gone=True) + line("document", id="4", content=b"\x00\xff") + b'{"kind": "patient", "row": {}}\n{"kind": ["x"]}',
    ),
    repeated=_repeated,
)  # fmt: skip
