"""The requests of a slice of patients: when, where, by whom, which panels; and their specimens.

Decides DOSSIER and ECHANT. A request's number is its site, date and rank on that day at that site: the ranks are counted as patients
pass, in their order, so that they do not depend on the size of the slices; the counters are all that is kept from slice to slice.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import pyarrow as pa

from ecluse.invent.catalogue import PANELS
from ecluse.invent.columns import dates, digits, fixed, joined, pick, timestamps
from ecluse.invent.comments import CLINICAL
from ecluse.invent.draws import Draws, Floats, Index, Mask
from ecluse.invent.old_system import OLD
from ecluse.invent.patients import Patients
from ecluse.invent.persons import FIRST_DAY, LAST_DAY
from ecluse.invent.places import SITE_WEIGHTS, SITES

__all__ = ["MOST", "SLOTS", "Ranks", "Requests"]

MOST: Final = 16
"""No patient has so many requests: a request's position is its patient's, times this, plus its own rank."""
SLOTS: Final = 3
"""The panels of one request, at most."""

_HOW_MANY: Final[Floats] = np.array([3.0, 64.0, 19.0, 8.0, 3.0, 1.5, 0.8, 0.4, 0.3])
_STATES: Final = pa.array(("C", "V", "O", "A"))
_STATE_WEIGHTS: Final[Floats] = np.array([80.0, 15.0, 4.0, 1.0])
OPEN, CANCELLED = 2, 3
_SEX: Final[Index] = np.array([panel.sex for panel in PANELS])
_YOUNGEST: Final[Index] = np.array([panel.ages[0] for panel in PANELS])
_OLDEST: Final[Index] = np.array([panel.ages[1] for panel in PANELS])
_SINCE: Final[Index] = np.array([panel.since for panel in PANELS])
_WEIGHTS: Final[Floats] = np.array([panel.weight for panel in PANELS])
_SPECIMENS: Final = tuple(dict.fromkeys(panel.specimen for panel in PANELS))
_SPECIMEN: Final[Index] = np.array([_SPECIMENS.index(panel.specimen) for panel in PANELS])
_DAY: Final = 86_400


class Ranks:
    """The last request number given, for each site and day."""

    def __init__(self) -> None:
        self.given: Index = np.zeros(len(SITES) * (LAST_DAY - FIRST_DAY + 1), dtype=np.int64)

    def give(self, site: Index, day: Index) -> Index:
        """The next rank of each request's site and day, from 1, in the order of the requests."""
        place = site * (LAST_DAY - FIRST_DAY + 1) + day - FIRST_DAY
        order = np.argsort(place, kind="stable")
        sorted_places = place[order]
        first = np.searchsorted(sorted_places, sorted_places, side="left")
        ranks = np.empty_like(place)
        ranks[order] = self.given[sorted_places] + np.arange(len(place)) - first + 1
        np.add.at(self.given, place, 1)
        return ranks


