"""Whether a clause says something of its own, or merely restates the law.

The supervisory authorities hold that a contract which repeats the Regulation is not a contract (EDPB Guidelines 07/2020, § 112). The measure
is simple enough to be explained to the person it refuses: the words of the text that stand in a run of three words of the law are the
law's; of the others, those that carry meaning are the text's own. It does not judge whether what is said is enough.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

from ecluse.terms.agreement.mentions import COMMON_WORDS, MENTIONS

__all__ = ["COPIED_SHARE", "OWN_WORDS", "OWN_WORDS_BESIDE_THE_LAW", "Likeness", "likeness"]

OWN_WORDS: Final = 3
"""Fewer different words of its own, and a clause says nothing."""

OWN_WORDS_BESIDE_THE_LAW: Final = 8
"""What a clause that quotes the law must add to it."""

COPIED_SHARE: Final = 0.5
"""From this share of copied words, a clause quotes the law."""

# Whoever replaces the law's word for a party by their own has not said anything: both read alike.
_PARTIES: Final = (
    (
        re.compile(
            r"\b(?:responsable (?:du|de) traitement|laboratoire|client|controller|laboratory|customer)\b"
        ),
        "controller",
    ),
    (
        re.compile(
            r"\b(?:sous traitant|editeur|prestataire|titulaire|fournisseur|processor|vendor|supplier|provider)\b"
        ),
        "processor",
    ),
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a text compares with the law: the share of its words that are the law's, and how many different ones are its own."""

    share: float
    own: int

    @property
    def restates(self) -> bool:
        """Whether the text merely restates the law, or says nothing."""
        return self.own < OWN_WORDS or (self.share >= COPIED_SHARE and self.own < OWN_WORDS_BESIDE_THE_LAW)


def likeness(text: str) -> Likeness:
    """Compare a clause with every wording of the law in the table, French and English."""
    words = _words(text)
    copied = [False] * len(words)
    for start in range(len(words) - 2):
        if tuple(words[start : start + 3]) in _runs_of_the_law():
            copied[start : start + 3] = [True] * 3
    own = {word for word, law in zip(words, copied, strict=True) if not law and _means(word)}
    return Likeness(share=sum(copied) / len(words) if words else 0.0, own=len(own))


@cache
def _runs_of_the_law() -> frozenset[tuple[str, ...]]:
    wordings = [_words(text) for mention in MENTIONS.values() for text in mention.law.values()]
    return frozenset(tuple(words[start : start + 3]) for words in wordings for start in range(len(words) - 2))


def _words(text: str) -> list[str]:
    """The words of a text, without case, accent or punctuation, the parties under one name."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(letter)
    )
    joined = " ".join(re.findall(r"[a-z0-9]+", plain))
    for party, name in _PARTIES:
        joined = party.sub(name, joined)
    return joined.split()


def _means(word: str) -> bool:
    return word not in COMMON_WORDS and (len(word) > 2 or word.isdigit())
