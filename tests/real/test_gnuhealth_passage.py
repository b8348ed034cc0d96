"""GNU Health 5 in its own process: an invented laboratory carried into it, and what stands there carried on, each time with nothing unexplained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import psycopg
import pytest

from ecluse.adapters.connectors.gnuhealth.told import KINDS
from ecluse.base.refusal import Refusal
from ecluse.passage.drafts import shared_records
from ecluse.passage.migration import MigrationState
from ecluse.passage.reconcile import Reconciliation
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.course import Course
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of, source_of
from tests.ports.fhir_servers import medplum
from tests.ports.gnuhealth_servers import GnuHealth, gnuhealth, password_file
from tests.ports.test_fhir_passages import to_server
from tests.real.openelis_fill import create, fill_openelis
from tests.real.test_openelis_passage import Filled, OpenElis, granted, must_arrive
from tests.servers import Server
from tests.workspaces import Laboratory, also, start

PATIENTS = 20


def shipped(package: str, file: str) -> bytes:
    return resources.files(f"ecluse.adapters.connectors.{package}").joinpath(file).read_bytes()


GNUHEALTH = shipped("gnuhealth", "gnuhealth.toml")


class Toward(Laboratory):
    """A workspace whose instruction names all that both mappings have."""

    def records(self) -> dict[str, tuple[str, ...]]:
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        return dict(shared_records(old, new, vocabulary=vocabulary()))


def into_gnuhealth(home: Path, server: GnuHealth, *, patients: int = PATIENTS) -> Toward:
    """From an invented laboratory in SQLite to GNU Health."""
    lab = Toward(home, patients=patients, seed=3)
    (home / "new.toml").write_bytes(GNUHEALTH)
    target = replace(lab.settings.target, url=server.url, password_file=password_file(home))
    lab.settings = replace(lab.settings, target=target)
    lab.create_target = lambda: None  # type: ignore[method-assign]
    return lab


def out_of_gnuhealth(home: Path, server: GnuHealth) -> Toward:
    """From GNU Health to a folder of FHIR resources."""
    lab = Toward(home, patients=0, seed=0, target_url=f"fhir+file://{home / 'fhir'}")
    (home / "old.toml").write_bytes(GNUHEALTH)
    (home / "new.toml").write_bytes(shipped("fhir", "fhir-r4.toml"))
    source = replace(lab.settings.source, url=server.url, password_file=password_file(home))
    lab.settings = replace(lab.settings, source=source)
    lab.create_target = (home / "fhir").mkdir  # type: ignore[method-assign]
    lab.invent = lab.create_target  # type: ignore[method-assign]
    return lab


def carried(ready: Ready) -> Reconciliation:
    """The passage, to its certificate."""
    name, by = start(ready), ready.cast.ids["engineer"]
    assert ready.course.run(name, by=by) is MigrationState.LOADED
    result = ready.course.reconcile(name, by=by)
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    return result


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GnuHealth]:
    with gnuhealth(tmp_path / "server") as running:
        yield running


def test_a_laboratory_goes_into_gnuhealth_and_on_to_fhir(server: GnuHealth, tmp_path: Path) -> None:
    """Patients, professionals, requests and results arrive in GNU Health, and by a second instruction in FHIR: each time nothing is unexplained."""
    result = carried(into_gnuhealth(tmp_path / "in", server).ready())

    assert (result.unexplained, result.failed) == (0, ())
    rejected = {kind.kind: kind.rejected_at_target for kind in result.kinds if kind.rejected_at_target}
    loaded = {kind.kind: kind.loaded for kind in result.kinds}
    assert rejected == {
        "patient": {"patient: not-null": 1},  # no day of birth
        "request": {"patient: parent-rejected": 1},
        "result": {"request: parent-rejected": 8},
    }
    assert loaded == {
        "prescriber": server.count("gnuhealth.healthprofessional"),
        "patient": server.count("gnuhealth.patient"),
        "request": server.count("gnuhealth.lab"),
        "result": server.count("gnuhealth.lab.test.critearea", ["gnuhealth_lab_id", "!=", None]),
    }
    assert server.count("gnuhealth.patient.lab.test") == loaded["request"]
    assert server.count("ir.note", ["message", "like", "ecluse:batch:%"]) == 0

    onward = carried(out_of_gnuhealth(tmp_path / "out", server).ready())

    assert (onward.unexplained, onward.failed) == (0, ())
    assert {kind.kind: kind.loaded for kind in onward.kinds} == loaded


def test_gnuhealth_goes_to_a_live_fhir_server(server: GnuHealth, tmp_path: Path) -> None:
    """From one live application to another, Medplum's FHIR server: every row that an instruction names is there, and nothing is unexplained."""
    with medplum() as fhir:
        loaded = carried(into_gnuhealth(tmp_path / "in", server, patients=6).ready())
        lab = out_of_gnuhealth(tmp_path / "out", server)
        to_server(lab, fhir)
        onward = carried(lab.ready())
        assert (onward.unexplained, onward.failed) == (0, ())
        arrived = {kind.kind: kind.loaded for kind in onward.kinds}
        assert arrived == {kind.kind: kind.loaded for kind in loaded.kinds}
        assert fhir.ask("Patient?_count=1")["total"] == arrived["patient"] > 0
        assert fhir.ask("Observation?_count=1")["total"] == arrived["result"] > 0


