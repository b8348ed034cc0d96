"""Which patients a biologist should look at one by one: those where a migration most often goes wrong, and some drawn at random.

Decides the choice and nothing else: it reads a parcel's records batch by batch, keeps a short list for each risk, and forgets the rest, so its memory
does not grow with the laboratory. The order within a risk comes from a keyed hash of the identifier, so one seed gives the same patients whatever
the order of the rows. Sources: users-and-products 5.2 and 6.9 (a sample by risk: size, method, seed).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.passage.statement import Statement

__all__ = ["Forms", "Records", "Risk", "choose", "marks"]


class Risk(StrEnum):
    """Why a patient is looked at."""

    CENSORED = "censored"  # a value below or above what the analyser measures: "<0,1"
    UNITS = "units"  # a unit that its test is reported in less often than in another
    CORRECTED = "corrected"  # a result reported again
    HIDDEN = "hidden"  # a result that not everybody may see
    RARE = "rare"  # one of the tests with the fewest results
    LONGEST = "longest"  # a request with as many results as any
    MERGED = "merged"  # a patient record merged into another
    RANDOM = "random"  # drawn, for no other reason


OF_RESULTS: Final = (Risk.CENSORED, Risk.UNITS, Risk.CORRECTED, Risk.HIDDEN, Risk.RARE)
RARE_CODES: Final = 10
"""How many of the least frequent tests count as rare."""


class Records(Protocol):
    """Canonical records that can be read more than once: a parcel's, or those a target holds."""

    def batches(self, kind: str) -> Iterator[pa.RecordBatch]:
        """The records of one kind, one column for each field, a batch at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Forms:
    """What the statement's counts tell of the tests: the rarer units, as "code<US>unit", and the rarest codes with how many results each has."""

    units: frozenset[str]
    rare: Mapping[str, int] = field(hash=False)

    @classmethod
    def of(cls, statement: Statement) -> Forms:
        """Read off the sealed statement: no row is needed."""
        lines = statement.kinds["result"].analytes.lines if "result" in statement.kinds else {}
        by_code: dict[str, dict[str, int]] = defaultdict(dict)
        for (code, unit), counts in lines.items():
            by_code[code][unit] = counts[0]
        rarer = {
            f"{code}\x1f{unit}"
            for code, units in by_code.items()
            for unit in units
            if unit != max(units, key=lambda name: (units[name], name))
        }
        totals = Counter({code: sum(units.values()) for code, units in by_code.items()})
        rare = sorted(totals.items(), key=lambda line: (line[1], line[0]))[:RARE_CODES]
        return cls(frozenset(rarer), dict(rare))


def marks(batch: pa.RecordBatch, forms: Forms) -> dict[Risk, pa.Array]:
    """For each risk of results that this batch's fields can tell, which of its rows run it."""
    names = set(batch.schema.names)
    found = {}
    if "value" in names:
        found[Risk.CENSORED] = pc.match_substring_regex(batch.column("value"), r"^\s*[<>≤≥]")
    if {"code", "unit"} <= names:
        pair = pc.binary_join_element_wise(
            batch.column("code").fill_null(""), batch.column("unit").fill_null(""), "\x1f"
        )
        found[Risk.UNITS] = pc.is_in(pair, value_set=pa.array(sorted(forms.units), pa.string()))
    if "version" in names:
        found[Risk.CORRECTED] = pc.greater(batch.column("version"), 1)
    if "visibility" in names:
        found[Risk.HIDDEN] = pc.not_equal(batch.column("visibility"), "visible")
    if "code" in names:
        found[Risk.RARE] = pc.is_in(batch.column("code"), value_set=pa.array(sorted(forms.rare), pa.string()))
    return {risk: mask.fill_null(fill_value=False) for risk, mask in found.items()}


def choose(parcel: Records, *, statement: Statement, size: int, seed: int) -> dict[str, Risk]:
    """At most `size` patients' identifiers, each with the risk it was chosen for: two in three by risk, in turn, the others at random.

    Empty where the parcel holds no patients, or no identifier to draw from.
    """
    kinds = statement.kinds
    if "patient" not in kinds or "id" not in kinds["patient"].fields:
        return {}
    lists = _patients(parcel, size=size, seed=seed)
    if "request" in kinds and {"id", "patient"} <= set(kinds["request"].fields):
        requests = _requests(parcel, statement=statement, size=size, seed=seed)
        owners = _owners(parcel, {name for names in requests.values() for name in names})
        for risk, names in requests.items():
            lists[risk] = list(dict.fromkeys(owners[name] for name in names if name in owners))
    return _in_turn(lists, size=size)


