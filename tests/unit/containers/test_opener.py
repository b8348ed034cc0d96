"""The opener, form by form: what leaves, what is filtered, what is refused and why."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Iterator

import pytest

from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.adapters.xml import parse_xml
from ecluse.invent.documents import pdf
from ecluse.passage.containers import Allowed, Found
from tests.containers import ALL, IDENTITY, MARKERS, NOBODY, cda, packed, plain_report, telling_report

V3 = "{urn:hl7-org:v3}"


@pytest.fixture(scope="module")
def opener() -> Iterator[ContainerOpener]:
    with ContainerOpener() as it:
        yield it


def opened(opener: ContainerOpener, content: bytes, *named: str) -> tuple[Found, str]:
    allowed = Allowed(frozenset(named))
    found = opener.open(content, allowed=allowed)
    return found, allowed.why_not(found)


# --- CDA ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", sorted(MARKERS))
def test_what_the_instruction_does_not_name_is_not_in_the_filtered_document(
    opener: ContainerOpener, left_out: str
) -> None:
    """Everything is named but one field: that field's value is nowhere in the copy, nor what no field holds; every other value is."""
    found, why = opened(opener, cda(), *(ALL - {left_out}))
    assert why == ""
    text = found.content.decode()
    assert MARKERS[left_out] not in text
    assert not [value for value in NOBODY if value in text and value != "MEDECINMARK"]
    kept = {path for path, value in MARKERS.items() if path != left_out and value not in text}
    # The address is told by three fields; an identifier or a validator in one element goes whole.
    allowed_too = {
        "patient.postcode": {"patient.address"},
        "patient.city": {"patient.address"},
        "prescriber.phone": set(),
    }
    assert kept <= allowed_too.get(left_out, set()), kept


def test_with_nothing_named_nobody_is_left_and_the_results_are(opener: ContainerOpener) -> None:
    """An instruction that names documents alone: no marker is left, the sodium is, and the file is still a document of HL7."""
    found, why = opened(opener, cda())
    assert why == ""
    text = found.content.decode()
    assert not [value for value in (*MARKERS.values(), *NOBODY) if value in text]
    root = parse_xml(found.content)
    value = root.find(f".//{V3}observation/{V3}value")
    assert (value.get("value"), value.get("unit")) == ("140", "mmol/L")
    assert root.find(f"{V3}recordTarget/{V3}patientRole/{V3}patient/{V3}birthTime").get("nullFlavor") == "MSK"


def test_a_filtered_document_says_that_it_is_a_copy_and_of_which_original(opener: ContainerOpener) -> None:
    """It has an identifier of its own, a relatedDocument XFRM to the original, no signature and a note; twice the same octets."""
    found, _ = opened(opener, cda(), *IDENTITY)
    root = parse_xml(found.content)
    assert root.find(f"{V3}id").get("root").startswith("2.25.")
    related = root.find(f"{V3}relatedDocument")
    assert related.get("typeCode") == "XFRM"
    assert related.find(f"{V3}parentDocument/{V3}id").get("root") == "1.2.250.1.213.1.1.1.55.9.1"
    assert [it.get("code") for it in root.iter(f"{V3}signatureCode")] == [None]
    assert b"Copie filtr" in found.content
    assert b"xml-stylesheet" not in found.content
    assert opened(opener, cda(), *IDENTITY)[0].content == found.content
    names = [re.sub(r"\{.*\}", "", it.tag) for it in root if isinstance(it.tag, str)]
    assert names.index("relatedDocument") == names.index("component") - 1


def test_when_every_field_is_named_the_signed_original_leaves_as_it_is(opener: ContainerOpener) -> None:
    """Nothing is kept back: not one octet changes, and the file inside leaves with it."""
    content = cda(inside=telling_report())
    found, why = opened(opener, content, *ALL)
    assert (found.content, found.removed, why) == (content, 0, "")
    assert found.inside == ("pdf in cda: left",)


def test_a_file_in_a_document_follows_its_own_rule(opener: ContainerOpener) -> None:
    """A PDF that shows an address is taken out of the CDA; one that shows only what is named stays in it."""
    refused, why = opened(opener, cda(inside=telling_report()), *IDENTITY)
    assert why == ""
    assert refused.inside == ("pdf in cda: refused",)
    assert b"representation" not in refused.content
    stays, why = opened(opener, cda(inside=plain_report()), *IDENTITY)
    assert (stays.inside, why) == (("pdf in cda: left",), "")
    assert b"representation" in stays.content


def test_a_document_that_is_but_a_file_is_refused_with_its_file(opener: ContainerOpener) -> None:
    """A level 1 document whose only body is a PDF that may not leave: an empty shell is no document."""
    whole = cda().decode()
    start, end = whole.index("<component><structuredBody>"), whole.index("</ClinicalDocument>")
    body = f'<component><nonXMLBody><text mediaType="application/pdf" representation="B64">{packed(telling_report()).decode()}</text></nonXMLBody></component>'
    found, why = opened(opener, (whole[:start] + body + whole[end:]).encode(), *IDENTITY)
    assert why == "holds patient.ins, patient.nss, patient.address, patient.postcode, patient.city"
    assert found.removed == 0


