"""What FHIR resources of others say, as records: French identifiers, every kind of value, references of every form, and what is refused."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecluse.adapters.connectors.fhir.format import FhirFormat
from ecluse.adapters.connectors.files.format import CARRIED, UNKNOWN, Fact, Seen, Unread

Resource = dict[str, Any]
NABM = "urn:oid:1.2.250.1.213.2.7"


def read(*resources: Resource) -> list[Fact | Unread | Seen]:
    """What is told of these resources, one a line."""
    octets = b"".join(json.dumps(it, ensure_ascii=False).encode() + b"\n" for it in resources)
    return list(FhirFormat(ZoneInfo("Europe/Paris")).read(io.BytesIO(octets), name="1"))


def bundle(*resources: Resource, kind: str = "collection") -> Resource:
    entries = [{"fullUrl": it.pop("fullUrl", None), "resource": it} for it in resources]
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{name: value for name, value in it.items() if value} for it in entries],
    }


def records(*resources: Resource) -> dict[tuple[str, str], dict[str, Any]]:
    """The records that the facts come to: later values over earlier ones, the gone taken out."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for told in read(*resources):
        assert not isinstance(told, Unread), told.reason
        if isinstance(told, Fact):
            key = (told.kind, str(told.row["id"]))
            if told.gone:
                found.pop(key, None)
            else:
                found[key] = found.get(key, {}) | {
                    name: value for name, value in told.row.items() if value is not None
                }
    return found


def result(**elements: Any) -> dict[str, Any]:
    """The record of one Observation with these elements."""
    line = {"resourceType": "Observation", "id": "o", "status": "final", "basedOn": [{"reference": "ServiceRequest/s"}], "code": {"text": "X"}}  # fmt: skip
    return records(line | elements)["result", "o"]


def refusals(*resources: Resource) -> list[str]:
    return [told.reason for told in read(*resources) if isinstance(told, Unread)]


# --- people -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oid", "number"),
    [
        ("1.2.250.1.213.1.4.8", "284022A00400158"), ("1.2.250.1.213.1.4.9", "284022A00400159"),
        ("1.2.250.1.213.1.4.10", "284022A00400160"), ("1.2.250.1.213.1.4.11", "284022A00400161"),
    ],
)  # fmt: skip
def test_an_ins_is_told_by_its_oid(oid: str, number: str) -> None:
    """The INS goes with its OID (NIR, NIA, test, demonstration), whatever stands before it; the insured person's number apart."""
    identifiers = [
        {"system": "urn:oid:1.2.3", "value": "IPP1"},
        {"type": {"coding": [{"code": "SS"}]}, "value": "184022A00400100"},
        {"system": f"urn:oid:{oid}", "value": number},
    ]
    row = records({"resourceType": "Patient", "id": "p", "identifier": identifiers})["patient", "p"]
    assert (row["ins"], row["ins_oid"], row["nss"]) == (number, oid, "184022A00400100")


@pytest.mark.parametrize(
    ("system", "value"),
    [
        ("https://rpps.esante.gouv.fr", "10003456787"),
        ("urn:oid:1.2.250.1.71.4.2.1", "810003456787"),
        ("urn:oid:1.2.250.1.71.4.2.1", "10003456787"),
    ],
)
def test_an_rpps_is_told_by_either_of_its_systems(system: str, value: str) -> None:
    """The ANS's own system, or its OID, where the number of a professional may begin with the figure of its register."""
    person = {"resourceType": "Practitioner", "id": "d", "identifier": [{"system": system, "value": value}]}
    assert records(person)["prescriber", "d"]["rpps"] == "10003456787"


