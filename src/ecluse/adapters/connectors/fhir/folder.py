"""The folder in which resources lie: NDJSON pieces that never change, and one manifest that says which of them are in force.

Decides how a change is made whole or not at all. New pieces are written under numbers of their own and reach the disk; then a new manifest
takes the old one's place in one rename, and with it the marks; then the pieces it no longer names are removed. Killed at any moment, the
folder is as it was before or after, and the pieces that no manifest names are swept away by the next change. The manifest is the one of the Bulk
Data specification (HL7 "FHIR Bulk Data Access" 2.0, "Response - Complete Status"); the marks stand in its `extension`. One at a time writes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.clock import Clock
from ecluse.adapters.connectors.fhir.elements import BASE, TYPES
from ecluse.adapters.durable import to_disk
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark

__all__ = ["BINARY", "MANIFEST", "Change", "Contents", "Folder", "Piece"]

BINARY: Final = "Binary"
MANIFEST: Final = "manifest.json"
_LOCK: Final = ".ecluse-lock"
_NEW: Final = ".manifest.new"
_ENDING: Final = ".ndjson"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of resources of one kind, and beside it, for documents, one of their octets: `rows` and `binaries` lines."""

    number: int
    kind: str
    rows: int
    binaries: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{TYPES[self.kind]}.{self.kind}.{self.number:06d}{_ENDING}"

    @property
    def binary(self) -> str:
        """The name of the file of octets."""
        return f"{BINARY}.{self.kind}.{self.number:06d}{_ENDING}"

    @property
    def names(self) -> tuple[str, ...]:
        """The files there are."""
        return (self.name, self.binary) if self.binaries else (self.name,)


@dataclass(slots=True)
class Contents:
    """What the manifest says: the pieces in force, the committed batches, and the number of the next piece."""

    pieces: list[Piece] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    next: int = 1

    def of(self, kind: str) -> list[Piece]:
        """The pieces of one kind, oldest first."""
        return [piece for piece in self.pieces if piece.kind == kind]


class Change:
    """A change under way: what will be, and the lines of new pieces."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self.path, self.contents = path, contents

    def add(self, kind: str, lines: Iterable[tuple[bytes, bytes | None]]) -> Piece | None:
        """A new piece of these resources, each with its octets' line or none; no piece where there is no line."""
        number = self.contents.next
        self.contents.next += 1
        draft = Piece(number, kind, 1, 1)
        rows = binaries = 0
        with _created(self.path / draft.name) as file, _created(self.path / draft.binary) as octets:
            for line, binary in lines:
                file.write(line)
                rows += 1
                if binary is not None:
                    octets.write(binary)
                    binaries += 1
        piece = Piece(number, kind, rows, binaries)
        if not binaries:
            (self.path / draft.binary).unlink()
        if not rows:
            (self.path / draft.name).unlink()
            return None
        self.contents.pieces.append(piece)
        return piece


class Folder:
    """The folder at `path`, made where it is not there."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.path, self._clock = path, clock

    def contents(self) -> Contents:
        """What is in force now. Raises Fault `fhir/damaged`, Refusal `fhir/not-ours`."""
        try:
            said = json.loads((self.path / MANIFEST).read_bytes())
            kept = said["extension"]["ecluse"]
            return Contents(
                pieces=[Piece(*line) for line in kept["pieces"]],
                marks=[Mark(*line) for line in kept["marks"]],
                next=int(kept["next"]),
            )
        except FileNotFoundError:
            self._check_ours()
            return Contents()
        except (ValueError, KeyError, TypeError):
            raise Fault("fhir/damaged", where=MANIFEST) from None
        except OSError as error:
            raise _said(error, MANIFEST) from None

    def ours(self) -> bool:
        """Whether Écluse ever wrote here: in a folder of others not even a lock is made."""
        return (self.path / _LOCK).exists()

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        """What is in force, and stays so until the end. Raises Fault `target/busy` while another writes."""
        with self._locked(fcntl.LOCK_SH):
            yield self.contents()

    @contextmanager
    def change(self, *, where: str) -> Iterator[Change]:
        """A change, made whole at the end or not at all. Raises Fault `target/busy`, `target/disk-full`, `target/failed`."""
        with self._locked(fcntl.LOCK_EX):
            try:
                before = self.contents()
                self._sweep(before)
                change = Change(self.path, self.contents())
                try:
                    yield change
                except BaseException:
                    self._sweep(before)
                    raise
                self._commit(change.contents)
                self._sweep(change.contents)
            except OSError as error:
                raise _said(error, where) from None

    def _commit(self, contents: Contents) -> None:
        to_disk(self.path)
        new = self.path / _NEW
        new.unlink(missing_ok=True)
        with _created(new) as file:
            file.write(json.dumps(self._manifest(contents), indent=1).encode())
        new.replace(self.path / MANIFEST)
        to_disk(self.path)

    def _manifest(self, contents: Contents) -> dict[str, Any]:
        """The output listing of the Bulk Data specification; urls are relative to the manifest's own place."""
        output = []
        for piece in contents.pieces:
            output.append({"type": TYPES[piece.kind], "url": piece.name, "count": piece.rows})
            if piece.binaries:
                output.append({"type": BINARY, "url": piece.binary, "count": piece.binaries})
        kept = {
            "next": contents.next,
            "pieces": [[it.number, it.kind, it.rows, it.binaries] for it in contents.pieces],
            "marks": [[it.migration, it.part, it.kind, it.records, it.start] for it in contents.marks],
        }
        return {
            "transactionTime": self._clock.now().isoformat().replace("+00:00", "Z"),
            "request": f"{BASE}/load",
            "requiresAccessToken": False,
            "output": output,
            "error": [],
            "extension": {"ecluse": kept},
        }

    def _sweep(self, contents: Contents) -> None:
        """Remove the pieces that nothing names: of a change that was killed, or replaced by this one."""
        named = {name for piece in contents.pieces for name in piece.names}
        for path in self.path.glob(f"*{_ENDING}"):
            if path.name not in named:
                path.unlink()

    def _check_ours(self) -> None:
        """A folder without a manifest holds nothing but what we may have left there."""
        if not self.path.exists():
            return
        for path in self.path.iterdir():
            ours = path.name in (_LOCK, _NEW) or path.name.split(".")[0] in {*TYPES.values(), BINARY}
            if not ours:
                raise Refusal("fhir/not-ours", where=self.path.name)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _said(error, self.path.name) from None
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Fault("target/busy", where=self.path.name) from None
        finally:
            os.close(handle)


class _File:
    """A new file that only its owner reads, on the disk when it closes."""

    def __init__(self, handle: int) -> None:
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        self.write = self._file.write

    def close(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


@contextmanager
def _created(path: Path) -> Iterator[_File]:
    file = _File(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield file
    finally:
        file.close()


def _said(error: OSError, where: str) -> Fault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Fault("target/disk-full", where=where)
    return Fault("target/failed", where=where, got=errno.errorcode.get(error.errno or 0, "OSError"))