def test_a_narrative_that_repeats_what_was_taken_out_goes_too(opener: ContainerOpener) -> None:
    """The validator's name in a sentence, an address in a table: the narrative is blanked, the results below it stay."""
    for narrative in (
        "Validé par VALIDEURMARK",
        "Habite 3 rue des Lilas",
        "Appeler le 06 00 00 00 02",
        "n&#233;e le 28/03/1979",
    ):
        found, why = opened(opener, cda(narrative=narrative))
        assert why == ""
        assert narrative[:15] not in found.content.decode()
        assert b'value="140"' in found.content


def test_a_birth_date_that_goes_goes_from_sentences_too(opener: ContainerOpener) -> None:
    """Taken out of the header, it is looked for as reports write it; named, it stays where it stands."""
    found, why = opened(opener, cda(narrative="Sodium, patiente du 28/03/1979"))
    assert (why, b"28/03/1979" in found.content) == ("", False)
    found, why = opened(opener, cda(narrative="Sodium, patiente du 28/03/1979"), *IDENTITY)
    assert (why, b"28/03/1979" in found.content) == ("", True)


def test_a_file_that_names_who_was_taken_out_goes_too(opener: ContainerOpener) -> None:
    """The PDF inside shows nothing of the patient that is not named, but the sampler's name, which the header says: out, and counted."""
    inside = pdf(["Le patient A B", "Prélevé par Mme PRELEVEUSEMARK"])
    found, why = opened(opener, cda(inside=inside), *IDENTITY)
    assert (why, found.inside) == ("", ("pdf in cda: refused",))


def test_a_name_that_is_named_once_may_stand_everywhere(opener: ContainerOpener) -> None:
    """The used name is not named and equals the birth name, which is: a title with it does not refuse the document."""
    content = cda(title="NAISSANCEMARK").replace(b"USAGEMARK", b"NAISSANCEMARK")
    assert opened(opener, content, *IDENTITY)[1] == ""


def test_what_is_taken_out_and_stands_elsewhere_refuses_the_document(opener: ContainerOpener) -> None:
    """A title that repeats the patient's name cannot be cut: the document stays; so does one whose title shows a number."""
    assert opened(opener, cda(title="Compte rendu de NAISSANCEMARK"))[1] == "repeats what was taken out"
    assert opened(opener, cda(title="Appeler le 02 97 00 00 07"))[1] == "holds patient.phone"


def test_text_that_stands_between_elements_of_an_address_goes(opener: ContainerOpener) -> None:
    """An address or a name written as bare text, as CDA allows, does not leave."""
    content = (
        cda()
        .replace(b'<addr use="H">', b'<addr use="H">TEXTEMARK')
        .replace(b"<patient><name>", b"<patient><name>NUMARK ")
    )
    found, why = opened(opener, content, *(ALL - {"patient.address"}))
    assert why == ""
    assert b"TEXTEMARK" not in found.content
    assert b"NUMARK" not in found.content
    bare = re.sub(
        rb'<addr use="H">.*?</addr>', b'<addr use="H">TEXTEMARK</addr>', cda(), count=1, flags=re.DOTALL
    )
    found, why = opened(opener, bare, *IDENTITY)
    assert (why, b"TEXTEMARK" in found.content) == ("", False)


def test_comments_of_a_document_do_not_leave_unread(opener: ContainerOpener) -> None:
    """A comment holds a telephone number: filtered, it is gone; where nothing else is taken out, it is judged like any text."""
    content = cda().replace(b"<realmCode", b"<!-- 06 12 34 56 78 --><realmCode")
    assert b"06 12" not in opened(opener, content)[0].content
    assert opened(opener, content, *ALL)[1] == ""


def test_an_unclassified_element_of_the_header_is_taken_out(opener: ContainerOpener) -> None:
    """What no row of the table knows does not leave with a header: extensions of others, who entered the data, a race."""
    content = cda().replace(
        b"<custodian>",
        b'<dataEnterer><x>SAISIEMARK</x></dataEnterer><ext xmlns="urn:x">EXTMARK</ext><custodian>',
    )
    content = content.replace(b"<birthTime", b'<raceCode code="RACEMARK"/><birthTime')
    text = opened(opener, content, *(ALL - {"patient.nss"}))[0].content
    assert not [mark for mark in (b"SAISIEMARK", b"EXTMARK", b"RACEMARK") if mark in text]


def test_a_category_in_a_document_refuses_it(opener: ContainerOpener) -> None:
    """A classified code among its results, or a word for HIV in its narrative: it does not leave, whatever the request was said to hold."""
    allowed = Allowed(ALL, frozenset({"HIV"}), {"NA": "HIV"})
    assert allowed.why_not(opener.open(cda(), allowed=allowed)) == "category HIV"
    allowed = Allowed(ALL, frozenset({"HIV"}))
    assert allowed.why_not(opener.open(cda(narrative="charge virale"), allowed=allowed)) == "category HIV"
    assert allowed.why_not(opener.open(cda(), allowed=allowed)) == ""


