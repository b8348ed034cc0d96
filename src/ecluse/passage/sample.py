"""The sample (« échantillon »): a few patients' records as they left the source, beside what the target gives back, field by field.

What left is the parcel, opened part by part; what the target holds is read back through its own mapping into the same canonical values. A record is
aligned by its kind and identifier. This module chooses (`risk`), aligns and says what differs; a biologist judges. Its values are patients'
data: they never leave the target laboratory, and what the ledger is told is counts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import SAMPLE_COMPARED
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Snapshot
from ecluse.passage.inbound import Received
from ecluse.passage.migration import MigrationState
from ecluse.passage.risk import Forms, Records, Risk, choose, marks
from ecluse.passage.rows import read_body
from ecluse.passage.site import Site
from ecluse.passage.statement import Statement
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.terms.mapping import Mapping as SystemMapping
from ecluse.terms.plan import Plan
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "FieldPair",
    "ParcelRecords",
    "PatientPair",
    "Reason",
    "RecordPair",
    "Sample",
    "TargetRecords",
    "Verdict",
    "compare_sample",
    "sample",
]


Value = str | int | bool | date | datetime | None


class Verdict(StrEnum):
    """How the new compares with the old."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"  # in the parcel, not in the target
    ADDED = "added"  # in the target only: it stood there before, or came otherwise


@dataclass(frozen=True, slots=True)
class FieldPair:
    """One field: its value as it left the source and as the target gives it back."""

    name: str
    left: Value = field(repr=False)
    right: Value = field(repr=False)
    verdict: Verdict = Verdict.EQUAL


@dataclass(frozen=True, slots=True)
class RecordPair:
    """One record on both sides. `request` is the request it belongs to, "" for a patient or a prescriber."""

    kind: str
    id: str = field(repr=False)
    request: str = field(repr=False)
    fields: tuple[FieldPair, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """One risk that a patient's records run: how many of them do, and of which tests."""

    risk: Risk
    count: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientPair:
    """One patient: chosen for which risk, running which, and every record of theirs that left."""

    id: str = field(repr=False)
    chosen: Risk
    reasons: tuple[Reason, ...]
    records: tuple[RecordPair, ...]

    @property
    def verdict(self) -> Verdict:
        """EQUAL when every record that left came back the same; else DIFFERENT."""
        return Verdict.EQUAL if all(map(_same, self.records)) else Verdict.DIFFERENT


@dataclass(frozen=True, slots=True)
class Sample:
    """The patients compared. `asked` and `seed` come from the instruction; `left_out` are kinds that no identifier ties to a patient."""

    asked: int
    seed: int
    patients: tuple[PatientPair, ...]
    left_out: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Verdict, int]:
        """Records by verdict."""
        found = Counter(record.verdict for patient in self.patients for record in patient.records)
        return {verdict: found[verdict] for verdict in Verdict}


class ParcelRecords:
    """The records of a received parcel; remembers which part holds which kind, so that later readings open only what they need."""

    def __init__(self, site: Site, received: Received) -> None:
        self._site, self._received = site, received
        self._kinds: dict[int, str] = {}

    def batches(self, kind: str) -> Iterator[pa.RecordBatch]:
        """See `risk.Records.batches`. Raises Refusal `parcel/...`, `unseal/...`."""
        for line in self._received.manifest.parts[:-1]:
            if self._kinds.get(line.number, kind) != kind:
                continue
            part = self._received.part(self._site, line)
            self._kinds[line.number] = part.header.kind
            if part.header.kind == kind:
                yield from read_body(part.body, rows=part.header.rows, where=f"part {line.number}")


class TargetRecords:
    """The records that a target holds, read back by `plan` from an open snapshot."""

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._snapshot, self._plan = snapshot, plan

    def batches(self, kind: str) -> Iterator[pa.RecordBatch]:
        """See `risk.Records.batches`. A row that cannot be read back is not there: it shows as missing."""
        piece = next(piece for piece in self._plan.slices if piece.kind == kind)
        for raw in self._snapshot.rows(self._plan, piece):
            yield canonical(raw, piece, vocabulary=vocabulary(), lost={}).moved


def compare_sample(
    site: Site, received: Received, *, by: str, snapshot: Snapshot, mapping: SystemMapping
) -> Sample:
    """The sample that the instruction asks for, compared for the biologist who will accept; the ledger is told its counts alone.

    Raises Refusal `people/may-not`, `migration/not-now` unless the target is loaded and nothing is erased.
    """
    check_may(site.known(by).person, Permission.ACCEPT)
    state = site.migration(received.name).state
    if state not in (MigrationState.LOADED, MigrationState.RECONCILED):
        raise Refusal("migration/not-now", where=received.name, act=SAMPLE_COMPARED, got=state.value)
    asked = received.authority.instruction.acceptance
    result = sample(
        parcel=ParcelRecords(site, received),
        target=TargetRecords(snapshot, received.plan(mapping)),
        statement=received.statement,
        size=asked.size,
        seed=asked.seed,
    )
    counts = {verdict.value: count for verdict, count in result.counts.items()}
    body = {"asked": asked.size, "patients": len(result.patients), "seed": asked.seed, **counts}
    site.record(SAMPLE_COMPARED, by=by, subject=received.name, body=body)
    return result


