"""A laboratory's chamber in the console: its lamps, its papers, its migrations, and one migration step by step."""

from __future__ import annotations

from itertools import islice
from typing import Final, Literal, NamedTuple

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from ecluse.adapters.accounts.models import Account
from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.tongue import Tongue
from ecluse.doors.web.access import entered, may
from ecluse.passage.glass import broken
from ecluse.passage.overview import Overview

__all__ = ["Lamp", "chamber", "lamps", "migration"]

PAGE: Final = 50
"""Lines of a list before the next page."""


class Lamp(NamedTuple):
    """One lamp as the ledger tells it; the target is looked at by the laboratory alone."""

    name: str
    state: Literal["lit", "dark", "elsewhere"]


def lamps(told: Overview) -> list[Lamp]:
    """The four lamps, in the order in which they are lit."""
    lit = {
        "agreement": told.paper("agreement") is not None,
        "instruction": told.paper("instruction") is not None,
        "recipient": told.compared,
    }
    return [*(Lamp(name, "lit" if on else "dark") for name, on in lit.items()), Lamp("target", "elsewhere")]


@entered
@require_safe
def chamber(request: HttpRequest) -> HttpResponse:
    """The chamber's page."""
    told = request.chamber.overview()
    return render(
        request,
        "console/chamber.html",
        {
            "chamber": request.chamber.name,
            "lamps": lamps(told),
            "papers": list(islice(reversed(told.papers.values()), PAGE)),
            "passings": Paginator(list(reversed(told.passings.values())), PAGE).get_page(
                request.GET.get("page")
            ),
            "fingerprint": request.chamber.ledger.log.key.fingerprint(),
            "size": request.chamber.ledger.size,
            "breaks": [it for it in broken(request.chamber.events()).values() if not it.reviewed_by],
        },
    )


@entered
@require_safe
def migration(request: HttpRequest, name: str) -> HttpResponse:
    """One migration: where it is in the lock, who did what and when, what it holds."""
    told = request.chamber.overview()
    passing = told.passings.get(name)
    if passing is None:
        raise Http404
    names = {
        account.person: account.name
        for account in Account.objects.filter(admissions__chamber=request.chamber.name)
    }
    tongue = Tongue(get_language() or "fr", names)
    waits = passing.waits_for
    return render(
        request,
        "console/migration.html",
        {
            "chamber": request.chamber.name,
            "passing": passing,
            "lamps": lamps(told),
            "drawing": mark_safe(lock_drawing(passing.migration, tongue)),  # noqa: S308 - our own markup, each text escaped
            "steps": [(tongue.either(f"pages.act_{_key(it.act)}", it.act), it.at, tongue.person(it.by)) for it in passing.steps],
            "state": tongue.either(f"pages.state_{_key(passing.migration.state.value)}", passing.migration.state.value),
            "mine": waits is not None and may(request, waits),
            "parts": request.chamber.custody.names(name),
        },
    )  # fmt: skip


def _key(code: str) -> str:
    return code.replace(".", "_").replace("-", "_")
