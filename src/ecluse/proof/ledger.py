"""The ledger (« journal »): everything that happened, appended once, in an order that cannot be changed unseen.

State is a fold over its entries; nothing else stores state. Each append grows an RFC 6962 tree and signs its new head, in the same
transaction. A body and its salt lie apart and may be forgotten when their retention ends: the tree still verifies. This module decides how
entries are appended and read; the rules of what may happen belong to the subject floors, and the proof that nothing was cut belongs to `witness`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, cast

from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.canonical import Json, canonical_json, strict_json
from ecluse.proof.entry import SALT, Entry, commitment_to
from ecluse.proof.keys import SigningKey
from ecluse.proof.note import LOG, Checkpoint, NoteKey, sign_checkpoint, verify_checkpoint
from ecluse.proof.tree import EMPTY_ROOT, Frontier, Node, consistency_proof, inclusion_proof, leaf_hash, root

__all__ = ["MOST_BODY", "MOST_DRIFT", "Entry", "Ledger", "Records", "Row", "Told", "read_row"]

MOST_BODY: Final = 64 * 1024
"""Octets of the largest body."""
MOST_DRIFT: Final = timedelta(minutes=5)
"""How far behind the last entry the clock may be: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored of one entry; `salt` and `body` are None once forgotten."""

    seq: int
    subject: str
    leaf: bytes
    salt: bytes | None
    body: bytes | None


class Records(Protocol):
    """Where the ledger lies. Every method is durable when it returns, and appending is all or nothing."""

    def append(self, *, row: Row, nodes: Sequence[Node], note: bytes) -> None:
        """Stores the row, the tree's new nodes and the new head; Fault `ledger/concurrent` unless `row.seq` is the number of rows held."""
        ...

    def read(self, start: int, end: int, *, subject: str | None = None) -> Iterator[Row]:
        """Rows start..end in order, of one subject or of all."""
        ...

    def node(self, level: int, place: int) -> bytes:
        """The hash of a complete node; Refusal `ledger/altered` when it is not there."""
        ...

    def forget(self, seq: int) -> None:
        """Removes the salt and body of an entry, so that they cannot be read back from the file."""
        ...

    def keep_note(self, size: int, note: bytes) -> None:
        """Keeps a cosigned head for ever, in place of the one of that size."""
        ...

    def notes(self) -> Iterator[bytes]:
        """The newest head, then the kept ones, from the largest tree down."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """An entry with what it tells: its body, or None when it was forgotten."""

    entry: Entry
    body: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class _Head:
    note: bytes
    edge: bytes  # Frontier.to_bytes
    last: Entry | None


class Ledger:
    """One laboratory's ledger: `origin` names it in every head (as `ecluse.example/<site>`), `key` signs them."""

    def __init__(self, records: Records, *, origin: str, key: SigningKey) -> None:
        self._records = records
        self._key = key
        self.log = NoteKey(origin, LOG, key.public)
        self._known = _Head(b"", Frontier().to_bytes(), None)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return Frontier.from_bytes(self._head().edge).size

    def append(
        self,
        *,
        at: datetime,
        by: str,
        subject: str,
        act: str,
        body: Mapping[str, Json],
        expected: int | None = None,
    ) -> Entry:
        """Appends that `by` did `act` to `subject` at `at`; `body` tells the detail, without any patient's datum.

        The ledger's time never goes back: a clock up to MOST_DRIFT behind the last entry gets that entry's time, further behind is Refusal
        `ledger/clock-set-back`. Fault `ledger/concurrent` (retry) when another writer was first, or when `expected`, the size on which the
        caller decided, is no longer the size. Also Refusal `ledger/body-too-large`, `ledger/entry-malformed`, `sign/json-malformed`.
        """
        head = self._head()
        edge = Frontier.from_bytes(head.edge)
        if expected is not None and expected != edge.size:
            raise Fault("ledger/concurrent", expected=expected, got=edge.size)
        told, salt = _octets(body), os.urandom(SALT)
        entry = Entry(
            seq=edge.size,
            time=_time(at, head.last),
            by=by,
            subject=subject,
            act=act,
            commitment=commitment_to(told, salt=salt),
        )
        leaf = entry.leaf()
        nodes = edge.append(leaf_hash(leaf))
        note = sign_checkpoint(Checkpoint(self.log.name, edge.size, edge.root()), key=self._key)
        self._records.append(row=Row(entry.seq, subject, leaf, salt, told), nodes=nodes, note=note)
        self._known = _Head(note, edge.to_bytes(), entry)
        return entry

    def entries(self, subject: str | None = None) -> Iterator[Entry]:
        """Every entry in order, of one subject or of all."""
        return (Entry.parse(row.leaf) for row in self._records.read(0, self.size, subject=subject))

    def history(self, subject: str | None = None, *, since: int = 0) -> Iterator[Told]:
        """Every entry from number `since` on, with its body checked against the commitment: what folds are made of.

        Raises Refusal `ledger/body-altered`.
        """
        return (read_row(row) for row in self._records.read(since, self.size, subject=subject))

    def rows(self, *, since: int = 0) -> Iterator[Row]:
        """What is stored from number `since` on, for the bundle that `evidence` verifies and for whoever keeps a copy."""
        return self._records.read(since, self.size)

    def checkpoint(self) -> bytes:
        """The newest head as a signed note, with the cosignatures kept so far."""
        return self._head().note or sign_checkpoint(Checkpoint(self.log.name, 0, EMPTY_ROOT), key=self._key)

    def checkpoints(self) -> Iterator[bytes]:
        """The newest head, then every kept one, from the largest tree down."""
        return self._records.notes()

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` entries begins with the tree of `old`. Raises Refusal `ledger/consistency-not-proved`."""
        if new > self.size:
            raise Refusal(
                "ledger/consistency-not-proved", why=f"no proof leads from size {old} to size {new}"
            )
        return consistency_proof(self._records.node, old, new)

    def inclusion(self, seq: int) -> list[bytes]:
        """The proof that entry `seq` is under the newest head. Raises Refusal `ledger/inclusion-not-proved`."""
        return inclusion_proof(self._records.node, seq, self.size)

    def keep(self, note: bytes) -> None:
        """Keeps a head that a witness cosigned. Raises Refusal `ledger/note-not-signed`, or `ledger/forked` when it is not a head of ours."""
        seen = verify_checkpoint(note, log=self.log)
        if seen.size > self.size or root(self._records.node, seen.size) != seen.root:
            raise Refusal("ledger/forked", got=seen.size, expected=self.size)
        self._records.keep_note(seen.size, note)

    def forget(self, seq: int) -> None:
        """Removes the body of entry `seq` (its retention ended): the entry and every proof stay."""
        self._records.forget(seq)

    def _head(self) -> _Head:
        """The stored head; whatever this process did not itself write last is verified before it is built upon."""
        note = next(self._records.notes(), b"")
        mine = self._known.note
        if note == mine or (mine and note.startswith(mine)):  # a witness only adds lines
            return _Head(note, self._known.edge, self._known.last)
        self._known = self._verified(note)
        return self._known

    def _verified(self, note: bytes) -> _Head:
        if not note:
            return _Head(b"", Frontier().to_bytes(), None)
        seen = verify_checkpoint(note, log=self.log)
        edge = Frontier.of_tree(self._records.node, seen.size)
        last = next(self._records.read(seen.size - 1, seen.size), None)
        if (
            edge.root() != seen.root
            or last is None
            or self._records.node(0, seen.size - 1) != leaf_hash(last.leaf)
        ):
            raise Refusal("ledger/altered")
        return _Head(note, edge.to_bytes(), Entry.parse(last.leaf))


def _time(at: datetime, last: Entry | None) -> datetime:
    now = at.astimezone(UTC).replace(microsecond=0)
    if last is None or now >= last.time:
        return now
    behind = last.time - now
    if behind > MOST_DRIFT:
        raise Refusal(
            "ledger/clock-set-back", got=int(behind.total_seconds()), most=int(MOST_DRIFT.total_seconds())
        )
    return last.time


def _octets(body: Mapping[str, Json]) -> bytes:
    octets = canonical_json(dict(body))
    if len(octets) > MOST_BODY:
        raise Refusal("ledger/body-too-large", got=len(octets), most=MOST_BODY)
    return octets


def read_row(row: Row) -> Told:
    """The entry of a row, its body held against the commitment. Raises Refusal `ledger/body-altered`, `ledger/entry-malformed`."""
    entry = Entry.parse(row.leaf)
    if row.body is None or row.salt is None:
        return Told(entry, None)
    if commitment_to(row.body, salt=row.salt) != entry.commitment:
        raise Refusal("ledger/body-altered", seq=entry.seq)
    return Told(entry, cast("Mapping[str, Json]", strict_json(row.body)))
