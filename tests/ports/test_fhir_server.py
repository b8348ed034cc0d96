"""A live FHIR server as target and source: by the contract of `passage.load.Target` told on FHIR's own kinds, on a real Medplum server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ecluse.adapters.checksums import DuckChecksum
from ecluse.adapters.connectors.fhir.address import parse_server
from ecluse.adapters.connectors.fhir.either import EitherSnapshot
from ecluse.adapters.connectors.fhir.server import Server
from ecluse.adapters.connectors.fhir.server_read import FhirServerSource, server_files
from ecluse.adapters.connectors.fhir.server_write import FhirServerTarget
from ecluse.adapters.connectors.fhir.write import fhir_mapping
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Count
from ecluse.passage.inbound import measure
from ecluse.passage.load import Mark, RowsRefused
from ecluse.passage.tally import Group, Salts
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.fhir import fhir_source
from tests.ports.fhir_server_loader import PARTS, load
from tests.ports.fhir_server_loader import ROWS as LOADED
from tests.ports.fhir_servers import TOKEN, Medplum, medplum
from tests.unit.connectors.fhir_rows import ROWS, given, whole

MARK = Mark("m", 1, "patient", 1)


OPENED: list[FhirServerTarget] = []


@pytest.fixture
def server() -> Iterator[Medplum]:
    with medplum() as started:
        yield started
    while OPENED:
        OPENED.pop().close()


def target_at(server: Medplum, *, token: str = TOKEN, slept: list[float] | None = None) -> FhirServerTarget:
    """A target that knows nothing yet, and never sleeps."""
    sleep = (slept if slept is not None else []).append
    OPENED.append(FhirServerTarget(parse_server(server.url), token=token, sleep=sleep))
    return OPENED[-1]


@pytest.fixture
def target(server: Medplum) -> FhirServerTarget:
    return target_at(server)


@pytest.fixture
def small(target: FhirServerTarget) -> FhirServerTarget:
    """The server with the small patient in it."""
    for part, kind in enumerate(ROWS):
        target.write([whole(kind)], mark=Mark("m", part, kind, len(ROWS[kind])))
    return target


def plan(*kinds: str) -> Plan:
    records = {kind: tuple(vocabulary().kinds[kind].fields) for kind in kinds or vocabulary().kinds}
    return read_back(records=records, instruction="", mapping=fhir_mapping(), vocabulary=vocabulary())


def source_at(server: Medplum, *, token: str = TOKEN) -> FhirServerSource:
    return FhirServerSource(Server(parse_server(server.url), token=token, side="source"))


def held(server: Medplum, kind: str) -> list[dict[str, Any]]:
    """The canonical records of one kind, read back."""
    wanted = plan(kind)
    rows: list[dict[str, Any]] = []
    with source_at(server).snapshot() as snapshot:
        for raw in snapshot.rows(wanted, wanted.slices[0]):
            converted = canonical(raw, wanted.slices[0], vocabulary=vocabulary(), lost={})
            assert converted.rejected.num_rows == 0
            rows += converted.moved.to_pylist()
    return sorted(rows, key=lambda row: str(row["id"]))


def ids(server: Medplum, kind: str) -> list[str]:
    return [row["id"] for row in held(server, kind)]


# --- exactness --------------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_value_for_value(small: FhirServerTarget, server: Medplum) -> None:
    """Every value of every kind comes back in its own type, though this server keeps "5.10" as 5.1."""
    for kind in ROWS:
        expected = [
            row | ({"visibility": row["visibility"] or "hidden"} if "visibility" in row else {})
            for row in whole(kind).rows.to_pylist()
        ]
        got = [{name: value for name, value in row.items() if name[0] != "_"} for row in held(server, kind)]
        assert got == sorted(expected, key=lambda row: str(row["id"]))
    assert server.ask("Observation/R1")["valueQuantity"]["value"] == 5.1


def test_the_sums_read_back_are_those_of_what_was_written(small: FhirServerTarget, server: Medplum) -> None:
    """Reconciliation's own sums over the server count every record, by the site and month of its request; the census too."""
    with source_at(server).snapshot() as snapshot:
        sides = measure(snapshot, plan(), checksum=DuckChecksum(), salts=Salts(1, 2))
        counted = list(snapshot.census(plan("result"), plan("result").slices[0]))
    assert {kind: side.sums.total.rows for kind, side in sides.items()} == {
        kind: len(rows) for kind, rows in ROWS.items()
    }
    assert sides["request"].sums.groups.keys() == {
        Group("01", "2024-03"),
        Group("02", "2024-10"),
        Group("-", "2024-01"),
    }
    assert counted == [Count("", "01", "2024-03", 2), Count("", "02", "2024-10", 3)]


