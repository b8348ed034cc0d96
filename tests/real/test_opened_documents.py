"""The documents of the national agency's Ségur messages and CDA examples, opened by an instruction that names no address."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.passage.containers import Allowed, Found
from tests.containers import ALL, IDENTITY

V3 = "{urn:hl7-org:v3}"
ADDRESS = frozenset({"patient.address", "patient.postcode", "patient.city"})
NO_ADDRESS = (
    ALL
    - ADDRESS
    - {
        it
        for it in ALL
        if it.startswith("prescriber.") and it.split(".")[1] in ("address", "postcode", "city")
    }
)


SEGUR: Final = {
    "cda: left": 6,
    "cda: unreadable (scan)": 6,
    "text: left": 16,
    "text: holds patient.birth_name, patient.given_names": 8,
    "text: unreadable (encoded)": 15,
}
"""Fates of the seventeen files in OBX-5 under three instructions: four CDA, of which two are but a scan; the texts of mails and explanations,
of which some are base64 cut short by their sender.
"""


@pytest.fixture(scope="module")
def opener() -> Iterator[ContainerOpener]:
    with ContainerOpener() as it:
        yield it


def carried(message: bytes) -> list[bytes]:
    """The documents that a message carries in OBX-5, as base64 or in clear."""
    found = [match.group(1) for match in re.finditer(rb"\^Base64\^([A-Za-z0-9+/=]+)", message)]
    clear = re.findall(rb"(?:<\?xml[^>]*\?>\s*)?<ClinicalDocument.*?</ClinicalDocument>", message, re.DOTALL)
    return found + clear


def plain(content: bytes) -> bytes:
    """A document out of its base64, whose padding some senders lose."""
    return content if content.startswith(b"<") else base64.b64decode(content + b"=" * (-len(content) % 4))


def addresses(content: bytes) -> set[str]:
    """The words of every address of a document: streets, towns, postcodes."""
    root = etree.fromstring(content)
    words = {
        " ".join(it.itertext())
        for it in root.iter(f"{V3}streetName", f"{V3}streetAddressLine", f"{V3}postalCode")
    }
    return {word.strip() for word in words if len(word.strip()) > 3}


def opened(opener: ContainerOpener, content: bytes, named: frozenset[str]) -> tuple[Found, str]:
    allowed = Allowed(named)
    found = opener.open(content, allowed=allowed)
    return found, allowed.why_not(found)


def test_no_address_leaves_in_a_segur_message(opener: ContainerOpener, shared_data: Path) -> None:
    """Every document of every ORU, decoded: with no address named, none of its addresses is in what leaves, or it is refused."""
    fates: Counter[str] = Counter()
    for place in sorted((shared_data / "fr-ans" / "hl7V2-exemples" / "Volets").rglob("*.*")):
        if place.suffix not in (".er7", ".hl7"):
            continue
        for content in carried(place.read_bytes()):
            for named in (NO_ADDRESS, IDENTITY, frozenset[str]()):
                found, why = opened(opener, content, named)
                fates[f"{found.form}: {why or 'left'}"] += 1
                if why:
                    continue
                left, before = plain(found.content), plain(content)
                words = addresses(before) if before.startswith(b"<") else {"rue ", "avenue "}
                assert words
                assert not [word for word in words if word.encode() in left]
    assert fates == SEGUR


@pytest.mark.parametrize(
    "named", [NO_ADDRESS, IDENTITY, frozenset[str]()], ids=["no address", "identity", "nothing"]
)
def test_no_address_leaves_in_a_cda_file(
    opener: ContainerOpener, shared_data: Path, named: frozenset[str]
) -> None:
    """The agency's ten CDA files: seven are filtered, three are but a scanned PDF and are refused."""
    fates: Counter[str] = Counter()
    for place in sorted((shared_data / "fr-ans").rglob("*")):
        if place.suffix.lower() != ".xml":
            continue
        found, why = opened(opener, place.read_bytes(), named)
        fates[why or "filtered"] += 1
        if not why:
            assert not addresses(found.content)
            assert not [word for word in addresses(place.read_bytes()) if word.encode() in found.content]
    assert fates == {"filtered": 7, "unreadable (scan)": 3}


def test_the_pdf_of_a_cda_is_read_and_taken_out(opener: ContainerOpener, shared_data: Path) -> None:
    """Two examples carry the PDF that the law asks for; it shows the patient's address: out, and counted."""
    inside: Counter[str] = Counter()
    for place in sorted((shared_data / "fr-ans" / "cda-cr-bio").rglob("*.xml")):
        inside.update(opened(opener, place.read_bytes(), IDENTITY)[0].inside)
    assert inside == {"pdf in cda: refused": 2}


def test_with_everything_named_the_originals_leave_untouched(
    opener: ContainerOpener, shared_data: Path
) -> None:
    """An instruction that names every field takes the signed documents as they were signed, scans and all."""
    for place in sorted((shared_data / "fr-ans").rglob("*")):
        if place.suffix.lower() == ".xml":
            found, why = opened(opener, place.read_bytes(), ALL)
            assert (found.content, why) == (place.read_bytes(), "")
