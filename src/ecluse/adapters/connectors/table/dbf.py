"""A dBASE or FoxPro file (DBF) with its memo file, as a table. Our own reader: the one library that reads them all is not kept since 2016.

Decides the text of each type, that rows marked as deleted are counted and not read, and that a file shorter or longer than its head says is
told. Read: dBASE III and IV, FoxPro 2 and Visual FoxPro, types C N F D L M I B T Y; a column of another type is named and cannot be read. The
layout is that of "Xbase File Format Description" (E. Bachmann) and Microsoft's "Table File Structure (.dbc, .dbf, ...)".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Final

import pyarrow as pa

from ecluse.adapters.connectors.files.format import File, Seen, Unread
from ecluse.adapters.connectors.table.dbf_memo import Memo, open_memo
from ecluse.adapters.connectors.table.encoding import KNOWN
from ecluse.adapters.connectors.table.exact import date_text, number_text
from ecluse.adapters.connectors.table.head import Head, batched, column_names, refuse_others
from ecluse.adapters.connectors.table.layout import Layout
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn, TypeFamily

__all__ = ["CODE_PAGES", "Dbf"]

CODE_PAGES: Final[dict[int, str]] = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x04: "mac-roman", 0x0D: "cp437", 0x0F: "cp437", 0x10: "cp850", 0x11: "cp437", 0x12: "cp850",
    0x13: "cp932", 0x14: "cp850", 0x15: "cp437", 0x16: "cp850", 0x18: "cp437", 0x19: "cp437", 0x1A: "cp850", 0x1B: "cp437", 0x1D: "cp850",
    0x25: "cp850", 0x37: "cp850", 0x40: "cp852", 0x57: "cp1252", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0x67: "cp861", 0x6A: "cp737", 0x6B: "cp857", 0x6C: "cp863", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
"""Python's codec for each language driver (octet 29 of the head) met in Europe and the Americas."""

_VISUAL: Final = (0x30, 0x31, 0x32)
_VERSIONS: Final = (0x02, 0x03, 0x43, 0x63, 0x83, 0x8B, 0xCB, 0xF5, 0xFB, *_VISUAL)
_FAMILIES: Final[dict[str, TypeFamily]] = {
    "C": "text", "M": "text", "N": "decimal", "F": "decimal", "D": "date", "L": "flag", "I": "integer", "B": "float", "T": "datetime",
    "Y": "decimal",
}  # fmt: skip
_BINARY_SIZES: Final = {"I": 4, "B": 8, "T": 8, "Y": 8}
_TRUTHS: Final = {b"T": "true", b"t": "true", b"Y": "true", b"y": "true", b"F": "false", b"f": "false", b"N": "false", b"n": "false",
                  b"?": None, b" ": None, b"": None}  # fmt: skip
_JULIAN: Final = 1_721_425
"""The Julian day before 1 January of year 1, proleptic: 2,451,545 is 1 January 2000."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column as the head describes it: where it stands in a record, after the mark of deletion."""

    name: str
    kind: str
    start: int
    width: int
    decimals: int
    binary: bool


class Odd(ValueError):
    """A cell that cannot be told; its argument is the reason, never the value."""


