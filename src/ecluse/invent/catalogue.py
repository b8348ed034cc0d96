"""The invented laboratory's dictionary: its local test codes, panels, acts, and the categories a biologist gave them.

Decides which tests exist, how their values look and which special categories they belong to. The table is `analyses.csv`, written for
this project; the labels are ordinary names of tests. Act codes have the form of those of the NABM; not every one exists there.
Some codes are LOINC codes: LOINC is copyright Regenstrief Institute, Inc. and the LOINC Committee, available at no cost at loinc.org.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

__all__ = [
    "CHANGE_DAY",
    "PANELS",
    "WORDS",
    "Analysis",
    "Classified",
    "Panel",
    "Scale",
    "analyses",
    "classification",
]

CHANGE_DAY: Final = 17532
"""The day, counted from 1970, on which units changed: 2018-01-01."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a numeric value is given: unit, decimals, reference range, and the texts for what is too low or too high to measure."""

    unit: str
    decimals: int
    low: float
    high: float
    below: str
    above: str

    def bound(self, value: float) -> str:
        """A bound of the range as the report prints it, with a decimal comma."""
        return f"{value:.{self.decimals}f}".replace(".", ",")


@dataclass(frozen=True, slots=True)
class Analysis:
    """One local test code. `scales`: before and after `CHANGE_DAY`, none where the result is a word; `words` names a list of `WORDS`.

    `loinc` is of the unit after that day, which is the one that the old system's dictionary states: older results, in mg/L or g/L, are of another code.
    """

    code: str
    label: str
    panel: str
    loinc: str
    act: str
    categories: tuple[str, ...]
    words: str
    scales: tuple[Scale, Scale] | None

    @property
    def padded(self) -> str:
        """The code as the old system keeps it: padded with blanks to eight characters."""
        return f"{self.code:<8}"


@dataclass(frozen=True, slots=True)
class Panel:
    """Tests ordered together. `sex` 0 is anyone, 1 men, 2 women; `since` is the first day, counted from 1970, on which it exists."""

    name: str
    weight: float
    section: str
    specimen: str
    sex: int = 0
    ages: tuple[int, int] = (0, 130)
    since: int = 0


@dataclass(frozen=True, slots=True)
class Classified:
    """One line of the classification that a biologist signs: a local test code (`kind` is "analysis") or an act ("act"), with its categories."""

    kind: str
    code: str
    label: str
    categories: tuple[str, ...]


PANELS: Final = (
    Panel("NFS", 17.0, "HEMATO", "Sang EDTA"),
    Panel("IONO", 9.0, "BIOCHIMIE", "Sang hépariné"),
    Panel("REIN", 10.0, "BIOCHIMIE", "Sang hépariné"),
    Panel("GLY", 9.0, "BIOCHIMIE", "Sang fluoré"),
    Panel("DIAB", 5.0, "BIOCHIMIE", "Sang EDTA", ages=(18, 130)),
    Panel("LIPID", 9.0, "BIOCHIMIE", "Sang sec", ages=(18, 130)),
    Panel("HEPAT", 7.0, "BIOCHIMIE", "Sang hépariné"),
    Panel("INFLA", 6.0, "BIOCHIMIE", "Sang sec"),
    Panel("FER", 4.0, "BIOCHIMIE", "Sang sec"),
    Panel("COAG", 5.0, "HEMOSTASE", "Sang citraté"),
    Panel("THYR", 5.0, "IMMUNO", "Sang sec"),
    Panel("VITA", 3.0, "IMMUNO", "Sang sec"),
    Panel("CARD", 2.5, "BIOCHIMIE", "Sang hépariné", ages=(30, 130)),
    Panel("AUTO", 1.0, "IMMUNO", "Sang sec"),
    Panel("ELECT", 1.0, "BIOCHIMIE", "Sang sec", ages=(18, 130)),
    Panel("HORM", 1.2, "IMMUNO", "Sang sec", sex=2, ages=(14, 55)),
    Panel("GROS", 2.5, "IMMUNO", "Sang sec", sex=2, ages=(14, 50)),
    Panel("SUIVI", 2.0, "IMMUNO", "Sang sec", sex=2, ages=(16, 48)),
    Panel("GRP", 1.5, "IMMUNOHEMATO", "Sang EDTA"),
    Panel("VIH", 2.2, "SEROLOGIE", "Sang sec", ages=(14, 130)),
    Panel("VIHS", 0.3, "SEROLOGIE", "Sang EDTA", ages=(18, 130)),
    Panel("VIHC", 0.1, "SEROLOGIE", "Sang EDTA", ages=(14, 130)),
    Panel("HBV", 1.5, "SEROLOGIE", "Sang sec"),
    Panel("HCV", 1.2, "SEROLOGIE", "Sang sec"),
    Panel("IST", 1.5, "SEROLOGIE", "Urine premier jet", ages=(14, 80)),
    Panel("HPV", 0.8, "SEROLOGIE", "Frottis cervical", sex=2, ages=(25, 66)),
    Panel("GEN", 0.5, "GENETIQUE", "Sang EDTA", ages=(14, 130)),
    Panel("GENH", 0.3, "GENETIQUE", "Sang EDTA", ages=(18, 130)),
    Panel("GENB", 0.1, "GENETIQUE", "Sang EDTA", ages=(18, 130)),
    Panel("GENC", 0.1, "GENETIQUE", "Sang EDTA"),
    Panel("PSA", 2.5, "MARQUEURS", "Sang sec", sex=1, ages=(45, 130)),
    Panel("MARQ", 1.0, "MARQUEURS", "Sang sec", ages=(30, 130)),
    Panel("TOX", 0.5, "TOXICO", "Sang fluoré", ages=(14, 130)),
    Panel("STUP", 0.4, "TOXICO", "Urine", ages=(14, 70)),
    Panel("PSY", 0.5, "TOXICO", "Sang hépariné", ages=(16, 130)),
    Panel("ECBU", 5.0, "MICROBIO", "Urine"),
    Panel("COPRO", 0.7, "MICROBIO", "Selles"),
    Panel("PV", 0.8, "MICROBIO", "Sécrétions vaginales", sex=2, ages=(14, 80)),
    Panel("HEMOC", 0.3, "MICROBIO", "Sang, flacons"),
    Panel("PUS", 0.4, "MICROBIO", "Pus"),
    Panel("COVID", 2.0, "MICROBIO", "Naso-pharynx", since=18353),
)
"""The panels; the first one takes the place of any that does not suit the patient."""

