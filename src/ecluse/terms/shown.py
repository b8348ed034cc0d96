"""Which fields of the vocabulary a text shows: what must be named by an instruction before a document that cannot be filtered leaves.

Decides by form, by key and by the words that reports put before a value (`shown.toml`), never by a list of people, and keeps no value. It
errs on one side: what may be an address is one. What is written in an image, or in a way that no row knows, is not seen; `UNREADABLE` is what
must be named for a document whose text cannot be read at all.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from stdnum.fr import nir

from ecluse.terms.free_text import HEALTH_TERMS
from ecluse.terms.vocabulary import vocabulary

__all__ = ["PERSONAL_CATEGORIES", "presumed", "shown", "terms_in", "unreadable"]

PERSONAL_CATEGORIES: Final = frozenset({"ID", "CT", "NIR"})
"""Identity, contact details, national identifiers: what a document of a patient shows whoever wrote it."""

BEFORE: Final = 40
"""How many characters before a number may say what it is."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table, compiled."""

    form: re.Pattern[str]
    fields: frozenset[str]
    where: re.Pattern[str] | None
    keyed: bool

    def found(self, text: str) -> list[tuple[int, int]]:
        """Where the row holds in `text`: start and end of each place."""
        return [match.span() for match in self.form.finditer(text) if self._holds(match)]

    def _holds(self, match: re.Match[str]) -> bool:
        text, start = match.string, match.start()
        if self.keyed and not _has_key(match.group()):
            return False
        return self.where is None or self.where.search(text[max(0, start - BEFORE) : start]) is not None


def shown(text: str) -> frozenset[str]:
    """The paths of the fields that `text` shows, `presumed` ones left out. Linear in the text's length."""
    fields: set[str] = set()
    taken: set[tuple[int, int]] = set()
    for row in _rows():
        places = [place for place in row.found(text) if not (row.keyed and place in taken)]
        if places:
            fields |= row.fields
        if row.keyed:
            taken.update(places)
    return frozenset(fields)


def presumed() -> frozenset[str]:
    """What the text of a patient's report is presumed to show, since no form tells it: the name."""
    return frozenset(_table()["presumed"]["fields"])


def unreadable() -> frozenset[str]:
    """What a document whose text cannot be read may show: every identity, contact and national identifier field of a patient."""
    fields = vocabulary().kinds["patient"].fields.values()
    return frozenset(field.path for field in fields if field.categories & PERSONAL_CATEGORIES)


def terms_in(text: str) -> frozenset[str]:
    """The special categories of which `text` holds a term (`free_text.HEALTH_TERMS`)."""
    return frozenset(category for category, form in _terms().items() if form.search(text))


# --- the table ------------------------------------------------------------------------------------------------------------------------


@cache
def _table() -> dict[str, dict[str, list[str]]]:
    text = resources.files("ecluse.terms").joinpath("shown.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _rows() -> tuple[_Row, ...]:
    rows: list[dict[str, object]] = _table()["row"]  # type: ignore[assignment]
    known = {field.path for kind in vocabulary().kinds.values() for field in kind.fields.values()}
    compiled = []
    for row in rows:
        fields = frozenset(map(str, row["fields"]))  # type: ignore[call-overload]
        assert fields <= known, "the table names a field that the vocabulary has not"
        flags = re.NOFLAG if row.get("cased") else re.IGNORECASE
        compiled.append(
            _Row(
                re.compile(str(row["form"]), flags),
                fields,
                where=_compiled(row.get("where")),
                keyed=row.get("keyed") == "nir",
            )
        )
    return tuple(compiled)


def _compiled(form: object) -> re.Pattern[str] | None:
    return None if form is None else re.compile(str(form), re.IGNORECASE)


@cache
def _terms() -> dict[str, re.Pattern[str]]:
    return {category: re.compile(form, re.IGNORECASE) for category, form in HEALTH_TERMS.items()}


def _has_key(found: str) -> bool:
    return nir.is_valid(re.sub(r"[^0-9AB]", "", re.sub(r"(?i)cl[ée]f?", "", found.upper())))
