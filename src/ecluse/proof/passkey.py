"""Passkeys (« clé d'accès ») that sign documents: a WebAuthn assertion whose challenge is SHA-256 of what an envelope's signature covers.

The person's authenticator signs what the laboratory's own page on http://localhost showed, and nothing else can be made of it: the type and exact
bytes of the document stand in the challenge. Verified offline, the same years later. The numbered steps, the same in the code (W3C WebAuthn Level 3,
7.2, those that need no server):

 1. the client's account is JSON read in one way, and says it is of an assertion (`webauthn.get`)
 2. its challenge is SHA-256 of DSSE's pre-authentication encoding of the document's type and bytes
 3. its origin is a page of this machine, http://localhost and a port, in no other page's frame
 4. the authenticator answers for that name (`rpIdHash` is SHA-256 of "localhost")
 5. a person was present (UP) and was verified by the authenticator (UV), by a code or a finger
 6. it says nothing else: no new key, no extension, no backup of what cannot be backed up
 7. the signature is the certified key's, over the authenticator's account and SHA-256 of the client's

Decides whether an assertion holds and how a passkey is written; `keycert` says whose it is, `enrolment` reads a new one. The counter tells a copied
authenticator, and only to who saw the one before: it is given here, and held by the page.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import strict_json
from ecluse.proof.encoding import from_base64, to_base64
from ecluse.proof.keys import fingerprint

__all__ = [
    "RP_ID", "Algorithm", "Asserted", "Assertion", "Passkey", "Statement", "challenge_of", "check_client", "check_counter", "read_authenticator",
]  # fmt: skip

RP_ID: Final = "localhost"
"""The name passkeys answer to: the laboratory's own machine. No page served by the exchange can ask for them."""

Algorithm: TypeAlias = Literal["es256", "ed25519"]
_PREFIX: Final = "ecluse-passkey-"
_LONGEST: Final = 1 << 12  # octets of a client's account; browsers write about 200
_ORIGIN: Final = re.compile(r"http://localhost:([1-9][0-9]{0,4})")
_PRESENT, _VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, ATTESTED, EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator gave for one document, octet for octet: its own account, the client's, and the signature over both."""

    authenticator: bytes
    client: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """An authenticator's account, read: its flags, its counter of uses (0: it does not count), and what follows."""

    flags: int
    counter: int
    rest: bytes


@dataclass(frozen=True, slots=True)
class Passkey:
    """The public half: a point of P-256 (65 octets, uncompressed) under ES256, or 32 octets under Ed25519. Raises Refusal `passkey/key-malformed`."""

    algorithm: Algorithm
    octets: bytes

    def __post_init__(self) -> None:
        if self.algorithm not in get_args(Algorithm):
            raise Refusal("passkey/key-malformed")
        try:
            self._public()
        except ValueError:
            raise Refusal("passkey/key-malformed") from None
        if (
            self.algorithm == "es256" and len(self.octets) != 65
        ):  # the same point compressed would be another text
            raise Refusal("passkey/key-malformed")

    @classmethod
    def parse(cls, text: str) -> Passkey:
        """From `ecluse-passkey-es256:<base64>` or `ecluse-passkey-ed25519:<base64>`. Raises Refusal `passkey/key-malformed`."""
        for algorithm in get_args(Algorithm):
            prefix = f"{_PREFIX}{algorithm}:"
            octets = from_base64(text.removeprefix(prefix)) if text.startswith(prefix) else None
            if octets is not None:
                return cls(algorithm, octets)
        raise Refusal("passkey/key-malformed")

    def encode(self) -> str:
        """The form written in certificates, whose prefix says which of the two it is."""
        return f"{_PREFIX}{self.algorithm}:{to_base64(self.octets)}"

    @property
    def key_id(self) -> str:
        """SHA-256 of the written form, in hexadecimal: a hint in envelopes, never a proof, and never that of a key file."""
        return hashlib.sha256(self.encode().encode()).hexdigest()

    def fingerprint(self) -> str:
        """Eight groups of four digits, to be compared by voice."""
        return fingerprint(self.encode())

    def verifies(self, assertion: Assertion, *, over: bytes) -> bool:
        """Whether `check` has nothing to refuse. For `sign`, which raises; others call it."""
        try:
            self.check(assertion, over=over)
        except Refusal:
            return False
        return True

    def check(self, assertion: Assertion, *, over: bytes) -> Statement:
        """The steps of this module's head; the authenticator's account, for its counter.

        Raises Refusal `sign/json-malformed`, `passkey/...` of the first step that fails.
        """
        check_client(assertion.client, type="webauthn.get", challenge=challenge_of(over))  # steps 1 to 3
        account = read_authenticator(assertion.authenticator)  # steps 4 and 5
        if account.flags & (ATTESTED | EXTENDED) or account.rest:  # step 6
            raise Refusal("passkey/malformed", why="an assertion that carries more than an assertion")
        signed = assertion.authenticator + hashlib.sha256(assertion.client).digest()
        if not self._signed(assertion.signature, over=signed):  # step 7
            raise Refusal("passkey/signature-differs")
        return account

    def _signed(self, signature: bytes, *, over: bytes) -> bool:
        key = self._public()
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, over)
            else:
                key.verify(signature, over, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def _public(self) -> Ed25519PublicKey | EllipticCurvePublicKey:
        if self.algorithm == "ed25519":
            return Ed25519PublicKey.from_public_bytes(self.octets)
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), self.octets)


