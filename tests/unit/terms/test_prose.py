"""A contract in prose, read for the sixteen mentions: found with its words and page, lacking, or merely the law again."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from ecluse.adapters.contracts import LARGEST, pages_of
from ecluse.base.refusal import Refusal
from ecluse.terms.agreement.prose import LONGEST, ProseFinding, read_prose

FRENCH = [
    """CONTRAT DE SOUS-TRAITANCE
Article 1. Le présent contrat a pour objet la reprise des dossiers de l'ancien logiciel vers le nouveau, pour le laboratoire du Lac.
Article 2. La durée du contrat est de six mois à compter du 1er mars 2026.
Article 3. Le sous-traitant traite les données uniquement sur instruction documentée du responsable du traitement.""",
    """Article 4. Les salariés du prestataire affectés à la reprise sont tenus au secret professionnel par un avenant signé avant leur premier accès.
- Les données sont chiffrées de bout en bout par une clé que seul le laboratoire détient, et chaque accès est journalisé.
- Au terme, toutes les copies sont détruites sous trente jours et une attestation est remise au biologiste.
En cas de violation, l'éditeur avertit le laboratoire par téléphone sous 24 heures.""",
]
ENGLISH = [
    (
        "The staff of the vendor assigned to this migration are bound to secrecy by an annex signed before their first access. "
        "On written instruction signed by the head biologist alone, and otherwise never, records leave the laboratory."
    )
]


def by_code(pages: list[str]) -> dict[str, ProseFinding]:
    return {it.group.code: it for it in read_prose(pages)}


def test_what_a_contract_says_is_found_with_its_words_and_page() -> None:
    """Each mention that a clause answers is quoted with the page where it stands."""
    found = by_code(FRENCH)
    assert len(found) == 16
    assert (found["b"].verdict, found["b"].page) == ("found", 2)
    assert found["b"].quote.startswith("Les salariés du prestataire")
    assert found["g"].quote.startswith("- Au terme")
    assert (found["P2"].verdict, found["P2"].page) == ("found", 1)
    assert "24 heures" in found["f"].quote


def test_what_lacks_says_what_to_write() -> None:
    """A mention that no sentence answers is lacking, with its article and what each part of it expects."""
    lacking = by_code(FRENCH)["d"]
    assert (lacking.verdict, lacking.quote, lacking.page) == ("lacking", "", 0)
    assert lacking.article == "GDPR Art. 28(2)"
    assert len(lacking.mentions) >= 4
    assert all(mention.expects["fr"] for mention in lacking.mentions)


def test_a_clause_that_copies_the_law_is_no_commitment() -> None:
    """A sentence that merely restates Art. 28(3)(a) is told as such; beside one that says something of its own it gives way."""
    assert by_code(FRENCH)["a"].verdict == "restates"
    own = "Seule l'instruction signée par le biologiste dans la console du sas, version par version, fait sortir un dossier de l'ancien serveur."
    assert by_code([*FRENCH, own])["a"].page == 3


def test_english_contracts_are_read_too() -> None:
    """The same mentions are recognised in English."""
    found = by_code(ENGLISH)
    assert (found["a"].verdict, found["b"].verdict, found["h"].verdict) == ("found", "found", "lacking")


def test_a_long_clause_is_quoted_short() -> None:
    """A quotation is never longer than a card can hold."""
    long = "Les salariés sont tenus au secret professionnel " + "pour chaque dossier de chaque site " * 40
    assert len(by_code([long])["b"].quote) == LONGEST


def test_nothing_is_found_in_nothing() -> None:
    """An empty contract lacks all sixteen."""
    assert {it.verdict for it in read_prose([])} == {"lacking"}


def word(*paragraphs: str, part: str = "word/document.xml") -> bytes:
    body = "".join(f"<w:p>{text}</w:p>" for text in paragraphs)
    xml = f'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><!-- x --><w:body>{body}</w:body></w:document>'
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part, xml)
    return out.getvalue()


def test_a_word_file_is_read_page_by_page() -> None:
    """Runs of text are joined, paragraphs parted, and both kinds of page break counted."""
    octets = word(
        "<w:r><w:t>Les salariés sont </w:t></w:r><w:r><w:t>tenus au secret.</w:t></w:r>",
        '<w:r><w:br w:type="page"/><w:t>Page deux</w:t></w:r>',
        "<w:r><w:lastRenderedPageBreak/><w:t>Page trois</w:t></w:r>",
    )
    pages = [" ".join(page.split()) for page in pages_of(octets)]
    assert pages == ["Les salariés sont tenus au secret.", "Page deux", "Page trois"]


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"PK\x03\x04 no archive", "damaged"),
        (word("x", part="other.xml"), "damaged"),
        (word("<w:t>&nothing;</w:t>"), "damaged"),
        (word("<w:t>" + "a" * (21 << 20) + "</w:t>"), "too-large"),
        (b"%PDF-1.4 no document", "damaged"),
        (b"plain\0text", "damaged"),
        (b"a" * (LARGEST + 1), "too-large"),
    ],
    ids=["zip", "no part", "xml", "bomb", "pdf", "nul", "large"],
)
def test_what_cannot_be_read_is_refused_and_not_judged(octets: bytes, why: str) -> None:
    """A file that is damaged, swells or holds no text is refused with the reason, and gets no verdict."""
    with pytest.raises(Refusal, match="agreement/unreadable") as refused:
        pages_of(octets)
    assert refused.value.values["got"] == why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_text_is_read_in_its_encoding(encoding: str) -> None:
    """UTF-8 or Windows-1252; a form feed begins a page."""
    assert pages_of("été\fdeux".encode(encoding)) == ["été", "deux"]
