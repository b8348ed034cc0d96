"""What a laboratory's words name: things measured, specimens, methods, whatever the spelling (« normalisation des libellés »).

Decides from data of our own (`words.toml`): accents, capitals, hyphens and abbreviations do not count, a name of several words is one thing. A
word that the data does not hold stands for itself, and is compared by its letters. It knows no code and no catalogue.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from ecluse.terms.code_map.units import unaccented

__all__ = ["Said", "likeness", "runs", "said", "tokens"]

ANY: Final = "any"
_SPLIT: Final = re.compile(r"[^0-9a-z%]+")
_LONGEST: Final = 8
LIKE: Final = 0.6
"""From which likeness of letters two unknown words are taken for one: rifampicine and rifampin, not glucose and galactose."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a text names: `things` (ours by their key, others as their own word), specimens as LOINC's systems, methods."""

    things: frozenset[str]
    specimens: frozenset[str]
    methods: frozenset[str]


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text without accents, capitals or punctuation, in order. `T.C.M.H.` is one word."""
    plain = re.sub(r"\b((?:[A-Za-z]\.){2,})", lambda found: found.group(1).replace(".", ""), unaccented(text))
    return tuple(word for word in _SPLIT.split(plain.lower()) if word)


def said(*texts: str, where: str = "") -> Said:
    """What these texts name together; `where` is the specimen's own text, whose words name nothing else."""
    things: set[str] = set()
    beside: set[str] = set()
    methods: set[str] = set()
    for text in texts:
        words = tokens(text)
        methods |= _named(words, _names("method"))[0]
        known, left = _named(words, _names("thing"))
        places, rest = _named(left, _names("specimen"))
        beside |= places
        things |= known | {word for word in rest if word not in _silent()}
    specimens = _named(tokens(where), _names("specimen"))[0] or beside
    systems = {system for name in specimens for system in _table()["specimen"][name]["is"]}
    return Said(frozenset(things), frozenset(systems - {ANY}), frozenset(methods))


def likeness(one: str, other: str) -> float:
    """How like two words are, from 0 to 1, by the runs of three letters they share (Dice)."""
    if one == other:
        return 1.0
    first, second = runs(one), runs(other)
    return 2 * len(first & second) / (len(first) + len(second))


def runs(word: str) -> frozenset[str]:
    """The runs of three letters of a word, its beginning and end among them."""
    framed = f"^{word}$"
    return frozenset(framed[place : place + 3] for place in range(len(framed) - 2))


def _named(words: tuple[str, ...], names: Mapping[tuple[str, ...], str]) -> tuple[set[str], tuple[str, ...]]:
    """What the words name, the longest name first, and the words that are left."""
    found: set[str] = set()
    left: list[str] = []
    place = 0
    while place < len(words):
        longest = min(_LONGEST, len(words) - place)
        length = next((size for size in range(longest, 0, -1) if words[place : place + size] in names), 0)
        if length:
            found.add(names[words[place : place + length]])
        else:
            left.append(words[place])
        place += length or 1
    return found, tuple(left)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


@cache
def _names(table: str) -> dict[tuple[str, ...], str]:
    """Every name of one table, as its words, and what it names."""
    lines: dict[str, Any] = _table()[table]
    listed: Iterable[tuple[str, list[str]]] = (
        (key, line if isinstance(line, list) else line["names"]) for key, line in lines.items()
    )
    return {tokens(name): key for key, names in listed for name in names}


@cache
def _silent() -> frozenset[str]:
    return frozenset(_table()["silent"]["words"])