def _patients(parcel: Records, *, size: int, seed: int) -> dict[Risk, list[str]]:
    """Patients drawn at random, and merged ones."""
    drawn, merged = _Shortlist(size, seed), _Shortlist(size, seed)
    for batch in parcel.batches("patient"):
        names = batch.column("id")
        for name in names.to_pylist():
            drawn.offer(name)
        if "merged_into" in batch.schema.names:
            for name in names.filter(pc.is_valid(batch.column("merged_into"))).to_pylist():
                merged.offer(name)
    return {Risk.MERGED: merged.best, Risk.RANDOM: drawn.best}


def _requests(parcel: Records, *, statement: Statement, size: int, seed: int) -> dict[Risk, list[str]]:
    """Requests, by the risk that their results run."""
    if "result" not in statement.kinds or "request" not in statement.kinds["result"].fields:
        return {}
    forms = Forms.of(statement)
    lists = {risk: _Shortlist(size, seed) for risk in (*OF_RESULTS, Risk.LONGEST)}
    for found in parcel.batches("result"):
        batch = found.filter(pc.is_valid(found.column("request")))
        requests = batch.column("request")
        for risk, mask in marks(batch, forms).items():
            codes = batch.column("code").filter(mask).to_pylist() if risk is Risk.RARE else None
            weights = None if codes is None else [forms.rare[code] for code in codes]
            lists[risk].offer_all(requests.filter(mask), weights)
        for line in pc.value_counts(requests).to_pylist():
            lists[Risk.LONGEST].offer(line["values"], -line["counts"])
    return {risk: names.best for risk, names in lists.items()}


def _owners(parcel: Records, requests: set[str]) -> dict[str, str]:
    """The patient of each of these requests."""
    wanted = pa.array(sorted(requests), pa.string())
    owners: dict[str, str | None] = {}
    for batch in parcel.batches("request"):
        found = batch.filter(pc.is_in(batch.column("id"), value_set=wanted))
        owners.update(zip(found.column("id").to_pylist(), found.column("patient").to_pylist(), strict=True))
    return {request: patient for request, patient in owners.items() if patient is not None}


def _in_turn(lists: Mapping[Risk, list[str]], *, size: int) -> dict[str, Risk]:
    """One patient of each risk in turn until two thirds are chosen, then the random ones; none twice."""
    chosen: dict[str, Risk] = {}
    queues = {risk: iter(lists[risk]) for risk in Risk if risk in lists and risk is not Risk.RANDOM}
    by_risk = size - size // 3
    while queues and len(chosen) < by_risk:
        for risk in list(queues):
            name = next((name for name in queues[risk] if name not in chosen), None)
            if name is None:
                del queues[risk]
            elif len(chosen) < by_risk:
                chosen[name] = risk
    for name in lists[Risk.RANDOM]:
        if len(chosen) < size:
            chosen.setdefault(name, Risk.RANDOM)
    return chosen


class _Shortlist:
    """The few best identifiers offered: lowest weight first, then by keyed hash. Never holds more than twice what it keeps."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._key = most, str(seed).encode()[:64]
        self._ranks: dict[str, tuple[int, bytes]] = {}

    def offer(self, name: str, weight: int = 0) -> None:
        """One more; the lowest weight counts where it is offered twice."""
        rank = (weight, hashlib.blake2b(name.encode(), digest_size=8, key=self._key).digest())
        self._ranks[name] = min(rank, self._ranks.get(name, rank))
        if len(self._ranks) > 2 * self._most:
            self._ranks = {name: self._ranks[name] for name in self.best}

    def offer_all(self, names: pa.Array, weights: list[int] | None) -> None:
        """A batch of them, each with its weight, or all with none."""
        if weights is None:
            names = pc.unique(names)
            weights = [0] * len(names)
        for name, weight in zip(names.to_pylist(), weights, strict=True):
            self.offer(name, weight)

    @property
    def best(self) -> list[str]:
        """The ones kept, best first."""
        return sorted(self._ranks, key=self._ranks.__getitem__)[: self._most]
