"""What is written, as octets; that it is read back exactly is the contract's (tests/ports/test_format.py)."""

from __future__ import annotations

import io

import pytest

from ecluse.adapters.connectors.files.format import Case, Fact, Written
from ecluse.adapters.connectors.hprim.format import Hprim
from tests.unit.connectors.hprim.messages import read, records

REQUEST = {"id": "R1", "patient": "L1", "date": "20240115"}
PATIENT = {"id": "L1", "birth_name": "DURAND"}


def written(*cases: Case, alone: tuple[tuple[str, dict[str, str]], ...] = ()) -> list[Written]:
    return list(Hprim(sender="A|B", receiver="C", at="20240115083000").write(cases, alone))


def test_every_message_has_its_witness() -> None:
    """A file of eight letters and figures in .HPR, then an empty one of the same name in .OK."""
    files = written(Case(REQUEST, PATIENT))
    assert [file.name for file in files] == ["ECL00001.HPR", "ECL00001.OK"]
    assert files[1].content == b""


def test_a_message_is_written_as_the_recommendation_asks() -> None:
    """Header with its separators, no password, context and version; CRLF; ISO 8859-1; L with its counts."""
    (message, _) = written(Case(REQUEST, {**PATIENT, "given_names": "HÉLÈNE"}))
    lines = message.content.decode("latin-1").split("\r\n")
    assert lines == [
        "H|~^\\&|ECL00001.HPR||A\\F\\B||ORU||ECLUSE 8859-1|C||P|H2.4~L|20240115083000",
        "P|1|L1|L1||DURAND~HÉLÈNE",
        "OBR|1||~R1|||20240115",
        "L|1||1|4",
        "",
    ]


def test_no_line_is_longer_than_220_characters() -> None:
    """A long text goes on in addenda, each full."""
    value = "x" * 1000
    (message, _) = written(Case(REQUEST, PATIENT, results=[{"id": "1", "request": "R1", "value": value}]))
    lines = message.content.split(b"\r")
    assert max(len(line.strip(b"\n")) for line in lines) == 219
    assert sum(line.startswith(b"\nA|") for line in lines) == 4
    assert records(read(message.content))["result", "1"]["value"] == value


def test_what_results_have_no_place_for_goes_into_admission_and_invoice() -> None:
    """The insured number and a merger in ADM, invoice lines in FAC, the rest in ORU."""
    case = Case(
        REQUEST,
        {**PATIENT, "nss": "2", "merged_into": "L2"},
        invoices=[{"id": "F1", "request": "R1", "act": "0552", "amount": "1,35"}],
    )
    files = [file for file in written(case) if file.content]
    assert [file.content.split(b"|")[6] for file in files] == [b"ADM", b"ORU", b"FAC"]
    found = records([told for file in files for told in read(file.content)])
    assert found["patient", "L1"] == {"id": "L1", "birth_name": "DURAND", "nss": "2", "merged_into": "L2"}
    assert found["invoice", "F1"] == {"id": "F1", "request": "R1", "act": "0552", "amount": "1,35"}


def test_a_message_takes_so_many_patients_and_no_more() -> None:
    """After 200 patients a new file begins, and its numbers begin again."""
    files = written(*(Case({**REQUEST, "id": str(n)}, PATIENT) for n in range(450)))
    assert [file.content.count(b"\nP|") for file in files if file.content] == [200, 200, 50]


def test_documents_that_fill_a_message_go_on_in_another() -> None:
    """A request with more documents than a message takes is told again above the next ones."""
    reports = [
        {"id": f"D{n}", "request": "R1", "media_type": "application/pdf", "content": bytes(4 << 20)}
        for n in range(5)
    ]
    files = [file for file in written(Case(REQUEST, PATIENT, documents=reports)) if file.content]  # type: ignore[arg-type]
    assert len(files) == 3
    fmt = Hprim()
    facts = [
        it for file in files for it in fmt.read(io.BytesIO(file.content), name="f") if isinstance(it, Fact)
    ]
    assert sorted(str(it.row["id"]) for it in facts if it.kind == "document") == [
        "D0",
        "D1",
        "D2",
        "D3",
        "D4",
    ]
    assert {it.row["id"] for it in facts if it.kind == "request"} == {"R1"}


def test_of_what_is_ours_nothing_is_a_default() -> None:
    """Our own message says so in H.8: a result without a status has none, and a request without a day has none."""
    case = Case(
        {"id": "R1"},
        {},
        specimens=[{"id": "S1", "request": "R1", "collected_at": "20240115083000"}],
        results=[{"id": "1", "request": "R1"}],
    )
    found = records(read(written(case)[0].content))
    assert found["request", "R1"] == {"id": "R1"}
    assert found["result", "1"] == {"id": "1", "request": "R1"}


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("patient", {"birth_name": "X"}, "no-id"),
        ("patient", {"id": "1", "email": "a@example.org"}, "no-place"),
        ("mood", {"id": "1"}, "no-place"),
        ("patient", {"id": "1", "birth_name": "Œ"}, "encoding"),
        ("patient", {"id": "1", "used_name": "X"}, "no-birth-name"),
        ("patient", {"id": "1", "ins_oid": "INS-NIR"}, "ins-oid"),
        ("patient", {"id": "1", "birth_date": "1990-01-02"}, "date"),
        ("specimen", {"id": "1", "collected_at": "20240115"}, "date"),
        ("specimen", {"id": "1", "request": ""}, "empty-reference"),
        ("document", {"id": "1", "media_type": "text/plain"}, "media-type"),
        ("document", {"id": "1", "media_type": "application/pdf", "content": "texte"}, "type"),
        ("document", {"id": "1", "media_type": "application/pdf", "content": bytes(25 << 20)}, "too-long"),
        ("result", {"id": "1", "value": "é|^~\\&\r\n\t", "email": None}, None),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_a_word(kind: str, row: dict[str, str], reason: str | None) -> None:
    """Each reason for which a record would not come back as it was."""
    assert Hprim().unfit(kind, row) == reason
