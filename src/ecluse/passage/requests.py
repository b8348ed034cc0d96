"""What takes two persons at an exchange (« double accord »): asked by one human, confirmed by another within 72 hours, or nothing happens.

Decides what takes two, who may confirm, and how each request stands: a fold over the chamber's ledger, which keeps every one of them for the laboratory
to see. It does not decide who may ask, nor does it carry anything out. Source: OWASP ASVS 5.0 V2.3.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import REQUEST_CONFIRMED, REQUEST_MADE, REQUEST_REFUSED, REQUEST_WITHDRAWN
from ecluse.passage.journal import Event
from ecluse.people.person import Person, distinct
from ecluse.people.role import ROLES, Role

__all__ = [
    "NEEDS",
    "WITHIN",
    "Request",
    "check_settles",
    "may_settle",
    "requests",
    "takes_two",
]

WITHIN: Final = timedelta(hours=72)

State = Literal["waiting", "confirmed", "refused", "withdrawn", "over"]

NEEDS: Final[dict[str, frozenset[Role]]] = {
    "invite-biologist": frozenset({Role.HOST, Role.BIOLOGIST, Role.DPO}),
    "invite-representative": frozenset({Role.HOST, Role.REPRESENTATIVE, Role.BIOLOGIST}),
    "end-account": frozenset({Role.HOST, Role.BIOLOGIST, Role.DPO}),
}
"""What takes two persons, and the roles of whoever may be the second: an invitation by the processor's side, the end of another side's account."""

_SETTLES: Final[dict[str, State]] = {
    REQUEST_CONFIRMED: "confirmed",
    REQUEST_REFUSED: "refused",
    REQUEST_WITHDRAWN: "withdrawn",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what is asked, by whom (a person's id), since when, how it stands, and by whom it was settled."""

    id: str
    what: str
    by: str
    since: datetime
    body: Mapping[str, Any] = field(hash=False)
    state: State = "waiting"
    settled_by: str = ""

    @property
    def until(self) -> datetime:
        """When it is over if nobody settled it."""
        return self.since + WITHIN


def requests(events: Iterable[Event], *, at: datetime) -> dict[str, Request]:
    """Every request by its id, as it stands at `at`. An entry that settles one too late, twice, or by the wrong person changes nothing."""
    found: dict[str, Request] = {}
    for event in events:
        time = datetime.fromisoformat(event.time)
        if event.act == REQUEST_MADE and event.subject not in found:
            what = str(event.body.get("what", ""))
            found[event.subject] = Request(event.subject, what, event.by, time, event.body)
        elif event.act in _SETTLES and event.subject in found:
            asked = found[event.subject]
            own = event.by == asked.by
            if asked.state == "waiting" and time < asked.until and own == (event.act == REQUEST_WITHDRAWN):
                found[event.subject] = replace(asked, state=_SETTLES[event.act], settled_by=event.by)
    return {
        key: replace(it, state="over") if it.state == "waiting" and at >= it.until else it
        for key, it in found.items()
    }


def takes_two(role: Role, *, by: Role) -> bool:
    """Whether an invitation in `role` takes two persons when one of role `by` makes it: the laboratory answers for its own people alone.

    Otherwise a host could invite alone the very person who then confirms what the host asks.
    """
    return f"invite-{role.value}" in NEEDS and ROLES[by].side == "processor"


def may_settle(request: Request, act: str, *, asker: Person, by: Person) -> bool:
    """Whether `by` may do this to a request that waits: whoever asked withdraws it, another human of a role in `NEEDS` confirms or refuses it.

    Whose account would end settles nothing about it.
    """
    if act == REQUEST_WITHDRAWN:
        return by.id == request.by
    fitting = by.role in NEEDS.get(request.what, frozenset()) and by.id != request.body.get("account")
    return fitting and len(distinct([asker, by])) > 1


def check_settles(request: Request, act: str, *, asker: Person, by: Person) -> None:
    """`by` may do this to the request now. Raises Refusal `request/settled`, `request/not-yours`."""
    if request.state != "waiting":
        raise Refusal("request/settled", where=request.id, got=request.state)
    if not may_settle(request, act, asker=asker, by=by):
        raise Refusal("request/not-yours", where=request.id, who=by.id)
