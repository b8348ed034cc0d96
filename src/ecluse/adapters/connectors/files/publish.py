"""A register as cases, request by request, and the files they make, put in the place of the older ones in one step.

Decides the order (requests by their ids, what stands below each in step, then the records without a request) and how the change of files is
made whole: a new folder is filled beside the old one and reaches the disk, then takes its name. Killed at any moment, the messages are the
older ones, the newer ones, or (between two renames) none, and the register says that it must be done again. Memory stays that of one case.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.connectors.files.format import Case, Format, Row, Written
from ecluse.adapters.connectors.files.register import quoted
from ecluse.adapters.durable import to_disk
from ecluse.base.refusal import Fault
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.code_map import CodeMap

# ruff: noqa: S608 - the only names pasted into a statement are the catalogue's, quoted

__all__ = ["MESSAGES", "alone", "cases", "publish", "text"]

MESSAGES: Final = "messages"
_NEW: Final = ".messages.new"
_OLD: Final = ".messages.old"
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BELOW: Final = {
    "specimen": "specimens", "result": "results", "isolate": "isolates", "susceptibility": "susceptibilities", "document": "documents",
    "invoice": "invoices",
}  # fmt: skip
_PEOPLE: Final = ("patient", "prescriber")
_NO_MAP: Final = CodeMap({})


def publish(
    folder: Path, fmt: Format, connection: sqlite3.Connection, tables: Catalogue, known: CodeMap = _NO_MAP
) -> None:
    """Put files of everything in the register in the place of those there were; beside local codes, those that `known` chose.

    Raises Fault `target/disk-full`, `target/failed`.
    """
    new, old, place = folder / _NEW, folder / _OLD, folder / MESSAGES
    try:
        for left in (new, old):  # of a publication that was killed
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir(mode=0o700)
        for file in fmt.write(cases(connection, tables, known), alone(connection, tables)):
            _put(new, file)
        to_disk(new)
        if place.exists():
            place.rename(old)
        new.rename(place)
        to_disk(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Fault("target/disk-full", where=MESSAGES) from None
        raise Fault("target/failed", where=MESSAGES, got=errno.errorcode.get(error.errno or 0, "OSError")) from None  # fmt: skip


def cases(connection: sqlite3.Connection, tables: Catalogue, known: CodeMap = _NO_MAP) -> Iterator[Case]:
    """Every request with all that stands below it, by the requests' ids, and what `known` chose for their codes."""
    if "request" not in tables.tables:
        return
    below = {
        kind: _Below(connection, kind)
        for kind in _BELOW
        if kind in tables.tables and "request" in tables.tables[kind].columns
    }
    for request in _rows(connection, f"SELECT * FROM request ORDER BY {quoted('id')}"):
        people = {
            name: _person(connection, name, request.get(name), there=name in tables.tables)
            for name in _PEOPLE
        }
        under = {_BELOW[kind]: rows.of(str(request["id"])) for kind, rows in below.items()}
        codings = {
            (kind, str(row["id"])): chosen
            for kind in _BELOW
            for row in under.get(_BELOW[kind], ())
            if known.targets and (chosen := known.of(kind, row)) is not None
        }
        yield Case(request=request, codings=codings, **people, **under)  # type: ignore[arg-type]


def alone(connection: sqlite3.Connection, tables: Catalogue) -> Iterator[tuple[str, Row]]:
    """The records that no request refers to: prescribers, then patients; and all records of kinds that no request has."""
    requests = tables.tables.get("request")
    for name, table in tables.tables.items():
        if requests is not None and (name == "request" or (name in _BELOW and "request" in table.columns)):
            continue
        unnamed = ""
        if requests is not None and name in _PEOPLE and name in requests.columns:
            column = quoted(name)
            unnamed = f" WHERE id NOT IN (SELECT {column} FROM request WHERE {column} IS NOT NULL)"
        for row in _rows(connection, f"SELECT * FROM {quoted(name)}{unnamed} ORDER BY rowid"):
            yield name, row


class _Below:
    """The records of one kind below the requests, in the requests' order: each read once, none held but those of one request."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        # A record without a request would stand nowhere: the register lets none in (NOT NULL).
        self._rows = _rows(connection, f"SELECT * FROM {quoted(kind)} ORDER BY request, rowid")
        self._next = next(self._rows, None)

    def of(self, request: str) -> list[Row]:
        """Those of this request; requests must be asked for in order."""
        found: list[Row] = []
        while self._next is not None and self._next["request"] == request:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found


def _person(connection: sqlite3.Connection, kind: str, name: Any, *, there: bool) -> Row:
    """The patient or prescriber that a request names: where nothing else is known of them, their id alone."""
    if name is None:
        return {}
    found = None
    if there:
        found = next(_rows(connection, f"SELECT * FROM {quoted(kind)} WHERE id = ?", (name,)), None)
    return found or {"id": name}


def _rows(connection: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> Iterator[Row]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query, values)
        names = [column[0] for column in cursor.description]
        for line in cursor:
            yield {name: text(value) for name, value in zip(names, line, strict=True) if value is not None}


def text(value: Any) -> str | bytes | None:
    """A value as a message tells it: text as it is, octets as they are, numbers in the shortest text that reads back the same."""
    return value if value is None or isinstance(value, str | bytes) else repr(value)


def _put(folder: Path, file: Written) -> None:
    if not _SAFE.fullmatch(file.name):
        raise ValueError("a format named a file by something else than numbers and safe letters")
    handle = os.open(folder / file.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(file.content)
        opened.flush()
        os.fsync(handle)
