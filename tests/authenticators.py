"""An authenticator in a few lines, for tests: what a security key gives, and each way in which it can be made to give something else.

Held to the browser's own: tests/vectors/passkeys.json was recorded from Chromium's, and tests/doors signs with it where Chromium is installed.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecluse.proof.passkey import Asserted, Assertion, Passkey, challenge_of

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


@dataclass(frozen=True)
class Authenticator:
    """One passkey on one device. `flags`, `counter`, `rp_id`, `origin`, `type`: what it and its browser say."""

    private: EllipticCurvePrivateKey | Ed25519PrivateKey
    credential: bytes = b"credential"
    rp_id: str = "localhost"
    origin: str = "http://localhost:8437"
    type: str = "webauthn.get"
    flags: int = UP | UV
    counter: int = 1
    rest: bytes = b""

    @classmethod
    def es256(cls) -> Authenticator:
        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def ed25519(cls, seed: bytes = b"p" * 32) -> Authenticator:
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def but(self, **changed: object) -> Authenticator:
        return replace(self, **changed)  # type: ignore[arg-type]

    @property
    def public(self) -> Passkey:
        if isinstance(self.private, Ed25519PrivateKey):
            return Passkey("ed25519", self.private.public_key().public_bytes_raw())
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Passkey("es256", point)

    def account(self) -> bytes:
        return (
            hashlib.sha256(self.rp_id.encode()).digest()
            + bytes([self.flags])
            + self.counter.to_bytes(4)
            + self.rest
        )

    def client(self, challenge: bytes, **more: object) -> bytes:
        text = urlsafe_b64encode(challenge).decode().rstrip("=")
        return json.dumps(
            {"type": self.type, "challenge": text, "origin": self.origin, "crossOrigin": False, **more}
        ).encode()

    def signed(self, client: bytes) -> Assertion:
        account = self.account()
        over = account + hashlib.sha256(client).digest()
        if isinstance(self.private, Ed25519PrivateKey):
            return Assertion(account, client, self.private.sign(over))
        return Assertion(account, client, self.private.sign(over, ECDSA(SHA256())))

    def assertion(self, over: bytes, **more: object) -> Assertion:
        """What it gives for the document whose pre-authentication encoding is `over`."""
        return self.signed(self.client(challenge_of(over), **more))

    def signs(self, over: bytes) -> Asserted:
        return Asserted(self.public, self.assertion(over))

    def created(
        self, challenge: bytes, *, cose: bytes | None = None, after: bytes = b""
    ) -> tuple[bytes, bytes]:
        """What it gives when it is enrolled: its account and its client's."""
        key = self.cose() if cose is None else cose
        attested = bytes(16) + len(self.credential).to_bytes(2) + self.credential + key + after
        new = self.but(type="webauthn.create", flags=self.flags | AT, rest=attested)
        return new.account(), new.client(challenge)

    def cose(self) -> bytes:
        octets = self.public.octets
        if self.public.algorithm == "ed25519":
            return bytes.fromhex("a4010103272006215820") + octets
        return bytes.fromhex("a5010203262001215820") + octets[1:33] + bytes.fromhex("225820") + octets[33:]