def test_every_resource_names_the_patient_of_its_request(small: FhirServerTarget, server: Medplum) -> None:
    """Records below a request have its patient as subject, also where another target wrote the request."""
    target_at(server).write([given("result", {"id": "R9", "request": "D2"})], mark=Mark("m", 99, "result", 1))
    assert server.ask("Observation/R9")["subject"]["reference"] == "Patient/P2"
    assert server.ask("Observation/R1")["subject"]["reference"] == "Patient/P1"


# --- marks and batches ------------------------------------------------------------------------------------------------------------


def test_marks_are_kept_on_the_server_by_migration_and_in_order(
    target: FhirServerTarget, server: Medplum
) -> None:
    """Marks come back by part, only this migration's, also to another target; an empty batch leaves its mark; a settled one is forgotten."""
    assert target.marks("m") == []
    for part, migration in ((2, "m"), (1, "m"), (1, "other|,$")):
        target.write([], mark=Mark(migration, part, "patient", 0))
    again = target_at(server)
    assert again.marks("m") == [Mark("m", 1, "patient", 0), Mark("m", 2, "patient", 0)]
    again.settle("m")
    again.settle("never")
    assert (target.marks("m"), len(target.marks("other|,$"))) == ([], 1)


def test_a_batch_is_never_written_twice(target: FhirServerTarget, server: Medplum) -> None:
    """A batch whose mark is there is refused; another stretch of the same part is another batch."""
    target.write([given("patient", {"id": "1"})], mark=MARK)
    with pytest.raises(Refusal, match="target/batch-twice"):
        target.write([given("patient", {"id": "2"})], mark=MARK, replace=True)
    target.write([given("patient", {"id": "2"})], mark=Mark("m", 1, "patient", 1, 1))
    assert ids(server, "patient") == ["1", "2"]


def test_a_batch_of_many_transactions_is_whole_or_not_at_all(
    target: FhirServerTarget, server: Medplum
) -> None:
    """A batch of more records than a transaction takes has one mark; where a late one is refused, the early ones are taken back."""
    many = [{"id": f"n{number}", "birth_name": "ANNE"} for number in range(120)]
    target.write([given("patient", *many)], mark=Mark("m", 1, "patient", 120))
    assert (len(ids(server, "patient")), target.marks("m")) == (120, [Mark("m", 1, "patient", 120)])
    others = [{"id": f"o{number}"} for number in range(119)]
    with pytest.raises(RowsRefused) as said:
        target.write([given("patient", *others, {"id": "n5"})], mark=Mark("m", 2, "patient", 120))
    assert (said.value.values["where"], said.value.values["reason"]) == ("patient", "unique")
    assert (len(ids(server, "patient")), target.marks("m")) == (120, [Mark("m", 1, "patient", 120)])
    target.write([given("patient", *others)], mark=Mark("m", 2, "patient", 119))
    assert len(ids(server, "patient")) == 239


def test_a_row_whose_id_is_there_or_absent_is_refused(target: FhirServerTarget, server: Medplum) -> None:
    """A second record of one id, in the batch or already there, and one without id, refuse the whole batch, mark included."""
    target.write([given("patient", {"id": "1"})], mark=MARK)
    for rows, reason in (
        ([{"id": "2"}, {"id": "1"}], "unique"),
        ([{"id": "3"}, {"id": "3"}], "unique"),
        ([{"id": "4"}, {"id": None}], "not-null"),
    ):
        with pytest.raises(RowsRefused) as said:
            target_at(server).write([given("patient", *rows)], mark=Mark("m", 9, "patient", 2))
        assert (said.value.values["where"], said.value.values["reason"]) == ("patient", reason)
        assert (ids(server, "patient"), target.marks("m")) == (["1"], [MARK])


