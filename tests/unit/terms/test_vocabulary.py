"""The vocabulary is consistent with itself, and no field of it can hold a credential."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.vocabulary import TYPES, vocabulary

WORDS = vocabulary()


def test_every_field_has_a_type_known_categories_and_two_labels() -> None:
    """Nothing in the vocabulary points outside it, and parents come before their children."""
    seen: list[str] = []
    for kind in WORDS.kinds.values():
        assert next(iter(kind.fields)) == "id"
        for field in kind.fields.values():
            assert field.type in TYPES
            assert field.categories <= WORDS.categories.keys()
            assert field.categories
            assert all(field.label[language].strip() for language in ("fr", "en"))
            assert field.parent is None or field.parent in seen
            assert bool(field.codes) is (field.type == "code")
        seen.append(kind.name)


def test_no_field_is_a_credential() -> None:
    """No name, label or category of a field speaks of a password, a login or a token."""
    words = " ".join(
        f"{field.path} {' '.join(field.label.values())}"
        for kind in WORDS.kinds.values()
        for field in kind.fields.values()
    ).lower()
    assert not [
        word
        for word in ("passw", "mot de passe", "login", "token", "secret question", "credential")
        if word in words
    ]


def test_a_kind_tells_its_parents_and_its_codes() -> None:
    """What a result refers to, and which of its fields says what it reveals."""
    result, patient = WORDS.kinds["result"], WORDS.kinds["patient"]
    assert [field.name for field in result.parents] == ["request", "specimen"]
    assert result.classified is not None
    assert (result.classified.path, patient.classified) == ("result.code", None)
    assert WORDS.special == ("HIV", "STI", "GEN", "PREG", "ONC", "TOX", "PSY")


def test_what_is_not_in_it_is_refused() -> None:
    """An unknown kind or field is refused with those that are known."""
    with pytest.raises(Refusal, match="vocabulary/unknown-kind"):
        WORDS.field("portal.login")
    with pytest.raises(Refusal, match="vocabulary/unknown-field"):
        WORDS.field("patient.password")
    assert WORDS.field("patient.sex").codes == ("M", "F", "U")
