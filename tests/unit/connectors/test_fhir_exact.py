"""Records as FHIR resources: what they say, what they cannot say and is kept beside, and that nothing changes on the way."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from ecluse.adapters.connectors.fhir.address import parse_folder
from ecluse.adapters.connectors.fhir.elements import Moments, civil, fhir_id, numbered, reference, referred
from ecluse.adapters.connectors.fhir.exact import EXACT, KINDS, binary_of, line_of, resource_of, row_of
from ecluse.adapters.connectors.fhir.records import texts
from ecluse.adapters.connectors.fhir.write import fhir_mapping
from ecluse.base.refusal import Refusal
from ecluse.terms.vocabulary import vocabulary
from tests.unit.connectors.fhir_rows import ROWS, whole

PARIS = Moments(ZoneInfo("Europe/Paris"))
GOLDEN = Path(__file__).parent / "fhir-small-patient.ndjson"
ODD = ("", " ", " a ", "a  b", "a\nb", "\x00", "\x01NA", "<0,1", "≥ 5", "5.10", "-0", "007", "1e5", "null", '{"a": 1}', "\\", '"', "🩸", "\u2028", "\ufeff", "x-1")  # fmt: skip


def lines() -> bytes:
    """The small patient as resources, in the vocabulary's order, octets after their document."""
    written = []
    for kind in ROWS:
        for row in texts(whole(kind).rows):
            written.append(line_of(resource_of(kind, row, PARIS)))
            octets = binary_of(row) if kind == "document" else None
            if octets is not None:
                written.append(line_of(octets))
    return b"".join(written)


def test_the_small_patient_is_written_as_it_always_was() -> None:
    """The resources of one small invented patient are, octet for octet, those of the golden file beside this test."""
    assert lines() == GOLDEN.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_small_patient_is_read_back(kind: str) -> None:
    """Every field of every kind comes back from its line of JSON character for character, '' and null apart."""
    for row in texts(whole(kind).rows):
        resource = json.loads(line_of(resource_of(kind, row, PARIS)), parse_float=str, parse_int=str)
        read = row_of(kind, resource)
        assert {name: read.get(name) for name in row if name != "content"} == {
            name: value for name, value in row.items() if name != "content"
        }


@pytest.mark.parametrize("kind", KINDS)
@drawn(drawing=st.data())
def test_any_text_in_any_field_is_read_back(kind: str, drawing: st.DataObject) -> None:
    """Whatever texts stand in the fields, control characters and look-alike numbers included, the same ones are read back."""
    value = st.none() | st.sampled_from(ODD) | st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
    names = [name for name, field in vocabulary().kinds[kind].fields.items() if field.type != "bytes"]
    row = {name: drawing.draw(value, label=name) for name in names}
    row["id"] = drawing.draw(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80))
    line = line_of(resource_of(kind, row, PARIS))
    assert line.count(b"\n") == 1
    read = row_of(kind, json.loads(line, parse_float=str, parse_int=str))
    assert {name: read.get(name) for name in names} == row


def test_a_number_keeps_its_digits_and_its_comparator() -> None:
    """ "5.10" stays 5.10 in a quantity, "<0,1" becomes a comparator and 0.1 with the text as reported beside it, words stay words."""
    by_id = {
        row["id"]: line_of(resource_of("result", row, PARIS)).decode() for row in texts(whole("result").rows)
    }
    assert '"valueQuantity":{"value":5.10,"unit":"mmol/L"}' in by_id["R1"]
    assert '"valueQuantity":{"value":0.1,"comparator":"<","unit":"mg/L"}' in by_id["R2"]
    assert '\\"value\\": \\"<0,1\\"' in by_id["R2"]
    assert '"valueString":"non  réactif"' in by_id["R3"]
    assert numbered("1,2,3") is None
    assert numbered("12:30") is None


