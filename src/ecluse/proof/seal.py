"""Seal (« sceller »): turn octets into an age file that only its recipients can open.

Recipients are hybrid (ML-KEM-768 with X25519: safe as long as one of the two stands) or one passphrase alone. There is no classic
recipient here: a file recorded today must not be readable by tomorrow's machine (`classic` has one, for a laboratory's own archive). This module decides who a file is sealed to;
it cannot open one, and never imports `unseal`, so that the exchange can be shown to hold no way in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ecluse.base.refusal import Refusal
from ecluse.proof import agefile, bech32
from ecluse.proof.agefile import Stanza

__all__ = ["DEFAULT_WORK_FACTOR", "PassphraseRecipient", "Recipient", "Sealed", "Wrapping", "seal"]

DEFAULT_WORK_FACTOR: Final = 17
"""log2 of the scrypt cost: 128 MiB and about half a second in 2026."""
_WORK_FACTORS: Final = range(1, 23)
_NAME: Final = "age1pq"
_MLKEM: Final = 1184
_PUBLIC: Final = _MLKEM + 32
_ENCAPSULATED: Final = 1120


class Wrapping(Protocol):
    """Whoever a file can be sealed to."""

    def wrap(self, file_key: bytes) -> Stanza:
        """The stanza from which they recover `file_key`."""
        ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a file is sealed to (« destinataire »): the public half of a hybrid key, 1216 octets."""

    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        self._public()

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """From `age1pq1...`. Raises Refusal `seal/key-malformed`, or `seal/recipient-not-hybrid` for any other age recipient."""
        name, octets = bech32.decode(text)
        if name != _NAME:
            raise Refusal("seal/recipient-not-hybrid")
        return cls(octets)

    def __str__(self) -> str:
        return bech32.encode(_NAME, self.octets)

    def wrap(self, file_key: bytes) -> Stanza:
        """The stanza from which the holder of the private half recovers `file_key` (HPKE SealBase, RFC 9180)."""
        suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
        sealed = suite.encrypt(file_key, self._public(), agefile.HYBRID_INFO)
        share, body = sealed[:_ENCAPSULATED], sealed[_ENCAPSULATED:]
        return Stanza(("mlkem768x25519", agefile.to_base64(share)), body)

    def _public(self) -> MLKEM768X25519PublicKey:
        if len(self.octets) != _PUBLIC:
            raise Refusal("seal/key-malformed", why=f"{len(self.octets)} octets where {_PUBLIC} are expected")
        try:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.octets[:_MLKEM]),
                X25519PublicKey.from_public_bytes(self.octets[_MLKEM:]),
            )
        except ValueError:
            raise Refusal("seal/key-malformed", why="not a point of ML-KEM-768") from None


@dataclass(frozen=True, slots=True)
class PassphraseRecipient:
    """A passphrase, always alone in its file; `work_factor` is log2 of scrypt's cost (RFC 7914)."""

    passphrase: str = field(repr=False)
    work_factor: int = DEFAULT_WORK_FACTOR

    def __post_init__(self) -> None:
        if not self.passphrase:
            raise Refusal("seal/passphrase-empty")
        if self.work_factor not in _WORK_FACTORS:
            raise Refusal("seal/work-factor", got=self.work_factor, most=_WORK_FACTORS[-1])

    def wrap(self, file_key: bytes) -> Stanza:
        """The stanza from which whoever knows the passphrase recovers `file_key`."""
        salt = os.urandom(16)
        scrypt = Scrypt(salt=agefile.SCRYPT_LABEL + salt, length=32, n=1 << self.work_factor, r=8, p=1)
        body = ChaCha20Poly1305(scrypt.derive(self.passphrase.encode())).encrypt(
            agefile.ZERO_NONCE, file_key, None
        )
        return Stanza(("scrypt", agefile.to_base64(salt), str(self.work_factor)), body)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was written: octets of the sealed file and their SHA-256, as 64 hexadecimal digits."""

    size: int
    sha256: str


def seal(plain: Iterable[bytes], *, to: Sequence[Wrapping], out: BinaryIO) -> Sealed:
    """Seals the octets of `plain`, cut anywhere, to every recipient of `to`, writing `out` as it goes (64 KiB held at a time).

    Raises Refusal `seal/no-recipient` when `to` is empty, `seal/passphrase-not-alone` when a passphrase has company. If `plain` raises, what
    was written has no final chunk, and can never be opened to its end.
    """
    if not to:
        raise Refusal("seal/no-recipient")
    if len(to) > 1 and any(isinstance(recipient, PassphraseRecipient) for recipient in to):
        raise Refusal("seal/passphrase-not-alone")
    file_key = os.urandom(agefile.FILE_KEY)
    size, digest = 0, hashlib.sha256()
    for octets in _sealed(plain, file_key, [recipient.wrap(file_key) for recipient in to]):
        out.write(octets)
        digest.update(octets)
        size += len(octets)
    return Sealed(size=size, sha256=digest.hexdigest())


def _sealed(plain: Iterable[bytes], file_key: bytes, stanzas: Sequence[Stanza]) -> Iterator[bytes]:
    nonce = os.urandom(agefile.NONCE)
    yield agefile.encode_header(stanzas, file_key=file_key) + nonce
    cipher = ChaCha20Poly1305(agefile.derive(file_key, salt=nonce, info=b"payload"))
    for (chunk, last), (middle, final) in zip(_chunks(plain), agefile.chunk_nonces(), strict=False):
        yield cipher.encrypt(final if last else middle, chunk, None)


def _chunks(plain: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Chunks of 64 KiB, and whether each is the last; the last is empty only when everything is."""
    held = bytearray()
    for octets in plain:
        left = memoryview(octets)
        while len(held) + len(left) > agefile.CHUNK:
            room = agefile.CHUNK - len(held)
            held += left[:room]
            yield bytes(held), False
            held.clear()
            left = left[room:]
        held += left
    yield bytes(held), True
