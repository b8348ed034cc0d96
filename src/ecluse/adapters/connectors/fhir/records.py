"""Between Arrow batches and the lines of a piece: canonical values as text, resources, and what a request tells its children.

Decides how a piece is read, line by line and in order, and that a piece which does not hold what its manifest says is refused. Resources
are `exact`'s.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.connectors.fhir.elements import Element, Row
from ecluse.adapters.connectors.fhir.exact import row_of
from ecluse.adapters.connectors.fhir.folder import Piece
from ecluse.base.refusal import Fault

__all__ = ["CHUNK", "Requests", "column", "ids_in", "lines_in", "requests_table", "rows_in", "texts"]

CHUNK: Final = 16_384
"""Records made into Python values at a time."""

_DECODE: Final[Callable[[str], Element]] = json.JSONDecoder(parse_float=str, parse_int=str).decode


# --- batches and rows -------------------------------------------------------------------------------------------------------------


def texts(batch: pa.RecordBatch) -> list[Row]:
    """The batch's rows as text."""
    names = batch.schema.names
    columns = [_texts(values) for values in batch.columns]
    return [dict(zip(names, line, strict=True)) for line in zip(*columns, strict=True)]


def _texts(values: pa.Array) -> list[str | None]:
    if pa.types.is_binary(values.type):
        return [
            None if octets is None else b64encode(octets).decode("ascii") for octets in values.to_pylist()
        ]
    text = values.cast(pa.string())
    if pa.types.is_timestamp(values.type):
        text = pc.replace_substring_regex(text, r"\.0+$", "")
    said: list[str | None] = text.to_pylist()
    return said


def column(rows: Sequence[Row], name: str, *, octets: bool) -> pa.Array:
    """One column of rows, as raw text or octets."""
    if octets:
        values = [None if (said := row.get(name)) is None else b64decode(said) for row in rows]
        return pa.array(values, pa.binary())
    return pa.array([row.get(name) for row in rows], pa.string())


# --- pieces -----------------------------------------------------------------------------------------------------------------------


def lines_in(folder: Path, piece: Piece) -> Iterator[tuple[bytes, bytes | None]]:
    """The lines of a piece in order, each with its octets' line or none. Raises Fault `fhir/damaged`."""
    binaries = _lines(folder, piece.binary, piece.binaries) if piece.binaries else iter(())
    for line in _lines(folder, piece.name, piece.rows):
        with_octets = piece.binaries and f'"url":"Binary/{_id(line).decode()}"'.encode() in line
        yield line, next(binaries, b"") if with_octets else None


def rows_in(folder: Path, piece: Piece) -> Iterator[Row]:
    """The records of a piece in order, octets included. Raises Fault `fhir/damaged`."""
    try:
        for line, binary in lines_in(folder, piece):
            row = row_of(piece.kind, _DECODE(line.decode()))
            if binary is not None:
                octets = _DECODE(binary.decode())
                row["content"] = (
                    octets.get("data", "") if octets["id"] == _id(line).decode() else octets["other"]
                )
            yield row
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise Fault("fhir/damaged", where=piece.name) from None


def ids_in(folder: Path, piece: Piece) -> list[str]:
    """The resources' ids, in order, without reading the rest."""
    return [_id(line).decode() for line in _lines(folder, piece.name, piece.rows)]


def _lines(folder: Path, name: str, rows: int) -> Iterator[bytes]:
    try:
        with (folder / name).open("rb", buffering=1 << 20) as file:
            seen = 0
            for line in file:
                seen += 1
                yield line
    except OSError:
        raise Fault("fhir/damaged", where=name) from None
    if seen != rows:
        raise Fault("fhir/damaged", where=name)


def _id(line: bytes) -> bytes:
    """Our lines begin with the resource's type and id."""
    return line.split(b'"', 8)[7]


# --- requests ---------------------------------------------------------------------------------------------------------------------


class Requests:
    """What each request tells the records that belong to it: its patient, its site, its month. Read once for each piece."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pieces: dict[str, pa.Table] = {}

    def note(self, piece: Piece, tables: Sequence[pa.Table]) -> None:
        """Remember what a piece just written tells (`table`)."""
        self._pieces[piece.name] = pa.concat_tables(tables)

    def keep(self, pieces: Sequence[Piece]) -> None:
        """Forget every piece but these: what was noted of a change that was not made, or is replaced."""
        names = {piece.name for piece in pieces}
        self._pieces = {name: table for name, table in self._pieces.items() if name in names}

    def told(self, requests: pa.Array, pieces: Sequence[Piece]) -> pa.Table:
        """For each id of a request, `patient`, `site` and `month`; null where the request is not there or does not say."""
        for piece in pieces:
            if piece.name not in self._pieces:
                rows = rows_in(self._folder, piece)
                chunks = iter(lambda rows=rows: list(islice(rows, CHUNK)), [])  # type: ignore[misc]
                self._pieces[piece.name] = pa.concat_tables([requests_table(chunk) for chunk in chunks])
        known = pa.concat_tables(
            [requests_table([]), *(self._pieces[piece.name] for piece in pieces)]
        ).combine_chunks()
        place = pc.index_in(requests, value_set=known.column("id").combine_chunks())
        return known.take(place)


def requests_table(rows: Sequence[Row]) -> pa.Table:
    """What these requests tell: `id`, `patient`, `site`, and `month` ("YYYY-MM")."""
    columns = {name: column(rows, name, octets=False) for name in ("id", "patient", "site")}
    return pa.table(columns | {"month": pc.utf8_slice_codeunits(column(rows, "date", octets=False), 0, 7)})
