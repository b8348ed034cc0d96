"""The classification of local codes (« classification »): for each of the laboratory's own codes, the special categories that it reveals.

The presence of a test is of its category, whatever its result: so the code decides. Decides which codes are known and what each reveals; a code
that nobody classified blocks the run until a biologist signs it. It does not decide what is excluded: the instruction names what may leave.
Sources: GDPR Art. 9; CSP L.6211-11; law-and-laboratory 5, rules 1 to 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person, may
from ecluse.people.role import Permission
from ecluse.terms.document import Table, digest_of, quoted, read
from ecluse.terms.vocabulary import Vocabulary
from ecluse.terms.writing import entry

__all__ = ["SYSTEMS", "Classification", "LocalCode", "parse", "render"]

SYSTEMS: Final = {"result.code": "test", "invoice.act": "act"}
"""Which of the laboratory's lists of codes each classified field holds: its tests, or its invoiced acts."""

_LOINC: Final = re.compile(r"[0-9]{1,7}-[0-9]")
_NAMED_IN_REFUSAL: Final = 20


@dataclass(frozen=True, slots=True)
class LocalCode:
    """One local code: its list ("test" or "act"), its label, the special categories it reveals (none: ordinary health), its LOINC code."""

    system: str
    code: str
    label: str
    categories: tuple[str, ...] = ()
    loinc: str | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """All codes that a biologist classified, by list and code. `digest` is that of the exact bytes that were signed."""

    lines: Mapping[tuple[str, str], LocalCode] = field(hash=False)
    digest: str = field(default="", compare=False)

    def codes(self, path: str) -> frozenset[str]:
        """Every code classified for the field `path`."""
        return frozenset(code for system, code in self.lines if system == SYSTEMS[path])

    def categories(self, path: str, code: str) -> tuple[str, ...]:
        """The special categories that `code` reveals in the field `path`. Raises Refusal `codes/unclassified`."""
        self.check({path: [code]})
        return self.lines[SYSTEMS[path], code].categories

    def unclassified(self, seen: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
        """The (field path, code) pairs that nobody classified, among the codes seen in each classified field, in order."""
        return sorted(
            (path, code)
            for path, codes in seen.items()
            for code in set(codes)
            if (SYSTEMS[path], code) not in self.lines
        )

    def check(self, seen: Mapping[str, Iterable[str]]) -> None:
        """Raise Refusal `codes/unclassified` if any code seen is not classified. Codes are the laboratory's words, not a person's."""
        unknown = self.unclassified(seen)
        if unknown:
            names = ", ".join(f"{path} {quoted(code)!r}" for path, code in unknown[:_NAMED_IN_REFUSAL])
            raise Refusal("codes/unclassified", count=len(unknown), got=names)

    def excluded_codes(self, path: str, allowed: set[str] | frozenset[str]) -> dict[str, str]:
        """The codes of the field `path` that reveal a category not allowed, each with the first such category."""
        excluded = {}
        for (system, code), line in self.lines.items():
            withheld = [category for category in line.categories if category not in allowed]
            if system == SYSTEMS[path] and withheld:
                excluded[code] = withheld[0]
        return excluded


def parse(payload: bytes, *, vocabulary: Vocabulary, signers: Iterable[Person]) -> Classification:
    """The classification in verified bytes, its categories in the vocabulary's order.

    Raises Refusal `codes/not-signed` unless one signer may sign codes, `codes/unknown-category`, `codes/classified-twice`,
    and `document/...`.
    """
    if not any(may(person, Permission.SIGN_CODES) for person in signers):
        raise Refusal("codes/not-signed")
    table = read(payload, where="codes")
    codes: dict[tuple[str, str], LocalCode] = {}
    for row in table.tables("code"):
        line = _line(row, vocabulary)
        if (line.system, line.code) in codes:
            raise Refusal("codes/classified-twice", system=line.system, got=quoted(line.code))
        codes[line.system, line.code] = line
    table.end()
    return Classification(MappingProxyType(codes), digest_of(payload))


def _line(row: Table, vocabulary: Vocabulary) -> LocalCode:
    """One code. Every line says its categories: an empty list is a decision, an absent one is not."""
    system = row.choice("system", tuple(SYSTEMS.values()))
    code = row.exact("code")
    named = row.texts("categories")
    for category in named:
        if category not in vocabulary.special:
            raise Refusal(
                "codes/unknown-category",
                where=row.where,
                got=quoted(category),
                known=", ".join(vocabulary.special),
            )
    loinc = row.shaped("loinc", _LOINC) if row.has("loinc") else None
    line = LocalCode(
        system, code, row.text("label"), tuple(each for each in vocabulary.special if each in named), loinc
    )
    row.end()
    return line


def render(rows: Iterable[LocalCode]) -> str:
    """The document to be signed, one table for each code, in the order given."""
    lines: list[str] = []
    for row in rows:
        lines += [
            "[[code]]",
            *entry("system", row.system),
            *entry("code", row.code),
            *entry("label", row.label),
        ]
        lines += [*entry("categories", row.categories), *entry("loinc", row.loinc), ""]
    return "\n".join(lines)
