"""Where each field of a record stands in its segment."""

from __future__ import annotations

import pytest

from tests.unit.connectors.hprim.messages import HEAD, PATIENT, REQUEST, one, read, reasons, records, sent


def test_a_patient_has_the_number_of_the_laboratory_first() -> None:
    """P.3 where it is there, else P.2; P.5 is the name in use, and the birth name where P.6 gives none."""
    found = one(sent(PATIENT), "patient")
    assert (found["id"], found["used_name"], found["birth_name"]) == ("LAB1", "PETIT", "DURAND")
    found = one(sent("P|1|IPP1|||PETIT~ANNE~LÉA~~Mme"), "patient")
    assert found == {"id": "IPP1", "birth_name": "PETIT", "given_names": "ANNE LÉA"}


def test_the_traits_of_a_patient() -> None:
    """Birth, death, sex, address on two lines, two telephones, doctors, both comments."""
    fields = [""] * 34
    fields[0:4] = "P", "1", "", "L1"
    fields[7], fields[8], fields[10] = "199001020830", "F", "1 RUE~BAT B~PARIS~~75012~F"
    fields[12], fields[13] = "01^06", "P1~MARTIN&JEANNE~L~2 RUE&&LYON&&69001^P2"
    fields[21], fields[22], fields[33] = "un", "deux", "20240101"
    found = records(read(sent("|".join(fields))))
    assert found["patient", "L1"] == {
        "id": "L1", "birth_date": "19900102", "sex": "F", "address": "1 RUE\nBAT B", "city": "PARIS", "postcode": "75012", "phone": "01",
        "mobile": "06", "doctor": "P1", "comment": "un", "comment_2": "deux", "death_date": "20240101",
    }  # fmt: skip
    assert found["prescriber", "P1"] == {
        "id": "P1", "family_name": "MARTIN", "given_names": "JEANNE", "address": "2 RUE", "city": "LYON", "postcode": "69001",
    }  # fmt: skip
    assert found["prescriber", "P2"] == {"id": "P2"}


@pytest.mark.parametrize(
    ("said", "ins", "oid"),
    [
        ("1~INS-C~2012^299~INS-NIR", "299", "1.2.250.1.213.1.4.8"),
        ("299~INS-NIA", "299", "1.2.250.1.213.1.4.9"),
        ("1~INS-C^2~INS-C", "1", "INS-C"),
        ("299~1.2.250.1.213.1.4.10", "299", "1.2.250.1.213.1.4.10"),
        ("299", "299", None),
    ],
)
def test_the_national_identifier(said: str, ins: str, oid: str | None) -> None:
    """Of several identifiers the NIR or NIA is taken, under its OID; the ones that came before it keep their names."""
    found = one(sent(f"P|1||L1||||||||{said}"), "patient")
    assert (found["ins"], found.get("ins_oid")) == (ins, oid)


def test_the_fields_of_a_request_and_its_specimen() -> None:
    """Numbers of the laboratory before those of the sender; moments to the second; the prescriber with his RPPS number."""
    fields = [""] * 33
    fields[0:6] = "OBR", "1", "T1~D1", "E1~R1", "GLU", "S"
    fields[6:8] = "202401150830", "202401150700^20240114"
    fields[13:18] = (
        "A jeun",
        "20240115081500",
        "S&Sang&L~EDTA",
        "10001~MARTIN&JEANNE~R~SRV~Service~L",
        "0100000000",
    )
    fields[24:26] = "SITE~Site nord", "M"
    found = records(read(sent(PATIENT, "|".join(fields))))
    assert found["request", "R1"] == {
        "id": "R1", "patient": "LAB1", "prescriber": "10001", "site": "SITE", "date": "20240115", "time": "20240115083000", "status": "M",
        "urgent": "S", "clinical_info": "A jeun",
    }  # fmt: skip
    assert found["specimen", "E1"] == {
        "id": "E1", "request": "R1", "type": "Sang", "collected_at": "20240115070000", "received_at": "20240115081500",
    }  # fmt: skip
    assert found["prescriber", "10001"] == {
        "id": "10001", "rpps": "10001", "family_name": "MARTIN", "given_names": "JEANNE", "phone": "0100000000",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("moments", "day"),
    [
        ("|20240101|20240102^20240103|", "20240101"),
        ("||20240102^202401030900|", "20240103"),
        ("||202401020900|", "20240102"),
    ],
)
def test_the_day_of_a_request_is_the_best_that_is_said(moments: str, day: str) -> None:
    """Acceptance, else prescription, else arrival, else sampling."""
    assert one(sent(PATIENT, f"OBR|1||~R1||{moments}"), "request")["date"] == day
    assert one(sent(PATIENT, "OBR|1||~R1||||20240102|||||||20240105"), "request")["date"] == "20240105"


def test_specimens_without_numbers_are_told_apart() -> None:
    """Two samplings of one request that have no number are two specimens; an OBR that says nothing of one has none."""
    found = records(read(sent(PATIENT, "OBR|1||~R1||||20240102", "OBR|2||~R1||||20240103", "OBR|3||~R1")))
    assert [key for key in found if key[0] == "specimen"] == [("specimen", "R1-1"), ("specimen", "R1-2")]


def test_a_request_is_known_by_its_specimen_where_nothing_better_is_said() -> None:
    """The specimen's number stands for the request's, as some laboratories use it."""
    assert one(sent(PATIENT, "OBR|1|T1"), "request")["id"] == "T1"


