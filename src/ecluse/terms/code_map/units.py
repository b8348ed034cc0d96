"""What a unit measures (« dimension »), so that a mass is never taken for an amount of substance.

Decides from the unit as a laboratory prints it (UCUM, or the French habits of `units.toml`) which dimensions it can have, and which one a LOINC
property asks for. A unit that is not understood has no dimension, which is said, never guessed. It converts no value: results are carried as
they stand. Source of the codes: UCUM (ucum.org), sections 2 to 4; LOINC Users' Guide, "Property".
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources
from itertools import product
from typing import Any, Final

__all__ = [
    "NO_UNIT",
    "Dimension",
    "dimensions",
    "named_property",
    "property_dimension",
    "unaccented",
    "written",
]

BASES: Final = "LMTNKAC"
Dimension = tuple[int, ...]
"""The exponents of length, mass, time, amount of substance, temperature, arbitrary units and counted things."""

ONE: Final[Dimension] = (0,) * len(BASES)
NO_UNIT: Final = "none"
"""What a property asks for whose results are words: no unit at all."""

_COUNTED: Final = BASES.index("C")
_PIECE: Final = re.compile(
    r"([./])?(\{[^}]*\}|\[[^\]]*\]|10[*^]-?\d+|\d+(?:\.\d+)?(?![*^])|[^\W\d_]+|%)(\^?-?\d)?(\{[^}]*\})?"
)
_AREA: Final = re.compile(r"/(?:\{?1\.73_?m2\}?|\{1\.73[^}]*\}|1\.73sqm)$", re.IGNORECASE)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("units.toml").read_text("utf-8"))


def dimensions(unit: str) -> frozenset[Dimension]:
    """Every dimension that this unit, as printed, can have; none if it is not understood. Counted things may be left unsaid: `/uL` counts cells."""
    plain = _plain(unit)
    for table, key in (("exact", plain), ("whole", plain.lower())):
        if key in _table()[table]:
            return frozenset(map(_dimension, _table()[table][key]))
    return _parsed(_AREA.sub("", plain))


def property_dimension(name: str) -> Dimension | str | None:
    """What results of a LOINC property are measured in: a dimension, `NO_UNIT`, or None for a property that the table does not hold."""
    known = _table()["property"].get(name)
    return known if known is None or known == NO_UNIT else _dimension(known)


def named_property(words: str) -> str:
    """The property that stands in words in a LOINC name, "" if the table does not hold them: `Moles/volume` is SCnc."""
    return str(_table()["named"].get(unaccented(words).strip().lower(), ""))


def written(dimension: Dimension) -> str:
    """A dimension for a person to read: `M/L3`."""
    over = "".join(
        f"{base}{power if power > 1 else ''}"
        for base, power in zip(BASES, dimension, strict=True)
        if power > 0
    )
    under = "".join(
        f"/{base}{-power if power < -1 else ''}"
        for base, power in zip(BASES, dimension, strict=True)
        if power < 0
    )
    return f"{over or '1'}{under}"


def unaccented(text: str) -> str:
    """A text without its accents, and without what shows nothing."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(
        letter
        for letter in split
        if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )


def _plain(unit: str) -> str:
    """One writing for what is the same: micro, powers, decimal commas and blanks. `×10^9/L` is `10*9/L`."""
    plain = unicodedata.normalize("NFKC", unit).replace("μ", "u").replace("µ", "u").replace(",", ".")
    plain = re.sub(r"(?<![^\W\d_])\s+|\s+(?![^\W\d_])", "", plain).replace("×", "").replace("**", "*")
    plain = re.sub(r"^x(?=10)", "", plain)
    return re.sub(r"\b10[Ee^](?=\d)", "10*", plain)


def _parsed(unit: str) -> frozenset[Dimension]:
    """The dimensions of a product of units, read from left to right."""
    readings: list[list[Dimension]] = []
    place, sign = 0, 1
    while place < len(unit):
        piece = _PIECE.match(unit, place)
        beside = (
            place > 0 and piece is not None and piece.group(1) is None
        )  # `24h`: under the same stroke as its number
        if piece is None or (beside and not unit[place - 1].isdigit() and not piece.group(2).startswith("{")):
            return frozenset()
        atom = _atom(piece.group(2))
        if not atom:
            return frozenset()
        power = int(piece.group(3).lstrip("^")) if piece.group(3) else 1
        sign = sign if beside else -1 if piece.group(1) == "/" else 1
        readings.append([tuple(exponent * power * sign for exponent in one) for one in atom])
        place = piece.end()
    found = frozenset(tuple(map(sum, zip(ONE, *chosen, strict=True))) for chosen in product(*readings))
    counting = _is_count(unit)
    return frozenset(_counted(one) if counting else one for one in found) if readings else frozenset()


def _is_count(unit: str) -> bool:
    """A number of things by volume names the thing in braces, or not at all: `10*9/L`, `/uL`, `{cells}/mL`."""
    return (
        re.match(
            r"(?:10\*-?\d+|\{[^}]*\})?(?:\{[^}]*\})?/[a-zA-Z]?[Ll]$|(?:10\*-?\d+)?(?:\{[^}]*\})?/[a-z]?m[23]$",
            unit,
        )
        is not None
    )


def _counted(dimension: Dimension) -> Dimension:
    return tuple(power + (place == _COUNTED) for place, power in enumerate(dimension))


def _atom(text: str) -> list[Dimension]:
    """The readings of one unit without its power: as it stands, after a prefix, or as someone wrote it without minding capitals."""
    if text.startswith("{") or text[0].isdigit():
        return [ONE]
    atoms: dict[str, list[str]] = _table()["atoms"]
    for written_as in (text, text.lower(), text.upper()):
        for prefix in ("", *_table()["prefixes"]["letters"]):
            if written_as.startswith(prefix) and (known := atoms.get(written_as.removeprefix(prefix))):
                return list(map(_dimension, known))
    return []


@cache
def _dimension(formula: str) -> Dimension:
    """A formula of the table: `M/L3`."""
    powers = dict.fromkeys(BASES, 0)
    for stroke, base, power in re.findall(r"(/?)([A-Z1])(\d?)", formula):
        if base in powers:
            powers[base] += int(power or 1) * (-1 if stroke else 1)
    return tuple(powers.values())
