"""The shared ledger as one site sees it: every reading is held against what the site's witness saw before, and cosigned.

So that whoever keeps the exchange can delay or delete, and that shows, but cannot rewrite, cut or fork what a laboratory has once seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from ecluse.base.refusal import Refusal
from ecluse.passage.journal import Event
from ecluse.proof.ledger import Ledger
from ecluse.proof.note import verify_checkpoint
from ecluse.proof.tree import Frontier, leaf_hash
from ecluse.proof.witness import Memory, Witness

__all__ = ["WitnessedJournal"]


class WitnessedJournal:
    """`passage.site.Journal` over a ledger, with this site's witness."""

    def __init__(
        self, ledger: Ledger, *, witness: Witness, memory: Memory, clock: Callable[[], datetime]
    ) -> None:
        self._ledger, self._witness, self._memory, self._clock = ledger, witness, memory, clock
        self._events: list[Event] = []
        self._tree = Frontier()

    def events(self) -> list[Event]:
        """See `Journal.events`. What was read once is not read again: the witness has seen that the ledger only grew.

        Raises too Refusal `ledger/altered` where the entries read are not those under the ledger's head.
        """
        self._cosign()
        head = verify_checkpoint(self._ledger.checkpoint(), log=self._ledger.log)
        read = len(self._events)
        for told in islice(self._ledger.history(since=read), max(head.size - read, 0)):
            entry = told.entry
            self._tree.append(leaf_hash(entry.leaf()))
            self._events.append(
                Event(entry.seq, entry.time.isoformat(), entry.by, entry.subject, entry.act, told.body or {})
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

    def _cosign(self) -> None:
        """Have this site's witness sign the head, if the ledger has grown since it last did."""
        log = self._ledger.log
        head = self._ledger.checkpoint()
        self._witness.check_start(head, log=log)
        seen = self._memory.seen(log.name)
        size = self._ledger.size
        if size == 0 or (seen is not None and seen.size == size):
            return
        proof = self._ledger.consistency(seen.size, size) if seen is not None and seen.size else []
        self._ledger.keep(self._witness.cosign(head, proof, log=log, at=self._clock()))
