"""The results of a slice's requests, as they stood on the report.

Decides RESULT: values with decimal commas, "<" and ">" texts, words, empty values, units that change on a day, corrected versions that
follow what they replace, unvalidated results, tests ordered and never done, and who may see what.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.invent.catalogue import CHANGE_DAY, PANELS, WORDS, Analysis, analyses
from ecluse.invent.columns import absent, dates, digits, fixed, pick, timestamps
from ecluse.invent.comments import RESULT_REMARKS
from ecluse.invent.draws import Draws, Floats, Index, Mask
from ecluse.invent.old_system import OLD
from ecluse.invent.requests import CANCELLED, OPEN, SLOTS, Requests, specimen_numbers
from ecluse.invent.staff import BIOLOGISTS

__all__ = ["EMPTY", "ORDERED", "Results"]

ORDERED, ENTERED, VALIDATED, CORRECTED, STOPPED = range(5)
_STATES: Final = pa.array(("P", "S", "V", "C", "A"))
VISIBLE, HIDDEN, FROM_GUARDIANS, SECRET = range(4)
_TESTS: Final = analyses()
_WIDEST: Final = 64
"""No request has so many tests: a result's position is its request's, times this, plus its own rank."""


def _panel_tests() -> tuple[Index, Index]:
    """For each panel, where its tests begin in the catalogue, and how many they are."""
    owners = [test.panel for test in _TESTS]
    starts = [owners.index(panel.name) for panel in PANELS]
    return np.array(starts), np.array([owners.count(panel.name) for panel in PANELS])


_START, _COUNT = _panel_tests()
_CELLS: Final = (20_000, 10_000, 100_000)
"""How many values of 0, 1 and 2 decimals have their text made beforehand."""


class _Looks:
    """Every text a result may show, in one pool, and where each test's own stand: lines are tests, columns before and after the change."""

    def __init__(self) -> None:
        texts: list[str | None] = [str(cell) for cell in range(_CELLS[0])]
        texts += [f"{cell // 10},{cell % 10}" for cell in range(_CELLS[1])]
        texts += [f"{cell // 100},{cell % 100:02d}" for cell in range(_CELLS[2])]
        self.start: Index = np.array([0, _CELLS[0], _CELLS[0] + _CELLS[1]])
        shape = (len(_TESTS), 2)
        self.low: Floats = np.zeros(shape)
        self.high: Floats = np.zeros(shape)
        self.decimals: Index = np.zeros(shape, dtype=np.int64)
        self.below: Index = np.full(shape, -1, dtype=np.int64)
        self.above: Index = np.full(shape, -1, dtype=np.int64)
        bounds: list[tuple[str | None, str | None, str | None]] = []
        for rank, test in enumerate(_TESTS):
            for column, scale in enumerate(test.scales or ()):
                self.low[rank, column], self.high[rank, column] = scale.low, scale.high
                self.decimals[rank, column] = scale.decimals
                for text, place in ((scale.below, self.below), (scale.above, self.above)):
                    if text:
                        place[rank, column] = len(texts)
                        texts.append(text)
            bounds += [_bounds(test, column) for column in (0, 1)]
        self.unit, self.low_text, self.high_text = (
            pa.array(column, pa.string()) for column in zip(*bounds, strict=True)
        )
        self.word: Index = np.array([list(WORDS).index(test.words) if test.words else -1 for test in _TESTS])
        self.words: Index = np.zeros(len(WORDS), dtype=np.int64)
        for rank, words in enumerate(WORDS.values()):
            self.words[rank] = len(texts)
            texts += [word for word, _ in words]
        self.nothing = len(texts)
        texts += ["", None]
        self.pool = pa.array(texts, pa.string())


def _bounds(test: Analysis, column: int) -> tuple[str | None, str | None, str | None]:
    if test.scales is None:
        return None, None, None
    scale = test.scales[column]
    return scale.unit or None, scale.bound(scale.low), scale.bound(scale.high)


