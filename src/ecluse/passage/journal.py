"""The shared ledger as the passage reads it: entries as events, the migrations they tell of, and what may be appended next.

A laboratory's `Site` and the exchange's `Chamber` hold an act against one and the same table here, each for itself. This module can open nothing: the
exchange is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ecluse.base.refusal import Refusal
from ecluse.passage.migration import Act, Migration, check_gates, follow

__all__ = ["Documents", "Event", "Folded", "Journal", "check_act"]


@dataclass(frozen=True, slots=True)
class Event:
    """One ledger entry with its body, as the folds read it; `body` is empty once forgotten."""

    seq: int
    time: str
    by: str
    subject: str
    act: str
    body: Mapping[str, Any] = field(hash=False)


class Journal(Protocol):
    """The shared ledger as one site sees it: reading checks consistency with what its witness saw before; writing cosigns."""

    def events(self) -> list[Event]:
        """Every entry, in order. Raises Refusal `ledger/rolled-back`, `ledger/forked`."""
        ...

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """One more entry, durable before this returns, if the ledger still has `expected` entries. Raises Fault `ledger/concurrent`."""
        ...


class Documents(Protocol):
    """Signed documents by the digest of what was signed."""

    def put(self, envelope: bytes, *, digest: str) -> None:
        """Keep an envelope; the one with the most signatures stays."""
        ...

    def get(self, digest: str) -> bytes:
        """The envelope. Raises Refusal `document/absent`."""
        ...


@dataclass(slots=True)
class Folded:
    """The migrations as the first `size` entries tell, kept so that each act folds what is new and not the whole ledger again."""

    size: int = 0
    last: Event | None = None
    known: Mapping[str, Migration] = field(default_factory=dict)

    def after(self, events: Sequence[Event]) -> Mapping[str, Migration]:
        """The migrations after all of `events`. Another history than the one folded is folded from its beginning."""
        if not (self.size and self.size <= len(events) and events[self.size - 1] == self.last):
            self.size, self.known = 0, {}
        if self.size < len(events):
            self.known = follow(self.known, events[self.size :])
            self.size, self.last = len(events), events[-1]
        return self.known


def check_act(act: str, subject: str, known: Mapping[str, Migration]) -> None:
    """The table and the gates allow `act` now; an act that is no migration's is free. A name is drafted once.

    Raises Refusal `migration/unknown`, `migration/not-now`, `migration/gate-open`.
    """
    if act not in {each.value for each in Act}:
        return
    step = Act(act)
    if step is Act.DRAFT and subject not in known:
        return
    if subject not in known:
        raise Refusal("migration/unknown", where=subject)
    known[subject].after(step)
    check_gates(step, known[subject], known.values())
