"""The national agency's CDA reports, as files and as the Ségur messages carry them: read whole, every element under one fate."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from ecluse.adapters.connectors.cda.format import Cda
from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN, Fact, Seen, Unread
from ecluse.passage.canonical import MONTH, SITE, canonical
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import mapping_of
from tests.ports.format_cda import units

FILES = {
    "BIO-CR-BIO_2021.01_Microbiologie_V1.xml": {"prescriber": 1, "patient": 1, "request": 1, "specimen": 1, "result": 7, "isolate": 2, "susceptibility": 6},
    "BIO-CR-BIO_2024.01_Glycémie mole.xml": {"prescriber": 2, "patient": 1, "request": 1, "result": 1, "document": 1},
    "BIO-CR-BIO_2024.01_TSH_1.xml": {"prescriber": 2, "patient": 1, "request": 1, "result": 2, "document": 1},
    "BIO-TROD_2024.01_COVID-19.xml": {"prescriber": 1, "patient": 1, "request": 1, "result": 1},
}  # fmt: skip
LEVEL_1 = {"prescriber": 1, "patient": 1, "request": 1, "document": 1}
LEVEL_3 = {
    "prescriber": 1,
    "patient": 1,
    "request": 1,
    "specimen": 2,
    "result": 57,
    "isolate": 2,
    "susceptibility": 6,
    "document": 1,
}


def read(octets: bytes) -> list[Fact | Unread | Seen]:
    return list(Cda().read(io.BytesIO(octets), name="1"))


def kinds(told: list[Fact | Unread | Seen]) -> dict[str, int]:
    return dict(Counter(it.kind for it in told if isinstance(it, Fact)))


def rows(told: list[Fact | Unread | Seen], kind: str) -> list[dict[str, object]]:
    return [dict(it.row) for it in told if isinstance(it, Fact) and it.kind == kind]


@pytest.mark.parametrize("name", FILES)
def test_each_report_gives_its_records_and_accounts_for_every_element(shared_data: Path, name: str) -> None:
    """The four examples of CR-BIO: so many records of each kind, nothing unread, and as many fates as elements."""
    octets = (shared_data / "fr-ans/cda-cr-bio/ExemplesCDA" / name).read_bytes()
    told = read(octets)
    assert kinds(told) == FILES[name]
    assert not [it for it in told if isinstance(it, Unread)]
    assert sum(it.times for it in told if isinstance(it, Seen)) == units(octets)
    assert {it.fate for it in told if isinstance(it, Seen)} == {CARRIED, IGNORED, UNKNOWN}


def test_every_observation_of_an_entry_gives_a_record(shared_data: Path) -> None:
    """In seven reports at level 3, an observation is a result, a count, a susceptibility, or says what file is attached: all are carried."""
    for place in sorted((shared_data / "fr-ans").rglob("*")):
        if place.suffix.lower() != ".xml":
            continue
        fates = {(it.unit, it.fate): it.times for it in read(place.read_bytes()) if isinstance(it, Seen)}
        assert {fate for unit, fate in fates if unit == "observation"} <= {CARRIED}
        assert {fate for unit, fate in fates if unit == "value"} <= {CARRIED, IGNORED}


@pytest.mark.parametrize(("level", "expected"), [("Niv1", LEVEL_1), ("Niv3", LEVEL_3)])
def test_the_segur_reports_are_read(shared_data: Path, level: str, expected: dict[str, int]) -> None:
    """First sending, replacement and deletion: the same records each time, under the same identifiers."""
    names: set[frozenset[str]] = set()
    for place in sorted((shared_data / "fr-ans/hl7V2-exemples").rglob(f"CR_Bio_CDA_{level}_*.XML")):
        told = read(place.read_bytes())
        assert kinds(told) == expected
        names.add(frozenset(str(it.row["id"]) for it in told if isinstance(it, Fact)))
    assert len(names) == 1


def test_the_reports_inside_segur_messages_are_read(shared_data: Path) -> None:
    """Decoded from OBX-5, each is the report that lies beside its message."""
    found = Counter(
        tuple(sorted(kinds(read(base64.b64decode(match.group(1)))).items()))
        for place in sorted((shared_data / "fr-ans/hl7V2-exemples").rglob("*.er7"))
        for match in re.finditer(rb"\^Base64\^(PD94[A-Za-z0-9+/=]+)", place.read_bytes())
    )
    assert found == {tuple(sorted(LEVEL_1.items())): 2, tuple(sorted(LEVEL_3.items())): 2}


def test_a_blood_report_is_read_field_for_field(shared_data: Path) -> None:
    """TSH: code of LOINC, value, unit of UCUM, range, interpretation, who validated and when, as the document says them."""
    told = read((shared_data / "fr-ans/cda-cr-bio/ExemplesCDA/BIO-CR-BIO_2024.01_TSH_1.xml").read_bytes())
    first = rows(told, "result")[0]
    wanted = {
        "code": "3016-3", "value": "1.950", "unit": "m[IU]/L", "range_low": "0.270", "range_high": "4.200", "flag": "N", "status": "completed",
        "version": "1", "visibility": "N", "validated_at": "2021-01-04 16:05:27",
    }  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    patient = rows(told, "patient")[0]
    assert (patient["ins_oid"], patient["birth_date"], patient["city"]) == (
        "1.2.250.1.213.1.4.10",
        "1979-03-28",
        "Paris",
    )
    assert bytes(rows(told, "document")[0]["content"]).startswith(b"%PDF")  # type: ignore[arg-type]


def test_a_urine_culture_is_read_with_its_germs(shared_data: Path) -> None:
    """Two germs with their counts, three antibiotics each; both belong to the culture, whose code is the act's."""
    told = read(
        (shared_data / "fr-ans/cda-cr-bio/ExemplesCDA/BIO-CR-BIO_2021.01_Microbiologie_V1.xml").read_bytes()
    )
    germs = rows(told, "isolate")
    assert [(it["organism"], it["count"]) for it in germs] == [
        ("Escherichia coli (organism)", "100000 /mL"),
        ("Genus Streptococcus (organism)", "200000 /mL"),
    ]
    culture = next(it for it in rows(told, "result") if it["id"] == germs[0]["result"])
    assert culture["code"] == "5201"
    lines = [(it["antibiotic"], it["mic"], it["interpretation"]) for it in rows(told, "susceptibility")]
    assert lines[:3] == [
        ("Amoxicilline", ">=0.512 ug/mL", "R"),
        ("Ampicilline", "<0.128 ug/mL", "I"),
        ("Gentamicine", "<0.032 ug/mL", "S"),
    ]