def test_a_role_is_a_prescriber_with_the_name_of_its_person() -> None:
    """What refers to a PractitionerRole refers to one prescriber: the name and number of the person beside it, its own specialty."""
    found = records(
        bundle(
            {"fullUrl": "urn:uuid:9f6c5b0a-0000-4000-8000-000000000001", "resourceType": "Practitioner", "name": [{"family": "LEFÈVRE", "given": ["Anne"]}],
             "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "10003456787"}]},
            {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "urn:uuid:9f6c5b0a-0000-4000-8000-000000000001"},
             "specialty": [{"text": "Médecine générale"}]},
            {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": {"reference": "Patient/p"},
             "requester": {"reference": "PractitionerRole/r"}},
        )
    )  # fmt: skip
    told = found["prescriber", "r"]
    assert (told["family_name"], told["rpps"], told["specialty"]) == (
        "LEFÈVRE",
        "10003456787",
        "Médecine générale",
    )
    assert found["request", "s"]["prescriber"] == "r"
    assert ("prescriber", "9f6c5b0a-0000-4000-8000-000000000001") in found


@pytest.mark.parametrize(
    ("names", "born", "used"),
    [
        ([{"use": "official", "family": "MARTIN"}, {"use": "usual", "family": "DURAND"}], "MARTIN", "DURAND"),
        (
            [{"use": "official", "family": "DURAND"}, {"use": "maiden", "family": "MARTIN"}],
            "MARTIN",
            "DURAND",
        ),
        ([{"use": "old", "family": "AVANT"}, {"family": "MARTIN"}], "MARTIN", None),
        ([{"use": "usual", "family": "DURAND"}], "DURAND", None),
        ([{"text": "Jeanne Martin"}], "Jeanne Martin", None),
    ],
)
def test_the_name_at_birth_and_the_name_in_use(names: list[Resource], born: str, used: str | None) -> None:
    """`official` is the name at birth in France, `maiden` where it is said; the name in use where it is another."""
    row = records({"resourceType": "Patient", "id": "p", "name": names})["patient", "p"]
    assert (row["birth_name"], row.get("used_name")) == (born, used)


def test_a_merged_patient_says_into_whom() -> None:
    """A link `replaced-by` is a merge, by whatever address the other is called."""
    link = {"type": "replaced-by", "other": {"reference": "https://old.example/fhir/Patient/p2/_history/3"}}
    row = records({"resourceType": "Patient", "id": "p1", "active": False, "link": [link]})["patient", "p1"]
    assert row["merged_into"] == "p2"


# --- results ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elements", "value", "unit"),
    [
        ('{"valueQuantity": {"value": 5.10, "comparator": "<", "unit": "mmol/L"}}', "<5.10", "mmol/L"),
        ('{"valueQuantity": {"value": 1E-7, "code": "mol/L"}}', "1E-7", "mol/L"),
        ('{"valueCodeableConcept": {"coding": [{"code": "260373001", "display": "Detected"}]}}', "Detected", None),
        ('{"valueString": "réactif"}', "réactif", None), ('{"valueBoolean": false}', "false", None), ('{"valueInteger": 7}', "7", None),
        ('{"valueRange": {"low": {"value": 1, "unit": "g"}, "high": {"value": 2}}}', "1 - 2", "g"),
        ('{"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 640}}}', "1:640", None),
        ('{"valueTime": "10:00:00"}', "10:00:00", None), ('{"valueDateTime": "2024-07-01T08:00:00Z"}', "2024-07-01 10:00:00", None),
        ('{"valuePeriod": {"start": "2024-07-01", "end": "2024-07-02"}}', "2024-07-01/2024-07-02", None),
    ],
)  # fmt: skip
def test_every_kind_of_value_is_a_text_with_its_digits(elements: str, value: str, unit: str | None) -> None:
    """Numbers keep their digits and comparator, words stay words, and a moment is the laboratory's civil time."""
    line = '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"X"},' + elements[1:]
    told = list(FhirFormat().read(io.BytesIO(line.encode()), name="1"))
    (row,) = [it.row for it in told if isinstance(it, Fact) and it.kind == "result"]
    assert (row["value"], row["unit"]) == (value, unit)


def test_a_value_that_is_absent_says_why_in_its_comment() -> None:
    """No value, and the reason beside the notes: it was asked for, and why it is not there is free text."""
    row = result(dataAbsentReason={"text": "hémolysé"}, note=[{"text": "à refaire"}])
    assert ("value" in row, row["comment"]) == (False, "hémolysé\nà refaire")


