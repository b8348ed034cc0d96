"""Which code a local one probably is, the likeliest first, each proposal with its reasons (« propositions classées »).

Decides an order, never a mapping: a person chooses. Four things are weighed: the label, the specimen, the unit and the method. A unit of another
dimension than the target's property forbids the proposal, however alike the labels are: mg/L is not mmol/L. What the laboratory does not say
lowers a proposal a little and is told. Sources: LOINC Users' Guide (six axes); users-and-products 3, pain 8: mappings are most often wrong by
the property.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from ecluse.terms.code_map.targets import Catalogue, System, Target
from ecluse.terms.code_map.units import NO_UNIT, dimensions, written
from ecluse.terms.code_map.words import LIKE, Said, likeness, runs, said

__all__ = [
    "LISTS",
    "Likelihood",
    "LocalTest",
    "Proposal",
    "Proposer",
    "Reason",
    "forbidden_by_unit",
    "proposed",
]

LISTS: Final[Mapping[str, System]] = {"test": "loinc", "act": "nabm"}
"""In which list of targets each of the laboratory's lists is looked for."""

MOST: Final = 5
"""Proposals shown for one code."""

LEAST: Final = 0.25
"""Below this likeness of labels nothing is proposed."""


SHORT: Final = 3
"""Words of so few letters are the same, or not: likeness would say nothing."""

USUAL: Final = frozenset({"automated"})
"""The method of a routine laboratory, which nobody writes down."""


class Likelihood(StrEnum):
    """A score in words."""

    VERY_LIKELY = "very-likely"
    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    FORBIDDEN = "forbidden"


STEPS: Final = (
    (0.8, Likelihood.VERY_LIKELY),
    (0.6, Likelihood.LIKELY),
    (0.4, Likelihood.POSSIBLE),
    (0.0, Likelihood.UNLIKELY),
)


@dataclass(frozen=True, slots=True, order=True)
class LocalTest:
    """One local code as the laboratory uses it, with one unit: `system` is "test" or "act"; `rows`: how many records carry it."""

    system: str
    code: str
    unit: str = ""
    label: str = ""
    specimen: str = ""
    method: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a sentence of the catalogue (`codes.reason_<key>`) and what fills it; words of the laboratory and of the catalogue only."""

    key: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One target for one local code: how likely in words, the score behind it (0 to 1), and why."""

    target: Target
    likelihood: Likelihood
    score: float
    reasons: tuple[Reason, ...]


def forbidden_by_unit(unit: str, target: Target) -> bool:
    """Whether results in `unit` cannot be results of `target`: both are understood, and measure different things."""
    had = dimensions(unit)
    return bool(had) and isinstance(target.asks, frozenset) and not had & target.asks


