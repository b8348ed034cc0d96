"""The HPRIM files that others published, all of invented patients: every line of every one is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.files.format import Fact, Format, Seen, Unread
from ecluse.adapters.connectors.hprim.format import Hprim
from ecluse.adapters.connectors.hprim.letters import HprimLetters

EXPECTED = {
    "h21_biochimie_libhprim.hpr": (
        {"patient": 1, "prescriber": 1, "request": 1, "specimen": 1, "result": 2},
        {"carried": 6, "structure": 2, "not-in-vocabulary": 1},
        [],
    ),
    "h22_acide_urique_libhprim.hpr": (
        {"patient": 1, "prescriber": 1, "request": 1, "specimen": 1, "result": 1},
        {"carried": 4, "structure": 2},
        [],
    ),
    # Five lines of results without a letter around them: of nobody.
    "hprim_medecins_res_lines.txt": ({}, {}, [("no-heading", {"RES": 3, "TEX": 2})]),
}
"""Records by kind, lines by fate, and what is set aside."""


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> Path:
    place = shared_data / "hprim-samples"
    if not place.is_dir():
        pytest.skip("real files: ../shared/data/hprim-samples is absent")
    return place


def read(path: Path) -> list[Fact | Unread | Seen]:
    fmt: Format = HprimLetters() if "medecins" in path.name else Hprim()
    with path.open("rb") as stream:
        return list(fmt.read(stream, name=path.name))


def test_no_file_is_left_out(samples: Path) -> None:
    """The files that stand there are those that this test knows, and their SOURCES."""
    assert {path.name for path in samples.iterdir()} == {*EXPECTED, "SOURCES.md"}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_line_is_accounted_for(samples: Path, name: str) -> None:
    """So many records of each kind, so many lines under each fate, and the rest set aside with its reason: together, all lines of the file."""
    told = read(samples / name)
    kinds, fates, aside = EXPECTED[name]
    records = {(it.kind, it.row["id"]) for it in told if isinstance(it, Fact)}
    assert {kind: sum(known == kind for known, _ in records) for kind, _ in records} == kinds
    assert {fate: sum(it.times for it in told if isinstance(it, Seen) and it.fate == fate) for fate in {it.fate for it in told if isinstance(it, Seen)}} == fates  # fmt: skip
    assert [(it.reason, dict(it.units)) for it in told if isinstance(it, Unread)] == aside
    lines = (samples / name).read_bytes().split(b"\r\n")
    counted = sum(fates.values()) + sum(sum(units.values()) for _, units in aside)
    assert counted == sum(bool(line) for line in lines)


def test_the_patients_and_results_are_those_of_the_files(samples: Path) -> None:
    """Names, dates, values, units and ranges as a reader of the file sees them."""
    told = read(samples / "h21_biochimie_libhprim.hpr")
    patient = next(it.row for it in told if isinstance(it, Fact) and it.kind == "patient")
    result = next(it.row for it in told if isinstance(it, Fact) and it.kind == "result")
    assert (patient["used_name"], patient["given_names"], patient["birth_date"]) == (
        "GAULLE",
        "MARECHAL",
        "19370325",
    )
    assert (result["value"], result["unit"], result["range_low"], result["range_high"]) == (
        "16",
        "UI/l",
        "10",
        "40",
    )
    told = read(samples / "h22_acide_urique_libhprim.hpr")
    assert [it.row["unit"] for it in told if isinstance(it, Fact) and it.kind == "result"] == ["µmol/L"]
