"""Signed documents: what an envelope proves, judged by securesystemslib, and what is refused."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import Key, SSlibKey

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.sign import (
    DOCUMENT_TYPES,
    add_signature,
    digest,
    pae,
    payload_of,
    sign_document,
    type_of,
    verify_document,
)

ALICE, BOB = SigningKey.from_seed(b"a" * 32), SigningKey.from_seed(b"b" * 32)
KNOWN = {"alice": ALICE.public, "bob": BOB.public}
PAYLOAD = 'titre = "reprise des résultats"\n'.encode()


def judge_of(key: SigningKey) -> CryptoSigner:
    """The same key in the hands of the second implementation."""
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    public = SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.public.octets.hex()})
    return CryptoSigner(private, public)


def code_of(envelope: bytes, **changed: Any) -> str:
    """The code with which verifying `envelope` as an instruction is refused."""
    with pytest.raises(Refusal) as refused:
        verify_document(envelope, **{"type": "instruction", "keys": KNOWN, **changed})
    return refused.value.code


def altered(envelope: bytes, **fields: object) -> bytes:
    """The envelope with some of its fields replaced."""
    return json.dumps({**json.loads(envelope), **fields}).encode()


def test_a_signed_document_gives_back_its_exact_bytes() -> None:
    """Verifying returns the very bytes signed, their digest, and who signed."""
    verified = verify_document(
        sign_document(PAYLOAD, type="instruction", keys=[ALICE]), type="instruction", keys=KNOWN
    )
    assert (verified.payload, verified.digest, verified.signers) == (PAYLOAD, digest(PAYLOAD), ("alice",))


def test_pae_is_as_published() -> None:
    """The encoding under the signature is the one that DSSE v1.0.2 defines: lengths in octets, then the text."""
    assert pae("application/example", "é".encode()) == b"DSSEv1 19 application/example 2 \xc3\xa9"


def test_our_envelope_verifies_with_the_second_implementation() -> None:
    """securesystemslib verifies what Écluse signs, at the same threshold, and refuses it once altered."""
    signed = sign_document(PAYLOAD, type="instruction", keys=[ALICE, BOB])
    judges: list[Key] = [judge_of(ALICE).public_key, judge_of(BOB).public_key]
    assert len(Envelope.from_dict(json.loads(signed)).verify(judges, 2)) == 2
    touched = altered(signed, payload=b64encode(PAYLOAD + b"x").decode())
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(touched)).verify(judges, 1)


def test_the_second_implementation_s_envelope_verifies_here() -> None:
    """Écluse verifies what securesystemslib signs."""
    envelope = Envelope(PAYLOAD, DOCUMENT_TYPES["agreement"], {})
    envelope.sign(judge_of(ALICE))
    assert verify_document(json.dumps(envelope.to_dict()).encode(), type="agreement", keys=KNOWN).signers == (
        "alice",
    )


def test_a_threshold_counts_distinct_keys() -> None:
    """Two signatures by one key, or one key known under two names, count once."""
    once = sign_document(PAYLOAD, type="instruction", keys=[ALICE])
    twice = sign_document(PAYLOAD, type="instruction", keys=[ALICE, ALICE])
    assert code_of(once, threshold=2) == code_of(twice, threshold=2) == "sign/not-enough-signatures"
    assert (
        code_of(once, threshold=2, keys={"a": ALICE.public, "b": ALICE.public})
        == "sign/not-enough-signatures"
    )
    both = add_signature(once, BOB)
    assert verify_document(both, type="instruction", keys=KNOWN, threshold=2).signers == ("alice", "bob")
    with pytest.raises(ValueError, match="threshold"):
        verify_document(both, type="instruction", keys=KNOWN, threshold=0)


def test_one_person_does_not_sign_twice() -> None:
    """Adding a second signature by the same key is refused."""
    with pytest.raises(Refusal, match="already-signed"):
        add_signature(sign_document(PAYLOAD, type="instruction", keys=[ALICE]), ALICE)


def test_the_key_id_is_only_a_hint() -> None:
    """An envelope whose key ids lie still verifies by its signatures, and a right key id over a wrong signature proves nothing."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[ALICE])
    signature = json.loads(envelope)["signatures"][0]["sig"]
    lying = altered(envelope, signatures=[{"keyid": BOB.key_id, "sig": signature}])
    assert verify_document(lying, type="instruction", keys=KNOWN).signers == ("alice",)
    forged = altered(envelope, signatures=[{"keyid": BOB.key_id, "sig": b64encode(bytes(64)).decode()}])
    assert code_of(forged) == "sign/not-enough-signatures"