class Proposer:
    """Proposals from one catalogue. Words that few targets have weigh more; a word nobody here knows is compared by its letters."""

    def __init__(self, known: Catalogue) -> None:
        self._known = known

    def propose(self, local: LocalTest, *, most: int = MOST) -> tuple[Proposal, ...]:
        """The likeliest targets of one local code, forbidden ones last. An act without a label is looked for by its own code."""
        system = LISTS[local.system]
        meant = said(local.label or local.code, where=local.specimen)
        methods = meant.methods | said(local.method).methods
        places = self._index.get(system, {})
        near = {word: self._near(word, system) for word in meant.things}
        found: dict[str, Target] = {}
        for words in near.values():
            for word in words:
                found |= {target.code: target for target in places[word]}
        judged = [
            self._judged(local, Said(meant.things, meant.specimens, methods), target, near)
            for target in found.values()
        ]
        if local.system == "act" and (named := self._known.targets.get((system, local.code))):
            judged = [_same_code(named), *(one for one in judged if one.target != named)]
        kept = [one for one in judged if one.score >= LEAST or one.likelihood is Likelihood.FORBIDDEN]
        own = local.code if local.system == "act" else ""
        kept.sort(
            key=lambda one: (
                one.likelihood is Likelihood.FORBIDDEN,
                one.target.code != own,
                -one.score,
                one.target.code,
            )
        )
        return tuple(kept[:most])

    @cached_property
    def _index(self) -> dict[str, dict[str, list[Target]]]:
        """By list, by word: the targets that have it."""
        index: dict[str, dict[str, list[Target]]] = {}
        for target in self._known.targets.values():
            words = index.setdefault(target.system, defaultdict(list))
            for word in frozenset().union(*target.ways):
                words[word].append(target)
        return index

    @cached_property
    def _weights(self) -> dict[str, float]:
        """What each word weighs: the rarer, the more."""
        counted = Counter(
            word for target in self._known.targets.values() for word in frozenset().union(*target.ways)
        )
        most = max(len(self._known.targets), 2)
        return {word: 0.3 + math.log(most / times) / math.log(most) for word, times in counted.items()}

    def _weight(self, word: str) -> float:
        return self._weights.get(word, 1.0)

    def _near(self, word: str, system: System) -> dict[str, float]:
        """The words of the catalogue that stand for this one: itself, and those like it by their letters."""
        places = self._index.get(system, {})
        same = {word: 1.0} if word in places else {}
        if len(word) <= SHORT or word in self._weights:
            return same
        met = Counter(other for run in runs(word) for other in self._by_run.get(run, ()) if other in places)
        like = {
            other: 0.9 * likeness(word, other) for other, shared in met.items() if shared >= len(word) // 3
        }
        return {other: share for other, share in like.items() if share >= 0.9 * LIKE}

    @cached_property
    def _by_run(self) -> dict[str, list[str]]:
        """The words long enough to be compared, by each run of three letters they hold."""
        found: dict[str, list[str]] = defaultdict(list)
        for word in self._weights:
            if len(word) > SHORT:
                for run in runs(word):
                    found[run].append(word)
        return found

    def _judged(
        self, local: LocalTest, meant: Said, target: Target, near: Mapping[str, Mapping[str, float]]
    ) -> Proposal:
        label, shared = self._label(meant, target, near)
        parts = [
            (
                label,
                Reason(
                    "label" if label >= 0.999 else "label_part",
                    (("shared", shared), ("percent", f"{label:.0%}")),
                ),
            ),
            _specimen(meant, target),
            _unit(local, target),
            _method(meant, target),
        ]
        score = math.prod(factor for factor, _ in parts if factor) * self._preferred(target)
        reasons = tuple(reason for _, reason in parts if reason)
        if forbidden_by_unit(local.unit, target):
            return Proposal(target, Likelihood.FORBIDDEN, round(score, 3), reasons)
        words = next(word for least, word in STEPS if score >= least)
        return Proposal(target, words, round(score, 3), reasons)

    def _preferred(self, target: Target) -> float:
        """A hair less for a target that not all the files given hold: a value set given beside LOINC says which codes are wanted."""
        return 1.0 - 0.02 * (len(self._known.files) - len(target.listed))

    def _label(
        self, meant: Said, target: Target, near: Mapping[str, Mapping[str, float]]
    ) -> tuple[float, str]:
        """How much of both labels is the same thing (Dice, weighted), over the target's best name; and what they share."""
        return max((self._alike(meant, way, near) for way in target.ways), default=(0.0, ""))

    def _alike(
        self, meant: Said, way: frozenset[str], near: Mapping[str, Mapping[str, float]]
    ) -> tuple[float, str]:
        met = {word: max(near[word].get(other, 0.0) for other in way) for word in meant.things}
        common = sum(self._weight(word) * share for word, share in met.items())
        whole = sum(self._weight(word) for word in (*meant.things, *way))
        return min(2 * common / whole, 1.0), ", ".join(sorted(word for word, share in met.items() if share))


def _same_code(target: Target) -> Proposal:
    return Proposal(target, Likelihood.VERY_LIKELY, 1.0, (Reason("same_code"),))


def _specimen(meant: Said, target: Target) -> tuple[float, Reason | None]:
    if not target.specimens:
        return 0.95, None
    wanted = (("wanted", ", ".join(sorted(target.specimens))),)
    if not meant.specimens:
        return 0.9, Reason("specimen_unsaid", wanted)
    if meant.specimens & target.specimens:
        return 1.0, Reason("specimen_same", wanted)
    return 0.4, Reason("specimen_other", (("got", ", ".join(sorted(meant.specimens))), *wanted))


def _unit(local: LocalTest, target: Target) -> tuple[float, Reason | None]:
    had = dimensions(local.unit)
    if target.system == "nabm":
        return 1.0, None
    if target.asks is None:
        return (0.9, Reason("unit_unchecked", (("unit", local.unit),))) if had else (1.0, None)
    if target.asks == NO_UNIT:
        return (
            (0.45, Reason("unit_for_words", (("unit", local.unit),))) if had else (1.0, Reason("unit_none"))
        )
    assert isinstance(target.asks, frozenset)
    wanted = (
        ("wanted", " | ".join(sorted(map(written, target.asks)))),
        ("property", target.property_name or "-"),
    )
    if not local.unit:
        return 0.85, Reason("unit_unsaid", wanted)
    if not had:
        return 0.8, Reason("unit_unknown", (("unit", local.unit), *wanted))
    got = (("unit", local.unit), ("got", " | ".join(sorted(map(written, had)))), *wanted)
    return (1.0, Reason("unit_same", got)) if had & target.asks else (0.9, Reason("unit_other", got))


def _method(meant: Said, target: Target) -> tuple[float, Reason | None]:
    wanted = (("wanted", ", ".join(sorted(target.methods))), ("got", ", ".join(sorted(meant.methods))))
    if meant.methods & target.methods:
        return 1.0, Reason("method_same", wanted)
    if target.methods and meant.methods:
        return 0.7, Reason("method_other", wanted)
    if target.methods:
        return 0.99 if target.methods == USUAL else 0.95, Reason("method_unsaid", wanted)
    return (0.95, None) if meant.methods else (1.0, None)


def proposed(known: Catalogue, locals_: Iterable[LocalTest]) -> dict[LocalTest, tuple[Proposal, ...]]:
    """The proposals of every local code, in order."""
    proposer = Proposer(known)
    return {local: proposer.propose(local) for local in sorted(locals_)}
