"""FHIR R4 as a target: each batch becomes new pieces of NDJSON, committed with its mark by one rename.

Decides that each record kind is a table of the vocabulary's own fields, so that a mapping that changes nothing (`fhir-r4.toml`) describes it;
that an id stands once; and that what replaces a record keeps the fields it does not give. References are not checked: a receiver of Bulk
Data resolves them itself, and a record whose parent was rejected has already been kept back by the load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.clock import Clock, SystemClock
from ecluse.adapters.connectors.fhir.address import FolderAddress
from ecluse.adapters.connectors.fhir.codings import tell_codings
from ecluse.adapters.connectors.fhir.elements import Moments, Row, fhir_id
from ecluse.adapters.connectors.fhir.exact import binary_of, line_of, resource_of
from ecluse.adapters.connectors.fhir.folder import Change, Folder, Piece
from ecluse.adapters.connectors.fhir.records import (
    CHUNK,
    Requests,
    column,
    ids_in,
    lines_in,
    requests_table,
    rows_in,
    texts,
)
from ecluse.base.refusal import Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege, TypeFamily
from ecluse.terms.code_map import CodeMap
from ecluse.terms.mapping import Mapping as SystemMapping
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary

__all__ = ["FhirTarget", "check_fits", "fhir_catalogue", "fhir_mapping", "ids_of"]

FAMILIES: Final[dict[str, TypeFamily]] = {
    "text": "text", "code": "text", "date": "date", "datetime": "datetime", "integer": "integer", "flag": "flag", "bytes": "bytes",
}  # fmt: skip


@cache
def fhir_mapping() -> SystemMapping:
    """The mapping of every FHIR folder: each kind a table, each field a column of its own name."""
    return parse_mapping(
        resources.files(__package__).joinpath("fhir-r4.toml").read_bytes(), vocabulary=vocabulary()
    )


@cache
def fhir_catalogue() -> Catalogue:
    """The tables that the vocabulary makes."""
    tables = {
        kind.name: CatalogueTable(
            kind.name,
            {
                field.name: CatalogueColumn(field.name, FAMILIES[field.type], field.type, field.name != "id")
                for field in kind.fields.values()
            },
            ("id",),
        )
        for kind in vocabulary().kinds.values()
    }
    return Catalogue("fhir", tables)


class FhirTarget:
    """A `passage.load.Target` in a folder."""

    def __init__(self, address: FolderAddress, *, clock: Clock | None = None) -> None:
        self._folder = Folder(address.path, clock=clock or SystemClock())
        self._moments = Moments(address.zone)
        self._requests = Requests(address.path)
        self._known: dict[str, pa.Array] = {}
        self._code_map = CodeMap({})

    def use_code_map(self, known: CodeMap) -> None:
        """See `passage.code_map.Coded`: beside each local code, the LOINC or NABM code that a biologist chose for it in its unit."""
        self._code_map = known

    def close(self) -> None:
        """Nothing is held open between batches."""

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return fhir_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None: a folder has no accounts; its permissions are the system's."""
        return frozenset()

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration that are committed, in order. Raises Fault `fhir/damaged`."""
        return sorted(mark for mark in self._folder.contents().marks if mark.migration == migration)

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:  # noqa: ARG002 - the port's
        """Nothing: FHIR resources name codes, they need no dictionary of the system's own."""
        return {}

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """As the port says. Raises Refusal `target/batch-twice`, `mapping/column-absent`; Fault `target/...`, `fhir/damaged`."""
        for given in tables:
            check_fits(given, where=mark.kind)
        with self._folder.change(where=mark.kind) as change:
            if any(_batch(known) == _batch(mark) for known in change.contents.marks):
                raise Refusal("target/batch-twice", where=mark.kind, got=mark.part)
            self._keep_known(change)
            for given in tables:
                self._put(change, given, replace=replace)
            change.contents.marks.append(mark)

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """As the port says. Raises Refusal `target/batch-absent`."""
        with self._folder.change(where=mark.kind) as change:
            kept = [known for known in change.contents.marks if _batch(known) != _batch(mark)]
            if len(kept) == len(change.contents.marks):
                raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
            change.contents.marks = kept
            self._keep_known(change)
            for given in tables:
                self._take_out(change, given.table, ids_of(given))

    def settle(self, migration: str) -> None:
        """Forget this migration's marks; the manifest then lists resources only."""
        with self._folder.change(where=migration) as change:
            change.contents.marks = [mark for mark in change.contents.marks if mark.migration != migration]

    def _put(self, change: Change, given: TableRows, *, replace: bool) -> None:
        kind, ids = given.table, ids_of(given)
        there = self._standing(change, kind, ids)
        if there and not replace:
            raise RowsRefused("target/rows-refused", where=kind, reason="unique")
        before = self._take_out(change, kind, there)
        told: list[pa.Table] = []
        piece = change.add(kind, self._lines(change, given, ids, before, told))
        if piece is None:
            return
        self._known[piece.name] = _marks_of(ids)
        if kind == "request":
            self._requests.note(piece, told)

    def _lines(
        self,
        change: Change,
        given: TableRows,
        ids: Sequence[str],
        before: Mapping[str, Row],
        told: list[pa.Table],
    ) -> Iterator[tuple[bytes, bytes | None]]:
        """The lines of these rows, each over what stood `before` under its id; `told` takes in what requests tell."""
        kind = given.table
        for start in range(0, given.rows.num_rows, CHUNK):
            rows = texts(given.rows.slice(start, CHUNK))
            if before:
                rows = [
                    before.get(made_up, {}) | row for made_up, row in zip(ids[start:], rows, strict=False)
                ]
            if kind == "request":
                told.append(requests_table(rows))
            self._tell_subjects(change, rows)
            tell_codings(kind, rows, self._code_map)
            for row in rows:
                octets = binary_of(row) if kind == "document" else None
                yield (
                    line_of(resource_of(kind, row, self._moments)),
                    None if octets is None else line_of(octets),
                )

    def _tell_subjects(self, change: Change, rows: Sequence[Row]) -> None:
        """Beside each row, the patient of its request: FHIR wants a subject, and the record need not repeat it."""
        if not rows or "request" not in rows[0]:
            return
        told = self._requests.told(column(rows, "request", octets=False), change.contents.of("request"))
        for row, patient in zip(rows, told.column("patient").to_pylist(), strict=True):
            row["_subject"] = patient

    def _standing(self, change: Change, kind: str, ids: Sequence[str]) -> list[str]:
        """Which of these ids the folder holds."""
        pieces = change.contents.of(kind)
        if not pieces:
            return []
        known = pa.chunked_array([self._ids_known(piece) for piece in pieces]).combine_chunks()
        held = pc.is_in(_marks_of(ids), value_set=known)
        return [made_up for made_up, there in zip(ids, held.to_pylist(), strict=True) if there]

    def _take_out(self, change: Change, kind: str, ids: Sequence[str]) -> dict[str, Row]:
        """Rewrite the pieces that hold these ids without them; what they held."""
        before: dict[str, Row] = {}
        if not ids:
            return before
        wanted, marks = set(ids), _marks_of(ids)
        for piece in change.contents.of(kind):
            if not pc.any(pc.is_in(self._ids_known(piece), value_set=marks)).as_py():
                continue
            places = ids_in(self._folder.path, piece)
            rows = rows_in(self._folder.path, piece)
            before |= {made_up: row for made_up, row in zip(places, rows, strict=True) if made_up in wanted}
            change.contents.pieces.remove(piece)
            lines = lines_in(self._folder.path, piece)
            change.add(
                kind, (line for made_up, line in zip(places, lines, strict=True) if made_up not in wanted)
            )
        return before

    def _keep_known(self, change: Change) -> None:
        """Forget what was remembered of pieces that never came into force: their numbers are given again."""
        names = {piece.name for piece in change.contents.pieces}
        self._known = {name: marks for name, marks in self._known.items() if name in names}
        self._requests.keep(change.contents.pieces)

    def _ids_known(self, piece: Piece) -> pa.Array:
        if piece.name not in self._known:
            self._known[piece.name] = _marks_of(ids_in(self._folder.path, piece))
        return self._known[piece.name]


def ids_of(given: TableRows) -> list[str]:
    """The resources' ids of these rows. Raises RowsRefused `not-null`, `unique`."""
    sources = given.rows.column("id").to_pylist()
    if None in sources:
        raise RowsRefused("target/rows-refused", where=given.table, reason="not-null")
    ids = [fhir_id(given.table, source) for source in sources]
    if len(set(ids)) != len(ids):
        raise RowsRefused("target/rows-refused", where=given.table, reason="unique")
    return ids


def _marks_of(ids: Sequence[str]) -> pa.Array:
    """A 64-bit mark of each id, of this process alone: eight octets instead of a whole text for each of millions.

    Two ids of the same mark (one chance in a million for five million ids) would at worst refuse a row aloud, never lose one.
    """
    return pa.array([hash(made_up) for made_up in ids], pa.int64())


def _batch(mark: Mark) -> tuple[str, int, str, int]:
    return mark.migration, mark.part, mark.kind, mark.start


def check_fits(given: TableRows, *, where: str) -> None:
    """Every column given is one of the vocabulary's. Raises Refusal `mapping/table-absent`, `mapping/column-absent`."""
    for name in given.rows.schema.names:
        fhir_catalogue().column(given.table, name, where=where)