class FromOpenElis(OpenElis):
    """From an OpenELIS filled already into GNU Health; the rows it may reject are looked at one reason after the other."""

    def __init__(self, home: Path, *, source: str, server: GnuHealth) -> None:
        super().__init__(home, source=source, target_url=server.url, target=GNUHEALTH, made=lambda: None)
        self.settings = replace(
            self.settings, target=replace(self.settings.target, password_file=password_file(home))
        )


@pytest.fixture
def openelis(postgresql: Server, postgresql_url: str, shared_data: Path) -> Filled:
    """An OpenELIS with an invented laboratory in it."""
    create(postgresql_url, shared_data)
    fill_openelis(postgresql_url, patients=PATIENTS, seed=3)
    return Filled(postgresql, postgresql_url.rpartition("/")[2])


@pytest.fixture
def reader(openelis: Filled) -> Iterator[str]:
    """An account that may connect to OpenELIS's server, and do nothing there yet."""
    name = "openelis_to_gnuhealth"
    openelis.server.say(f"CREATE ROLE {name} LOGIN")
    yield name
    with psycopg.connect(openelis.url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name}".encode())
        connection.execute(f"DROP ROLE {name}".encode())


def test_openelis_goes_into_gnuhealth(
    openelis: Filled, reader: str, server: GnuHealth, tmp_path: Path
) -> None:
    """From one application's tables to the other's rules: all that was sent is there or rejected by a reason, and nothing is unexplained."""
    ready = FromOpenElis(tmp_path / "in", source=openelis.address, server=server).ready()
    name, by = start(ready), ready.cast.ids["engineer"]
    few = granted(ready, name, openelis, reader)
    course = Course(
        ready.course.settings, ready.course.held, lambda: source_of(few), ready.course.target_system
    )
    assert course.run(name, by=by) is MigrationState.LOADED
    result = course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    arrives = must_arrive(openelis)
    assert {kind.kind: kind.loaded for kind in result.kinds} == {kind: arrives[kind] for kind in KINDS}
    assert {kind.kind: kind.rejected_at_target for kind in result.kinds if kind.rejected_at_target} == {}
    assert server.count("gnuhealth.lab") == arrives["request"]


def test_an_instruction_that_names_what_has_no_place_is_refused(server: GnuHealth, tmp_path: Path) -> None:
    """The INS has no place in GNU Health: an instruction that names it is refused before anything leaves, and nobody is there."""
    lab = into_gnuhealth(tmp_path / "in", server)
    lab.change = lambda it: also(it, "patient", "ins", "ins_oid", "ins_status", "birth_place")
    ready = lab.ready()
    with pytest.raises(Refusal) as refused:
        ready.course.run(start(ready), by=ready.cast.ids["engineer"])
    assert refused.value.code == "plan/field-not-mapped"
    assert server.count("gnuhealth.patient") == 0
