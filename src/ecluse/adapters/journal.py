"""The shared ledger as one site sees it: every reading is held against what the site's witness saw before, and cosigned.

So that whoever keeps the exchange can delay or delete, and that shows, but cannot rewrite, cut or fork what a laboratory has once seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ecluse.passage.site import Event
from ecluse.proof.ledger import Ledger
from ecluse.proof.witness import Memory, Witness

__all__ = ["WitnessedJournal"]


class WitnessedJournal:
    """`passage.site.Journal` over a ledger, with this site's witness."""

    def __init__(
        self, ledger: Ledger, *, witness: Witness, memory: Memory, clock: Callable[[], datetime]
    ) -> None:
        self._ledger, self._witness, self._memory, self._clock = ledger, witness, memory, clock
        self._events: list[Event] = []

    def events(self) -> list[Event]:
        """See `Journal.events`."""
        if self._cosign() or len(self._events) != self._ledger.size:
            self._events = [
                Event(
                    told.entry.seq,
                    told.entry.time.isoformat(),
                    told.entry.by,
                    told.entry.subject,
                    told.entry.act,
                    told.body or {},
                )
                for told in self._ledger.history()
            ]
        return list(self._events)

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """See `Journal.append`."""
        self._ledger.append(at=at, by=by, subject=subject, act=act, body=body, expected=expected)
        self._cosign()

    def _cosign(self) -> bool:
        """Whether the ledger has grown since this site's witness last signed."""
        log = self._ledger.log
        head = self._ledger.checkpoint()
        self._witness.check_start(head, log=log)
        seen = self._memory.seen(log.name)
        size = self._ledger.size
        if size == 0 or (seen is not None and seen.size == size):
            return False
        proof = self._ledger.consistency(seen.size, size) if seen is not None and seen.size else []
        self._ledger.keep(self._witness.cosign(head, proof, log=log, at=self._clock()))
        return True
