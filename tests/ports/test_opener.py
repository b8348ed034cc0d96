"""The contract of `passage.containers.DocumentOpener`, kept by every adapter of it and by the one that opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.passage.containers import SHUT, Allowed, DocumentOpener
from tests.containers import ALL, IDENTITY, MARKERS, NOBODY, cda, packed, plain_report, telling_report

OPENERS = ("containers", "shut")
DOCUMENTS = {
    "plain report": plain_report(),
    "telling report": telling_report(),
    "cda": cda(),
    "cda with a report": cda(inside=telling_report()),
    "cda in base64": packed(cda(inside=plain_report())),
    "text": b"Sodium 140",
    "nothing known": b"\x00\x01\x02",
    "archive": b"PK\x03\x04" + b"\x00" * 30,
}


@pytest.fixture(scope="module", params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Iterator[DocumentOpener]:
    if request.param == "shut":
        yield SHUT
        return
    with ContainerOpener() as it:
        yield it


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_leaves_holds_nothing_that_was_not_named(opener: DocumentOpener, name: str) -> None:
    """Whatever the document: refused, or what leaves shows no value of a field that is not named, in clear or decoded."""
    allowed = Allowed(IDENTITY)
    found = opener.open(DOCUMENTS[name], allowed=allowed)
    if allowed.why_not(found):
        return
    leaves = found.content
    if not leaves.startswith((b"<", b"%")) and name.endswith("base64"):
        import base64

        leaves = base64.b64decode(leaves)
    unnamed = [value for path, value in MARKERS.items() if path not in IDENTITY]
    assert not [value for value in (*unnamed, *NOBODY) if value.encode() in leaves]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_document_is_always_opened_the_same_way(opener: DocumentOpener, name: str) -> None:
    """Twice the same answer, octet for octet: a cut-over run sums again what a first run sent."""
    allowed = Allowed(IDENTITY)
    assert opener.open(DOCUMENTS[name], allowed=allowed) == opener.open(DOCUMENTS[name], allowed=allowed)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_filtered_is_said_to_be(opener: DocumentOpener, name: str) -> None:
    """Octets change only where something was counted as removed; where nothing was, they are the document's own."""
    found = opener.open(DOCUMENTS[name], allowed=Allowed(IDENTITY))
    assert (found.content == DOCUMENTS[name]) is (found.removed == 0)

    """Not even when every field is named."""
    assert Allowed(ALL).why_not(opener.open(DOCUMENTS["archive"], allowed=Allowed(ALL)))


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_octets_get_an_answer(opener: DocumentOpener, octets: bytes) -> None:
    """Nothing that a document holds makes an opener raise."""
    allowed = Allowed(IDENTITY)
    allowed.why_not(opener.open(octets, allowed=allowed))
