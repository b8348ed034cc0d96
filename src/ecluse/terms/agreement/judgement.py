"""One mention judged: found, lacking, empty, expired, wrong, merely restating the law, or not needed here.

Decides the verdict on a value by the form that its mention asks for, with the words quoted and what is remarked. Rules between mentions (the end
after the start, a safeguard for each special type) stand in `contract`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from ecluse.base.words import say
from ecluse.terms.agreement.likeness import likeness
from ecluse.terms.agreement.mentions import Form, Mention
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Finding", "Remark", "Verdict", "judge"]

Verdict = Literal["found", "lacking", "empty", "expired", "wrong", "restates-the-law", "not-needed"]

LONGEST_QUOTE: Final = 240
MOST_DAYS: Final = 3650
MOST_HOURS: Final = 48
ADVISED_HOURS: Final = 24

# What people write in a box they have not filled.
_PLACEHOLDER: Final = re.compile(
    r"n\W?a|néant|neant|aucune idée|à (?:compléter|définir|préciser)|a completer|todo|tbd|tbc|to be (?:completed|defined)|x{2,}",
    re.IGNORECASE,
)

# Law that no longer is: a contract that rests on it was not read since 2018.
_REPEALED: Final = re.compile(
    r"95\s*/\s*46|directive\s+de\s+1995|"
    r"(?:\bart(?:icles?|\.)?\s*3[45]\b[^.;]{0,60}(?:78\s*-\s*17|informatique et libert))|"
    r"(?:(?:78\s*-\s*17|informatique et libert)[^.;]{0,60}\bart(?:icles?|\.)?\s*3[45]\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a finding, by its key in the catalogue `agreement`, with what fills it."""

    key: str
    values: tuple[tuple[str, object], ...] = ()

    def text(self, language: str) -> str:
        """The sentence in `language`."""
        return say(f"agreement.{self.key}", language, **dict(self.values))


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one mention: the verdict, the words quoted from the document, the article, and what is remarked."""

    mention: Mention
    verdict: Verdict
    quote: str = ""
    remark: Remark | None = None

    @property
    def article(self) -> str:
        """The article that asks for the mention."""
        return self.mention.article

    @property
    def good(self) -> bool:
        """Whether nothing stands in the way on account of this mention."""
        return self.verdict in ("found", "not-needed")


def judge(mention: Mention, value: object, *, needed: bool, vocabulary: Vocabulary) -> Finding:
    """The finding on `value` (None: not written) for `mention`."""
    if value is None:
        return Finding(mention, "lacking" if needed else "not-needed")
    if is_empty(value):
        return Finding(mention, "empty" if needed else "not-needed")
    quote = quote_of(value)
    wrong = _FORMS[mention.form](mention, value, vocabulary)
    if wrong:
        return Finding(mention, "wrong", quote, wrong)
    if mention.clause and likeness(quote_of(value, longest=None)).restates:
        return Finding(mention, "restates-the-law", quote, Remark("remark_restates"))
    return Finding(mention, "found", quote, _remark(mention, value))


def is_empty(value: object) -> bool:
    """Whether a value says nothing: blank, a placeholder, or a list of such."""
    if isinstance(value, str):
        words = value.strip(" \t\r\n.…?!:;-_[]()<>«»\"'")
        return not words or _PLACEHOLDER.fullmatch(words) is not None
    return isinstance(value, list) and all(is_empty(item) for item in value)


def quote_of(value: object, *, longest: int | None = LONGEST_QUOTE) -> str:
    """The document's own words for a value, on one line, cut at `longest` characters."""
    if isinstance(value, dict):
        words = ", ".join(quote_of(item, longest=None) for item in value.values())
    elif isinstance(value, list):
        words = " ; ".join(quote_of(item, longest=None) for item in value)
    else:
        words = " ".join(str(value).split())
    return words if longest is None or len(words) <= longest else words[: longest - 1] + "…"


def _remark(mention: Mention, value: object) -> Remark | None:
    """What a reader is told of a value that is accepted all the same."""
    if _REPEALED.search(quote_of(value, longest=None)):
        return Remark("remark_repealed")
    if mention.form == "hours" and isinstance(value, int) and value > ADVISED_HOURS:
        return Remark("remark_hours_advised", (("advised", ADVISED_HOURS), ("got", value)))
    return None


def _text(_mention: Mention, value: object, _vocabulary: Vocabulary) -> Remark | None:
    return None if isinstance(value, str) else Remark("wrong_text")


def _texts(_mention: Mention, value: object, _vocabulary: Vocabulary) -> Remark | None:
    fine = isinstance(value, list) and all(isinstance(item, str) and not is_empty(item) for item in value)
    return None if fine else Remark("wrong_texts")


def _choice(mention: Mention, value: object, _vocabulary: Vocabulary) -> Remark | None:
    return (
        None
        if value in mention.choices
        else Remark("wrong_choice", (("expected", ", ".join(mention.choices)),))
    )


def _date(_mention: Mention, value: object, _vocabulary: Vocabulary) -> Remark | None:
    return None if isinstance(value, date) and not isinstance(value, datetime) else Remark("wrong_date")


def _whole(value: object, most: int) -> Remark | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    return None if fine else Remark("wrong_number", (("most", most),))


def _categories(_mention: Mention, value: object, vocabulary: Vocabulary) -> Remark | None:
    if _texts(_mention, value, vocabulary):
        return Remark("wrong_texts")
    assert isinstance(value, list)
    unknown = [code for code in value if code not in vocabulary.categories]
    return Remark("wrong_categories", (("got", ", ".join(unknown)),)) if unknown else None


def _safeguards(mention: Mention, value: object, vocabulary: Vocabulary) -> Remark | None:
    if not _rows(value, {"category", "safeguards"}):
        return Remark("wrong_safeguards")
    assert isinstance(value, list)
    for row in value:
        if (
            _texts(mention, row["safeguards"], vocabulary)
            or not row["safeguards"]
            or row["category"] not in vocabulary.categories
        ):
            return Remark("wrong_safeguards")
    return None


def _processors(_mention: Mention, value: object, _vocabulary: Vocabulary) -> Remark | None:
    if not _rows(value, {"name", "place", "task", "since"}):
        return Remark("wrong_processors")
    assert isinstance(value, list)
    for row in value:
        words = [row[key] for key in ("name", "place", "task")]
        if not all(isinstance(word, str) and not is_empty(word) for word in words) or _date(
            _mention, row["since"], _vocabulary
        ):
            return Remark("wrong_processors")
    return None


def _rows(value: object, keys: set[str]) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) and set(row) == keys for row in value)


_FORMS: Final[dict[Form, Callable[[Mention, object, Vocabulary], Remark | None]]] = {
    "text": _text,
    "texts": _texts,
    "choice": _choice,
    "date": _date,
    "days": lambda _mention, value, _vocabulary: _whole(value, MOST_DAYS),
    "hours": lambda _mention, value, _vocabulary: _whole(value, MOST_HOURS),
    "categories": _categories,
    "safeguards": _safeguards,
    "processors": _processors,
}
