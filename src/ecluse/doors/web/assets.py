"""The console's style and the passkeys' scripts: a fixed list of files of this package and of allauth, and nothing else."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ecluse.doors.pages.markup import style as page_style

__all__ = ["script", "style"]

SCRIPTS: Final = {
    "mfa/js/webauthn-json.js": "allauth.mfa",
    "mfa/js/webauthn.js": "allauth.mfa",
    "mfa/js/recovery_codes.js": "allauth.mfa",
    "account/js/onload.js": "allauth.account",
}


@require_safe
def style(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001
    """`pages.css`, which reports have too, or `console.css`."""
    if name == "pages.css":
        return _answer(page_style(), "text/css")
    if name == "console.css":
        return _answer(_read("ecluse.doors.web", "console.css"), "text/css")
    raise Http404


@require_safe
def script(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001
    """One of allauth's scripts for passkeys."""
    if name not in SCRIPTS:
        raise Http404
    return _answer(_read(SCRIPTS[name], name), "text/javascript")


@cache
def _read(package: str, name: str) -> str:
    return resources.files(package).joinpath("static", *name.split("/")).read_text("utf-8")


def _answer(text: str, kind: str) -> HttpResponse:
    return HttpResponse(
        text, content_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "public, max-age=3600"}
    )
