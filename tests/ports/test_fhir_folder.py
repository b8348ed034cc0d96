"""FHIR as a target, by the contract of `passage.load.Target` told on its own kinds; and as the source that reads it back."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from ecluse.adapters.checksums import DuckChecksum
from ecluse.adapters.connectors.fhir.address import parse_folder
from ecluse.adapters.connectors.fhir.bundles import deletion, mark_resource, put, tagged, transaction
from ecluse.adapters.connectors.fhir.either import EitherSnapshot
from ecluse.adapters.connectors.fhir.elements import Moments
from ecluse.adapters.connectors.fhir.exact import as_floats, resource_of
from ecluse.adapters.connectors.fhir.folder import MANIFEST
from ecluse.adapters.connectors.fhir.format import FhirFormat
from ecluse.adapters.connectors.fhir.read import FhirSource
from ecluse.adapters.connectors.fhir.records import texts
from ecluse.adapters.connectors.fhir.write import FhirTarget, fhir_mapping
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Count
from ecluse.passage.inbound import measure
from ecluse.passage.load import Mark, RowsRefused
from ecluse.passage.tally import Group, Salts
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.fhir import fhir_source
from ecluse.wiring.systems import check_address, open_source, open_target
from tests.ports.cases import mapping_of, plain
from tests.ports.fhir_judges import accepted, strictly_accepted
from tests.ports.fhir_loader import PARTS, load
from tests.ports.fhir_loader import ROWS as LOADED
from tests.unit.connectors.fhir_rows import ROWS, given, whole

MARK = Mark("m", 1, "patient", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fhir"


@pytest.fixture
def target(folder: Path) -> FhirTarget:
    return FhirTarget(parse_folder(f"fhir+file://{folder}"))


@pytest.fixture
def small(target: FhirTarget) -> FhirTarget:
    """The folder with the small patient in it."""
    for part, kind in enumerate(ROWS):
        target.write([whole(kind)], mark=Mark("m", part, kind, len(ROWS[kind])))
    return target


def plan(*kinds: str) -> Plan:
    records = {kind: tuple(vocabulary().kinds[kind].fields) for kind in kinds or vocabulary().kinds}
    return read_back(records=records, instruction="", mapping=fhir_mapping(), vocabulary=vocabulary())


def held(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The canonical records of one kind, read back."""
    wanted = plan(kind)
    rows: list[dict[str, Any]] = []
    with FhirSource(parse_folder(f"fhir+file://{folder}")).snapshot() as snapshot:
        for raw in snapshot.rows(wanted, wanted.slices[0]):
            converted = canonical(raw, wanted.slices[0], vocabulary=vocabulary(), lost={})
            assert converted.rejected.num_rows == 0
            rows += converted.moved.to_pylist()
    return sorted(rows, key=lambda row: str(row["id"]))


def ids(folder: Path, kind: str) -> list[str]:
    return [row["id"] for row in held(folder, kind)]


# --- exactness --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ROWS)
def test_what_is_written_is_read_back_value_for_value(small: FhirTarget, folder: Path, kind: str) -> None:
    """Every value of every kind comes back in its own type; a visibility that was absent is read as hidden, as everywhere."""
    expected = [
        row | ({"visibility": row["visibility"] or "hidden"} if "visibility" in row else {})
        for row in whole(kind).rows.to_pylist()
    ]
    got = [{name: value for name, value in row.items() if name[0] != "_"} for row in held(folder, kind)]
    assert got == sorted(expected, key=lambda row: str(row["id"]))


def test_the_sums_read_back_are_those_of_what_was_written(small: FhirTarget, folder: Path) -> None:
    """Reconciliation's own sums over the folder are those over the canonical rows, group by group."""
    checksum, salts = DuckChecksum(), Salts(1, 2)
    with FhirSource(parse_folder(f"fhir+file://{folder}")).snapshot() as snapshot:
        sides = measure(snapshot, plan(), checksum=checksum, salts=salts)
    assert sides["request"].sums.groups.keys() == {
        Group("01", "2024-03"),
        Group("02", "2024-10"),
        Group("-", "2024-01"),
    }
    assert {kind: side.sums.total.rows for kind, side in sides.items()} == {
        kind: len(rows) for kind, rows in ROWS.items()
    }
    batch = whole("susceptibility").rows
    for name, values in (("_site", ["02", "02", "-"]), ("_month", ["2024-10", "2024-10", "-"])):
        batch = batch.append_column(name, pa.array(values))
    assert sides["susceptibility"].sums.groups == checksum.sums(batch, salts=salts)


