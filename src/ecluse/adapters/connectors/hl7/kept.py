"""What two ends of a line remember: the messages that came, sealed to the laboratory's own key, and those that were acknowledged.

Decides that a message is kept once, however often it is sent, that another one under the same control id (MSH-10) is kept too, and counted, and that
what lies on the disk is ciphertext from its first octet. Durability is the vault's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final, Protocol

from ecluse.adapters.connectors.files.format import File
from ecluse.adapters.connectors.hl7.line import identified
from ecluse.passage.custody import Vault
from ecluse.proof.seal import Recipient, seal
from ecluse.proof.unseal import Identity, unseal

__all__ = ["AGAIN", "KEPT", "SAME_ID", "FileJournal", "Keep", "KeptFile", "SealedKeep"]

_DIGEST: Final = 16
KEPT: Final = "kept"
AGAIN: Final = "again"
"""Octet for octet a message that is kept already."""
SAME_ID: Final = "same-id"
"""Kept, though another message of the same sender bore its control id."""


class Keep(Protocol):
    """Where a listener puts what it acknowledges."""

    def keep(self, message: bytes) -> str:
        """`KEPT`, `AGAIN` or `SAME_ID`; it is safe on the disk when this returns. Raises Fault when it could not be made so."""
        ...


class SealedKeep:
    """A folder of a vault: one sealed file for each message, named by its number and, keyed by `secret`, digests of its octets and of who numbered it how."""

    def __init__(self, vault: Vault, *, folder: str, to: Recipient, secret: bytes = b"") -> None:
        self._vault, self._folder, self._to, self._secret = vault, folder, to, secret
        self._lock = Lock()
        self._known: set[str] = set()
        self._ids: set[str] = set()
        self._next = 1
        for name in vault.names(folder):
            number, digest, identity = name.split(".")
            self._known.add(digest)
            self._ids.add(identity)
            self._next = max(self._next, int(number) + 1)

    def keep(self, message: bytes) -> str:
        """See `Keep.keep`."""
        digest, identity = _digest(message, self._secret), _digest(identified(message), self._secret)
        with self._lock:
            if digest in self._known:
                return AGAIN
            sealed = BytesIO()
            seal([message], to=[self._to], out=sealed)
            self._vault.put(self._folder, f"{self._next:012d}.{digest}.{identity}", [sealed.getvalue()])
            self._next += 1
            self._known.add(digest)
            said = SAME_ID if identity in self._ids else KEPT
            self._ids.add(identity)
            return said


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A message that was kept, as a file of a source (`files.format.File`): opened with the laboratory's own key as it is read, and nowhere else."""

    file: File
    identity: Identity

    @property
    def name(self) -> str:
        """See `File.name`."""
        return self.file.name

    @property
    def place(self) -> str:
        """See `File.place`."""
        return self.file.place

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its octets. Raises Refusal `seal/...` where the key or the file is another, and as the sealed file."""
        with self.file.open() as sealed:
            yield BytesIO(b"".join(unseal(sealed, identities=[self.identity])))


class FileJournal:
    """The messages that were acknowledged: a digest a line, keyed by `secret`, each on the disk before the next message is sent.

    A digest of all but the header: written again with another control id or moment, a message is still the same.
    """

    def __init__(self, place: Path, *, secret: bytes = b"") -> None:
        self._place, self._secret = place, secret
        held = place.read_bytes() if place.exists() else b""
        whole = held[: held.rfind(b"\n") + 1]
        if whole != held:  # a line cut by a power cut would spoil the next
            os.truncate(place, len(whole))
        self._known = set(whole.decode("ascii", "replace").splitlines())

    def has(self, message: bytes) -> bool:
        """See `mllp.Journal.has`."""
        return self._line(message) in self._known

    def note(self, message: bytes) -> None:
        """See `mllp.Journal.note`."""
        line = self._line(message)
        descriptor = os.open(
            self._place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._known.add(line)

    def _line(self, message: bytes) -> str:
        return _digest(message.partition(b"\r")[2], self._secret)


def _digest(octets: bytes, secret: bytes) -> str:
    return blake2b(octets, digest_size=_DIGEST, key=secret).hexdigest()
