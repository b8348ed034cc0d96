"""Signing keys (« clé de signature ») and how people compare them.

Ed25519 (RFC 8032). A public key is a line of text and eight groups of four digits read aloud on the telephone, since no key is ever
taken from the exchange's word. This module decides how keys are written; `keyfile` keeps them, `keycert` says whose they are.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecluse.base.refusal import Refusal
from ecluse.proof.encoding import from_base64, to_base64

__all__ = ["SEED", "SigningKey", "VerifyKey", "fingerprint"]

SEED: Final = 32
_PREFIX: Final = "ecluse-ed25519:"
_GROUPS: Final = 8


def fingerprint(key: str) -> str:
    """Eight groups of four digits (106 bits) for a key's text, of any kind, to be compared by voice: "0123 4567 ..."."""
    number = int.from_bytes(hashlib.sha256(b"ecluse fingerprint\n" + key.encode()).digest())
    digits = f"{number % 10 ** (4 * _GROUPS):0{4 * _GROUPS}d}"
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """The public half: 32 octets. Equal keys verify the same signatures."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != SEED:
            raise Refusal("key/malformed")

    @classmethod
    def parse(cls, text: str) -> VerifyKey:
        """From `ecluse-ed25519:<base64>`. Raises Refusal `key/malformed`."""
        octets = from_base64(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None
        if octets is None:
            raise Refusal("key/malformed")
        return cls(octets)

    def encode(self) -> str:
        """`ecluse-ed25519:<base64>`, the form given to people and written in documents."""
        return _PREFIX + to_base64(self.octets)

    @property
    def key_id(self) -> str:
        """SHA-256 of the key, in hexadecimal: a hint in envelopes, never a proof."""
        return hashlib.sha256(self.octets).hexdigest()

    def fingerprint(self) -> str:
        """Eight groups of four digits, to be compared by voice."""
        return fingerprint(self.encode())

    def verifies(self, signature: bytes, *, over: bytes) -> bool:
        """Whether `signature` is this key's over those octets. For `sign` and `note`, which raise; others call them."""
        try:
            Ed25519PublicKey.from_public_bytes(self.octets).verify(signature, over)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half: a seed of 32 octets, which `words` can print. Never shown by accident."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED:
            raise Refusal("key/malformed")

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key from the system's randomness."""
        return cls(os.urandom(SEED))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a seed of 32 octets. Raises Refusal `key/malformed` for another length."""
        return cls(seed)

    def derived(self, purpose: str) -> SigningKey:
        """The one key that this key gives for a purpose (HKDF-SHA256, RFC 5869): whoever recovers this one recovers that one, never the reverse."""
        return SigningKey(
            HKDF(SHA256(), SEED, salt=None, info=f"ecluse key\n{purpose}".encode()).derive(self.seed)
        )

    @property
    def public(self) -> VerifyKey:
        """The half to give."""
        return VerifyKey(self._private().public_key().public_bytes_raw())

    @property
    def key_id(self) -> str:
        """The public half's identifier."""
        return self.public.key_id

    def sign(self, octets: bytes) -> bytes:
        """64 octets. Sign only texts whose first words say what they are: an envelope's PAE, a note, a cosignature."""
        return self._private().sign(octets)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)
