"""Break-glass in the console: a host declares a reason, and for four hours sees the acts and the list of parcels of a chamber where they are not admitted."""

from __future__ import annotations

import secrets
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_safe

from ecluse.adapters.accounts.people import admitted
from ecluse.base.refusal import Refusal
from ecluse.doors.web.access import sure
from ecluse.passage.acts import GLASS_BROKEN
from ecluse.passage.chamber import Chamber
from ecluse.passage.custody import size_of
from ecluse.passage.glass import broken, check_breaks
from ecluse.people.role import Permission, Role
from ecluse.wiring.console import exchange

__all__ = ["chambers", "look"]

LATEST: Final = 500
"""Acts shown, newest first."""


@login_required
@sure(Permission.READ_LEDGER)
@require_safe
def chambers(request: HttpRequest) -> HttpResponse:
    """The chambers where this host is not admitted."""
    return render(request, "console/glass.html", {"chambers": _elsewhere(request)})


@login_required
@sure(Permission.READ_LEDGER)
@require_http_methods(["GET", "POST"])
def look(request: HttpRequest, chamber: str) -> HttpResponse:
    """The form that breaks the glass; once broken, what it gives, until it closes by itself."""
    if chamber not in _elsewhere(request):
        raise Http404
    served = exchange()
    inside, at, error = served.chamber(chamber), served.clock(), ""
    mine = [it for it in broken(inside.events()).values() if it.by == request.user.person]
    glass = next((it for it in mine if it.is_open(at=at)), None)
    if request.method == "POST" and glass is None:
        reason = request.POST.get("reason", "").strip()[:200]
        try:
            check_breaks(reason, by=request.user.as_person(), admitted=False)
        except Refusal as refusal:
            language = get_language() or "fr"
            error = f"{refusal.message(language)} {refusal.hint(language)}"
        else:
            subject = f"g-{secrets.token_hex(6)}"
            inside.record(GLASS_BROKEN, by=request.user.person, subject=subject, body={"reason": reason})
            return redirect("look", chamber=chamber)
    told: dict[str, object] = {"chamber": chamber, "open": glass, "error": error}
    if glass is not None:
        told |= {"parcels": _parcels(inside), "events": inside.events()[: -LATEST - 1 : -1]}
    return render(request, "console/glass.html", told)


def _elsewhere(request: HttpRequest) -> list[str]:
    """The chambers where a host is not admitted; for anybody else this page does not exist."""
    if request.user.role != Role.HOST.value:
        raise Http404
    served = exchange()
    return sorted(set(served.chambers()) - set(admitted(request.user, at=served.clock())))


def _parcels(inside: Chamber) -> list[tuple[str, str, int]]:
    vault = inside.custody
    return [
        (folder, name, size_of(vault, folder, name))
        for folder in vault.folders()
        for name in vault.names(folder)
    ]
