"""A contract in prose (« contrat »: a PDF, a Word file, a text) read for the sixteen mentions of Art. 28(3): where each is found, in which words, on which page.

Decides where to look: the sentence that holds the most of what a mention is recognised by (`cues.toml`). What is found is shown to a person, who decides; what
is not found is lacking, and a sentence that merely restates the law is said to. Nothing is signed from here: the agreement that opens the lock is the
document of `contract`, mention by mention, and this reading is how a laboratory sees what the vendor's own contract lacks.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal

from ecluse.terms.agreement.likeness import likeness
from ecluse.terms.agreement.mentions import GROUPS, MENTIONS, Group, Mention

__all__ = ["LONGEST", "ProseFinding", "read_prose"]

LONGEST: Final = 400
"""Characters of a quotation."""
_CUES: Final[dict[str, dict[str, list[list[str]]]]] = tomllib.loads(
    resources.files(__package__).joinpath("cues.toml").read_text("utf-8")
)
_END: Final = re.compile(
    r"(?<=[.;:!?])\s+(?=[^a-zà-ÿ\s])|\n\s*\n|\n(?=\s*(?:[-•–]|\d+[.)]|[a-h]\)|[Aa]rticle\b|ARTICLE\b))"
)
"""Where a sentence ends: a stop before a capital, a blank line, the next point of a list."""
_SHORTEST: Final = 20

Verdict = Literal["found", "restates", "lacking"]


@dataclass(frozen=True, slots=True)
class ProseFinding:
    """One of the sixteen: where it was found (`page` from 1, 0 when lacking), in which words, and whether they say more than the law."""

    group: Group
    verdict: Verdict
    quote: str = ""
    page: int = 0

    @property
    def article(self) -> str:
        """The article that asks for it."""
        return self.mentions[0].article

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """What the group asks for, each with what is expected: what to write where it lacks."""
        return tuple(mention for mention in MENTIONS.values() if mention.group == self.group.code)


def read_prose(pages: Sequence[str]) -> tuple[ProseFinding, ...]:
    """The sixteen mentions in a contract's pages, in the check-list's order."""
    sentences = [(number, sentence) for number, page in enumerate(pages, 1) for sentence in _sentences(page)]
    return tuple(_found(group, sentences) for group in GROUPS.values() if group.main)


def _found(group: Group, sentences: Sequence[tuple[int, str]]) -> ProseFinding:
    best: tuple[int, ProseFinding] | None = None
    for page, sentence in sentences:
        strength = _strength(group.code, sentence)
        if not strength:
            continue
        verdict: Verdict = "restates" if likeness(sentence).restates else "found"
        strength += 100 if verdict == "found" else 0
        if best is None or strength > best[0]:
            best = strength, ProseFinding(group, verdict, _quoted(sentence), page)
    return best[1] if best else ProseFinding(group, "lacking")


def _strength(code: str, sentence: str) -> int:
    """How many cues stand in the sentence, or 0 when one of the lists has none there."""
    plain = _plain(sentence)
    held = [[sum(_holds(plain, cue) for cue in cues) for cues in lists] for lists in _CUES[code].values()]
    return max((sum(counts) for counts in held if all(counts)), default=0)


def _holds(plain: str, cue: str) -> bool:
    return re.search(rf"\b{re.escape(cue)}", plain) is not None


def _sentences(page: str) -> Iterator[str]:
    for piece in _END.split(page):
        text = " ".join(piece.split())
        if len(text) >= _SHORTEST:
            yield text


def _quoted(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1].rstrip()}…"


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
