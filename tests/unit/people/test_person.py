"""Persons, roles and permissions."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person, check_may, distinct, may
from ecluse.people.role import ROLES, Permission, Role, permissions
from tests.documents import BIOLOGIST, ENGINEER, SECOND


def test_a_person_is_written_by_id_only() -> None:
    """Neither the text nor the representation of a person holds the name or the professional number."""
    assert str(BIOLOGIST) == "p-7f3a"
    assert "Aubert" not in repr(BIOLOGIST)
    assert BIOLOGIST.professional_id not in repr(BIOLOGIST)


@pytest.mark.parametrize("wrong", ["", "aubert", "p-XYZ1", "p-7f3", "p-7f3a\n"])
def test_an_id_is_pseudonymous(wrong: str) -> None:
    """An id that could hold a name is refused, and not repeated."""
    with pytest.raises(Refusal, match="people/bad-id") as caught:
        Person(wrong, "Camille Aubert", "1", Role.DPO)
    assert not wrong or wrong not in caught.value.message("fr")


@pytest.mark.parametrize(("name", "number"), [(" ", "1"), ("Camille Aubert", "")])
def test_an_account_without_an_identified_person_is_refused(name: str, number: str) -> None:
    """There is no shared or anonymous account."""
    with pytest.raises(Refusal, match="people/not-identified"):
        Person("p-7f3a", name, number, Role.DPO)


def test_a_permission_is_held_or_refused() -> None:
    """A role holds a permission or its holder is refused, named by id and role."""
    assert may(BIOLOGIST, Permission.ACCEPT)
    check_may(BIOLOGIST, Permission.ACCEPT)
    with pytest.raises(Refusal) as caught:
        check_may(ENGINEER, Permission.ACCEPT)
    assert "p-b2e9" in caught.value.message("fr")
    assert "Noa" not in caught.value.message("fr") + str(caught.value)


def test_whoever_orders_does_not_carry_out() -> None:
    """No role both signs an instruction and extracts, nor loads and accepts: the two gates have two keepers."""
    orders = {Permission.SIGN_INSTRUCTION, Permission.SIGN_CODES, Permission.ACCEPT}
    carries_out = {Permission.EXTRACT, Permission.DEPOSIT, Permission.LOAD, Permission.RECONCILE}
    for role in Role:
        assert not (permissions(role) & orders and permissions(role) & carries_out), role


def test_every_role_is_described_and_every_permission_given() -> None:
    """Every role has its words in both languages, every permission at least one holder, and all may read the ledger."""
    assert set(ROLES) == set(Role)
    for line in ROLES.values():
        assert set(line.label) == set(line.does) == {"fr", "en"}
        assert Permission.READ_LEDGER in line.permissions
    assert frozenset().union(*(line.permissions for line in ROLES.values())) == set(Permission)


def test_two_accounts_of_one_professional_are_one_human() -> None:
    """People are told apart by their account and by their professional number, both."""
    again = Person("p-0001", "C. Aubert", f" {BIOLOGIST.professional_id} ", Role.SECOND_SIGNER)
    same = Person("p-81c2", "Somebody", "other", Role.SECOND_SIGNER)
    assert distinct([BIOLOGIST, again, SECOND, same]) == (BIOLOGIST, SECOND)
