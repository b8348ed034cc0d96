"""The chamber's ledger over a link, with this site's own copy of it: an entry is fetched once, verified under a signed head, and kept.

The witness judges every head (`adapters.journal`); here the entries are held against the head before one of them is given out. What the exchange later
forgets or hides, the copy still has.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final

from ecluse.adapters.exchange.link import Link
from ecluse.adapters.records import SqliteRecords
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.canonical import canonical_json
from ecluse.proof.encoding import from_base64
from ecluse.proof.entry import Entry
from ecluse.proof.ledger import Row, Told, read_row
from ecluse.proof.note import Checkpoint, NoteKey, verify_checkpoint
from ecluse.proof.tree import Frontier, leaf_hash

__all__ = ["RemoteLedger"]

_MOST_HEADS: Final = 1_000_000


class RemoteLedger:
    """`adapters.journal.SharedLedger`, and what a bundle is made of. `log` is the key compared at enrolment; `copy` is this site's own."""

    def __init__(self, link: Link, *, log: NoteKey, copy: SqliteRecords) -> None:
        self.log = log
        self._link, self._copy = link, copy
        self._head = Checkpoint(log.name, 0, b"")
        self._note = b""
        self._lock = threading.Lock()

    def checkpoint(self) -> bytes:
        """See `Ledger.checkpoint`."""
        self._note = self._link.ask("GET", "ledger", "checkpoint").body
        self._head = verify_checkpoint(self._note, log=self.log)
        return self._note

    def consistency(self, old: int, new: int) -> list[bytes]:
        """See `Ledger.consistency`. The hashes as the exchange gives them: the witness verifies them."""
        match self._link.ask("GET", "ledger", "consistency", query={"old": old, "new": new}).json():
            case {"proof": list(proof)}:
                return [from_base64(str(part)) or b"" for part in proof]
        raise Fault("link/answer")

    def history(self, *, since: int = 0) -> Iterator[Told]:
        """See `Ledger.history`, up to the head read last. Raises Refusal `ledger/altered` where the entries are not those under that head."""
        return (read_row(row) for row in self.rows(since=since))

    def rows(self, *, since: int = 0) -> Iterator[Row]:
        """See `Ledger.rows`, up to the head read last; read now, if none was."""
        if not self._note:
            self.checkpoint()
        with self._lock:
            fresh = self._fetched()
        yield from self._copy.read(since, self._head.size)
        yield from (row for row in fresh if row.seq >= since)

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """See `Ledger.append`; the time is the exchange's. A cut after the entry was made is seen: the entry that stands there is this one."""
        del at
        asked: dict[str, Any] = {
            "act": act,
            "by": by,
            "subject": subject,
            "body": dict(body),
            "expected": expected,
        }
        try:
            self._link.ask(
                "POST",
                "ledger",
                "entries",
                body=canonical_json(asked),
                headers={"Content-Type": "application/json"},
            )
        except Fault as fault:
            if fault.code != "ledger/concurrent" or not self._is_there(asked):
                raise

    def keep(self, note: bytes) -> None:
        """See `Ledger.keep`."""
        self._link.ask("POST", "ledger", "cosignatures", body=note, headers={"Content-Type": "text/plain"})

    def checkpoints(self) -> Iterator[bytes]:
        """See `Ledger.checkpoints`."""
        start = 0
        while start < _MOST_HEADS:
            match self._link.ask("GET", "ledger", "heads", query={"start": start}).json():
                case {"heads": list(heads)}:
                    yield from (str(note).encode() for note in heads)
                case _:
                    raise Fault("link/answer")
            if not heads:
                return
            start += len(heads)

    def _is_there(self, asked: Mapping[str, Any]) -> bool:
        """Whether the entry at the expected place is the one that was asked for: its answer was lost."""
        told = next((read_row(row) for row in self._page(int(asked["expected"]))), None)
        if told is None:
            return False
        entry = told.entry
        same = (entry.act, entry.by, entry.subject) == (asked["act"], asked["by"], asked["subject"])
        return same and told.body is not None and canonical_json(told.body) == canonical_json(asked["body"])

    def _fetched(self) -> list[Row]:
        """The entries that the copy lacks, verified, and put into it. Those that another process of this site put there meanwhile are given too."""
        edge = self._edge()
        rows: list[Row] = []
        nodes = []
        while edge.size < self._head.size:
            page = self._page(edge.size)
            if not page:
                raise Refusal("ledger/altered")
            for row in page[: self._head.size - edge.size]:
                rows.append(row)
                nodes.append(edge.append(leaf_hash(row.leaf)))
        if edge.size and edge.root() != self._head.root:
            raise Refusal("ledger/altered")
        if not rows:
            return []
        for row in rows:
            read_row(row)  # its body is the one committed to
        try:
            with self._copy.transaction():
                for row, made in zip(rows, nodes, strict=True):
                    self._copy.append(row=row, nodes=made, note=self._note)
        except Fault:  # another process of this site was first: the rows are verified all the same
            return rows
        return []

    def _edge(self) -> Frontier:
        """The copy's tree, as far as the head goes."""
        note = next(self._copy.notes(), b"")
        held = verify_checkpoint(note, log=self.log).size if note else 0
        return Frontier.of_tree(self._copy.node, min(held, self._head.size))

    def _page(self, since: int) -> list[Row]:
        match self._link.ask("GET", "ledger", "entries", query={"since": since}).json():
            case {"rows": list(rows)}:
                return [_row(seq, row) for seq, row in zip(count(since), rows, strict=False)]
        raise Fault("link/answer")


def _row(seq: int, told: object) -> Row:
    """One entry as answered, its number the one asked for. Raises Fault `link/answer`, Refusal `ledger/entry-malformed`, `ledger/altered`."""
    match told:
        case {"leaf": str(leaf), "salt": str() | None as salt, "body": str() | None as body}:
            octets = [None if it is None else from_base64(it) for it in (leaf, salt, body)]
            if octets[0] is None:
                raise Fault("link/answer")
            entry = Entry.parse(octets[0])
            if entry.seq != seq:
                raise Refusal("ledger/altered")
            return Row(seq, entry.subject, octets[0], octets[1], octets[2])
    raise Fault("link/answer")
