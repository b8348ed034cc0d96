"""The table of mentions (« mentions »): every clause that an agreement must hold, its article, and what is expected there.

It is data (`mentions.toml`), read once. It decides what is asked and under which article; it does not judge what is answered.
Sources: GDPR Art. 28(2) to (4) and (9), 30(2), 33(2); Commission Decision (EU) 2021/915; CSP R.1111-11.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

from ecluse.base.law import Citation, cite

__all__ = ["COMMON_WORDS", "GROUPS", "MENTIONS", "Condition", "Form", "Group", "Mention"]

Form = Literal["text", "choice", "texts", "categories", "safeguards", "processors", "date", "days", "hours"]
Condition = Literal["always", "never", "no-event", "mode-general", "mode-not-none", "end-return", "hosted"]


@dataclass(frozen=True, slots=True)
class Group:
    """One line of a reader's check-list: P1 to P8 and a to h are the sixteen of Art. 28(3), X1 to X6 what practice adds."""

    code: str
    label: dict[str, str]

    @property
    def main(self) -> bool:
        """Whether it is one of the sixteen."""
        return not self.code.startswith("X")


@dataclass(frozen=True, slots=True)
class Mention:
    """One required clause: where it stands in the document, what is expected, and the law's own wording (never to be copied back)."""

    key: str
    group: str
    citation: Citation
    form: Form
    label: dict[str, str]
    expects: dict[str, str]
    law: dict[str, str]
    needed_if: Condition = "always"
    clause: bool = False
    choices: tuple[str, ...] = ()

    @property
    def article(self) -> str:
        """The article that asks for it."""
        return self.citation.article


def _mention(key: str, line: dict[str, Any]) -> Mention:
    return Mention(
        key=key,
        group=line["group"],
        citation=cite(line["article"]),
        form=line["form"],
        label={"fr": line["fr"], "en": line["en"]},
        expects={"fr": line["expects_fr"], "en": line["expects_en"]},
        law={language: line[f"law_{language}"] for language in ("fr", "en") if f"law_{language}" in line},
        needed_if=line.get("needed_if", "always"),
        clause=line.get("clause", False),
        choices=tuple(line.get("choices", ())),
    )


_SOURCE: Final = tomllib.loads(resources.files(__package__).joinpath("mentions.toml").read_text("utf-8"))

GROUPS: Final[dict[str, Group]] = {code: Group(code, dict(label)) for code, label in _SOURCE["group"].items()}
"""The check-list's lines, in reading order."""

MENTIONS: Final[dict[str, Mention]] = {key: _mention(key, line) for key, line in _SOURCE["mention"].items()}
"""Every mention by its key in the document, in the order of the document."""

COMMON_WORDS: Final[frozenset[str]] = frozenset(_SOURCE["common_words"].split())
"""Words without accents that no clause may claim as its own."""
