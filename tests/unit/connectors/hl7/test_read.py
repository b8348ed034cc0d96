"""Messages read: who, what, for whom; what is put right, what is taken back, and what cannot be read."""

from __future__ import annotations

import base64

import pytest

from ecluse.adapters.connectors.hl7.frames import LARGEST
from ecluse.adapters.connectors.hl7.parts import Manner
from tests.unit.connectors.hl7.reading import MSH, ORU, PID, of_octets, told

OBR = "OBR|1|P1|D1|NFS^NUMERATION"
GLU = "OBX|1|NM|GLU^GLUCOSE||5.4|mmol/L|3.9-6.1|N|||F"


# --- patients -----------------------------------------------------------------------------------------------------------------------------


def test_a_patient_is_read_from_every_repetition() -> None:
    """Numbers, names, addresses and telephones are told apart by their types."""
    found = told(
        MSH.format("ADT^A31^ADT_A05"),
        "PID|1||279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS~000003^^^CHU-X&0008&N^PI~AB12^^^^SS||DURAND^ANNE^ANNE MARIE^^^^L~PETIT^ANNA^^^^^D"
        "||19790328|F|||^^^^^^BDL^^63220~28 AV DE BRETEUIL^BAT B^PARIS^^75007^FRA^H||^PRN^PH^^33^1^234567~0600000000^PRN^CP~^NET^Internet^a@example.org"
        "||||||||||||||||20240102|Y||VALI~DOUTE",
        "PD1||||10001234567^MARTIN^PAUL^^^^^^ASIP&1.2.250.1.71.4.2.1&ISO^D^^^RPPS",
        "NTE|1||Veine difficile",
        "NTE|2||Rappeler",
    )  # fmt: skip
    assert found.one("patient") == {
        "birth_name": "DURAND", "used_name": "PETIT", "given_names": "ANNE MARIE", "sex": "F", "birth_date": "1979-03-28", "birth_place": "63220",
        "death_date": "2024-01-02", "ins": "279035121518989", "ins_oid": "1.2.250.1.213.1.4.10", "ins_status": "VALI", "nss": "AB12",
        "address": "28 AV DE BRETEUIL, BAT B", "postcode": "75007", "city": "PARIS", "phone": "+33 1 234567", "mobile": "0600000000",
        "email": "a@example.org", "doctor": "10001234567", "comment": "Veine difficile\nRappeler",
    }  # fmt: skip
    assert found.one("prescriber") == {"rpps": "10001234567", "family_name": "MARTIN", "given_names": "PAUL"}
    assert found.rows("patient")[0]["id"] == "000003@CHU-X"


def test_an_authority_of_the_laboratory_leaves_its_numbers_bare() -> None:
    """Two hospitals' patients 12 are two; those of an authority that is the laboratory's own are its numbers."""
    lines = (ORU, "PID|1||12^^^LABO^PI~12^^^CHU^PI||DURAND", OBR.replace("D1", "D1^LABO"), GLU)
    assert told(*lines).rows("patient")[0]["id"] == "12@LABO"
    own = told(*lines, manner=Manner(own=frozenset({"LABO"})))
    assert (own.rows("patient")[0]["id"], own.rows("request")[0]["id"]) == ("12", "D1")


def test_a_patient_known_by_the_ins_alone_is_not_named_by_it() -> None:
    """The id is the same for the same INS and secret, holds none of it, and is another under another secret."""
    lines = (ORU, "PID|1||279035121518989^^^X&1.2.250.1.213.1.4.10&ISO^INS||DURAND", OBR, GLU)
    ids = [told(*lines, manner=Manner(secret=it)).rows("patient")[0]["id"] for it in (b"a", b"a", b"b")]
    assert ids[0] == ids[1] != ids[2]
    assert "279035121518989" not in str(ids)


@pytest.mark.parametrize("event", ["A18", "A30", "A34", "A35", "A36", "A39", "A40", "A47"])
def test_a_merge_says_into_whom(event: str) -> None:
    """The number of MRG-1 is now the patient of the PID before it, twice in one message too."""
    found = told(MSH.format(f"ADT^{event}"), f"EVN|{event}", PID, "MRG|9", "PID|1||13||PETIT", "MRG|8")
    merged = {str(it["id"]): it.get("merged_into") for it in found.rows("patient")}
    assert merged == {"12": None, "9": "12", "13": None, "8": "13"}


