"""The sample: who is looked at, and what is laid side by side."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.inbound import Received, receive
from ecluse.passage.risk import Forms, Risk, choose
from ecluse.passage.sample import PatientPair, RecordPair, Sample, Verdict, compare_sample, sample
from ecluse.passage.statement import KindStatement, Statement
from ecluse.passage.tally import Analytes, Salts
from ecluse.wiring.demonstration import Demonstration
from ecluse.wiring.laboratory import mapping_of, source_of

TYPES = {"date": pa.date32(), "version": pa.int64(), "content": pa.binary()}
Tables = dict[str, list[dict[str, Any]]]


class Rows:
    """Records in memory, in batches of two, in the order given."""

    def __init__(self, tables: Tables, *, size: int = 2) -> None:
        self.tables, self.size = tables, size

    def batches(self, kind: str) -> Iterator[pa.RecordBatch]:
        rows = self.tables.get(kind, [])
        for start in range(0, len(rows), self.size):
            piece = rows[start : start + self.size]
            names = list(piece[0])
            columns = [pa.array([row[n] for row in piece], TYPES.get(n, pa.string())) for n in names]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(["-"] * len(piece))], [*names, "_site"])


def result(id: str, request: str = "r1", **values: Any) -> dict[str, Any]:
    plain = {"code": "NA", "value": "140", "unit": "mmol/L", "version": 1, "visibility": "visible"}
    return {"id": id, "request": request, **plain, **values}


def laboratory(patients: int = 6) -> Tables:
    """Patient pN with request rN and one ordinary result."""
    numbers = range(1, patients + 1)
    return {
        "prescriber": [{"id": "d1", "family_name": "Marne"}],
        "patient": [{"id": f"p{n}", "merged_into": None, "doctor": None} for n in numbers],
        "request": [
            {"id": f"r{n}", "patient": f"p{n}", "prescriber": "d1", "date": date(2020, 1, 1 + n % 28)}
            for n in numbers
        ],
        "result": [result(f"t{n}", f"r{n}") for n in numbers],
    }


def stated(tables: Tables, *, since: str = "") -> Statement:
    kinds = {}
    for kind, rows in tables.items():
        analytes = Analytes()
        for batch in Rows({kind: rows}).batches(kind):
            analytes.add(batch)
        kinds[kind] = KindStatement(fields=tuple(rows[0]), analytes=analytes)
    return Statement(at="", method="", salts=Salts(1, 2), since=since, kinds=kinds)


def taken(old: Tables, new: Tables | None = None, *, size: int = 6, since: str = "") -> Sample:
    new = old if new is None else new
    return sample(parcel=Rows(old), target=Rows(new), statement=stated(old, since=since), size=size, seed=7)


def record(of: Sample, kind: str, id: str) -> RecordPair:
    found = {r.id: r for patient in of.patients for r in patient.records if r.kind == kind}
    return found[id]


def patient(of: Sample, id: str) -> PatientPair:
    return next(each for each in of.patients if each.id == id)


def test_all_that_came_back_is_equal() -> None:
    """A target that gives everything back shows every record of every patient as equal."""
    found = taken(laboratory())
    assert {each.verdict for each in found.patients} == {Verdict.EQUAL}
    assert found.counts == {
        Verdict.EQUAL: 6 * 4,
        Verdict.DIFFERENT: 0,
        Verdict.MISSING: 0,
        Verdict.ADDED: 0,
    }


@pytest.mark.parametrize(
    ("risk", "change"),
    [
        (Risk.CENSORED, {"value": "<0,1"}),
        (Risk.UNITS, {"unit": "g/L"}),
        (Risk.CORRECTED, {"version": 2}),
        (Risk.HIDDEN, {"visibility": "secret"}),
        (Risk.RARE, {"code": "ZZ"}),
    ],
)
def test_a_risk_is_found_and_said(risk: Risk, change: dict[str, Any]) -> None:
    """The one patient whose result runs a risk is in a small sample, with the risk, its count and its test."""
    tables = laboratory(80)
    for number in range(20):  # twenty ordinary tests, so that no ordinary one is rare
        tables["result"] += [result(f"x{number}-{n}", f"r{n}", code=f"C{number}") for n in range(1, 4)]
    tables["result"][40] |= change
    chosen = choose(Rows(tables), statement=stated(tables), size=12, seed=7)
    assert chosen["p41"] is risk or risk is Risk.UNITS
    found = patient(taken(tables, size=12), "p41")
    reasons = {reason.risk: reason for reason in found.reasons}
    assert reasons[risk].count == 1
    assert reasons[risk].codes == (change.get("code", "NA"),)


def test_the_longest_request_and_the_merged_record_are_looked_at() -> None:
    """A patient with more results in one request than anyone, and one whose record was merged, are in the sample with these reasons."""
    tables = laboratory(40)
    tables["result"] += [result(f"x{n}", "r9") for n in range(5)]
    tables["patient"][20]["merged_into"] = "p1"
    found = taken(tables, size=12)
    assert (patient(found, "p9").reasons[-1].risk, patient(found, "p9").reasons[-1].count) == (
        Risk.LONGEST,
        6,
    )
    assert Risk.MERGED in {reason.risk for reason in patient(found, "p21").reasons}


def test_one_seed_gives_one_sample_whatever_the_order() -> None:
    """The same seed chooses the same patients when rows come in another order and in other batches; another seed chooses others."""
    tables = laboratory(90)
    turned = {kind: rows[::-1] for kind, rows in tables.items()}
    statement = stated(tables)
    one = choose(Rows(tables), statement=statement, size=9, seed=7)
    assert choose(Rows(turned, size=7), statement=statement, size=9, seed=7) == one
    assert choose(Rows(tables), statement=statement, size=9, seed=8).keys() != one.keys()
    assert len(one) == 9


def test_a_third_is_drawn_at_random() -> None:
    """However many run a risk, a third of the sample is drawn at random."""
    tables = laboratory(60)
    for row in tables["result"]:
        row["value"] = "<1"
    chosen = choose(Rows(tables), statement=stated(tables), size=12, seed=7)
    assert sum(risk is Risk.RANDOM for risk in chosen.values()) == 4


def test_a_changed_value_is_shown_with_both() -> None:
    """A value that the target altered is different, with what it was and what it is, and so are its record and its patient."""
    old, new = laboratory(), laboratory()
    new["result"][2]["unit"] = "mg/L"
    found = taken(old, new)
    pair = next(field for field in record(found, "result", "t3").fields if field.name == "unit")
    assert (pair.left, pair.right, pair.verdict) == ("mmol/L", "mg/L", Verdict.DIFFERENT)
    assert record(found, "result", "t3").verdict is Verdict.DIFFERENT
    assert [each.id for each in found.patients if each.verdict is Verdict.DIFFERENT] == ["p3"]


def test_a_lost_value_is_missing() -> None:
    """A value that the target no longer has is missing, and one that it has where there was none is different."""
    old, new = laboratory(), laboratory()
    new["result"][0]["unit"] = None
    old["result"][1]["value"] = None
    found = taken(old, new)
    fields = {field.name: field.verdict for field in record(found, "result", "t1").fields}
    assert (fields["unit"], fields["value"]) == (Verdict.MISSING, Verdict.EQUAL)
    fields = {field.name: field.verdict for field in record(found, "result", "t2").fields}
    assert fields["value"] is Verdict.DIFFERENT


def test_a_lost_record_is_missing_and_a_strange_one_is_added() -> None:
    """A record that did not arrive is missing and makes its patient differ; one that stands in the target only is added and does not."""
    old, new = laboratory(), laboratory()
    del new["result"][0]
    new["result"].append(result("t99", "r2"))
    found = taken(old, new)
    assert record(found, "result", "t1").verdict is Verdict.MISSING
    assert record(found, "result", "t99").verdict is Verdict.ADDED
    assert (patient(found, "p1").verdict, patient(found, "p2").verdict) == (Verdict.DIFFERENT, Verdict.EQUAL)


def test_a_record_given_to_another_patient_is_seen() -> None:
    """A request that arrived under another patient is shown with the one it left, as different."""
    old, new = laboratory(), laboratory()
    new["request"][0]["patient"] = "p2"
    found = taken(old, new)
    assert record(found, "request", "r1") in patient(found, "p1").records
    assert record(found, "request", "r1").verdict is Verdict.DIFFERENT
    assert record(found, "request", "r1") not in patient(found, "p2").records


def test_a_repeated_identifier_is_aligned_row_by_row() -> None:
    """Rows that share an identifier are laid beside each other one by one, and the one too many is missing."""
    old, new = laboratory(1), laboratory(1)
    old["result"] = [result("t1"), result("t1", version=2)]
    verdicts = [r.verdict for r in taken(old, new).patients[0].records if r.kind == "result"]
    assert verdicts == [Verdict.EQUAL, Verdict.MISSING]


def test_the_night_of_the_change_shows_only_what_changed() -> None:
    """A parcel that holds only what changed since a day does not take the rest of the target for strangers."""
    old, new = laboratory(), laboratory()
    old["result"] = old["result"][:1]
    assert taken(old, new).counts[Verdict.ADDED] == 5
    assert taken(old, new, since="2020-01-01T00:00:00+00:00").counts[Verdict.ADDED] == 0


def test_the_treating_doctor_is_looked_at_too() -> None:
    """A prescriber that only the patient's record names is laid side by side with the patient's records."""
    old = laboratory(1)
    old["prescriber"].append({"id": "d2", "family_name": "Oise"})
    old["patient"][0]["doctor"] = "d2"
    new = laboratory(1) | {
        "prescriber": [{"id": "d1", "family_name": "Marne"}, {"id": "d2", "family_name": "Aisne"}]
    }
    new["patient"] = old["patient"]
    assert record(taken(old, new), "prescriber", "d2").verdict is Verdict.DIFFERENT


def test_a_document_is_compared_by_its_digest() -> None:
    """A document that changed by one byte is different, and its content is not kept in the sample."""
    old, new = laboratory(1), laboratory(1)
    old["document"] = [{"id": "f1", "request": "r1", "content": b"%PDF-1"}]
    new["document"] = [{"id": "f1", "request": "r1", "content": b"%PDF-2"}]
    pair = record(taken(old, new), "document", "f1").fields[2]
    assert pair.verdict is Verdict.DIFFERENT
    assert str(pair.left).startswith("6 octets, sha256:")


def test_what_cannot_be_tied_to_a_patient_is_said() -> None:
    """A kind whose fields do not say whose it is is left out and named; without patients the sample is empty, not passed."""
    tables = laboratory()
    for row in tables["result"]:
        del row["request"]
    assert taken(tables).left_out == ("result",)
    tables = laboratory()
    for row in tables["request"]:
        del row["patient"]
    assert taken(tables).left_out == ("request",)
    del tables["patient"]
    found = taken(tables)
    assert (found.patients, found.asked) == ((), 6)


def test_few_fields_are_enough() -> None:
    """An instruction that names neither codes nor values nor merged records still has its sample, by what is left."""
    tables = laboratory()
    tables["patient"] = [{"id": row["id"]} for row in tables["patient"]]
    tables["result"] = [{"id": row["id"], "request": row["request"]} for row in tables["result"]]
    tables["result"].append({"id": "t7", "request": None})
    found = taken(tables)
    assert len(found.patients) == 6
    del tables["result"]
    assert len(taken(tables).patients) == 6
    tables["result"] = [{"id": "t1", "request": "r1", "version": 3}]
    assert patient(taken(tables), "p1").reasons[0].codes == ()


def test_more_patients_asked_than_there_are() -> None:
    """A sample larger than the parcel takes every patient once."""
    assert len(taken(laboratory(3), size=20).patients) == 3


def test_the_rarer_unit_is_the_one_looked_at() -> None:
    """Of a test with two units, the one with fewer results is the risk; a test with one unit is none."""
    statement = stated(laboratory())
    lines = {("GLY", "g/L"): (3, 0, 0), ("GLY", "mmol/L"): (90, 0, 0), ("NA", "mmol/L"): (50, 0, 0)}
    kinds = statement.kinds | {"result": KindStatement(fields=(), analytes=Analytes(lines))}
    forms = Forms.of(replace(statement, kinds=kinds))
    assert forms.units == {"GLY\x1fg/L"}
    assert forms.rare == {"NA": 50, "GLY": 93}


def test_a_value_never_stands_in_what_python_prints_of_it() -> None:
    """A sample's text, as a traceback or a log would show it, holds no patient's value and no identifier."""
    tables = laboratory(1)
    tables["result"][0] |= {"id": "MARKER-ID", "value": "MARKER-VALUE"}
    tables["patient"][0]["id"] = tables["request"][0]["patient"] = "MARKER-PATIENT"
    assert "MARKER" not in repr(taken(tables))


# --- the demonstration --------------------------------------------------------------------------------------------------------


class Loaded:
    """A demonstration stopped when the target is loaded and nothing is reconciled: `look` is called there."""

    def __init__(self, home: Path, look: Callable[[Loaded], None]) -> None:
        self.home, self.look = home, look
        self.play = Demonstration(home, patients=60, seed=1, tell=self._told)

    def _told(self, step: str) -> None:
        if step == "reconcile":
            self.look(self)

    def person(self, act: str) -> str:
        _, target = self.play.sites()
        return next(event.by for event in target.journal.events() if event.act == act)

    def received(self) -> Received:
        _, target = self.play.sites()
        name = next(e.subject for e in target.journal.events() if e.act == "migration.drafted")
        return receive(target, name, source=self.play.settings.source.site.name)

    def sample(self, by: str, received: Received) -> Sample:
        _, target = self.play.sites()
        with source_of(self.play.settings.target).snapshot() as snapshot:
            mapping = mapping_of(self.play.settings.target)
            return compare_sample(target, received, by=by, snapshot=snapshot, mapping=mapping)


def test_the_demonstration_s_sample(tmp_path: Path) -> None:
    """The demonstration's biologist finds every sampled record equal; a unit altered in the target by hand is then found and shown,
    the ledger holds the counts of both looks and no identifier, and once the parcel is erased there is nothing to look at."""
    seen: dict[str, Any] = {}

    def look(at: Loaded) -> None:
        biologist = at.person("recipient.compared")
        seen["received"] = received = at.received()
        seen["good"] = good = at.sample(biologist, received)
        altered = next(
            r for p in good.patients for r in p.records if r.kind == "result" and r.verdict == "equal"
        )
        database = sqlite3.connect(at.home / "new.sqlite")
        with database:
            database.execute("UPDATE observations SET unit = 'pg/mL' WHERE id = ?", (altered.id,))
        seen["bad"], seen["id"] = at.sample(biologist, received), altered.id
        with database:
            old = next(field.left for field in altered.fields if field.name == "unit")
            database.execute("UPDATE observations SET unit = ? WHERE id = ?", (old, altered.id))
        database.close()
        with pytest.raises(Refusal) as engineer:
            at.sample(at.person("migration.drafted"), received)
        assert engineer.value.code == "people/may-not"

    loaded = Loaded(tmp_path, look)
    played = loaded.play.play()
    assert seen["good"].counts[Verdict.EQUAL] == sum(seen["good"].counts.values()) > 100
    assert len(seen["good"].patients) == 20
    assert seen["bad"].counts[Verdict.DIFFERENT] == 1
    assert record(seen["bad"], "result", seen["id"]).verdict is Verdict.DIFFERENT
    _, target = loaded.play.sites()
    told = target.bodies("sample.compared", subject=played.migration)
    assert [(body["patients"], body["different"]) for body in told] == [(20, 0), (20, 1)]
    assert all(isinstance(value, int) for body in told for value in body.values())
    with pytest.raises(Refusal) as over:
        loaded.sample(loaded.person("recipient.compared"), seen["received"])
    assert over.value.code == "migration/not-now"