def test_what_others_put_on_the_server_is_never_overwritten(
    target: FhirServerTarget, server: Medplum
) -> None:
    """A resource that does not bear our identifier keeps its place, even where the night of the cut-over replaces, and is not read back."""
    theirs = {"resourceType": "Patient", "id": "P1", "name": [{"family": "AUTRE"}]}
    server.ask("Patient/P1", theirs, method="PUT")
    for anew in (False, True):
        with pytest.raises(RowsRefused) as said:
            target.write([given("patient", {"id": "P1"})], mark=MARK, replace=anew)
        assert said.value.values["reason"] == "unique"
    assert server.ask("Patient/P1")["name"] == [{"family": "AUTRE"}]
    assert ids(server, "patient") == []


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "required", "not-null"), (422, "value", "type"), (422, "invariant", "check"), (409, "processing", "unique"), (412, "x", "unique"),
        (404, "not-found", "foreign-key"), (413, "x", "too-long"), (422, "processing", "other"),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_a_refused_row_without_its_message(
    target: FhirServerTarget, server: Medplum, status: int, code: str, reason: str
) -> None:
    """A refusal of the server becomes a reason of the short list, though its message repeats the whole resource; nothing is written."""
    server.ill(0, 0, {"status": status, "code": code})
    with pytest.raises(RowsRefused) as said:
        target.write([given("patient", {"id": "1", "birth_name": "MARQUE"})], mark=MARK)
    assert (said.value.values["where"], said.value.values["reason"]) == ("patient", reason)
    assert "MARQUE" not in str(said.value) + repr(said.value.args) + repr(said.value.values)
    assert (target.marks("m"), ids(server, "patient")) == ([], [])


def test_a_server_that_fails_is_a_fault(target: FhirServerTarget, server: Medplum) -> None:
    """What is neither a refusal nor a moment's trouble is a fault that names the status."""
    server.ill(0, 0, 500)
    with pytest.raises(Fault, match="target/failed") as said:
        target.write([given("patient", {"id": "1"})], mark=MARK)
    assert said.value.values["got"] == "HTTP 500"


def test_a_refused_transaction_is_not_asked_again_with_more_around_it(
    target: FhirServerTarget, server: Medplum
) -> None:
    """The load tries halves: a half that still holds all of the refused transaction is refused without being asked."""
    rows = [{"id": f"n{number}"} for number in range(100)]
    server.ill(0, 0, 0, 0, {"status": 422, "code": "value"})
    with pytest.raises(RowsRefused):
        target.write([given("patient", *rows)], mark=Mark("m", 1, "patient", 100))
    asked = server.ill()["asked"]
    with pytest.raises(RowsRefused):
        target.write([given("patient", *rows[40:])], mark=Mark("m", 1, "patient", 60, 40))
    assert server.ill()["asked"] - asked == 1, "whether the mark is there, and no more"
    target.write([given("patient", *rows[:40])], mark=Mark("m", 1, "patient", 40))
    assert len(ids(server, "patient")) == 40


def test_a_table_or_column_that_is_absent_is_refused(target: FhirServerTarget) -> None:
    """What the vocabulary does not know has no place in a resource."""
    rows = given("patient", {"id": "1"})
    with pytest.raises(Refusal, match="mapping/table-absent"):
        target.write([type(rows)("nowhere", rows.rows, ("id",))], mark=MARK)
    with pytest.raises(Refusal, match="mapping/column-absent"):
        target.write([type(rows)("patient", rows.rows.rename_columns(["colour"]), ("id",))], mark=MARK)
    assert (target.lookup("patient", "id", "id"), target.privileges()) == ({}, frozenset())


def test_replacing_takes_the_new_values_and_keeps_the_others(
    small: FhirServerTarget, server: Medplum
) -> None:
    """With replace, the record of that id takes the values given and keeps the rest, octets included; a new one is added; an id stands once."""
    changes = (
        ("patient", [{"id": "P1", "city": "RENNES"}, {"id": "P9", "city": "BREST"}]),
        ("document", [{"id": "CR1", "version": 2}]),
        ("result", [{"id": "R3", "value": "réactif"}]),
    )
    for part, (kind, rows) in enumerate(changes):
        small.write([given(kind, *rows)], mark=Mark("d", part, kind, len(rows)), replace=True)
    patients = {row["id"]: row for row in held(server, "patient")}
    assert list(patients) == ["P1", "P2", "P9"]
    assert (patients["P1"]["city"], patients["P1"]["birth_name"]) == ("RENNES", "MARTIN")
    documents = {row["id"]: row for row in held(server, "document")}
    assert (documents["CR1"]["version"], documents["CR1"]["content"]) == (2, b"%PDF-1.7\x00\xff")
    assert server.ask("Observation/R3")["valueString"] == "réactif"


