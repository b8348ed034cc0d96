"""CDA reports, part by part: what a value says, who is who, what a written document looks like to another reader."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pytest
from lxml import etree

from ecluse.adapters.connectors.cda.format import Cda
from ecluse.adapters.connectors.cda.parts import instant
from ecluse.adapters.connectors.files.format import Case, Fact, Row, Unread
from ecluse.passage.canonical import MONTH, SITE, canonical
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.containers import MARKERS, cda, plain_report
from tests.ports.cases import mapping_of, plain
from tests.ports.format_cda import MICROBIOLOGY

V3 = "{urn:hl7-org:v3}"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def facts(octets: bytes) -> list[Fact]:
    return [it for it in Cda().read(io.BytesIO(octets), name="1") if isinstance(it, Fact)]


def rows(octets: bytes, kind: str) -> list[Row]:
    return [it.row for it in facts(octets) if it.kind == kind]


def reason(octets: bytes) -> str:
    (found,) = [it for it in Cda().read(io.BytesIO(octets), name="1") if isinstance(it, Unread)]
    return found.reason


def case() -> Case:
    return plain(mapping_of(Cda()), 1)


def written(which: Case) -> bytes:
    return next(iter(Cda().write([which], []))).content


def test_the_invented_report_is_read_field_for_field() -> None:
    """Every marker of a header and a body stands in the field that it is of."""
    octets = cda(inside=plain_report())
    (patient,), (request,), (document,) = (rows(octets, kind) for kind in ("patient", "request", "document"))
    for path, value in MARKERS.items():
        kind, _, name = path.partition(".")
        if kind == "patient":
            said = patient[name]
            assert value in str(said).replace("-", ""), path
    assert request["clinical_info"] == "CLINIQUEMARK"
    assert request["site"] == "1560000017"
    assert document["content"] == plain_report()
    prescriber = rows(octets, "prescriber")[0]
    assert (prescriber["id"], prescriber["family_name"], prescriber["given_names"]) == (
        "810000000017",
        "PRESCRIPTEURMARK",
        "Lou",
    )
    result = rows(octets, "result")[0]
    assert (result["code"], result["value"], result["unit"], result["status"]) == (
        "2951-2",
        "140",
        "mmol/L",
        "completed",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('<value xsi:type="PQ" value="1.950" unit="m[IU]/L"/>', ("1.950", "m[IU]/L")),
        ('<value xsi:type="IVL_PQ"><low value="5" unit="g" inclusive="false"/></value>', (">5", "g")),
        ('<value xsi:type="IVL_PQ"><high value="5" unit="g"/></value>', ("<=5", "g")),
        ('<value xsi:type="IVL_PQ"><low value="1" unit="g"/><high value="5" unit="g"/></value>', ("1 - 5", "g")),
        ('<value xsi:type="IVL_PQ"/>', (None, None)),
        ('<value xsi:type="INT" value="4"/>', ("4", None)),
        ('<value xsi:type="TS" value="20210104160527+0100"/>', ("2021-01-04 16:05:27", None)),
        ('<value xsi:type="TS" nullFlavor="NI"/>', (None, None)),
        ('<value xsi:type="CD" code="A" displayName="Absence"/>', ("Absence", None)),
        ('<value xsi:type="CD" code="A"/>', ("A", None)),
        ('<value xsi:type="ST">positif</value>', ("positif", None)),
        ('<value xsi:type="ED"><reference value="#amx"/></value>', ("Amoxicilline", None)),
        ('<value xsi:type="ED"><reference value="#nowhere"/></value>', (None, None)),
        ("", (None, None)),
    ],
)  # fmt: skip
def test_a_value_is_read_by_its_type(value: str, said: tuple[str | None, str | None]) -> None:
    """Each data type gives the text that a report would show, and its unit; an interval keeps its signs."""
    narrative = '<content ID="amx">Amoxicilline</content>'
    octets = cda(narrative=narrative).replace(
        b'<value xsi:type="PQ" value="140" unit="mmol/L"/>', value.encode()
    )
    row = rows(octets, "result")[0]
    assert (row.get("value"), row.get("unit")) == said


@pytest.mark.parametrize(
    ("stamp", "iso"),
    [("20210104", "2021-01-04"), ("202101040735+0100", "2021-01-04 07:35"), ("20210104160527.123+0100", "2021-01-04 16:05:27.123"),
     ("2021", "2021"), ("20210104T12", "20210104T12")],
)  # fmt: skip
def test_an_instant_is_read_as_civil_time(stamp: str, iso: str) -> None:
    """The offset is left out, the precision kept; what is no whole date is left for the mapping to refuse."""
    assert instant(stamp) == iso


def test_a_germ_belongs_to_the_culture_of_its_act() -> None:
    """CR-BIO has no observation for the culture: the act is that result, so that the germ takes on its category."""
    octets = cda(beside=MICROBIOLOGY)
    (germ,), (line,) = rows(octets, "isolate"), rows(octets, "susceptibility")
    culture = next(row for row in rows(octets, "result") if row["id"] == germ["result"])
    assert (culture["code"], culture["label"]) == ("5201", "ECBU")
    assert (germ["organism"], germ["count"]) == ("Escherichia coli", "100000 /mL")
    assert (line["isolate"], line["antibiotic"], line["mic"], line["interpretation"]) == (
        germ["id"],
        "Amoxicilline",
        ">=0.5 ug/mL",
        "R",
    )
    assert rows(octets, "specimen")[0]["collected_at"] == "2021-01-04 07:35"


def test_a_document_that_tells_nobody_is_set_aside() -> None:
    """No patient, no identifier of its own, another vocabulary: whole, with one word."""
    assert reason(cda().replace(b"recordTarget", b"informant")) == "no-patient"
    assert reason(b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>") == "no-id"
    assert reason(b"<ClinicalDocument/>") == "not-a-cda"
    assert reason(b"<ClinicalDocument xmlns='urn:hl7-org:v3'>") == "not-well-formed"
    assert reason(b"MSH|^~\\&|") == "not-well-formed"


def test_the_insured_number_alone_tells_the_patient() -> None:
    """Where the INS is the only identifier, it is the patient's."""
    octets = cda().replace(f'<id extension="{MARKERS["patient.id"]}" root="1.2.3.4.567"/>'.encode(), b"")
    (patient,) = rows(octets, "patient")
    assert patient["id"] == patient["ins"] == MARKERS["patient.ins"]