WORDS: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "negpos": (("Négatif", 88.0), ("Positif", 9.0), ("Douteux", 1.5), ("négatif", 1.0), ("NEG", 0.5)),
    "culture": (("Culture négative", 70.0), ("Positive", 24.0), ("Flore polymorphe, à recontrôler", 6.0)),
    "gene": (("Absence de la mutation", 88.0), ("Hétérozygote", 10.0), ("Homozygote muté", 2.0)),
    "variant": (
        ("Pas de variant pathogène", 85.0),
        ("Variant de signification inconnue", 8.0),
        ("Variant pathogène (classe 5)", 7.0),
    ),
    "resist": (("Aucune mutation de résistance", 80.0), ("Mutation M184V", 12.0), ("Mutation K103N", 8.0)),
    "titre": (("Négatif", 94.0), ("1/2", 2.0), ("1/8", 2.0), ("1/32", 2.0)),
    "risk": (("1/10000", 60.0), ("1/3500", 25.0), ("1/850", 10.0), ("1/120", 5.0)),
    "blood": (("O", 43.0), ("A", 44.0), ("B", 9.0), ("AB", 4.0)),
    "profile": (
        ("Profil sans anomalie", 80.0),
        ("Hypergammaglobulinémie polyclonale", 14.0),
        ("Pic étroit en zone gamma", 6.0),
    ),
}
"""Results that are words, with their weights. In "culture" the word of rank 1 has a germ."""


@cache
def analyses() -> tuple[Analysis, ...]:
    """Every local test code, panel after panel."""
    with resources.files(__package__).joinpath("analyses.csv").open(encoding="utf-8") as source:
        return tuple(_analysis(line) for line in csv.DictReader(source, delimiter=";"))


def _analysis(line: dict[str, str]) -> Analysis:
    return Analysis(
        code=line["code"],
        label=line["label"],
        panel=line["panel"],
        loinc=line["loinc"],
        act=line["act"],
        categories=tuple(line["category"].split(",")) if line["category"] else ("H",),
        words=line["words"],
        scales=None if line["words"] else _scales(line),
    )


def _scales(line: dict[str, str]) -> tuple[Scale, Scale]:
    low, high = float(line["low"]), float(line["high"])
    first = Scale(line["unit"], int(line["decimals"]), low, high, line["below"], line["above"])
    if not line["later_unit"]:
        return first, first
    factor, decimals = float(line["factor"]), int(line["later_decimals"])
    return first, Scale(line["later_unit"], decimals, low * factor, high * factor, "", "")


def classification() -> tuple[Classified, ...]:
    """What the demonstration's biologist signs: each local test code, then each act, with its categories (« classification des codes »).

    An act has the categories of every test that it pays for; "H" stands alone, where there is no special category.
    """
    tests = [Classified("analysis", test.code, test.label, test.categories) for test in analyses()]
    acts: dict[str, dict[str, None]] = {}
    labels: dict[str, str] = {}
    for test in analyses():
        acts.setdefault(test.act, {}).update(dict.fromkeys(test.categories))
        labels.setdefault(test.act, test.label)
    paid = [
        Classified("act", act, labels[act], tuple(code for code in found if code != "H") or ("H",))
        for act, found in acts.items()
    ]
    return (*tests, *paid)
