"""A FHIR folder as a source: read back, for reconciliation, every record in the raw text that `passage.canonical` expects; or by an instruction.

Decides nothing about what leaves: a read-back plan (`terms.plan.read_back`) counts every row; any other goes through `files`, whose rules, account
and rejects are those of every format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.connectors.fhir.address import FolderAddress
from ecluse.adapters.connectors.fhir.either import EitherSnapshot, Forth, no_way_forth
from ecluse.adapters.connectors.fhir.elements import Row
from ecluse.adapters.connectors.fhir.folder import Contents, Folder
from ecluse.adapters.connectors.fhir.records import CHUNK, Requests, column, rows_in
from ecluse.adapters.connectors.fhir.write import fhir_catalogue
from ecluse.base.refusal import Refusal
from ecluse.passage.canonical import MONTH, NOWHERE, SITE
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = ["DOCUMENTS", "FhirSnapshot", "FhirSource", "Opens", "batch_of"]

Opens = Callable[[], AbstractContextManager[Forth]]
"""Opens a snapshot of files."""

DOCUMENTS: Final = 256
"""Documents at a time: each may hold megabytes."""


class FhirSource:
    """A `passage.extract.Source` for the folder at `address`: ours, read back; or anybody's, `forth`, by an instruction."""

    def __init__(self, address: FolderAddress, forth: Opens | None = None) -> None:
        self._folder = Folder(address.path, clock=SystemClock())
        self._forth = forth

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return fhir_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None: a folder has no accounts."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[EitherSnapshot]:
        """The folder as it is; nobody writes there meanwhile. Raises Fault `target/busy`, `fhir/damaged`, Refusal `files/...` when it is read."""
        with ExitStack() as stack:
            ours = stack.enter_context(self._folder.reading()) if self._folder.ours() else Contents()
            forth = self._forth
            yield EitherSnapshot(
                lambda: FhirSnapshot(self._folder.path, ours),
                no_way_forth if forth is None else lambda: stack.enter_context(forth()),
            )


class FhirSnapshot:
    """A `passage.extract.Snapshot` for read-back plans."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self._path, self._contents = path, contents
        self._requests = Requests(path)

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:  # noqa: ARG002 - the port's
        """Refused: a read-back plan classifies nothing. Raises Refusal `fhir/read-back-only`."""
        raise Refusal("fhir/read-back-only")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """Every record, by site and month, under no rule. Raises Refusal `fhir/read-back-only`, Fault `fhir/damaged`."""
        counts: Counter[tuple[str, str]] = Counter()
        for batch in self.rows(plan, piece):
            counts.update(zip(batch.column(SITE).to_pylist(), batch.column(MONTH).to_pylist(), strict=True))
        for (site, month), rows in sorted(counts.items()):
            yield Count("", site, month, rows)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Every record of the kind, piece by piece. Raises Refusal `fhir/read-back-only`, Fault `fhir/damaged`."""
        if not plan.read_back:
            raise Refusal("fhir/read-back-only")
        for held in self._contents.of(piece.kind):
            rows = rows_in(self._path, held)
            while some := list(islice(rows, DOCUMENTS if held.binaries else CHUNK)):
                yield batch_of(piece, some, self._told)

    def _told(self, requests: pa.Array) -> pa.Table:
        return self._requests.told(requests, self._contents.of("request"))


def batch_of(piece: Slice, rows: Sequence[Row], told: Callable[[pa.Array], pa.Table]) -> pa.RecordBatch:
    """The raw batch of these records; `told` says each request's `site` and `month`."""
    fields = vocabulary().kinds[piece.kind].fields
    columns = {}
    for name, reading in piece.fields.items():
        place = reading.column.name if reading.column else name
        columns[name] = column(rows, place, octets=fields[name].type == "bytes")
    columns |= _place(piece, rows, told)
    if piece.free_texts:
        columns["_withheld"] = pa.nulls(len(rows), pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _place(piece: Slice, rows: Sequence[Row], told: Callable[[pa.Array], pa.Table]) -> dict[str, pa.Array]:
    """The raw site and month of each row: its own for a request, its request's else, "-" for who has none."""
    if piece.populated:
        nowhere = pa.repeat(pa.scalar(NOWHERE), len(rows))
        return {SITE: nowhere, MONTH: nowhere}
    found = told(column(rows, "id" if piece.kind == "request" else "request", octets=False))
    return {
        SITE: pc.fill_null(found.column("site").combine_chunks(), NOWHERE),
        MONTH: pc.fill_null(found.column("month").combine_chunks(), NOWHERE),
    }
