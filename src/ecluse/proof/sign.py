"""Signed documents (« document signé »): the exact bytes of a file, its type and k-of-n signatures, in a DSSE envelope.

DSSE v1.1.0 over Ed25519, or over a passkey's assertion (`passkey`), which stands in the signature's extension. The signature covers the type and the
bytes, so that no document can be passed for another, and nobody has to agree on a canonical form. Verify, then parse the very bytes that were
returned. This module decides who signed what; it does not decide who may sign (`terms`, `keycert`), nor read the document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import LIMIT, Json, canonical_json, strict_json
from ecluse.proof.encoding import from_base64, to_base64
from ecluse.proof.keys import VerifyKey
from ecluse.proof.passkey import Assertion, Passkey

__all__ = [
    "DOCUMENT_TYPES",
    "PublicKey",
    "Signer",
    "Verified",
    "add_signature",
    "check_continues",
    "claimed",
    "digest",
    "pae",
    "payload_of",
    "sign_document",
    "strict_json",
    "type_of",
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
    "presence",
    "revocation",
    "statement",
    "archive",
    "session",
    "card",
    "clearing",
)

DOCUMENT_TYPES: Final[Mapping[str, str]] = {
    **{name: f"application/vnd.ecluse.{name}+toml" for name in _WRITTEN_BY_PEOPLE},
    **{name: f"application/vnd.ecluse.{name}+json" for name in _WRITTEN_BY_MACHINES},
}
"""Every kind of signed document, and the payload type that its signature covers."""

# `presence`: signed by whoever looks at what only they may see, or compares a key; verified at once, and kept nowhere.
_MOST_SIGNATURES: Final = 64
_KIND: Final = "application/vnd.ecluse.webauthn+json"

PublicKey: TypeAlias = VerifyKey | Passkey
"""What verifies a signature: the public half of a key file, or a passkey. Neither ever verifies what the other signed."""


class Signer(Protocol):
    """What signs a document: a key (`keys.SigningKey`), or what a passkey already gave for this very document (`passkey.Asserted`)."""

    @property
    def public(self) -> PublicKey:
        """The half that verifies."""

    @property
    def key_id(self) -> str:
        """A hint for envelopes."""

    def sign(self, octets: bytes) -> bytes | Assertion:
        """A signature over an envelope's pre-authentication encoding."""


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
    signatures: tuple[tuple[str, bytes | Assertion], ...]  # (key id, signature)


def digest(payload: bytes) -> str:
    """`sha256:<64 hexadecimal digits>`: how one document names another."""
    return f"sha256:{hashlib.sha256(payload).hexdigest()}"


