"""Who may ask anything of the local page: the one browser that was given its address, from this page itself, and nobody else.

Each rule answers one way in which another could act in a person's name: another page of the web (Host against a name made to point here, Origin and a
secret in every form against a form posted from elsewhere), another page of this machine (the cookie's path), whoever finds the address later (it is worth
one visit). Decides whether a request is answered; it reads no document and knows no page.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Session

__all__ = ["COOKIE", "HEADERS", "Asked", "admit", "check_form", "policy"]

COOKIE: Final = "ecluse"

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A form's Origin would be "null" under no-referrer, and could not be told from another page's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
    "X-Robots-Tag": "noindex",
}
"""What every answer says to the browser, beside its policy."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its method, the parts of its path, its headers by name in small letters, its form."""

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str] = field(repr=False)
    form: Form = field(repr=False)


def policy(*, script: bool) -> str:
    """The Content-Security-Policy: our style sheet, our own forms, and our one script on the pages that use a passkey. Nothing else."""
    rules = [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return "; ".join([*rules, "script-src 'self'"] if script else rules)


def admit(asked: Asked, session: Session, *, host: str) -> None:
    """Raise Refusal `page/other-host`, `page/other-origin`, `page/not-entered` unless the request is the browser's that holds the cookie, from this page."""
    if asked.headers.get("host") != host:
        raise Refusal("page/other-host", expected=host)
    # A browser says where a request comes from; one that a person typed, or followed from the terminal, comes from nowhere.
    if asked.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Refusal("page/other-origin")
    if asked.path[:1] != (session.door,):
        raise Refusal("page/absent")
    if not session.cookie or not _same(cookie_of(asked.headers.get("cookie", "")), session.cookie):
        raise Refusal("page/not-entered")


def check_form(asked: Asked, session: Session, *, host: str) -> None:
    """Raise Refusal `page/other-origin`, `page/form-forged` unless what is posted comes from a form of this page."""
    if asked.headers.get("origin") != f"http://{host}":
        raise Refusal("page/other-origin")
    if not _same(asked.form.text("csrf"), session.csrf):
        raise Refusal("page/form-forged")


def cookie_of(header: str) -> str:
    """The value of our cookie among those a browser sent; "" where there is none, or where they cannot be read."""
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