@pytest.mark.parametrize(
    ("status", "told"),
    [("registered", "ordered"), ("preliminary", "entered"), ("final", "validated"), ("amended", "corrected"), ("corrected", "corrected"),
     ("cancelled", "cancelled"), ("unknown", None)],
)  # fmt: skip
def test_every_status_of_a_result(status: str, told: str | None) -> None:
    """A correction replaces the result of its id, and says so."""
    assert result(status=status).get("status") == told


def test_a_result_entered_in_error_takes_itself_out() -> None:
    """What was told before under its id, components included, is gone."""
    line = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "X"},
        "component": [{"code": {"text": "Y"}}],
    }
    assert {kind for kind, _ in records(line)} == {"request", "result"}
    assert not [key for key in records(line, line | {"status": "entered-in-error"}) if key[0] == "result"]


@pytest.mark.parametrize(
    ("ranges", "low", "high"),
    [
        ([{"low": {"value": 3.5}, "high": {"value": 5.1}, "text": "3.5 - 5.1"}], "3.5", "5.1"),
        ([{"text": "3,5 - 5,1"}], "3,5", "5,1"), ([{"text": "négatif"}], "négatif", None), ([], None, None),
        ([{"type": {"coding": [{"code": "therapeutic"}]}, "low": {"value": 1}}, {"high": {"value": 9}}], None, "9"),
    ],
)  # fmt: skip
def test_the_range_is_the_normal_one(ranges: list[Resource], low: str | None, high: str | None) -> None:
    """Its ends, or its words where it has no ends; never the therapeutic range where there is another."""
    row = result(referenceRange=ranges)
    assert (row.get("range_low"), row.get("range_high")) == (low, high)


def test_a_code_is_the_one_a_person_chose_else_loincs() -> None:
    """Of several codings the chosen one, else LOINC's, else the first; the label in words."""
    local, loinc = {"system": "urn:lab", "code": "NA"}, {"system": "http://loinc.org", "code": "2951-2"}
    assert result(code={"coding": [local, loinc], "text": "Sodium"})["code"] == "2951-2"
    assert result(code={"coding": [local | {"userSelected": True}, loinc]})["code"] == "NA"
    assert result(code={"coding": [local]})["code"] == "NA"
    assert result(code={"text": "Sodium"})["label"] == "Sodium"


def test_a_panel_gives_its_request_to_its_members() -> None:
    """A panel is a result without a value; its members, told before it or after, belong to its request; each component is a result."""
    member = {
        "resourceType": "Observation",
        "id": "m",
        "status": "final",
        "code": {"text": "K"},
        "valueString": "4",
    }
    panel = {"resourceType": "Observation", "id": "p", "status": "final", "code": {"text": "Iono"}, "basedOn": [{"reference": "ServiceRequest/s"}],
             "hasMember": [{"reference": "Observation/m"}], "component": [{"code": {"text": "Na"}, "valueString": "140"}]}  # fmt: skip
    for order in ((member, panel), (panel, member)):
        found = records(*order)
        assert {key: row["request"] for key, row in found.items()} == dict.fromkeys(
            (("result", "m"), ("result", "p"), ("result", "p.1")), "s"
        )
        assert found["result", "p.1"]["value"] == "140"


def test_what_no_report_claims_makes_a_request_of_itself() -> None:
    """A result alone has a day and a place by which an instruction can name it; one that a report claims has the report's."""
    alone = {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "X"}, "subject": {"reference": "Patient/p"},
             "effectiveDateTime": "2024-03-30T23:30:00Z"}  # fmt: skip
    claimed = alone | {"id": "c"}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "CR"}, "issued": "2024-03-31T12:00:00Z",
              "result": [{"reference": "Observation/c"}], "performer": [{"identifier": {"system": "https://finess.esante.gouv.fr", "value": "440000000"}, "type": "Organization"}]}  # fmt: skip
    found = records(alone, claimed, report)
    assert found["result", "a"]["request"] == "Observation.a"
    assert found["result", "c"]["request"] == "DiagnosticReport.r"
    assert ("request", "Observation.c") not in found
    own = found["request", "Observation.a"]
    assert (own["patient"], own["date"], own["time"], own["site"]) == (
        "p",
        "2024-03-31",
        "2024-03-31 00:30:00",
        "unsaid",
    )
    assert found["request", "DiagnosticReport.r"]["site"] == "440000000"


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Observation", "id": "x", "status": "final", "code": {}, "category": [{"coding": [{"code": "vital-signs"}]}]},
        {"resourceType": "DiagnosticReport", "id": "x", "status": "final", "code": {}, "category": [{"coding": [{"code": "RAD"}]}]},
        {"resourceType": "ServiceRequest", "id": "x", "status": "active", "intent": "order", "subject": {}, "doNotPerform": True},
        {"resourceType": "Patient", "id": "x", "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}]},
        {"resourceType": "Condition", "id": "x"},
    ],
)  # fmt: skip
def test_what_is_no_laboratorys_is_counted_and_left(resource: Resource) -> None:
    """Vital signs, radiology, an order not to do, an animal, a diagnosis: not told, and counted as what the vocabulary has no word for."""
    told = read(resource)
    assert not [it for it in told if isinstance(it, Fact)]
    assert Seen(resource["resourceType"], UNKNOWN) in told


