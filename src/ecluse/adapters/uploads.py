"""Unfinished uploads on a disk: one file each, grown at its end, held by one process at a time, linked into the vault once whole.

    uploads/<migration>/<name>~<declared length, or nothing>

The length stands in the file's name, so that there is never a file without its length or a length without its file. What a killed process wrote is there
for the next one; what a machine that lost its power had not yet put on the disk is not, and the size says so. No link is followed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from ecluse.adapters.durable import NO_ROOM, to_disk
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault, blocks_of
from ecluse.passage.uploads import Progress, Upload

__all__ = ["DiskUploads"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
_FILE: Final = re.compile(r"([a-z0-9][a-z0-9.-]{0,79})~([0-9]{0,19})")


class DiskUploads:
    """`passage.uploads.Uploads` in a folder of this machine, made 0700 if absent."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open(self, folder: str, name: str, *, length: int | None, fresh: bool) -> Upload:
        """See `Uploads.open`."""
        place = self._folder(folder)
        if not _NAME.fullmatch(name):
            raise Refusal("vault/name")
        place.mkdir(mode=0o700, exist_ok=True)
        while True:
            file = self._file(folder, name) or place / f"{name}~{'' if length is None else length}"
            declared = _progress(file, 0).length
            if length not in (None, declared) and not fresh:
                raise Refusal("intake/length", where=name, expected=declared or "-", got=length)
            upload = _held(file)
            if upload is not None:
                break  # else another process finished or dropped it between the look and the lock
        if fresh:
            upload.empty(place / f"{name}~{'' if length is None else length}")
        to_disk(place)
        to_disk(self._root)
        return upload

    def found(self, folder: str, name: str) -> Progress | None:
        """See `Uploads.found`."""
        file = self._file(folder, name)
        with suppress(FileNotFoundError):
            return None if file is None else _progress(file, file.lstat().st_size)
        return None

    def names(self, folder: str) -> list[str]:
        """See `Uploads.names`."""
        return sorted(match[1] for match in map(_FILE.fullmatch, self._listed(folder)) if match)

    def folders(self) -> list[str]:
        """See `Uploads.folders`."""
        return sorted(entry.name for entry in os.scandir(self._root) if _NAME.fullmatch(entry.name))

    def erase(self, folder: str) -> int:
        """See `Uploads.erase`."""
        files = self._listed(folder)
        place = self._folder(folder)
        for file in files:
            (place / file).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            place.rmdir()
            to_disk(self._root)
        return len(files)

    def _file(self, folder: str, name: str) -> Path | None:
        for file in self._listed(folder):
            if file.partition("~")[0] == name:
                return self._folder(folder) / file
        return None

    def _listed(self, folder: str) -> list[str]:
        place = self._folder(folder)
        return sorted(entry.name for entry in os.scandir(place)) if place.is_dir() else []

    def _folder(self, folder: str) -> Path:
        if not _NAME.fullmatch(folder):
            raise Refusal("vault/name")
        return self._root / folder


class _DiskUpload:
    """`passage.uploads.Upload` on one file, whose lock falls with its descriptor."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file, self._descriptor = file, descriptor
        self._size = os.fstat(descriptor).st_size

    @property
    def length(self) -> int | None:
        return _progress(self._file, 0).length

    @property
    def size(self) -> int:
        return self._size

    def write(self, octets: bytes) -> None:
        left = memoryview(octets)
        try:
            while left:
                written = os.pwrite(self._descriptor, left, self._size)
                self._size += written
                left = left[written:]
        except OSError as error:
            raise self._fault(error) from None

    def read(self) -> BinaryIO:
        return self._file.open("rb")

    def move(self, name: str, *, to: Vault) -> None:
        self._flush()
        folder = self._file.parent.name
        try:
            if not isinstance(to, DiskVault):
                raise OSError(errno.EXDEV, "not a disk")
            to.adopt(folder, name, file=self._file)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise self._fault(error) from None
            with self.read() as file:
                to.put(folder, name, blocks_of(file))
        self.drop()

    def drop(self) -> None:
        self._file.unlink(missing_ok=True)
        to_disk(self._file.parent)

    def close(self) -> None:
        try:
            self._flush()
        finally:
            os.close(self._descriptor)

    def empty(self, file: Path) -> None:
        """From its start again, under the name of another declared length."""
        os.ftruncate(self._descriptor, 0)
        self._size = 0
        self._file = self._file.rename(file)

    def _flush(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._fault(error) from None

    def _fault(self, error: OSError) -> Exception:
        if error.errno in NO_ROOM:
            return Fault(
                "vault/disk-full", where=f"{self._file.parent.name}/{self._file.name.partition('~')[0]}"
            )
        return error


def _held(file: Path) -> _DiskUpload | None:
    """The file, locked for this opening alone; None if it was removed meanwhile. Raises Fault `intake/busy`."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Fault("intake/busy", where=f"{file.parent.name}/{file.name.partition('~')[0]}") from None
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return _DiskUpload(file, descriptor)


def _progress(file: Path, size: int) -> Progress:
    length = file.name.partition("~")[2]
    return Progress(size, int(length) if length else None)
