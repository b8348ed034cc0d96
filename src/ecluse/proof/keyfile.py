"""The key file: a signing key's seed, sealed by a passphrase in an age file that stock `age` can open.

This module decides how a key rests on a disk. It reaches `unseal`: the exchange does not import it. The second copy of a key is the
sheet of words (`words`).
"""

from __future__ import annotations

import io

from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SEED, SigningKey
from ecluse.proof.seal import DEFAULT_WORK_FACTOR, PassphraseRecipient, seal
from ecluse.proof.unseal import PassphraseIdentity, unseal

__all__ = ["lock_key", "unlock_key"]

_TITLE = b"ecluse-signing-key-v1\n"


def lock_key(key: SigningKey, passphrase: str, *, work_factor: int = DEFAULT_WORK_FACTOR) -> bytes:
    """The key file of `key`. `work_factor` is log2 of scrypt's cost."""
    out = io.BytesIO()
    seal([_TITLE + key.seed], to=[PassphraseRecipient(passphrase, work_factor)], out=out)
    return out.getvalue()


def unlock_key(octets: bytes, passphrase: str) -> SigningKey:
    """The key of a key file. Raises Refusal `key/wrong-passphrase`, `key/file-malformed`, or a `seal/` refusal for a damaged file."""
    try:
        plain = b"".join(unseal(io.BytesIO(octets), identities=[PassphraseIdentity(passphrase)]))
    except Refusal as refusal:
        if refusal.code == "seal/not-for-you":
            raise Refusal("key/wrong-passphrase") from None
        raise
    if not plain.startswith(_TITLE) or len(plain) != len(_TITLE) + SEED:
        raise Refusal("key/file-malformed")
    return SigningKey(plain.removeprefix(_TITLE))
