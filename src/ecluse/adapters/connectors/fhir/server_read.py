"""A FHIR server as a source: by an instruction, every resource of the types a laboratory keeps; and read back exactly, for reconciliation.

Decides in which order types are asked for (reports first: they claim their results), that octets are fetched one by one, by the addresses that reports
give, and that a resource which changed since the reading began is refused: a server gives no snapshot, so nobody writes there meanwhile, and
what shows that somebody did stops the run. A deletion meanwhile does not show.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.clock import Clock, SystemClock
from ecluse.adapters.connectors.fhir.bundles import kind_tag
from ecluse.adapters.connectors.fhir.either import EitherSnapshot, no_way_forth
from ecluse.adapters.connectors.fhir.elements import TYPES, Element, Row, encode
from ecluse.adapters.connectors.fhir.read import DOCUMENTS, Opens, batch_of
from ecluse.adapters.connectors.fhir.records import CHUNK, requests_table
from ecluse.adapters.connectors.fhir.server import PAGE, Server
from ecluse.adapters.connectors.fhir.standing import Standing, octets_of
from ecluse.adapters.connectors.fhir.strict import NotJson, decoded
from ecluse.adapters.connectors.fhir.write import fhir_catalogue
from ecluse.base.refusal import Refusal
from ecluse.passage.canonical import MONTH, SITE
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice

__all__ = ["ASKED", "FhirServerSource", "server_files"]

ASKED: Final = (
    "DiagnosticReport", "DocumentReference", "Patient", "Practitioner", "PractitionerRole", "ServiceRequest", "Specimen", "Observation",
    "ChargeItem",
)  # fmt: skip
"""The types that are searched, in this order."""
SLACK: Final = timedelta(minutes=5)
"""By how much the server's clock may be ahead of ours."""
_BINARY: Final = re.compile(r"(?:.*/)?Binary/([A-Za-z0-9\-.]{1,64})")


class FhirServerSource:
    """A `passage.extract.Source` for the server at `address`: what Écluse wrote, read back; or anybody's, `forth`, by an instruction, through `files`."""

    def __init__(self, server: Server, forth: Opens | None = None, *, clock: Clock | None = None) -> None:
        self._server, self._forth = server, forth
        self._clock = clock or SystemClock()

    def catalogue(self) -> Catalogue:
        """One table for each record kind."""
        return fhir_catalogue()

    def privileges(self) -> frozenset[Privilege]:
        """None that could be told: a server does not say what an account may do. Give it a token that reads these types only."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[EitherSnapshot]:
        """The server, while nobody writes there. Raises, when it is read, Refusal `source/changed`, Fault `source/...`."""
        with ExitStack() as stack:
            stack.callback(self._server.close)
            forth = self._forth
            yield EitherSnapshot(
                lambda: FhirServerSnapshot(self._server, self._clock.now()),
                no_way_forth if forth is None else lambda: stack.enter_context(forth()),
            )


def server_files(server: Server, *, clock: Clock | None = None) -> tuple[ServerFile, ...]:
    """What a server holds, as files: one for each type, reports first, octets last."""
    began, binaries = (clock or SystemClock()).now(), list[str]()
    kinds = enumerate((*ASKED, "Binary"), 1)
    return tuple(ServerFile(kind, str(number), server, began, binaries) for number, kind in kinds)


class ServerFile:
    """Implements `files.format.File`: all resources of one type, one a line. `binaries` takes in the octets that they refer to."""

    def __init__(self, kind: str, place: str, server: Server, began: datetime, binaries: list[str]) -> None:
        self.name = self.kind = kind
        self.place = place
        self._server, self._began, self._binaries = server, began, binaries

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The lines, as the pages come."""
        lines = self._octets() if self.kind == "Binary" else self._resources()
        yield cast("BinaryIO", io.BufferedReader(_Lines(lines), 1 << 16))

    def _resources(self) -> Iterator[bytes]:
        query = {"_count": str(PAGE)}
        for page in self._server.pages(self.kind, query, decode=_strictly, where=self.kind):
            for resource in page:
                check_unchanged(resource, self._began)
                self._note(resource)
                yield encode(resource).encode(errors="replace") + b"\n"

    def _note(self, resource: Element) -> None:
        forms = resource.get("presentedForm", [])
        contents = [line.get("attachment") for line in _lines(resource.get("content"))]
        for line in (*_lines(forms), *_lines(contents)):
            url = line.get("url")
            if isinstance(url, str) and (named := _BINARY.fullmatch(url)):
                self._binaries.append(named[1])

    def _octets(self) -> Iterator[bytes]:
        """Each Binary that was referred to; one that is not there leaves its document without octets, which the account tells."""
        for made_up in dict.fromkeys(self._binaries):
            answer = self._server.read(f"Binary/{made_up}", where="Binary")
            said = octets_of(answer)
            if said is None:
                yield encode({"resourceType": "Binary", "id": made_up, "data": None}).encode() + b"\n"
                continue
            owner = answer.element().get("securityContext") if answer.fhir else None
            resource = {"resourceType": "Binary", "id": made_up, "data": said}
            if answer.fhir and isinstance(kind := answer.element().get("contentType"), str):
                resource["contentType"] = kind
            yield encode(resource | ({"securityContext": owner} if owner else {})).encode() + b"\n"