def test_the_census_of_a_folder_counts_every_record(small: FhirTarget, folder: Path) -> None:
    """A read-back census counts every record under no rule, by the site and month of its request."""
    wanted = plan("result")
    with FhirSource(parse_folder(f"fhir+file://{folder}")).snapshot() as snapshot:
        assert list(snapshot.census(wanted, wanted.slices[0])) == [
            Count("", "01", "2024-03", 2),
            Count("", "02", "2024-10", 3),
        ]


def test_a_folder_of_ours_tells_the_same_by_an_instruction(small: FhirTarget, folder: Path) -> None:
    """What Écluse wrote is, read as anybody's, the very records that are read back; the listing beside them is no resource, and is counted."""
    source = fhir_source(f"fhir+file://{folder}")
    assert (source.privileges(), source.catalogue()) == (frozenset(), small.catalogue())
    back = plan()
    every = replace(back, read_back=False, start=date.min, end=date.max, sites=("01", "02"))
    with source.snapshot() as snapshot:
        with pytest.raises(Refusal, match="fhir/read-back-only"):
            snapshot.unclassified(back, "result.code")
        for piece in back.slices:
            expected = [row for batch in snapshot.rows(back, piece) for row in batch.to_pylist()]
            got = [row for batch in snapshot.rows(every, piece) for row in batch.to_pylist()]
            fields = list(piece.fields)
            told = {row["id"]: {name: row[name] or None for name in fields} for row in expected}
            for row in got:
                assert {name: row[name] or None for name in fields} == told[row["id"]]
        assert isinstance(snapshot, EitherSnapshot)
        account = snapshot.account(every)
        assert account.left == {"hidden": 1, "manifest": 1}
        assert list(snapshot.unread(every)) == []
        assert {kind: facts.records for kind, facts in account.facts.items()} == {
            kind: len(rows) for kind, rows in ROWS.items()
        }


def test_a_folder_of_others_gets_not_even_a_lock(folder: Path) -> None:
    """Reading an export of another system writes nothing into it."""
    folder.mkdir()
    line = {"resourceType": "Patient", "id": "p"}
    (folder / "Patient.ndjson").write_text(json.dumps(line) + "\n")
    (folder / MANIFEST).write_text("{}")
    with fhir_source(f"fhir+file://{folder}").snapshot() as snapshot:
        assert isinstance(snapshot, EitherSnapshot)
        assert snapshot.account(replace(plan(), read_back=False)).facts["patient"].records == 1
    assert sorted(path.name for path in folder.iterdir()) == ["Patient.ndjson", MANIFEST]


def test_every_resource_names_the_patient_of_its_request(small: FhirTarget, folder: Path) -> None:
    """Records below a request have its patient as subject, though their rows do not say it; also in a target opened anew."""
    FhirTarget(parse_folder(f"fhir+file://{folder}")).write(
        [given("result", {"id": "R9", "request": "D2"})], mark=Mark("m", 99, "result", 1)
    )
    subjects = {}
    for path in folder.glob("Observation.result.*.ndjson"):
        for line in path.read_bytes().splitlines():
            said = json.loads(line)
            subjects[said["id"]] = said["subject"]["reference"]
    assert subjects == {
        "R1": "Patient/P1",
        "R2": "Patient/P1",
        "R3": "Patient/P2",
        "R4": "Patient/P2",
        "R5": "Patient/P2",
        "R9": "Patient/P2",
    }


# --- validity ---------------------------------------------------------------------------------------------------------------------


def test_a_second_library_reads_every_resource(small: FhirTarget, folder: Path) -> None:
    """fhir.resources accepts every line of a folder."""
    assert accepted(folder.glob("*.ndjson")) == sum(len(rows) for rows in ROWS.values()) + 2


def test_the_strict_parser_of_hapi_reads_every_resource(small: FhirTarget, folder: Path) -> None:
    """HAPI FHIR's R4 parser, told to forgive nothing, accepts every line of a folder."""
    said = strictly_accepted(folder.glob("*.ndjson"))
    assert said == f"ok {sum(len(rows) for rows in ROWS.values()) + 2}"


