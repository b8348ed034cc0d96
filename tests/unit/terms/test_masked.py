"""What a draft says of every field, and the samples it shows: never whose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ecluse.base.words import LANGUAGES
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable
from ecluse.terms.draft import draft_mapping
from ecluse.terms.guess import guesses
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.masked import PRIVATE, samples
from ecluse.terms.mistakes import mistakes
from ecluse.terms.profile import Profile, profile_table
from ecluse.terms.vocabulary import vocabulary

MARK = "ZQMARTIN"
ROWS = {
    "NUMPAT": [f"P{row:04}" for row in range(60)],
    "NOMNAI": [MARK] * 60,
    "NOMUSU": ["a|b\t c"] * 60,
    "PRENOM": ["Zqjeanne"] * 59 + ["X"],
    "SEXE": ["ZQ homme", "ZQ femme"] * 30,
    "DATNAI": ["19840229"] * 60,
    "VILLE": ["Zqvannes"] * 60,
    "MDP": ["zqsecret"] * 60,
    "ETAT": ["V"] * 60,
    "VIL": [None] * 60,
}  # fmt: skip


def profiled(rows: dict[str, Sequence[object]], table: str = "PATIENT") -> tuple[Profile, Catalogue]:
    made = CatalogueTable(
        table, {name: CatalogueColumn(name, "text", "text") for name in rows}, (next(iter(rows)),)
    )
    found = profile_table(made, rows=60, sample=rows)
    return Profile("old", "sqlite", {table: found}), Catalogue("sqlite", {table: made})


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_value_of_a_person_stands_in_a_draft(language: str) -> None:
    """A name seen sixty times, a town, a first name seen once, a secret: none is shown, in either language; shapes are."""
    text = draft_mapping(*profiled(ROWS), vocabulary(), language=language)
    assert "zq" not in text.casefold()
    assert "A{8}" in text
    assert "19840229" not in text


def test_a_field_of_a_person_shows_shapes_only_and_another_its_codes() -> None:
    """Even a frequent value of an identity field is a shape; of a status, the codes seen five times are shown; of a secret nothing."""
    columns = (
        profiled(
            {
                "id": ["1"] * 60,
                "SEXE": ["1"] * 40 + ["2"] * 20,
                "ETAT": ["V"] * 56 + ["S"] * 4,
                "MDP": ["x"] * 60,
            }
        )[0]
        .tables["PATIENT"]
        .columns
    )
    fields = vocabulary().kinds
    assert samples(fields["patient"].fields["sex"], columns["SEXE"]) == (("9", 60),)
    assert samples(fields["result"].fields["status"], columns["ETAT"]) == (("V", 56),)
    assert samples(fields["result"].fields["status"], columns["MDP"]) == ()
    assert {"ID", "NIR", "FREE"} <= PRIVATE


def test_every_field_says_how_sure_and_why() -> None:
    """Of a kind that was recognised, every field is proposed or left with its reason; of one that was not, all are named at 0 %."""
    profile, catalogue = profiled(ROWS)
    text = draft_mapping(profile, catalogue, vocabulary())
    drafted = parse_mapping(text.encode(), vocabulary=vocabulary())
    patient = drafted.kinds["patient"]
    assert set(patient.fields) | set(patient.without) == set(vocabulary().kinds["patient"].fields)
    assert mistakes(text.encode(), vocabulary=vocabulary()) == ()
    lines = [line for line in text.splitlines() if line.startswith(("fields.", "without."))]
    assert all("%: " in line.partition("    # ")[2] for line in lines)
    assert "Fields without a proposal (0%): id, request, act" in text


def test_why_a_field_was_missed_is_said() -> None:
    """Another field has its column, its best column is too unsure, no column has such values, or none has such a name."""
    rows = {name: ["x"] * 9 for name in ("NUMPAT", "NOMNAI", "COMMENTAIRE2", "PRIMARYPHONE")}
    found = guesses(profiled(rows)[0], vocabulary=vocabulary())["patient"]
    missed = {name: (one.why.text("en"), one.confidence) for name, one in found.missed.items()}
    [taken] = {"comment", "comment_2"} & missed.keys()
    other = "comment_2" if taken == "comment" else "comment"
    assert missed[taken] == (f"COMMENTAIRE2 looks like it (83%), but is already patient.{other}", 0.83)
    assert missed["phone"] == ("at best PRIMARYPHONE (41%): too unsure", 0.41)
    assert missed["email"] == ("no column of such a name or such values (email)", 0.0)
    assert missed["used_name"] == ("no column of such a name", 0.0)
    assert set(found.fields) | set(missed) == set(vocabulary().kinds["patient"].fields)
