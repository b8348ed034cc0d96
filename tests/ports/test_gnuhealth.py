"""GNU Health as a target and a source, piece by piece, on its own server: batches, refusals, loads cut in the middle, and records that others made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecluse.adapters.connectors.files.format import Rows, Seen, Unread
from ecluse.adapters.connectors.gnuhealth.address import parse_gnuhealth
from ecluse.adapters.connectors.gnuhealth.server import Server, Values
from ecluse.adapters.connectors.gnuhealth.tables import GnuHealthTables, held
from ecluse.adapters.connectors.gnuhealth.target import GnuHealthTarget
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from tests.ports.gnuhealth_servers import GnuHealth, gnuhealth, password_file

KEYS = {"prescriber": "id", "patient": "puid", "request": "name", "result": "reference"}
DOCTOR = {
    "id": "7",
    "license": "10001234567",
    "lastname": "LE GOFF",
    "name": "Dominique",
    "street": "1 quai\n",
    "city": "",
    "phone": "02",
}
PATIENT = {
    "puid": "7", "lastname": "AUBERT", "usual_name": "PERRIN", "name": "Sacha", "gender": "u", "dob": "1980-02-29", "street": " 2 rue",
    "postal_code": "56000", "city": "Vannes", "phone": "0297", "mobile": "06", "email": "s@example.org", "doctor": "7", "general_info": "à revoir\n",
}  # fmt: skip
REQUEST = {
    "name": "R1", "patient": "7", "requestor": "7", "source": "01", "date": "2024-07-14", "date_requested": "2024-07-14 00:30:00",
    "state": "validated", "urgent": "true", "comment": "fièvre ",
}  # fmt: skip
RESULT = {
    "reference": "A1", "report": "R1", "code": "GLU", "name": "Glycémie", "result": "5,10", "units": "g/furlong", "low": "4,0", "high": "6",
    "status": "validated", "visibility": "visible", "remarks": "",
}  # fmt: skip
WHOLE = {"prescriber": DOCTOR, "patient": PATIENT, "request": REQUEST, "result": RESULT}


class Failing(Server):
    """The same server, whose connection is cut after so many creations in a model."""

    def __init__(self, *given: Any, model: str, after: int = 0, **named: Any) -> None:
        super().__init__(*given, **named)
        self.model, self.left = model, after

    def create(self, model: str, rows: Sequence[Values]) -> list[int]:
        if model == self.model and rows:
            if not self.left:
                raise Fault("target/connection-cut", where=model)
            self.left -= 1
        return super().create(model, rows)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GnuHealth]:
    """One server for all; each test leaves it as empty as it found it."""
    with gnuhealth(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def target(running: GnuHealth, tmp_path: Path) -> Iterator[GnuHealthTarget]:
    address = parse_gnuhealth(running.url).entered(password_file(tmp_path))
    opened = GnuHealthTarget(Server(address, side="target"))
    yield opened
    for kind in reversed(KEYS):
        for mark in opened.marks("m"):
            if mark.kind == kind:
                ids = (
                    [str(number) for number in range(mark.records)]
                    if mark.part == 9
                    else [WHOLE[kind][KEYS[kind]]]
                )
                opened.remove(
                    [TableRows(kind, pa.RecordBatch.from_pydict({KEYS[kind]: ids}), (KEYS[kind],))], mark=mark
                )
    opened.close()
    assert everything(running) == Counter()


def everything(server: GnuHealth) -> Counter[str]:
    """How many records stand in each model that Écluse writes, those that a GNU Health begins with left out."""
    asked: dict[str, list[Any]] = {
        "party.party": [["is_person", "=", True]], "gnuhealth.patient": [], "gnuhealth.healthprofessional": [], "gnuhealth.person_name": [],
        "party.address": [], "party.contact_mechanism": [], "gnuhealth.lab": [], "gnuhealth.patient.lab.test": [], "ir.note": [],
        "gnuhealth.lab.test.critearea": [["gnuhealth_lab_id", "!=", None]],
    }  # fmt: skip
    return +Counter({model: server.count(model, *domain) for model, domain in asked.items()})


def given(kind: str, *rows: dict[str, Any]) -> list[TableRows]:
    return [TableRows(kind, pa.RecordBatch.from_pylist(list(rows)), (KEYS[kind],))]


def loaded(target: GnuHealthTarget, *kinds: str) -> None:
    for part, kind in enumerate(kinds):
        target.write(given(kind, WHOLE[kind]), mark=Mark("m", part, kind, 1))


def told(running: GnuHealth, tmp_path: Path) -> tuple[dict[str, list[dict[str, Any]]], list[Seen | Unread]]:
    """All that is there, as a source tells it."""
    tables, rows, others = GnuHealthTables(), dict[str, list[dict[str, Any]]](), list[Seen | Unread]()
    wanted = {name: tuple(table.columns) for name, table in tables.catalogue(()).tables.items()}
    server = Server(parse_gnuhealth(running.url).entered(password_file(tmp_path)), side="source")
    for it in tables.rows(held(server), wanted):
        if isinstance(it, Rows):
            rows.setdefault(it.table, []).extend(it.batch.to_pylist())
        else:
            others.append(it)
    return rows, others


def test_each_kind_is_given_back_to_the_letter(
    target: GnuHealthTarget, running: GnuHealth, tmp_path: Path
) -> None:
    """Empty beside absent, line ends, digits and bounds, a moment of summer time, a doctor and a patient of the same number."""
    loaded(target, *KEYS)
    rows, others = told(running, tmp_path)
    assert rows == {
        "prescriber": [DOCTOR | {"postal_code": None}], "patient": [PATIENT], "request": [REQUEST], "result": [RESULT],
    }  # fmt: skip
    assert not [it for it in others if isinstance(it, Unread)]
    (line,) = running.ask(
        "gnuhealth.lab", "search_read", [], 0, None, None, ["date_requested", "validated_by", "done_by"]
    )
    assert (line["date_requested"]["day"], line["date_requested"]["hour"]) == (13, 22)
    assert (line["validated_by"], line["done_by"]) == (None, None)


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("patient", {"dob": None}, "not-null"), ("patient", {"gender": "x"}, "type"), ("patient", {"name": ""}, "not-null"),
        ("patient", {"lastname": " X"}, "check"), ("patient", {"dob": "2999-01-01"}, "check"), ("patient", {"doctor": "8"}, "foreign-key"),
        ("patient", {"phone": ""}, "not-null"), ("request", {"patient": "8"}, "foreign-key"), ("request", {"date": "2024-07-13"}, "check"),
        ("request", {"date": "2024-03-31", "date_requested": "2024-03-31 02:30:00"}, "type"), ("request", {"state": "lost"}, "type"),
        ("result", {"report": "R2"}, "foreign-key"), ("result", {"low": "1 - 2"}, "check"), ("result", {"units": "g "}, "check"),
    ],
)  # fmt: skip
def test_what_gnuhealth_would_not_hold_is_refused_by_its_reason(
    target: GnuHealthTarget, running: GnuHealth, kind: str, change: dict[str, Any], reason: str
) -> None:
    """A row against GNU Health's rules, or that it would not give back, is refused with a reason of the short list, and nothing of its batch stays."""
    loaded(target, *list(KEYS)[: list(KEYS).index(kind)])
    before = everything(running)
    fine = WHOLE[kind] | {KEYS[kind]: "0"} | ({"license": None} if kind == "prescriber" else {})
    with pytest.raises(RowsRefused) as refused:
        target.write(given(kind, fine, WHOLE[kind] | change), mark=Mark("m", 8, kind, 2))
    assert refused.value.values["reason"] == reason
    assert everything(running) == before
    assert not [mark for mark in target.marks("m") if mark.part == 8]