@pytest.mark.parametrize(
    "judge", [lambda files: f"ok {accepted(files)}", strictly_accepted], ids=["fhir.resources", "HAPI"]
)
def test_both_accept_files_and_transactions(tmp_path: Path, judge: Callable[[Iterable[Path]], str]) -> None:
    """What is written as files, and the transactions and marks sent to a server, are accepted by both judges."""
    fmt = FhirFormat()
    cases = [plain(mapping_of(fmt), number) for number in range(1, 6)]
    (file,) = fmt.write(cases, [])
    (tmp_path / file.name).write_bytes(file.content)
    moments = Moments(ZoneInfo("Europe/Paris"))
    entries = [
        put(tagged(resource_of(kind, row, moments, kept_as=as_floats), kind))
        for kind in ROWS
        for row in texts(whole(kind).rows)
    ]
    entries += [put(mark_resource(Mark("m", 1, "patient", 2))), deletion("Patient", "P9")]
    (tmp_path / "sent.ndjson").write_bytes(transaction(entries) + b"\n")
    assert judge(tmp_path.glob("*.ndjson")) == f"ok {len(file.content.splitlines()) + 1}"


def test_the_manifest_is_a_bulk_data_listing(small: FhirTarget, folder: Path) -> None:
    """The manifest names each file with its type and its number of lines, and has the members that Bulk Data requires."""
    said = json.loads((folder / MANIFEST).read_bytes())
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= said.keys()
    assert {line["url"] for line in said["output"]} == {path.name for path in folder.glob("*.ndjson")}
    for line in said["output"]:
        lines = (folder / line["url"]).read_bytes().splitlines()
        assert (len(lines), json.loads(lines[0])["resourceType"]) == (line["count"], line["type"])


def test_only_the_owner_reads_the_folder(small: FhirTarget, folder: Path) -> None:
    """The folder and every file in it are closed to all but their owner."""
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


# --- marks and batches ------------------------------------------------------------------------------------------------------------


def test_marks_are_those_of_one_migration_in_order(target: FhirTarget, folder: Path) -> None:
    """Marks come back by part, only this migration's, also to another target; an empty batch leaves its mark; a settled one is forgotten."""
    assert target.marks("m") == []
    for part, migration in ((2, "m"), (1, "m"), (1, "other")):
        target.write([], mark=Mark(migration, part, "patient", 0))
    again = FhirTarget(parse_folder(f"fhir+file://{folder}"))
    assert again.marks("m") == [Mark("m", 1, "patient", 0), Mark("m", 2, "patient", 0)]
    again.settle("m")
    assert (target.marks("m"), len(target.marks("other"))) == ([], 1)


def test_a_batch_is_never_written_twice(target: FhirTarget, folder: Path) -> None:
    """A batch whose mark is there is refused; another stretch of the same part is another batch."""
    target.write([given("patient", {"id": "1"})], mark=MARK)
    with pytest.raises(Refusal, match="target/batch-twice"):
        target.write([given("patient", {"id": "2"})], mark=MARK, replace=True)
    target.write([given("patient", {"id": "2"})], mark=Mark("m", 1, "patient", 1, 1))
    assert ids(folder, "patient") == ["1", "2"]


def test_a_row_whose_id_is_there_or_absent_is_refused(target: FhirTarget, folder: Path) -> None:
    """A second record of one id, in the batch or already there, and one without id, refuse the whole batch, mark included."""
    target.write([given("patient", {"id": "1"})], mark=MARK)
    for rows, reason in (
        ([{"id": "2"}, {"id": "1"}], "unique"),
        ([{"id": "3"}, {"id": "3"}], "unique"),
        ([{"id": "4"}, {"id": None}], "not-null"),
    ):
        with pytest.raises(RowsRefused) as said:
            FhirTarget(parse_folder(f"fhir+file://{folder}")).write(
                [given("patient", *rows)], mark=Mark("m", 9, "patient", 2)
            )
        assert (said.value.values["where"], said.value.values["reason"]) == ("patient", reason)
        assert (ids(folder, "patient"), target.marks("m")) == (["1"], [MARK])