def test_what_moves_a_visit_merges_no_patient() -> None:
    """A MRG of a visit (A45), or one that names the same patient, changes nobody."""
    for event, before in (("A45", "9"), ("A40", "12"), ("A40", "")):
        found = told(MSH.format(f"ADT^{event}"), PID, f"MRG|{before}")
        assert [it["id"] for it in found.rows("patient")] == ["12"]
        assert found.fates["MRG", "not-in-vocabulary"] == 1


def test_a_patient_who_is_taken_back_is_gone() -> None:
    """A29 deletes the person."""
    assert [it.gone for it in told(MSH.format("ADT^A29"), PID).facts] == [True]


# --- orders and results ---------------------------------------------------------------------------------------------------------------------


def test_a_report_is_read_whole() -> None:
    """Prescriber, request, specimen and result, each with what its segments say."""
    found = told(
        ORU, PID, "PV1|1|O|||||7^GENERAL^PRATICIEN",
        "ORC|RE|P1|D1||CM||^^^^^S||20240115080000|||77^MARTIN^JEAN~10001234567^MARTIN^JEAN^^^^^^&1.2.250.1.71.4.2.1&ISO^^^^RPPS||0100000000||||||||||1 RUE^^PARIS^^75002",
        "OBR|1|P1|D1|NFS^NUMERATION|||20240115073000||||||Fièvre|||||||||20240115110000|||F", "NTE|1||Au retour de voyage",
        "OBX|1|NM|718-7^HEMOGLOBINE^LN^HB^Hb^L||13.2|g/dL^^UCUM|12.0 - 16.0|N~A|||C|||20240115073000|LABO|12^LEROY^PAULE|||20240115104500",
        "NTE|1||Contrôlé", "NTE|2||Deux fois", "SPM|1|A&SERVICE^E1||^SANG VEINEUX|||||||||||||20240115073000^20240115073100|20240115081500",
    )  # fmt: skip
    assert found.unread == []
    assert found.one("prescriber") == {
        "rpps": "10001234567", "family_name": "MARTIN", "given_names": "JEAN", "phone": "0100000000", "address": "1 RUE", "postcode": "75002",
        "city": "PARIS",
    }  # fmt: skip
    assert found.one("request") == {
        "patient": "12", "prescriber": "77", "site": "LABO", "date": "2024-01-15", "time": "2024-01-15 08:00:00", "status": "validated",
        "urgent": "true", "clinical_info": "Fièvre\nAu retour de voyage",
    }  # fmt: skip
    specimen = {
        "request": "D1",
        "type": "SANG VEINEUX",
        "collected_at": "2024-01-15 07:30:00",
        "received_at": "2024-01-15 08:15:00",
    }
    assert found.one("specimen") == specimen
    assert found.one("result") == {
        "request": "D1", "specimen": "E1", "code": "718-7", "label": "HEMOGLOBINE", "value": "13.2", "unit": "g/dL", "range_low": "12.0",
        "range_high": "16.0", "flag": "N A", "status": "corrected", "validator": "LEROY PAULE", "validated_at": "2024-01-15 10:45:00",
        "comment": "Contrôlé\nDeux fois",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("NM", "5.40", "5.40"), ("SN", ">^100", ">100"), ("SN", "^1^:^128", "1:128"), ("SN", "^10^-^20", "10-20"), ("CE", "260415000^Not detected^SCT", "Not detected"),
        ("CWE", "10828004^^SCT", "10828004"), ("CWE", "A^a~B^b", "a\nb"), ("TX", "ligne 1~ligne 2", "ligne 1\nligne 2"), ("FT", "a\\.br\\b", "a\nb"),
        ("ST", "voir ^ ci-dessous & suite", "voir ^ ci-dessous & suite"), ("ST", '""', ""), ("CQ", "3^mL", "3"), ("NR", "1^10", "1-10"), ("ZZ", "x^y", "x^y"),
        ("DT", "20240115", "20240115"), ("", "texte", "texte"),
    ],
)  # fmt: skip
def test_a_value_is_what_was_reported(kind: str, value: str, said: str) -> None:
    """Words before codes, numbers with their signs, texts whole."""
    assert told(ORU, PID, OBR, f"OBX|1|{kind}|X^x||{value}||||||F").one("result")["value"] == said


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("3.9-6.1", "3.9", "6.1"), ("-2 - -1", "-2", "-1"), ("3,9 à 6,1", "3,9", "6,1"), ("4.3 to 6.2", "4.3", "6.2"), ("<85", None, "<85"),
        ("> 60", "> 60", None), ("Négatif", "Négatif", None), ("1-2-3", "1-2-3", None),
    ],
)  # fmt: skip
def test_a_range_is_two_numbers_or_the_text_as_it_stands(
    text: str, low: str | None, high: str | None
) -> None:
    """A bound is taken apart only where both are numbers."""
    row = told(ORU, PID, OBR, f"OBX|1|NM|X^x||5||{text}||||F").one("result")
    assert (row.get("range_low"), row.get("range_high")) == (low, high)


