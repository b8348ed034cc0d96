"""Every public HL7 v2 message at hand: read, or refused with its reason; and what the FHIR converters of CDC and Microsoft say otherwise."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ecluse.adapters.connectors.files.format import Fact, Seen, Unread
from ecluse.adapters.connectors.hl7.format import Hl7v2
from tests.real.hl7_oracle import Difference, differences, pairs

pytestmark = pytest.mark.filterwarnings("ignore")

SEGUR: Final = "fr-ans/hl7V2-exemples/Volets/TRANS_DOC_CDA_HL7V2/V2.0/ORU"


def every(shared: Path) -> list[Path]:
    """The 389 public messages, then the French ones."""
    public = sorted((shared / "hl7v2").glob("**/*.hl7"))
    french = sorted(it for end in ("hl7", "er7") for it in (shared / "fr-ans").glob(f"**/*.{end}"))
    return public + french


def told_by(path: Path) -> list[Fact | Unread | Seen]:
    """All that a file tells."""
    with path.open("rb") as stream:
        return list(Hl7v2().read(stream, name=path.name))


# --- every unit -----------------------------------------------------------------------------------------------------------------------------

READ: Final = {
    "prescriber": 74, "patient": 144, "request": 64, "specimen": 74, "result": 279, "document": 30, "invoice": 9,
}  # fmt: skip
REFUSED: Final = {
    "no-patient": 220, "no-request-number": 44, "cut": 21, "no-request": 14, "empty": 14, "content-elsewhere": 11,
}  # fmt: skip
"""Why: CDC's messages of one feature bear no patient and no order; Microsoft's samples hold orders without a number and observations before any order."""


def test_every_public_message_is_read_or_refused_with_its_reason(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of each of the files is counted once; records by kind and refusals by reason are those that a person looked at."""
    facts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    fates: Counter[tuple[str, str]] = Counter()
    files = every(shared_data)
    for path in files:
        counted = 0
        for told in told_by(path):
            if isinstance(told, Fact):
                facts[told.kind] += 1
            elif isinstance(told, Unread):
                refused[told.reason] += 1
                counted += sum(told.units.values())
                fates.update({(unit, "unread"): times for unit, times in told.units.items()})
            else:
                fates[told.unit, told.fate] += told.times
                counted += told.times
        lines = sum(bool(line) for line in re.split(rb"[\r\n\x0b\x1c]+", path.read_bytes()))
        assert counted == lines, path.name
    with capsys.disabled():
        sys.stdout.write(_table(fates, len(files)) + "\n")
    assert sum(path.suffix == ".hl7" and "hl7v2" in path.parts for path in files) == 410
    assert dict(facts) == READ
    assert dict(refused) == REFUSED


def _table(fates: Counter[tuple[str, str]], files: int) -> str:
    columns = ("carried", "structure", "not-in-vocabulary", "unread")
    lines = [f"\n{files} files; segments: " + ", ".join(columns)]
    units = sorted({unit for unit, _fate in fates})
    lines += [f"  {unit:6}" + "".join(f"{fates[unit, fate]:6}" for fate in columns) for unit in units]
    lines.append(
        "  all   " + "".join(f"{sum(n for (_u, it), n in fates.items() if it == fate):6}" for fate in columns)
    )
    return "\n".join(lines)


# --- the French messages ----------------------------------------------------------------------------------------------------------------------


def test_a_segur_report_keeps_its_identity_its_documents_and_their_visibility(shared_data: Path) -> None:
    """INS with its OID, a validated identity, two CDA documents in one message, visible, signed for; and nobody is named by the INS in clear."""
    [path] = (shared_data / SEGUR).glob("Transmission*/message*.hl7")
    number = re.search(rb"PID[|]+(\d{15})\^", path.read_bytes())
    assert number is not None
    ins = number[1].decode()
    facts = [it for it in told_by(path) if isinstance(it, Fact)]
    patient = next(it.row for it in facts if it.kind == "patient")
    assert (patient["ins"], patient["ins_oid"]) == (ins, "1.2.250.1.213.1.4.8")
    assert (patient["ins_status"], len(str(patient["birth_place"])), patient["sex"]) == ("VALI", 5, "F")
    assert ins not in str(patient["id"])
    documents = [it.row for it in facts if it.kind == "document"]
    assert len({it["id"] for it in documents}) == 2
    assert {it["visibility"] for it in documents} == {"visible"}
    assert {it["media_type"] for it in documents} == {"text/xml"}
    assert all(isinstance(it["content"], bytes) and b" CDA " in it["content"] for it in documents)


