"""The two ways of saying no: a stable code, the rule it rests on, an exit code, a message and a hint in two languages."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import EXITS, Fault, Refusal, rules


def test_a_refusal_says_what_where_and_what_to_do() -> None:
    """The message and the hint are filled from the values given, in the language asked for."""
    said = Refusal("mapping/column-absent", where="patient: NOM", got="PATIENT.NOM")
    assert (said.code, said.exit) == ("mapping/column-absent", 10)
    assert "PATIENT.NOM" in said.message()
    assert "PATIENT.NOM" in said.message("fr")
    assert said.message("fr") != said.message("en")
    assert said.hint("fr")
    assert said.hint() == said.hint("en")
    assert said.law() == said.rule.rule["en"]
    assert str(said) == f"mapping/column-absent: {said.message()}"
    assert said.args == ("mapping/column-absent",)


def test_a_fault_says_whether_to_retry() -> None:
    """A cut connection may be tried again; what will not mend itself says so."""
    assert Fault("source/connection-cut", where="patient", got="x").retry
    assert not Fault("target/failed", where="people", got="x").retry


def test_the_law_is_named_in_the_language_asked_for() -> None:
    """A refusal told in French rests on the RGPD, told in English on the GDPR: one rule, never the other's words."""
    said = Refusal("plan/mapping-differs", where="patient", expected="a", got="b")
    assert said.law("fr") == "RGPD art. 28(3)(a), 29 : un octet changé = une autre instruction"
    assert said.law() == said.law("en") == "GDPR Art. 28(3)(a), 29: one byte changed = another instruction"


def test_an_unknown_code_is_a_bug() -> None:
    """A code that is not in the table cannot be raised."""
    with pytest.raises(KeyError):
        Refusal("nothing/like-this")


def test_every_line_of_the_table_ends_with_a_known_exit() -> None:
    """Exit codes are those that the manual lists, and each is written in both languages."""
    assert {rule.exit for rule in rules().values()} <= EXITS.keys()
    assert all(all(both) for both in EXITS.values())


def test_a_fault_says_what_it_rests_on_and_whether_to_try_again() -> None:
    """Beside its message, what was said tells its rule in both languages; only a fault tells whether the same command may succeed later."""
    fault = Fault("ledger/concurrent", expected=1, got=2)
    assert fault.retry is rules()["ledger/concurrent"].retry
    assert [fault.law(language) for language in ("en", "fr")] == [fault.rule.rule[it] for it in ("en", "fr")]
