"""`passage.uploads.Uploads` in this process."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.uploads import Progress, Upload


class MemoryUploads:
    """See `Uploads`. `room`: octets that all uploads together may take before the disk is full."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.held: dict[tuple[str, str], MemoryUpload] = {}
        self.room = room

    def open(self, folder: str, name: str, *, length: int | None, fresh: bool) -> Upload:
        upload = self.held.get((folder, name)) or MemoryUpload(self, folder, name, length)
        if upload.busy:
            raise Fault("intake/busy", where=f"{folder}/{name}")
        if not fresh and length not in (None, upload.length):
            raise Refusal("intake/length", where=name, expected=upload.length or "-", got=length)
        if fresh:
            upload.octets.clear()
            upload.length = length
        upload.busy = True
        self.held[folder, name] = upload
        return upload

    def found(self, folder: str, name: str) -> Progress | None:
        upload = self.held.get((folder, name))
        return None if upload is None else Progress(upload.size, upload.length)

    def names(self, folder: str) -> list[str]:
        return sorted(name for where, name in self.held if where == folder)

    def folders(self) -> list[str]:
        return sorted({where for where, _ in self.held})

    def erase(self, folder: str) -> int:
        return len([self.held.pop((folder, name)) for name in self.names(folder)])


class MemoryUpload:
    """See `Upload`."""

    def __init__(self, uploads: MemoryUploads, folder: str, name: str, length: int | None) -> None:
        self._uploads, self._folder, self._name = uploads, folder, name
        self.length, self.octets, self.busy = length, bytearray(), False

    @property
    def size(self) -> int:
        return len(self.octets)

    def write(self, octets: bytes) -> None:
        if sum(each.size for each in self._uploads.held.values()) + len(octets) > self._uploads.room:
            raise Fault("vault/disk-full", where=f"{self._folder}/{self._name}")
        self.octets += octets

    def read(self) -> BinaryIO:
        return BytesIO(bytes(self.octets))

    def move(self, name: str, *, to: Vault) -> None:
        to.put(self._folder, name, (bytes(self.octets),))
        self.drop()

    def drop(self) -> None:
        self._uploads.held.pop((self._folder, self._name), None)

    def close(self) -> None:
        self.busy = False
