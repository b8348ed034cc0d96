"""CDA files made to harm their reader: each is set aside whole, with a word, in bounded time; nothing of it is expanded, fetched or lost."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.adapters.connectors.cda.format import Cda
from ecluse.adapters.connectors.files.format import Fact, Seen, Unread
from tests.containers import cda, plain_report
from tests.ports.cases import counted
from tests.ports.format_cda import MICROBIOLOGY, units

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(12))


def told(octets: bytes) -> list[Fact | Unread | Seen]:
    return list(Cda().read(io.BytesIO(octets), name="1"))


@pytest.mark.parametrize(
    ("octets", "reasons"),
    [
        (cda(narrative="&e11;").replace(b"<Clin", f"<!DOCTYPE x [{ENTITIES}]><Clin".encode(), 1), {"doctype", "not-well-formed"}),
        (cda(narrative="&f;").replace(b"<Clin", b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><Clin', 1), {"doctype"}),
        (cda().replace(b"<Clin", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><Clin', 1), {"doctype"}),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<component>" * 400, {"not-well-formed"}),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<component>" * 400 + b"</component>" * 400 + b"</ClinicalDocument>", {"not-well-formed"}),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a/>" * 450_000 + b"</ClinicalDocument>", {"too-large"}),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'><title>" + b"x" * 10_500_000 + b"</title></ClinicalDocument>", {"not-well-formed"}),
    ],
    ids=["laughs", "file", "network", "unclosed", "deep", "many", "long"],
)  # fmt: skip
def test_a_file_made_to_harm_is_set_aside_whole(octets: bytes, reasons: set[str]) -> None:
    """One Unread, its octets kept, its elements counted by their signs."""
    begun = time.process_time()
    (found,) = told(octets)
    assert isinstance(found, Unread)
    assert found.reason in reasons
    assert found.raw == octets
    assert found.units["document"] == 1
    assert time.process_time() - begun < 10


def test_a_document_cannot_lead_its_reader_in_circles() -> None:
    """References to themselves, twice the same ID, an observation below an observation a hundred times: read once, counted once."""
    loop = '<content ID="a"><content ID="b"><reference value="#a"/></content></content>'
    nested = (
        '<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code code="X"/>' * 60
    )
    content = cda(narrative=loop, beside=MICROBIOLOGY).replace(
        b'<statusCode code="completed"/><value',
        b'<statusCode code="completed"/>'
        + (nested + "</observation></entryRelationship>" * 60).encode()
        + b"<value",
        1,
    )
    found = told(content)
    assert counted(found) == units(content)
    assert sum(isinstance(it, Fact) and it.kind == "result" for it in found) == 62


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20_000),
            st.sampled_from(
                [b"", b"<", b">", b'"', b"&", b"\x00", b"<a>", b"</x>", b"]]>", b"\xff", b"<!--"]
            ),
        ),
        max_size=4,
    )
)
@settings(max_examples=120)
def test_hurt_documents_never_raise(places: list[tuple[int, bytes]]) -> None:
    """Signs of XML put in anywhere: records or a word, never an exception."""
    octets = cda(inside=plain_report(), beside=MICROBIOLOGY)
    for place, piece in places:
        octets = octets[: place % len(octets)] + piece + octets[place % len(octets) :]
    found = told(octets)
    assert all(isinstance(it, Fact | Unread | Seen) for it in found)
    assert any(isinstance(it, Unread) for it in found) or any(
        isinstance(it, Seen) and it.unit == "document" for it in found
    )