def sample(*, parcel: Records, target: Records, statement: Statement, size: int, seed: int) -> Sample:
    """Choose at most `size` patients by `seed`, and lay what left beside what came.

    Each kind is read twice or three times from the parcel and once from the target; what is kept are the chosen patients' records.
    """
    chosen = choose(parcel, statement=statement, size=size, seed=seed)
    tied, left_out = _tied(statement)
    left = _Side(set(chosen), Forms.of(statement))
    right = _Side(set(chosen), left.forms, beside=left)
    if chosen:
        for kind in tied:
            left.gather(parcel, kind)
            right.gather(target, kind)
    if statement.since:  # only what changed is in the parcel: the rest of the target is not a stranger
        right.keep(left.rows)
    patients = tuple(_patient(name, risk, left, right, statement) for name, risk in chosen.items())
    return Sample(size, seed, patients, left_out)


def _tied(statement: Statement) -> tuple[list[str], tuple[str, ...]]:
    """The kinds whose records can be told to be a patient's, patients and requests first and prescribers last; and the others."""
    fields = {kind: set(it.fields) for kind, it in statement.kinds.items()}
    order = [
        "patient",
        "request",
        *(kind for kind in fields if kind not in ("patient", "request", "prescriber")),
    ]
    order.append("prescriber")
    needs = {"patient": {"id"}, "request": {"id", "patient"}, "prescriber": {"id"}}
    tied = [kind for kind in order if kind in fields and needs.get(kind, {"id", "request"}) <= fields[kind]]
    return tied, tuple(kind for kind in fields if kind not in tied)


class _Side:
    """One side's records of the chosen patients: rows by kind and identifier, and what they refer to. `beside`: the side it is held against."""

    def __init__(self, patients: set[str], forms: Forms, *, beside: _Side | None = None) -> None:
        self.patients, self.forms, self.beside = patients, forms, beside
        self.rows: dict[tuple[str, str], list[dict[str, Value]]] = defaultdict(list)
        self.requests: dict[str, str] = {}
        self.risks: dict[str, Counter[Risk]] = defaultdict(Counter)
        self.codes: dict[tuple[str, Risk], set[str]] = defaultdict(set)

    def gather(self, records: Records, kind: str) -> None:
        """Keep the rows of `kind` that are the chosen patients', or that stand on the other side."""
        for batch in records.batches(kind):
            mine = batch.filter(self._wanted(batch, kind))
            for row in _plain(mine):
                self.rows[kind, str(row["id"])].append(row)
                if kind == "request" and row["patient"] in self.patients:
                    self.requests[str(row["id"])] = str(row["patient"])
            if kind == "result" and self.beside is None:
                self._weigh(mine)

    def keep(self, known: Mapping[tuple[str, str], Any]) -> None:
        """Forget the rows that are not among `known`."""
        for key in self.rows.keys() - known.keys():
            del self.rows[key]

    def owner(self, kind: str, row: Mapping[str, Value]) -> str:
        """The patient a row belongs to, "" for a prescriber or a row that went to somebody else."""
        if kind == "patient":
            return str(row["id"])
        if kind == "request":
            return str(row["patient"])
        return self.requests.get(str(row.get("request")), "")

    def _wanted(self, batch: pa.RecordBatch, kind: str) -> pa.Array:
        mine = _is_in(batch.column("id"), {name for known, name in self._known() if known == kind})
        if kind == "patient":
            return pc.or_(mine, _is_in(batch.column("id"), self.patients))
        if kind == "request":
            return pc.or_(mine, _is_in(batch.column("patient"), self.patients))
        if kind == "prescriber":
            return pc.or_(mine, _is_in(batch.column("id"), self._prescribers()))
        return pc.or_(mine, _is_in(batch.column("request"), set(self.requests)))

    def _known(self) -> set[tuple[str, str]]:
        return set(self.beside.rows) if self.beside is not None else set()

    def _prescribers(self) -> set[str]:
        return {
            str(row[name])
            for rows in self.rows.values()
            for row in rows
            for name in ("prescriber", "doctor")
            if row.get(name) is not None
        }

    def _weigh(self, results: pa.RecordBatch) -> None:
        """Count the risks that these results run, by patient, with their codes."""
        owners = [self.requests[name] for name in results.column("request").to_pylist()]
        codes = results.column("code").to_pylist() if "code" in results.schema.names else [None] * len(owners)
        for risk, mask in marks(results, self.forms).items():
            for owner, code, runs in zip(owners, codes, mask.to_pylist(), strict=True):
                if runs:
                    self.risks[owner][risk] += 1
                    self.codes[owner, risk] |= {code} - {None}


