"""Signed documents (« document signé »): the exact bytes of a file, its type and k-of-n signatures, in a DSSE envelope.

DSSE v1.0.2 over Ed25519. The signature covers the type and the bytes, so that no document can be passed for another, and nobody has
to agree on a canonical form. Verify, then parse the very bytes that were returned. This module decides who signed what; it does
not decide who may sign (`terms`, `keycert`), nor read the document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import LIMIT, canonical_json, strict_json
from ecluse.proof.encoding import from_base64, to_base64
from ecluse.proof.keys import SigningKey, VerifyKey

__all__ = [
    "DOCUMENT_TYPES",
    "Verified",
    "add_signature",
    "digest",
    "pae",
    "sign_document",
    "strict_json",
    "verify_document",
]

_WRITTEN_BY_PEOPLE: Final = ("agreement", "instruction", "mapping", "codes", "code-map")
_WRITTEN_BY_MACHINES: Final = (
    "manifest",
    "part",
    "receipt",
    "reconciliation",
    "erasure",
    "keycert",
    "revocation",
    "statement",
    "archive",
)

DOCUMENT_TYPES: Final[Mapping[str, str]] = {
    **{name: f"application/vnd.ecluse.{name}+toml" for name in _WRITTEN_BY_PEOPLE},
    **{name: f"application/vnd.ecluse.{name}+json" for name in _WRITTEN_BY_MACHINES},
}
"""Every kind of signed document, and the payload type that its signature covers."""

_MOST_SIGNATURES: Final = 64


@dataclass(frozen=True, slots=True)
class Verified:
    """A document whose signatures hold: its bytes, their digest, and the names under which its signers' keys were given."""

    payload: bytes
    digest: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Envelope:
    type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]  # (key id, signature)


def digest(payload: bytes) -> str:
    """`sha256:<64 hexadecimal digits>`: how one document names another."""
    return f"sha256:{hashlib.sha256(payload).hexdigest()}"


def pae(type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of a payload type and a payload."""
    named = type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def sign_document(payload: bytes, *, type: str, keys: Sequence[SigningKey]) -> bytes:
    """The envelope of `payload`, a document of `type` (a name of DOCUMENT_TYPES), signed by each of `keys`.

    Raises Refusal `sign/unknown-type`, `sign/no-key`, or `sign/too-large` when the envelope would pass 1 MiB.
    """
    payload_type = _payload_type(type)
    if not keys:
        raise Refusal("sign/no-key")
    over = pae(payload_type, payload)
    return _write(_Envelope(payload_type, payload, tuple((key.key_id, key.sign(over)) for key in keys)))


def add_signature(envelope: bytes, key: SigningKey) -> bytes:
    """The same document with one more signature. Raises Refusal `sign/envelope-malformed`, or `sign/already-signed` by this key."""
    read = _read(envelope)
    over = pae(read.type, read.payload)
    if any(key.public.verifies(signature, over=over) for _, signature in read.signatures):
        raise Refusal("sign/already-signed")
    return _write(_Envelope(read.type, read.payload, (*read.signatures, (key.key_id, key.sign(over)))))


def verify_document(
    envelope: bytes, *, type: str, keys: Mapping[str, VerifyKey], threshold: int = 1
) -> Verified:
    """The document of `envelope`, once `threshold` distinct keys among `keys` (by any name) have signed it as a `type`.

    The envelope's key ids are hints, and are not believed. Signatures by unknown keys are passed over. Raises Refusal
    `sign/envelope-malformed`, `sign/json-malformed`, `sign/other-type`, `sign/not-enough-signatures`.
    """
    expected = _payload_type(type)
    if threshold < 1:
        raise ValueError("a threshold below 1 verifies nothing")
    read = _read(envelope)
    if read.type != expected:
        raise Refusal("sign/other-type", expected=expected)
    signers = _signers(read, keys)
    if len({keys[name] for name in signers}) < threshold:
        raise Refusal("sign/not-enough-signatures", got=len(signers), expected=threshold, where=type)
    return Verified(payload=read.payload, digest=digest(read.payload), signers=signers)


def _signers(envelope: _Envelope, keys: Mapping[str, VerifyKey]) -> tuple[str, ...]:
    over = pae(envelope.type, envelope.payload)
    signatures = [signature for _, signature in envelope.signatures]
    return tuple(
        name
        for name, key in keys.items()
        if any(key.verifies(signature, over=over) for signature in signatures)
    )


def _payload_type(name: str) -> str:
    if name not in DOCUMENT_TYPES:
        raise Refusal("sign/unknown-type", got=name, known=", ".join(DOCUMENT_TYPES))
    return DOCUMENT_TYPES[name]


def _write(envelope: _Envelope) -> bytes:
    octets = canonical_json(
        {
            "payload": to_base64(envelope.payload),
            "payloadType": envelope.type,
            "signatures": [
                {"keyid": hint, "sig": to_base64(signature)} for hint, signature in envelope.signatures
            ],
        }
    )
    if len(octets) > LIMIT:
        raise Refusal("sign/too-large", got=len(octets), most=LIMIT)
    return octets


def _read(octets: bytes) -> _Envelope:
    match strict_json(octets):
        case {"payload": str(payload), "payloadType": str(type), "signatures": list(signatures), **more} if (
            not more
        ):
            pass
        case _:
            raise _malformed("its fields")
    if not 0 < len(signatures) <= _MOST_SIGNATURES:
        raise _malformed("its number of signatures")
    return _Envelope(type=type, payload=_octets(payload), signatures=tuple(map(_read_signature, signatures)))


def _read_signature(signature: object) -> tuple[str, bytes]:
    match signature:
        case {"keyid": str(hint), "sig": str(text), **more} if not more:
            return hint, _octets(text)
    raise _malformed("a signature's fields")


def _octets(text: str) -> bytes:
    octets = from_base64(text)
    if octets is None:
        raise _malformed("base64")
    return octets


def _malformed(why: str) -> Refusal:
    return Refusal("sign/envelope-malformed", why=why)
