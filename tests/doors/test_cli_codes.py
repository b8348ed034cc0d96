"""The code map as a person meets it: proposing, deciding line by line, what is refused on the way, signing."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from ecluse.terms.code_map import Decision, read_draft, render
from tests.doors.conftest import Desk

FILE = "code,name\n14682-9,Creatinine [Moles/volume] in Serum or Plasma\n2160-0,Creatinine [Mass/volume] in Serum or Plasma\n"
OWN = "code,label,unit,specimen\nCREA,Créatinine,mg/L,Sang sec\nZORG,Zorglub,,\nHB,Hémoglobine,g/dL,Sang\n"


@pytest.fixture
def lists(tmp_path: Path) -> tuple[str, str, str]:
    """A catalogue, the laboratory's own list, and where the code map goes."""
    (tmp_path / "loinc.csv").write_text(FILE, "utf-8")
    (tmp_path / "own.csv").write_text(OWN, "utf-8")
    return str(tmp_path / "loinc.csv"), str(tmp_path / "own.csv"), str(tmp_path / "map.toml")


def test_nothing_is_proposed_without_a_catalogue(desk: Desk) -> None:
    """Écluse ships no table of codes: without one given, there is nothing to propose."""
    assert "codes/no-catalogue" in desk.type("codes", "propose", code=10).stderr


def test_proposals_are_written_and_loincs_notice_is_shown(desk: Desk, lists: tuple[str, str, str]) -> None:
    """Proposals go into a file to decide on, or are printed; LOINC's notice is shown; a dry run writes nothing."""
    loinc, own, file = lists
    desk.type("codes", "propose", file, "--catalogue", loinc, "--local", own, "--dry-run")
    assert not Path(file).exists()
    said = desk.type("codes", "propose", file, "--catalogue", loinc, "--local", own, language="en")
    assert "LOINC is copyright" in said.stderr
    assert "3 local codes" in said.stdout
    assert "2160-0" in desk.type("codes", "propose", "--catalogue", loinc, "--local", own).stdout
    found = desk.json("codes", "propose", "--catalogue", loinc)
    assert (found["targets"], found["undecided"]) == (2, found["codes"])


def test_a_person_decides_line_by_line(desk: Desk, lists: tuple[str, str, str]) -> None:
    """A number, a code, 0, later, or the end: each answer is kept at once; what the unit forbids is refused and asked again."""
    loinc, own, file = lists
    desk.type("codes", "propose", file, "--catalogue", loinc, "--local", own)
    who = desk.people["biologist"]
    shown = desk.type(
        "codes", "review", file, "--as", who, told="2\n\n1\nvu au manuel\n718-7\n\n?\n", language="en"
    )
    assert "codes/another-dimension" in shown.stderr
    assert "decided" in shown.stdout
    text = Path(file).read_text("utf-8")
    assert f'target = "2160-0"\n  by = "{who}"\n  why = "vu au manuel"' in text
    assert '  target = "718-7"' in text
    left = desk.json("codes", "review", file)
    assert (left["decided"], [one["code"] for one in left["undecided"]]) == (2, ["ZORG"])
    assert desk.type("codes", "propose", file, "--catalogue", loinc, "--local", own).exit_code == 0
    assert desk.json("codes", "review", file)["decided"] == 2
    desk.type("codes", "review", file, "--as", who, told="0\n\n")
    assert desk.json("codes", "review", file)["undecided"] == []
    desk.type("codes", "review", file, "--as", "p-nobody", code=12)


def test_the_map_is_signed_by_a_biologist_and_the_classification_beside_it(
    desk: Desk, lists: tuple[str, str, str]
) -> None:
    """`codes sign` reads in the file which document it is; an engineer's signature is refused."""
    loinc, own, file = lists
    desk.type("codes", "propose", file, "--catalogue", loinc, "--local", own)
    assert desk.json("codes", "sign", file, *desk.by("biologist"), "--dry-run")["dry_run"]
    desk.type("codes", "sign", file, *desk.by("engineer"), code=12)
    assert desk.json("codes", "sign", file, *desk.by("biologist"))["in_force"]
    assert desk.json("codes", "sign", desk.file("codes.toml"), *desk.by("biologist"))["in_force"]
    acts = [entry["act"] for entry in desk.json("ledger", "show")["shown"]]
    assert acts[-2:] == ["code-map.signed", "codes.signed"]


def test_a_whole_passage_writes_the_code_of_each_unit(desk: Desk, tmp_path: Path) -> None:
    """Creatinine in mg/L, then in µmol/L: one local code arrives in FHIR with two LOINC codes, each by its unit, and nothing is unexplained."""
    (tmp_path / "loinc.csv").write_text(FILE, "utf-8")
    mapping = resources.files("ecluse.adapters.connectors.fhir").joinpath("fhir-r4.toml").read_text("utf-8")
    (desk.home / "fhir-r4.toml").write_text(mapping, "utf-8")
    settings = desk.home / "ecluse.toml"
    lines = settings.read_text("utf-8").replace('"new.toml"', '"fhir-r4.toml"')
    settings.write_text(
        re.sub(r'"sqlite://[^"]*new\.sqlite"', f'"fhir+file://{desk.home}/fhir"', lines), "utf-8"
    )
    file = desk.file("code-map.toml")
    desk.type("codes", "propose", file, "--catalogue", str(tmp_path / "loinc.csv"))
    who = desk.people["biologist"]
    draft = read_draft(Path(file).read_bytes())
    for line in draft.lines:
        if line.local.code == "CREA":
            draft = draft.decided(
                line.key, Decision(line.offered[0].target, who, "propriété et unité concordent")
            )
    Path(file).write_text(render(draft, language="fr"), "utf-8")
    desk.type("codes", "sign", file, *desk.by("biologist"))
    desk.sign_all()
    desk.type("run", *desk.by("engineer"))
    seen = set()
    for piece in (desk.home / "fhir").glob("Observation.result.*.ndjson"):
        for each in map(json.loads, piece.read_text("utf-8").splitlines()):
            if each["code"]["coding"][0]["code"] == "CREA":
                seen.add((each["valueQuantity"]["unit"], each["code"]["coding"][1]["code"]))
    assert seen == {("mg/L", "2160-0"), ("µmol/L", "14682-9")}
