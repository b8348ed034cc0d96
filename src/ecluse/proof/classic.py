"""A classic age recipient (« destinataire X25519 »), for the archive a laboratory keeps, and for nothing else.

Parcels are sealed to hybrid recipients alone (`seal.Recipient`): what passes through other hands today must not be readable by tomorrow's machine. An
archive stays in its owner's hands, and must open with the age that is installed there, older than the hybrid recipient: the laboratory may choose a
classic key for it. Decides how such a recipient is read and wraps a file key (C2SP age.md, "X25519 recipient stanza"); not who may choose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ecluse.base.refusal import Refusal
from ecluse.proof import agefile, bech32
from ecluse.proof.agefile import Stanza
from ecluse.proof.seal import Recipient

__all__ = ["ClassicRecipient", "archive_recipients"]

_NAME: Final = "age"
_POINT: Final = 32
_INFO: Final = b"age-encryption.org/v1/X25519"


@dataclass(frozen=True, slots=True)
class ClassicRecipient:
    """Whom an archive is sealed to: the public half of an X25519 key, 32 octets."""

    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.octets) != _POINT:
            raise Refusal("seal/key-malformed", why=f"{len(self.octets)} octets where {_POINT} are expected")
        self.wrap(bytes(agefile.FILE_KEY))

    def __str__(self) -> str:
        return bech32.encode(_NAME, self.octets)

    def wrap(self, file_key: bytes) -> Stanza:
        """The stanza from which the holder of the private half recovers `file_key`. Raises Refusal `seal/key-malformed` for a point of low order."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.octets))
        except ValueError:
            raise Refusal("seal/key-malformed", why="not a point of X25519") from None
        key = agefile.derive(secret, salt=share + self.octets, info=_INFO)
        body = ChaCha20Poly1305(key).encrypt(agefile.ZERO_NONCE, file_key, None)
        return Stanza(("X25519", agefile.to_base64(share)), body)


def archive_recipients(texts: Sequence[str]) -> tuple[Recipient | ClassicRecipient, ...]:
    """The recipients of an archive, `age1pq1...` or `age1...`.

    Raises Refusal `archive/no-recipient`, `archive/recipients-mixed` (one classic recipient would undo what the others promise), `seal/key-malformed`.
    """
    found = tuple(map(_recipient, texts))
    if not found:
        raise Refusal("archive/no-recipient")
    if len({type(recipient) for recipient in found}) > 1:
        raise Refusal("archive/recipients-mixed")
    return found


def _recipient(text: str) -> Recipient | ClassicRecipient:
    name, octets = bech32.decode(text)
    return ClassicRecipient(octets) if name == _NAME else Recipient.parse(text)