_LOOKS: Final = _Looks()
EMPTY: Final = _LOOKS.nothing
_PADDED: Final = pa.array([test.padded for test in _TESTS])
_LABELS: Final = pa.array([test.label for test in _TESTS])
_GENETIC: Final[Mask] = np.array(["GEN" in test.categories for test in _TESTS])
_GROWN_UP: Final[Mask] = np.array(
    [bool({"PREG", "STI", "HIV", "TOX"} & set(test.categories)) for test in _TESTS]
)
_GRAVE: Final[Mask] = np.array([bool({"HIV", "ONC"} & set(test.categories)) for test in _TESTS])
_WORD_WEIGHTS: Final = [np.array([weight for _, weight in words]) for words in WORDS.values()]
CULTURE: Final = list(WORDS).index("culture")


class Results:
    """The results of one slice: columns of numbers, one line a result, versions of one test beside each other."""

    def __init__(self, draws: Draws, requests: Requests) -> None:
        self.draws = draws
        self.requests = requests
        self._expand()
        self.column: Index = (requests.day[self.request] >= CHANGE_DAY).astype(np.int64)
        self.text = np.concatenate((requests.text[self.request], digits(self.rank + 1, 3)), axis=1)
        """Result numbers, as a matrix of characters."""
        self._states()
        self._values()
        self.numbers = fixed(self.text)

    def _expand(self) -> None:
        """One line a test of each panel of each request, then one more for each corrected result."""
        draws, requests = self.draws, self.requests
        line, slot = np.nonzero(requests.panels >= 0)
        panel = requests.panels[line, slot]
        count = _COUNT[panel]
        request, slots = np.repeat(line, count), np.repeat(slot, count)
        inside = _ranks(count)
        test = np.repeat(_START[panel], count) + inside
        ordinal = _ranks(np.bincount(request, minlength=len(requests.at)))
        at = requests.at[request] * _WIDEST + ordinal
        done = requests.state[request] != CANCELLED
        self.corrected_at: Mask = (
            done & (requests.state[request] != OPEN) & draws.chance("corrected", at, 0.006)
        )
        versions = 1 + self.corrected_at.astype(np.int64)
        self.request: Index = np.repeat(request, versions)
        self.slot: Index = np.repeat(slots, versions)
        self.test: Index = np.repeat(test, versions)
        self.version: Index = 1 + _ranks(versions)
        self.replaced: Mask = np.repeat(self.corrected_at, versions) & (self.version == 1)
        self.rank: Index = _ranks(np.bincount(self.request, minlength=len(requests.at)))
        self.at: Index = np.repeat(at, versions) * 2 + self.version - 1

    def _states(self) -> None:
        requests, draws = self.requests, self.draws
        state = requests.state[self.request]
        chance = draws.uniform("result-state", self.at)
        open_state = np.where(chance < 0.35, ORDERED, np.where(chance < 0.7, ENTERED, VALIDATED))
        usual = np.where(
            chance < 0.008,
            ORDERED,
            np.where(chance < 0.018, ENTERED, np.where(chance < 0.021, STOPPED, VALIDATED)),
        )
        usual = np.where(self.replaced, VALIDATED, np.where(self.version == 2, CORRECTED, usual))
        self.state: Index = np.where(state == CANCELLED, STOPPED, np.where(state == OPEN, open_state, usual))
        self.done: Mask = (self.state != ORDERED) & (self.state != STOPPED)
        minor = (requests.age[self.request] < 18) & _GROWN_UP[self.test]
        secret = draws.chance("secret", self.at, 0.001) | (minor & draws.chance("minor-secret", self.at, 0.3))
        hidden = (
            _GENETIC[self.test]
            | (_GRAVE[self.test] & draws.chance("announce", self.at, 0.15))
            | draws.chance("hidden", self.at, 0.004)
        )
        self.visibility: Index = np.where(
            secret, SECRET, np.where(minor, FROM_GUARDIANS, np.where(hidden, HIDDEN, VISIBLE))
        )

    def _values(self) -> None:
        draws, looks = self.draws, _LOOKS
        low, high = looks.low[self.test, self.column], looks.high[self.test, self.column]
        decimals = looks.decimals[self.test, self.column]
        odd = np.where(draws.chance("odd", self.at, 0.06), 2.5 * draws.uniform("how-odd", self.at), 0.0)
        value = (low + high) / 2 + (high - low) * (draws.bell("value", self.at) / 3.4 + odd)
        value = np.maximum(value, low * 0.3)
        cell = np.clip(np.rint(value * 10.0**decimals).astype(np.int64), 0, np.array(_CELLS)[decimals] - 1)
        shown = looks.start[decimals] + cell
        chance = draws.uniform("limits", self.at)
        below, above = looks.below[self.test, self.column], looks.above[self.test, self.column]
        shown = np.where(
            (chance < 0.03) & (below >= 0), below, np.where((chance > 0.99) & (above >= 0), above, shown)
        )
        exact = cell / 10.0**decimals
        self.flag: Index = np.where(exact > high, 2, np.where(exact < low, 1, 0))
        self.flag = np.where(shown == below, 1, np.where(shown == above, 2, self.flag))
        self.word: Index = np.full(len(self.at), -1, dtype=np.int64)
        for rank, weights in enumerate(_WORD_WEIGHTS):
            chosen = np.flatnonzero(looks.word[self.test] == rank)
            self.word[chosen] = draws.weighted("word", self.at[chosen], weights)
            shown[chosen] = looks.words[rank] + self.word[chosen]
        empty = draws.chance("empty", self.at, 0.002)
        self.shown: Index = np.where(self.done, np.where(empty, EMPTY, shown), EMPTY + 1)
        self.germ: Mask = (
            (looks.word[self.test] == CULTURE) & (self.word == 1) & self.done & ~empty & ~self.replaced
        )
        self.flag = np.where((self.word >= 0) | (self.shown >= EMPTY), -1, self.flag)

    def batch(self) -> pa.RecordBatch:
        """The rows of RESULT."""
        draws, requests, looks = self.draws, self.requests, _LOOKS
        scale = self.test * 2 + self.column
        signed = (self.state == VALIDATED) | (self.state == CORRECTED)
        sample = specimen_numbers(requests.text[self.request], requests.samples[self.request, self.slot])
        at = self.at
        validated_at = (
            requests.moment[self.request]
            + 3600 * (self.version * 5)
            + draws.below("validated-at", at, 86_400)
        )
        columns = [
            self.numbers,
            fixed(requests.text[self.request]),
            absent(fixed(sample), where=draws.chance("no-specimen", at, 0.005)),
            fixed(digits(requests.site[self.request] + 1, 2)),
            fixed(dates(requests.day, "YYYYMMDD")[self.request]),
            pick(_PADDED, self.test),
            pick(_LABELS, self.test),
            self.values(),
            pick(looks.unit, scale),
            pick(looks.low_text, scale),
            pick(looks.high_text, scale),
            pick(pa.array(("N", "B", "H")), np.maximum(self.flag, 0), where=self.flag >= 0),
            pick(_STATES, self.state),
            fixed(digits(self.version, 1)),
            pick(pa.array(("0", "1", "2", "3")), self.visibility),
            pick(
                pa.array(BIOLOGISTS),
                draws.below("validator", at // (2 * _WIDEST), len(BIOLOGISTS)),
                where=signed,
            ),
            timestamps(validated_at, where=signed),
            pick(
                pa.array(RESULT_REMARKS),
                draws.below("remark", at, len(RESULT_REMARKS)),
                where=draws.chance("has-remark", at, 0.01),
            ),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=OLD.table("RESULT").arrow)

    def values(self) -> pa.Array:
        """VALRES: what the report shows; empty or null where there is nothing to show."""
        return _LOOKS.pool.take(pa.array(self.shown))

    def lines(self, chosen: Index) -> list[tuple[str, str | None, str | None]]:
        """Label, value and unit of the results at these lines, for the report documents."""
        scale = self.test[chosen] * 2 + self.column[chosen]
        texts = (
            pick(_LABELS, self.test[chosen]),
            _LOOKS.pool.take(pa.array(self.shown[chosen])),
            pick(_LOOKS.unit, scale),
        )
        return list(zip(*(text.to_pylist() for text in texts), strict=True))


def _ranks(counts: Index) -> Index:
    """0, 1, 2... within each of the groups that have these sizes."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


assert int(np.sort(_COUNT)[-SLOTS:].sum()) < _WIDEST, "a request may have more tests than its positions allow"