def test_what_stands_there_is_never_written_over_nor_taken_out(
    target: GnuHealthTarget, running: GnuHealth
) -> None:
    """A number that another party has is refused, that party stays; so are a batch told twice and a replacement."""
    other = {"is_person": True, "name": "X", "gender": "u", "ref": "7", "fed_country": None}
    (there,) = running.ask("party.party", "create", [other])
    with pytest.raises(RowsRefused) as refused:
        target.write(given("patient", PATIENT | {"doctor": None}), mark=Mark("m", 1, "patient", 1))
    assert refused.value.values["reason"] == "unique"
    assert running.count("party.party", ["id", "=", there]) == 1
    names = running.ask("gnuhealth.person_name", "search", [["party", "=", there]])
    running.ask("gnuhealth.person_name", "delete", names)
    running.ask("party.party", "delete", [there])
    loaded(target, "prescriber")
    with pytest.raises(Refusal, match="target/batch-twice"):
        loaded(target, "prescriber")
    with pytest.raises(Refusal, match="gnuhealth/no-replacing"):
        target.write(given("prescriber", DOCTOR), mark=Mark("m", 5, "prescriber", 1), replace=True)


@pytest.mark.parametrize(
    ("kind", "model", "after"),
    [
        ("patient", "party.party", 3), ("patient", "party.party", 230), ("patient", "gnuhealth.patient", 0),
        ("request", "gnuhealth.lab", 0), ("request", "gnuhealth.lab", 1), ("result", "ir.note", 2),
    ],
)  # fmt: skip
def test_a_load_cut_anywhere_goes_on_without_a_double(
    target: GnuHealthTarget, running: GnuHealth, tmp_path: Path, kind: str, model: str, after: int
) -> None:
    """What was begun and not ended is taken out, the mark tells the rest, and what remains is loaded once."""
    loaded(target, *list(KEYS)[: list(KEYS).index(kind)])
    before = everything(running)
    rows = [WHOLE[kind] | {KEYS[kind]: str(number)} for number in range(240)]
    address = parse_gnuhealth(running.url).entered(password_file(tmp_path))
    cut = GnuHealthTarget(Failing(address, side="target", model=model, after=after))
    with pytest.raises(Fault, match="target/connection-cut"):
        cut.write(given(kind, *rows), mark=Mark("m", 9, kind, 240))
    done = sum(mark.records for mark in target.marks("m") if mark.part == 9)
    assert done in (0, 200)
    written = everything(running)
    assert written["party.party"] - before["party.party"] == (done if kind == "patient" else 0)
    assert written["gnuhealth.patient.lab.test"] == written["gnuhealth.lab"]
    target.write(given(kind, *rows[done:]), mark=Mark("m", 9, kind, 240 - done, done))
    read = told(running, tmp_path)[0][kind]
    assert Counter(row[KEYS[kind]] for row in read) == Counter(str(number) for number in range(240))
    for mark in target.marks("m"):
        if mark.part == 9:
            ids = {KEYS[kind]: [str(number) for number in range(mark.start, mark.start + mark.records)]}
            target.remove([TableRows(kind, pa.RecordBatch.from_pydict(ids), (KEYS[kind],))], mark=mark)
    assert everything(running) == before


