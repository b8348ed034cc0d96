"""Unseal (« desceller »): open an age file with an identity, giving out octets only once they are authenticated.

Kept apart from `seal` because the exchange must never reach it: an import rule says so. Reads hybrid, X25519 and passphrase files
(C2SP age.md), since what a laboratory kept elsewhere must open too. This module decides whether a file is whole and meant for
the holder; each chunk that it gives is authentic, but only the end proves that none is lacking: act on nothing before the iterator ends.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ecluse.base.refusal import Refusal
from ecluse.proof import agefile, bech32
from ecluse.proof.agefile import Header, Stanza
from ecluse.proof.seal import Recipient

__all__ = [
    "ClassicIdentity",
    "Identity",
    "Opener",
    "PassphraseIdentity",
    "new_identity",
    "parse_identity",
    "unseal",
]

MAX_WORK_FACTOR: Final = 22
"""log2 of the most scrypt work that a file may ask of its reader (4 GiB of memory)."""
_HYBRID_NAME: Final = "age-secret-key-pq-"
_CLASSIC_NAME: Final = "age-secret-key-"
_SEED: Final = 32
_ENCAPSULATED: Final = 1120
_WRAPPED: Final = agefile.FILE_KEY + agefile.TAG
_DECIMAL: Final = re.compile(r"[1-9][0-9]{0,9}")


class Opener(Protocol):
    """What may recover a file key from a stanza: None when the stanza is not for it, Refusal when the stanza is malformed."""

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, or None."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The private half of a hybrid key (« clé privée »): a seed of 32 octets. Never printed by accident."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    def secret_text(self) -> str:
        """`AGE-SECRET-KEY-PQ-1...`: for the keystore only."""
        return bech32.encode(_HYBRID_NAME, self.seed).upper()

    def recipient(self) -> Recipient:
        """The public half."""
        mlkem, x25519 = self._halves()
        return Recipient(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key of a `mlkem768x25519` stanza sealed to this identity."""
        if stanza.arguments[0] != "mlkem768x25519":
            return None
        share = _argument(stanza, place=1, of=2, size=_ENCAPSULATED)
        suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
        try:
            return suite.decrypt(
                share + stanza.body, MLKEM768X25519PrivateKey(*self._halves()), agefile.HYBRID_INFO
            )
        except InvalidTag:
            # pyca answers a low-order share with the same exception: told apart here, since a malformed share is nobody's.
            _refuse_low_order(X25519PrivateKey.generate(), share[-32:])
            return None

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(96)
        return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(
            expanded[64:]
        )


@dataclass(frozen=True, slots=True)
class ClassicIdentity:
    """An X25519 identity, for files that others made; Écluse never seals to one."""

    scalar: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_seed(self.scalar)

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key of an `X25519` stanza sealed to this identity."""
        if stanza.arguments[0] != "X25519":
            return None
        share = _argument(stanza, place=1, of=2, size=32)
        private = X25519PrivateKey.from_private_bytes(self.scalar)
        secret = _refuse_low_order(private, share)
        salt = share + private.public_key().public_bytes_raw()
        return _open(agefile.derive(secret, salt=salt, info=b"age-encryption.org/v1/X25519"), stanza.body)


@dataclass(frozen=True, slots=True)
class PassphraseIdentity:
    """A passphrase, with the most scrypt work that it accepts to do."""

    passphrase: str = field(repr=False)
    max_work_factor: int = MAX_WORK_FACTOR

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key of a `scrypt` stanza made with this passphrase."""
        if stanza.arguments[0] != "scrypt":
            return None
        salt = _argument(stanza, place=1, of=3, size=16)
        factor = stanza.arguments[2]
        if not _DECIMAL.fullmatch(factor) or int(factor) > self.max_work_factor:
            raise _malformed(f"a work factor that is no number from 1 to {self.max_work_factor}")
        scrypt = Scrypt(salt=agefile.SCRYPT_LABEL + salt, length=32, n=1 << int(factor), r=8, p=1)
        return _open(scrypt.derive(self.passphrase.encode()), stanza.body)


def new_identity() -> tuple[Identity, Recipient]:
    """A fresh hybrid key: the half to keep and the half to give."""
    identity = Identity(os.urandom(_SEED))
    return identity, identity.recipient()


