"""Break-glass (« bris de glace ») at an exchange: a host looks into a chamber where they are not admitted, alone, for a declared reason, four hours at most.

Decides who may, for how long, and who signs the review off. It gives the ledger's acts and the list of parcels: never a parcel's octets, and never a
decryption, for no key is at the exchange. Its state is a fold over the chamber's ledger, where the laboratory sees it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import GLASS_BROKEN, GLASS_REVIEWED
from ecluse.passage.journal import Event
from ecluse.people.person import Person
from ecluse.people.role import Role

__all__ = ["Glass", "broken", "check_breaks", "check_reviews", "may_review"]

OPEN: Final = timedelta(hours=4)
REVIEW: Final = timedelta(hours=72)
REASON: Final = 10
"""Characters that a reason has at least."""
REVIEWERS: Final = frozenset({Role.BIOLOGIST, Role.DPO})


@dataclass(frozen=True, slots=True)
class Glass:
    """One break: by whom (a person's id), why, since when, and who reviewed it."""

    id: str
    by: str
    reason: str
    since: datetime
    reviewed_by: str = ""

    @property
    def until(self) -> datetime:
        """When it closes by itself."""
        return self.since + OPEN

    @property
    def review_by(self) -> datetime:
        """When the review is due."""
        return self.since + REVIEW

    def is_open(self, *, at: datetime) -> bool:
        """Whether it still lets its person look in."""
        return at < self.until


def broken(events: Iterable[Event]) -> dict[str, Glass]:
    """Every break by its id, oldest first. A review before it closed, or by the one who broke it, changes nothing."""
    found: dict[str, Glass] = {}
    for event in events:
        time = datetime.fromisoformat(event.time)
        if event.act == GLASS_BROKEN and event.subject not in found:
            found[event.subject] = Glass(event.subject, event.by, str(event.body.get("reason", "")), time)
        elif event.act == GLASS_REVIEWED and event.subject in found:
            glass = found[event.subject]
            if not glass.reviewed_by and not glass.is_open(at=time) and event.by != glass.by:
                found[event.subject] = replace(glass, reviewed_by=event.by)
    return found


def check_breaks(reason: str, *, by: Person, admitted: bool) -> None:
    """`by` may look in for this reason. Raises Refusal `glass/not-yours`, `glass/no-reason`."""
    if by.role is not Role.HOST or admitted:
        raise Refusal("glass/not-yours", who=by.id)
    if len(reason.strip()) < REASON:
        raise Refusal("glass/no-reason", expected=REASON)


def may_review(glass: Glass, *, by: Person, at: datetime) -> bool:
    """Whether `by` may sign the review off now: somebody of the laboratory, once it has closed, one time."""
    return by.role in REVIEWERS and not glass.is_open(at=at) and not glass.reviewed_by


def check_reviews(glass: Glass, *, by: Person, at: datetime) -> None:
    """`by` may sign the review off now. Raises Refusal `glass/no-review`."""
    if not may_review(glass, by=by, at=at):
        raise Refusal("glass/no-review", where=glass.id, who=by.id)
