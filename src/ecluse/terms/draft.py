"""A mapping drafted from a profile: what probably stands where, with the reason and the confidence of each line.

Decides how guesses read as a mapping; it proposes, and a person decides. What was not found is a TODO line. The draft is a mapping that
`parse_mapping` reads as it stands, as far as it goes.
"""

from __future__ import annotations

import re
from typing import Final

from ecluse.terms.catalogue import Catalogue
from ecluse.terms.guess import Guess, KindGuess, guesses
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


def draft_mapping(profile: Profile, catalogue: Catalogue, vocabulary: Vocabulary) -> str:
    """The draft, as a mapping's TOML. Every proposed line says why and how sure; what was not found is a TODO."""
    found = guesses(profile, vocabulary=vocabulary)
    for held in found.values():  # what is proposed exists: a profile of another system is refused here
        for guess in held.fields.values():
            catalogue.column(guess.road.table, guess.column.name, where=f"{guess.field.path} (draft)")
    lines = [
        *comment("Drafted by `ecluse profile` from names, values and keys. Read every line: a person answers for a mapping, not a guess."),
        "[mapping]", f"system = {written(profile.system)}", "version = 1", "",
    ]  # fmt: skip
    for kind in vocabulary.kinds.values():
        if kind.name in found:
            lines += _written_kind(found[kind.name])
        else:
            lines += [f"# TODO [{kind.name}]: no table was recognised for {kind.label['en']}", ""]
    secrets = [
        f"{table.name}.{column.name} ({column.secret})"
        for table in profile.tables.values()
        for column in table.columns.values()
        if column.secret
    ]
    lines.append("# Secrets, never mapped: " + (", ".join(secrets) or "none seen"))
    return "\n".join(lines) + "\n"


def _written_kind(found: KindGuess) -> list[str]:
    lines = [
        f"[{found.kind.name}]",
        f"table = {written(found.table.name)}    # {found.confidence:.0%}: its name and {len(found.fields)} fields",
    ]
    for name, target in found.kind.fields.items():
        guess = found.fields.get(name)
        lines += (
            _written_field(target, guess)
            if guess
            else [f"# TODO fields.{name} = ...    # {target.label['en']}: not found"]
        )
    steps = {step[0]: step for guess in found.fields.values() for step in guess.road.steps}
    for alias, table, pairs in steps.values():
        on = ", ".join(f"{_key(joined)} = {written(outer)}" for joined, outer in pairs)
        lines += [
            f"[[{found.kind.name}.join]]",
            f"table = {written(table)}",
            f"as = {written(alias)}",
            f"on = {{ {on} }}    # by its foreign key",
        ]
        lines += [
            f"role = {written('catalogue' if _is_dictionary(table, found) else 'context')}    # TODO owned, catalogue or context"
        ]
    return [*lines, ""]


def _is_dictionary(table: str, found: KindGuess) -> bool:
    return any(
        guess.road.table == table and guess.column.name in ("description", "name", "label")
        for guess in found.fields.values()
    )


def _written_field(target: Field, guess: Guess) -> list[str]:
    parts = [f"column = {written(guess.name)}"]
    notes = [f"{guess.confidence:.0%}: {guess.reason}"]
    date = guess.column.finding("date")
    if target.type in ("date", "datetime") and date and guess.column.family == "text":
        parts.append(f"format = {written(date.detail)}")
    values, todo = _values(target, guess.column)
    if values:
        parts.append(
            "values = { "
            + ", ".join(f"{written(raw)} = {written(canonical)}" for raw, canonical in values.items())
            + " }"
        )
    if guess.column.absents:
        parts.append(f"absent = {written(guess.column.absents)}")
    if any(form.endswith(" ") or re.search(r" \{\d+\}$", form) for form, _ in guess.column.shapes):
        parts.append("trim = true")
    value = parts[0].removeprefix("column = ") if len(parts) == 1 else "{ " + ", ".join(parts) + " }"
    lines = [f"fields.{target.name} = {value}    # {'; '.join(notes)}"]
    return lines + ([f"# TODO fields.{target.name}: {todo}"] if todo else [])


def _values(target: Field, column: ColumnProfile) -> tuple[dict[str, str], str]:
    """Raw to canonical, where it is plain; and what is left to a person."""
    if column.family == "flag" or not (target.codes or target.type == "flag"):
        return {}, ""
    sexes = column.finding("sex")
    raw = (
        sexes.detail.split("/")
        if sexes and target.name == "sex"
        else [value for value, _ in column.frequent if value.strip()]
    )
    known = _known(target, raw)
    values: dict[str, str] = {}
    for value in sorted(raw):
        if value in known and known[value] not in values.values():
            values[value] = known[value]
    left = [value for value in raw if value not in values]
    plain = all(value == canonical for value, canonical in values.items())
    wanted = " | ".join(target.codes) if target.codes else "true | false"
    todo = f"say which of {', '.join(map(repr, left)) or 'its values'} is {wanted}" if left or not raw else ""
    return {} if plain else values, todo


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
