"""Passkey signatures recorded from a browser: each verifies or is refused for its reason, here and by a dozen lines that share nothing with Écluse."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from ecluse.base.refusal import Refusal
from ecluse.proof.passkey import Assertion, Passkey
from ecluse.proof.sign import DOCUMENT_TYPES, pae, verify_document

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("passkeys.json").read_text("utf-8"))[
    "vectors"
]
EACH = pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])


@EACH
def test_a_recorded_signature_is_judged(vector: dict[str, Any]) -> None:
    """What a browser signed verifies as a document, and what was changed in it is refused for the reason recorded."""
    key, envelope = Passkey.parse(vector["key"]), vector["envelope"].encode()
    if vector["outcome"] == "holds":
        assert verify_document(envelope, type=vector["type"], keys={"one": key}).signers == ("one",)
        return
    with pytest.raises(Refusal, match="not-enough-signatures"):
        verify_document(envelope, type=vector["type"], keys={"one": key})
    told = json.loads(envelope)
    with pytest.raises(Refusal) as refused:
        key.check(assertion_of(told), over=pae(DOCUMENT_TYPES[vector["type"]], b64decode(told["payload"])))
    assert refused.value.code == vector["outcome"]


@EACH
def test_a_second_verifier_says_the_same(vector: dict[str, Any]) -> None:
    """A verifier written apart, from the specification and the library cryptography alone, says yes to the same signatures."""
    assert second(vector["key"], json.loads(vector["envelope"])) is (vector["outcome"] == "holds")


def test_the_vectors_hold_both_kinds_of_key() -> None:
    """Both kinds of key are recorded, each with signatures that hold and that do not."""
    assert {(vector["key"].split(":")[0], vector["outcome"] == "holds") for vector in VECTORS} == {
        (f"ecluse-passkey-{kind}", holds) for kind in ("es256", "ed25519") for holds in (True, False)
    }


def assertion_of(envelope: dict[str, Any]) -> Assertion:
    """The one signature of an envelope, read without Écluse's own reader."""
    (signature,) = envelope["signatures"]
    told = signature["extension"]["ext"]
    return Assertion(
        b64decode(told["authenticatorData"]), b64decode(told["clientDataJSON"]), b64decode(signature["sig"])
    )


def second(key: str, envelope: dict[str, Any]) -> bool:
    """WebAuthn Level 3, 7.2 over DSSE, read plainly."""
    given, payload, kind = (
        assertion_of(envelope),
        b64decode(envelope["payload"]),
        envelope["payloadType"].encode(),
    )
    over = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    try:
        client = json.loads(given.client)
    except ValueError:
        return False
    expected = {
        "type": "webauthn.get",
        "challenge": urlsafe_b64encode(hashlib.sha256(over).digest()).decode().rstrip("="),
        "crossOrigin": False,
    }
    if any(client.get(name) != value for name, value in expected.items()) or not client["origin"].startswith(
        "http://localhost:"
    ):
        return False
    if (
        given.authenticator[:32] != hashlib.sha256(b"localhost").digest()
        or given.authenticator[32] & 0b101 != 0b101
    ):
        return False
    signed, octets = (
        given.authenticator + hashlib.sha256(given.client).digest(),
        b64decode(key.partition(":")[2]),
    )
    try:
        if key.startswith("ecluse-passkey-ed25519:"):
            Ed25519PublicKey.from_public_bytes(octets).verify(given.signature, signed)
        else:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), octets).verify(
                given.signature, signed, ECDSA(SHA256())
            )
    except InvalidSignature:
        return False
    return True
