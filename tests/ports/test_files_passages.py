"""Whole passages into every format that is written: an invented laboratory's base to files, read back and reconciled, empty texts included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.terms.instruction import Instruction
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.formats import FORMATS, shipped_mapping
from tests.workspaces import Laboratory, start

MAPPINGS = {"csv": "records", "xlsx": "records", "parquet": "records", "fhir-bulk": "fhir-r4"}
WRITTEN = sorted(name for name, known in FORMATS.items() if known.written)


class ToFiles(Laboratory):
    """The invented laboratory, its target a folder that is not there yet; the instruction names what the format has a place for."""

    def __init__(self, home: Path, form: str) -> None:
        super().__init__(home, patients=40, seed=4, target_url=f"{form}+file://{home}/files")
        text = shipped_mapping(MAPPINGS.get(form, form))
        (home / "new.toml").write_text(text, encoding="utf-8")
        self.held = parse_mapping(text.encode(), vocabulary=vocabulary())

    def change(self, instruction: Instruction) -> Instruction:  # type: ignore[override]
        """Only the fields that the format can hold."""
        records = {
            kind: tuple(name for name in names if name in self.held.kinds[kind].fields)
            for kind, names in instruction.records.items()
            if kind in self.held.kinds
        }
        if "ins_status" not in records["patient"]:  # no INS goes without it (law-and-laboratory, 5)
            records["patient"] = tuple(name for name in records["patient"] if not name.startswith("ins"))
        return replace(instruction, records=records)

    def create_target(self) -> None:
        """Nothing: the load makes it."""


@pytest.mark.parametrize("form", WRITTEN)
def test_a_base_becomes_files_and_every_value_is_read_back(form: str, tmp_path: Path) -> None:
    """Nothing unexplained in any format, whether the old system wrote a blank as an empty text or as nothing."""
    ready = ToFiles(tmp_path, form).ready()
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert sum(kind.loaded for kind in result.kinds) > 300
