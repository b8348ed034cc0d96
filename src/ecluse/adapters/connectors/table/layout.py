"""`tables.toml`: what a person says of files that do not say it themselves, beside them in the folder.

    [PATIENT]                           # the table's name: the file's, without its ending
    file = "PATIENT.TXT"                # needed where the ending tells nothing
    encoding = "iso-8859-1"
    separator = ";"                     # "" where there is one column
    quote = "'"                         # "" where nothing quotes
    header = false
    columns = ["NUMPAT", "NOMNAI"]      # names, where the file gives none

    [RESULT]
    file = "RESULT.DAT"
    record = 80                         # octets of a row, where no line end separates them
    fixed = [{ name = "NUMRES", start = 1, width = 8 }, { name = "VALRES", start = 9, width = 12 }]    # start from 1, in octets

Decides the grammar, and that an unknown key is refused.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.connectors.table.encoding import KNOWN
from ecluse.base.refusal import Refusal

__all__ = ["FILE", "LARGEST", "Fixed", "Layout", "read_layouts"]

FILE: Final = "tables.toml"
LARGEST: Final = 1 << 20
_KEYS: Final = {"file", "encoding", "separator", "quote", "header", "columns", "record", "fixed"}


@dataclass(frozen=True, slots=True)
class Fixed:
    """A column of fixed width: `start` counted from 1, both in octets."""

    name: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What is said of one table's file; None or "" where nothing is."""

    file: str = ""
    encoding: str = ""
    separator: str | None = None
    quote: str | None = None
    header: bool | None = None
    columns: tuple[str, ...] = ()
    record: int = 0
    fixed: tuple[Fixed, ...] = ()


def read_layouts(octets: bytes) -> dict[str, Layout]:
    """What `tables.toml` says, by table. Raises Refusal `table/layout-unreadable`."""
    try:
        source = tomllib.loads(octets.decode("utf-8")) if len(octets) <= LARGEST else None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        source = None
    if source is None:
        raise Refusal("table/layout-unreadable", where=FILE, got="not TOML")
    return {name: _layout(name, table) for name, table in source.items()}


def _layout(name: str, table: object) -> Layout:
    if not isinstance(table, dict) or not name:
        raise Refusal("table/layout-unreadable", where=FILE, got="a table for each file is needed")
    for key in table:
        if key not in _KEYS:
            raise Refusal("table/layout-unreadable", where=name, got=f"unknown key {key}")
    layout = Layout(
        file=_typed(table, "file", str, "", name),
        encoding=_typed(table, "encoding", str, "", name).lower(),
        separator=_typed(table, "separator", str, None, name),
        quote=_typed(table, "quote", str, None, name),
        header=_typed(table, "header", bool, None, name),
        columns=tuple(_typed(table, "columns", list, [], name)),
        record=_typed(table, "record", int, 0, name),
        fixed=tuple(_fixed(line, name) for line in _typed(table, "fixed", list, [], name)),
    )
    _check(layout, name)
    return layout


def _typed(table: dict[str, Any], key: str, kind: type, default: Any, where: str) -> Any:
    value = table.get(key, default)
    if key in table and type(value) is not kind:
        raise Refusal("table/layout-unreadable", where=where, got=key)
    return value


def _fixed(line: object, where: str) -> Fixed:
    if not isinstance(line, dict) or line.keys() != {"name", "start", "width"}:
        raise Refusal("table/layout-unreadable", where=where, got="fixed: name, start and width are needed")
    name, start, width = line["name"], line["start"], line["width"]
    if not isinstance(name, str) or type(start) is not int or type(width) is not int:
        raise Refusal("table/layout-unreadable", where=where, got="fixed")
    if start < 1 or not 1 <= width <= 1 << 20:
        raise Refusal("table/layout-unreadable", where=f"{where}.{name}", got="start or width")
    return Fixed(name, start, width)


def _check(layout: Layout, name: str) -> None:
    if layout.file and (Path(layout.file).name != layout.file or layout.file == FILE):
        raise Refusal("table/layout-unreadable", where=name, got="file: a name in the same folder is needed")
    if layout.encoding and layout.encoding not in KNOWN:
        raise Refusal("table/layout-unreadable", where=name, got=f"encoding: one of {', '.join(KNOWN)}")
    if any(
        len(sign) > 1 or sign in ("\r", "\n", "\x00") for sign in (layout.separator or "", layout.quote or "")
    ):
        raise Refusal("table/layout-unreadable", where=name, got="separator and quote are one character")
    if layout.separator and layout.separator == layout.quote:
        raise Refusal("table/layout-unreadable", where=name, got="separator and quote are the same")
    if not all(isinstance(column, str) for column in layout.columns):
        raise Refusal("table/layout-unreadable", where=name, got="columns: names are needed")
    for before, after in pairwise(sorted(layout.fixed, key=lambda column: column.start)):
        if before.start + before.width > after.start:
            raise Refusal(
                "table/layout-unreadable", where=f"{name}.{after.name}", got="overlaps another column"
            )
    end = max((column.start + column.width - 1 for column in layout.fixed), default=0)
    if layout.record and (layout.record < end or not layout.fixed):
        raise Refusal("table/layout-unreadable", where=name, got="record is shorter than its columns")