# --- documents and acts -----------------------------------------------------------------------------------------------------------


def test_a_documents_octets_join_it_by_their_address() -> None:
    """Whether they come before or after, and wherever the address says they are; the conclusion is a document of plain text."""
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "CR"}, "conclusion": "RAS", "basedOn": [{"reference": "ServiceRequest/s"}],
              "presentedForm": [{"contentType": "application/pdf", "url": "https://fhir.example/R4/Binary/b"}, {"contentType": "text/plain", "data": "YQ=="}]}  # fmt: skip
    octets = {
        "resourceType": "Binary",
        "id": "b",
        "contentType": "application/octet-stream",
        "data": "JVBERg==",
    }
    for order in ((octets, report), (report, octets)):
        found = records(*order)
        assert (found["document", "b"]["content"], found["document", "b"]["request"]) == (b"%PDF", "s")
        assert (found["document", "r.2"]["content"], found["document", "r.conclusion"]["content"]) == (
            b"a",
            b"RAS",
        )


def test_octets_that_lie_elsewhere_are_said_to() -> None:
    """An attachment at an address of the network is not fetched: its element is counted as left behind."""
    form = [{"contentType": "application/pdf", "url": "https://elsewhere.example/r.pdf"}]
    told = read(
        {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {}, "presentedForm": form}
    )
    assert Seen("DiagnosticReport.presentedForm", UNKNOWN) in told
    assert Seen("DiagnosticReport", CARRIED) in told


def test_an_act_keeps_its_code_price_and_quantity() -> None:
    """A ChargeItem is a line of an invoice, of the request that it names."""
    line = {"resourceType": "ChargeItem", "id": "f", "status": "billed", "code": {"coding": [{"system": NABM, "code": "0552"}]}, "quantity": {"value": 2},
            "priceOverride": {"value": 2}, "supportingInformation": [{"reference": "ServiceRequest/s"}]}  # fmt: skip
    assert records(line)["invoice", "f"] == {
        "id": "f",
        "request": "s",
        "act": "0552",
        "quantity": "2",
        "amount": "2",
    }


@pytest.mark.parametrize(("code", "told"), [("N", "visible"), ("R", "hidden"), ("V", "secret"), ("?", None)])
def test_a_confidentiality_is_a_visibility(code: str, told: str | None) -> None:
    """The HL7 v3 labels that every server keeps; none told is none, which is read as hidden."""
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}
    assert result(meta={"security": [label]}).get("visibility") == told


# --- what is refused --------------------------------------------------------------------------------------------------------------

