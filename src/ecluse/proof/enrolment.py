"""A new passkey as a browser gives it (« enrôlement »): read strictly, in the one form in which authenticators write each kind of key.

W3C WebAuthn Level 3, 7.1, without attestation: who made the authenticator is not asked, because the laboratory's root certifies the key afterwards, typed in
by the person in charge of it. CTAP 2 writes a COSE key in one way only, so that a key is read by its exact form and needs no reader of CBOR.
Decides which octets are a new passkey; `wiring` keeps it and has it certified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.proof.passkey import ATTESTED, EXTENDED, Passkey, check_client, read_authenticator

__all__ = ["ALGORITHMS", "Enrolled", "enrolled"]

ALGORITHMS: Final = (-7, -8)
"""The COSE algorithms asked for, in order of preference: ES256, which every authenticator has, and EdDSA."""

_ES256: Final = (
    bytes.fromhex("a5010203262001215820"),
    32,
    bytes.fromhex("225820"),
    32,
)  # {1: 2, 3: -7, -1: 1, -2: x, -3: y}
_ED25519: Final = (bytes.fromhex("a4010103272006215820"), 32)  # {1: 1, 3: -8, -1: 6, -2: x}
_CREDENTIAL: Final = range(1, 1024)  # octets of a credential's id


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new passkey: its public key, the id by which a browser finds it again, and its counter."""

    key: Passkey
    credential: bytes
    counter: int


def enrolled(*, authenticator: bytes, client: bytes, challenge: bytes) -> Enrolled:
    """The new key in what `navigator.credentials.create()` gave for `challenge`.

    Raises Refusal `sign/json-malformed`, `passkey/...`; `passkey/key-malformed` for a key of a kind that was not asked for.
    """
    check_client(client, type="webauthn.create", challenge=challenge)
    account = read_authenticator(authenticator)
    if not account.flags & ATTESTED or len(account.rest) < 18:
        raise Refusal("passkey/malformed", why="no new key")
    length = int.from_bytes(
        account.rest[16:18]
    )  # after the model of authenticator (AAGUID), which is not asked
    credential, written = account.rest[18 : 18 + length], account.rest[18 + length :]
    if length not in _CREDENTIAL or len(credential) != length:
        raise Refusal("passkey/malformed", why="a credential of no length")
    key, after = _read(written)
    if (
        after and not account.flags & EXTENDED
    ):  # what an authenticator adds by itself is passed over: nothing rests on it
        raise Refusal("passkey/malformed", why="something after the key")
    return Enrolled(key, credential, account.counter)


def _read(written: bytes) -> tuple[Passkey, bytes]:
    """The key in its one form, and what follows it."""
    if (found := _parts(written, _ES256)) is not None:
        (x, y), after = found
        return Passkey("es256", b"\x04" + x + y), after
    if (found := _parts(written, _ED25519)) is not None:
        (x,), after = found
        return Passkey("ed25519", x), after
    raise Refusal("passkey/key-malformed")


def _parts(written: bytes, form: tuple[bytes | int, ...]) -> tuple[list[bytes], bytes] | None:
    """What stands in the gaps of a form; None where the octets have another."""
    gaps: list[bytes] = []
    for part in form:
        size = part if isinstance(part, int) else len(part)
        piece, written = written[:size], written[size:]
        if len(piece) != size or (isinstance(part, bytes) and piece != part):
            return None
        if isinstance(part, int):
            gaps.append(piece)
    return gaps, written
