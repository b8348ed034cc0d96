"""What an instruction may name, and what must be named together.

Decides on names alone: no wildcard, no credential, nothing outside the vocabulary; a child needs its parent, a result its visibility, an INS
its traits; free text, documents and special categories need a reason. Sources: GDPR Art. 5(1)(c), 9 and 29; SAN-2022-009; CSP
D.6211-3 and R.1111-8-2; référentiel INS (status and five strict traits move together).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.terms.document import quoted
from ecluse.terms.instruction.content import Instruction, NamedField
from ecluse.terms.vocabulary import Field, Kind, Vocabulary

__all__ = [
    "EEA",
    "LEAST_REASON",
    "check_named",
    "check_together",
    "refuse_wildcard",
    "taken",
    "without_lone_ins",
]

LEAST_REASON: Final = 12
"""The shortest reason, in characters."""

EEA: Final = frozenset(
    {
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IS",
        "IT",
        "LI",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "NO",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    }
)
"""The European Economic Area, by ISO 3166 code: the twenty-seven, Iceland, Liechtenstein and Norway."""

_WILDCARD: Final = re.compile(r"[*%?]|\.\.\.|…")
_EVERYTHING: Final = frozenset({"all", "any", "every", "everything", "tous", "tout", "toute", "toutes"})
_CREDENTIAL: Final = re.compile(
    r"mdp|mot_?de_?passe|passe?w|passw|passphrase|pwd|code_?acc[eè]s|access_?code|log_?in|identifiant_?(?:de_?)?connexion|secret|jeton|"
    r"token|credential|otp|\bpin\b|api_?key|cle_?privee|private_?key|hash|sel_?crypto|salt",
    re.IGNORECASE,
)

_LOOSE: Final = frozenset({"prescriber", "specimen"})
"""Kinds that a record can do without: the others are what ties it to its patient."""

_COMPANIONS: Final = {"result": ("status", "visibility"), "document": ("visibility",)}
"""What must go with a kind whenever it goes: absent, it would be shown to the wrong person, or before it was validated."""

_INS: Final = ("ins", "ins_oid")
_INS_WITH: Final = (
    "ins",
    "ins_oid",
    "ins_status",
    "birth_name",
    "given_names",
    "birth_date",
    "sex",
    "birth_place",
)


def refuse_wildcard(word: str, *, where: str) -> None:
    """Raise Refusal `instruction/wildcard` if a name stands for more than itself."""
    if _WILDCARD.search(word) or word.strip().casefold() in _EVERYTHING:
        raise Refusal("instruction/wildcard", where=where, got=quoted(word))


def taken(kind: str, names: tuple[str, ...], *, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The fields taken of one kind, in the vocabulary's order.

    Raises Refusal `instruction/wildcard`, `instruction/credential`, `instruction/unknown-kind` or `instruction/unknown-field`.
    """
    known = vocabulary.kinds.get(kind)
    for word in (kind, *names):
        refuse_wildcard(word, where=f"records.{quoted(kind)}")
        foreign = known is None or (word != kind and word not in known.fields)
        if foreign and _CREDENTIAL.search(word):
            raise Refusal("instruction/credential", where=f"records.{quoted(kind)}", got=quoted(word))
    if known is None:
        raise Refusal("instruction/unknown-kind", got=quoted(kind), known=", ".join(vocabulary.kinds))
    for name in names:
        if name not in known.fields:
            raise Refusal(
                "instruction/unknown-field", where=kind, got=quoted(name), known=", ".join(known.fields)
            )
    return tuple(name for name in known.fields if name in names)


def check_together(records: Mapping[str, tuple[str, ...]], *, vocabulary: Vocabulary) -> None:
    """Raise Refusal `instruction/parent-not-named` or `instruction/companion-not-named` for what must go with what is taken."""
    for kind, names in records.items():
        _check_parents(vocabulary.kinds[kind], names, records)
        lacking = [name for name in _COMPANIONS.get(kind, ()) if name not in names]
        if kind == "patient" and any(name in names for name in _INS):
            lacking += [name for name in _INS_WITH if name not in names]
        if lacking:
            raise Refusal(
                "instruction/companion-not-named",
                where=kind,
                got=", ".join(f"{kind}.{name}" for name in lacking),
            )


def without_lone_ins(kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` less an INS number that lacks what must go with it, so that a draft proposes nothing that would be refused."""
    if kind != "patient" or set(_INS_WITH) <= set(names):
        return names
    return tuple(name for name in names if name not in _INS)


def _check_parents(kind: Kind, names: tuple[str, ...], records: Mapping[str, tuple[str, ...]]) -> None:
    """A record goes with its own id, the reference to its parent, and the parent's id."""
    lacking = [] if "id" in names else [f"{kind.name}.id"]
    for reference in kind.parents:
        parent = str(reference.parent)
        tying = parent not in _LOOSE
        if tying and reference.name not in names:
            lacking.append(reference.path)
        if (tying or reference.name in names) and "id" not in records.get(parent, ()):
            lacking.append(f"{parent}.id")
    if lacking:
        raise Refusal("instruction/parent-not-named", where=kind.name, got=", ".join(dict.fromkeys(lacking)))


def check_named(instruction: Instruction, *, vocabulary: Vocabulary) -> None:
    """Raise a refusal unless special categories, free text and documents are each named once, with a reason, and taken.

    `instruction/unknown-category`, `instruction/category-not-named`, `instruction/free-text-not-named`,
    `instruction/document-not-named`, `instruction/reason-without-field`, `instruction/named-twice`.
    """
    for named in instruction.special:
        if named.category not in vocabulary.special:
            known = ", ".join(vocabulary.special)
            raise Refusal("instruction/unknown-category", got=quoted(named.category), known=known)
    _check_once([named.category for named in instruction.special], where="special")
    fields = [
        vocabulary.kinds[kind].fields[name] for kind, names in instruction.records.items() for name in names
    ]
    for field in fields:
        for category in sorted(field.categories.intersection(vocabulary.special) - instruction.categories):
            raise Refusal("instruction/category-not-named", where=field.path, got=category)
    free_texts = [field for field in fields if "FREE" in field.categories]
    documents = [field for field in fields if "DOC" in field.categories]
    for path in _unexplained(free_texts, instruction.free_text, where="free_text"):
        raise Refusal("instruction/free-text-not-named", got=path)
    for path in _unexplained(documents, instruction.documents, where="document"):
        raise Refusal("instruction/document-not-named", got=path)


def _unexplained(fields: Collection[Field], reasons: tuple[NamedField, ...], *, where: str) -> list[str]:
    """The fields without a reason. Raises for a reason without its field."""
    _check_once([reason.field for reason in reasons], where=where)
    asked = {field.path for field in fields}
    given = {reason.field for reason in reasons}
    for path in sorted(given - asked):
        raise Refusal("instruction/reason-without-field", where=where, got=quoted(path))
    return sorted(asked - given)


def _check_once(names: Collection[str], *, where: str) -> None:
    if len(set(names)) != len(names):
        raise Refusal("instruction/named-twice", where=where)
