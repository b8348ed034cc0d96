"""A table under way, kept on the disk until its length is known: a tar says a file's length before the file.

Decides that no patient's value lies in the clear meanwhile: each piece is encrypted by a key that lives in memory alone, in a file without a name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

__all__ = ["Spool"]

_PIECE: Final = 1 << 20


class Spool:
    """Octets added at the end, then read once from the beginning. `size`: how many."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the spool
        self._cipher = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())
        self._held = bytearray()
        self._lengths: list[int] = []
        self.size = 0

    def add(self, octets: bytes) -> None:
        """More octets."""
        self._held += octets
        self.size += len(octets)
        if len(self._held) >= _PIECE:
            self._write()

    def chunks(self) -> Iterator[bytes]:
        """All of them, once; the file is gone then."""
        self._write()
        self._file.seek(0)
        with self._file as file:
            for number, length in enumerate(self._lengths):
                yield self._cipher.decrypt(_nonce(number), file.read(length), None)

    def close(self) -> None:
        """The file is gone, read or not."""
        self._file.close()

    def _write(self) -> None:
        sealed = self._cipher.encrypt(_nonce(len(self._lengths)), bytes(self._held), None)
        self._lengths.append(self._file.write(sealed))
        self._held.clear()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
