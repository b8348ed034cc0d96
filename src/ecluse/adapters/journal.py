"""The shared ledger as one site sees it: every reading is held against what the site's witness saw before, and cosigned.

So that whoever keeps the exchange can delay or delete, and that shows, but cannot rewrite, cut or fork what a laboratory has once seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from ecluse.base.refusal import Refusal
from ecluse.passage.journal import Event
from ecluse.proof.ledger import Told
from ecluse.proof.note import Checkpoint, NoteKey, verify_checkpoint
from ecluse.proof.tree import Frontier, leaf_hash
from ecluse.proof.witness import Memory, Witness

__all__ = ["SharedLedger", "WitnessedJournal"]


class SharedLedger(Protocol):
    """The ledger as its witness needs it: `proof.ledger.Ledger` of a folder on this machine, or `adapters.exchange` over a network."""

    @property
    def log(self) -> NoteKey:
        """The key that signs its heads."""

    def checkpoint(self) -> bytes:
        """See `Ledger.checkpoint`."""
        ...

    def consistency(self, old: int, new: int) -> list[bytes]:
        """See `Ledger.consistency`."""
        ...

    def history(self, *, since: int = 0) -> Iterator[Told]:
        """See `Ledger.history`."""
        ...

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> object:
        """See `Ledger.append`."""
        ...

    def keep(self, note: bytes) -> None:
        """See `Ledger.keep`."""
        ...


class WitnessedJournal:
    """`passage.site.Journal` over a ledger, with this site's witness."""

    def __init__(
        self, ledger: SharedLedger, *, witness: Witness, memory: Memory, clock: Callable[[], datetime]
    ) -> None:
        self._ledger, self._witness, self._memory, self._clock = ledger, witness, memory, clock
        self._events: list[Event] = []
        self._tree = Frontier()

    def events(self) -> list[Event]:
        """See `Journal.events`. What was read once is not read again: the witness has seen that the ledger only grew.

        Raises too Refusal `ledger/altered` where the entries read are not those under the ledger's head.
        """
        head = self._cosign()
        read = len(self._events)
        if head.size > read:
            for told in islice(self._ledger.history(since=read), head.size - read):
                entry = told.entry
                self._tree.append(leaf_hash(entry.leaf()))
                self._events.append(
                    Event(
                        entry.seq,
                        entry.time.isoformat(),
                        entry.by,
                        entry.subject,
                        entry.act,
                        told.body or {},
                    )
                )
        if (head.size, head.root) != (self._tree.size, self._tree.root()):
            raise Refusal("ledger/altered")
        return list(self._events)

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """See `Journal.append`."""
        self._ledger.append(at=at, by=by, subject=subject, act=act, body=body, expected=expected)
        self._cosign()

    def _cosign(self) -> Checkpoint:
        """The ledger's head, signed by this site's witness if the ledger has grown since it last signed one."""
        log = self._ledger.log
        note = self._ledger.checkpoint()
        self._witness.check_start(note, log=log)
        head = verify_checkpoint(note, log=log)
        seen = self._memory.seen(log.name)
        if head.size == 0 or (seen is not None and seen.size == head.size):
            return head
        proof = self._ledger.consistency(seen.size, head.size) if seen is not None and seen.size else []
        self._ledger.keep(self._witness.cosign(note, proof, log=log, at=self._clock()))
        return head