@pytest.mark.parametrize(
    ("said", "low", "high", "comment"),
    [
        ("0.5-1.2", "0.5", "1.2", None), (" 10 - 40", "10", "40", None), ("-1.2", None, "1.2", None), ("0.5-", "0.5", None, None), ("-2--1", "-2", "-1", None),
        ("< 5", None, "5", None), (">=3,5", "3,5", None, None), ("Négatif", None, None, "Négatif"), ("", None, None, None), ("1-2^3-4", "1", "2", None),
    ],
)  # fmt: skip
def test_normal_ranges(said: str, low: str | None, high: str | None, comment: str | None) -> None:
    """low-high, either of them alone, or a bound; a text that states none is a remark on the result."""
    found = one(sent(PATIENT, REQUEST, f"OBX|1|NM|GLU||5||{said}"), "result")
    assert (found.get("range_low"), found.get("range_high"), found.get("comment")) == (low, high, comment)


def test_a_result_without_a_status_is_final() -> None:
    """So says the recommendation of 10.12; one that is not validated has no validator and no moment of validation."""
    end = "||||20240115||V1~DUPONT&JEAN~L"
    found = one(sent(PATIENT, REQUEST, "OBX|1|CE|GS~Groupe~L||A~A positif~L|~UI||A^W||" + end), "result")
    assert found == {
        "id": "R1-GS", "request": "R1", "specimen": "E1", "code": "GS", "label": "Groupe", "value": "A positif", "unit": "UI", "flag": "A\nW",
        "status": "F", "validated_at": "20240115000000", "validator": "DUPONT JEAN",
    }  # fmt: skip
    found = one(sent(PATIENT, REQUEST + "|" * 27 + "B1~BIO", "OBX|1|NM|K||5||||||P|||20240115"), "result")
    assert "validated_at" not in found
    assert "validator" not in found
    assert one(sent(PATIENT, REQUEST + "|" * 27 + "B1~BIO", "OBX|1|NM|K||5"), "result")["validator"] == "BIO"


def test_the_same_test_told_again_is_another_result_unless_it_corrects() -> None:
    """Told twice it is two results; told again as a correction it is the same one; sub-identifiers tell them apart."""
    again = (
        "OBX|1|TX|T||un",
        "OBX|2|TX|T||deux",
        "OBX|3|NM|K||5||||||F",
        "OBX|4|NM|K||6||||||C",
        "OBX|5|NM|S|1|a",
        "OBX|6|NM|S|2|b",
    )
    found = records(read(sent(PATIENT, REQUEST, *again)))
    values = {key[1]: row["value"] for key, row in found.items() if key[0] == "result"}
    assert values == {"R1-T": "un", "R1-T-2": "deux", "R1-K": "6", "R1-S-1": "a", "R1-S-2": "b"}


def test_germs_and_antibiotics_are_tied_by_their_key() -> None:
    """The test GERME is an isolate; a value with a sensitivity and its key is a line of that isolate's susceptibility."""
    germ = "OBX|1|CE|GERME~Germe~L|1|ECO~E. coli~L||||||||||B~1~~~~K1"
    line = "OBX|2|ST|AMX~Amoxicilline~L||>8|||MS|||F||||B~1~~~~K1"
    found = records(read(sent(PATIENT, REQUEST, germ, line, "OBX|3|ST|GERME~Germe~L|2|S. aureus")))
    assert found["isolate", "R1-K1"]["organism"] == "E. coli"
    assert found["isolate", "R1-GERME-2"]["organism"] == "S. aureus"
    assert found["susceptibility", "R1-AMX-K1"] == {
        "id": "R1-AMX-K1", "request": "R1", "isolate": "R1-K1", "antibiotic": "Amoxicilline", "mic": ">8", "interpretation": "MS",
    }  # fmt: skip


def test_a_report_is_a_document_and_a_broken_one_is_set_aside() -> None:
    """PDF and TIF are documents of the request; what is no base 64 is kept as it came."""
    told = read(
        sent(
            PATIENT,
            REQUEST,
            "OBX|1|PDF|CRP||JVBE Ri0=||||||F|||20240115",
            "OBX|2|TIF|CRT||@@@",
            "C|1|L|dessus",
        )
    )
    assert records(told)["document", "R1-CRP"] == {
        "id": "R1-CRP", "request": "R1", "media_type": "application/pdf", "content": b"%PDF-", "signed_at": "20240115000000",
    }  # fmt: skip
    assert reasons(told) == [("base64", {"OBX": 1})]


def test_escapes_are_undone_and_what_is_none_is_left() -> None:
    """Marks, lines, octets; bold and normal type left out; an escape of no meaning stays as it stands."""
    value = r"a\F\b\S\c\R\d\E\e\T\f\X41E9\g\.br\h\H\i\N\j\Z\k\X4\l"
    found = one(sent(PATIENT, REQUEST, f"OBX|1|ST|T||{value}"), "result")
    assert found["value"] == "a|b~c^d\\e&fAég\nhij\\Z\\k\\X4\\l"


def test_two_quotes_say_that_there_is_nothing() -> None:
    """ASTM E1238: an empty field changes nothing, two quotes empty it."""
    assert records(read(sent('P|1||L1||""~ANNE')))["patient", "L1"] == {
        "id": "L1",
        "birth_name": "",
        "given_names": "ANNE",
    }
    assert HEAD.startswith("H|~^\\&|")
