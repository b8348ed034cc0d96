"""A whole passage into CDA reports: an invented laboratory's base to a folder of them, read back and reconciled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from ecluse.adapters.xml import parse_xml
from ecluse.terms.instruction import Instruction, NamedField
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.formats import shipped_mapping
from tests.workspaces import Laboratory, also, start

V3: Final = "{urn:hl7-org:v3}"


def with_reports(instruction: Instruction) -> Instruction:
    """All that both systems hold, the reports and the insured number that they show included."""
    taken = also(
        instruction,
        "document",
        "id",
        "request",
        "media_type",
        "content",
        "signatory",
        "signed_at",
        "version",
        "visibility",
    )
    taken = also(taken, "patient", "nss")
    return replace(taken, documents=(NamedField("document.content", "Les comptes rendus signés font foi."),))


class ToReports(Laboratory):
    """The invented laboratory, its target a folder of CDA reports."""

    change: Callable[[Instruction], Instruction] = staticmethod(with_reports)

    def __init__(self, home: Path) -> None:
        super().__init__(home, patients=40, seed=2, target_url=f"cda+file://{home}/reports")
        (home / "new.toml").write_text(shipped_mapping("cda"), encoding="utf-8")

    def create_target(self) -> None:
        """An empty folder."""
        (self.home / "reports").mkdir()


def passed(ready: Ready) -> tuple[str, dict[str, int]]:
    """A passage carried and reconciled with nothing unexplained; its name, and the records that arrived by kind."""
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert result.unexplained == 0
    assert result.failed == ()
    assert not [kind for kind in result.kinds if kind.rejected_at_target]
    return name, {kind.kind: kind.loaded for kind in result.kinds}


def test_a_base_becomes_reports_and_every_field_is_read_back(tmp_path: Path) -> None:
    """From the old base to a folder of CR-BIO: nothing rejected, nothing unexplained, a document for each request, with its PDF inside."""
    lab = ToReports(tmp_path)
    _, loaded = passed(lab.ready())
    reports = [
        parse_xml(file.read_bytes()) for file in sorted((tmp_path / "reports" / "messages").glob("*.xml"))
    ]
    documents = [root for root in reports if root.tag == f"{V3}ClinicalDocument"]
    assert len(documents) == loaded["request"] > 0
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old:
        assert loaded["document"] <= old.execute("SELECT count(*) FROM CRPDF").fetchone()[0]
    assert sum(len(root.findall(f".//{V3}observationMedia")) for root in documents) == loaded["document"] > 0
