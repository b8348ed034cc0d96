"""GNU Health 5 in its own process: an invented laboratory carried into it, and what stands there carried on, each time with nothing unexplained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from ecluse.passage.drafts import shared_records
from ecluse.passage.migration import MigrationState
from ecluse.passage.reconcile import Reconciliation
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of
from tests.ports.gnuhealth_servers import GnuHealth, gnuhealth, password_file
from tests.workspaces import Laboratory, start

PATIENTS = 20


def shipped(package: str, file: str) -> bytes:
    return resources.files(f"ecluse.adapters.connectors.{package}").joinpath(file).read_bytes()


class Toward(Laboratory):
    """A workspace whose instruction names all that both mappings have."""

    def records(self) -> dict[str, tuple[str, ...]]:
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        return dict(shared_records(old, new, vocabulary=vocabulary()))


def into_gnuhealth(home: Path, server: GnuHealth) -> Toward:
    """From an invented laboratory in SQLite to GNU Health."""
    lab = Toward(home, patients=PATIENTS, seed=3)
    (home / "new.toml").write_bytes(shipped("gnuhealth", "gnuhealth.toml"))
    target = replace(lab.settings.target, url=server.url, password_file=password_file(home))
    lab.settings = replace(lab.settings, target=target)
    lab.create_target = lambda: None  # type: ignore[method-assign]
    return lab


def out_of_gnuhealth(home: Path, server: GnuHealth) -> Toward:
    """From GNU Health to a folder of FHIR resources."""
    lab = Toward(home, patients=0, seed=0, target_url=f"fhir+file://{home / 'fhir'}")
    (home / "old.toml").write_bytes(shipped("gnuhealth", "gnuhealth.toml"))
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
