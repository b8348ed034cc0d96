"""What the pages' tests tell of: one migration in the ledger, its reconciliation and certificate, a sample of two patients."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from ecluse.doors.pages.story import Story
from ecluse.passage.erase import Certificate, PlaceErased
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act
from ecluse.passage.reconcile import Check, KindReconciliation, Outcome, Reconciliation
from ecluse.passage.risk import Risk
from ecluse.passage.sample import FieldPair, PatientPair, Reason, RecordPair, Sample, Verdict
from ecluse.terms.instruction import parse
from ecluse.terms.vocabulary import vocabulary
from tests.documents import INSTRUCTION

AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"&<b onload=y>"
NAME = "m-20261123-abcdef"
WHOLE = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER, Act.OPEN_TARGET,
         Act.CLOSE_TARGET, Act.LOAD, Act.RECONCILE, Act.ERASE]  # fmt: skip


def events(acts: list[Act], *, by: str = "p-7f3a") -> tuple[Event, ...]:
    bodies = {
        Act.DRAFT: {"instruction": "sha256:11"},
        Act.EXTRACT: {"manifest": "sha256:22"},
        Act.ERASE: {"document": "sha256:44"},
    }
    told = [
        Event(n, f"2026-11-23T10:{n:02d}:00+00:00", by, NAME, act.value, bodies.get(act, {}))
        for n, act in enumerate(acts)
    ]
    if Act.LOAD in acts:
        place = acts.index(Act.LOAD) + 1
        signed = Event(
            99, "2026-11-23T10:30:00+00:00", by, NAME, "reconciliation.signed", {"document": "sha256:33"}
        )
        told.insert(place, signed)
    return tuple(told)


def kind(name: str = "result", **changed: object) -> KindReconciliation:
    whole = KindReconciliation(
        kind=name,
        seen=2010,
        excluded={"period": 5, "category/HIV": 3},
        rejected_at_source={"birth_date: date-not-readable": 1},
        withheld={},
        sent=2001,
        rejected_at_target={"unit: too-long": 1},
        loaded=2000,
        unexplained=0,
        checks=(Check("rows", Outcome.PASSED, 2001), Check("analytes", Outcome.SKIPPED, 0)),
        analytes=(("NA", "mmol/L", (50, 1, 2), (50, 1, 2)), ("GLY", "g/L", (7, 0, 0), (7, 0, 0))),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def reconciled(*kinds: KindReconciliation, unexplained: int = 0) -> Reconciliation:
    groups = (("result", "01", "2019-11", 1500, 0, 0), ("result", "02", "2020-02", 501, 3, unexplained))
    return Reconciliation(
        kinds or (kind(),), (*groups, ("patient", "-", "-", 9, 0, 0), ("result", "02", "2020-03", 0, 2, 0))
    )


CERTIFICATE = json.loads(
    Certificate(
        NAME, "sha256:11", "sha256:00", "sha256:22", "reconciled", "p-7f3a", "ecluse 0.1.0", AT.isoformat(), AT.isoformat(),
        (
            PlaceErased("laboratory-new", "parcel key", "key-destroyed", 1, AT.isoformat(), "a decryption was attempted and failed"),
            PlaceErased("exchange", "parcel", "files-deleted", 9, AT.isoformat(), "a read was attempted and failed"),
        ),
    ).encode()
)  # fmt: skip


def story(**changed: object) -> Story:
    told = {
        "name": NAME,
        "events": events(WHOLE),
        "instruction": parse(INSTRUCTION.encode(), vocabulary=vocabulary()),
        "reconciliation": reconciled(),
        "certificate": CERTIFICATE,
        "people": {"p-7f3a": "Camille Aubert"},
    }
    return Story(**(told | changed))  # type: ignore[arg-type]


def side_by_side() -> Sample:
    def fields(*pairs: tuple[str, object, object, Verdict]) -> tuple[FieldPair, ...]:
        return tuple(FieldPair(*pair) for pair in pairs)  # type: ignore[arg-type]

    equal, off = Verdict.EQUAL, Verdict.DIFFERENT
    records = (
        RecordPair("patient", "P1", "", fields(("id", "P1", "P1", equal), ("used_name", HOSTILE, "MARTIN", off)), off),
        RecordPair("prescriber", "M1", "", fields(("id", "M1", "M1", equal)), equal),
        RecordPair(
            "request", "D1", "D1",
            fields(("id", "D1", "D1", equal), ("urgent", True, True, equal), ("time", datetime.fromisoformat("2020-01-02T03:04:05.000060"), None, Verdict.MISSING),
                   ("date", date(2020, 1, 2), date(2020, 1, 2), equal), ("site", "", "", equal)), off,
        ),
        RecordPair("result", "R1", "D1", fields(("id", "R1", "R1", equal), ("code", "GLY", "GLY", equal), ("unit", "g/L", "mg/L", off)), off),
        RecordPair("result", "R2", "D1", fields(("id", "R2", None, Verdict.MISSING), ("value", "<0,1", None, Verdict.MISSING)), Verdict.MISSING),
        RecordPair("result", "R3", "D1", fields(("id", None, "R3", Verdict.ADDED), ("value", None, "7", Verdict.ADDED)), Verdict.ADDED),
    )  # fmt: skip
    reasons = (Reason(Risk.CENSORED, 2, ("GLY", "NA", "K", "CL", "CA", "MG")), Reason(Risk.RANDOM, 1))
    return Sample(
        20,
        7,
        (PatientPair("P1", Risk.CENSORED, reasons, records), PatientPair("P2", Risk.RANDOM, (), ())),
        ("isolate",),
    )