@pytest.mark.parametrize(
    ("letter", "status"),
    [("F", "validated"), ("U", "validated"), ("C", "corrected"), ("P", "entered"), ("R", "entered"), ("I", "ordered"), ("X", "cancelled"), ("W", "cancelled"), ("Q", "Q")],
)  # fmt: skip
def test_a_status_is_one_of_the_vocabulary_or_left_for_a_person(letter: str, status: str) -> None:
    """A letter that the standard does not know is not made into one that it does."""
    assert told(ORU, PID, OBR, GLU[:-1] + letter).one("result")["status"] == status


def test_a_correction_meets_what_it_corrects_and_equal_results_stay_two() -> None:
    """The same test of the same order has the same id in the next message; the second of two equal ones has its own; D takes back."""
    first = told(ORU, PID, OBR, GLU, GLU)
    corrected = told(ORU, PID, OBR, GLU.replace("5.4", "4.5").replace("|F", "|C"))
    ids = [it["id"] for it in first.rows("result")]
    assert len(set(ids)) == 2
    assert corrected.rows("result")[0]["id"] == ids[0]
    gone = [it for it in told(ORU, PID, OBR, GLU[:-1] + "D").facts if it.kind == "result"]
    assert [(it.row["id"], it.gone, "value" in it.row) for it in gone] == [(ids[0], True, False)]


def test_two_panels_and_two_sub_ids_are_not_confounded() -> None:
    """The code of the order and the sub-id are part of what a result is."""
    found = told(ORU, PID, OBR, GLU, GLU.replace("||5.4", "|2|5.4"), OBR.replace("NFS", "HGPO"), GLU)
    assert len({it["id"] for it in found.rows("result")}) == 3


def test_a_specimen_stands_where_the_version_puts_it() -> None:
    """After its order (2.5), before it (OUL), in OBR-15 alone (2.3): the result is of that specimen."""
    after = told(ORU, PID, OBR, GLU, "SPM|1|^E1||^SANG")
    before = told(MSH.format("OUL^R22"), PID, "SPM|1|^E1||^SANG", OBR, "ORC|SC", GLU)
    for found in (after, before):
        assert found.one("result")["specimen"] == "E1"
        assert found.one("specimen") == {"type": "SANG", "request": "D1"}
    old = told(ORU, PID, "OBR|1||D1|NFS|||20240115073000|||||||20240115081500|BLD&SANG&L", GLU)
    assert old.one("specimen") == {"request": "D1", "type": "SANG", "collected_at": "2024-01-15 07:30:00", "received_at": "2024-01-15 08:15:00"}  # fmt: skip
    assert old.rows("result")[0]["specimen"] == old.rows("specimen")[0]["id"]