class _Lines(io.RawIOBase):
    """Lines as a stream of octets."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._source, self._held = lines, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if not self._held:
            self._held = memoryview(next(self._source, b""))
        given = self._held[: len(buffer)]
        buffer[: len(given)] = given
        self._held = self._held[len(given) :]
        return len(given)


class FhirServerSnapshot:
    """A `passage.extract.Snapshot` for read-back plans: the resources that bear the tag of a kind, which Écluse alone gives."""

    def __init__(self, server: Server, began: datetime) -> None:
        self._standing, self._began = Standing(server), began
        self._requests: pa.Table | None = None

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:  # noqa: ARG002 - the port's
        """Refused: a read-back plan classifies nothing. Raises Refusal `fhir/read-back-only`."""
        raise Refusal("fhir/read-back-only")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """Every record, by site and month, under no rule."""
        counts: Counter[tuple[str, str]] = Counter()
        for batch in self.rows(plan, piece):
            counts.update(zip(batch.column(SITE).to_pylist(), batch.column(MONTH).to_pylist(), strict=True))
        for (site, month), rows in sorted(counts.items()):
            yield Count("", site, month, rows)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 - the port's
        """Every record of the kind. Raises Fault `source/...`, `fhir/damaged`, Refusal `source/changed`."""
        rows = self._rows(piece.kind, octets="content" in piece.fields)
        while some := list(islice(rows, DOCUMENTS if piece.kind == "document" else CHUNK)):
            yield batch_of(piece, some, self._told)

    def _rows(self, kind: str, *, octets: bool = False) -> Iterator[Row]:
        for resource in self._standing.search(TYPES[kind], {"_tag": kind_tag(kind)}, where=kind):
            check_unchanged(resource, self._began)
            yield self._standing.record(kind, resource, octets=octets)

    def _told(self, requests: pa.Array) -> pa.Table:
        """For each id of a request, `patient`, `site` and `month`. All requests are read once, and four columns of them kept."""
        if self._requests is None:
            rows, tables = self._rows("request"), [requests_table([])]
            while some := list(islice(rows, CHUNK)):
                tables.append(requests_table(some))
            self._requests = pa.concat_tables(tables).combine_chunks()
        ids = self._requests.column("id").combine_chunks()
        return self._requests.take(pc.index_in(requests, value_set=ids))


def check_unchanged(resource: Element, began: datetime) -> None:
    """Raises Refusal `source/changed` where a resource was written since the reading began, by the server's own word."""
    meta = resource.get("meta")
    said = meta.get("lastUpdated") if isinstance(meta, dict) else None
    if not isinstance(said, str):
        return
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return
    if at.tzinfo is not None and at > began + SLACK:
        raise Refusal("source/changed", where=str(resource.get("resourceType")))


def _strictly(text: str) -> object:
    try:
        return decoded(text.encode(errors="surrogatepass"))
    except NotJson:
        return None


def _lines(value: object) -> Sequence[Element]:
    return [line for line in value if isinstance(line, dict)] if isinstance(value, list) else []
