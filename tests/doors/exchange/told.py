"""A chamber that tells of a real passage: what another ledger tells is recorded again in it, act by act, with its documents."""

from __future__ import annotations

from ecluse.adapters.documents import DocumentFolder
from ecluse.passage.chamber import Chamber
from ecluse.wiring.laboratory import open_ledger
from ecluse.wiring.settings import Settings

__all__ = ["retold"]


def retold(chamber: Chamber, settings: Settings) -> None:
    """Record in `chamber` what the ledger of a one-machine workspace tells."""
    for told in open_ledger(settings).history():
        entry = told.entry
        chamber.record(entry.act, by=entry.by, subject=entry.subject, body=told.body or {})
    kept = DocumentFolder(settings.exchange / "documents")
    for digest in kept.digests():
        chamber.documents.put(kept.get(digest), digest=digest)