def test_a_signature_stands_for_its_type_only() -> None:
    """A signed instruction is no agreement, even with its type's name rewritten."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[ALICE])
    assert code_of(envelope, type="agreement") == "sign/other-type"
    assert (
        code_of(altered(envelope, payloadType=DOCUMENT_TYPES["agreement"]), type="agreement")
        == "sign/not-enough-signatures"
    )


def test_a_byte_changed_or_a_stranger_s_key_is_refused() -> None:
    """One octet changed in the payload, or a signature by an unknown key, proves nothing."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[ALICE])
    assert (
        code_of(altered(envelope, payload=b64encode(PAYLOAD + b" ").decode())) == "sign/not-enough-signatures"
    )
    assert code_of(envelope, keys={"bob": BOB.public}) == "sign/not-enough-signatures"
    assert (
        code_of(sign_document(PAYLOAD, type="instruction", keys=[SigningKey.new()]))
        == "sign/not-enough-signatures"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": 1},
        {"payload": 1},
        {"payload": "****"},
        {"payload": "QUI"},
        {"payload": "QUJ="},
        {"payloadType": None},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": ["x"]},
        {"signatures": [{"keyid": "a"}]},
        {"signatures": [{"keyid": "a", "sig": "QUI=", "ext": {}}]},
        {"signatures": [{"keyid": "a", "sig": "!"}]},
        {"signatures": [{"keyid": "a", "sig": "QUI="}] * 65},
    ],
)
def test_an_envelope_with_other_fields_is_refused(fields: dict[str, object]) -> None:
    """An envelope that lacks a field, has one more, or has one of another type is refused before any signature is looked at."""
    assert (
        code_of(altered(sign_document(PAYLOAD, type="instruction", keys=[ALICE]), **fields))
        == "sign/envelope-malformed"
    )


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b"1.5",
        b"1e3",
        b"NaN",
        b"-Infinity",
        b"\xff",
        b'"\\ud800"',
        b"[" * 100_000,
        b"{} {}",
        b"9" * 5_000,
        b"",
        b" " * ((1 << 20) + 1),
    ],
)
def test_json_that_reads_in_two_ways_is_refused(text: bytes) -> None:
    """Duplicate keys, floats, NaN, half letters, bottomless nesting, boundless numbers and oversize are refused."""
    with pytest.raises(Refusal, match="json-malformed"):
        strict_json(text)


def test_json_is_written_in_one_way() -> None:
    """The canonical text sorts keys and keeps letters; a float, an object or a half letter has none."""
    assert canonical_json({"b": ["é", None, True], "a": -1}) == '{"a":-1,"b":["é",null,true]}'.encode()
    for value in (1.5, {1: "a"}, b"a", {"a": [1.0]}, "\ud800"):
        with pytest.raises(Refusal, match="json-malformed"):
            canonical_json(value)  # type: ignore[arg-type]


def test_what_cannot_be_signed_is_refused() -> None:
    """A type that does not exist, a document without a signer, and one past the size limit are refused."""
    with pytest.raises(Refusal, match="unknown-type"):
        sign_document(b"", type="letter", keys=[ALICE])
    with pytest.raises(Refusal, match="no-key"):
        sign_document(b"", type="agreement", keys=[])
    with pytest.raises(Refusal, match="too-large"):
        sign_document(bytes(1 << 20), type="agreement", keys=[ALICE])


def test_a_document_is_read_before_it_is_signed() -> None:
    """What an envelope holds can be shown whoever signed it; one of a type that does not exist is refused."""
    envelope = sign_document(PAYLOAD, type="agreement", keys=[SigningKey.new()])
    assert (type_of(envelope), payload_of(envelope)) == ("agreement", PAYLOAD)
    with pytest.raises(Refusal, match="unknown-type"):
        type_of(altered(envelope, payloadType="text/plain"))


def test_public_keys_are_written_and_read() -> None:
    """A public key's text comes back as the same key; another text is refused."""
    assert VerifyKey.parse(ALICE.public.encode()) == ALICE.public
    for text in (
        "",
        "ecluse-ed25519:",
        "ecluse-ed25519:QUI=",
        "ecluse-ed25519:????",
        ALICE.public.encode()[15:],
    ):
        with pytest.raises(Refusal, match="key/malformed"):
            VerifyKey.parse(text)
    with pytest.raises(Refusal, match="key/malformed"):
        SigningKey.from_seed(b"short")


def test_a_fingerprint_is_eight_groups_of_four_digits() -> None:
    """What is compared by voice has eight groups of four digits, and differs from one key to another."""
    groups = ALICE.public.fingerprint().split()
    assert [len(group) for group in groups] == [4] * 8
    assert all(group.isdigit() for group in groups)
    assert ALICE.public.fingerprint() != BOB.public.fingerprint()
    assert "aaaa" not in repr(ALICE)
    assert len(b64decode(ALICE.public.encode()[15:])) == 32
