"""Who the invented people are: kinship, birth, national number and death, for any positions among all the patients.

Decides identities, as numbers in columns. A patient is a position from 0; everything about it is a function of the seed, its position and
the number of patients, so that a parent or a duplicate's original is computed again wherever it stands. It makes no text except the NIR.

The NIR (numéro d'inscription au répertoire) is built as decree 82-103 says: sex, year, month, place, order, and key = 97 - n mod 97, with
2A and 2B counted as 19 and 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ecluse.invent.columns import DigitMatrix, dates, digits, matrix
from ecluse.invent.draws import Draws, Floats, Index, Mask
from ecluse.invent.places import ABROAD, BIRTH_AREAS, SITE_WEIGHTS

__all__ = [
    "BIRTH_PLACES",
    "FIRST_DAY",
    "LAST_DAY",
    "LEAK",
    "Births",
    "Kin",
    "births",
    "kin",
    "national_numbers",
    "share",
]

FIRST_DAY: Final = 16436
"""2015-01-01, the first day of requests, counted from 1970."""
LAST_DAY: Final = 18627
"""2020-12-31, the last one."""

LEAK: Final[dict[str, int]] = {
    "patients": 491_840,
    "nir": 489_838,
    "named": 478_882,
    "landline": 270_569,
    "mobile": 159_591,
    "email": 55_738,
    "password": 14_997,
}
"""What the published file of 2021 held, as counted by Next INpact (users-and-products 0.4)."""

_NEAR: Final = 5000
_ABROAD_SHARE: Final = 0.07


def share(name: str, total: int) -> int:
    """How many of `total` patients have what the leak's file had: exact at 491,840, in proportion and rounded elsewhere."""
    return round(total * LEAK[name] / LEAK["patients"])


@dataclass(frozen=True, slots=True)
class Kin:
    """How each patient (`at`) relates to others: `who` is the position whose identity it bears, its own unless a duplicate.

    `parent` is a position, only meaningful where `child`. `merged` duplicates are marked as merged into `who`.
    """

    at: Index
    who: Index
    duplicate: Mask
    merged: Mask
    child: Mask
    parent: Index


@dataclass(frozen=True, slots=True)
class Births:
    """Sex (1 or 2), birth and death days counted from 1970 (death after `LAST_DAY` is none), rank in `BIRTH_PLACES`, unknown birthday."""

    sex: Index
    day: Index
    death: Index
    place: Index
    vague: Mask


def kin(draws: Draws, at: Index) -> Kin:
    """The kinship of these positions: about 7 in 100 are children of the patient before them, 2 in 100 are duplicates."""
    child = _maybe_child(draws, at) & ~_maybe_child(draws, at - 1) & ~_maybe_duplicate(draws, at - 1)
    original = at - 1 - draws.below("original", at, np.clip(at, 1, _NEAR))
    original = np.maximum(original, 0)
    duplicate = _maybe_duplicate(draws, at) & ~_maybe_child(draws, at)
    duplicate &= ~_maybe_child(draws, original) & ~_maybe_duplicate(draws, original)
    return Kin(
        at=at,
        who=np.where(duplicate, original, at),
        duplicate=duplicate,
        merged=duplicate & draws.chance("merged", at, 0.5),
        child=child,
        parent=np.maximum(at - 1, 0),
    )


def _maybe_child(draws: Draws, at: Index) -> Mask:
    return draws.chance("child", at, 0.08) & (at > 0)


def _maybe_duplicate(draws: Draws, at: Index) -> Mask:
    return draws.chance("duplicate", at, 0.02) & (at > 0)


def _birth_places() -> tuple[tuple[str, ...], Index, Index, Floats]:
    texts: list[str] = []
    starts, counts = [], []
    for area, (communes, _) in BIRTH_AREAS.items():
        starts.append(len(texts))
        counts.append(communes)
        texts += [f"{area}{number:0{5 - len(area)}d}" for number in range(1, communes + 1)]
    starts.append(len(texts))
    counts.append(len(ABROAD))
    texts += ABROAD
    weights = np.array([weight for _, weight in BIRTH_AREAS.values()])
    weights = np.append(weights, weights.sum() * _ABROAD_SHARE / (1 - _ABROAD_SHARE))
    return tuple(texts), np.array(starts), np.array(counts), weights


BIRTH_PLACES, _STARTS, _COUNTS, _WEIGHTS = _birth_places()
"""INSEE codes of places of birth; the commune number is not always one of a real commune."""

_PLACE_TEXT: Final[DigitMatrix] = matrix(BIRTH_PLACES)
_PLACE_NUMBER: Final[Index] = np.array(
    [int(code.replace("2A", "19").replace("2B", "18")) for code in BIRTH_PLACES], dtype=np.int64
)


def births(draws: Draws, who: Index, child: Mask) -> Births:
    """When and where these identities were born: grown people before 2002, children from 2004 to 2017."""
    grown = np.clip(-2900 + 7000 * draws.bell("birth", who), -20000, 11600).astype(np.int64)
    young = 12418 + draws.below("birth", who, 5114)
    day = np.where(child, young, grown)
    area = draws.weighted("birth-area", who, _WEIGHTS)
    dead = draws.chance("dead", who, 0.12) & (day < -3000)
    return Births(
        sex=1 + draws.chance("sex", who, 0.54).astype(np.int64),
        day=day,
        death=np.where(dead, LAST_DAY - draws.below("death", who, 1800), LAST_DAY + 1),
        place=_STARTS[area] + draws.below("birth-place", who, _COUNTS[area]),
        vague=draws.chance("vague-birth", who, 0.003) & ~child,
    )


def national_numbers(draws: Draws, who: Index, born: Births) -> DigitMatrix:
    """The NIR of these identities, 13 characters and the two of the key. A vague birthday has the month 00 or 20."""
    date = dates(born.day, "YYMMDD")
    vague_month = digits(20 * draws.below("vague-month", who, 2), 2)
    month = np.where(born.vague[:, None], vague_month, date[:, 2:4])
    order = 1 + draws.below("order", who, 999)
    year_number = (date[:, 0] - 48).astype(np.int64) * 10 + (date[:, 1] - 48)
    month_number = (month[:, 0] - 48).astype(np.int64) * 10 + (month[:, 1] - 48)
    number = (
        ((born.sex * 100 + year_number) * 100 + month_number) * 100_000 + _PLACE_NUMBER[born.place]
    ) * 1000 + order
    parts = (
        digits(born.sex, 1),
        date[:, :2],
        month,
        _PLACE_TEXT[born.place],
        digits(order, 3),
        digits(97 - number % 97, 2),
    )
    return np.concatenate(parts, axis=1)


def home_sites(draws: Draws, home: Index) -> Index:
    """The rank of the site where these households go."""
    return draws.weighted("home", home, SITE_WEIGHTS)