def test_an_observation_after_a_specimen_is_of_that_specimen() -> None:
    """Legal in OML and OUL from 2.5 on: a second SPM does not take the results of the first."""
    found = told(
        MSH.format("OML^O21"),
        PID,
        "ORC|NW|P1",
        OBR,
        "SPM|1|^E1",
        GLU,
        "SPM|2|^E2",
        GLU.replace("GLU", "POIDS"),
    )
    assert {str(it["code"]): it.get("specimen") for it in found.rows("result")} == {
        "GLU": "E1",
        "POIDS": "E2",
    }
    first = told(MSH.format("OUL^R22"), PID, "SPM|1|^E1", GLU, OBR, GLU.replace("GLU", "NA"))
    assert {str(it["code"]): it.get("specimen") for it in first.rows("result")} == {"GLU": "E1", "NA": "E1"}
    assert first.unread == []


def test_an_antibiogram_hangs_on_the_germ_it_is_of() -> None:
    """OBR-26 points to the culture's result; lines with S, I or R are susceptibilities, any other is a plain result."""
    found = told(
        ORU, PID, "OBR|1||D1|ECBU", "OBX|1|CE|ORG^Germe|1|^ESCHERICHIA COLI||||||F", "OBR|2||D1|ATB|||||||||||||||||||||F|ORG&Germe^1",
        "OBX|1|NM|AMX^AMOXICILLINE||2|mg/L||S|||F", "OBX|2|ST|CTX^CEFOTAXIME||R||||||F", "OBX|3|ST|REM^REMARQUE||voir||||||F",
    )  # fmt: skip
    isolate = found.rows("isolate")[0]
    assert found.one("isolate") == {"request": "D1", "result": isolate["id"], "organism": "ESCHERICHIA COLI"}
    lines = [
        {name: it for name, it in row.items() if name not in ("id", "request", "isolate")}
        for row in found.rows("susceptibility")
    ]
    assert lines == [
        {"interpretation": "S", "antibiotic": "AMOXICILLINE", "mic": "2"},
        {"interpretation": "R", "antibiotic": "CEFOTAXIME"},
    ]
    assert [it["code"] for it in found.rows("result")] == ["ORG", "REM"]


def test_a_request_is_open_while_one_of_its_orders_is() -> None:
    """The state of a request is that of the least advanced of its OBR."""
    last = "|||||||||||||||||||||"
    assert told(ORU, PID, f"{OBR}{last}F", GLU, f"{OBR}{last}P").one("request")["status"] == "open"
    assert told(MSH.format("ORM^O01"), PID, "ORC|CA|P1|D1").one("request")["status"] == "cancelled"


def test_a_bill_and_urgency_stand_with_their_request() -> None:
    """FT1 and TQ1 are of the order they follow."""
    found = told(
        MSH.format("OML^O21"),
        PID,
        "ORC|NW|P1",
        "TQ1|1||||||||S",
        OBR,
        "TQ1|1||||||||R",
        "FT1|1|F7||20240115||CG|0552^NFS|||2|12.50&EUR|||AMO",
    )
    assert found.one("invoice") == {
        "act": "0552",
        "quantity": "2",
        "amount": "12.50",
        "payer": "AMO",
        "request": "D1",
    }
    assert found.one("request")["urgent"] == "false"


# --- documents and who may see --------------------------------------------------------------------------------------------------------------


def ed(content: str, *, kind: str = "^TEXT^XML^Base64", status: str = "F") -> str:
    return f"OBX|1|ED|11502-2^CR^LN||{kind}^{content}||||||{status}|||||^LEROY^PAULE"


def flag(code: str, said: str) -> str:
    return f"OBX|2|CE|{code}^x^MetaDMPMSS||{said}^^HL70136||||||F"


@pytest.mark.parametrize(
    ("kind", "content", "octets", "media"),
    [
        ("^TEXT^XML^Base64", base64.b64encode(b"<a/>").decode(), b"<a/>", "text/xml"), ("^AP^PDF^Base64", "JVBERg", b"%PDF", "application/pdf"),
        ("^application^pdf^Base64", "JVBE\\.br\\Rg==", b"%PDF", "application/pdf"), ("^IM^JPEG^Hex", "FFD8", b"\xff\xd8", "image/jpeg"),
        ("^TEXT^^A", "Conclusion : \\.br\\rien", b"Conclusion : \nrien", "text/plain"), ("^AU^WAVE^A", "x", b"x", "au/wave"),
    ],
)  # fmt: skip
def test_a_document_is_its_octets(kind: str, content: str, octets: bytes, media: str) -> None:
    """Base64 with or without its padding and line ends, hexadecimal, or the text itself."""
    row = told(ORU, PID, OBR, ed(content, kind=kind)).one("document")
    assert row == {"content": octets, "media_type": media, "request": "D1", "signatory": "LEROY PAULE"}


