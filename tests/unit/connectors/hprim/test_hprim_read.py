"""What becomes of each segment."""

from __future__ import annotations

import pytest

from tests.unit.connectors.hprim.messages import (
    HEAD,
    PATIENT,
    REQUEST,
    RESULT,
    fates,
    one,
    read,
    reasons,
    records,
    sent,
)


def test_a_message_cut_before_its_end_is_not_used() -> None:
    """Without its L a file did not arrive whole: nothing of it is a fact, and all of it is counted."""
    assert read(sent(PATIENT, REQUEST, RESULT)[:-5])[0] == read(sent(PATIENT, REQUEST, RESULT)[:-5])[-1]
    assert reasons(read(sent(PATIENT, REQUEST, RESULT)[:-5])) == [
        ("cut", {"H": 1, "P": 1, "OBR": 1, "OBX": 1})
    ]


@pytest.mark.parametrize("end", ["L|1||2|5", "L|1||1|6", "L|1|||99"])
def test_a_count_of_more_than_there_is_sets_the_message_aside(end: str) -> None:
    """L says that there were more patients or segments: some are missing, and which ones cannot be told."""
    told = read(sent(PATIENT, REQUEST, RESULT, end=end))
    assert reasons(told) == [("count", {"H": 1, "P": 1, "OBR": 1, "OBX": 1, "L": 1})]


@pytest.mark.parametrize("end", ["L|1||1|5", "L|1", "L", "L|1||0|3", "L|1||x|y"])
def test_a_count_that_misses_nothing_is_accepted(end: str) -> None:
    """The right count, no count, or one that leaves out H, L or addenda: nothing is missing."""
    assert reasons(read(sent(PATIENT, REQUEST, RESULT, end=end))) == []


@pytest.mark.parametrize("mode", ["T", "D"])
def test_a_message_that_is_not_production_is_not_used(mode: str) -> None:
    """A test or a trial tells of nobody."""
    assert reasons(read(sent(PATIENT, head=HEAD.replace("|P|", f"|{mode}|")))) == [
        ("not-production", {"H": 1, "P": 1, "L": 1})
    ]


def test_a_result_before_its_request_is_set_aside_with_its_comment() -> None:
    """An OBX above any OBR is of no request; the next request goes on as if it had not been there."""
    told = read(sent(PATIENT, RESULT, "C|1|L|perdu", REQUEST, RESULT))
    assert reasons(told) == [("no-request", {"OBX": 1, "C": 1})]
    assert ("result", "R1-GLU") in records(told)


def test_what_stands_above_any_patient_is_of_nobody() -> None:
    """A request and its results without a P above them are set aside together, and so is a P without a number with all it holds."""
    told = read(
        sent(
            REQUEST,
            RESULT,
            "P|1||||SANS~NUMERO",
            REQUEST,
            RESULT,
            "AP|1|||||1",
            "ACT|1",
            "FAC|1",
            "REG|1",
            PATIENT,
            REQUEST,
        )
    )
    assert reasons(told) == [
        ("no-patient", {"OBR": 1, "OBX": 1}),
        ("no-patient", {"P": 1, "OBR": 1, "OBX": 1, "AP": 1, "ACT": 1, "FAC": 1, "REG": 1}),
    ]
    assert set(records(told)) == {("patient", "LAB1"), ("request", "R1"), ("specimen", "E1")}


def test_a_request_without_any_number_is_set_aside_with_its_results() -> None:
    """Nothing could be tied to it; the next one is read."""
    told = read(sent(PATIENT, "OBR|1|||GLU", RESULT, REQUEST, RESULT))
    assert reasons(told) == [("no-request", {"OBR": 1, "OBX": 1})]
    assert ("result", "R1-GLU") in records(told)


def test_a_segment_of_no_version_is_kept_and_changes_nothing() -> None:
    """An unknown segment, perhaps the rest of a text, is set aside under no name of its own; the results that follow are read."""
    told = read(sent(PATIENT, REQUEST, "DUPONT|1|x", RESULT, "ZZZ", "C|1|L|de quoi ?"))
    assert reasons(told) == [("unknown-segment", {"other": 1}), ("unknown-segment", {"other": 1})]
    assert ("result", "R1-GLU") in records(told)
    assert fates(told)["C", "not-in-vocabulary"] == 1


def test_addenda_prolong_and_are_counted_as_what_they_prolong() -> None:
    """A value cut over three lines is one value; the two A are carried with it."""
    told = read(sent(PATIENT, REQUEST, "OBX|1|TX|CR~Comp", "A|te rendu~L||ligne", "A| un^ligne deux"))
    assert records(told)["result", "R1-CR"]["label"] == "Compte rendu"
    assert records(told)["result", "R1-CR"]["value"] == "ligne un\nligne deux"
    assert fates(told)["A", "carried"] == 2


