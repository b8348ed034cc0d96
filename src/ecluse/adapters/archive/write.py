"""An archive written beside its place and put there by one rename: killed at any moment, there is a whole archive or none.

Decides the order (seal, sign, rename) and that what is left of a killed making is swept away by the next. What goes in is given; who may keep one is
the wiring's to ask.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from ecluse.adapters.archive.tables import csv_octets
from ecluse.adapters.durable import octets_to_disk, to_disk
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.archive import EVIDENCE, FOLDER, LIST, MANIFEST, README, SEALED, File
from ecluse.proof.classic import ClassicRecipient
from ecluse.proof.seal import Recipient, seal
from ecluse.proof.tar import Entry, Taken, tarred

__all__ = ["Outside", "Written", "write_archive"]

_PIECE: Final = 1 << 16
INTEGRITY: Final = "integrity.csv"


@dataclass(frozen=True, slots=True)
class Outside:
    """The small files outside the seal."""

    readme: bytes
    evidence: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Written:
    """What the manifest will say of the files: how many are inside, the digest of their list, and each file outside."""

    inside: int
    sums: str
    files: dict[str, File]


def write_archive(
    place: Path,
    *,
    inside: Callable[[Path], Iterable[Entry]],
    to: Sequence[Recipient | ClassicRecipient],
    outside: Outside,
    sign: Callable[[Written], bytes],
) -> None:
    """Seal what `inside` gives (it is told of a folder for what it must set aside), have `sign` give the manifest's envelope, put all in place.

    Raises Refusal `archive/exists`, `archive/file-changed`, Fault `archive/not-written`, and whatever `inside` and `sign` raise.
    """
    if place.exists() or place.is_symlink():
        raise Refusal("archive/exists", where=place.name)
    beside = place.parent / f".{place.name}.part"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        try:
            _fill(beside, inside=inside, to=to, outside=outside, sign=sign)
            beside.rename(place)
            to_disk(place.parent)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    except OSError as error:
        raise Fault("archive/not-written", where=place.name, got=type(error).__name__) from None


def _fill(
    beside: Path,
    *,
    inside: Callable[[Path], Iterable[Entry]],
    to: Sequence[Recipient | ClassicRecipient],
    outside: Outside,
    sign: Callable[[Written], bytes],
) -> None:
    with tempfile.TemporaryFile(dir=beside) as sums, tempfile.TemporaryFile(dir=beside) as sizes:
        listed = _Listed(sums, sizes)
        with (beside / SEALED).open("xb") as file:
            sealed = seal(
                tarred(listed.all(inside(beside)), folder=FOLDER, told=listed.take), to=to, out=file
            )
    files = {SEALED: File(sealed.size, sealed.sha256)}
    for name, octets in ((README, outside.readme), (EVIDENCE, outside.evidence)):
        (beside / name).write_bytes(octets)
        files[name] = File(len(octets), hashlib.sha256(octets).hexdigest())
    (beside / MANIFEST).write_bytes(sign(Written(listed.count, listed.digest, files)))
    for path in beside.iterdir():
        path.chmod(0o600)
        octets_to_disk(path)
    to_disk(beside)


class _Listed:
    """The list of what went in, kept on the disk as it grows: digests of documents by the million would fill the memory."""

    def __init__(self, sums: BinaryIO, sizes: BinaryIO) -> None:
        self._sums, self._sizes = sums, sizes
        self._hash = hashlib.sha256()
        self._whole = False
        self.count, self.digest = 0, ""

    def all(self, given: Iterable[Entry]) -> Iterator[Entry]:
        """The entries given, then the table of their sizes and the list of their sums."""
        self._sizes.write(b"\xef\xbb\xbf" + csv_octets([["file", "octets", "sha256"]]))
        yield from given
        yield Entry(INTEGRITY, self._sizes.tell(), lambda: _from_start(self._sizes))
        self._whole, self.digest = True, self._hash.hexdigest()
        yield Entry(LIST, self._sums.tell(), lambda: _from_start(self._sums))

    def take(self, it: Taken) -> None:
        """One more that went in."""
        if self._whole:
            return
        line = f"{it.sha256}  {it.name}\n".encode()
        self._sums.write(line)
        self._hash.update(line)
        self.count += 1
        if it.name != INTEGRITY:
            self._sizes.write(csv_octets([[it.name, str(it.size), it.sha256]]))


def _from_start(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(_PIECE), b"")
