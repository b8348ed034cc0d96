"""What Écluse says to people, in French and in English: sentences by key, and how numbers and dates are written.

Sentences stand in `catalogues/<subject>.toml`, each key with `fr` and `en`; a test holds both to the same placeholders. This module chooses
the wording; it does not choose the language, which the door that speaks was given.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Final

__all__ = [
    "LANGUAGES",
    "Sentence",
    "day",
    "duration",
    "filled",
    "instant",
    "number",
    "say",
    "sentences",
    "size",
]

LANGUAGES: Final = ("fr", "en")
_THIN: Final = (
    "\u202f"  # narrow no-break space: the French thousands separator (Lexique de l'Imprimerie nationale)
)
_ELIDED: Final = re.compile(r"\b([Dd]|[Qq]u)e \{(\w+)\}")
_VOWELS: Final = frozenset("aâàäeéèêëiîïoôöuùûüœ")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the catalogues given as a value, said in the language of the one that holds it."""

    key: str
    values: Mapping[str, object]

    def said(self, language: str) -> str:
        """In one language."""
        return say(self.key, language, **self.values)


@cache
def sentences() -> dict[str, dict[str, str]]:
    """Every sentence by `subject.key`, as {"fr": ..., "en": ...}."""
    table: dict[str, dict[str, str]] = {}
    files = resources.files(__package__).joinpath("catalogues").iterdir()
    for file in sorted((it for it in files if it.name.endswith(".toml")), key=lambda it: it.name):
        subject = file.name.removesuffix(".toml")
        for key, both in tomllib.loads(file.read_text("utf-8")).items():
            table[f"{subject}.{key}"] = both
    return table


def say(key: str, language: str, **values: object) -> str:
    """The sentence `key` ("subject.key") in `language`, its placeholders filled. Raises KeyError on an unknown key: a bug."""
    return filled(sentences()[key][language], language, values)


def filled(sentence: str, language: str, values: Mapping[str, object]) -> str:
    """A sentence, its placeholders filled. In French, `de` and `que` lose their vowel before a value that begins with one: la clé d'essai.

    An h or a y may ask for either: before them nothing is elided.
    """
    values = {name: _worded(value, language) for name, value in values.items()}

    def elided(match: re.Match[str]) -> str:
        value = str(values.get(match[2], ""))
        return f"{match[1]}'{{{match[2]}}}" if value[:1].lower() in _VOWELS else match[0]

    return (_ELIDED.sub(elided, sentence) if language == "fr" else sentence).format(**values)


def _worded(value: object, language: str) -> object:
    if isinstance(value, Sentence):
        return value.said(language)
    if isinstance(value, tuple) and any(isinstance(each, Sentence) for each in value):
        return " ; ".join(str(_worded(each, language)) for each in value)
    return value


def number(value: int, language: str) -> str:
    """A whole number with thousands separated: 491 840 in French, 491,840 in English."""
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", _THIN)


def day(value: date, language: str) -> str:
    """A date: 23/11/2026 in French, 2026-11-23 in English."""
    return value.strftime("%d/%m/%Y") if language == "fr" else value.isoformat()[:10]


def instant(value: datetime, language: str) -> str:
    """A UTC instant to the minute, its zone always said."""
    clock = value.strftime("%H:%M UTC")
    return f"{day(value, language)} à {clock}" if language == "fr" else f"{day(value, language)} {clock}"


def size(octets: int, language: str) -> str:
    """A size in bytes, with decimal multiples: 1,4 Mo in French, 1.4 MB in English."""
    amount, units = float(octets), ["", "k", "M", "G", "T"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    unit = units[0]
    figure = f"{amount:.0f}" if not unit else f"{amount:.1f}"
    return f"{figure.replace('.', ',')}{_THIN}{unit}o" if language == "fr" else f"{figure} {unit}B"


def duration(seconds: float, language: str) -> str:
    """A length of time for a person: 3 min 05 s; 0,8 s."""
    if seconds < 10:
        figure = f"{seconds:.1f} s"
        return figure.replace(".", ",") if language == "fr" else figure
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
