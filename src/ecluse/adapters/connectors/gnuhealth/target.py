"""GNU Health as a target: batches in a few records at a time, each begun and ended in a note of GNU Health's own.

Decides that what fits is asked of GNU Health and nothing else, that a refused batch is taken back whole, and that a record whose number is there is never
written over: `replace` is refused, for GNU Health's own professionals may have worked on it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ecluse.adapters.connectors.gnuhealth.made import Makers, Row
from ecluse.adapters.connectors.gnuhealth.progress import Begun, Progress
from ecluse.adapters.connectors.gnuhealth.server import Server
from ecluse.adapters.connectors.gnuhealth.standing import MODELS, remove, take_back, taken
from ecluse.adapters.connectors.gnuhealth.tables import gnuhealth_catalogue
from ecluse.adapters.connectors.gnuhealth.values import Unfit
from ecluse.base.refusal import Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["GnuHealthTarget"]

AT_ONCE: Final = 200
"""Records between two notes of how far a batch has come."""


class GnuHealthTarget:
    """A `passage.load.Target` in the GNU Health of `server`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._makers = Makers(self.server)
        self._refused: dict[tuple[str, str], str] = {}

    def close(self) -> None:
        """Let go of the connection."""
        self.server.close()

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return gnuhealth_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None that could be told: GNU Health's rights are its own groups'."""
        return frozenset()

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:  # noqa: ARG002 - the port's
        """Nothing: its dictionaries are asked by the connector itself."""
        return {}

    def marks(self, migration: str) -> list[Mark]:
        """The batches that are there, each as far as it has come; what a killed load left half-made is taken out first. Raises Fault `gnuhealth/damaged`."""
        found = []
        for it in Progress.all(self.server, migration):
            kept = it
            if it.begun is not None:
                take_back(self.server, it.begun)
                kept = it.told(self.server, it.done)
            if kept.done or not kept.mark.records:
                found.append(kept.so_far)
            else:
                kept.forget(self.server)
        return sorted(found)

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """As the port says. Raises Refusal `target/batch-twice`, `gnuhealth/no-replacing`, `gnuhealth/test-type-absent`; RowsRefused."""
        if replace:
            raise Refusal("gnuhealth/no-replacing")
        if any(it.so_far == mark for it in Progress.all(self.server, mark.migration)):
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part)
        pieces = [piece for given in tables for piece in self._checked(given)]
        progress, done = Progress.start(self.server, mark), 0
        written: list[tuple[str, tuple[str, ...]]] = []
        for kind, ids, rows in pieces:
            after = {model: self.server.last(model) for model in MODELS[kind]}
            begun = Begun(kind, ids, after)
            progress = progress.begin(self.server, begun)
            try:
                self._make(kind, ids, rows)
            except RowsRefused:
                take_back(self.server, begun)
                self._undo(written, progress)
                raise
            written.append((kind, ids))
            done += len(ids) if kind == tables[0].table else 0
            progress = progress.told(self.server, done)
        progress.told(self.server, mark.records)

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """As the port says. Raises Refusal `target/batch-absent`, RowsRefused, Fault `target/...`."""
        marked = [it for it in Progress.all(self.server, mark.migration) if it.so_far == mark]
        if not marked:
            raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
        for given in tables:
            ids = _ids(given)
            for start in range(0, len(ids), AT_ONCE):
                remove(self.server, given.table, ids[start : start + AT_ONCE])
        for it in marked:
            it.forget(self.server)

    def settle(self, migration: str) -> None:
        """Forget this migration's marks; the notes beside results stay: they are their numbers."""
        for it in Progress.all(self.server, migration):
            it.forget(self.server)

    # --- one batch ----------------------------------------------------------------------------------------------------------------

    def _checked(self, given: TableRows) -> list[tuple[str, tuple[str, ...], list[Row]]]:
        """The rows in pieces, all of them such as GNU Health holds and none there yet. Raises RowsRefused."""
        kind, ids = given.table, _ids(given)
        rows: list[Row] = given.rows.to_pylist()
        for made_up, row in zip(ids, rows, strict=True):
            if reason := self._refused.get((kind, made_up)) or self._unfit(kind, row):
                self._refuse(kind, (made_up,), reason)
        if len(set(ids)) != len(ids) or taken(self.server, kind, ids):
            raise RowsRefused("target/rows-refused", where=kind, reason="unique")
        return [
            (kind, tuple(ids[start : start + AT_ONCE]), rows[start : start + AT_ONCE])
            for start in range(0, len(ids), AT_ONCE)
        ]

    def _unfit(self, kind: str, row: Row) -> str:
        try:
            self._makers.check(kind, row)
        except Unfit as unfit:
            return unfit.reason
        return ""

    def _make(self, kind: str, ids: tuple[str, ...], rows: list[Row]) -> None:
        try:
            self._makers.make(kind, rows)
        except Unfit as unfit:
            self._refuse(kind, ids, unfit.reason)
        except RowsRefused as refused:
            self._refuse(kind, ids, str(refused.values["reason"]))

    def _refuse(self, kind: str, ids: tuple[str, ...], reason: str) -> None:
        """Refuse the batch; a row that is known to be the one refused is refused again unasked, as long as it is not alone."""
        if len(ids) == 1:
            self._refused[kind, ids[0]] = reason
        raise RowsRefused("target/rows-refused", where=kind, reason=reason) from None

    def _undo(self, written: Sequence[tuple[str, tuple[str, ...]]], progress: Progress) -> None:
        """Take the batch back, the last records first."""
        for kind, ids in reversed(written):
            remove(self.server, kind, ids)
        with suppress(RowsRefused):
            progress.forget(self.server)


def _ids(given: TableRows) -> list[str]:
    (key,) = given.key
    return [str(made_up) for made_up in given.rows.column(key).to_pylist()]
