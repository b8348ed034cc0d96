"""The first page: what awaits the person, what is under way, what is finished and erased, in the chambers where they are admitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ecluse.adapters.accounts.people import admitted
from ecluse.doors.web.access import may
from ecluse.passage.overview import Passing
from ecluse.wiring.console import exchange

__all__ = ["home"]

LATEST: Final = 30
"""Lines of each list; a chamber's own page goes further back."""


@dataclass(frozen=True, slots=True)
class Line:
    """One migration on the page; `mine`: the next step is one that the person may take."""

    chamber: str
    passing: Passing
    mine: bool


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Three lists, newest first, and the chambers."""
    served = exchange()
    chambers = admitted(request.user, at=served.clock())
    lines = [
        Line(chamber, passing, passing.waits_for is not None and may(request, passing.waits_for))
        for chamber in chambers
        for passing in reversed(served.chamber(chamber).overview().passings.values())
    ]
    return render(
        request,
        "console/home.html",
        {
            "chambers": chambers,
            "mine": [line for line in lines if line.mine][:LATEST],
            "under_way": [line for line in lines if not line.mine and not line.passing.erased][:LATEST],
            "over": [line for line in lines if line.passing.erased][:LATEST],
        },
    )
