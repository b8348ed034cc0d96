"""A tar of plain files, written and read as a stream: nothing is held but a block, and nothing is ever unpacked onto the disk.

POSIX pax interchange format (IEEE 1003.1-2008), which every tar reads. Names are our own, one folder at the top, so that no name can lead elsewhere; no
owner, no date but 1970. Decides the form alone, not what is put in.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final, cast

from ecluse.base.refusal import Refusal

__all__ = ["Entry", "Taken", "entry", "tarred", "untarred"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,119}){0,5}")
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to put in: its name below the top folder, its octets' number, and what gives them, asked for once."""

    name: str
    size: int
    octets: Callable[[], Iterable[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """One file that went in: its name, size and SHA-256, 64 hexadecimal digits."""

    name: str
    size: int
    sha256: str


def entry(name: str, octets: bytes) -> Entry:
    """A small file held in memory."""
    return Entry(name, len(octets), lambda: (octets,))


def tarred(entries: Iterable[Entry], *, folder: str, told: Callable[[Taken], None]) -> Iterator[bytes]:
    """The octets of the tar; `told` of each file once it is in, before the next is asked for.

    Raises Refusal `archive/tar-malformed` for a name that is not safe, `archive/file-changed` where a file is not as long as announced.
    """
    for it in entries:
        if not _NAME.fullmatch(it.name):
            raise Refusal("archive/tar-malformed", why="a name that is not safe")
        head = tarfile.TarInfo(f"{folder}/{it.name}")
        head.size, head.mode = it.size, 0o600
        yield head.tobuf(tarfile.PAX_FORMAT)
        digest, size = hashlib.sha256(), 0
        for octets in it.octets():
            digest.update(octets)
            size += len(octets)
            yield octets
        if size != it.size:
            raise Refusal("archive/file-changed", where=it.name)
        yield bytes(-size % tarfile.BLOCKSIZE)
        told(Taken(it.name, size, digest.hexdigest()))
    yield bytes(2 * tarfile.BLOCKSIZE)


def untarred(octets: Iterable[bytes], *, folder: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file's name below `folder` and its octets, to be read before the next is asked for. Raises Refusal `archive/tar-malformed`."""
    stream = _Stream(iter(octets))
    source = io.BufferedReader(stream, _PIECE)
    try:
        with tarfile.open(fileobj=source, mode="r|") as opened:
            for member in opened:
                opened.members = []  # type: ignore[attr-defined] # it keeps every one it met: memory would grow with the files
                top, _, name = member.name.partition("/")
                if not member.isreg() or top != folder or not _NAME.fullmatch(name):
                    raise _malformed("an entry that is no plain file of ours")
                yield name, _pieces(cast("IO[bytes]", opened.extractfile(member)))
            end = opened.offset + 2 * tarfile.BLOCKSIZE  # where it found the last file to end
        while source.read(_PIECE):
            pass
        if stream.given != end:
            raise _malformed("it ends early, or something follows")
    except (tarfile.TarError, EOFError):
        raise _malformed("it is cut or no tar") from None


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from iter(lambda: file.read(_PIECE), b"")
    except (tarfile.TarError, EOFError):
        raise _malformed("it is cut or no tar") from None


class _Stream(io.RawIOBase):
    """Pieces of any length as one file. `given`: the octets read of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left, self.given = pieces, b"", 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        self.given += count
        return count


def _malformed(why: str) -> Refusal:
    return Refusal("archive/tar-malformed", why=why)
