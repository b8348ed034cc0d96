"""A whole passage of letters to doctors (HPRIM Médecins, RES| lines): signed instruction to certificate of erasure, by one command, this file's test."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from ecluse.passage.migration import MigrationState
from ecluse.terms.codes import LocalCode
from ecluse.terms.instruction import Instruction
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.formats import shipped_mapping
from tests.ports.format_hprim_medecins import END, RESULTS, letter
from tests.workspaces import Laboratory, start

HEADLESS = "RES|GLUCOSE|GLU|N|5.2\r\nTEX|remarque\r\n".encode("latin-1")
"""Lines of results without the letter around them, as the public sample has them: whose they are, nobody can tell."""
FREE = {
    f"{kind.name}.{field.name}"
    for kind in vocabulary().kinds.values()
    for field in kind.fields.values()
    if "FREE" in field.categories
}


class OfLetters(Laboratory):
    """A workspace from a folder of letters to a folder of FHIR resources."""

    def __init__(self, home: Path, letters: Path) -> None:
        urls = {"source_url": f"hprim-medecins+file://{letters}", "target_url": f"fhir+file://{home}/fhir"}
        super().__init__(home, patients=0, seed=0, **urls)
        (home / "old.toml").write_text(shipped_mapping("hprim-medecins"), encoding="utf-8")
        (home / "new.toml").write_text(shipped_mapping("fhir-r4"), encoding="utf-8")

    def invent(self) -> None:
        """Nobody is invented: the letters are there."""

    def create_target(self) -> None:
        """The target makes its own folder."""

    def classified(self) -> list[LocalCode]:
        """The one test of the letters, and another that reveals pregnancy."""
        return [LocalCode("test", "GLU", "GLUCOSE", ()), LocalCode("test", "HCG", "BETA HCG", ("PREG",))]

    def change(self, instruction: Instruction) -> Instruction:  # type: ignore[override]
        """The year of the letters and their sender, and no free text."""
        records = {
            kind: tuple(name for name in names if f"{kind}.{name}" not in FREE)
            for kind, names in instruction.records.items()
        }
        period = replace(instruction.period, start=date(2024, 1, 1), end=date(2024, 12, 31))
        return replace(instruction, records=records, period=period, sites=("LABO",))


def test_letters_to_doctors_become_fhir_and_every_line_is_accounted_for(tmp_path: Path) -> None:
    """Letters of several senders, one with a test that the instruction does not name, and lines without a letter: what is named arrives, the rest stays
    under its rule, and what is nobody's is sealed apart.
    """
    letters = tmp_path / "letters"
    letters.mkdir()
    first = letter(*RESULTS, number="1")
    again = letter("", "****LAB****", "RES|GLUCOSE|GLU|N|6,1|mmol/L|3,5|6,5|N|F|", number="2").replace(
        "R1", "R2"
    )
    kept = letter("", "****LAB****", "RES|BETA HCG|HCG|N|9|UI/L|||N|F|", number="3").replace("R1", "R3")
    (letters / "1.txt").write_bytes((first + END).encode("latin-1"))
    (letters / "2.txt").write_bytes((again + kept + END).encode("cp1252"))
    (letters / "3.txt").write_bytes(HEADLESS)
    ready = OfLetters(tmp_path / "home", letters).ready()
    name, by = start(ready), ready.cast.ids["engineer"]
    assert ready.course.run(name, by=by) is MigrationState.LOADED
    result = ready.course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    account = result.account
    assert account is not None
    assert (account.unexplained, account.measured) == (0, {"*": account.seen})
    assert account.unread == {"no-heading": 2}
    kinds = {kind.kind: kind for kind in result.kinds}
    assert kinds["result"].excluded == {"category/PREG": 1}
    assert kinds["result"].loaded == 3
    assert kinds["patient"].loaded == 3
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    assert ready.course.erase(name, by=ready.cast.ids["biologist"]).in_target == "accepted"
    told = [
        json.loads(line)
        for file in (tmp_path / "home" / "fhir").glob("Observation*.ndjson")
        for line in file.read_bytes().splitlines()
    ]
    assert len(told) == 3
    assert "HCG" not in json.dumps(told)
