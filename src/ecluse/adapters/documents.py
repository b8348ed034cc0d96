"""Signed documents in a folder, one file each, named by the digest of what was signed. They hold no patient's datum."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from ecluse.adapters.durable import NO_ROOM
from ecluse.base.refusal import Fault, Refusal

__all__ = ["DocumentFolder"]

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


class DocumentFolder:
    """`passage.site.Documents` in a folder, made if absent."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, envelope: bytes, *, digest: str) -> None:
        """See `Documents.put`; raises too Fault `vault/disk-full`. Written aside, flushed, then renamed over: an envelope only ever gains signatures."""
        place = self._place(digest)
        if place.exists() and len(place.read_bytes()) >= len(envelope):
            return
        partial = place.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                file.write(envelope)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(place)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise Fault("vault/disk-full", where=digest) from None
            raise

    def get(self, digest: str) -> bytes:
        """See `Documents.get`."""
        place = self._place(digest)
        if not place.is_file():
            raise Refusal("document/absent", where=digest)
        return place.read_bytes()

    def digests(self) -> list[str]:
        """Every document here, by digest."""
        return sorted(f"sha256:{file.name.partition('.')[0]}" for file in self._root.glob("*.dsse.json"))

    def _place(self, digest: str) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise Refusal("document/absent", where=digest)
        return self._root / f"{match[1]}.dsse.json"
