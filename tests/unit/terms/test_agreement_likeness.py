"""Copies of the law are told from texts of one's own."""

from __future__ import annotations

import tomllib

import pytest

from ecluse.terms.agreement import MENTIONS
from ecluse.terms.agreement.judgement import quote_of
from ecluse.terms.agreement.likeness import likeness
from tests.documents import AGREEMENT

HONEST = [
    "Kalibio traite les seuls champs de l'instruction golfe-2026-001, signée par le Dr Aubert ; tout autre besoin attend une nouvelle signature.",
    "Aucun transfert hors EEE.",
    "Suppression de tous les colis le lendemain de l'acceptation ; le témoin du laboratoire assiste à l'essai de lecture.",
    "Sarah Lemoine and two engineers named in annex B signed the pledge of 3 October; the list is reviewed each Monday.",
    "Le sous-traitant ne traite les données à caractère personnel que sur instruction documentée du responsable du traitement : celle du 12 mars, signée par Mme Aubert et M. Le Goff, pour les sites de Vannes et Auray, jusqu'au 15 décembre, trois essais compris.",
    "The laboratory may visit the Rennes server room on five days' notice, free of charge, twice a year.",
]  # fmt: skip
EMPTY_OF_MEANING = [
    "Conforme à l'article 28 du RGPD.",
    "Le sous-traitant respecte toutes les obligations applicables.",
    "The processor complies with all applicable laws and regulations.",
    "Selon la réglementation en vigueur",
    "Oui.",
]


@pytest.mark.parametrize("text", HONEST)
def test_a_specific_text_passes(text: str) -> None:
    """A text that says who, what, where or when passes, even when it begins by quoting the law."""
    assert not likeness(text).restates


@pytest.mark.parametrize("text", EMPTY_OF_MEANING)
def test_a_reference_to_the_law_does_not(text: str) -> None:
    """A promise to obey the law, or a bare yes, is no mention."""
    assert likeness(text).restates


@pytest.mark.parametrize("mention", [one for one in MENTIONS.values() if one.clause], ids=lambda one: one.key)
def test_the_clauses_of_a_real_agreement_pass(mention: object) -> None:
    """Every clause of the complete agreement of these tests is far from the law."""
    value = tomllib.loads(AGREEMENT)
    for part in mention.key.split("."):  # type: ignore[attr-defined]
        value = value[part]
    measured = likeness(quote_of(value, longest=None))
    assert not measured.restates
    assert measured.share < 0.25


def test_two_halves_of_the_law_are_still_the_law() -> None:
    """A mosaic of several mentions of the law, in capitals and without accents, is a copy."""
    text = " ".join(
        MENTIONS[key].law["fr"].upper().replace("É", "E")
        for key in ("confidentiality.persons_committed", "audit.information")
    )
    assert likeness(text).restates
    assert likeness(text).share == 1


def test_nothing_is_like_nothing() -> None:
    """A text without words has nothing of its own."""
    assert likeness("").restates