def test_a_replacing_batch_that_is_refused_puts_back_what_was_there(
    target: FhirServerTarget, server: Medplum
) -> None:
    """Where a late transaction of a replacing batch is refused, the early ones are put back as they were."""
    old = [{"id": f"n{number}", "city": "NANTES"} for number in range(60)]
    target.write([given("patient", *old)], mark=MARK)
    server.ask("Patient/hers", {"resourceType": "Patient", "id": "hers"}, method="PUT")
    new = [{"id": f"n{number}", "city": "RENNES"} for number in range(60)]
    with pytest.raises(RowsRefused):
        target.write([given("patient", *new, {"id": "hers"})], mark=Mark("m", 2, "patient", 61), replace=True)
    assert {row["city"] for row in held(server, "patient")} == {"NANTES"}
    assert target.marks("m") == [MARK]


def test_removing_takes_out_the_rows_and_the_mark(small: FhirServerTarget, server: Medplum) -> None:
    """Removing leaves neither records, octets nor mark of that batch, and everything else; what is not marked is not taken out."""
    mark = next(mark for mark in small.marks("m") if mark.kind == "document")
    small.remove([given("document", {"id": "CR1"}, {"id": "CR2"})], mark=mark)
    assert (ids(server, "document"), mark in small.marks("m"), len(ids(server, "result"))) == (
        ["CR3"],
        False,
        5,
    )
    assert server.ask("Binary").get("entry") is None
    with pytest.raises(Refusal, match="target/batch-absent"):
        small.remove([given("document", {"id": "CR3"})], mark=mark)
    small.write([given("document", {"id": "CR1"})], mark=mark)
    assert ids(server, "document") == ["CR1", "CR3"]


# --- the world fails --------------------------------------------------------------------------------------------------------------


def test_a_busy_server_is_waited_for_as_long_as_it_asks(server: Medplum) -> None:
    """After 429 or 503 the same is asked again, after the seconds that Retry-After says, and the record stands once."""
    slept: list[float] = []
    target = target_at(server, slept=slept)
    server.ill(503, 429, after="7")
    target.write([given("patient", {"id": "1"})], mark=MARK)
    assert (slept, ids(server, "patient")) == ([7.0, 7.0], ["1"])
    server.ill(*[503] * 8, after="soon")
    with pytest.raises(Fault, match="target/busy"):
        target.marks("m")
    assert len(slept) == 9
    assert all(0 < seconds <= 60 for seconds in slept)


def test_a_connection_cut_is_taken_up_and_nothing_doubles(target: FhirServerTarget, server: Medplum) -> None:
    """A request whose answer was lost is sent again; cut every time, it is a fault, and nothing of the batch is there."""
    server.ill("cut")
    target.write([given("patient", {"id": "1"})], mark=MARK)
    assert ids(server, "patient") == ["1"]
    server.ill(*["cut"] * 8)
    with pytest.raises(Fault, match="target/connection-cut"):
        target.write([given("patient", {"id": "2"})], mark=Mark("m", 2, "patient", 1))


