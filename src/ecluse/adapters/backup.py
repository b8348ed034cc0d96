"""A backup's file: a tar that every tool lists, whose last entry lists all the others with their digests; and the copy of a database in use.

Decides that the file is whole or absent and its owner's alone, and that nothing is written from one until all of it was read and found as listed. What goes
in is given; what may come out is asked of whoever restores. A digest shows damage, not malice: whoever can write the file can write its list.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.durable import octets_to_disk, to_disk
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.tar import Entry, Taken, entry, tarred, untarred

__all__ = ["LIST", "Backup", "check_backup", "copy_database", "database_of", "unpack_backup", "write_backup"]

LIST: Final = "backup.json"
"""The last entry."""
_FOLDER: Final = "ecluse-backup"
_FORMAT: Final = "ecluse-backup/1"
_PIECE: Final = 1 << 20
_LONGEST_LIST: Final = 64 << 20
_WAIT: Final = 30.0  # seconds for a writer to end


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup's file as it was read: `told` is what its maker wrote beside the list; `sha256` is of the whole file."""

    told: Mapping[str, Any]
    files: Mapping[str, Taken] = field(repr=False)
    octets: int
    sha256: str


def copy_database(origin: Path, to: Path) -> None:
    """One consistent copy of a SQLite file while others write to it, as a single file. Raises Fault `ledger/busy`, `backup/not-written`."""
    to.touch(mode=0o600)
    try:
        with database_of(origin) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
            target.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Fault("ledger/busy") from None
        raise Fault("backup/not-written", where=to.parent.name) from None


@contextmanager
def database_of(file: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file that must be there."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT)) as source:
        yield source


def write_backup(file: Path, entries: Iterable[Entry], *, told: Mapping[str, Any]) -> Backup:
    """Write a new file, 0600, whole or not at all.

    Raises Refusal `backup/exists`, `archive/file-changed`, Fault `backup/not-written`, and whatever `entries` raises.
    """
    if file.exists() or file.is_symlink():
        raise Refusal("backup/exists", where=file.name)
    beside = file.with_name(f".{file.name}.part")
    taken: dict[str, Taken] = {}

    def all_entries() -> Iterator[Entry]:
        yield from entries
        listed = {it.name: {"size": it.size, "sha256": it.sha256} for it in taken.values()}
        yield entry(LIST, json.dumps({"format": _FORMAT, **told, "files": listed}, indent=1).encode())

    beside.unlink(missing_ok=True)
    digest, octets = hashlib.sha256(), 0
    try:
        with os.fdopen(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb"
        ) as out:
            for piece in tarred(all_entries(), folder=_FOLDER, told=lambda it: taken.update({it.name: it})):
                _written(out.write, piece, file)
                digest.update(piece)
                octets += len(piece)
        _written(lambda _: octets_to_disk(beside), b"", file)
        os.link(beside, file)
        to_disk(file.parent)
    except FileExistsError:
        raise Refusal("backup/exists", where=file.name) from None
    finally:
        beside.unlink(missing_ok=True)
    taken.pop(LIST)
    return Backup(told, taken, octets, digest.hexdigest())


def check_backup(file: Path) -> Backup:
    """Read all of it and hold every entry against the list. Raises Refusal `backup/damaged`, `backup/absent`."""
    found: dict[str, Taken] = {}
    listed = b""
    whole = _Whole(file)
    with _sound(file):
        for name, pieces in untarred(whole, folder=_FOLDER):
            digest, size = hashlib.sha256(), 0
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                if name == LIST:
                    listed += piece[: _LONGEST_LIST - len(listed)]
            if name in found:
                raise _damaged(file, name)
            found[name] = Taken(name, size, digest.hexdigest())
    last = found.pop(LIST, None)
    told = _list(file, listed)
    if last is None or told.pop("files") != {
        it.name: {"size": it.size, "sha256": it.sha256} for it in found.values()
    }:
        raise _damaged(file, LIST)
    return Backup(told, found, whole.octets, whole.digest.hexdigest())


def unpack_backup(file: Path, backup: Backup, *, to: Path) -> None:
    """Write every file of a checked backup into the new folder `to`, 0700 and 0600, durably; each must be as it was checked.

    Raises Refusal `backup/damaged`, Fault `backup/not-written`.
    """
    with _sound(file):
        for name, pieces in untarred(_Whole(file), folder=_FOLDER):
            if name != LIST:
                _unpack(file, backup, to, name, pieces)
    for folder in {to, *(place for place in to.rglob("*") if place.is_dir())}:
        folder.chmod(0o700)
        to_disk(folder)


def _unpack(file: Path, backup: Backup, to: Path, name: str, pieces: Iterable[bytes]) -> None:
    place, digest = to / name, hashlib.sha256()
    if name not in backup.files:
        raise _damaged(file, name)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
        for piece in pieces:
            digest.update(piece)
            _written(out.write, piece, place)
    if digest.hexdigest() != backup.files[name].sha256:
        raise _damaged(file, name)
    _written(lambda _: octets_to_disk(place), b"", place)


class _Whole:
    """A file's pieces, its octets counted and hashed as they pass."""

    def __init__(self, file: Path) -> None:
        self.file, self.octets, self.digest = file, 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self.file.open("rb") as file:
                while piece := file.read(_PIECE):
                    self.octets += len(piece)
                    self.digest.update(piece)
                    yield piece
        except OSError:
            raise Refusal("backup/absent", where=self.file.name) from None


@contextmanager
def _sound(file: Path) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        if refusal.code != "archive/tar-malformed":
            raise
        raise _damaged(file, "tar") from None


def _list(file: Path, octets: bytes) -> dict[str, Any]:
    try:
        told = json.loads(octets)
        if told.pop("format") == _FORMAT and isinstance(told["files"], dict):
            return dict(told)
    except (ValueError, KeyError, AttributeError, TypeError):
        pass
    raise _damaged(file, LIST)


def _written(write: Callable[[bytes], object], piece: bytes, place: Path) -> None:
    try:
        write(piece)
    except OSError:
        raise Fault("backup/not-written", where=place.name) from None


def _damaged(file: Path, what: str) -> Refusal:
    return Refusal("backup/damaged", where=file.name, what=what)
