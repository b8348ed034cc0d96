"""The table of articles."""

from __future__ import annotations

import pytest

from ecluse.base.law import CITATIONS, cite
from ecluse.base.refusal import Refusal


def test_an_article_is_cited_in_both_languages() -> None:
    """An article has a title in each language, and French readers see RGPD."""
    citation = cite("GDPR Art. 28(3)(a)")
    assert (citation.title("fr"), citation.title("en")) == (
        "instruction documentée",
        "documented instructions",
    )
    assert citation.reference("fr") == "RGPD art. 28(3)(a)"
    assert citation.reference("en") == "GDPR Art. 28(3)(a)"
    assert cite("CSP Art. L.6211-11").reference("fr") == "CSP art. L.6211-11"


def test_what_is_not_in_the_table_is_not_cited() -> None:
    """An article that nobody entered in the table is refused."""
    with pytest.raises(Refusal, match="law/unknown-article") as caught:
        cite("GDPR Art. 999")
    assert "999" in caught.value.message("fr")


def test_every_article_stands_once() -> None:
    """Every part of Art. 28(3) is there, each article once with two titles."""
    assert {f"GDPR Art. 28(3)({letter})" for letter in "abcdefgh"} <= set(CITATIONS)
    assert all(citation.fr and citation.en for citation in CITATIONS.values())
