"""What two ends of a line remember: the messages that came, sealed to the laboratory's own key, and the control ids that were acknowledged.

Decides that a message is kept once, however often it is sent, and that what lies on the disk is ciphertext from its first octet. Durability is the vault's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

from ecluse.passage.custody import Vault
from ecluse.proof.seal import Recipient, seal

__all__ = ["FileJournal", "Keep", "SealedKeep"]

_DIGEST: Final = 16


class Keep(Protocol):
    """Where a listener puts what it acknowledges."""

    def keep(self, message: bytes) -> bool:
        """Whether the message is new; either way it is safe on the disk when this returns. Raises Fault when it could not be made so."""
        ...


class SealedKeep:
    """A folder of a vault: one sealed file for each message, named by its number and a digest of its octets keyed by `secret`."""

    def __init__(self, vault: Vault, *, folder: str, to: Recipient, secret: bytes = b"") -> None:
        self._vault, self._folder, self._to, self._secret = vault, folder, to, secret
        self._lock = Lock()
        names = vault.names(folder)
        self._known = {name.partition(".")[2] for name in names}
        self._next = max((int(name.partition(".")[0]) for name in names), default=0) + 1

    def keep(self, message: bytes) -> bool:
        """See `Keep.keep`."""
        digest = blake2b(message, digest_size=_DIGEST, key=self._secret).hexdigest()
        with self._lock:
            if digest in self._known:
                return False
            sealed = BytesIO()
            seal([message], to=[self._to], out=sealed)
            self._vault.put(self._folder, f"{self._next:012d}.{digest}", [sealed.getvalue()])
            self._next += 1
            self._known.add(digest)
            return True

    def names(self) -> Iterator[str]:
        """The files kept, as they came."""
        yield from self._vault.names(self._folder)


class FileJournal:
    """Control ids that were acknowledged, one a line, each on the disk before the next message is sent. A control id tells of no patient."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._known = set(place.read_text("utf-8").splitlines()) if place.exists() else set()

    def has(self, control: str) -> bool:
        """See `mllp.Journal.has`."""
        return control.replace("\n", " ") in self._known

    def note(self, control: str) -> None:
        """See `mllp.Journal.note`."""
        line = control.replace("\n", " ")
        descriptor = os.open(
            self._place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._known.add(line)
