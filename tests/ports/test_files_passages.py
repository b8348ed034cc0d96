"""Whole passages into every format that is written: an invented laboratory's base to files, read back and reconciled, empty texts included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.passage.migration import Act
from ecluse.passage.signing import sign
from ecluse.terms.instruction import Instruction
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.formats import FORMATS, shipped_mapping
from tests.workspaces import Laboratory, start

MAPPINGS = {"csv": "records", "xlsx": "records", "parquet": "records"}
MAP = """[code-map]
version = 1
catalogues = []
[[code]]
system = "test"
code = "NA"
unit = "mmol/L"
[code.decision]
target = "2951-2"
by = "p-7f3a"
why = "concentration molaire"
"""
CODED = {
    "hl7v2": (b"^^2951-2^^LN|", b"|NA^"),
    "cda": (b'<translation code="2951-2"', b'<code code="NA"'),
}
"""What stands beside a result of the mapped code where a format has a place for it, and the local code itself."""
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
    who, key = ready.cast.ids["biologist"], ready.cast.keys["biologist"]
    digest, _ = sign(ready.source, "code-map", MAP.encode(), by=who, key=key)
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert sum(kind.loaded for kind in result.kinds) > 300
    assert ready.target.bodies(Act.LOAD.value, subject=name)[-1]["code_map"] == digest
    if form in CODED:
        written = b"".join(
            file.read_bytes()
            for file in (tmp_path / "files").rglob("*.*")
            if file.is_file() and b"SQLite" not in file.read_bytes()[:16]
        )
        chosen, local = CODED[form]
        assert written.count(chosen) == written.count(local) > 0
