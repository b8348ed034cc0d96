"""A FHIR server as a target: batches in transactions, each with the mark of how far its batch has come, kept on the server itself.

Decides that a batch is cut into transactions a server takes, and that its one mark says after each how many of its records are there: killed at any
moment, the next load goes on behind them. A refused transaction undoes those before it, then the batch is refused whole, as the port wants it. An id
that stands on the server and is not ours is never overwritten. References are the server's to check.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as changed
from typing import Final

from ecluse.adapters.clock import Clock
from ecluse.adapters.connectors.fhir.address import ServerAddress
from ecluse.adapters.connectors.fhir.bundles import (
    Cut,
    Piece,
    cut,
    deletion,
    mark_id,
    mark_of,
    mark_resource,
    migration_tag,
    put,
    tagged,
    transaction,
)
from ecluse.adapters.connectors.fhir.codings import tell_codings
from ecluse.adapters.connectors.fhir.elements import TYPES, Element, Moments, Row
from ecluse.adapters.connectors.fhir.exact import as_floats, binary_of, resource_of
from ecluse.adapters.connectors.fhir.outcomes import refused_by, said_of
from ecluse.adapters.connectors.fhir.records import texts
from ecluse.adapters.connectors.fhir.server import Server
from ecluse.adapters.connectors.fhir.standing import Standing
from ecluse.adapters.connectors.fhir.write import check_fits, fhir_catalogue, ids_of
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.code_map import CodeMap

__all__ = ["FhirServerTarget"]

ROWS: Final = 1_000
"""Records made into Python values at a time."""


class FhirServerTarget:
    """A `passage.load.Target` on a FHIR R4 server."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        token: str | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = Server(address, token=token, side="target", clock=clock, sleep=sleep)
        self._entries = address.entries
        self._moments = Moments(address.zone)
        self._standing = Standing(self.server)
        self._refused: list[tuple[frozenset[tuple[str, str]], str]] = []
        self._code_map = CodeMap({})

    def use_code_map(self, known: CodeMap) -> None:
        """See `passage.code_map.Coded`: beside each local code, the LOINC or NABM code that a biologist chose for it in its unit."""
        self._code_map = known

    def close(self) -> None:
        """Let go of the connection."""
        self.server.close()

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return fhir_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None that could be told: a server says what it can do, not what this account may."""
        return frozenset()

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:  # noqa: ARG002 - the port's
        """Nothing: FHIR resources name codes, they need no dictionary of the system's own."""
        return {}

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration, each with as many records as are there. Raises Fault `fhir/damaged`, `target/...`."""
        found = []
        for resource in self._standing.search("Basic", {"_tag": migration_tag(migration)}, where="marks"):
            try:
                found.append(mark_of(resource))
            except (ValueError, TypeError, KeyError):
                raise Fault("fhir/damaged", where="Basic") from None
        return sorted(mark for mark in found if mark.migration == migration)

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """As the port says. Raises Refusal `target/batch-twice`, `mapping/column-absent`; RowsRefused; Fault `target/...`."""
        for given in tables:
            check_fits(given, where=mark.kind)
        if self._standing.there("Basic", [mark_id(mark)], where=mark.kind):
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part)
        self._check_not_refused(tables)
        done: list[Piece] = []
        written = 0
        for piece, last in _with_last(
            self._pieces(tables, replace=replace, undo=lambda: self._undo(done, mark))
        ):
            written += len(piece.ids)
            so_far = mark if last else changed(mark, records=written)
            try:
                self._transact([*piece.entries, put(mark_resource(so_far))], where=mark.kind)
            except RowsRefused as refused:
                self._refused.append((frozenset(piece.ids), str(refused.values["reason"])))
                self._undo(done, mark)
                raise
            piece.entries.clear()
            done.append(piece)
        if not done:
            self._transact([put(mark_resource(mark))], where=mark.kind)

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """As the port says; the mark goes with the last records. Raises Refusal `target/batch-absent`, RowsRefused, Fault `target/...`."""
        there = self._standing.there("Basic", [mark_id(mark)], where=mark.kind)
        if not there:
            raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
        gone = deletion("Basic", mark_id(mark))
        pieces = list(cut(self._removals(tables), entries=self._entries))
        for number, piece in enumerate(pieces, 1):
            self._transact([*piece.entries, *([gone] if number == len(pieces) else [])], where=mark.kind)
        if not pieces:
            self._transact([gone], where=mark.kind)

    def settle(self, migration: str) -> None:
        """Forget this migration's marks."""
        marks = map(mark_id, self.marks(migration))
        gone = ((("Basic", made_up), (deletion("Basic", made_up),), ()) for made_up in marks)
        for piece in cut(gone, entries=self._entries):
            self._transact(piece.entries, where="marks")

    # --- one batch ----------------------------------------------------------------------------------------------------------------

    def _pieces(
        self, tables: Sequence[TableRows], *, replace: bool, undo: Callable[[], None]
    ) -> Iterator[Piece]:
        """The batch in transactions; a batch of several tables is one, for its mark could not tell how far it has come."""
        alone = len(tables) == 1
        records = self._records(tables, replace=replace, undo=undo)
        yield from cut(records, entries=self._entries if alone else 1 << 30)

    def _records(
        self, tables: Sequence[TableRows], *, replace: bool, undo: Callable[[], None]
    ) -> Iterator[Cut]:
        for given in tables:
            kind, ids = given.table, ids_of(given)
            step = min(ROWS, self._entries)
            for start in range(0, given.rows.num_rows, step):
                rows = texts(given.rows.slice(start, step))
                some = ids[start : start + step]
                before = self._standing.records(kind, some, rows, where=kind)
                if before and (not replace or None in before.values()):
                    undo()
                    raise RowsRefused("target/rows-refused", where=kind, reason="unique")
                rows = [
                    {**(before.get(made_up) or {}), **row} for made_up, row in zip(some, rows, strict=True)
                ]
                self._standing.tell_subjects(kind, rows)
                tell_codings(kind, rows, self._code_map)
                for made_up, row in zip(some, rows, strict=True):
                    yield self._record(kind, made_up, row, before.get(made_up))

    def _record(self, kind: str, made_up: str, row: Row, before: Row | None) -> Cut:
        undo = [put(it) for it in self._resources(kind, before)] if before else []
        made = self._resources(kind, row)
        if not before:
            undo = [deletion(it["resourceType"], made_up) for it in made]
        return (kind, made_up), [put(it) for it in made], undo

    def _resources(self, kind: str, row: Row) -> list[Element]:
        """A record's resource, and its octets' for a document that has some."""
        resource = tagged(resource_of(kind, row, self._moments, kept_as=as_floats), kind)
        octets = binary_of(row) if kind == "document" else None
        return [resource] if octets is None else [octets, resource]

    def _removals(self, tables: Sequence[TableRows]) -> Iterator[Cut]:
        for given in tables:
            kind, ids = given.table, ids_of(given)
            for start in range(0, len(ids), self._entries):
                some = ids[start : start + self._entries]
                for made_up, octets in self._standing.there(TYPES[kind], some, where=kind).items():
                    entries = [deletion(TYPES[kind], made_up)]
                    yield (kind, made_up), [*entries, *([deletion("Binary", made_up)] if octets else [])], []

    def _transact(self, entries: Sequence[bytes], *, where: str) -> None:
        """Raises RowsRefused, Fault `target/failed`, Refusal `fhir/no-transactions`."""
        answer = self.server.transact(transaction(entries), where=where)
        reason = refused_by(answer)
        if reason is None:
            return
        if answer.good:
            raise Refusal("fhir/no-transactions", where=str(self.server.address))
        raise said_of(answer, reason, where=where)

    def _undo(self, done: Sequence[Piece], mark: Mark) -> None:
        """Take the transactions of this batch back, the last first, the mark following; killed meanwhile, it tells what is still there."""
        left = sum(len(piece.ids) for piece in done)
        for piece in reversed(done):
            left -= len(piece.ids)
            told = (
                put(mark_resource(changed(mark, records=left))) if left else deletion("Basic", mark_id(mark))
            )
            self._transact([*piece.undo, told], where=mark.kind)

    def _check_not_refused(self, tables: Sequence[TableRows]) -> None:
        """A batch that holds all the records of a transaction refused before is refused again, unasked: the load then tries its halves."""
        ids = {(given.table, made_up) for given in tables for made_up in ids_of(given)}
        for refused, reason in self._refused:
            if refused < ids:
                raise RowsRefused("target/rows-refused", where=next(iter(refused))[0], reason=reason)


def _with_last(pieces: Iterator[Piece]) -> Iterator[tuple[Piece, bool]]:
    """Each piece, and whether it is the last."""
    held = next(pieces, None)
    while held is not None:
        after = next(pieces, None)
        yield held, after is None
        held = after