class Requests:
    """The requests of one slice: columns of numbers, one line a request, in the order of the patients."""

    def __init__(self, draws: Draws, patients: Patients, ranks: Ranks) -> None:
        self.draws = draws
        self.patients = patients
        how_many = draws.weighted("requests", patients.at, _HOW_MANY)
        self.row: Index = np.repeat(np.arange(len(patients.at)), how_many)
        ordinal = np.arange(len(self.row)) - np.repeat(np.cumsum(how_many) - how_many, how_many)
        self.at: Index = patients.at[self.row] * MOST + ordinal
        self._when()
        elsewhere = draws.chance("elsewhere", self.at, 0.12)
        self.site: Index = np.where(
            elsewhere, draws.weighted("site", self.at, SITE_WEIGHTS), patients.site[self.row]
        )
        self.state: Index = draws.weighted("state", self.at, _STATE_WEIGHTS)
        self.panels: Index = self._panels()
        self.samples: Index = self._samples()
        rank = ranks.give(self.site, self.day)
        self.text = np.concatenate(
            (digits(self.site + 1, 2), dates(self.day, "YYMMDD"), digits(rank, 4)), axis=1
        )
        """Request numbers, as a matrix of characters."""

    def _when(self) -> None:
        born = self.patients.births
        first = np.maximum(FIRST_DAY, born.day[self.row] + 30)
        last = np.minimum(LAST_DAY, born.death[self.row])
        self.day: Index = first + self.draws.below("day", self.at, last - first + 1)
        self.moment: Index = self.day * _DAY + 7 * 3600 + self.draws.below("time", self.at, 11 * 3600)
        self.age: Index = (self.day - born.day[self.row]) * 4 // 1461

    def _panels(self) -> Index:
        """The panels of each request, -1 where there is none; none twice."""
        sex = self.patients.births.sex[self.row]
        spread = self.draws.uniform("spread", self.at)
        chosen = np.full((len(self.at), SLOTS), -1, dtype=np.int64)
        for slot, share in enumerate((1.0, 0.22, 0.05)):
            panel = self.draws.weighted(f"panel-{slot}", self.at, _WEIGHTS)
            suits = (_SEX[panel] == 0) | (_SEX[panel] == sex)
            suits &= (
                (_YOUNGEST[panel] <= self.age) & (self.age <= _OLDEST[panel]) & (_SINCE[panel] <= self.day)
            )
            panel = np.where(suits, panel, 0)
            again: Mask = (chosen[:, :slot] == panel[:, None]).any(axis=1)
            chosen[:, slot] = np.where((spread < share) & ~again, panel, -1)
        return chosen

    def _samples(self) -> Index:
        """For each slot, the slot whose specimen it shares (its own, most often); -1 where there is no panel."""
        kinds = np.where(self.panels >= 0, _SPECIMEN[self.panels], -1)
        shared = np.where(kinds >= 0, np.arange(SLOTS), -1)
        for slot in range(1, SLOTS):
            for earlier in reversed(range(slot)):
                same = (kinds[:, slot] == kinds[:, earlier]) & (kinds[:, slot] >= 0)
                shared[:, slot] = np.where(same, earlier, shared[:, slot])
        return shared

    def batch(self) -> pa.RecordBatch:
        """The rows of DOSSIER."""
        draws, patients = self.draws, self.patients
        own = patients.has_doctor[self.row] & draws.chance("own-doctor", self.at, 0.6)
        doctor = np.where(
            own, patients.doctor[self.row], draws.below("prescriber", self.at, patients.prescribers)
        )
        columns = [
            fixed(self.text),
            patients.numbers.take(pa.array(self.row)),
            pick(
                joined("M", fixed(digits(doctor + 1, 5))),
                np.arange(len(doctor)),
                where=draws.chance("has-prescriber", self.at, 0.97),
            ),
            fixed(digits(self.site + 1, 2)),
            fixed(dates(self.day, "YYYYMMDD")),
            timestamps(self.moment),
            pick(_STATES, self.state),
            pick(pa.array(("N", "O")), draws.chance("urgent", self.at, 0.06).astype(np.int64)),
            pick(
                pa.array(CLINICAL),
                draws.below("clinical", self.at, len(CLINICAL)),
                where=draws.chance("has-clinical", self.at, 0.12),
            ),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=OLD.table("DOSSIER").arrow)

    def specimens(self) -> pa.RecordBatch:
        """The rows of ECHANT: one for each specimen that a request needs."""
        request, slot = np.nonzero(self.samples == np.arange(SLOTS))
        at = self.at[request] * SLOTS + slot
        taken = self.moment[request] + 60 * self.draws.below("taken", at, 20)
        received = taken + 600 + 60 * self.draws.below("received", at, 300)
        columns = [
            fixed(specimen_numbers(self.text[request], cast("Index", slot))),
            fixed(self.text[request]),
            pick(pa.array(_SPECIMENS), _SPECIMEN[self.panels[request, slot]]),
            timestamps(taken),
            timestamps(received, where=~self.draws.chance("not-received", at, 0.01)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=OLD.table("ECHANT").arrow)


def specimen_numbers(request: np.ndarray, slot: Index) -> np.ndarray:
    """NUMECH: the request's number and two digits."""
    return np.concatenate((request, digits(slot + 1, 2)), axis=1)