DEEP = b'{"resourceType":"Patient","id":"p","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"{", "json"), (b"[]", "not-a-resource"), (b'{"resourceType":"Patiente"}', "not-a-resource"), (b'{"resourceType":"Patient","id":"p","id":"q"}', "duplicate-name"),
        (b'{"resourceType":"Patient","id":"p","x":NaN}', "json"), (b'{"resourceType":"Patient","id":"\xff"}', "encoding"),
        (b'{"resourceType":"Patient","id":"p","gender":"\\ud800"}', "encoding"), (DEEP, "nested"), (b'{"resourceType":"Patient"}', "no-id"),
        (b'{"resourceType":"Patient","id":"p","name":{"family":"X"}}', "wrong-type"), (b'{"resourceType":"Patient","id":"p","birthDate":1984}', "wrong-type"),
        (b'{"resourceType":"Patient","id":"p","implicitRules":"urn:x"}', "implicit-rules"),
        (b'{"resourceType":"Patient","id":"p","contact":[{"modifierExtension":[{"url":"urn:x"}]}]}', "modifier-extension"),
        (b'{"resourceType":"Patient","id":"p","contact":[{"\\u006dodifierExtension":[{"url":"urn:x"}]}]}', "modifier-extension"),
        (b'{"resourceType":"Binary","id":"b","data":"!"}', "base64"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_unread_with_its_octets(octets: bytes, reason: str) -> None:
    """A broken, hostile or unknown thing has its reason and its octets, whole, and raises nothing."""
    told = list(FhirFormat().read(io.BytesIO(octets), name="1"))
    (unread,) = [it for it in told if isinstance(it, Unread)]
    assert (unread.reason, unread.raw, [it for it in told if isinstance(it, Fact)]) == (reason, octets, [])


def test_a_number_of_a_million_figures_stays_its_figures() -> None:
    """No number is ever computed: a huge one costs no more than its text."""
    figures = "9" * 1_000_000
    line = (
        '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"X"},"valueQuantity":{"value":'
        + figures
        + "}}"
    )
    told = list(FhirFormat().read(io.BytesIO(line.encode()), name="1"))
    assert [it.row["value"] for it in told if isinstance(it, Fact) and it.kind == "result"] == [figures]


def test_octets_that_are_not_those_attached_are_refused() -> None:
    """A size or a hash that does not fit refuses the report."""
    form = {"contentType": "text/plain", "data": b64encode(b"a").decode()}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {}}
    assert refusals(report | {"presentedForm": [form | {"size": 2}]}) == ["size-differs"]
    assert refusals(report | {"presentedForm": [form | {"hash": "AAAA"}]}) == ["hash-differs"]
    assert (
        refusals(report | {"presentedForm": [form | {"size": 1, "hash": "hvfkN/qlp/zhXR3cuerq6jd2Z7g="}]})
        == []
    )


def test_a_history_is_told_the_oldest_first_and_a_deletion_takes_out() -> None:
    """A history lists the newest first: what it told last is what stands; a DELETE of a transaction takes its record out."""
    versions = [
        {"resourceType": "Patient", "id": "p", "birthDate": day} for day in ("1984-02-29", "1984-02-28")
    ]
    assert records(bundle(*versions, kind="history"))["patient", "p"]["birth_date"] == "1984-02-29"
    gone = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": "Patient/p"}}],
    }
    assert records(versions[0], gone) == {}


def test_bundles_within_bundles_end() -> None:
    """Four deep are opened; a fifth is refused, and what stood beside it is told."""
    inside: Resource = {"resourceType": "Patient", "id": "p"}
    for _ in range(5):
        inside = bundle(inside, {"resourceType": "Patient", "id": "q"})
    told = read(inside)
    assert [it.reason for it in told if isinstance(it, Unread)] == ["nested"]
    assert {it.row["id"] for it in told if isinstance(it, Fact)} == {"q"}


def test_a_contained_resource_is_called_by_its_holder() -> None:
    """A contained patient is a record of its own, whose id no other can have, and a reference by identifier finds one beside it."""
    request = {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": {"reference": "#p"},
               "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:x", "value": "7"}]}]}  # fmt: skip
    tube = {"resourceType": "ServiceRequest", "id": "t", "status": "active", "intent": "order", "subject": {"identifier": {"system": "urn:x", "value": "7"}}}  # fmt: skip
    found = records(bundle(request, tube))
    assert found["request", "s"]["patient"] == found["request", "t"]["patient"] == "s.p"
    assert ("patient", "s.p") in found


def test_octets_that_a_server_no_longer_has_are_counted() -> None:
    """A null where the octets were is how a live server's reader says that they are gone: the line is set aside, with that reason."""
    assert refusals({"resourceType": "Binary", "id": "b", "data": None}) == ["gone"]