def test_a_segur_replacement_meets_what_it_replaces_and_a_deletion_what_it_deletes(shared_data: Path) -> None:
    """F, C and D of OBX-11 speak of the same two documents: the same ids in the three messages, gone in the last."""
    folder = shared_data / SEGUR
    stages = [next(folder.glob(f"{stage}*/message*_N1_N3.*")) for stage in ("Trans", "Rempl", "Suppr")]
    ids = []
    for path in stages:
        documents = [it for it in told_by(path) if isinstance(it, Fact) and it.kind == "document"]
        ids.append({(str(it.row["id"]), it.gone) for it in documents})
    first, replaced, gone = ids
    assert first == replaced
    assert {(name, True) for name, _gone in first} == gone


# --- the FHIR that others expect --------------------------------------------------------------------------------------------------------------


class Explained(NamedTuple):
    """Why both are right, or why ours is: of differences at `place` whose text, or file, is like `pattern`."""

    place: str
    pattern: str
    why: str


EXPLAINED: Final = (
    Explained(
        "result.status",
        r"'ordered', 'unknown'",
        "OBX-11 is O or I: FHIR has no such status, the vocabulary has",
    ),
    Explained("result.status", r"'validated', 'unknown'", "no OBX-11, but OBR-25 says final"),
    Explained(
        "result.status", r"'cancelled', 'unknown'", "OBX-11 is N, not asked: there is no result to come"
    ),
    Explained(
        "result.status", r"'entered', 'unknown'", "OBX-11 is S, partial: FHIR's converter has no word for it"
    ),
    Explained("result.unit", r", \{\}$", "the unit of a value that is no quantity in FHIR is left out there"),
    Explained("result.value", r"'\d+\\n\d+', ", "a value that is repeated: FHIR holds one, or none"),
    Explained("result.value", r"'28', \{\}", "a type without a FHIR value: we keep the text"),
    Explained(
        "result.value",
        r"valuePeriod|valueRange|valueRatio|valueDateTime|'SN\.3'",
        "the text as reported, where FHIR takes it apart",
    ),
    Explained(
        "result.value",
        r"'-1\+3'|'First\^Second'",
        "the text as it stands, where the converter puts signs between its parts",
    ),
    Explained(
        "result.value",
        r"sample_oru_20241015",
        "\\R\\ is the repetition sign: the converter leaves the escape unread",
    ),
    Explained(
        "result",
        r"ED|OBX-to-Observation-ed-value",
        "an ED is a document to us; this one's Base64 is broken, and is refused",
    ),
    Explained(
        "result", r"cwe-quantity", "a message without a PID: there is no patient to give the observation to"
    ),
    Explained(
        "result",
        r"\[\] is theirs alone|None is ours alone",
        "an OBX that says neither what nor how much; or takes its order's code",
    ),
    Explained(
        "result",
        r"'8867-4'\] is theirs alone",
        "observed of a patient before any order: refused as no-request",
    ),
    Explained(
        "result", r"'AOE15' is ours alone", "a question answered at the order, which the converter leaves out"
    ),
    Explained("patient.birth_date", r"'0000', None", "no date: left as it stands, and rejected by name"),
    Explained(
        "patient.birth_date",
        r"'197010', '1970-10'",
        "a month: FHIR has partial dates, the vocabulary has not",
    ),
)


def test_what_others_expect_of_a_message_differs_only_where_it_is_explained(shared_data: Path) -> None:
    """Names, birth date, sex, identifiers; code, value, unit and status of each observation: equal, or on the list with the reason why not."""
    compared = 0
    unexplained: list[Difference] = []
    used: set[Explained] = set()
    for message, expected in pairs(shared_data):
        compared += 1
        for difference in differences(message, expected):
            found = _explained(difference)
            if found is None:
                unexplained.append(difference)
            else:
                used.add(found)
    assert compared == 289
    assert unexplained == []
    assert [it for it in EXPLAINED if it not in used] == []


def _explained(difference: Difference) -> Explained | None:
    stem, place, said = difference
    return next(
        (
            it
            for it in EXPLAINED
            if it.place == place and (re.search(it.pattern, said) or re.search(it.pattern, stem))
        ),
        None,
    )


def test_a_message_of_every_kind_is_read_twice_alike(shared_data: Path) -> None:
    """Reading changes nothing of what is remembered: the same file tells the same, on the same format."""
    fmt = Hl7v2()
    for path in every(shared_data)[::20]:
        octets = path.read_bytes()
        first, second = (list(fmt.read(io.BytesIO(octets), name="1")) for _ in range(2))
        assert first == second
