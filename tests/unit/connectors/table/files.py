"""Files for the readers of tables: octets held in memory, as a source gives them, and what was read of them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from ecluse.adapters.connectors.files.format import Rows, Unread
from ecluse.adapters.connectors.table.formats import TablesInFiles

Value = str | bytes | None


@dataclass(frozen=True)
class Held:
    """Implements `files.format.File`."""

    name: str
    octets: bytes
    place: str = "1"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.octets)


@dataclass(frozen=True)
class Read:
    """What was read: rows by table, what was not read, and how many units met each fate."""

    rows: Mapping[str, list[dict[str, Value]]]
    unread: list[Unread]
    seen: Counter[tuple[str, str]]

    @property
    def reasons(self) -> list[str]:
        return [it.reason for it in self.unread]

    @property
    def counted(self) -> int:
        return sum(self.seen.values()) + sum(sum(it.units.values()) for it in self.unread)


def files(**named: bytes) -> list[Held]:
    """Files by name; "__" stands for the point."""
    return [
        Held(name.replace("__", "."), octets, str(number))
        for number, (name, octets) in enumerate(named.items(), 1)
    ]


def read(held: Sequence[Held], wanted: Mapping[str, Sequence[str]] | None = None) -> Read:
    """Everything in these files; every column of every table, unless said otherwise."""
    tables = TablesInFiles()
    known = tables.catalogue(held).tables
    asked = {name: list(table.columns) for name, table in known.items()} if wanted is None else wanted
    found = Read({name: [] for name in asked}, [], Counter())
    for it in tables.rows(held, asked):
        if isinstance(it, Rows):
            assert it.batch.schema.names == list(asked[it.table])
            found.rows[it.table].extend(it.batch.to_pylist())
        elif isinstance(it, Unread):
            found.unread.append(it)
        else:
            found.seen[it.unit, it.fate] += it.times
    return found


def one(name: str, octets: bytes) -> Read:
    """One file."""
    return read([Held(name, octets)])


def table(name: str, octets: bytes) -> list[dict[str, Any]]:
    """The rows of one file of one table, all of which were read."""
    found = one(name, octets)
    assert found.unread == []
    (rows,) = found.rows.values()
    return rows


def account(name: str, octets: bytes) -> dict[str, str]:
    """What was decided of the one table of this file."""
    (told,) = TablesInFiles().account([Held(name, octets)]).values()
    return told