def test_a_refused_batch_leaves_nothing_behind_that_a_later_one_would_meet(
    target: FhirTarget, folder: Path
) -> None:
    """After a refusal in the second table, the first table's ids are free again, on disk and in what the target remembers."""
    wrong = [given("patient", {"id": "1"}), given("prescriber", {"id": "1"}, {"id": "1"})]
    with pytest.raises(RowsRefused):
        target.write(wrong, mark=MARK)
    assert list(folder.glob("*.ndjson")) == []
    target.write([given("patient", {"id": "2"})], mark=MARK)
    target.write([given("patient", {"id": "1"})], mark=Mark("m", 2, "patient", 1))
    assert ids(folder, "patient") == ["1", "2"]


def test_a_table_or_column_that_is_absent_is_refused(target: FhirTarget) -> None:
    """What the vocabulary does not know has no place in a resource."""
    rows = given("patient", {"id": "1"}).rows
    with pytest.raises(Refusal, match="mapping/table-absent"):
        target.write([type(given("patient", {"id": "1"}))("nowhere", rows, ("id",))], mark=MARK)
    with pytest.raises(Refusal, match="mapping/column-absent"):
        target.write(
            [type(given("patient", {"id": "1"}))("patient", rows.rename_columns(["colour"]), ("id",))],
            mark=MARK,
        )
    assert (target.lookup("patient", "id", "id"), target.privileges()) == ({}, frozenset())
    target.close()


def test_replacing_takes_the_new_values_and_keeps_the_others(small: FhirTarget, folder: Path) -> None:
    """With replace, the record of that id takes the values given and keeps the rest, octets included; a new one is added; an id stands once."""
    small.write(
        [given("patient", {"id": "P1", "city": "RENNES"}, {"id": "P9", "city": "BREST"})],
        mark=Mark("d", 1, "patient", 2),
        replace=True,
    )
    small.write(
        [given("document", {"id": "CR1", "version": 2})], mark=Mark("d", 2, "document", 1), replace=True
    )
    small.write(
        [given("request", {"id": "D2", "patient": "P9"})], mark=Mark("d", 3, "request", 1), replace=True
    )
    small.write(
        [given("result", {"id": "R3", "value": "réactif"})], mark=Mark("d", 4, "result", 1), replace=True
    )
    patients = {row["id"]: row for row in held(folder, "patient")}
    assert list(patients) == ["P1", "P2", "P9"]
    assert (patients["P1"]["city"], patients["P1"]["birth_name"], patients["P2"]["given_names"]) == (
        "RENNES",
        "MARTIN",
        "  ",
    )
    documents = {row["id"]: row for row in held(folder, "document")}
    assert (documents["CR1"]["version"], documents["CR1"]["content"], documents["CR2"]["content"]) == (
        2,
        b"%PDF-1.7\x00\xff",
        b"",
    )
    lines = b"".join(path.read_bytes() for path in folder.glob("Observation.result.*")).splitlines()
    moved = next(json.loads(line) for line in lines if b'"id":"R3"' in line)
    assert (moved["subject"]["reference"], moved["valueString"]) == ("Patient/P9", "réactif")


def test_removing_takes_out_the_rows_and_the_mark(small: FhirTarget, folder: Path) -> None:
    """Removing leaves neither the records nor the mark of that batch, and everything else; what is not marked is not taken out."""
    mark = next(mark for mark in small.marks("m") if mark.kind == "document")
    small.remove([given("document", {"id": "CR1"}, {"id": "CR2"})], mark=mark)
    assert (ids(folder, "document"), mark in small.marks("m"), len(ids(folder, "result"))) == (
        ["CR3"],
        False,
        5,
    )
    assert list(folder.glob("Binary.*")) == []
    with pytest.raises(Refusal, match="target/batch-absent"):
        small.remove([given("document", {"id": "CR3"})], mark=mark)
    small.write([given("document", {"id": "CR1"})], mark=mark)
    assert ids(folder, "document") == ["CR1", "CR3"]


