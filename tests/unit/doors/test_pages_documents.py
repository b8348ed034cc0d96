"""What the report says of documents: how many were opened, and in plain words why one stayed."""

from __future__ import annotations

import pytest

from ecluse.doors.pages.counts import excluded_part
from ecluse.doors.pages.tongue import Tongue
from tests.unit.doors import told


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "content: holds patient.nss, patient.address",
            "montre ce que l'instruction ne nomme pas : numéro de l'assuré, adresse",
        ),
        ("content: category HIV", "contient une catégorie non nommée : VIH"),
        ("content: unreadable (scan)", "illisible (scan)"),
        ("content: archive", "archive : jamais ouverte"),
        ("content: repeats what was taken out", "répète ce qui en a été retiré"),
        ("content: not-opened", "rien n'a pu l'ouvrir"),
        ("comment: document-in-text", "un fichier se trouve dans un texte"),
    ],
)
def test_why_a_document_stayed_is_said_in_plain_words(reason: str, words: str) -> None:
    """Fields and categories by their names; no code of ours."""
    assert words in Tongue("fr").reason("document", reason)


def test_the_report_counts_the_documents_that_were_opened() -> None:
    """By form and fate; where none was opened, it says so."""
    kind = told.kind("document", opened={"cda: filtered": 12, "pdf in cda: refused": 3})
    result = told.reconciled(kind)
    page = str(excluded_part(result, Tongue("fr")))
    assert "cda : filtré" in page.replace("\u202f", " ").replace("\xa0", " ")
    assert "12" in page
    none = told.reconciled(told.kind("document"))
    assert "Aucun document n'a été ouvert" in str(excluded_part(none, Tongue("fr"))).replace(
        "&#x27;", "'"
    ).replace("&#39;", "'")
