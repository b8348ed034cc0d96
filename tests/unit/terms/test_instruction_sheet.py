"""The page that a biologist reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from ecluse.terms.codes import Classification, LocalCode, render
from ecluse.terms.codes import parse as parse_codes
from ecluse.terms.instruction import (
    Instruction,
    NamedField,
    Section,
    SourceAfter,
    SpecialCategory,
    page,
    parse,
)
from ecluse.terms.vocabulary import vocabulary
from tests.documents import BIOLOGIST, INSTRUCTION


@dataclass(frozen=True)
class Counted:
    """A preview with fixed counts."""

    patients: int = 128402
    leaving: Mapping[str, int] = field(default_factory=lambda: {"patient": 128402, "result": 2000000})
    staying: Mapping[str, int] = field(default_factory=lambda: {"result": 31})


def plain() -> Instruction:
    return parse(INSTRUCTION.encode(), vocabulary=vocabulary())


def classification() -> Classification:
    rows = [
        LocalCode("test", "VIH", "VIH", ("HIV",)),
        LocalCode("act", "0388", "VIH", ("HIV",)),
        LocalCode("test", "NA", "Sodium"),
    ]
    return parse_codes(render(rows).encode(), vocabulary=vocabulary(), signers=[BIOLOGIST])


def sections(instruction: Instruction, language: str = "fr", **more: object) -> dict[str, Section]:
    read = page(instruction, language=language, vocabulary=vocabulary(), **more)  # type: ignore[arg-type]
    return {section.key: section for section in read}


def said(section: Section) -> str:
    return "\n".join(
        [
            section.title,
            *(line.text for line in section.lines),
            *(detail for line in section.lines for detail in line.details),
        ]
    )


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_whole(language: str) -> None:
    """The page has its ten parts in reading order, and none is empty."""
    read = page(plain(), language=language, vocabulary=vocabulary())
    assert [section.key for section in read] == [
        "who",
        "what",
        "special",
        "stays",
        "period",
        "sites",
        "recipients",
        "until",
        "after",
        "signers",
    ]
    assert all(section.title and section.lines for section in read)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_uses_the_words_of_the_laboratory(language: str) -> None:
    """No word of the trade stands on the page: it says fingerprint for a digest, and does not say payload or hash."""
    text = "\n".join(
        said(section)
        for section in page(
            plain(), language=language, vocabulary=vocabulary(), preview=Counted(), codes=classification()
        )
    )
    for word in ("payload", "hash", "tenant", "digest", "schema", "SQL"):
        assert word not in text


def test_counts_come_from_the_preview() -> None:
    """With a preview the page says how many patients and records leave, and how many records stay whole."""
    read = sections(plain(), preview=Counted())
    assert "128\u202f402" in said(read["what"])
    assert "2\u202f000\u202f000 enregistrements" in said(read["what"])
    assert "31 enregistrements entiers restent" in said(read["stays"])
    assert "enregistrements" not in said(sections(plain())["what"])


def test_withheld_codes_are_counted() -> None:
    """With the classification the page says how many codes of each category not named are withheld."""
    stays = said(sections(plain(), codes=classification())["stays"])
    assert "VIH : 2 codes" in stays
    assert "cancer : 0 codes" in stays


def test_what_is_named_stands_with_its_reason() -> None:
    """Each special category, free text and document named stands with its reason, and two must sign."""
    named = replace(
        plain(),
        special=(SpecialCategory("HIV", "continuité du suivi"),),
        free_text=(NamedField("patient.comment", "allergies notées"),),
        documents=(NamedField("document.content", "comptes rendus signés"),),
    )
    read = sections(named)
    for word in ("VIH", "continuité du suivi", "allergies notées", "contenu", "comptes rendus signés"):
        assert word in said(read["special"])
    assert "Deux personnes" in said(read["signers"])
    assert "VIH" not in said(read["stays"])
    assert "Aucune donnée particulière" in said(sections(plain())["special"])


def test_nothing_special_stays_when_all_is_named() -> None:
    """Where every special category is named, the page does not say that one stays."""
    everything = replace(
        plain(), special=tuple(SpecialCategory(code, "continuité du suivi") for code in vocabulary().special)
    )
    assert "ces catégories" not in said(sections(everything)["stays"])


def test_a_kind_taken_whole_leaves_nothing() -> None:
    """A kind of which every field is taken is not among what stays."""
    whole = replace(plain(), records={"prescriber": tuple(vocabulary().kinds["prescriber"].fields)})
    assert "prescripteur :" not in said(sections(whole)["stays"])


def test_abroad_and_excess_are_said() -> None:
    """Recipients and processors outside the EEA and accepted privileges stand on the page with their reasons."""
    text = INSTRUCTION.replace(
        'country = "FR"\n\n[limits]',
        'country = "CH"\nthird_country_reason = "laboratoire de Genève"\n\n[limits]',
    )
    text = text.replace(
        '[processor]\nname = "Kalibio SAS"\ncountry = "FR"',
        '[processor]\nname = "K"\ncountry = "MA"\nthird_country_reason = "support à Rabat"',
    )
    text = text.replace(
        "[limits]",
        '[[accepts_excess]]\nprivilege = "SELECT ON lis.portal"\nreason = "compte unique du logiciel"\n[limits]',
    )
    read = sections(parse(text.encode(), vocabulary=vocabulary()))
    assert "laboratoire de Genève" in said(read["recipients"])
    assert "support à Rabat" in said(read["who"])
    assert "SELECT ON lis.portal" in said(read["until"])


@pytest.mark.parametrize(
    ("disposition", "word"), [("keep", "gardé tel quel"), ("archive", "archivé"), ("erase", "effacé.")]
)
def test_what_becomes_of_the_source(disposition: str, word: str) -> None:
    """The page says what becomes of the source, and of the legal archive where one is named."""
    after = (
        SourceAfter(disposition, "Archives du Golfe", None, "CSP L.1142-28")
        if disposition == "archive"
        else SourceAfter(disposition)
    )
    text = said(sections(replace(plain(), source_after=after))["after"])
    assert word in text
    assert ("Archives du Golfe" in text) == (disposition == "archive")
    until = replace(plain(), source_after=SourceAfter(disposition, until=plain().period.end))
    assert "30/11/2026" in said(sections(until)["after"])
