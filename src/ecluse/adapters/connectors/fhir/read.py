"""Reading a FHIR folder back, for reconciliation: every record, in the raw text that `passage.canonical` expects.

Decides nothing about what leaves: a folder of FHIR is read by a read-back plan only (`terms.plan.read_back`), where every row counts. To
extract from a FHIR server by instruction is another connector, which does not exist yet; asking for it is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.connectors.fhir.address import FolderAddress
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

__all__ = ["FhirSnapshot", "FhirSource"]

DOCUMENTS: Final = 256
"""Documents at a time: each may hold megabytes."""


class FhirSource:
    """A `passage.extract.Source` for the folder at `address`."""

    def __init__(self, address: FolderAddress) -> None:
        self._folder = Folder(address.path, clock=SystemClock())

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return fhir_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None: a folder has no accounts."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[FhirSnapshot]:
        """The folder as it is; nobody writes there meanwhile. Raises Fault `target/busy`, `fhir/damaged`."""
        with self._folder.reading() as contents:
            yield FhirSnapshot(self._folder.path, contents)


class FhirSnapshot:
    """A `passage.extract.Snapshot` for read-back plans."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self._path, self._contents = path, contents
        self._requests = Requests(path)

    def codes(self, plan: Plan, path: str) -> dict[str, int]:  # noqa: ARG002 - the port's
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
                yield self._batch(piece, some)

    def sample(self, plan: Plan, piece: Slice) -> pa.RecordBatch | None:
        """See `Snapshot.sample`."""
        return next(iter(self.rows(plan, piece)), None)

    def _batch(self, piece: Slice, rows: Sequence[Row]) -> pa.RecordBatch:
        fields = vocabulary().kinds[piece.kind].fields
        columns = {}
        for name, reading in piece.fields.items():
            place = reading.column.name if reading.column else name
            columns[name] = column(rows, place, octets=fields[name].type == "bytes")
        columns |= self._place(piece, rows)
        if piece.free_texts:
            columns["_withheld"] = pa.nulls(len(rows), pa.string())
        return pa.RecordBatch.from_pydict(columns)

    def _place(self, piece: Slice, rows: Sequence[Row]) -> dict[str, pa.Array]:
        """The raw site and month of each row: its own for a request, its request's else, "-" for who has none."""
        if piece.populated:
            nowhere = pa.repeat(pa.scalar(NOWHERE), len(rows))
            return {SITE: nowhere, MONTH: nowhere}
        requests = column(rows, "id" if piece.kind == "request" else "request", octets=False)
        told = self._requests.told(requests, self._contents.of("request"))
        return {
            SITE: pc.fill_null(told.column("site").combine_chunks(), NOWHERE),
            MONTH: pc.fill_null(told.column("month").combine_chunks(), NOWHERE),
        }
