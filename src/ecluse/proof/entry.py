"""One entry of the ledger (« inscription »): who did what to what, when, and a commitment to the detail.

The leaf is a single line of JSON that can be written in one way only, so that it is read back by one expression. This module decides what a well-formed
entry is; `ledger` decides what may be appended.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import canonical_json

__all__ = ["SALT", "Entry", "Fields", "commitment_to", "fields_of"]

SALT: Final = 32
Fields: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""act, by, commitment, seq, subject, time: the order in which a leaf writes them."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}"
_LEAF: Final = re.compile(
    rf'\{{"act":"({_NAME})","by":"({_NAME})","commitment":"([0-9a-f]{{64}})","seq":(0|[1-9][0-9]{{0,15}}),'
    rf'"subject":"({_NAME})","time":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z)"\}}'.encode()
)


@dataclass(frozen=True, slots=True)
class Entry:
    """`seq` counts from 0 and is the leaf's place; `time` is UTC in whole seconds; `by` and `subject` are pseudonymous ids.

    `commitment` is SHA-256(salt || body) in hexadecimal: it binds the body, tells nothing of it, and stays when the body goes.
    """

    seq: int
    time: datetime
    by: str
    subject: str
    act: str
    commitment: str

    def leaf(self) -> bytes:
        """The octets that the tree commits to. Raises Refusal `ledger/entry-malformed` for a field that no leaf can hold."""
        octets = canonical_json(
            {
                "act": self.act,
                "by": self.by,
                "commitment": self.commitment,
                "seq": self.seq,
                "subject": self.subject,
                "time": self.time.astimezone(UTC).strftime(_TIME),
            }
        )
        if not _LEAF.fullmatch(octets):
            raise Refusal(
                "ledger/entry-malformed",
                why="an id or act that is empty, too long or holds another character",
            )
        return octets

    @classmethod
    def parse(cls, leaf: bytes) -> Entry:
        """The entry of a leaf, the only one that is written so. Raises Refusal `ledger/entry-malformed`."""
        act, by, commitment, seq, subject, time = (field.decode() for field in fields_of(leaf))
        with suppress(ValueError):
            at = datetime.fromisoformat(time)
            return cls(seq=int(seq), time=at, by=by, subject=subject, act=act, commitment=commitment)
        raise Refusal("ledger/entry-malformed", why="an instant that no calendar has")


def fields_of(leaf: bytes) -> Fields:
    """The texts of a leaf's fields, for whoever reads a million: only the calendar is not checked. Raises `ledger/entry-malformed`."""
    if match := _LEAF.fullmatch(leaf):
        return cast("Fields", match.groups())
    raise Refusal("ledger/entry-malformed", why="not the one way to write it")


def commitment_to(body: bytes, *, salt: bytes) -> str:
    """SHA-256(salt || body), in hexadecimal."""
    return hashlib.sha256(salt + body).hexdigest()
