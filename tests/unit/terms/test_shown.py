"""What a text shows: by form, by key, by the words before a value."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.terms.shown import presumed, shown, terms_in, unreadable
from ecluse.terms.vocabulary import vocabulary

ADDRESS = {"patient.address", "patient.postcode", "patient.city"}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("06 12 34 56 78", {"patient.mobile"}),
        ("Tél : 0712345678.", {"patient.mobile"}),
        ("+33 6 12 34 56 78", {"patient.mobile"}),
        ("01.42.00.00.01", {"patient.phone"}),
        ("tel:+33-1-42-00-00-01", {"patient.phone"}),
        ("+33(0)2 97 00 00 01", {"patient.phone"}),
        ("écrire à a.b@exemple.fr", {"patient.email"}),
        ("279035121518989@patient.mssante.fr", {"patient.ins", "patient.nss", "patient.email"}),
        ("279035121518989", {"patient.ins", "patient.nss"}),
        ("2 79 03 51 215 189 (89)", {"patient.ins", "patient.nss"}),
        ("NIR 2 79 03 51 215 189 clé 89", {"patient.ins", "patient.nss"}),
        ("Matricule INS : 279035121518989", {"patient.ins"}),
        ("n° de sécurité sociale 2790351215189", {"patient.ins", "patient.nss"}),
        ("1.2.250.1.213.1.4.10", {"patient.ins_oid"}),
        ("56000 Vannes", ADDRESS),
        ("75007  PARIS", ADDRESS),
        ("12 bis, rue du Lavoir", {"patient.address"}),
        ("Adresse inconnue", ADDRESS),
        ("née le 28/03/1979", {"patient.birth_date"}),
        ("né(e) le 28/03/1979 à Vannes", {"patient.birth_date", "patient.birth_place"}),
        ("Sexe : F", {"patient.sex"}),
        ("Nom utilisé DUPONT", {"patient.used_name"}),
        ("décédée", {"patient.death_date"}),
        ("IPP 77", {"patient.id"}),
        ("médecin traitant", {"patient.doctor"}),
        ("Prescripteur : Dr X", {"prescriber.family_name"}),
    ],
)
def test_a_text_shows_what_its_form_or_the_word_before_it_says(text: str, fields: set[str]) -> None:
    """A number, an address or a label is known for what it is, however it is spaced, and names the fields that must all be named."""
    assert shown(text) == fields


@pytest.mark.parametrize(
    "text",
    ["Sodium : 140 mmol/L", "12000 Leucocytes", "25000 UI/L", "279035121518988", "demande 2021123456789", "1234567890", "12.06 34 56 78 90",
     "50000 et plus", "ref 0612345678901", "3,45 6,78", ""],
)  # fmt: skip
def test_results_and_numbers_of_requests_show_nobody(text: str) -> None:
    """A count of cells, a request's number, fifteen digits without a NIR's key: nothing is shown."""
    assert shown(text) == frozenset()


def test_a_name_is_presumed_and_an_unreadable_document_may_show_everything_of_a_patient() -> None:
    """No form tells a name: it is presumed; what cannot be read may show every identity, contact and national identifier field."""
    assert presumed() == {"patient.birth_name", "patient.given_names"}
    fields = vocabulary().kinds["patient"].fields
    assert unreadable() == {it.path for it in fields.values() if it.categories & {"ID", "CT", "NIR"}}
    assert "patient.doctor" not in unreadable()


def test_a_term_of_a_special_category_is_seen() -> None:
    """The words that laboratories use for HIV or cancer tell the category; a sodium tells none."""
    assert terms_in("Sérologie VIH négative, carcinome") == {"HIV", "ONC"}
    assert terms_in("Sodium 140") == frozenset()


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_any_text_is_read(text: str) -> None:
    """Whatever the characters, the answer is a set of fields of the vocabulary."""
    paths = {field.path for kind in vocabulary().kinds.values() for field in kind.fields.values()}
    assert shown(text) <= paths


@pytest.mark.parametrize("piece", ["a", "0", "06", "2 79 03 ", "12 rue", " ", "a@", "56000 V", "né le "])
def test_a_long_text_takes_a_time_in_proportion(piece: str) -> None:
    """A million characters of one kind are read in seconds: no row of the table goes back over what it read."""
    text = (piece * 1_000_000)[:1_000_000]
    begun = time.process_time()
    shown(text)
    assert time.process_time() - begun < 10
