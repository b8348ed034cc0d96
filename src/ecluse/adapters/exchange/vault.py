"""Sealed parcels at the exchange: put by resumable uploads (tus 1.0), read by ranges; a cut costs the piece that was under way and no more.

A piece is held in memory until the exchange acknowledged it, so that what comes from a stream need not be read again. What is read is believed of
nothing: whoever takes a parcel holds every octet against its signed manifest.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, cast

from ecluse.adapters.exchange.link import Answer, Link
from ecluse.base.refusal import Fault, Refusal

__all__ = ["PIECE", "RemoteVault"]

PIECE: Final = 4 << 20
"""Octets of one request: what a cut loses at most, and what one file costs in memory."""
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_TRIES: Final = 8


class RemoteVault:
    """`passage.custody.Vault` over a link, and `custody.Tells`."""

    def __init__(self, link: Link, *, piece: int = PIECE) -> None:
        self._link, self._piece = link, piece

    def put(self, folder: str, name: str, octets: Iterable[bytes]) -> int:
        """See `Vault.put`. What an earlier put left unfinished is gone on with: a sealed file is the same octets each time, which its manifest holds."""
        pairs = (("migration", folder), ("name", name))
        told = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs)
        created = self._link.ask(
            "POST", "uploads", headers={**_TUS, "Upload-Defer-Length": "1", "Upload-Metadata": told}
        )
        there, size = _offset(created, default=0), 0
        for piece, last in _ahead(_pieces(octets, self._piece)):
            new = piece[max(there - size, 0) :]
            size += len(piece)
            if new or last:
                self._send(folder, name, size - len(new), new, last=last)
        if size < there:  # never ours: what stands there is not the beginning of this file
            raise Refusal("vault/exists", where=f"{folder}/{name}")
        return size

    def open(self, folder: str, name: str) -> BinaryIO:
        """See `Vault.open`. Raises too Fault `link/not-reached` (retry) in the middle, once trying again has not helped."""
        reader = _Reader(self._link, folder, name, self._piece)
        reader.fill()  # what is not there is said now
        return cast("BinaryIO", io.BufferedReader(reader, io.DEFAULT_BUFFER_SIZE))

    def names(self, folder: str) -> list[str]:
        """See `Vault.names`."""
        try:
            return _names(self._link.ask("GET", "custody", folder))
        except Refusal as refusal:
            if refusal.code == "migration/unknown":
                return []
            raise

    def folders(self) -> list[str]:
        """See `Vault.folders`."""
        return _names(self._link.ask("GET", "custody"))

    def erase(self, folder: str) -> int:
        """See `Vault.erase`: the exchange erases, notes it in the ledger, and says how many files went. Raises too Refusal `chamber/keeps`."""
        match self._link.ask("DELETE", "custody", folder).json():
            case {"files": int(files)}:
                return files
        raise Fault("link/answer")

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        """See `Tells.digest`."""
        match self._link.ask("GET", "custody", folder, name, "digest").json():
            case {"sha256": str(sha256), "size": int(size)}:
                return sha256, size
        raise Fault("link/answer")

    def _send(self, folder: str, name: str, offset: int, piece: bytes, *, last: bool) -> None:
        """One piece from `offset` on, whatever is cut in the middle of it. Raises Fault `link/not-reached`."""
        end, at = offset + len(piece), offset
        for _ in range(_TRIES):
            headers = {
                **_TUS,
                "Content-Type": "application/offset+octet-stream",
                "Upload-Offset": str(at),
                **({"Upload-Length": str(end)} if last else {}),
            }
            try:
                self._link.ask("PATCH", "uploads", folder, name, body=piece[at - offset :], headers=headers)
            except Refusal as refusal:
                if (
                    refusal.code != "intake/offset"
                ):  # else cut in the middle: part of it came, or all and the answer was lost
                    raise
            else:
                return
            found = self._link.ask("HEAD", "uploads", folder, name, headers=_TUS)
            at = _offset(found, default=-1)
            if not offset <= at <= end:
                break
            if at == end and (not last or found.headers.get("upload-length") == str(end)):
                return
        raise Fault("link/not-reached", where=self._link.place.host)


class _Reader(io.RawIOBase):
    """A kept file read by ranges, each asked for again after a cut; it ends where the exchange says that it does."""

    def __init__(self, link: Link, folder: str, name: str, piece: int) -> None:
        self._link, self._path, self._piece = link, ("custody", folder, name), piece
        self._at = 0
        self._size: int | None = None
        self._held = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """See `io.RawIOBase`."""
        if not self._held:
            self.fill()
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def fill(self) -> None:
        """Fetch the next piece, if there is one. Raises Refusal `vault/absent`, `chamber/gives-none`, Fault `link/answer`."""
        if self._size is not None and self._at >= self._size:
            return
        wanted = {"Range": f"bytes={self._at}-{self._at + self._piece - 1}"}
        try:
            answer = self._link.ask("GET", *self._path, headers=wanted)
        except Refusal as refusal:
            if refusal.code != "api/range" or self._at:  # an empty file has no range
                raise
            self._size = 0
            return
        unit, _, said = answer.headers.get("content-range", "").partition(f" {self._at}-")
        size = said.partition("/")[2]
        if (
            answer.status != 206
            or unit != "bytes"
            or not size.isdecimal()
            or not 0 < len(answer.body) <= self._piece
        ):
            raise Fault("link/answer")
        self._size = int(size) if self._size is None else self._size
        self._held = answer.body
        self._at += len(answer.body)


def _pieces(octets: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same octets, each piece but the last of `size`."""
    held = bytearray()
    for block in octets:
        held += block
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    yield bytes(held)


def _ahead(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each piece, and whether it is the last."""
    before = next(pieces, b"")
    for piece in pieces:
        yield before, False
        before = piece
    yield before, True


def _offset(answer: Answer, *, default: int) -> int:
    text = answer.headers.get("upload-offset", "")
    return int(text) if text.isdecimal() else default


def _names(answer: Answer) -> list[str]:
    match answer.json():
        case {"names": list(names)}:
            return [str(name) for name in names]
    raise Fault("link/answer")
