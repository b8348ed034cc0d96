"""A vault on a disk: durable, whole or absent, never readable by others.

Names are checked against one short alphabet before they meet the file system, so no path is ever built from anything else
(lessons of CVE-2026-30914/15: security.md 1.1). No link is followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from ecluse.adapters.durable import NO_ROOM, to_disk
from ecluse.base.refusal import Fault, Refusal

__all__ = ["DiskVault"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")


class DiskVault:
    """`passage.custody.Vault` in a folder of this machine, made 0700 if absent."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, folder: str, name: str, octets: Iterable[bytes]) -> int:
        """See `Vault.put`. Written beside its place under a `.partial` name, flushed, then linked: a crash leaves no half file."""
        place = self._place(folder, name)
        self._begin(place.parent)
        partial = place.with_name(f".{name}.partial")
        try:
            size = _write(partial, octets)
            os.link(partial, place)
        except FileExistsError:
            raise Refusal("vault/exists", where=f"{folder}/{name}") from None
        except OSError as error:
            if error.errno in NO_ROOM:
                raise Fault("vault/disk-full", where=f"{folder}/{name}") from None
            raise
        finally:
            partial.unlink(missing_ok=True)
        to_disk(place.parent)
        return size

    def adopt(self, folder: str, name: str, *, file: Path) -> None:
        """Give a whole file of this disk, flushed already, a place here: linked, not copied. Raises as `put`; OSError EXDEV from another disk."""
        place = self._place(folder, name)
        self._begin(place.parent)
        try:
            os.link(file, place, follow_symlinks=False)
        except FileExistsError:
            raise Refusal("vault/exists", where=f"{folder}/{name}") from None
        to_disk(place.parent)

    def open(self, folder: str, name: str) -> BinaryIO:
        """See `Vault.open`."""
        try:
            return os.fdopen(os.open(self._place(folder, name), os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except FileNotFoundError:
            raise Refusal("vault/absent", where=f"{folder}/{name}") from None

    def names(self, folder: str) -> list[str]:
        """See `Vault.names`."""
        place = self._place(folder)
        if not place.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(place) if _NAME.fullmatch(entry.name))

    def folders(self) -> list[str]:
        """See `Vault.folders`."""
        return sorted(
            entry.name for entry in os.scandir(self._root) if entry.is_dir() and _NAME.fullmatch(entry.name)
        )

    def erase(self, folder: str) -> int:
        """See `Vault.erase`. Ciphertext only ever lies here: unlinking it suffices once its key is destroyed (NIST SP 800-88r2)."""
        place = self._place(folder)
        if not place.is_dir():
            return 0
        files = list(place.iterdir())
        for file in files:
            file.unlink()
        place.rmdir()
        to_disk(self._root)
        return len(files)

    def _begin(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            to_disk(self._root)

    def _place(self, *parts: str) -> Path:
        if not all(_NAME.fullmatch(part) for part in parts):
            raise Refusal("vault/name")
        return self._root.joinpath(*parts)


def _write(place: Path, octets: Iterable[bytes]) -> int:
    size = 0
    with contextlib.suppress(FileNotFoundError):
        place.unlink()
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for block in octets:
            file.write(block)
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return size
