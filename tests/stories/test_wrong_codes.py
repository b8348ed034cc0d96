"""Codes decided by a person: a proposal maps nothing, and a mass is never carried under the code of an amount of substance."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.code_map import (
    Decision,
    Draft,
    LocalTest,
    catalogue,
    drafted,
    parse,
    proposed,
    read_draft,
    render,
)
from tests.documents import BIOLOGIST, DPO, ENGINEER, REPRESENTATIVE, SECOND

FILE = b"code,name\n14749-6,Glucose [Moles/volume] in Serum or Plasma\n2345-7,Glucose [Mass/volume] in Serum or Plasma\n"
BEFORE = LocalTest("test", "GLY", "g/L", "GLYC", "Sang fluoré")
AFTER = LocalTest("test", "GLY", "mmol/L", "GLYC", "Sang fluoré")


def draft() -> Draft:
    known = catalogue([("loinc.csv", FILE)])
    return drafted(proposed(known, [BEFORE, AFTER]), catalogues=[], language="fr")


def test_a_proposal_maps_nothing() -> None:
    """However likely a proposal is, a document signed without a decision maps no code."""
    assert all(line.offered[0].likelihood == "very-likely" for line in draft().lines)
    assert parse(render(draft(), language="fr").encode(), signers=[BIOLOGIST]).targets == {}


def test_a_code_whose_unit_changed_is_decided_twice() -> None:
    """One local code in g/L, then in mmol/L, is two lines: each is proposed the code of its own unit."""
    assert {line.local.unit: line.offered[0].target for line in draft().lines} == {
        "g/L": "2345-7",
        "mmol/L": "14749-6",
    }


def test_a_mass_is_not_carried_as_an_amount() -> None:
    """The code of the other unit cannot be chosen, neither in the review nor by a hand in the file."""
    wrong = Decision("14749-6", BIOLOGIST.id, "le plus courant")
    with pytest.raises(Refusal) as caught:
        draft().decided(("test", "GLY", "g/L"), wrong)
    assert caught.value.code == "codes/another-dimension"
    right = draft().decided(("test", "GLY", "g/L"), Decision("2345-7", BIOLOGIST.id, "masse par volume"))
    text = render(right, language="fr")
    with pytest.raises(Refusal):
        read_draft(
            text.replace(
                '[code.decision]\n  target = "2345-7"', '[code.decision]\n  target = "14749-6"'
            ).encode()
        )


@pytest.mark.parametrize("signer", [SECOND, DPO, REPRESENTATIVE, ENGINEER], ids=lambda person: person.role)
def test_nobody_but_a_biologist_decides_what_a_test_is_called(signer: object) -> None:
    """A map signed by anyone else maps nothing."""
    with pytest.raises(Refusal) as caught:
        parse(render(draft(), language="fr").encode(), signers=[signer])  # type: ignore[list-item]
    assert caught.value.code == "codes/map-not-signed"