@dataclass(frozen=True, slots=True)
class Asserted:
    """A passkey and what its authenticator gave for one document: it signs that one, and refuses any other."""

    public: Passkey
    assertion: Assertion = field(repr=False)

    @property
    def key_id(self) -> str:
        """The passkey's identifier."""
        return self.public.key_id

    def sign(self, octets: bytes) -> Assertion:
        """The assertion, seen to hold over `octets`. Raises the refusals of `Passkey.check`."""
        self.public.check(self.assertion, over=octets)
        return self.assertion


def challenge_of(over: bytes) -> bytes:
    """What the browser is given to have signed: SHA-256 of a document's pre-authentication encoding."""
    return hashlib.sha256(over).digest()


def check_client(octets: bytes, *, type: str, challenge: bytes) -> None:
    """Steps 1 to 3, for an assertion or an enrolment. Members that a browser may add are passed over; none may stand there twice.

    Raises Refusal `sign/json-malformed`, `passkey/malformed`, `passkey/other-type`, `passkey/other-challenge`, `passkey/other-origin`.
    """
    match strict_json(octets, limit=_LONGEST):
        case {"type": str(said), "challenge": str(text), "origin": str(origin), **more}:
            pass
        case _:
            raise Refusal("passkey/malformed", why="its fields")
    if said != type:
        raise Refusal("passkey/other-type", expected=type)
    if text != urlsafe_b64encode(challenge).decode().rstrip("="):
        raise Refusal("passkey/other-challenge")
    port = _ORIGIN.fullmatch(origin)
    if (
        port is None
        or int(port[1]) > 65535
        or more.get("crossOrigin", False) is not False
        or "topOrigin" in more
    ):
        raise Refusal("passkey/other-origin")


def read_authenticator(octets: bytes) -> Statement:
    """Steps 4 and 5, and what the flags may not say together (6). Raises Refusal `passkey/malformed`, `passkey/other-site`, `passkey/not-verified`."""
    if len(octets) < 37:
        raise Refusal("passkey/malformed", why="an authenticator's account that is cut short")
    flags = octets[32]
    if octets[:32] != hashlib.sha256(RP_ID.encode()).digest():
        raise Refusal("passkey/other-site")
    for flag, name in ((_PRESENT, "UP"), (_VERIFIED, "UV")):
        if not flags & flag:
            raise Refusal("passkey/not-verified", got=name)
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise Refusal("passkey/malformed", why="a backup of what cannot be backed up")
    return Statement(flags, int.from_bytes(octets[33:37]), octets[37:])


def check_counter(counter: int, *, seen: int, where: str) -> None:
    """Raise Refusal `passkey/counter-back` unless the counter went on since it was last seen; an authenticator that never counts stays at 0.

    A counter that stands still or goes back is a copy's (WebAuthn 7.2, step 22).
    """
    if (counter or seen) and counter <= seen:
        raise Refusal("passkey/counter-back", where=where, got=counter, expected=seen + 1)