@pytest.mark.parametrize(
    ("kind", "reason"), [("^AP^PDF^Base64^A", "document-encoding"), ("^AP^PDF^UUENCODE^A", "document-encoding"), ("^AP^PDF^Base64^", "empty")]
)  # fmt: skip
def test_a_document_that_is_not_whole_is_refused(kind: str, reason: str) -> None:
    """Broken octets are no document, and the rest of the message is read."""
    found = told(ORU, PID, OBR, f"OBX|1|ED|CR||{kind}||||||F", GLU)
    assert (found.reasons, len(found.rows("result"))) == ([reason], 1)
    assert found.unread[0].units == {"OBX": 1}


def test_a_pointer_is_said_to_be_elsewhere() -> None:
    """RP names a file that the message does not hold: it is counted, and kept for the laboratory."""
    assert told(ORU, PID, OBR, "OBX|1|RP|CR||x^^IM||||||F").reasons == ["content-elsewhere"]


@pytest.mark.parametrize(
    ("flags", "visibility"),
    [
        ([("INVISIBLE_PATIENT", "N"), ("MASQUE_PS", "N")], "visible"), ([("INVISIBLE_PATIENT", "Y")], "hidden"), ([("INVISIBLE_PATIENT", "")], "hidden"),
        ([("INVISIBLE_REP_LEGAUX", "Y")], "hidden-from-guardians"), ([("INVISIBLE_REPRESENTANTS_LEGAUX", "Y")], "hidden-from-guardians"),
        ([("CONNEXION_SECRETE", "Y"), ("INVISIBLE_PATIENT", "Y")], "secret"), ([("MASQUE_PS", "Y"), ("INVISIBLE_PATIENT", "N")], "secret"), ([], None),
    ],
)  # fmt: skip
def test_who_may_see_is_what_the_metadata_say(flags: list[tuple[str, str]], visibility: str | None) -> None:
    """The strictest flag counts, for every document and result of the order; a flag that says neither yes nor no is a yes."""
    found = told(
        ORU,
        PID,
        OBR,
        ed("QUJD"),
        ed("REVG"),
        GLU,
        *(flag(*it) for it in flags),
        flag("DESTDMP", "Y"),
        OBR.replace("NFS", "X"),
        GLU,
    )
    assert {it.get("visibility") for it in found.rows("document")} == {visibility}
    assert [it.get("visibility") for it in found.rows("result")] == [visibility, None]
    assert found.fates["OBX", "not-in-vocabulary"] == 1
    assert len(found.rows("result")) == 2


def test_a_document_message_gives_documents() -> None:
    """MDM: an ED, or lines of text, under the number of TXA-12; a replacement takes the place of its parent, T11 takes back."""
    txa = "TXA|1|CR|TX|||||||||DOC2|DOC1|P1|D1|||||||9^LEROY^PAULE^^^^^^^^^^^^20240115110000"
    signed = {"request": "D1", "signatory": "LEROY PAULE", "signed_at": "2024-01-15 11:00:00"}
    found = told(
        MSH.format("MDM^T02"),
        PID,
        txa,
        "OBX|1|TX|C||Ligne 1||||||F",
        "OBX|2|TX|C||Ligne 2||||||F",
        "OBX|3|HD|C||x||||||F",
    )
    assert found.one("document") == {**signed, "content": b"Ligne 1\nLigne 2", "media_type": "text/plain"}
    replaced = told(MSH.format("MDM^T10"), PID, txa, ed("QUJD"))
    assert [(it.row["id"], it.gone) for it in replaced.facts if it.kind == "document"] == [
        ("DOC2", False),
        ("DOC1", True),
    ]
    taken = told(MSH.format("MDM^T11"), PID, txa)
    assert [(it.row["id"], it.gone) for it in taken.facts if it.kind == "document"] == [("DOC2", True)]
    assert told(MSH.format("MDM^T02"), PID, ed("QUJD")).reasons == ["no-document-number"]


