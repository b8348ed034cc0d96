"""Messages written: by the standard where it has a place, exactly everywhere, and readable by others."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import hl7  # type: ignore[import-untyped]
import pytest

from ecluse.adapters.connectors.files.format import Case, Fact, Row
from ecluse.adapters.connectors.hl7.format import Hl7v2
from ecluse.adapters.connectors.hl7.write import TOGETHER, messages
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import mapping_of, plain

PATIENT: Row = {
    "id": "12",
    "birth_name": "DURAND",
    "given_names": "ANNE",
    "sex": "F",
    "birth_date": "1979-03-28",
}
REQUEST: Row = {"id": "D1", "patient": "12", "prescriber": "77", "site": "LABO", "time": "2024-01-15 08:30:00", "date": "2024-01-15", "status": "validated"}  # fmt: skip
DOCTOR: Row = {"id": "77", "rpps": "10001234567", "family_name": "MARTIN", "given_names": "JEAN"}
RESULT: Row = {"id": "R1", "request": "D1", "code": "GLU", "label": "GLUCOSE", "value": "5.4", "unit": "mmol/L", "range_low": "3.9", "range_high": "6.1", "status": "validated"}  # fmt: skip


def only(case: Case) -> str:
    """The one message of a case."""
    [text] = messages([case], [])
    return text


def segments(text: str, name: str) -> list[str]:
    return [line for line in text.split("\r") if line.startswith(f"{name}|")]


def back(text: str) -> dict[tuple[str, str], Row]:
    read = Hl7v2().read(io.BytesIO(text.encode()), name="1")
    return {(it.kind, str(it.row["id"])): it.row for it in read if isinstance(it, Fact)}


def test_the_mapping_is_the_whole_vocabulary() -> None:
    """Every kind and field has a place in a message, if only in a ZEX."""
    described = parse_mapping(Hl7v2().mapping.encode(), vocabulary=vocabulary())
    assert {name: set(kind.fields) for name, kind in described.kinds.items()} == {
        name: set(kind.fields) for name, kind in vocabulary().kinds.items()
    }


def test_an_everyday_report_needs_nothing_beside_the_standard() -> None:
    """A patient, a prescriber, a request and its results: no ZEX, and each field where any receiver looks for it."""
    text = only(Case(REQUEST, PATIENT, DOCTOR, results=[RESULT]))
    assert segments(text, "ZEX") == []
    [header], [pid], [obx] = (segments(text, name) for name in ("MSH", "PID", "OBX"))
    assert header.split("|")[2:9:6] == ["ECLUSE", "ORU^R01^ORU_R01"]
    assert header.endswith("|P|2.5.1||||||UNICODE UTF-8")
    assert pid == "PID|1||12^^^^PI||DURAND^ANNE^^^^^L||19790328|F"
    assert obx == "OBX|1|NM|GLU^GLUCOSE|1|5.4|mmol/L|3.9-6.1||||F||||||||||R1^ECLUSE"
    assert (
        segments(text, "ORC")[0].split("|")[12]
        == "77^MARTIN^JEAN~10001234567^MARTIN^JEAN^^^^^^&1.2.250.1.71.4.2.1&ISO^^^^RPPS"
    )


def test_others_read_what_we_write() -> None:
    """PyPI hl7 parses every message, with its segments, and finds values where the standard puts them, escapes read."""
    fmt = Hl7v2()
    cases = [plain(mapping_of(fmt), number) for number in range(1, 8)]
    result = {**RESULT, "label": "GLUCOSE | ^~\\& à jeun", "value": "ligne 1\nligne 2", "unit": "m&m"}
    cases.append(Case(REQUEST, PATIENT, DOCTOR, results=[result]))
    for file in fmt.write(cases, [("prescriber", DOCTOR), ("patient", PATIENT)]):
        batches = hl7.parse_file(file.content.decode())
        found = [message for batch in batches for message in batch]
        assert len(found) == len(cases) + 2
        assert [str(it.segment("MSH")[12]) for it in found] == ["2.5.1"] * len(found)
        last = found[len(cases) - 1]
        assert last.unescape(str(last.segment("OBX")[3][0][1])) == "GLUCOSE | ^~\\& à jeun"
        assert last.unescape(str(last.segment("OBX")[6])) == "m&m"
        assert str(last.segment("OBX")[21][0][0]) == "R1"


def test_what_the_standard_has_no_place_for_is_said_beside_it() -> None:
    """A version, a second comment, a moment that is none: ZEX, and only for these."""
    patient = {**PATIENT, "comment_2": "Rappeler", "birth_date": "1979"}
    result = {**RESULT, "version": "3", "status": "other", "comment": "  deux  espaces "}
    text = only(Case(REQUEST, patient, DOCTOR, results=[result]))
    fields = {tuple(line.split("|")[1:4]) for line in segments(text, "ZEX")}
    assert fields == {("patient", "12", "comment_2"), ("result", "R1", "version"), ("result", "R1", "status")}
    found = back(text)
    assert found["patient", "12"] == patient
    assert found["result", "R1"] == result


@pytest.mark.parametrize("visibility", ["visible", "hidden", "hidden-from-guardians", "secret"])
def test_who_may_not_see_is_said_as_france_says_it(visibility: str) -> None:
    """A document and its flags stand in one group, so that another system honours them; ours reads the same back."""
    document: Row = {
        "id": "C1",
        "request": "D1",
        "media_type": "application/pdf",
        "content": b"%PDF-1.7",
        "visibility": visibility,
    }
    text = only(Case(REQUEST, PATIENT, DOCTOR, results=[RESULT], documents=[document]))
    said = {
        line.split("|")[3].split("^")[0]: line.split("|")[5][0]
        for line in segments(text, "OBX")
        if "MetaDMPMSS" in line
    }
    assert said.pop("MASQUE_PS") == "N"
    assert [name for name, it in said.items() if it == "Y"] == {
        "visible": [], "hidden": ["INVISIBLE_PATIENT"], "hidden-from-guardians": ["INVISIBLE_REP_LEGAUX"], "secret": ["CONNEXION_SECRETE"],
    }[visibility]  # fmt: skip
    assert segments(text, "ZEX") == []
    assert back(text)["document", "C1"] == document
    assert "visibility" not in back(text)["result", "R1"]


def test_an_order_without_results_is_an_order() -> None:
    """Nothing resulted: OML^O21, with its specimens."""
    specimen: Row = {"id": "E1", "request": "D1", "type": "SANG", "collected_at": "2024-01-15 07:30:00"}
    text = only(Case(REQUEST, PATIENT, DOCTOR, specimens=[specimen]))
    assert "|OML^O21^OML_O21|" in text
    assert segments(text, "SPM") == ["SPM|1|^E1||^SANG|||||||||||||20240115073000"]
    assert back(text)["specimen", "E1"] == specimen


def test_a_merged_patient_alone_is_a_merge() -> None:
    """A28 says who it was, A40 who it is now, for systems that know only the standard."""
    row: Row = {**PATIENT, "merged_into": "9"}
    added, merged = messages([], [("patient", row)])
    assert "|ADT^A28^ADT_A05|" in added
    assert "|ADT^A40^ADT_A39|" in merged
    assert segments(merged, "PID") == ["PID|1||9^^^^PI"]
    assert segments(merged, "MRG") == ["MRG|12^^^^PI"]
    assert back(added) == {("patient", "12"): PATIENT}
    assert back(merged) == {("patient", "12"): {"id": "12", "merged_into": "9"}}


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("patient", {"id": None}, "no-identifier"), ("patient", {}, "no-identifier"), ("mood", {"id": "1"}, "kind"),
        ("patient", {"id": "1", "birth_name": "\ud800"}, "encoding"), ("patient", {"id": "1", "birth_name": "É\x00|"}, None),
    ],
)  # fmt: skip
def test_what_no_message_can_hold_is_unfit(kind: str, row: Any, reason: str | None) -> None:
    """A record without an id, or a text that is no Unicode; everything else fits."""
    assert Hl7v2().unfit(kind, row) == reason


def test_a_file_is_a_batch_of_at_most_so_many_messages() -> None:
    """Files are numbered, hold their counts, and each is read alone without a complaint."""
    many = (("patient", {**PATIENT, "id": str(number)}) for number in range(TOGETHER + 1))
    files = list(Hl7v2(at=datetime.fromisoformat("2024-01-15T08:30:00")).write([], many))
    assert [it.name for it in files] == ["000001.hl7", "000002.hl7"]
    assert files[0].content.endswith(f"BTS|{TOGETHER}\rFTS|1\r".encode())
    assert b"|20240115083000||ADT^A28" in files[1].content


def test_the_same_case_is_the_same_message() -> None:
    """Written twice, octet for octet the same: a receiver sees that it was sent again."""
    case = Case(REQUEST, PATIENT, DOCTOR, results=[RESULT])
    assert only(case) == only(case)
    control = segments(only(case), "MSH")[0].split("|")[9]
    assert len(control) <= 20


def test_only_ours_overrules() -> None:
    """A ZEX from another sender is a segment of its making: counted, never believed."""
    text = only(Case(REQUEST, PATIENT, DOCTOR, results=[{**RESULT, "version": "3"}]))
    assert back(text)["result", "R1"]["version"] == "3"
    foreign = back(text.replace("|ECLUSE|", "|AUTRE|", 1))
    assert all("version" not in row for row in foreign.values())


def test_a_code_that_a_map_chose_stands_beside_the_local_one() -> None:
    """LOINC and NABM are alternate identifiers with their list (CWE 4 and 6), the local code stays first, and what is read back is unchanged."""
    bare: Row = {"id": "R2", "request": "D1", "code": "SPE", "value": "net", "status": "validated"}
    bill: Row = {"id": "F1", "request": "D1", "act": "0552", "quantity": "1"}
    codings = {
        ("result", "R1"): ("loinc", "14749-6"),
        ("result", "R2"): ("loinc", "2160-0"),
        ("invoice", "F1"): ("nabm", "0552"),
    }
    plain_case = Case(REQUEST, PATIENT, DOCTOR, results=[RESULT, bare], invoices=[bill])
    text = only(Case(REQUEST, PATIENT, DOCTOR, results=[RESULT, bare], invoices=[bill], codings=codings))
    assert [obx.split("|")[3] for obx in segments(text, "OBX")] == [
        "GLU^GLUCOSE^^14749-6^^LN",
        "SPE^^^2160-0^^LN",
    ]
    assert [ft1.split("|")[7] for ft1 in segments(text, "FT1")] == ["0552^^^0552^^99NABM"]
    assert back(text) == back(only(plain_case))
    assert segments(text, "ZEX") == segments(only(plain_case), "ZEX")
