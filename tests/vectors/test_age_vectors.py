"""The public age vectors (C2SP/CCTV): every file, with the exact class of failure."""

from __future__ import annotations

import hashlib
import io
import zlib

import pytest

from ecluse.base.refusal import Refusal
from ecluse.proof.armor import read_armor
from ecluse.proof.unseal import Opener, PassphraseIdentity, parse_identity, unseal
from tests.vectors import judges

VECTORS = judges.age_vectors()
CLASSES = {
    "seal/header-malformed": "header failure",
    "seal/header-altered": "HMAC failure",
    "seal/not-for-you": "no match",
    "seal/payload-altered": "payload failure",
    "seal/armor-malformed": "armor failure",
}


def read_vector(octets: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The vector's header lines as pairs, and the age file after them."""
    head, _, body = octets.partition(b"\n\n")
    lines = [(key, value) for key, _, value in (line.partition(": ") for line in head.decode().splitlines())]
    return lines, zlib.decompress(body) if ("compressed", "zlib") in lines else body


def judge(lines: list[tuple[str, str]], body: bytes) -> tuple[str, str]:
    """What Écluse says of the file, in the vectors' words, and the SHA-256 of all plaintext that it gave out."""
    identities: list[Opener] = [parse_identity(value) for key, value in lines if key == "identity"]
    identities += [PassphraseIdentity(value) for key, value in lines if key == "passphrase"]
    released = hashlib.sha256()
    try:
        binary = read_armor(body) if ("armored", "yes") in lines else body
        for chunk in unseal(io.BytesIO(binary), identities=identities):
            released.update(chunk)
    except Refusal as refusal:
        return CLASSES[refusal.code], released.hexdigest()
    return "success", released.hexdigest()


@pytest.mark.skipif(not VECTORS, reason=f"the CCTV age vectors are absent: {judges.HOW}")
def test_all_vectors_are_here() -> None:
    """The whole public set of 143 files is judged, not a selection."""
    assert len(VECTORS) == 143


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vector_is_judged_as_published(name: str) -> None:
    """Each public file opens, or is refused with the exact class that its authors published, and gives out exactly their octets."""
    lines, body = read_vector(VECTORS[name])
    expected = dict(lines)
    verdict, released = judge(lines, body)
    assert verdict == expected["expect"]
    assert released == expected.get("payload", hashlib.sha256().hexdigest())
