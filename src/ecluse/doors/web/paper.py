"""One signed document in the console, as the page that people read: the agreement's check, the instruction, the certificate of erasure, or its own text."""

from __future__ import annotations

import json
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from ecluse.base.refusal import Refusal
from ecluse.doors.pages.agreement import agreement_body
from ecluse.doors.pages.certificate import certificate_body
from ecluse.doors.pages.instruction import instruction_body
from ecluse.doors.pages.markup import Body, element
from ecluse.doors.web.access import entered
from ecluse.proof.sign import digest as digest_of
from ecluse.proof.sign import payload_of, type_of
from ecluse.terms import agreement as agreements
from ecluse.terms import instruction as instructions
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.console import exchange

__all__ = ["paper"]

SHOWN: Final = frozenset(
    {"agreement", "instruction", "erasure", "codes", "code-map", "revocation", "keycert", "dump"}
)
"""Kinds that hold no count by code and month: a reconciliation is shown at the laboratory alone."""


@entered
@require_safe
def paper(request: HttpRequest, digest: str) -> HttpResponse:
    """The document of this digest, if the chamber has it."""
    try:
        envelope = request.chamber.documents.get(digest)
        kind, payload = type_of(envelope), payload_of(envelope)
    except Refusal:
        raise Http404 from None
    if kind not in SHOWN or digest_of(payload) != digest:
        raise Http404
    body = _body(kind, payload, get_language() or "fr")
    return render(
        request,
        "console/paper.html",
        {
            "chamber": request.chamber.name,
            "title": body.title,
            "body": mark_safe(body.markup),  # noqa: S308 - our own markup, each text escaped
            "digest": digest,
            "signatures": len(json.loads(envelope)["signatures"]),
        },
    )


def _body(kind: str, payload: bytes, language: str) -> Body:
    known = vocabulary()
    try:
        if kind == "agreement":
            return agreement_body(
                agreements.check(payload, at=exchange().clock(), vocabulary=known), language=language
            )
        if kind == "instruction":
            ordered = instructions.parse(payload, vocabulary=known)
            sections = instructions.page(ordered, language=language, vocabulary=known)
            return instruction_body(
                sections, language=language, id=ordered.id, version=ordered.version, digest=ordered.digest
            )
        if kind == "erasure":
            return certificate_body(json.loads(payload), language=language, digest=digest_of(payload))
    except (Refusal, KeyError, ValueError):
        pass  # shown as it stands
    return Body(kind, element("pre", payload.decode("utf-8", "replace")))