def test_two_documents_of_one_message_are_both_counted() -> None:
    """A second TXA begins another document; the first keeps its fate."""
    found = told(MSH.format("MDM^T02"), PID, "TXA|1|CR|TX|||||||||A", ed("QUJD"), "TXA|2|CR|TX|||||||||B")
    assert [it["id"] for it in found.rows("document")] == ["A"]
    assert (found.fates["TXA", "carried"], found.fates["TXA", "not-in-vocabulary"]) == (1, 1)


def test_a_staff_file_gives_prescribers() -> None:
    """MFN^M02: one person for each STF; MDL takes one back."""
    found = told(
        MSH.format("MFN^M02"), "MFI|PRA", "MFE|MUP|1||77", "STF|77|77~10001234567^^^&1.2.250.1.71.4.2.1&ISO^RPPS|MARTIN^JEAN|||||||0100000000|1 RUE^^PARIS^^75002",
        "PRA|77||||SM26", "MFE|MDL|2||78", "STF|78|78|PETIT",
    )  # fmt: skip
    assert found.one("prescriber") == {
        "rpps": "10001234567", "family_name": "MARTIN", "given_names": "JEAN", "phone": "0100000000", "address": "1 RUE", "postcode": "75002",
        "city": "PARIS", "specialty": "SM26",
    }  # fmt: skip
    assert [it.gone for it in found.facts] == [False, True]


# --- what cannot be read ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((ORU, OBR, GLU), "no-patient"), ((ORU, "PID|1||^^^X^PI||DURAND", OBR, GLU), "no-patient"), ((MSH.format("ADT^A28"), "EVN|A28"), "no-patient"),
        ((ORU.replace("2.5|", "2.9|"), PID, OBR, GLU), "version"), ((ORU.replace("2.5|", "|"), PID), "version"), (("MSHA^~\\&", PID), "not-hl7"),
        (("MSH|a^~&|", PID), "delimiters"), (("MSH", PID), "delimiters"),
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_read_is_kept_whole(lines: tuple[str, ...], reason: str) -> None:
    """One reason, all its octets, each of its segments counted, and no record of it."""
    found = told(*lines)
    assert (found.reasons, found.facts, found.fates) == ([reason], [], {})
    assert found.unread[0].raw == "".join(f"{it}\r" for it in lines).encode()
    assert sum(found.unread[0].units.values()) == len(lines)


def test_what_hangs_on_nothing_is_refused_and_the_rest_is_read() -> None:
    """An OBX or an SPM before any order, an order without a number, a line that is no segment: each alone."""
    found = told(ORU, PID, GLU, "SPM|1|^E1", "FT1|1", "OBR|1|||X", GLU, OBR, GLU, "??")
    assert (
        sorted(found.reasons) == ["no-request"] + ["no-request-number"] * 2 + ["not-a-segment"]
        or found.reasons
    )
    assert len(found.rows("result")) == 1
    counted = sum(sum(it.units.values()) for it in found.unread) + sum(found.fates.values())
    assert counted == 10


def test_a_text_that_was_broken_over_lines_is_whole() -> None:
    """Lines that begin no segment belong to the OBX or NTE before them, and are counted as lines."""
    found = told(ORU, PID, OBR, "OBX|1|TX|C||Premier", "deuxième", "troisième||||||F")
    assert found.one("result")["value"] == "Premier\ndeuxième\ntroisième"
    assert found.fates["line", "carried"] == 2


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_lines_end_as_they_may(end: str) -> None:
    """CR, LF or both."""
    assert told(ORU, PID, OBR, GLU, end=end).one("result")["value"] == "5.4"


