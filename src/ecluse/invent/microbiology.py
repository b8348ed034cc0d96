"""The germs that positive cultures grew, and their antibiograms.

Decides GERME and ABG. The letter S, I or R follows from the concentration, by thresholds that belong to no year of any committee.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.invent.columns import digits, fixed, pick
from ecluse.invent.draws import Draws, Floats
from ecluse.invent.old_system import OLD
from ecluse.invent.results import Results

__all__ = ["germs"]

_GERMS: Final = (
    ("Escherichia coli", 46.0),
    ("Klebsiella pneumoniae", 10.0),
    ("Staphylococcus aureus", 9.0),
    ("Enterococcus faecalis", 8.0),
    ("Proteus mirabilis", 6.0),
    ("Streptococcus agalactiae (B)", 6.0),
    ("Pseudomonas aeruginosa", 5.0),
    ("Candida albicans", 4.0),
    ("Escherichia coli (BLSE)", 3.0),
    ("Staphylococcus saprophyticus", 3.0),
)
_COUNTS: Final = pa.array(
    ("10^3 UFC/mL", "10^4 UFC/mL", "10^5 UFC/mL", ">= 10^6 UFC/mL", "quelques colonies")
)
_ANTIBIOTICS: Final = (
    "Amoxicilline",
    "Amoxicilline + ac. clavulanique",
    "Céfixime",
    "Ceftriaxone",
    "Ertapénème",
    "Gentamicine",
    "Ofloxacine",
    "Cotrimoxazole",
    "Fosfomycine",
    "Nitrofuranes",
    "Vancomycine",
    "Pristinamycine",
)
_CONCENTRATIONS: Final = ("<=0,25", "0,5", "1", "2", "4", "8", "16", ">32")
_CONCENTRATION_WEIGHTS: Final[Floats] = np.array([36.0, 18.0, 14.0, 9.0, 6.0, 5.0, 4.0, 8.0])
_LETTERS: Final = ("S", "S", "S", "S", "I", "I", "R", "R")
_TESTED: Final = 8
"""Antibiotics of one antibiogram."""


def germs(draws: Draws, results: Results) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows of GERME and ABG for the cultures of a slice that grew."""
    grown = np.flatnonzero(results.germ)
    two = 1 + draws.chance("second-germ", results.at[grown], 0.12).astype(np.int64)
    line = np.repeat(grown, two)
    rank = np.arange(len(line)) - np.repeat(np.cumsum(two) - two, two)
    at = results.at[line] * 2 + rank
    number = np.concatenate((results.text[line], digits(rank + 1, 1)), axis=1)
    request = results.requests.text[results.request[line]]
    weights = np.array([weight for _, weight in _GERMS])
    isolates = [
        fixed(number),
        results.numbers.take(pa.array(line)),
        fixed(request),
        pick(pa.array([name for name, _ in _GERMS]), draws.weighted("germ", at, weights)),
        pick(_COUNTS, draws.below("count", at, len(_COUNTS)), where=draws.chance("has-count", at, 0.9)),
    ]
    tested = np.repeat(np.arange(len(line)), _TESTED)
    place = np.tile(np.arange(_TESTED), len(line))
    antibiotic = (draws.below("first-antibiotic", at, len(_ANTIBIOTICS))[tested] + place) % len(_ANTIBIOTICS)
    line_at = at[tested] * _TESTED + place
    concentration = draws.weighted("mic", line_at, _CONCENTRATION_WEIGHTS)
    lines = [
        fixed(np.concatenate((number[tested], digits(place + 1, 2)), axis=1)),
        fixed(number[tested]),
        fixed(request[tested]),
        pick(pa.array(_ANTIBIOTICS), antibiotic),
        pick(pa.array(_CONCENTRATIONS), concentration, where=draws.chance("has-mic", line_at, 0.85)),
        pick(pa.array(_LETTERS), concentration),
    ]
    return (
        pa.RecordBatch.from_arrays(isolates, schema=OLD.table("GERME").arrow),
        pa.RecordBatch.from_arrays(lines, schema=OLD.table("ABG").arrow),
    )