def test_what_the_reports_say_becomes_canonical(shared_data: Path) -> None:
    """Every record of the agency's ten files, through the mapping that ships: dates, codes and numbers are all readable; one row is rejected, since its
    file writes an offset of three figures (+100).
    """
    rejected: Counter[tuple[str, str]] = Counter()
    mapping = mapping_of(Cda())
    records = {kind: tuple(it.fields) for kind, it in mapping.kinds.items()}
    slices = read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary()).slices
    for place in sorted((shared_data / "fr-ans").rglob("*")):
        if place.suffix.lower() != ".xml":
            continue
        told = read(place.read_bytes())
        for piece in slices:
            found = rows(told, piece.kind)
            raw = pa.RecordBatch.from_pydict({
                **{name: pa.array([row.get(name) for row in found], pa.binary() if name == "content" else pa.string()) for name in piece.fields},
                SITE: pa.array(["-"] * len(found), pa.string()), MONTH: pa.array(["-"] * len(found), pa.string()),
            })  # fmt: skip
            found_bad = canonical(raw, piece, vocabulary=vocabulary(), lost={}).rejected
            rejected.update((place.name, reason) for reason in found_bad.column("_reason").to_pylist())
    assert rejected == {("BIO-TROD_2024.01_COVID-19.xml", "validated_at: date-not-readable"): 1}