def test_a_wrong_token_opens_nothing(server: Medplum) -> None:
    """A token that the server does not know is a fault of the target, a refusal of the source, and is in neither."""
    wrong = target_at(server, token="MARQUE")
    with pytest.raises(Fault, match="target/not-allowed") as said:
        wrong.marks("m")
    assert "MARQUE" not in repr(said.value.values)
    source = source_at(server, token="MARQUE")
    with source.snapshot() as snapshot, pytest.raises(Refusal, match="source/not-permitted"):
        next(iter(snapshot.rows(plan("patient"), plan("patient").slices[0])))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_load_killed_in_the_middle_is_taken_up_with_no_loss_and_no_double(
    server: Medplum, part: int
) -> None:
    """Killed between two transactions of a part, the server's mark says how many records are there; the next load writes the rest, once."""
    command = [sys.executable, "-m", "tests.ports.fhir_server_loader", server.url, str(part)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loading:
        assert loading.stdout is not None
        assert loading.stdout.readline() == "middle\n"
        loading.kill()
    marks = target_at(server).marks("m")
    assert [mark.part for mark in marks] == list(range(part + 1))
    assert 0 < marks[-1].records < LOADED
    assert sum(mark.records for mark in marks) == len(ids(server, "patient"))
    load(server.url)
    found = ids(server, "patient")
    assert (len(found), len(set(found))) == (PARTS * LOADED, PARTS * LOADED)
    assert sum(mark.records for mark in target_at(server).marks("m")) == PARTS * LOADED


# --- as a source, by an instruction -----------------------------------------------------------------------------------------------


def test_a_server_of_others_is_read_by_an_instruction(server: Medplum, tmp_path: Path) -> None:
    """Whatever wrote them, resources are paged through, reports claim their results, octets are fetched by their address, and all is counted."""
    patients = [{"resourceType": "Patient", "id": f"p{n}", "birthDate": "1984-02-29"} for n in range(620)]
    report = {
        "resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "CR"}, "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-03-30", "performer": [{"reference": "Organization/lab"}], "result": [{"reference": "Observation/o"}],
        "presentedForm": [{"contentType": "application/pdf", "url": "Binary/b"}],
    }  # fmt: skip
    result = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "Na"},
        "valueQuantity": {"value": 140, "unit": "mmol/L"},
    }
    octets = {"resourceType": "Binary", "id": "b", "contentType": "application/pdf", "data": "JVBERi0="}
    for resource in (*patients, report, result, octets):
        server.ask(f"{resource['resourceType']}/{resource['id']}", resource, method="PUT")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    every = replace(plan(), read_back=False, start=date.min, end=date.max, sites=("lab",))
    with fhir_source(server.url, token_file=token).snapshot() as snapshot:
        assert isinstance(snapshot, EitherSnapshot)
        account = snapshot.account(every)
        found = {
            kind: [row for batch in snapshot.rows(every, piece) for row in batch.to_pylist()]
            for kind in ("request", "result", "document")
            if (piece := every.slice(kind))
        }
    assert {kind: facts.records for kind, facts in account.facts.items() if facts.records} == {
        "patient": 620, "request": 1, "result": 1, "document": 1,
    }  # fmt: skip
    (request,), (told,), (document,) = found["request"], found["result"], found["document"]
    assert (request["id"], request["patient"], request["site"], request["date"]) == (
        "DiagnosticReport.r",
        "p1",
        "lab",
        "2024-03-30",
    )
    assert (told["request"], told["value"], told["unit"]) == ("DiagnosticReport.r", "140", "mmol/L")
    assert (document["content"], document["request"]) == (b"%PDF-", "DiagnosticReport.r")
    assert account.units["Patient"] == {"carried": 620}


def test_what_changes_under_the_read_stops_it(server: Medplum) -> None:
    """A resource that the server says was written after the reading began is refused: there is no snapshot to hold on to."""
    server.ask("Patient/p", {"resourceType": "Patient", "id": "p"}, method="PUT")
    opened = Server(parse_server(server.url), token=TOKEN, side="source")
    files = server_files(opened, clock=Long())
    (patients,) = (file for file in files if file.kind == "Patient")
    with closing(opened), patients.open() as stream, pytest.raises(Refusal, match="source/changed"):
        stream.read()


class Long:
    """A clock of long ago: what is on the server was written since."""

    def now(self) -> datetime:
        return datetime(2020, 1, 1, tzinfo=UTC)


def test_a_page_elsewhere_is_not_followed() -> None:
    """The next page of another origin, or one that comes back, is refused: the token goes nowhere else."""
    for url, code in (
        ("https://evil.example/fhir?page=2", "fhir/link-elsewhere"),
        ("Patient?_count=500", "source/not-read"),
    ):
        bundle = {"resourceType": "Bundle", "entry": [], "link": [{"relation": "next", "url": url}]}
        with answering(json.dumps(bundle).encode()) as port:
            asked = Server(parse_server(f"fhir+http://127.0.0.1:{port}/fhir"), token="t", side="source")
            pages = asked.pages("Patient", {"_count": "500"}, decode=json.loads, where="patient")
            with closing(asked), pytest.raises((Refusal, Fault), match=code):
                list(pages)


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """A server that answers everything with the same octets; its port."""

    class Same(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Same) as listening:
        listening.daemon_threads = True
        thread = Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()
