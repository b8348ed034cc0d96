"""Signed documents kept at the exchange: each is held against the digest it was asked by, before anything is read in it."""

from __future__ import annotations

from ecluse.adapters.exchange.link import Link
from ecluse.proof.sign import check_continues

__all__ = ["RemoteDocuments"]


class RemoteDocuments:
    """`passage.journal.Documents` over a link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def put(self, envelope: bytes, *, digest: str) -> None:
        """See `Documents.put`. The exchange refuses one that lacks a signature it holds (`document/fewer-signatures`)."""
        self._link.ask(
            "PUT", "documents", digest, body=envelope, headers={"Content-Type": "application/json"}
        )

    def get(self, digest: str) -> bytes:
        """See `Documents.get`. Raises too Refusal `document/another` where the exchange gave another one."""
        envelope = self._link.ask("GET", "documents", digest).body
        check_continues(envelope, named=digest, held=None)
        return envelope
