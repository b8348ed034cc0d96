"""Whole passages to and from FHIR: an invented laboratory to a live server; what came there, by a second instruction, to another system."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from ecluse.adapters.connectors import fhir
from ecluse.passage.migration import MigrationState
from ecluse.passage.reconcile import Reconciliation
from ecluse.wiring.demonstration import Ready
from tests.ports.fhir_servers import TOKEN, Medplum, medplum
from tests.workspaces import Laboratory, start

MAPPING = Path(fhir.__file__).parent / "fhir-r4.toml"


def token_file(home: Path) -> Path:
    file = home / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


def to_server(lab: Laboratory, server: Medplum) -> None:
    """The target is a FHIR server, with the mapping that ships with the connector and a token of its own."""
    (lab.home / "new.toml").write_bytes(MAPPING.read_bytes())
    target = replace(lab.settings.target, url=server.url, password_file=token_file(lab.home))
    lab.settings = replace(lab.settings, target=target)
    lab.create_target = lambda: None  # type: ignore[method-assign]


def from_server(lab: Laboratory, server: Medplum) -> None:
    """The source is a FHIR server, read by an instruction as anybody's; the target, the invented laboratory's new system."""
    (lab.home / "old.toml").write_bytes(MAPPING.read_bytes())
    source = replace(lab.settings.source, url=server.url, password_file=token_file(lab.home))
    lab.settings = replace(lab.settings, source=source)
    lab.invent = lab.create_target  # type: ignore[method-assign]


def carried(ready: Ready) -> Reconciliation:
    """The passage, to its reconciliation and its certificate."""
    name, by = start(ready), ready.cast.ids["engineer"]
    assert ready.course.run(name, by=by) is MigrationState.LOADED
    result = ready.course.reconcile(name, by=by)
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    return result


def test_a_laboratory_goes_to_a_live_server_and_on_to_another_system(tmp_path: Path) -> None:
    """An invented laboratory is carried to a FHIR server to its certificate; from there, by a second instruction, to another system: each time nothing is unexplained."""
    with medplum() as server:
        lab = Laboratory(tmp_path, patients=30, seed=3)
        to_server(lab, server)
        result = carried(lab.ready())
        assert (result.unexplained, result.failed) == (0, ())
        loaded = Counter({kind.kind: kind.loaded for kind in result.kinds})
        assert loaded["patient"] > 15
        assert server.ask("Patient?_count=1")["total"] == loaded["patient"]
        observations = loaded["result"] + loaded["isolate"] + loaded["susceptibility"]
        assert server.ask("Observation?_count=1")["total"] == observations
        assert server.ask("Basic?_count=1")["total"] == 0
        onward = Laboratory(tmp_path / "onward", patients=0, seed=0)
        from_server(onward, server)
        again = carried(onward.ready())
    assert (again.unexplained, again.failed) == (0, ())
    sent = {kind.kind: kind.loaded for kind in again.kinds}
    assert {kind: loaded[kind] for kind in sent} == sent, (
        "a second instruction of the same scope takes it all"
    )
