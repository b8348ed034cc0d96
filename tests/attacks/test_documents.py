"""Documents made to harm: bombs, entities, depths, polyglots, cut files. Each is refused or read in bounded time, and nothing raises."""

from __future__ import annotations

import base64
import re
import time
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.invent.documents import pdf
from ecluse.passage.containers import Allowed
from tests.containers import ALL, IDENTITY, MARKERS, cda, packed, plain_report, telling_report

LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


@pytest.fixture(scope="module")
def opener() -> Iterator[ContainerOpener]:
    with ContainerOpener() as it:
        yield it


def reason(opener: ContainerOpener, content: bytes, named: frozenset[str] = ALL) -> str:
    allowed = Allowed(named)
    return allowed.why_not(opener.open(content, allowed=allowed))


def with_doctype(doctype: str, body: str = "&i;") -> bytes:
    return cda(narrative=body).replace(b"<ClinicalDocument", doctype.encode() + b"<ClinicalDocument", 1)


@pytest.mark.parametrize(
    "content",
    [
        with_doctype(LAUGHS),
        with_doctype('<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>'),
        with_doctype('<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>', "x"),
        with_doctype('<!DOCTYPE ClinicalDocument SYSTEM "cda.dtd">', "x"),
        with_doctype("<!DOCTYPE x [<!ATTLIST addr use CDATA 'x'>]>", "x"),
        cda(narrative="&undefined;"),
        with_doctype(LAUGHS).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
)
def test_entities_and_doctypes_refuse_the_document(opener: ContainerOpener, content: bytes) -> None:
    """No DTD, inside or outside, in any encoding: neither expanded nor fetched, refused whatever is named, in no time."""
    begun = time.process_time()
    assert reason(opener, content) in ("doctype", "not-well-formed")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "content",
    [
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</ClinicalDocument>",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'><text>" + b"x" * 11_000_000 + b"</text></ClinicalDocument>",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a/>" * 500_000 + b"</ClinicalDocument>",
        b"<" + b"x" * (65 << 20),
    ],
)  # fmt: skip
def test_depth_length_and_number_are_bounded(opener: ContainerOpener, content: bytes) -> None:
    """Too deep, too long a text, too many elements, too large a file: refused."""
    assert reason(opener, content) in ("not-well-formed", "too-large")


def test_a_compressed_bomb_in_a_pdf_costs_only_its_reader(opener: ContainerOpener) -> None:
    """A stream that grows a thousandfold: the process that reads it has a bound on memory and time, and the next file is read."""
    packed_stream = zlib.compress(b"(A) Tj " * 40_000_000, 9)
    bomb = pdf(["Le patient"])
    stream = re.search(rb"<< /Length \d+ >>\nstream\n.*?endstream", bomb, re.DOTALL)
    assert stream is not None
    grown = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (
        len(packed_stream),
        packed_stream,
    )
    assert reason(opener, bomb.replace(stream.group(), grown), IDENTITY).startswith("unreadable (")
    assert reason(opener, plain_report(), IDENTITY) == ""


def test_a_file_of_two_natures_is_refused(opener: ContainerOpener) -> None:
    """A PDF with an archive after its end, an archive with a PDF inside, a PDF that begins late: none leaves on the word of its other half."""
    assert (
        reason(opener, plain_report() + b"PK\x03\x04" + b"x" * 50, IDENTITY) == "unreadable (after-the-end)"
    )
    assert reason(opener, b"PK\x03\x04" + plain_report()) == "archive"
    assert (
        reason(opener, b"Adresse : 3 rue du Port\n" + plain_report(), IDENTITY)
        == "unreadable (before-the-start)"
    )


def test_a_value_written_with_references_or_in_pieces_is_still_seen(opener: ContainerOpener) -> None:
    """Numeric references, CDATA, letters spread over elements of a narrative: the filter reads characters, not octets."""
    spelled = "".join(f"&#{ord(letter)};" for letter in "3 rue du Port")
    for narrative in (spelled, "<![CDATA[3 rue du Port]]>", "3 <content>rue du</content> Port"):
        allowed = Allowed(IDENTITY)
        found = opener.open(cda(narrative=narrative), allowed=allowed)
        assert allowed.why_not(found) == ""
        assert b"Port" not in found.content


def test_another_prefix_or_encoding_hides_nothing(opener: ContainerOpener) -> None:
    """The same document under a prefix, or in UTF-16: the same fields go."""
    prefixed = re.sub(r"<(/?)(?!\?|!|lab:)", r"<\1h:", cda().decode()).replace('xmlns="urn', 'xmlns:h="urn')
    for content in (prefixed.encode(), cda().decode().replace("UTF-8", "UTF-16").encode("utf-16")):
        allowed = Allowed(IDENTITY)
        found = opener.open(content, allowed=allowed)
        assert (found.form, allowed.why_not(found)) == ("cda", "")
        assert not [
            value
            for path, value in MARKERS.items()
            if path not in IDENTITY and value.encode() in found.content
        ]


@given(st.integers(0, len(cda())), st.integers(0, len(cda())))
@settings(max_examples=80)
def test_a_document_cut_anywhere_is_refused_or_filtered(
    opener: ContainerOpener, start: int, end: int
) -> None:
    """Octets taken out of the middle of a document: no exception, and never a value that is not named."""
    first, last = min(start, end), max(start, end)
    content = cda()[:first] + cda()[last:]
    allowed = Allowed(IDENTITY)
    found = opener.open(content, allowed=allowed)
    if not allowed.why_not(found) and found.form == "cda":
        assert MARKERS["patient.address"].encode() not in found.content


@given(st.data())
@settings(max_examples=60)
def test_a_pdf_with_any_octet_changed_never_raises(opener: ContainerOpener, data: st.DataObject) -> None:
    """A report with octets changed, cut or doubled gets an answer."""
    content = bytearray(telling_report())
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(
        reason(opener, bytes(content[: data.draw(st.integers(1, len(content)))]), IDENTITY), str
    )


def test_base64_that_is_nearly_base64_is_not_let_through(opener: ContainerOpener) -> None:
    """A PDF in base64 with one letter too many, with marks before its lines, or in uuencode, is no PDF, and no text either: unreadable."""
    coded = base64.b64encode(telling_report())
    marked = (b"-----\n" + coded, b"-----\n" + packed(telling_report()), b"begin 644 a.pdf\nM)5!$1BT")
    for content in (coded + b"A", *marked):
        assert reason(opener, content, IDENTITY) == "unreadable (encoded)"
    assert reason(opener, packed(telling_report()), IDENTITY).startswith("holds")
