"""One human being (« personne »): the pseudonymous id that a ledger may write, and the name that it may not.

Decides what a person is made of and which role they hold. It does not decide who proved to be that person (credentials and keys do).
Source: CNIL deliberation 2021-122 (author individually identified; pseudonymous identifiers in logs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.people.role import Permission, Role, permissions

__all__ = ["Person", "check_may", "distinct", "may"]

ID: Final = re.compile(r"p-[0-9a-f]{4,32}")


@dataclass(frozen=True, slots=True)
class Person:
    """One human = one person = one account, never lent.

    `id` is pseudonymous ("p-7f3a") and the only part that a ledger, a log or a refusal names; `professional_id` is the RPPS number or
    the employer's own id, and tells two accounts of one human apart from two humans.
    Raises Refusal `people/bad-id` or `people/not-identified`.
    """

    id: str
    name: str = field(repr=False)
    professional_id: str = field(repr=False)
    role: Role

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise Refusal("people/bad-id", expected=ID.pattern)
        if not self.name.strip() or not self.professional_id.strip():
            raise Refusal("people/not-identified", where=self.id)

    def __str__(self) -> str:
        return self.id


def may(person: Person, permission: Permission) -> bool:
    """Whether the person's role holds this permission."""
    return permission in permissions(person.role)


def check_may(person: Person, permission: Permission) -> None:
    """Raise Refusal `people/may-not` unless the person's role holds this permission (« habilitation »)."""
    if not may(person, permission):
        raise Refusal("people/may-not", who=person.id, role=person.role.value, permission=permission.value)


def distinct(people: Iterable[Person]) -> tuple[Person, ...]:
    """The different humans among `people`, first seen first: a second account of one professional is not a second person."""
    ids: set[str] = set()
    professionals: set[str] = set()
    humans = []
    for person in people:
        professional = person.professional_id.strip().casefold()
        if person.id not in ids and professional not in professionals:
            humans.append(person)
        ids.add(person.id)
        professionals.add(professional)
    return tuple(humans)
