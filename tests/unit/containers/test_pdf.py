"""The text of PDF files: what is read, and what is said to be unreadable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject

from ecluse.adapters.containers.pdf import PdfTexts
from ecluse.adapters.containers.pdf_text import Unreadable, serve, text_of_pdf
from ecluse.invent.documents import pdf


@pytest.fixture(scope="module")
def texts() -> Iterator[PdfTexts]:
    with PdfTexts() as it:
        yield it


def rewritten() -> PdfWriter:
    return PdfWriter(clone_from=PdfReader(BytesIO(pdf(["Le laboratoire", "du patient"]))))


def octets(writer: PdfWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def image(writer: PdfWriter, width: int, height: int) -> None:
    drawn = StreamObject()
    drawn.update({
        NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Image"), NameObject("/Width"): NumberObject(width),
        NameObject("/Height"): NumberObject(height),
    })  # fmt: skip
    resources = writer.pages[0]["/Resources"]
    assert isinstance(resources, DictionaryObject)
    resources[NameObject("/XObject")] = DictionaryObject({NameObject("/I1"): writer._add_object(drawn)})


def test_the_text_of_every_page_is_read(texts: PdfTexts) -> None:
    """An invented report gives its lines, accents kept."""
    assert (
        texts.read(pdf(["Compte rendu du patient", "Né à Vannes"])).text
        == "Compte rendu du patient\nNé à Vannes\n"
    )


def test_what_stands_beside_the_pages_is_read_too() -> None:
    """The file's description, a note, a form's field: what a reader shows beside the page counts."""
    writer = rewritten()
    writer.add_metadata({"/Author": "AUTEURMARK"})
    note = DictionaryObject(
        {NameObject("/Subtype"): NameObject("/Text"), NameObject("/Contents"): TextStringObject("NOTEMARK")}
    )
    writer.add_annotation(0, note)
    writer.add_outline_item(title="SIGNETMARK", page_number=0)
    text = text_of_pdf(octets(writer))
    assert all(mark in text for mark in ("AUTEURMARK", "NOTEMARK", "SIGNETMARK"))


def test_an_earlier_revision_is_read_as_well() -> None:
    """What was taken out of the last revision still lies in the file: its text counts."""
    writer = PdfWriter(BytesIO(pdf(["Le patient habite RUEMARK"])), incremental=True)
    page = writer.pages[0]
    drawn = StreamObject()
    drawn.set_data(b"BT /F1 9 Tf 40 800 Td (Le patient) Tj ET")
    page[NameObject("/Contents")] = writer._add_object(drawn)
    content = octets(writer)
    assert "RUEMARK" not in PdfReader(BytesIO(content)).pages[0].extract_text()
    assert "RUEMARK" in text_of_pdf(content)


@pytest.mark.parametrize(("width", "height", "reason"), [(2480, 3508, "scan"), (300, 100, "")])
def test_an_image_large_enough_to_be_a_page_is_a_scan(width: int, height: int, reason: str) -> None:
    """A page of text over a scanned page cannot be judged by its text; a logo can."""
    writer = rewritten()
    image(writer, width, height)
    content = octets(writer)
    if reason:
        with pytest.raises(Unreadable, match=reason):
            text_of_pdf(content)
    else:
        assert "patient" in text_of_pdf(content)


def test_a_file_that_hides_its_text_says_so() -> None:
    """Encrypted, with files attached, with letters that mean nothing, empty, cut, followed by something: one word each."""
    encrypted, attached, empty = rewritten(), rewritten(), PdfWriter()
    encrypted.encrypt("secret", algorithm="RC4-128")
    attached.add_attachment("a.txt", b"x")
    empty.add_blank_page(100, 100)
    whole = pdf(["Le patient"])
    for content, reason in (
        (octets(encrypted), "encrypted"),
        (octets(attached), "attached-files"),
        (octets(empty), "empty"),
        (pdf(["3DWLHQW 'XSRQW"]), "fonts"),
        (whole[: len(whole) // 2], "damaged"),
        (whole + b"PK\x03\x04 and more", "after-the-end"),
        (b"%PDF-1.4\n%%EOF", "damaged"),
        (whole + b"%%EOF\n" * 9, "too-large"),
    ):
        with pytest.raises(Unreadable) as caught:
            text_of_pdf(content)
        assert str(caught.value) == reason


def test_a_font_without_its_letters_cannot_be_read() -> None:
    """A font of glyph numbers with no table of letters: what is extracted is not what is seen."""
    writer = rewritten()
    fonts = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    font = fonts["/F1"].get_object()
    font[NameObject("/Encoding")] = NameObject("/Identity-H")
    with pytest.raises(Unreadable, match="fonts"):
        text_of_pdf(octets(writer))


def test_the_process_answers_one_request_after_another() -> None:
    """As a process: length and content in, a sign, a length and the text out, until the input ends."""
    good, bad = pdf(["Le patient"]), b"%PDF"
    requests = BytesIO(b"".join(len(it).to_bytes(8, "big") + it for it in (good, bad)))
    answers = BytesIO()
    serve(requests, answers)
    text = b"Le patient\n"
    assert (
        answers.getvalue()
        == b"T" + len(text).to_bytes(8, "big") + text + b"N" + (7).to_bytes(8, "big") + b"damaged"
    )


def test_a_file_that_hangs_or_ends_its_reader_costs_only_itself() -> None:
    """A reader that never answers is ended in time; one that dies is started again; both say why, and none stays behind."""
    asleep = PdfTexts(seconds=0.3, command=(sys.executable, "-c", "import time; time.sleep(60)"))
    with asleep:
        assert asleep.read(b"%PDF" + b"x" * 200_000) == (None, "too-slow")
        assert asleep.read(b"%PDF") == (None, "too-slow")
    with PdfTexts(command=(sys.executable, "-c", "pass")) as dead:
        assert dead.read(b"%PDF") == (None, "damaged")
    with PdfTexts() as texts:
        assert texts.read(b"%PDF").why == "damaged"
        assert texts.read(pdf(["Le patient"])).text == "Le patient\n"
