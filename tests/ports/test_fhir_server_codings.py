"""A live FHIR server given a code map: the mapped code stands after the local one, which is what is read back."""

from __future__ import annotations

from contextlib import closing

from ecluse.adapters.connectors.fhir.address import parse_server
from ecluse.adapters.connectors.fhir.server import Server
from ecluse.adapters.connectors.fhir.server_read import FhirServerSource
from ecluse.adapters.connectors.fhir.server_write import FhirServerTarget
from ecluse.adapters.connectors.fhir.write import fhir_mapping
from ecluse.passage.canonical import canonical
from ecluse.passage.code_map import Coded
from ecluse.passage.load import Mark
from ecluse.terms.code_map import CodeMap
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.fhir_servers import TOKEN, medplum
from tests.unit.connectors.fhir_rows import ROWS, whole


def test_a_server_takes_the_mapped_code_and_gives_the_local_one_back() -> None:
    """The server accepts an Observation with both codes, and the record read back has the laboratory's own."""
    known = CodeMap({("test", "NA", "mmol/L"): ("loinc", "2951-2")})
    with medplum() as server, closing(FhirServerTarget(parse_server(server.url), token=TOKEN)) as target:
        assert isinstance(target, Coded)
        target.use_code_map(known)
        for part, kind in enumerate(ROWS):
            target.write([whole(kind)], mark=Mark("m", part, kind, len(ROWS[kind])))
        told = [
            [one["code"] for one in entry["resource"]["code"].get("coding", [])]
            for entry in server.ask("Observation?_count=100")["entry"]
        ]
        assert ["NA", "2951-2"] in told
        asked = Server(parse_server(server.url), token=TOKEN, side="source")
        plan = read_back(
            records={"result": ("id", "code", "unit")},
            instruction="",
            mapping=fhir_mapping(),
            vocabulary=vocabulary(),
        )
        codes: dict[str, str | None] = {}
        with FhirServerSource(asked).snapshot() as snapshot:
            for raw in snapshot.rows(plan, plan.slices[0]):
                moved = canonical(raw, plan.slices[0], vocabulary=vocabulary(), lost={}).moved
                codes |= {row["id"]: row["code"] for row in moved.select(["id", "code"]).to_pylist()}
        assert codes == {row["id"]: row.get("code") for row in ROWS["result"]}
