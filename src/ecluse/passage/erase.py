"""Erasure (« effacement ») and its certificate: keys and bytes destroyed, a read and a decryption attempted and seen to fail.

Erasing follows acceptance, revocation or the instruction's time to live, whichever comes first. Order matters: the key goes first, so that even if the
bytes outlive it they are noise (NIST SP 800-88 rev. 2, cryptographic erase). The certificate says what, where, how, and what is not covered.
A later start compares the keys it holds with the ledger's tombstones, so a restored backup cannot bring one back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault

__all__ = ["IN_TARGET", "NOT_COVERED", "Certificate", "Keys", "Place", "PlaceErased", "erase"]

IN_TARGET: Final[dict[str, dict[str, str]]] = {
    "accepted": {
        "fr": "le système de destination, où les données ont été reprises : c'est l'objet de la reprise",
        "en": "the target system, which now holds the records: that is the migration's purpose",
    },
    "none": {
        "fr": "le système de destination : rien de cette reprise n'y reste, à la connaissance du journal",
        "en": "the target system: nothing of this migration is left there, as far as the ledger tells",
    },
    "unaccepted": {
        "fr": "le système de destination : des enregistrements de cette reprise y restent, que personne n'a acceptés",
        "en": "the target system: records of this migration stay there, and nobody accepted them",
    },
}
"""What the certificate says of the target, by what the ledger tells of it (`standing`)."""
NOT_COVERED: Final = (
    {
        "fr": "le système d'origine, dont le sort est fixé par l'instruction",
        "en": "the source system, whose fate the instruction settles",
    },
    {
        "fr": "les sauvegardes des dossiers effacés : elles ne contiennent que des colis dont la clé n'existe plus",
        "en": "backups of the erased folders: they hold only parcels whose key no longer exists",
    },
    {
        "fr": "le journal et les documents signés, conservés comme preuves : ils ne contiennent aucune donnée de patient",
        "en": "the ledger and the signed documents, kept as evidence: they hold no patient's datum",
    },
)
"""What else the certificate says is not erased, and why (users-and-products 6.10). Software attests destruction; it cannot prove it of a disk."""


DECRYPTION_FAILED: Final = "a decryption was attempted and failed"
READ_FAILED: Final = "a read was attempted and failed"
NOTHING_THERE: Final = "nothing was there"
"""What was seen at a place after erasure; where nothing stood there was nothing to attempt, and it is not said that it was."""


class Keys(Protocol):
    """Private keys of one site, by migration (`adapters.keystore`)."""

    def names(self) -> list[str]:
        """The keys alive."""
        ...

    def destroy(self, name: str) -> None:
        """Overwrite and remove the key, and see that a decryption fails. Raises Refusal `key/...` if it still works."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One place to erase: at which site, its vault and folder, or the keys and the key's name."""

    site: str
    what: str
    vault: Vault | None = None
    folder: str = ""
    keys: Keys | None = None


@dataclass(frozen=True, slots=True)
class PlaceErased:
    """What was done at one place. `method`: key-destroyed or files-deleted; `count`: keys or files; `verification`: what was seen after."""

    site: str
    what: str
    method: str
    count: int
    at: str
    verification: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of erasure (« attestation d'effacement »), ready to be signed."""

    migration: str
    instruction: str
    agreement: str
    manifest: str
    why: str
    person: str
    tool: str
    started: str
    ended: str
    places: tuple[PlaceErased, ...]
    in_target: str = "accepted"
    """A key of `IN_TARGET`."""

    def encode(self) -> bytes:
        """As signed: strict JSON with the fields of users-and-products 6.10."""
        content: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "places"}
        content["places"] = [
            {name: getattr(place, name) for name in place.__slots__} for place in self.places
        ]
        content["not_covered"] = [IN_TARGET[self.in_target], *NOT_COVERED]
        content["standard"] = "NIST SP 800-88 rev. 2, cryptographic erase; GDPR Art. 28(3)(g)"
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def erase(places: Sequence[Place], *, at: datetime) -> tuple[PlaceErased, ...]:
    """Erase every place, keys first, and look again at each. Raises Refusal `erase/survived` when something is still there.

    Interrupted, it is simply called again: what is gone already counts 0.
    """
    keys = [_key(place, place.keys, at=at) for place in places if place.keys is not None]
    folders = [_folder(place, place.vault, at=at) for place in places if place.vault is not None]
    return (*keys, *folders)


def _key(place: Place, keys: Keys, *, at: datetime) -> PlaceErased:
    alive = [name for name in keys.names() if name == place.folder]
    for name in alive:
        keys.destroy(name)
    if place.folder in keys.names():
        raise Refusal("erase/survived", where=place.site, what=place.what)
    return PlaceErased(
        place.site,
        place.what,
        "key-destroyed",
        len(alive),
        at.isoformat(),
        DECRYPTION_FAILED if alive else NOTHING_THERE,
    )


def _folder(place: Place, vault: Vault, *, at: datetime) -> PlaceErased:
    names = vault.names(place.folder)
    count = vault.erase(place.folder)
    if vault.names(place.folder) or place.folder in vault.folders() or _readable(vault, place.folder, names):
        raise Refusal("erase/survived", where=place.site, what=place.what)
    return PlaceErased(
        place.site,
        place.what,
        "files-deleted",
        count,
        at.isoformat(),
        READ_FAILED if count else NOTHING_THERE,
    )


def _readable(vault: Vault, folder: str, names: Sequence[str]) -> bool:
    """Whether any of the files that were there can still be opened: each is tried."""
    for name in names:
        with suppress(Refusal):
            vault.open(folder, name).close()
            return True
    return False
