"""Signed notes: a text that says a tree's head, the log's signature under it, and the witnesses' cosignatures.

C2SP signed-note, tlog-checkpoint and tlog-cosignature (Ed25519, types 0x01 and 0x04). This module decides whether a note is well formed and
who signed it; whether one head follows another is `tree` and `witness`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.proof.encoding import from_base64, to_base64
from ecluse.proof.keys import SigningKey, VerifyKey

__all__ = [
    "COSIGNER",
    "LOG",
    "Checkpoint",
    "Cosigned",
    "NoteKey",
    "cosign",
    "join_notes",
    "read_unverified",
    "sign_checkpoint",
    "split_notes",
    "verify_checkpoint",
    "verify_cosignature",
]

LOG: Final = 0x01
"""Signature type of a log's key."""
COSIGNER: Final = 0x04
"""Signature type of a witness's key."""

_DASH: Final = "\N{EM DASH}"
_SIGNATURE: Final = re.compile(rf"{_DASH} ([^\s+]+) (\S+)")
_BODY: Final = re.compile(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")
_NAME: Final = re.compile(r"[^\s+]+")
_LIMIT: Final = 1 << 16
_LINES: Final = 64
_LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key under the name by which notes call it; `kind` is LOG or COSIGNER."""

    name: str
    kind: int
    key: VerifyKey

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.kind not in (LOG, COSIGNER):
            raise Refusal("ledger/note-key-malformed")

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """From a vkey, `<name>+<key id>+<base64>`. Raises Refusal `ledger/note-key-malformed`."""
        name, _, rest = text.partition("+")
        found, _, encoded = rest.partition("+")
        octets = from_base64(encoded)
        if octets is None or len(octets) != 33:
            raise Refusal("ledger/note-key-malformed")
        key = cls(name, octets[0], VerifyKey(octets[1:]))
        if key.key_id.hex() != found:
            raise Refusal("ledger/note-key-malformed")
        return key

    def encode(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.key.octets)}"

    @property
    def key_id(self) -> bytes:
        """Four octets that, with the name, tell which signature line is this key's."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key.octets).digest()[:4]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a ledger (« tête de journal »): whose (`origin`), how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """That a witness saw a head, and when (UTC, whole seconds)."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Note:
    checkpoint: Checkpoint
    lines: tuple[tuple[str, bytes], ...]  # (name, key id and signature)

    def signatures(self, key: NoteKey) -> list[bytes]:
        """The octets after the key id of every line that claims to be `key`'s."""
        return [octets[4:] for name, octets in self.lines if name == key.name and octets[:4] == key.key_id]


def sign_checkpoint(checkpoint: Checkpoint, *, key: SigningKey) -> bytes:
    """The note by which the log, whose key's name is the origin, says its head."""
    log = NoteKey(checkpoint.origin, LOG, key.public)
    body = checkpoint.body()
    return f"{body}\n{_line(log, key.sign(body.encode()))}".encode()


def verify_checkpoint(note: bytes, *, log: NoteKey) -> Checkpoint:
    """The head in `note`, once `log` has signed it under its own name. Raises `ledger/note-malformed` or `ledger/note-not-signed`."""
    read = _read(note)
    found = read.signatures(log)
    body = read.checkpoint.body().encode()
    if (
        read.checkpoint.origin != log.name
        or not found
        or not all(log.key.verifies(each, over=body) for each in found)
    ):
        raise Refusal("ledger/note-not-signed", where=log.name)
    return read.checkpoint


def cosign(note: bytes, *, name: str, key: SigningKey, at: datetime) -> bytes:
    """The note with one more line: that `name` saw this head at `at` (to the second) and none larger."""
    body = _read(note).checkpoint.body()
    seconds = int(at.timestamp())
    signature = key.sign(_cosigned_text(body, seconds))
    return note + _line(NoteKey(name, COSIGNER, key.public), seconds.to_bytes(8) + signature).encode()


def verify_cosignature(note: bytes, *, witness: NoteKey) -> Cosigned:
    """When `witness` saw the head in `note`, at the latest. Raises `ledger/note-malformed` or `ledger/note-not-signed`."""
    read = _read(note)
    body = read.checkpoint.body()
    seen: list[int] = []
    for octets in read.signatures(witness):
        seconds = int.from_bytes(octets[:8])
        if (
            len(octets) != 72
            or seconds > _LAST_SECOND
            or not witness.key.verifies(octets[8:], over=_cosigned_text(body, seconds))
        ):
            raise Refusal("ledger/note-not-signed", where=witness.name)
        seen.append(seconds)
    if not seen:
        raise Refusal("ledger/note-not-signed", where=witness.name)
    return Cosigned(name=witness.name, at=datetime.fromtimestamp(max(seen), UTC))


def read_unverified(note: bytes) -> Checkpoint:
    """The head that a note claims, before anybody's signature is looked at. Only to choose what to verify."""
    return _read(note).checkpoint


def join_notes(notes: list[bytes]) -> bytes:
    """Several notes in one file, a blank line between them."""
    return b"\n".join(notes)


def split_notes(octets: bytes) -> list[bytes]:
    """The notes of such a file. Raises Refusal `ledger/note-malformed`."""
    parts = octets.split(b"\n\n") if octets else []
    if len(parts) % 2:
        raise _malformed("a note without signature")
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    return [b"%b\n\n%b\n" % (body, signatures.removesuffix(b"\n")) for body, signatures in pairs]


def _read(note: bytes) -> _Note:
    if len(note) > _LIMIT:
        raise _malformed("longer than 64 KiB")
    try:
        body, blank, rest = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    head = _BODY.fullmatch(body + "\n")
    root = from_base64(head[3]) if head else None
    if head is None or root is None or not blank:
        raise _malformed("its three lines")
    if not rest.endswith("\n") or rest.count("\n") > _LINES:
        raise _malformed("its signature lines")
    lines = tuple(_read_line(line) for line in rest.removesuffix("\n").split("\n"))
    return _Note(checkpoint=Checkpoint(origin=head[1], size=int(head[2]), root=root), lines=lines)


def _read_line(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    octets = from_base64(match[2]) if match else None
    if match is None or octets is None or len(octets) <= 4:
        raise _malformed("a signature line")
    return match[1], octets


def _line(key: NoteKey, octets: bytes) -> str:
    return f"{_DASH} {key.name} {to_base64(key.key_id + octets)}\n"


def _cosigned_text(body: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def _malformed(why: str) -> Refusal:
    return Refusal("ledger/note-malformed", why=why)
