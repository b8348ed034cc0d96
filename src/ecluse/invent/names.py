"""The names of invented people, each with a second, slightly wrong spelling, for the duplicates of a real patient base.

Decides the pools of names and how a spelling goes wrong. Family names are common ones or made of syllables; who bears which is chance.
"""

from __future__ import annotations

import unicodedata
from itertools import product
from typing import Final

import pyarrow as pa

__all__ = [
    "FAMILY",
    "FAMILY_PLAIN",
    "FAMILY_WRONG",
    "GIVEN",
    "GIVEN_PLAIN",
    "GIVEN_WRONG",
    "LONG",
    "MEN",
    "WOMEN",
    "plain",
]

_COMMON_TEXT: Final = """
Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux David Bertrand Morel Fournier
Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Müller Lefèvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François
Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire
Noël Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martinez Gérard Roche Renard Schmitt
Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc
Payet Rolland Leclercq Guillaume Lecomte López Jean Dupuy Guillot Hubert Berger Carpentier Sánchez Dupuis Moulin Louis Deschamps Huet
Boucher Fernandez Fleury Royer Klein Jacquet Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard Maillard Baron
Bertin Bailly Hervé Schneider Collet Léger Bouvier Julien Prévost Millet Perrot Daniel Cousin Germain Breton Besson Langlois Rémy
"""
_ODD: Final = (
    "L'Hostis",
    "L'Hôpital",
    "D'Hervé",
    "N'Guessan",
    "N'Diaye",
    "O'Brien",
    "Le Goff",
    "Le Gall",
    "Le Bihan",
    "Le Quéré",
    "Le Guen",
    "Le Roux",
    "de La Villéon",
    "du Plessis d'Argentré",
    "Yılmaz",
    "Ðorđević",
    "Nguyễn",
    "Škoda",
    "Åkesson",
    "Gonçalves",
    "Brûlé",
    "Haüy",
    "Œuvrard",
    "Saint-Aignan",
    "Ben Youssef",
    "El Amrani",
    "Da Silva",
    "Dos Santos",
    "X",
    "O",
    "Y",
    "Ng",
    "Li",
)
_STARTS: Final = (
    "Ker",
    "Tré",
    "Pen",
    "Lan",
    "Plou",
    "Gué",
    "Mor",
    "Bar",
    "Cor",
    "Dan",
    "Fau",
    "Gal",
    "Han",
    "Jou",
    "Le Ker",
    "Mau",
    "Ner",
    "Ollo",
    "Quer",
    "Ros",
    "Sal",
    "Tan",
    "Vau",
    "Bré",
    "Coat",
    "Des",
    "Gou",
    "Guil",
    "Bel",
    "Val",
)
_ENDS: Final = (
    "madec",
    "vella",
    "guen",
    "nec",
    "bihan",
    "gat",
    "moal",
    "dren",
    "hoët",
    "lay",
    "quet",
    "rieux",
    "ville",
    "mont",
    "court",
    "neau",
    "leau",
    "dier",
    "zou",
    "bert",
    "froy",
    "mel",
    "noy",
    "tier",
    "cher",
    "val",
    "ssier",
    "varec",
    "donnec",
    "goff",
)

LONG: Final = (
    "de Montmorency-Kervéguen de La Tour d'Auvergne-Lauraguais du Plessis-Bellière de Saint-Exupéry",
    "Vandenbroucke-Grauls van der Westhuizen-Oppenheimer de Rochechouart de Faucigny-Lucinge et Coligny",
    "Rakotomalala Andriamanantenasoa Razafindrakoto Ramanantsoavina Andrianampoinimerina Rabearimanana",
)
"""Names of more than eighty characters, which real fields cut."""

_MEN_TEXT: Final = """
Jean Pierre Michel André Philippe René Louis Alain Jacques Bernard Marcel Daniel Roger Robert Claude Nicolas Henri Christophe Éric Frédéric
Laurent David Stéphane Pascal Julien Thierry Olivier Sébastien Loïc Yann Gaël Erwan Ronan Malo Théo Léo Hugo Enzo Mathéo Noé Gaëtan François
Jean-Baptiste Jean-Luc Jean-Yves Pierre-Marie Anaël Joël Raphaël Mickaël Mohamed Karim João Łukasz Zoltán Ömer
"""
_WOMEN_TEXT: Final = """
Marie Jeanne Françoise Monique Catherine Nathalie Isabelle Jacqueline Anne Sylvie Martine Madeleine Nicole Suzanne Hélène Christine
Louise Denise Christiane Valérie Sophie Sandrine Céline Véronique Chantal Aurélie Émilie Élodie Gwenaëlle Rozenn Nolwenn Maëlle Soizic
Léa Chloé Zoé Inès Jade Manon Camille Anaïs Océane Anne-Marie Marie-Thérèse Marie-Françoise Marie-Noëlle Annick Yvette Fatima Aïcha Maëva
Thị Agnès Bénédicte Edwige Cécile
"""

MEN: Final = _MEN_TEXT.split()
WOMEN: Final = _WOMEN_TEXT.split()


_SPELLED: Final = {
    ord(one): two for one, two in zip("ŒœßŁłıÐđ", ("OE", "oe", "ss", "L", "l", "i", "D", "d"), strict=True)
}


def plain(text: str) -> str:
    """The text in ASCII: accents dropped, ligatures spelled, anything else left out."""
    spelled = text.translate(_SPELLED)
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode("ascii")


def _wrong(text: str) -> str:
    """The same name as another clerk would have typed it: no accent, a doubled or simple letter, a space for a hyphen."""
    bare = plain(text)
    for right, wrong in (
        ("-", " "),
        ("'", " "),
        ("nn", "n"),
        ("ll", "l"),
        ("tt", "t"),
        ("n", "nn"),
        ("l", "ll"),
        ("t", "tt"),
    ):
        if right in bare[1:]:
            return bare[0] + bare[1:].replace(right, wrong, 1)
    return bare if bare != text else bare + "s"


def _family() -> list[str]:
    made = [start + end for start, end in product(_STARTS, _ENDS)]
    names = list(dict.fromkeys([*_COMMON_TEXT.split(), *_ODD, *made]))
    return [name if rank % 3 else name.upper() for rank, name in enumerate(names)]


_FAMILY: Final = _family()
_GIVEN: Final = [*MEN, *WOMEN]

FAMILY: Final = pa.array([*_FAMILY, *LONG])
"""Family names; the last three are the `LONG` ones."""
FAMILY_WRONG: Final = pa.array([_wrong(name) for name in (*_FAMILY, *LONG)])
FAMILY_PLAIN: Final = pa.array(
    [plain(name).lower().translate(str.maketrans(" '", "--")) for name in (*_FAMILY, *LONG)]
)
"""The family names as an e-mail address spells them."""
GIVEN: Final = pa.array(_GIVEN)
"""Given names: men's first, then women's."""
GIVEN_WRONG: Final = pa.array([_wrong(name) for name in _GIVEN])
GIVEN_PLAIN: Final = pa.array([plain(name).lower() for name in _GIVEN])
"""The given names as an e-mail address spells them."""
