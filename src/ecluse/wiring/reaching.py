"""How a site reaches its exchange: the folder beside it, or the chamber of an exchange elsewhere, under what a person compared when it was enrolled.

    laboratory-old/exchange.json      the chamber's address, the certificate that is accepted (where the system's store does not know it), the ledger's key

Nothing is spoken to an exchange that is not written here: changing the address in `ecluse.toml` is not enough to be sent elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from ecluse.adapters.durable import octets_to_disk
from ecluse.adapters.exchange.documents import RemoteDocuments
from ecluse.adapters.exchange.ledger import RemoteLedger
from ecluse.adapters.exchange.link import Link
from ecluse.adapters.exchange.place import ExchangePlace
from ecluse.adapters.exchange.vault import RemoteVault
from ecluse.adapters.journal import SharedLedger
from ecluse.adapters.records import SqliteRecords
from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.journal import Documents
from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.evidence import Exported
from ecluse.proof.note import NoteKey
from ecluse.wiring.folders import SiteFolder

__all__ = ["Enrolment", "Reached", "enrolment_of", "reach_chamber", "write_enrolment"]

_FILE = "exchange.json"


class KeptLedger(SharedLedger, Exported, Protocol):
    """The ledger as a site and a bundle need it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What an exchange keeps for a site."""

    ledger: KeptLedger
    documents: Documents
    custody: Vault


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person compared: `certificate` is its SHA-256 (hex), "" where the system's store vouches for it."""

    url: str
    certificate: str
    log: NoteKey

    def place(self, *, proxy: str) -> ExchangePlace:
        """Where, and under which certificate."""
        return ExchangePlace.parse(self.url, proxy=proxy, certificate=self.certificate)


def enrolment_of(folder: SiteFolder) -> Enrolment | None:
    """What was compared for this site; None before. Raises Refusal `settings/malformed`."""
    file = folder.path / _FILE
    if not file.is_file():
        return None
    match strict_json(file.read_bytes()):
        case {"url": str(url), "certificate": str(certificate), "log": str(log)}:
            return Enrolment(url, certificate, NoteKey.parse(log))
    raise Refusal("settings/malformed", where=_FILE, got="its fields")


def write_enrolment(folder: SiteFolder, enrolment: Enrolment) -> None:
    """Hold to this exchange from now on, in place of the one before."""
    told = {"url": enrolment.url, "certificate": enrolment.certificate, "log": enrolment.log.encode()}
    beside = folder.path / f"{_FILE}.new"
    beside.touch(mode=0o600)
    beside.write_bytes(canonical_json(told))
    octets_to_disk(beside)
    beside.replace(folder.path / _FILE)


def reach_chamber(url: str, folder: SiteFolder, *, proxy: str) -> Reached:
    """The chamber at `url`, once enrolled. Raises Refusal `link/not-enrolled`, `link/address`."""
    enrolled = enrolment_of(folder)
    if enrolled is None or enrolled.url != ExchangePlace.parse(url).url:
        raise Refusal("link/not-enrolled", where=folder.name)
    link = Link(enrolled.place(proxy=proxy), key=folder.agent())
    origin = hashlib.sha256(enrolled.log.encode().encode()).hexdigest()[:16]
    copy = SqliteRecords(folder.path / f"ledger-{origin}.sqlite")
    return Reached(RemoteLedger(link, log=enrolled.log, copy=copy), RemoteDocuments(link), RemoteVault(link))