class Dbf:
    """Implements `head.TableFile` for a DBF file. `layout`: the encoding, where the head tells none or the wrong one; `memo`: its memo file."""

    def __init__(
        self, file: File, *, name: str, layout: Layout | None = None, memo: File | None = None
    ) -> None:
        self._file, self._name, self._layout, self._memos = file, name, layout or Layout(), memo
        self._fields: list[Field] = []
        self._codec = ""

    def heads(self) -> Sequence[Head]:
        """One table, named as the file."""
        with self._file.open() as stream:
            head = stream.read(32)
            if len(head) < 32 or head[0] not in _VERSIONS:
                raise Refusal(
                    "table/unreadable",
                    where=f"file {self._file.place}",
                    got="no DBF of dBASE III, IV or FoxPro",
                )
            if head[15]:
                raise Refusal("table/unreadable", where=f"file {self._file.place}", got="encrypted DBF")
            self._version = head[0]
            self._count, self._begin, self._width = struct.unpack_from("<IHH", head, 4)
            self._fields = self._described(stream)
        told = CODE_PAGES.get(head[29])
        self._codec = KNOWN[self._layout.encoding] if self._layout.encoding else told or "cp1252"
        why = "said" if self._layout.encoding else f"driver 0x{head[29]:02x}" if told else "none told"
        names = column_names([field.name for field in self._fields])
        columns = {
            name: CatalogueColumn(
                name, _FAMILIES.get(field.kind, "other"), f"{field.kind}({field.width},{field.decimals})"
            )
            for name, field in zip(names, self._fields, strict=True)
        }
        return [Head(self._name, columns, {"encoding": f"{self._codec} ({why})"})]

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """See `TableFile.rows`; the rows marked as deleted are counted, last."""
        if not self._fields:
            self.heads()
        names = list(head.columns)
        fields = [self._fields[names.index(name)] for name in columns]
        refuse_others(head, columns)
        if self._memos is None and any(field.kind == "M" for field in fields):
            raise Refusal(
                "table/unreadable",
                where=f"file {self._file.place}",
                got="its memo file (.dbt or .fpt) is absent",
            )
        return batched(self._records(fields), head.shape(columns))

    def _records(self, fields: Sequence[Field]) -> Iterator[list[str | None] | Unread | Seen]:
        """These cells of each record, what cannot be told, and what the head's count does not agree with."""
        memos = any(field.kind == "M" for field in fields)
        deleted = number = 0
        with self._file.open() as stream, open_memo(self._memos if memos else None) as memo:
            stream.seek(self._begin)
            while number < self._count and len(raw := stream.read(self._width)) == self._width:
                number += 1
                if raw[:1] == b"*":
                    deleted += 1
                else:
                    yield self._row(raw, fields, memo, place=f"{self._file.place}:{number}")
            following = f"{self._file.place}:{number + 1}"
            if number < self._count:
                yield Unread(following, "cut", b"", {"row": self._count - number})
            elif more := self._beyond(stream):
                yield Unread(following, "beyond-count", b"", {"row": more})
        if deleted:
            yield Seen("row", "deleted", deleted)

    def _row(
        self, raw: bytes, fields: Sequence[Field], memo: Memo | None, *, place: str
    ) -> list[str | None] | Unread:
        try:
            return [self._cell(raw, field, memo) for field in fields]
        except Odd as odd:
            reason = str(odd)
        except UnicodeDecodeError:
            reason = "encoding"
        except (ValueError, OverflowError):
            reason = "value"
        return Unread(place, reason, raw, {"row": 1})

    def _beyond(self, stream: BinaryIO) -> int:
        """Whole records that stand after the last one the head counts."""
        rest = stream.read(self._width)
        more = 0
        while len(rest) == self._width and rest[:1] in (b" ", b"*"):
            more += 1
            rest = stream.read(self._width)
        return more

    def _described(self, stream: BinaryIO) -> list[Field]:
        fields: list[Field] = []
        start = 1
        while stream.tell() + 32 <= self._begin:
            line = stream.read(32)
            if len(line) < 32 or line[:1] == b"\r":
                break
            name = line[:11].split(b"\x00", 1)[0].decode("cp850")
            kind, width, decimals = chr(line[11]), line[16], line[17]
            if kind == "C":  # FoxPro and Clipper count a long text's octets in both
                width, decimals = width + 256 * decimals, 0
            size = _BINARY_SIZES.get(kind)
            binary = size == width and (kind != "B" or self._version in _VISUAL)
            if kind != "0":  # FoxPro's own flags are no column
                fields.append(
                    Field(
                        name,
                        kind if kind not in _BINARY_SIZES or binary else "?",
                        start,
                        width,
                        decimals,
                        binary,
                    )
                )
            start += width
        if not fields or start > self._width or self._width == 0:
            raise Refusal(
                "table/unreadable",
                where=f"file {self._file.place}",
                got="a DBF whose head contradicts itself",
            )
        return fields

    def _cell(self, raw: bytes, field: Field, memo: Memo | None) -> str | None:
        cell = raw[field.start : field.start + field.width]
        if field.binary:
            return _binary(cell, field.kind)
        if field.kind == "C":
            return self._text(cell.rstrip(b" \x00"))
        if field.kind == "M":
            return self._memo(cell, memo)
        bare = cell.strip(b" \x00")
        if field.kind == "L" and bare in _TRUTHS:
            return _TRUTHS[bare]
        told = bare.decode("ascii")
        if field.kind == "D" and len(told) == 8 and told.isdigit():
            return f"{told[:4]}-{told[4:6]}-{told[6:]}"
        if told.startswith("*"):
            raise Odd("overflow")
        return told or None

    def _text(self, octets: bytes) -> str | None:
        if b"\x00" in octets:
            raise Odd("nul")
        return octets.decode(self._codec) or None

    def _memo(self, cell: bytes, memo: Memo | None) -> str | None:
        if len(cell) == 4:
            (block,) = struct.unpack("<I", cell)
        else:
            block = int(cell.strip(b" \x00") or b"0")
        if block == 0 or memo is None:
            return None
        octets = memo.read(block)
        if octets is None:
            raise Odd("memo")
        return self._text(octets)


def _binary(cell: bytes, kind: str) -> str | None:
    if kind == "I":
        return str(struct.unpack("<i", cell)[0])
    if kind == "B":
        return number_text(struct.unpack("<d", cell)[0])
    if kind == "Y":
        return str(Decimal(struct.unpack("<q", cell)[0]).scaleb(-4))
    day, milli = struct.unpack("<ii", cell)
    if day == 0 or cell == b" " * 8:
        return None
    return date_text(datetime(1, 1, 1) + timedelta(days=day - _JULIAN - 1, milliseconds=milli))  # noqa: DTZ001 - civil time
