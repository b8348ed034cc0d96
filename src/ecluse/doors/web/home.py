"""The first page: what awaits, what is under way, what is finished and erased, in the chambers where the person is admitted."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ecluse.adapters.accounts.people import admitted
from ecluse.passage.migration import LIVE, Migration
from ecluse.wiring.console import exchange

__all__ = ["home"]


@dataclass(frozen=True, slots=True)
class Line:
    """One migration on the page."""

    chamber: str
    migration: Migration


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Three lists."""
    served = exchange()
    lines = [
        Line(chamber, migration)
        for chamber in admitted(request.user, at=served.clock())
        for migration in served.chamber(chamber).migrations().values()
    ]
    under_way = [line for line in lines if line.migration.state in LIVE]
    over = [line for line in lines if line.migration.state not in LIVE]
    return render(request, "console/home.html", {"under_way": under_way, "over": over})
