"""The register of a processor (GDPR Art. 30(2)) and the annex of its measures, made from signed documents, acts and live checks: nobody types them."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from ecluse.base.refusal import Refusal
from ecluse.base.words import day, say
from ecluse.doors.web.access import entered
from ecluse.passage.overview import Overview
from ecluse.proof.sign import digest as digest_of
from ecluse.proof.sign import payload_of
from ecluse.terms import agreement as agreements
from ecluse.terms.agreement import Agreement
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.console import exchange
from ecluse.wiring.measures import measures as checked

__all__ = ["measures", "register"]


class Row(NamedTuple):
    """One line of the register: its title, and each field of Art. 30(2) with its words."""

    title: str
    fields: list[tuple[str, str]]


@entered
@require_safe
def register(request: HttpRequest) -> HttpResponse:
    """One line for each agreement that the chamber holds and that can be read."""
    language = get_language() or "fr"
    told = request.chamber.overview()
    found = [
        it
        for it in (
            _agreement(request, paper.digest) for paper in told.papers.values() if paper.kind == "agreement"
        )
        if it
    ]
    return render(
        request,
        "console/register.html",
        {
            "chamber": request.chamber.name,
            "rows": [_row(it, told, language) for it in found],
            "processors": [each for it in found for each in it.other_processors],
        },
    )


@entered
@require_safe
def measures(request: HttpRequest) -> HttpResponse:
    """Each measure with what its check finds now."""
    served = exchange()
    rows = list(checked(served, request.chamber, language=get_language() or "fr"))
    return render(
        request,
        "console/measures.html",
        {"chamber": request.chamber.name, "measures": rows, "at": served.clock()},
    )


def _agreement(request: HttpRequest, digest: str) -> Agreement | None:
    try:
        payload = payload_of(request.chamber.documents.get(digest))
        if digest_of(payload) != digest:
            return None
        return agreements.parse(payload, at=exchange().clock(), vocabulary=vocabulary())
    except Refusal:
        return None


def _row(it: Agreement, told: Overview, language: str) -> Row:
    orders = [
        paper
        for paper in told.papers.values()
        if paper.kind == "instruction" and paper.standing == "in-force"
    ]
    erased = [passing for passing in told.passings.values() if passing.certificate]
    until = day(it.end, language) if it.end else (it.event or "")
    fields = {
        "processor": f"{it.processor.legal_name}, {it.processor.address}",
        "processor_dpo": it.processor.dpo,
        "controller": f"{it.controller.legal_name} ({it.controller.id}), {it.controller.address}",
        "controller_dpo": f"{it.controller.representative} · {it.controller.dpo}",
        "data": ", ".join(sorted(it.data_types)),
        "measures": " · ".join(it.measures),
        "places": ", ".join(it.hosting_places),
        "term": f"{day(it.start, language)} – {until}",
        "agreement": it.digest,
        "instructions": ", ".join(paper.subject for paper in orders),
        "migrations": ", ".join(passing.name for passing in told.passings.values()),
        "certificates": ", ".join(passing.certificate[:19] for passing in erased),
    }
    return Row(
        it.controller.legal_name,
        [(say(f"console.register_{key}", language), value) for key, value in fields.items()],
    )
