"""The dictionary tables of the old system: sites, analyses, settings, and the invented prescribers and biologists.

Decides what stands in SITE, ANALYSE, PARAM and PRESCR. RPPS numbers begin by 99, which no real one does, and end with a Luhn digit as
real ones do. PARAM mixes settings with the operators' password hashes, under a harmless name, as is seen in practice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.invent import names
from ecluse.invent.catalogue import PANELS, analyses
from ecluse.invent.columns import DigitMatrix, digits, fixed, joined, pick
from ecluse.invent.draws import Draws, Index
from ecluse.invent.old_system import OLD
from ecluse.invent.places import SITES, STREETS, TOWNS

__all__ = ["BIOLOGISTS", "dictionaries", "how_many_prescribers", "prescribers"]

BIOLOGISTS: Final = (
    "Dr A. KERVELLA",
    "Dr B. TRÉGUEN",
    "Dr C. MORVILLE",
    "Dr D. LANMOAL",
    "Dr É. GUÉRIEUX",
    "Dr F. BELMONT",
)
"""Who validates results and signs reports."""

_SPECIALTIES: Final = (
    "Médecine générale",
    "Médecine générale",
    "Médecine générale",
    "Gynécologie",
    "Cardiologie",
    "Infectiologie",
    "Oncologie",
    "Pédiatrie",
    "Psychiatrie",
    "Endocrinologie",
    "Sage-femme",
    "Urologie",
    "Génétique médicale",
)


def how_many_prescribers(patients: int) -> int:
    """One prescriber for about 160 patients, at least twenty."""
    return max(20, patients // 160)


def dictionaries(draws: Draws) -> list[tuple[str, pa.RecordBatch]]:
    """The small tables that come first: SITE, ANALYSE and PARAM."""
    return [("SITE", _sites()), ("ANALYSE", _analyses()), ("PARAM", _settings(draws))]


def _sites() -> pa.RecordBatch:
    rows = [
        (
            site.code,
            site.name,
            site.finess,
            f"{rank} {STREETS[rank]}",
            site.town.postcode,
            site.town.name,
            f"02 61 91 00 {rank:02d}",
        )
        for rank, site in enumerate(SITES, start=1)
    ]
    return _rows("SITE", rows)


def _analyses() -> pa.RecordBatch:
    panels = {panel.name: panel for panel in PANELS}
    rows = []
    for test in analyses():
        scale = test.scales[1] if test.scales else None
        bounds = (scale.unit, scale.bound(scale.low), scale.bound(scale.high)) if scale else ("", "", "")
        panel = panels[test.panel]
        rows.append(
            (test.padded, test.label, panel.section, *bounds, test.loinc or None, test.act, panel.specimen)
        )
    return _rows("ANALYSE", rows)


def _settings(draws: Draws) -> pa.RecordBatch:
    rows: list[tuple[str | None, ...]] = [
        ("LABO", "Laboratoire Inventé de l'Ouest", None),
        ("VERSION", "4.12c", None),
        ("IMPRIMANTE", "LPT1", None),
        ("TVA", "20,0", None),
        ("DERNUM", "000000", None),
    ]
    for rank in range(12):
        digest = hashlib.sha256(f"{draws.seed}/operator/{rank}".encode()).hexdigest()
        rows.append((f"OPE{rank:02d}", f"Opérateur {rank}", f"$2b$10${digest[:53]}"))
    return _rows("PARAM", rows)


def _rows(table: str, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=OLD.table(table).arrow)


def prescribers(draws: Draws, at: Index) -> pa.RecordBatch:
    """The rows of PRESCR at these positions."""
    town = draws.below("presc-town", at, len(TOWNS))
    family = draws.below("presc-family", at, len(names.FAMILY) - len(names.LONG))
    columns = [
        joined("M", fixed(digits(at + 1, 5))),
        fixed(_rpps(draws, at)),
        pick(names.FAMILY, family),
        pick(names.GIVEN, draws.below("presc-given", at, len(names.GIVEN))),
        pick(pa.array(_SPECIALTIES), draws.below("presc-spec", at, len(_SPECIALTIES))),
        joined(
            fixed(digits(10 + draws.below("presc-no", at, 90), 2)),
            pick(pa.array(STREETS), draws.below("presc-st", at, len(STREETS))),
            separator=" rue ",
        ),
        pick(pa.array([place.postcode for place in TOWNS]), town),
        pick(pa.array([place.name for place in TOWNS]), town),
        joined("0261911", fixed(digits(draws.below("presc-tel", at, 1000), 3))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OLD.table("PRESCR").arrow)


def _rpps(draws: Draws, at: Index) -> DigitMatrix:
    body = digits(9_900_000_000 + (at * 9_973 + draws.seed) % 100_000_000, 10)
    values = (body - ord("0")).astype(np.int64)
    doubled = values[:, 1::2] * 2
    total = values[:, 0::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    return np.concatenate((body, digits((-total) % 10, 1)), axis=1)