def test_what_is_read_becomes_canonical_without_a_rejected_row() -> None:
    """Every kind of two reports, through the mapping that ships: dates, codes, flags and numbers are all readable."""
    mapping = parse_mapping(Cda().mapping.encode(), vocabulary=vocabulary())
    told = [*facts(cda(inside=plain_report(), beside=MICROBIOLOGY)), *facts(written(case()))]
    records = {kind: tuple(it.fields) for kind, it in mapping.kinds.items()}
    for piece in read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary()).slices:
        found = [it.row for it in told if it.kind == piece.kind and not it.gone]
        assert found or piece.kind == "invoice", piece.kind
        raw = pa.RecordBatch.from_pydict({
            **{name: pa.array([row.get(name) or None for row in found], _type(piece.kind, name)) for name in piece.fields},
            SITE: ["-"] * len(found), MONTH: ["-"] * len(found),
        })  # fmt: skip
        assert canonical(raw, piece, vocabulary=vocabulary(), lost={}).rejected.num_rows == 0, piece.kind


def _type(kind: str, name: str) -> pa.DataType:
    return pa.binary() if vocabulary().kinds[kind].fields[name].type == "bytes" else pa.string()


def test_a_written_report_can_be_read_without_knowing_us() -> None:
    """Our own element taken away, another reader still has the patient, the results, the germs and the file where CDA puts them."""
    root = etree.fromstring(written(case()))
    for beside in root.findall("{urn:ecluse:records:1}records"):
        root.remove(beside)
    told = facts(etree.tostring(root))
    by_kind = {
        kind: [it.row for it in told if it.kind == kind]
        for kind in ("patient", "result", "isolate", "susceptibility", "document", "specimen")
    }
    assert _some(
        by_kind["patient"][0],
        case().patient,
        "id",
        "birth_name",
        "used_name",
        "given_names",
        "city",
        "mobile",
        "email",
        "ins",
    )
    for kind, wanted in (
        ("result", case().results),
        ("isolate", case().isolates),
        ("specimen", case().specimens),
    ):
        assert [row["id"] for row in by_kind[kind] if "culture" not in str(row["id"])] == [
            row["id"] for row in wanted
        ]
    assert _some(
        by_kind["result"][-1],
        case().results[-1],
        "code",
        "label",
        "value",
        "unit",
        "flag",
        "range_low",
        "range_high",
        "comment",
        "validator",
    )
    assert {row["id"] for row in by_kind["susceptibility"]} == {row["id"] for row in case().susceptibilities}
    assert by_kind["document"][0]["content"] == case().documents[0]["content"]


def _some(row: Mapping[str, object], wanted: Mapping[str, object], *names: str) -> bool:
    return {name: row.get(name) for name in names} == {name: wanted.get(name) for name in names}


def test_a_written_report_is_built_as_the_standard_orders_it() -> None:
    """The children of ClinicalDocument stand in the order of the schema; the file is base64 with its media type; nobody signed."""
    order = [
        "realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId", "versionNumber",
        "recordTarget", "author", "custodian", "legalAuthenticator", "participant", "inFulfillmentOf", "documentationOf", "component", "records",
    ]  # fmt: skip
    root = etree.fromstring(written(case()))
    names = [etree.QName(child).localname for child in root]
    assert names == sorted(names, key=order.index)
    media = root.find(f".//{V3}observationMedia/{V3}value")
    assert media.get("mediaType") == "application/pdf"
    assert base64.b64decode(media.text) == case().documents[0]["content"]
    assert [it.attrib for it in root.iter(f"{V3}signatureCode")] == [{"nullFlavor": "NI"}]


def test_an_instant_is_written_with_the_offset_of_its_day() -> None:
    """Summer and winter in Paris; a time that no clock shows is said beside."""
    base = case()
    for time, stamp in (
        ("2024-01-15 08:30:00", "20240115083000+0100"),
        ("2024-07-15 08:30:00", "20240715083000+0200"),
    ):
        octets = written(
            Case(request={**base.request, "time": time, "date": time[:10]}, patient=base.patient)
        )
        assert etree.fromstring(octets).find(f"{V3}effectiveTime").get("value") == stamp
        assert rows(octets, "request")[-1].get("time", time) == time
    odd = {**base.request, "time": "hier"}
    assert {
        name: value
        for row in rows(written(Case(request=odd, patient=base.patient)), "request")
        for name, value in row.items()
    }["time"] == "hier"


def test_a_code_that_a_map_chose_is_a_translation_of_the_local_one() -> None:
    """The local code stays the code; LOINC stands in it as a translation, and nothing that is read back changes."""
    base = case()
    (first, *_) = base.results
    octets = written(replace(base, codings={("result", str(first["id"])): ("loinc", "14749-6")}))
    (found,) = etree.fromstring(octets).iter(f"{V3}translation")
    assert (found.get("code"), found.get("codeSystem")) == ("14749-6", "2.16.840.1.113883.6.1")
    assert found.getparent().get("code") == first["code"]
    assert facts(octets) == facts(written(base))