# --- the world fails --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(PARTS))
def test_a_load_killed_in_the_middle_is_taken_up_with_no_loss_and_no_double(folder: Path, part: int) -> None:
    """Killed between two chunks of a part, the folder holds the parts before it and their marks; the next load writes the rest, once."""
    command = [sys.executable, "-m", "tests.ports.fhir_loader", folder, str(part)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loading:
        assert loading.stdout is not None
        assert loading.stdout.readline() == "middle\n"
        loading.kill()
    assert len(list(folder.glob("Patient.*"))) == part + 1
    assert len(FhirTarget(parse_folder(f"fhir+file://{folder}")).marks("m")) == part
    assert load(folder) == PARTS - part
    found = ids(folder, "patient")
    assert (len(found), len(set(found)), len(list(folder.glob("*.ndjson")))) == (
        PARTS * LOADED,
        PARTS * LOADED,
        PARTS,
    )


def test_nobody_writes_while_another_reads_or_writes(small: FhirTarget, folder: Path) -> None:
    """While a snapshot is open, writing is refused as busy, and goes on once it is closed: the two gates are never open together."""
    source = FhirSource(parse_folder(f"fhir+file://{folder}"))
    with source.snapshot(), pytest.raises(Fault, match="target/busy"):
        small.write([], mark=Mark("m", 50, "patient", 0))
    small.write([], mark=Mark("m", 50, "patient", 0))
    assert Mark("m", 50, "patient", 0) in small.marks("m")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 64 kB, as on a disk without room."""
    import signal

    before, asked = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, asked)


def test_a_disk_without_room_is_a_fault_and_leaves_the_folder_as_it_was(
    target: FhirTarget, folder: Path, full_disk: None
) -> None:
    """A write that fails half-way leaves neither file nor mark, and the same batch can be written afterwards."""
    target.write([given("patient", {"id": "1"})], mark=MARK)
    many = given("patient", *({"id": f"n{number}", "comment": "x" * 500} for number in range(5000)))
    with pytest.raises(Fault, match="target/failed"):
        target.write([many], mark=Mark("m", 2, "patient", 5000))
    assert (ids(folder, "patient"), target.marks("m"), len(list(folder.glob("*.ndjson")))) == (
        ["1"],
        [MARK],
        1,
    )


def test_a_folder_of_others_is_not_touched(folder: Path, target: FhirTarget) -> None:
    """A folder that holds anything else, or whose parent is not there, is refused before anything is written."""
    folder.mkdir()
    (folder / "thesis.odt").write_text("mine")
    with pytest.raises(Refusal, match="fhir/not-ours"):
        target.write([], mark=MARK)
    lost = FhirTarget(parse_folder(f"fhir+file://{folder}/none/below"))
    assert lost.marks("m") == []
    with pytest.raises(Fault, match="target/failed"):
        lost.write([], mark=MARK)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (MANIFEST, lambda octets: octets[:-20]),
        (MANIFEST, lambda octets: b"{}"),
        ("Patient.patient.000002.ndjson", lambda octets: octets.splitlines(keepends=True)[0]),
        (
            "Patient.patient.000002.ndjson",
            lambda octets: octets.replace(b'"subject', b'"').replace(b"{", b"[", 1),
        ),
        (
            "Binary.document.000008.ndjson",
            lambda octets: b"".join(reversed(octets.splitlines(keepends=True))),
        ),
        ("Binary.document.000008.ndjson", None),
    ],
    ids=["manifest cut", "manifest empty", "line lost", "not JSON", "octets swapped", "octets lost"],
)
def test_a_folder_that_was_altered_is_told(small: FhirTarget, folder: Path, name: str, change: Any) -> None:
    """A manifest or a piece that is no longer as it was written is a fault that names the file, never a silent difference."""
    path = folder / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Fault, match="fhir/damaged"):
        held(folder, "patient" if name.startswith("Patient") else "document")


def test_a_folder_of_resources_has_one_address(tmp_path: Path) -> None:
    """`fhir+file:` is the one word, for a folder, a file and standard input; the latter is read and never written, and another word is told this one."""
    assert str(parse_folder("fhir+file:-")) == "fhir+file:-"
    check_address("fhir+file:-")
    with pytest.raises(Refusal, match="fhir/address-unreadable"):
        open_target("fhir+file:-")
    with pytest.raises(Refusal, match="files/format-unknown") as refused:
        open_source(f"fhir-bulk+file://{tmp_path}")
    assert "fhir" in str(refused.value.values["known"]).split(", ")
    told = json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"family": "MARTIN"}]}).encode()
    (tmp_path / "one.json").write_bytes(told)
    source = open_source(f"fhir+file://{tmp_path / 'one.json'}", scratch=tmp_path)
    with source.snapshot() as snapshot:
        assert isinstance(snapshot, EitherSnapshot)
        assert snapshot.account(replace(plan(), read_back=False)).measured == {"document": 1}
