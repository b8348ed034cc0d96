"""The inspector's bundle (« dossier de preuves »): which files it may hold, and how it is read from a folder or a ZIP file.

    ledger/entries.jsonl bodies.jsonl checkpoints policy.json      the ledger (`evidence`)
    documents/<sha256>.dsse.json                                   every signed document that the ledger names
    manifests/<migration>.dsse.json                                the signed list of each parcel
    people/<id>.json  agents/<site>.dsse.json  roots/<site>.pub    whose keys: certificates and the roots that signed them
    README.md  report.html  index.html                             for people; nothing rests on them

Nothing is ever unpacked onto the disk: a name outside this closed list is refused, so no name can lead elsewhere. Decides what may be read and how much
of it; what the files say is judged by the steps.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecluse.base.refusal import Refusal
from ecluse.proof.evidence import Open

__all__ = ["Bundle", "bundle_of", "check_names", "open_bundle"]

_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
_LEDGER: Final = r"ledger/(?:entries\.jsonl|bodies\.jsonl|checkpoints|policy\.json)"
_NAME: Final = re.compile(
    rf"{_LEDGER}|documents/[0-9a-f]{{64}}\.dsse\.json|manifests/{_WORD}\.dsse\.json|people/p-[0-9a-f]{{4,32}}\.json"
    rf"|agents/{_WORD}\.dsse\.json|roots/{_WORD}\.pub|README\.md|report\.html|index\.html"
)
_FOLDERS: Final = frozenset({"ledger/", "documents/", "manifests/", "people/", "agents/", "roots/"})
_MOST: Final = {"ledger": 16 << 30, "report.html": 64 << 20, "index.html": 64 << 20}
_MOST_OF_ANOTHER: Final = 2 << 20
_MOST_FILES: Final = 100_000
_MOST_TOGETHER: Final = 32 << 30
_MOST_RATIO: Final = 100
_FREE_OF_RATIO: Final = 1 << 20
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)
"""What the standard library raises for a damaged or encrypted file."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle open for reading: the size of each file in octets, by name, and what opens one."""

    sizes: Mapping[str, int] = field(hash=False)
    opener: Open = field(repr=False)

    def open(self, name: str) -> BinaryIO:
        """One file as a stream. Raises KeyError when it is not there; reading raises Refusal `bundle/unreadable` where it is damaged."""
        if name not in self.sizes:
            raise KeyError(name)
        return self.opener(name)

    def read(self, name: str) -> bytes:
        """One small file, whole. Raises KeyError, Refusal `bundle/unreadable`."""
        with self.open(name) as file:
            return file.read()

    def within(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(name for name in self.sizes if name.startswith(f"{folder}/"))


def bundle_of(files: Mapping[str, bytes]) -> Bundle:
    """Files held in memory. Raises the refusals of `check_names`."""
    sizes = {name: len(octets) for name, octets in files.items()}
    check_names(sizes)
    return Bundle(sizes, lambda name: io.BytesIO(files[name]))


@contextmanager
def open_bundle(place: Path) -> Iterator[Bundle]:
    """The bundle in a folder or a ZIP file, open as long as the block lasts.

    Raises Refusal `bundle/absent`, `bundle/unreadable`, `bundle/unknown-name`, `bundle/duplicate-name`, `bundle/too-large`, `bundle/bomb`.
    """
    with ExitStack() as stack:
        if place.is_dir():
            yield _folder(place)
        elif place.is_file():
            yield _archive(place, stack)
        else:
            raise Refusal("bundle/absent", where=str(place))


def check_names(sizes: Mapping[str, int]) -> None:
    """Raise Refusal `bundle/unknown-name` or `bundle/too-large` unless these are the names and sizes of a bundle."""
    strangers = sorted(name for name in sizes if not _NAME.fullmatch(name))
    if strangers:
        raise Refusal("bundle/unknown-name", where=ascii(strangers[0][:80]), count=len(strangers))
    if len(sizes) > _MOST_FILES:
        raise Refusal("bundle/too-large", where="*", got=len(sizes), most=_MOST_FILES)
    for name, size in sizes.items():
        most = _MOST.get(name.partition("/")[0], _MOST_OF_ANOTHER)
        if size > most:
            raise Refusal("bundle/too-large", where=name, got=size, most=most)
    if sum(sizes.values()) > _MOST_TOGETHER:
        raise Refusal("bundle/too-large", where="*", got=sum(sizes.values()), most=_MOST_TOGETHER)


class _Guarded(io.RawIOBase):
    """A file that says Refusal `bundle/unreadable` for whatever the library raises, and gives no octet more than announced."""

    def __init__(self, file: Any, name: str, size: int) -> None:
        self._file, self._name, self._left = file, name, size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        try:
            octets: bytes = self._file.read(len(buffer))
        except _BROKEN:
            raise Refusal("bundle/unreadable", where=self._name) from None
        self._left -= len(octets)
        if self._left < 0 or (self._left and not octets):
            raise Refusal("bundle/unreadable", where=self._name)
        buffer[: len(octets)] = octets
        return len(octets)

    def close(self) -> None:
        """Closes what it reads."""
        self._file.close()
        super().close()


def _folder(place: Path) -> Bundle:
    sizes: dict[str, int] = {}
    for path in place.rglob("*"):
        name = path.relative_to(place).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Refusal("bundle/unknown-name", where=ascii(name[:80]), count=1)
        if path.is_file():
            sizes[name] = path.stat().st_size
    check_names(sizes)

    def opened(name: str) -> BinaryIO:
        try:
            return io.BufferedReader(_Guarded((place / name).open("rb"), name, sizes[name]))
        except OSError:
            raise Refusal("bundle/unreadable", where=name) from None

    return Bundle(sizes, opened)


def _archive(place: Path, stack: ExitStack) -> Bundle:
    try:
        archive = stack.enter_context(zipfile.ZipFile(place))
    except _BROKEN:
        raise Refusal("bundle/unreadable", where=place.name) from None
    lines = [line for line in archive.infolist() if line.filename not in _FOLDERS]
    sizes: dict[str, int] = {}
    for line in lines:
        if line.orig_filename in sizes or line.filename in sizes:
            raise Refusal("bundle/duplicate-name", where=ascii(line.filename[:80]))
        sizes[line.orig_filename] = line.file_size
    check_names(sizes)
    for line in lines:
        if line.file_size > _FREE_OF_RATIO and line.file_size > _MOST_RATIO * line.compress_size:
            raise Refusal("bundle/bomb", where=line.filename, packed=line.compress_size, got=line.file_size)

    def opened(name: str) -> BinaryIO:
        try:
            return io.BufferedReader(_Guarded(archive.open(name), name, sizes[name]))
        except (KeyError, *_BROKEN):
            raise Refusal("bundle/unreadable", where=name) from None

    return Bundle(sizes, opened)