def test_what_others_made_is_told_or_counted(
    target: GnuHealthTarget, running: GnuHealth, tmp_path: Path
) -> None:
    """A line typed in GNU Health is known by its own number, says its number and its text; a report of no patient and a second address are counted."""
    loaded(target, "prescriber", "patient", "request")
    (report,) = running.ask("gnuhealth.lab", "search", [["name", "=", "R1"]])
    lines = [
        {"gnuhealth_lab_id": report, "name": "Sodium", "result": 140.0, "result_text": "hémolysé", "lower_limit": 135.0, "excluded": True},
        {"gnuhealth_lab_id": report, "name": "Fer", "normal_range": "selon l'âge"},
    ]  # fmt: skip
    made = running.ask("gnuhealth.lab.test.critearea", "create", lines)
    (test,) = running.ask("gnuhealth.lab.test_type", "search", [["code", "=", "ECLUSE"]])
    (water,) = running.ask(
        "gnuhealth.lab", "create", [{"test": test, "source_type": "other_source", "other_source": "puits"}]
    )
    (party,) = running.ask("party.party", "search", [["ref", "=", "7"]])
    (second,) = running.ask("party.address", "create", [{"party": party, "city": "Lorient"}])

    rows, others = told(running, tmp_path)

    running.ask("party.address", "delete", [second])
    running.ask("gnuhealth.lab.test.critearea", "delete", made)
    running.ask("gnuhealth.lab", "delete", [water])
    nothing = dict.fromkeys(RESULT)
    assert rows["result"] == [
        nothing | {
            "reference": f"gnuhealth-{made[0]}", "report": "R1", "name": "Sodium", "result": "140 hémolysé", "low": "135",
            "status": "validated", "visibility": "hidden",
        },
        nothing | {"reference": f"gnuhealth-{made[1]}", "report": "R1", "name": "Fer", "status": "validated", "visibility": "visible"},
    ]  # fmt: skip
    assert rows["patient"] == [PATIENT]
    assert [(it.reason, dict(it.units)) for it in others if isinstance(it, Unread)] == [
        ("no-patient", {"gnuhealth.lab": 1})
    ]
    assert Seen("party.address", "not-in-vocabulary", 1) in others


def test_a_wrong_password_is_told_and_shown_nowhere(running: GnuHealth, tmp_path: Path) -> None:
    """An account that may not enter is refused on either side, and the password is in no message."""
    file = tmp_path / "wrong"
    file.write_text("another-password")
    file.chmod(0o600)
    address = parse_gnuhealth(running.url).entered(file)
    with pytest.raises(Fault, match="target/not-allowed") as told_target:
        GnuHealthTarget(Server(address, side="target")).marks("m")
    with pytest.raises(Refusal, match="source/not-permitted"):
        Server(address, side="source").read("party.party", [], ["ref"])
    assert "another-password" not in f"{told_target.value} {address!r} {address}"