def _patient(name: str, chosen: Risk, left: _Side, right: _Side, statement: Statement) -> PatientPair:
    """Every record of one patient, aligned, in the statement's order of kinds."""
    order = {kind: place for place, kind in enumerate(("patient", *statement.kinds))}
    order["prescriber"] = len(order)
    keys = {key for side in (left, right) for key in side.rows if name in _owners_of(key, left, right)}
    keys |= {("prescriber", each) for each in _referred(keys, left)}
    records = tuple(
        record
        for key in sorted(keys, key=lambda key: (order[key[0]], key[1]))
        for record in _records(key, left, right, statement.kinds[key[0]].fields)
    )
    return PatientPair(name, chosen, _reasons(name, chosen, left), records)


def _owners_of(key: tuple[str, str], left: _Side, right: _Side) -> set[str]:
    """Whose a record is: as it left, or, where it did not leave, as the target says."""
    side = left if key in left.rows else right
    return {side.owner(key[0], row) for row in side.rows[key]}


def _referred(keys: set[tuple[str, str]], left: _Side) -> set[str]:
    """The prescribers that the patient and their requests name, of those that left."""
    named = {
        str(row[field])
        for key in keys
        if key[0] in ("patient", "request") and key in left.rows
        for row in left.rows[key]
        for field in ("prescriber", "doctor")
        if row.get(field) is not None
    }
    return {each for each in named if ("prescriber", each) in left.rows}


def _records(
    key: tuple[str, str], left: _Side, right: _Side, fields: tuple[str, ...]
) -> Iterator[RecordPair]:
    """The rows under one identifier, side by side; more than one only where a system repeats it."""
    kind, name = key
    old, new = (sorted(side.rows.get(key, []), key=repr) for side in (left, right))
    for was, now in zip_longest(old, new):
        pairs = tuple(_field(field, was, now) for field in fields)
        request = name if kind == "request" else str((was or now or {}).get("request") or "")
        if was is None or now is None:
            verdict = Verdict.ADDED if was is None else Verdict.MISSING
        else:
            verdict = Verdict.EQUAL if all(map(_same, pairs)) else Verdict.DIFFERENT
        yield RecordPair(kind, name, request, pairs, verdict)


def _field(name: str, was: Mapping[str, Value] | None, now: Mapping[str, Value] | None) -> FieldPair:
    """One field of one record; null and absent are not the same as an empty text."""
    left, right = (None if row is None else row[name] for row in (was, now))
    if was is None or now is None:
        return FieldPair(name, left, right, Verdict.ADDED if was is None else Verdict.MISSING)
    if left == right:
        return FieldPair(name, left, right)
    return FieldPair(name, left, right, Verdict.MISSING if right is None else Verdict.DIFFERENT)


def _reasons(name: str, chosen: Risk, left: _Side) -> tuple[Reason, ...]:
    """The risks that the patient's results run, and what else they were chosen for."""
    found = {risk: left.risks[name][risk] for risk in Risk if left.risks[name][risk]}
    if chosen not in found:
        longest = Counter(
            str(row["request"])
            for (kind, _), rows in left.rows.items()
            if kind == "result"
            for row in rows
            if left.owner(kind, row) == name
        ).most_common(1)
        found[chosen] = longest[0][1] if chosen is Risk.LONGEST and longest else 1
    return tuple(
        Reason(risk, found[risk], tuple(sorted(left.codes[name, risk]))) for risk in Risk if risk in found
    )


def _same(pair: FieldPair | RecordPair) -> bool:
    return pair.verdict in (Verdict.EQUAL, Verdict.ADDED)


def _is_in(values: pa.Array, names: set[str]) -> pa.Array:
    return pc.is_in(values, value_set=pa.array(sorted(names), pa.string()))


def _plain(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as Python values; a document's content as its size and digest, which compare as well and weigh nothing."""
    rows: list[dict[str, Any]] = batch.select(
        [name for name in batch.schema.names if not name.startswith("_")]
    ).to_pylist()
    digest: Callable[[bytes], str] = lambda content: hashlib.sha256(content).hexdigest()  # noqa: E731
    return [
        {
            name: f"{len(value)} octets, sha256:{digest(value)}" if isinstance(value, bytes) else value
            for name, value in row.items()
        }
        for row in rows
    ]