def test_what_fhir_says_well_is_said_once() -> None:
    """A record whose every value FHIR can say holds no extension of ours for exactness."""
    row = {
        "id": "R9",
        "request": "D1",
        "code": "NA",
        "label": "Sodium",
        "value": "140",
        "unit": "mmol/L",
        "status": "validated",
    }
    assert EXACT not in line_of(resource_of("result", row, PARIS)).decode()


def test_a_civil_time_has_an_offset_and_is_read_without_it() -> None:
    """Summer and winter have their offsets; the hour that is skipped or repeated keeps its civil time; a date alone has no time."""
    assert PARIS("2024-07-01 08:00:00") == "2024-07-01T08:00:00+02:00"
    for civil_time in (
        "2024-03-31 02:30:00",
        "2024-10-27 02:30:00",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
    ):
        assert civil(PARIS(civil_time)) == civil_time
    assert PARIS("0000-01-01 00:00:00") is None
    assert (PARIS(None), PARIS("soon"), civil("2024-07-01"), civil("2024-07-01T08:00:00Z")) == (
        None, None, None, "2024-07-01 08:00:00",
    )  # fmt: skip


def test_a_zone_behind_greenwich_has_a_negative_offset() -> None:
    """A laboratory in Martinique writes its own offset."""
    assert Moments(ZoneInfo("America/Martinique"))("2024-07-01 08:00:00") == "2024-07-01T08:00:00-04:00"


@drawn(
    st.sampled_from(list(KINDS)),
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=90
    ),
)
def test_an_id_is_always_one_that_fhir_allows(kind: str, source: str) -> None:
    """Any source id gives an id of 1 to 64 characters among A-Z a-z 0-9 - and ., and a reference that names the source id again."""
    made_up = fhir_id(kind, source)
    assert 1 <= len(made_up) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "-.") for letter in made_up)
    if not source.isspace() and source.strip() == source:
        assert referred(kind, reference(kind, source)) == source


def test_ids_of_kinds_that_share_a_resource_type_never_meet() -> None:
    """A result, an isolate and a susceptibility of the same number are three Observations, and no number can be made to look like another's."""
    sources = ("1", "isolate-1", "susceptibility-1", "x-1", "a" * 64, "a" * 65)
    ids = [fhir_id(kind, source) for kind in ("result", "isolate", "susceptibility") for source in sources]
    assert len(set(ids)) == len(ids)


def test_the_mapping_of_fhir_is_the_vocabulary() -> None:
    """The mapping file names every kind and every field of the vocabulary, each as a column of its own name, and nothing else."""
    for kind in vocabulary().kinds.values():
        mapped = fhir_mapping().kinds[kind.name]
        assert mapped.table == kind.name
        assert {name: str(reading.column) for name, reading in mapped.fields.items()} == {
            name: name for name in kind.fields
        }


def test_a_text_beyond_what_a_string_holds_is_kept_as_octets() -> None:
    """A remark of more than 1,048,576 characters does not fit a FHIR string: it is kept in a base64Binary, and read back whole."""
    row = {"id": "R1", "comment": "é" * 1_100_000}
    resource = resource_of("result", row, PARIS)
    assert "note" not in resource
    assert "valueBase64Binary" in resource["extension"][-1]
    assert row_of("result", resource)["comment"] == row["comment"]


def test_the_address_of_a_folder_is_read_whole() -> None:
    """An address names an absolute folder and perhaps a zone; anything else is refused."""
    address = parse_folder("fhir+file:///srv/fhir%20new?zone=Indian/Reunion")
    assert (str(address.path), address.zone.key, str(address)) == (
        "/srv/fhir new",
        "Indian/Reunion",
        "fhir+file:///srv/fhir new",
    )
    for url in ("fhir+file://host/folder", "fhir+file:///", "file:///folder", "fhir+file:///folder?mode=w"):
        with pytest.raises(Refusal, match="fhir/address-unreadable"):
            parse_folder(url)
    for zone in ("Europe/Atlantis", "../../etc/passwd", ""):
        with pytest.raises(Refusal, match="fhir/zone-unknown"):
            parse_folder(f"fhir+file:///folder?zone={zone}")
