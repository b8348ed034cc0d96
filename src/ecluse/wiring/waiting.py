"""Which documents a workspace keeps, whether or not the ledger tells of them yet.

Decides where they are found; what waits for whom is decided by `passage.waiting`.
"""

from __future__ import annotations

from ecluse.adapters.documents import DocumentFolder
from ecluse.wiring.settings import Settings

__all__ = ["documents_kept"]


def documents_kept(settings: Settings) -> list[str]:
    """The digest of every document kept beside this site; none where the exchange is elsewhere, whose chamber gives documents by digest and lists none.

    There, a document that waits is opened from the file that came with it.
    """
    if settings.chamber:
        return []
    return DocumentFolder(settings.exchange / "documents").digests()