def parse_identity(text: str) -> Identity | ClassicIdentity:
    """From `AGE-SECRET-KEY-PQ-1...` or `AGE-SECRET-KEY-1...`. Raises Refusal `seal/key-malformed`, which never shows the text."""
    name, octets = bech32.decode(text)
    if name == _HYBRID_NAME:
        return Identity(octets)
    if name == _CLASSIC_NAME:
        return ClassicIdentity(octets)
    raise Refusal("seal/key-malformed", why="not an age identity")


def unseal(source: BinaryIO, *, identities: Sequence[Opener]) -> Iterator[bytes]:
    """The plaintext of `source` in chunks of at most 64 KiB, each authenticated before it is given.

    The header is judged at once, the payload as it is read. Raises Refusal `seal/header-malformed`, `seal/not-for-you` (no identity
    fits), `seal/header-altered`, and `seal/payload-altered` at the first chunk altered, lacking, moved or added.
    """
    header = agefile.read_header(source)
    file_key = _file_key(header, identities)
    agefile.check_mac(header, file_key=file_key)
    nonce = agefile.read_exactly(source, agefile.NONCE)
    if len(nonce) != agefile.NONCE:
        raise _malformed("the file ends with its header")
    return _payload(source, ChaCha20Poly1305(agefile.derive(file_key, salt=nonce, info=b"payload")))


def _file_key(header: Header, identities: Sequence[Opener]) -> bytes:
    if len(header.stanzas) > 1 and any(stanza.arguments[0] == "scrypt" for stanza in header.stanzas):
        raise _malformed("a passphrase that is not alone")
    for identity in identities:
        for stanza in header.stanzas:
            if (file_key := identity.unwrap(stanza)) is not None:
                return file_key
    raise Refusal("seal/not-for-you", stanzas=len(header.stanzas))


def _payload(source: BinaryIO, cipher: ChaCha20Poly1305) -> Iterator[bytes]:
    numbered = enumerate(agefile.chunk_nonces(), start=1)
    number, last = 0, False
    while not last:
        number, nonces = next(numbered)
        sealed = agefile.read_exactly(source, agefile.CHUNK + agefile.TAG)
        plain, last = _chunk(cipher, sealed, nonces, number)
        yield plain
    if source.read(1):
        raise Refusal("seal/payload-altered", chunk=number + 1)


def _chunk(
    cipher: ChaCha20Poly1305, sealed: bytes, nonces: tuple[bytes, bytes], number: int
) -> tuple[bytes, bool]:
    """One chunk's plaintext, and whether it is sealed as the last: only its nonce tells, never the end of the file."""
    full = len(sealed) == agefile.CHUNK + agefile.TAG
    for nonce, last in zip(nonces, (False, True), strict=True):
        if not full and not last:
            continue
        with suppress(InvalidTag):
            plain = cipher.decrypt(nonce, sealed, None)
            if plain or number == 1:
                return plain, last
    raise Refusal("seal/payload-altered", chunk=number)


def _argument(stanza: Stanza, *, place: int, of: int, size: int) -> bytes:
    """The stanza's argument `place` as `size` octets, once the count of arguments and the length of the body are right."""
    if len(stanza.arguments) != of:
        raise _malformed("the stanza's number of arguments")
    octets = agefile.from_base64(stanza.arguments[place])
    if octets is None or len(octets) != size:
        raise _malformed(f"a stanza's argument that is not {size} octets in canonical base64")
    if len(stanza.body) != _WRAPPED:  # checked before decrypting: partitioning oracles (age.md)
        raise _malformed("the length of a wrapped key")
    return octets


def _open(key: bytes, body: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(key).decrypt(agefile.ZERO_NONCE, body, None)
    except InvalidTag:
        return None


def _refuse_low_order(private: X25519PrivateKey, share: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise _malformed("a share of low order") from None


def _check_seed(seed: bytes) -> None:
    if len(seed) != _SEED:
        raise Refusal("seal/key-malformed", why=f"{len(seed)} octets where {_SEED} are expected")


def _malformed(why: str) -> Refusal:
    return Refusal("seal/header-malformed", line=0, why=why)
