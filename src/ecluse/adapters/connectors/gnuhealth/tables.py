"""A GNU Health read through `files`, as anybody's records: one "file" for each kind, of lines that `told` gives; rules, account and rejects are theirs.

Decides the fate of each record, and that one which was written since the reading began is refused: a server gives no snapshot, so nobody writes there
meanwhile, and what shows that somebody did stops the run. What was taken out meanwhile does not show.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import islice
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from ecluse.adapters.clock import Clock, SystemClock
from ecluse.adapters.connectors.files.format import CARRIED, UNKNOWN, File, Rows, Seen, Unread, catalogue_of
from ecluse.adapters.connectors.gnuhealth.server import PAGE, Server
from ecluse.adapters.connectors.gnuhealth.told import KINDS, Told, told
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary

__all__ = ["GnuHealthTables", "gnuhealth_catalogue", "held"]

SLACK: Final = timedelta(minutes=5)
"""By how much the server's clock may be ahead of ours."""


class GnuHealthTables:
    """A `files.format.Tables`: a row is a row, so that a record which stands twice counts twice, and an empty text is no absent one."""

    name = "gnuhealth"

    def catalogue(self, files: Sequence[File]) -> Catalogue:  # noqa: ARG002 - they are the same wherever it stands
        """One table for each record kind."""
        return gnuhealth_catalogue()

    def account(self, files: Sequence[File]) -> dict[str, dict[str, str]]:  # noqa: ARG002 - nothing has to be found
        """Nothing: its API says all of it."""
        return {}

    def rows(
        self, files: Sequence[File], wanted: Mapping[str, Sequence[str]]
    ) -> Iterator[Rows | Unread | Seen]:
        """The records of each kind, a page at a time."""
        for file in files:
            with file.open() as stream:
                lines = enumerate(stream, 1)
                while page := list(islice(lines, PAGE)):
                    yield from _page(file, page, wanted.get(file.name, ()))


def gnuhealth_catalogue() -> Catalogue:
    """The connector's tables, as its own mapping names them; each with its record's number as key."""
    text = resources.files(__package__).joinpath("gnuhealth.toml").read_bytes()
    return catalogue_of(parse_mapping(text, vocabulary=vocabulary()))


def _page(
    file: File, page: Sequence[tuple[int, bytes]], columns: Sequence[str]
) -> Iterator[Rows | Unread | Seen]:
    rows: list[dict[str, str | None]] = []
    for place, octets in page:
        line = json.loads(octets)
        for unit, times in line["beside"].items():
            yield Seen(unit, UNKNOWN, times)
        if line["unread"]:
            yield Unread(f"{file.place}:{place}", line["unread"], octets, {line["model"]: 1})
            continue
        yield Seen(line["model"], CARRIED)
        rows.append(line["row"])
    if rows and columns:
        shape = pa.schema([pa.field(name, pa.string()) for name in columns])
        yield Rows(file.name, pa.RecordBatch.from_pylist(rows, schema=shape))


def held(server: Server, *, clock: Clock | None = None) -> tuple[File, ...]:
    """What a GNU Health holds, as files: one for each kind, parents first."""
    began = (clock or SystemClock()).now()
    return tuple(Records(kind, str(place), server, began) for place, kind in enumerate(KINDS, 1))


@dataclass(frozen=True, slots=True)
class Records:
    """Implements `files.format.File`: all records of one kind."""

    name: str
    place: str
    server: Server
    began: datetime

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The lines, as the pages come. Raises as they are read Refusal `source/changed`, Fault `source/...`."""
        try:
            yield cast("BinaryIO", _Lines(self._lines()))
        finally:
            self.server.close()

    def _lines(self) -> Iterator[bytes]:
        for it in told(self.server, self.name):
            self._check_unchanged(it)
            line = {
                "model": it.model,
                "kind": self.name,
                "row": it.row,
                "unread": it.unread,
                "beside": dict(it.beside),
            }
            yield json.dumps(line).encode() + b"\n"

    def _check_unchanged(self, it: Told) -> None:
        if any(_at(stamp) > self.began + SLACK for stamp in it.stamps if stamp is not None):
            raise Refusal("source/changed", where=it.model)


class _Lines(io.RawIOBase):
    """Lines that come one by one, as a stream."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._held = lines

    def __iter__(self) -> Iterator[bytes]:
        return self._held


def _at(stamp: Any) -> datetime:
    year, month, day, hour, minute, second = (
        stamp[name] for name in ("year", "month", "day", "hour", "minute", "second")
    )
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
