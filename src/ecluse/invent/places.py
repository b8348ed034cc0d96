"""Where invented people live, are born and are sampled: towns, départements, streets and the laboratory's 28 sites.

Decides the places and their weights. Towns and postcodes exist, because an address must be coherent; streets, sites and their numbers are
invented, and the sites' numbers begin by 99, which no département has in FINESS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ecluse.invent.draws import Floats

__all__ = [
    "ABROAD",
    "BIRTH_AREAS",
    "SITES",
    "SITE_WEIGHTS",
    "STREETS",
    "STREET_KINDS",
    "TOWNS",
    "Site",
    "Town",
]


@dataclass(frozen=True, slots=True)
class Town:
    """A town, its postcode and its département."""

    name: str
    postcode: str
    department: str


@dataclass(frozen=True, slots=True)
class Site:
    """One sampling site: two-digit code, FINESS-like number, town."""

    code: str
    name: str
    finess: str
    town: Town


_TOWNS: Final = {
    "56": (
        "Vannes 56000",
        "Lorient 56100",
        "Auray 56400",
        "Pontivy 56300",
        "Ploërmel 56800",
        "Hennebont 56700",
        "Lanester 56600",
        "Quiberon 56170",
        "Sarzeau 56370",
        "Ploemeur 56270",
        "Le Palais 56360",
        "Questembert 56230",
    ),
    "45": (
        "Orléans 45000",
        "Olivet 45160",
        "Montargis 45200",
        "Gien 45500",
        "Pithiviers 45300",
        "Fleury-les-Aubrais 45400",
        "Saran 45770",
        "Beaugency 45190",
    ),
    "27": (
        "Évreux 27000",
        "Vernon 27200",
        "Louviers 27400",
        "Bernay 27300",
        "Gisors 27140",
        "Les Andelys 27700",
        "Pont-Audemer 27500",
        "Val-de-Reuil 27100",
    ),
    "29": ("Quimper 29000", "Brest 29200", "Concarneau 29900"),
    "22": ("Saint-Brieuc 22000", "Loudéac 22600"),
    "35": ("Rennes 35000", "Redon 35600"),
    "41": ("Blois 41000", "Vendôme 41100"),
    "28": ("Chartres 28000", "Dreux 28100"),
    "76": ("Rouen 76000", "Elbeuf 76500"),
}

TOWNS: Final = tuple(
    Town(name=line.rpartition(" ")[0], postcode=line.rpartition(" ")[2], department=department)
    for department, lines in _TOWNS.items()
    for line in lines
)
"""Every town, by département."""

_SITE_TOWNS: Final = (
    "Vannes",
    "Vannes",
    "Lorient",
    "Lorient",
    "Auray",
    "Pontivy",
    "Ploërmel",
    "Hennebont",
    "Quiberon",
    "Sarzeau",
    "Orléans",
    "Orléans",
    "Montargis",
    "Gien",
    "Pithiviers",
    "Olivet",
    "Évreux",
    "Vernon",
    "Louviers",
    "Bernay",
    "Gisors",
    "Pont-Audemer",
    "Quimper",
    "Saint-Brieuc",
    "Redon",
    "Blois",
    "Dreux",
    "Elbeuf",
)
_SITE_SHARES: Final = (
    6.0,
    4.0,
    5.5,
    4.0,
    4.0,
    3.5,
    3.0,
    3.0,
    1.5,
    1.5,  # Morbihan, 36 %
    5.5,
    4.5,
    4.0,
    3.0,
    2.5,
    2.5,  # Loiret, 22 %
    6.0,
    4.0,
    3.5,
    2.5,
    2.0,
    2.0,  # Eure, 20 %
    5.0,
    4.0,
    3.5,
    3.5,
    3.0,
    3.0,  # elsewhere, 22 %
)

SITE_WEIGHTS: Final[Floats] = np.array(_SITE_SHARES)
"""Each site's share of the patients, in percent."""


def _sites() -> tuple[Site, ...]:
    towns = {town.name: town for town in TOWNS}
    quarters = ("Centre", "de la Gare", "du Marché", "des Remparts", "du Port", "de l'Étang", "des Halles")
    return tuple(
        Site(
            code=f"{rank:02d}",
            name=f"Laboratoire {quarters[rank % len(quarters)]} - {name}",
            finess=f"99{rank:07d}",
            town=towns[name],
        )
        for rank, name in enumerate(_SITE_TOWNS, start=1)
    )


SITES: Final = _sites()
"""The 28 sites, codes 01 to 28."""

BIRTH_AREAS: Final[dict[str, tuple[int, float]]] = {
    "56": (260, 30.0),
    "45": (340, 18.0),
    "27": (680, 16.0),
    "29": (290, 5.0),
    "22": (370, 4.0),
    "35": (350, 4.0),
    "44": (220, 3.0),
    "76": (740, 3.0),
    "28": (400, 2.0),
    "41": (290, 2.0),
    "72": (370, 1.0),
    "14": (700, 1.0),
    "75": (120, 3.0),
    "92": (78, 1.0),
    "59": (650, 1.0),
    "62": (890, 0.7),
    "13": (110, 0.7),
    "69": (260, 0.7),
    "31": (580, 0.5),
    "33": (540, 0.5),
    "67": (520, 0.5),
    "2A": (360, 0.3),
    "2B": (360, 0.3),
    "971": (34, 0.3),
    "972": (33, 0.3),
    "974": (24, 0.3),
}
"""Départements of birth: the highest commune number used, and the weight. A commune number need not be one of a real commune."""

ABROAD: Final = (
    "99352",
    "99350",
    "99351",
    "99139",
    "99134",
    "99127",
    "99122",
    "99131",
    "99109",
    "99208",
    "99132",
    "99330",
    "99326",
)
"""INSEE codes of countries of birth."""

STREET_KINDS: Final = (
    "rue",
    "rue",
    "rue",
    "rue",
    "avenue",
    "boulevard",
    "place",
    "impasse",
    "allée",
    "chemin",
    "route",
    "résidence",
    "venelle",
    "hameau",
)

STREETS: Final = (
    "de l'Église",
    "des Écoles",
    "du Moulin",
    "des Lilas",
    "de la Fontaine",
    "du Général-Inventé",
    "des Ajoncs",
    "de la Mairie",
    "du Stade",
    "des Tilleuls",
    "de Bretagne",
    "du Puits",
    "des Fées",
    "de l'Abbé-Fictif",
    "de la Gare",
    "du Lavoir",
    "des Acacias",
    "du Four à pain",
    "de la République",
    "des Hirondelles",
    "du Bois d'Amour",
    "de Kervihan",
    "du Prat",
    "de la Lande",
    "des Korrigans",
    "d'Outre-l'Eau",
    "du Champ-de-Foire",
    "de la Forêt",
    "des Marronniers",
    "de l'Écluse",
    "du Vieux-Pont",
    "des Mouettes",
)
