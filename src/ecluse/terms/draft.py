"""A mapping drafted from a profile: for every field, what probably stands where or why nothing is proposed, with how sure, and masked samples.

Decides how guesses read as a mapping; it proposes, and a person decides. A field that was not found is written under `without` with its reason. The
draft is a mapping that `parse_mapping` reads as it stands, as far as it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ecluse.base.words import number, say
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.guess import Guess, KindGuess, guesses
from ecluse.terms.masked import PRIVATE, samples
from ecluse.terms.profile import ColumnProfile, Profile
from ecluse.terms.vocabulary import Field, Vocabulary
from ecluse.terms.writing import comment, written

__all__ = ["draft_mapping"]

SEX: Final = {
    "1": "M", "2": "F", "9": "U", "0": "U", "M": "M", "F": "F", "U": "U", "I": "U", "O": "U", "H": "M", "m": "M", "f": "F", "u": "U", "male": "M",
    "female": "F", "unknown": "U",
}  # fmt: skip
FLAGS: Final = {"O": "true", "N": "false", "Y": "true", "1": "true", "0": "false", "T": "true", "F": "false"}
"""What old systems' codes for sexes and flags mean."""

CODE: Final = 2
"""Characters of a code that says whether someone is a man or a woman, and not who."""

LONGEST: Final = 120
"""Characters of a reason under `without`."""


def draft_mapping(
    profile: Profile, catalogue: Catalogue, vocabulary: Vocabulary, *, language: str = "en"
) -> str:
    """The draft, as a mapping's TOML. Raises Refusal `mapping/table-absent`, `mapping/column-absent` for a profile of another system."""
    found = guesses(profile, vocabulary=vocabulary)
    for held in found.values():
        for guess in held.fields.values():
            catalogue.column(guess.road.table, guess.column.name, where=f"{guess.field.path} (draft)")
    drafting = _Drafting(language)
    lines = [
        *comment(say("mapping.draft_head", language)),
        "[mapping]",
        f"system = {written(profile.system)}",
        "version = 1",
        "",
    ]
    for kind in vocabulary.kinds.values():
        if kind.name in found:
            lines += drafting.kind(found[kind.name])
        else:
            said = say(
                "mapping.draft_no_table", language, kind=kind.label[language], fields=", ".join(kind.fields)
            )
            lines += [f"# TODO [{kind.name}]: {said}", ""]
    secrets = [
        f"{table.name}.{column.name} ({column.secret})"
        for table in profile.tables.values()
        for column in table.columns.values()
        if column.secret
    ]
    told = ", ".join(secrets) or say("mapping.draft_no_secret", language)
    lines.append(f"# {say('mapping.draft_secrets', language)}{told}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Drafting:
    """One draft in one language."""

    language: str

    def kind(self, found: KindGuess) -> list[str]:
        """One kind: its table, every field of the vocabulary, its joins."""
        told = say("mapping.draft_table", self.language, count=len(found.fields))
        lines = [
            f"[{found.kind.name}]",
            f"table = {written(found.table.name)}    # {self._sure(found.confidence)}: {told}",
        ]
        for name, target in found.kind.fields.items():
            lines += (
                self._field(target, found.fields[name]) if name in found.fields else self._missed(found, name)
            )
        steps = {step[0]: step for guess in found.fields.values() for step in guess.road.steps}
        for alias, table, pairs in steps.values():
            on = ", ".join(f"{_key(joined)} = {written(outer)}" for joined, outer in pairs)
            role = written("catalogue" if _is_dictionary(table, found) else "context")
            lines += [
                f"[[{found.kind.name}.join]]",
                f"table = {written(table)}",
                f"as = {written(alias)}",
                f"on = {{ {on} }}    # {say('mapping.draft_key', self.language)}",
                f"role = {role}    # {say('mapping.draft_role', self.language)}",
            ]
        return [*lines, ""]

    def _missed(self, found: KindGuess, name: str) -> list[str]:
        """A field that is not taken, with its reason: the reason is the file's, and stands on its page."""
        missed = found.missed[name]
        why = missed.why.text(self.language)[:LONGEST]
        return [
            f"without.{name} = {written(why)}    # TODO {self._sure(missed.confidence)}: {missed.field.label[self.language]}"
        ]

    def _field(self, target: Field, guess: Guess) -> list[str]:
        parts = [f"column = {written(guess.name)}"]
        date = guess.column.finding("date")
        if target.type in ("date", "datetime") and date and guess.column.family == "text":
            parts.append(f"format = {written(date.detail)}")
        values, left = _values(target, guess.column)
        if values:
            pairs = ", ".join(f"{written(raw)} = {written(canonical)}" for raw, canonical in values.items())
            parts.append("values = { " + pairs + " }")
        if guess.column.absents:
            parts.append(f"absent = {written(guess.column.absents)}")
        if any(form.endswith(" ") or re.search(r" \{\d+\}$", form) for form, _ in guess.column.shapes):
            parts.append("trim = true")
        value = parts[0].removeprefix("column = ") if len(parts) == 1 else "{ " + ", ".join(parts) + " }"
        told = f"{self._sure(guess.confidence)}: {guess.why.text(self.language)}{self._samples(target, guess.column)}"
        lines = [f"fields.{target.name} = {value}    # {told}"]
        if left is None:
            return lines
        wanted = " | ".join(target.codes) if target.codes else "true | false"
        said = ", ".join(map(repr, left)) or say("mapping.draft_its_values", self.language)
        return [
            *lines,
            f"# TODO fields.{target.name}: {say('mapping.draft_say', self.language, left=said, wanted=wanted)}",
        ]

    def _samples(self, target: Field, column: ColumnProfile) -> str:
        shown = samples(target, column)
        return "".join(f" | {_printable(text)} ×{number(times, self.language)}" for text, times in shown)

    def _sure(self, confidence: float) -> str:
        return f"{confidence:.0%}"


def _printable(text: str) -> str:
    """A sample on one line of a comment, between the marks that part it from the next."""
    return "".join(letter if letter.isprintable() and letter != "|" else "·" for letter in text)


def _is_dictionary(table: str, found: KindGuess) -> bool:
    return any(
        guess.road.table == table and guess.column.name in ("description", "name", "label")
        for guess in found.fields.values()
    )


def _values(target: Field, column: ColumnProfile) -> tuple[dict[str, str], list[str] | None]:
    """Raw to canonical, where it is plain; and what is left to a person, None if nothing is."""
    if column.family == "flag" or not (target.codes or target.type == "flag"):
        return {}, None
    sexes = column.finding("sex")
    raw = (
        sexes.detail.split("/")
        if sexes and target.name == "sex"
        else [
            value
            for value, _ in column.frequent
            if value.strip() and (len(value) <= CODE or not target.categories & PRIVATE)
        ]
    )
    known = _known(target, raw)
    values: dict[str, str] = {}
    for value in sorted(raw):
        if value in known and known[value] not in values.values():
            values[value] = known[value]
    left = [value for value in raw if value not in values]
    plain = all(value == canonical for value, canonical in values.items())
    return {} if plain else values, left if left or not raw else None


def _known(target: Field, raw: list[str]) -> dict[str, str]:
    """What these raw codes mean: by a known set, as they are, or by initials where no two canonical codes share one."""
    if target.name == "sex":
        return SEX
    if target.type == "flag":
        return FLAGS
    initials = {code[0].upper(): code for code in target.codes}
    if len(initials) == len(target.codes) and all(value.upper() in initials for value in raw):
        return {value: initials[value.upper()] for value in raw}
    return {code: code for code in target.codes}


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else written(name)