def pae(type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of a payload type and a payload."""
    named = type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def sign_document(payload: bytes, *, type: str, keys: Sequence[Signer]) -> bytes:
    """The envelope of `payload`, a document of `type` (a name of DOCUMENT_TYPES), signed by each of `keys`.

    Raises Refusal `sign/unknown-type`, `sign/no-key`, or `sign/too-large` when the envelope would pass 1 MiB.
    """
    payload_type = _payload_type(type)
    if not keys:
        raise Refusal("sign/no-key")
    over = pae(payload_type, payload)
    return _write(_Envelope(payload_type, payload, tuple((key.key_id, key.sign(over)) for key in keys)))


def add_signature(envelope: bytes, key: Signer) -> bytes:
    """The same document with one more signature. Raises Refusal `sign/envelope-malformed`, or `sign/already-signed` by this key."""
    read = _read(envelope)
    over = pae(read.type, read.payload)
    if any(_holds(key.public, signature, over=over) for _, signature in read.signatures):
        raise Refusal("sign/already-signed")
    return _write(_Envelope(read.type, read.payload, (*read.signatures, (key.key_id, key.sign(over)))))


def check_continues(envelope: bytes, *, named: str, held: bytes | None) -> None:
    """The envelope is the document of the digest `named`, of a known type, and bears every signature that the one held does.

    For a host that keeps documents and knows nobody's key: a signature, once there, cannot be taken away. Raises Refusal `sign/envelope-malformed`,
    `sign/json-malformed`, `sign/unknown-type`, `document/another`, `document/fewer-signatures`.
    """
    read = _read(envelope)
    if read.type not in DOCUMENT_TYPES.values():
        raise Refusal("sign/unknown-type", got="-", known=", ".join(DOCUMENT_TYPES))
    if digest(read.payload) != named:
        raise Refusal("document/another", where="-", expected=named, got=digest(read.payload))
    if held is not None and not set(_read(held).signatures) <= set(read.signatures):
        raise Refusal("document/fewer-signatures", where=named)


def verify_document(
    envelope: bytes, *, type: str, keys: Mapping[str, PublicKey], threshold: int = 1
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


def payload_of(envelope: bytes) -> bytes:
    """What an envelope holds, whoever signed it: to be shown before one signs it, and believed by nobody. Raises Refusal `sign/...`."""
    return _read(envelope).payload


def claimed(envelope: bytes, *, type: str) -> Verified:
    """What an envelope says, no signature believed (`signers` is empty): for a host that keeps it and was told no key.

    Raises Refusal `sign/envelope-malformed`, `sign/json-malformed`, `sign/other-type`.
    """
    read = _read(envelope)
    if read.type != (expected := _payload_type(type)):
        raise Refusal("sign/other-type", expected=expected)
    return Verified(payload=read.payload, digest=digest(read.payload), signers=())


def type_of(envelope: bytes) -> str:
    """What an envelope says it is, as a name of DOCUMENT_TYPES; believed no more. Raises Refusal `sign/...`, `sign/unknown-type`."""
    said = _read(envelope).type
    name = next((name for name, known in DOCUMENT_TYPES.items() if known == said), said)
    _payload_type(name)
    return name


def _signers(envelope: _Envelope, keys: Mapping[str, PublicKey]) -> tuple[str, ...]:
    over = pae(envelope.type, envelope.payload)
    signatures = [signature for _, signature in envelope.signatures]
    return tuple(
        name
        for name, key in keys.items()
        if any(_holds(key, signature, over=over) for signature in signatures)
    )


def _holds(key: PublicKey, signature: bytes | Assertion, *, over: bytes) -> bool:
    """Whether the signature is this key's, and of this key's kind."""
    if isinstance(key, Passkey):
        return isinstance(signature, Assertion) and key.verifies(signature, over=over)
    return isinstance(signature, bytes) and key.verifies(signature, over=over)


def _payload_type(name: str) -> str:
    if name not in DOCUMENT_TYPES:
        raise Refusal("sign/unknown-type", got=name, known=", ".join(DOCUMENT_TYPES))
    return DOCUMENT_TYPES[name]


def _write(envelope: _Envelope) -> bytes:
    octets = canonical_json(
        {
            "payload": to_base64(envelope.payload),
            "payloadType": envelope.type,
            "signatures": [_written(hint, signature) for hint, signature in envelope.signatures],
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


def _written(hint: str, signature: bytes | Assertion) -> Mapping[str, Json]:
    if isinstance(signature, bytes):
        return {"keyid": hint, "sig": to_base64(signature)}
    told = {
        "authenticatorData": to_base64(signature.authenticator),
        "clientDataJSON": to_base64(signature.client),
    }
    return {"extension": {"ext": told, "kind": _KIND}, "keyid": hint, "sig": to_base64(signature.signature)}


def _read_signature(signature: object) -> tuple[str, bytes | Assertion]:
    match signature:
        case {"keyid": str(hint), "sig": str(text), **more} if not more:
            return hint, _octets(text)
        case {
            "keyid": str(hint),
            "sig": str(text),
            "extension": {
                "kind": str(kind),
                "ext": {"authenticatorData": str(authenticator), "clientDataJSON": str(client), **other},
                **beside,
            },
            **more,
        } if kind == _KIND and not (other or beside or more):
            return hint, Assertion(_octets(authenticator), _octets(client), _octets(text))
    raise _malformed("a signature's fields")


def _octets(text: str) -> bytes:
    octets = from_base64(text)
    if octets is None:
        raise _malformed("base64")
    return octets


def _malformed(why: str) -> Refusal:
    return Refusal("sign/envelope-malformed", why=why)
