"""The age v1 file format: the header's lines and MAC, and the numbering of the payload's chunks.

Source: C2SP age.md (age-encryption.org/v1). Shared by `seal` and `unseal`; this module holds no recipient, no identity and no
private key: the exchange may import it. It decides whether a header is well formed, not whether a key opens it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecluse.base.refusal import Refusal

__all__ = [
    "CHUNK",
    "FILE_KEY",
    "HYBRID_INFO",
    "NONCE",
    "SCRYPT_LABEL",
    "TAG",
    "ZERO_NONCE",
    "Header",
    "Stanza",
    "check_mac",
    "chunk_nonces",
    "derive",
    "encode_header",
    "from_base64",
    "read_exactly",
    "read_header",
    "to_base64",
]

CHUNK: Final = 64 * 1024
"""Octets of plaintext in every chunk of the payload but the last."""
TAG: Final = 16
"""Octets that ChaCha20-Poly1305 adds to each chunk."""
FILE_KEY: Final = 16
NONCE: Final = 16
ZERO_NONCE: Final = bytes(12)
HYBRID_INFO: Final = b"age-encryption.org/mlkem768x25519"
SCRYPT_LABEL: Final = b"age-encryption.org/v1/scrypt"

_VERSION: Final = b"age-encryption.org/v1\n"
_COLUMNS: Final = 64
_MAX_HEADER: Final = 1 << 20  # a stranger's header must not fill the memory
_ARGUMENTS: Final = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")
_MAC_LINE: Final = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapping of the file key for one recipient: its type and arguments, and the wrapped key."""

    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header: its stanzas, the octets under the MAC, and the MAC found."""

    stanzas: tuple[Stanza, ...]
    covered: bytes
    mac: bytes


def encode_header(stanzas: Sequence[Stanza], *, file_key: bytes) -> bytes:
    """The header that wraps `file_key` in each of `stanzas`, with its MAC line."""
    covered = _VERSION + b"".join(map(_stanza_lines, stanzas)) + b"---"
    return covered + b" " + to_base64(_mac(covered, file_key)).encode() + b"\n"


def read_header(source: BinaryIO) -> Header:
    """Reads up to and with the MAC line. Raises Refusal `seal/header-malformed` naming the header's line, never its text."""
    lines = _Lines(source)
    if lines.take() != _VERSION:
        raise lines.malformed("not an age v1 file")
    stanzas: list[Stanza] = []
    while (line := lines.take()).startswith(b"->"):
        stanzas.append(_read_stanza(line, lines))
    match = _MAC_LINE.fullmatch(line)
    if match is None or not stanzas:
        raise lines.malformed("neither a stanza nor the MAC was expected here" if stanzas else "no stanza")
    mac = from_base64(match[1].decode())
    if mac is None:
        raise lines.malformed("base64 is not canonical")
    covered = bytes(lines.seen[: -len(line)]) + b"---"
    return Header(stanzas=tuple(stanzas), covered=covered, mac=mac)


def check_mac(header: Header, *, file_key: bytes) -> None:
    """Raises Refusal `seal/header-altered` unless the header is the one that was made with `file_key`."""
    if not hmac.compare_digest(header.mac, _mac(header.covered, file_key)):
        raise Refusal("seal/header-altered")


def derive(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 octets."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def chunk_nonces() -> Iterator[tuple[bytes, bytes]]:
    """For each chunk in order, its nonce if others follow and its nonce if it is the last."""
    counter = 0
    while True:  # 2**88 chunks: no file reaches the end of the counter
        place = counter.to_bytes(11, "big")
        yield place + b"\x00", place + b"\x01"
        counter += 1


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """`size` octets, fewer only at the end of `source`: a pipe may give less than was asked."""
    octets = source.read(size)
    while 0 < len(octets) < size and (more := source.read(size - len(octets))):
        octets += more
    return octets


def to_base64(octets: bytes) -> str:
    """Base64 without padding."""
    return b64encode(octets).decode().rstrip("=")


def from_base64(text: str) -> bytes | None:
    """The octets of unpadded, canonical base64; None for anything else."""
    try:
        octets = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if to_base64(octets) == text else None


class _Lines:
    """The header's lines, kept for the MAC, and counted for the messages."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._count = 0
        self.seen = bytearray()

    def take(self) -> bytes:
        self._count += 1
        line = self._source.readline(_MAX_HEADER + 1 - len(self.seen))
        self.seen += line
        if len(self.seen) > _MAX_HEADER:
            raise self.malformed("longer than 1 MiB")
        return line

    def malformed(self, why: str) -> Refusal:
        return Refusal("seal/header-malformed", line=self._count, why=why)


def _read_stanza(line: bytes, lines: _Lines) -> Stanza:
    arguments = _ARGUMENTS.fullmatch(line)
    if arguments is None:
        raise lines.malformed("the stanza's arguments")
    text = b""
    while True:
        row = lines.take()
        if not row.endswith(b"\n") or len(row) > _COLUMNS + 1:
            raise lines.malformed("the stanza's body")
        text += row[:-1]
        if len(row) <= _COLUMNS:
            break
    body = from_base64(text.decode("latin-1"))
    if body is None:
        raise lines.malformed("base64 is not canonical")
    return Stanza(arguments=tuple(arguments[1].decode().split(" ")), body=body)


def _stanza_lines(stanza: Stanza) -> bytes:
    body = to_base64(stanza.body)
    rows = [
        body[start : start + _COLUMNS] for start in range(0, len(body) + 1, _COLUMNS)
    ]  # ends on a short row, maybe empty
    return "\n".join([f"-> {' '.join(stanza.arguments)}", *rows, ""]).encode()


def _mac(covered: bytes, file_key: bytes) -> bytes:
    return hmac.digest(derive(file_key, salt=b"", info=b"header"), covered, hashlib.sha256)