# --- the others -----------------------------------------------------------------------------------------------------------------------


def test_base64_is_opened_and_closed_again(opener: ContainerOpener) -> None:
    """A CDA in base64 is filtered inside it; a PDF in base64 follows its rule; what passes whole keeps its own lines."""
    found, why = opened(opener, packed(cda()), *IDENTITY)
    assert (found.form, why) == ("cda", "")
    import base64

    inside = base64.b64decode(found.content)
    assert b"RUEMARK" not in inside
    assert b"NAISSANCEMARK" in inside
    whole = packed(plain_report())
    assert opened(opener, whole, *IDENTITY)[0].content == whole
    assert opened(opener, b"data:application/pdf;base64," + base64.b64encode(telling_report()), *IDENTITY)[
        1
    ].startswith("holds patient.ins")


def test_files_in_files_have_a_depth(opener: ContainerOpener) -> None:
    """Base64 in base64 in base64: opened to the fourth file, refused past it."""
    content = plain_report()
    for _ in range(3):
        content = packed(content)
    assert opened(opener, content, *IDENTITY)[1] == ""
    assert opened(opener, packed(content), *IDENTITY)[1] == "too-deep"


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\x00" * 10_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [_zip(), gzip.compress(bytes(range(99))), bz2.compress(bytes(range(99))), lzma.compress(bytes(range(99))), b"7z\xbc\xaf\x27\x1c" + b"." * 60, b"Rar!\x1a\x07" + b"." * 60,
     b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 99, b"\x00" * 257 + b"ustar" + b"\x00" * 99],
)  # fmt: skip
def test_an_archive_never_leaves(opener: ContainerOpener, content: bytes) -> None:
    """Zip, gzip, an old Office file...: not opened, not passed, whatever the instruction names, in base64 or a CDA neither."""
    assert opened(opener, content, *ALL)[1] == "archive"
    assert opened(opener, packed(content), *ALL)[1] == "archive"
    found, _ = opened(opener, cda(inside=content), *ALL)
    assert found.inside == ("archive in cda: refused",)
    assert b"representation" not in found.content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "unreadable (image)"),
        (b"MSH|^~\\&|A|B|C|D|20200101||ORU^R01|1|P|2.5\rPID|1||X\r", "unreadable (hl7)"),
        (b"H|~^\\&|nom||\rP|1|", "unreadable (hl7)"),
        (b"<html><body>12 rue</body></html>", "unreadable (html)"),
        (b'{"resourceType": "Patient"}', "unreadable (json)"),
        (b"From: a\nSubject: b\nMIME-Version: 1.0\n\nx", "unreadable (mail)"),
        (b"<Patient xmlns='http://hl7.org/fhir'/>", "unreadable (xml)"),
        (b"\x00\x01\x02\x03" * 30, "unreadable (unknown)"),
        (b"{\\rtf1 {\\pict 00ff}}", "unreadable (attached-files)"),
        (b"%!PS-Adobe", "unreadable (postscript)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_leaves_only_if_everything_of_the_patient_is_named(
    opener: ContainerOpener, content: bytes, reason: str
) -> None:
    """An image, a message, a page of the web: its fields are not known, so every field of identity, contact and NIR must be named."""
    assert opened(opener, content, *IDENTITY)[1] == reason
    assert opened(opener, content, *ALL)[1] == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Le patient va bien, sodium 140.", ""),
        ("Né le 28/03/1979, tél 06 12 34 56 78".encode("cp1252"), "holds patient.mobile"),
        ("Habite à Vannes, 3 rue du Port".encode("utf-16"), "holds patient.address"),
        (rb"{\rtf1\ansi Adresse\par 3 rue du Port, 56000 Vannes}", "holds patient.address, patient.postcode, patient.city"),
        (rb"{\rtf1 t\'e9l 06 12 \b 34\b0  56 78}", "holds patient.mobile"),
        (rb"{\rtf1 sodium \u233? 140\~mmol}", ""),
    ],
)  # fmt: skip
def test_notes_are_read_as_text(opener: ContainerOpener, content: bytes, reason: str) -> None:
    """Plain text in any usual encoding, and RTF: what they show must be named."""
    assert opened(opener, content, *IDENTITY)[1] == reason


def test_a_text_shows_a_name_even_if_no_form_tells_it(opener: ContainerOpener) -> None:
    """Who names no name lets no report leave that cannot be filtered."""
    assert (
        opened(opener, plain_report(), "document.content")[1]
        == "holds patient.birth_name, patient.given_names"
    )
    assert (
        opened(opener, b"sodium 140", "document.content")[1]
        == "holds patient.birth_name, patient.given_names"
    )
