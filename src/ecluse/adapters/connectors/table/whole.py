"""What formats of one closed file have in common (a workbook, a Parquet file): it is read whole or not at all, and it is one unit.

Decides the largest such file, and that one doubtful row makes the whole file unread: what we wrote ourselves and is no longer so was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import CARRIED, Fact, Seen, Unread
from ecluse.adapters.connectors.table.records import Cell, record_from
from ecluse.base.refusal import Refusal
from ecluse.terms.vocabulary import vocabulary

__all__ = ["LARGEST", "Damaged", "Whole", "told_whole"]

LARGEST: Final = 512 << 20
"""Octets of one file: ours hold some tens of millions."""

Rows = Iterator[tuple[str, list[Cell]]]


class Damaged(Exception):
    """The file is not as we write it; its argument is the reason."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Implements `files.format.File` for octets that are held."""

    octets: bytes
    name: str = "-"
    place: str = "-"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its octets."""
        yield BytesIO(self.octets)


def told_whole(
    stream: BinaryIO, *, name: str, unit: str, rows: Callable[[bytes], Rows]
) -> Iterator[Fact | Unread | Seen]:
    """The records of one file, or the file as one unread unit."""
    octets = _held(stream)
    if not octets:
        return
    facts: list[Fact] = []
    try:
        if len(octets) > LARGEST:
            raise Damaged("too-long")
        for kind, cells in rows(octets):
            fields = list(vocabulary().kinds[kind].fields)
            if len(cells) != len(fields) or not cells[fields.index("id")]:
                raise Damaged("no-id")
            facts.append(Fact(kind, record_from(kind, cells), f"{name}:{len(facts) + 1}"))
    except Damaged as damaged:
        yield Unread(name, str(damaged), octets, {unit: 1})
        return
    except Refusal:
        yield Unread(name, "damaged", octets, {unit: 1})
        return
    yield from facts
    yield Seen(unit, CARRIED)


def _held(stream: BinaryIO) -> bytes:
    """All octets of a stream that may give fewer than asked for, and one more than may be read."""
    held = bytearray()
    while len(held) <= LARGEST and (more := stream.read(1 << 20)):
        held += more
    return bytes(held)