def test_a_comment_is_of_what_it_follows() -> None:
    """After a patient, a request or a result it is theirs, on its own line after what they said already; after the header it is nobody's."""
    told = read(
        sent(
            "C|1|P|en tête",
            PATIENT + "|||||||||||||dit",
            "C|1|P|patient",
            REQUEST,
            "C|1|P|demande",
            RESULT,
            "C|1|L|un^deux",
            "C|2|L|trois",
            "C|3|L|",
        )
    )
    found = records(told)
    assert found["patient", "LAB1"]["comment"] == "dit\npatient"
    assert found["request", "R1"]["clinical_info"] == "demande"
    assert found["result", "R1-GLU"]["comment"] == "un\ndeux\ntrois"
    assert fates(told)["C", "not-in-vocabulary"] == 1
    assert fates(told)["C", "structure"] == 1
    assert fates(told)["C", "carried"] == 4


def test_two_patients_of_one_number_are_one() -> None:
    """The second P completes the first, as a later fact does."""
    told = read(sent("P|1||L1||PETIT~ANNE", "P|2||L1|||||F"))
    assert records(told)["patient", "L1"] == {
        "id": "L1",
        "birth_name": "PETIT",
        "given_names": "ANNE",
        "sex": "F",
    }
    assert fates(told)["P", "carried"] == 2


def test_a_merger_is_told_of_the_patient_that_ends() -> None:
    """P.2 with a second number and FU says that this second one is the first from now on."""
    told = read(sent("P|1|KEPT~GONE~FU||", head=HEAD.replace("ORU", "ADM")))
    assert records(told) == {("patient", "GONE"): {"id": "GONE", "merged_into": "KEPT"}}
    told = read(sent("P|1|KEPT~GONE~FU|||PETIT"))
    assert records(told)["patient", "KEPT"]["birth_name"] == "PETIT"


def test_what_the_vocabulary_has_no_place_for_is_counted() -> None:
    """Coverage, payments, errors, graphs and files elsewhere are counted as such; a title is structure."""
    told = read(
        sent(
            PATIENT,
            "AP|1",
            "AC|1|M",
            REQUEST,
            "OBX|1|FIC|X||A~B~PDF",
            "OBX|2|GC|X||1~2",
            "OBX|3|TX|T~Titre||.",
            "REG|1|D|5",
            "ERR|1",
        )
    )
    assert {unit: times for (unit, fate), times in fates(told).items() if fate == "not-in-vocabulary"} == {
        "AP": 1, "AC": 1, "OBX": 2, "REG": 1, "ERR": 1,
    }  # fmt: skip
    assert fates(told)["OBX", "structure"] == 1
    assert reasons(told) == []


def test_orders_are_results_to_come() -> None:
    """In a message of orders, each analysis asked for is a result with the status of one not made; a cancelled one, of one cancelled."""
    head = HEAD.replace("ORU", "ORM")
    found = records(
        read(sent(PATIENT, "OBR|1|T1~D1||GLU~Glucose~L^~Autre^", "OBR|2|~D2||NFS|||||||C", head=head))
    )
    assert found["result", "D1-GLU"] == {
        "id": "D1-GLU",
        "request": "D1",
        "specimen": "T1",
        "code": "GLU",
        "label": "Glucose",
        "status": "I",
    }
    assert found["result", "D1-Autre"]["label"] == "Autre"
    assert found["result", "D2-NFS"]["status"] == "X"


def test_invoice_lines_are_of_the_request_of_their_invoice() -> None:
    """FAC names the request; an ACT of several codes is as many lines, the amount with the first, and only euros are an amount."""
    lines = ("FAC|1|D1|R1", "ACT|1|E|17.45|1|17.45||||0552~NABM", "ACT|2|B|30|2|60||||0553^0554")
    found = records(read(sent(PATIENT, *lines, head=HEAD.replace("ORU", "FAC"))))
    assert found["invoice", "R1-1"] == {
        "id": "R1-1",
        "request": "R1",
        "act": "0552",
        "amount": "17.45",
        "quantity": "1",
    }
    assert found["invoice", "R1-2"] == {"id": "R1-2", "request": "R1", "act": "0553"}
    assert found["invoice", "R1-2-1"] == {"id": "R1-2-1", "request": "R1", "act": "0554"}
    told = read(sent(PATIENT, "ACT|1|B", "FAC|1", "ACT|1", "FAC|1||R2", "ACT|1|E|1|1|1"))
    assert reasons(told) == [("no-request", {"ACT": 1}), ("no-request", {"FAC": 1, "ACT": 1})]
    assert ("invoice", "R2-1") in records(told)


def test_the_insured_number_is_the_patient_s() -> None:
    """AP gives the number of the insured person."""
    assert one(sent("P|1||L1", "AP|1||||299997511200170"), "patient")["nss"] == "299997511200170"