@pytest.mark.parametrize(
    "cut", ["OBX|2|NM|NA^SODIUM||14", "OBX|2|N", "OB", "OBR|2", "PID|1", "MSH|^~\\&|SIL"]
)
def test_a_message_that_the_end_of_the_file_cuts_is_not_half_read(cut: str) -> None:
    """A last line without its end, and without what it must hold, was cut: nothing of that message is taken."""
    whole = f"{ORU}\r{PID}\r{OBR}\r{GLU}\r"
    found = of_octets(f"{whole}{cut}".encode())
    of_another = cut.startswith("MSH")
    assert found.reasons == (["version"] if of_another else ["cut"])
    assert len(found.rows("result")) == of_another


def test_a_frame_that_does_not_end_was_cut() -> None:
    """In a file of MLLP frames, what VT begins FS ends."""
    message = f"{ORU}\r{PID}\r{OBR}\r{GLU}\r"
    assert of_octets(f"\x0b{message}\x1c\r".encode()).reasons == []
    assert of_octets(f"\x0b{message}".encode()).reasons == ["cut"]
    assert of_octets(f"\x0b{message}\x1c\r\x0b{message}".encode()).reasons == ["cut"]


def test_a_message_that_was_sent_again_is_read_once() -> None:
    """Octet for octet the same: counted as repeated. The same number with another content is another message."""
    lines = (ORU, PID, OBR, GLU)
    again = told(*lines, *lines)
    assert (again.reasons, len(again.rows("result"))) == (["repeated"], 1)
    assert told(*lines, *lines[:3], GLU.replace("5.4", "4.5")).reasons == []


def test_a_batch_holds_as_many_messages_as_it_says() -> None:
    """A wrong count, a trailer without a header and a header without a trailer are said; what the batch holds is read."""
    inner = (MSH.format("ADT^A28"), PID)
    assert told("FHS|^~\\&", "BHS|^~\\&", *inner, "BTS|1", "FTS|1").reasons == []
    assert told("BHS|^~\\&", *inner, "BTS").reasons == []
    for lines, reasons in (
        (("BHS|^~\\&", *inner, "BTS|2"), ["wrong-count"]), ((*inner, "BTS|1"), ["no-header"]), (("FHS|^~\\&", "BHS|^~\\&", *inner), ["no-trailer"] * 2),
        (("BHS|^~\\&", "x", *inner, "BTS|1", "y"), ["not-hl7", "not-hl7"]),
    ):  # fmt: skip
        found = told(*lines)
        assert found.reasons == reasons
        assert len(found.rows("patient")) == 1


def test_a_message_longer_than_memory_allows_is_refused_in_parts() -> None:
    """Past the limit nothing is held: the parts are unread, their lines counted once, and what follows is read."""
    lines = [ORU, PID, OBR, "OBX|1|TX|C||" + "x" * (LARGEST + 1000), MSH.format("ADT^A28"), PID]
    found = told(*lines)
    assert set(found.reasons) == {"too-long"}
    assert sum(it.units.get("line", 0) for it in found.unread) == 4
    assert len(found.rows("patient")) == 1


def test_a_place_is_a_file_a_message_and_a_segment() -> None:
    """A person finds a record by numbers, which tell nothing of it."""
    found = told(MSH.format("ADT^A28"), PID, ORU, PID, OBR, GLU, GLU)
    places = [(it.kind, it.place) for it in found.facts]
    assert places == [
        ("patient", "f:1.2"),
        ("patient", "f:2.2"),
        ("request", "f:2.3"),
        ("result", "f:2.4"),
        ("result", "f:2.5"),
    ]
    assert told(ORU, PID, GLU).unread[0].place == "f:1.3"


def test_what_the_vocabulary_has_no_word_for_is_counted() -> None:
    """Appointments, vaccines: each segment, and no record."""
    found = told(MSH.format("VXU^V04"), PID, "RXA|0|1|20240115")
    assert (found.facts, found.unread) == ([], [])
    assert found.fates == {
        ("MSH", "structure"): 1,
        ("PID", "not-in-vocabulary"): 1,
        ("RXA", "not-in-vocabulary"): 1,
    }
    assert told(MSH.format("ACK^R01"), "MSA|AA|1").fates == {("MSH", "structure"): 1, ("MSA", "structure"): 1}
