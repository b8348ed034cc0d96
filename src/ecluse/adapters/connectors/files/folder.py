"""The files of a source: which they are, in which order, and that none of them changes under the read.

Decides what is read (every regular file below the folder, in the order of names) and what is left and counted: hidden files, symbolic links,
what is no file at all, and witness files (« fichiers témoins », empty ones that only say that their neighbour is whole). It reads no content.
A file is told by its number, never by its name: laboratories name files after patients.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ecluse.adapters.connectors.files.format import File
from ecluse.base.refusal import Fault, Refusal

__all__ = ["FolderFile", "Listing", "StreamFile", "listed", "one_stream"]

WITNESSES: Final = frozenset({".ok"})
"""Endings of witness files (HPRIM Santé, "fichier témoin")."""


class _Stamp(NamedTuple):
    """What changes when a file does (stat(2))."""

    device: int
    inode: int
    octets: int
    modified: int
    changed: int


@dataclass(frozen=True, slots=True)
class FolderFile:
    """Implements `format.File` for one file of a folder, as it was when the folder was listed."""

    name: str
    place: str
    path: Path
    stamp: _Stamp

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its octets. Raises Refusal `source/changed` when it is not, or no longer at the end, the file that was listed."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise self._changed() from None
        with os.fdopen(handle, "rb") as file:
            if _stamp(os.fstat(handle)) != self.stamp:
                raise self._changed()
            try:
                yield file
            except OSError as error:
                raise Fault("source/not-read", where=f"file {self.place}", got=type(error).__name__) from None
            if _stamp(os.fstat(handle)) != self.stamp:
                raise self._changed()

    def _changed(self) -> Refusal:
        return Refusal("source/changed", where=f"file {self.place}")


@dataclass(slots=True)
class StreamFile:
    """Implements `format.File` for a pipe: what is gone is gone."""

    stream: BinaryIO
    name: str = "-"
    place: str = "1"
    _read: bool = False

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its octets, once. Raises Refusal `files/stream-again`."""
        if self._read:
            raise Refusal("files/stream-again")
        self._read = True
        yield self.stream


@dataclass(frozen=True, slots=True)
class Listing:
    """What is read, in order, and how many others were left, by why: hidden, link, no-file, witness."""

    files: tuple[File, ...]
    left: Counter[str] = field(default_factory=Counter)


def one_stream(stream: BinaryIO) -> Listing:
    """A pipe as the only file."""
    return Listing((StreamFile(stream),))


def listed(path: Path) -> Listing:
    """The files below `path`, or that one file. Raises Refusal `files/absent`, Fault `source/not-read`."""
    left: Counter[str] = Counter()
    try:
        found = path.lstat()
        entries = [("", path, found)] if stat.S_ISREG(found.st_mode) else list(_below(path, "", left))
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal("files/absent", where=path.name) from None
    except OSError as error:
        raise Fault("source/not-read", where=path.name, got=type(error).__name__) from None
    entries.sort(key=lambda entry: entry[0])
    files = [
        FolderFile(name or entry.name, str(number), entry, _stamp(found))
        for number, (name, entry, found) in enumerate(entries, start=1)
    ]
    return Listing(tuple(files), left)


def _below(path: Path, prefix: str, left: Counter[str]) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Name, path and state of each file below; what is not read is counted."""
    with os.scandir(path) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                left["hidden"] += 1
            elif entry.is_symlink():
                left["link"] += 1
            elif entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), f"{name}/", left)
            elif not entry.is_file(follow_symlinks=False):
                left["no-file"] += 1
            elif Path(entry.name).suffix.lower() in WITNESSES:
                left["witness"] += 1
            else:
                yield name, Path(entry.path), entry.stat(follow_symlinks=False)


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
