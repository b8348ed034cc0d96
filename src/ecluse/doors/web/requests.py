"""What takes two persons, in the console: what waits for whom, what became of the rest; and the breaks of the glass, which the laboratory signs off."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from ecluse.adapters.accounts.models import Account, Invitation
from ecluse.adapters.accounts.two_persons import settle
from ecluse.base.refusal import Refusal
from ecluse.doors.web.access import entered, sure
from ecluse.passage.acts import GLASS_REVIEWED, REQUEST_CONFIRMED, REQUEST_REFUSED, REQUEST_WITHDRAWN
from ecluse.passage.glass import broken as breaks_of
from ecluse.passage.glass import check_reviews, may_review
from ecluse.passage.requests import NEEDS, Request, may_settle, requests
from ecluse.people.role import ROLES, Permission
from ecluse.wiring.console import exchange

__all__ = ["reviewed", "settled", "waiting"]

ACTS: Final = {act.partition(".")[2]: act for act in (REQUEST_CONFIRMED, REQUEST_REFUSED, REQUEST_WITHDRAWN)}


@entered
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """Every request of the chamber and every break of its glass, newest first."""
    return _page(request)


@entered
@sure(Permission.READ_LEDGER)
@require_POST
def settled(request: HttpRequest, asked: str) -> HttpResponse:
    """Confirm, refuse or withdraw one. The link of whoever is so invited is shown once."""
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise PermissionDenied
    try:
        token = settle(exchange(), request.chamber.name, asked, act, by=request.user)
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=403)
    if not token:
        return redirect("requests", chamber=request.chamber.name)
    return _page(request, link=request.build_absolute_uri(reverse("join", args=[token])))


@entered
@sure(Permission.READ_LEDGER)
@require_POST
def reviewed(request: HttpRequest, broken: str) -> HttpResponse:
    """Sign a break off."""
    events = request.chamber.events()
    glass = breaks_of(events).get(broken)
    if glass is None:
        raise Http404
    try:
        check_reviews(glass, by=request.user.as_person(), at=exchange().clock())
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=403)
    request.chamber.record(
        GLASS_REVIEWED, by=request.user.person, subject=broken, body={}, expected=len(events)
    )
    return redirect("requests", chamber=request.chamber.name)


def _page(
    request: HttpRequest, *, link: str = "", refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    language, at, me = get_language() or "fr", exchange().clock(), request.user.as_person()
    events = request.chamber.events()
    rows = [
        (
            it,
            _about(it),
            ", ".join(sorted(ROLES[role].label[language] for role in NEEDS.get(it.what, ()))),
            _acts(it, request.user),
        )
        for it in reversed(requests(events, at=at).values())
    ]
    breaks = [(it, may_review(it, by=me, at=at)) for it in reversed(breaks_of(events).values())]
    error = f"{refusal.message(language)} {refusal.hint(language)}" if refusal else ""
    told = {"chamber": request.chamber.name, "rows": rows, "breaks": breaks, "link": link, "error": error}
    return render(request, "console/requests.html", told, status=status)


def _acts(asked: Request, account: Account) -> list[str]:
    """What this person may do to it now."""
    asker = Account.objects.filter(person=asked.by, ended_at=None).first()
    if asked.state != "waiting" or asker is None:
        return []
    people = {"asker": asker.as_person(), "by": account.as_person()}
    return [name for name, act in ACTS.items() if may_settle(asked, act, **people)]


def _about(asked: Request) -> str:
    """Whom it is about, as long as the accounts still know them."""
    if (invited := Invitation.objects.filter(digest=asked.id).first()) is not None:
        return f"{invited.name} ({invited.email}, {invited.organisation.name})"
    ended = Account.objects.filter(person=asked.body.get("account", "")).first()
    return f"{ended.name} ({ended.person}) : {asked.body.get('reason', '')}" if ended else ""
