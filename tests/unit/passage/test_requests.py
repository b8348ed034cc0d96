"""What takes two persons, and the glass that one may break: both are folds over the ledger, which no wrong entry moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage import acts
from ecluse.passage import glass as panes
from ecluse.passage import requests as asked
from ecluse.passage.journal import Event
from ecluse.people.person import Person
from ecluse.people.role import Role

AT = datetime(2026, 3, 1, tzinfo=UTC)
HOST = Person("p-0001", "Ada", "H-1", Role.HOST)
BIOLOGIST = Person("p-0002", "Camille", "10001", Role.BIOLOGIST)
AGAIN = Person("p-0003", "Ada", " h-1", Role.HOST)
INSPECTOR = Person("p-0004", "Noa", "I-1", Role.INSPECTOR)


def said(act: str, by: Person, *, hours: float = 0, subject: str = "r-1", **body: Any) -> Event:
    return Event(0, (AT + timedelta(hours=hours)).isoformat(), by.id, subject, act, body)


MADE = said(acts.REQUEST_MADE, HOST, what="end-account", account="p-0009")


def state(*events: Event, hours: float = 1) -> str:
    return asked.requests([MADE, *events], at=AT + timedelta(hours=hours))["r-1"].state


@pytest.mark.parametrize(
    ("event", "hours", "stands"),
    [
        (said(acts.REQUEST_CONFIRMED, BIOLOGIST, hours=71), 80, "confirmed"),
        (said(acts.REQUEST_REFUSED, BIOLOGIST), 1, "refused"),
        (said(acts.REQUEST_WITHDRAWN, HOST), 1, "withdrawn"),
        (said(acts.REQUEST_CONFIRMED, HOST), 1, "waiting"),
        (said(acts.REQUEST_WITHDRAWN, BIOLOGIST), 1, "waiting"),
        (said(acts.REQUEST_CONFIRMED, BIOLOGIST, hours=72), 72, "over"),
        (said(acts.REQUEST_MADE, BIOLOGIST, what="other"), 1, "waiting"),
        (said(acts.REQUEST_CONFIRMED, BIOLOGIST, subject="r-2"), 1, "waiting"),
    ],
)
def test_a_request_stands_as_the_ledger_tells(event: Event, hours: float, stands: str) -> None:
    """Only another person confirms or refuses, only the asker withdraws, only within 72 hours."""
    assert state(event, hours=hours) == stands


def test_a_request_is_settled_once() -> None:
    """What was refused is not confirmed afterwards."""
    assert state(said(acts.REQUEST_REFUSED, BIOLOGIST), said(acts.REQUEST_CONFIRMED, BIOLOGIST)) == "refused"


@pytest.mark.parametrize(
    ("act", "by", "may"),
    [
        (acts.REQUEST_CONFIRMED, BIOLOGIST, True),
        (acts.REQUEST_CONFIRMED, HOST, False),
        (acts.REQUEST_CONFIRMED, AGAIN, False),
        (acts.REQUEST_CONFIRMED, INSPECTOR, False),
        (acts.REQUEST_CONFIRMED, Person("p-0009", "Lou", "10009", Role.DPO), False),
        (acts.REQUEST_WITHDRAWN, HOST, True),
        (acts.REQUEST_WITHDRAWN, BIOLOGIST, False),
    ],
)
def test_another_human_of_a_fitting_role_settles(act: str, by: Person, may: bool) -> None:
    """Not a second account of the same professional, not an inspector, not the one whose account would end."""
    request = asked.requests([MADE], at=AT)["r-1"]
    assert asked.may_settle(request, act, asker=HOST, by=by) is may
    if may:
        asked.check_settles(request, act, asker=HOST, by=by)
    else:
        with pytest.raises(Refusal, match="request/not-yours"):
            asked.check_settles(request, act, asker=HOST, by=by)


def test_what_is_settled_or_unknown_takes_nobody() -> None:
    """A request that is over is refused as settled; one of a kind that no table names is nobody's to confirm."""
    over = asked.requests([MADE], at=AT + timedelta(hours=72))["r-1"]
    with pytest.raises(Refusal, match="request/settled"):
        asked.check_settles(over, acts.REQUEST_CONFIRMED, asker=HOST, by=BIOLOGIST)
    strange = asked.requests([said(acts.REQUEST_MADE, HOST)], at=AT)["r-1"]
    assert not asked.may_settle(strange, acts.REQUEST_CONFIRMED, asker=HOST, by=BIOLOGIST)


@pytest.mark.parametrize(
    ("role", "by", "two"),
    [
        (Role.BIOLOGIST, Role.HOST, True),
        (Role.REPRESENTATIVE, Role.HOST, True),
        (Role.REPRESENTATIVE, Role.REPRESENTATIVE, True),
        (Role.ENGINEER, Role.REPRESENTATIVE, False),
        (Role.BIOLOGIST, Role.BIOLOGIST, False),
    ],
)
def test_a_laboratory_answers_for_its_own_people_alone(role: Role, by: Role, two: bool) -> None:
    """The host cannot invite alone the person who would confirm what the host asks."""
    assert asked.takes_two(role, by=by) is two


BROKEN = said(acts.GLASS_BROKEN, HOST, subject="g-1", reason="panne signalée")


@pytest.mark.parametrize(
    ("event", "by"),
    [
        (said(acts.GLASS_REVIEWED, BIOLOGIST, hours=4, subject="g-1"), BIOLOGIST.id),
        (said(acts.GLASS_REVIEWED, BIOLOGIST, hours=3, subject="g-1"), ""),
        (said(acts.GLASS_REVIEWED, HOST, hours=5, subject="g-1"), ""),
        (said(acts.GLASS_REVIEWED, BIOLOGIST, hours=5, subject="g-2"), ""),
        (said(acts.GLASS_BROKEN, BIOLOGIST, hours=5, subject="g-1"), ""),
        (said("account.ended", HOST, hours=5, subject="g-1"), ""),
    ],
)
def test_a_break_is_reviewed_by_another_once_closed(event: Event, by: str) -> None:
    """A review that comes before it closed, or from the one who broke it, is none."""
    glass = panes.broken([BROKEN, event])["g-1"]
    assert (glass.by, glass.reviewed_by) == (HOST.id, by)
    assert glass.review_by == AT + timedelta(hours=72)


def test_a_review_is_of_the_laboratory_and_one() -> None:
    """An inspector or the host signs none off; nor anybody before it closed, nor twice."""
    glass, after = panes.broken([BROKEN])["g-1"], AT + timedelta(hours=4)
    panes.check_reviews(glass, by=BIOLOGIST, at=after)
    signed = panes.broken([BROKEN, said(acts.GLASS_REVIEWED, BIOLOGIST, hours=4, subject="g-1")])["g-1"]
    for of, by, at in ((glass, INSPECTOR, after), (glass, BIOLOGIST, AT), (signed, BIOLOGIST, after)):
        with pytest.raises(Refusal, match="glass/no-review"):
            panes.check_reviews(of, by=by, at=at)


def test_only_a_host_outside_with_a_reason_breaks_the_glass() -> None:
    """Ten characters at least, blanks at the ends not counted."""
    panes.check_breaks("panne du disque", by=HOST, admitted=False)
    for by, admitted in ((BIOLOGIST, False), (HOST, True)):
        with pytest.raises(Refusal, match="glass/not-yours"):
            panes.check_breaks("panne du disque", by=by, admitted=admitted)
    with pytest.raises(Refusal, match="glass/no-reason"):
        panes.check_breaks("  trop     ", by=HOST, admitted=False)
