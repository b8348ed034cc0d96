"""How the local page writes what the self-contained pages may not: links to itself, forms, fields, its own frame around a body.

Decides the look of a frame and of a field. Nothing it writes leads or sends anywhere but to an address of this page.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Final

from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, style
from ecluse.doors.pages.tongue import Tongue

__all__ = [
    "button",
    "choice",
    "field",
    "form",
    "framed",
    "hidden",
    "link",
    "prose",
    "script",
    "secret",
    "sheet",
]

_ADDRESS: Final = re.compile(r"/[A-Za-z0-9_-]+/(?:[A-Za-z0-9_.:~-]+(?:/[A-Za-z0-9_.:~-]+)*/?)?")


def link(address: str, *content: Content, class_: str | None = None, current: bool = False) -> Markup:
    """A link to a page of this one. Raises ValueError for any other address."""
    marks = f' class="{class_}"' if class_ else ""
    here = ' aria-current="page"' if current else ""
    return Markup(f'<a href="{_checked(address)}"{marks}{here}>{joined(*content)}</a>')


def form(csrf: str, *content: Content, address: str = "", file: bool = False, **attributes: str) -> Markup:
    """A form that posts to its own page, or to another of this one."""
    where = Markup(f' action="{_checked(address)}"') if address else ""
    kind = ' enctype="multipart/form-data"' if file else ""
    more = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{joined(value)}"' for name, value in attributes.items()
    )
    return Markup(f'<form method="post"{where}{kind}{more}>{hidden("csrf", csrf)}{joined(*content)}</form>')


def prose(text: str) -> Markup:
    """A sentence of the catalogues, in which what is typed stands between backquotes."""
    parts = text.split("`")
    return joined(element("code", part) if place % 2 else part for place, part in enumerate(parts))


def hidden(name: str, value: str = "") -> Markup:
    """A field that no person fills in."""
    return element("input", type="hidden", name=name, value=value)


def field(
    name: str, label: str, *, hint: Content = None, kind: str = "text", **attributes: str | int | bool | None
) -> Markup:
    """A field under its label, with what helps to fill it in."""
    note = f"{name}-hint"
    return element(
        "p",
        element("label", label, for_=name),
        element("small", hint, id=note) if hint is not None else None,
        element(
            "input", type=kind, id=name, name=name, required=True,
            aria_describedby=note if hint is not None else None, **attributes,
        ),
        class_="field",
    )  # fmt: skip


def secret(name: str, label: str, *, hint: Content = None) -> Markup:
    """A field for a passphrase, which no browser is asked to keep."""
    return field(
        name, label, hint=hint, kind="password", autocomplete="off", spellcheck="false", maxlength=1024
    )


def choice(name: str, value: str, *label: Content, chosen: bool = False) -> Markup:
    """One of several, of which a person takes one."""
    mark = f"{name}-{value}"
    return element(
        "li",
        element("input", type="radio", id=mark, name=name, value=value, required=True, checked=chosen),
        element("label", *label, for_=mark),
    )


def button(label: str, *, plain: bool = False) -> Markup:
    """What sends a form."""
    return element(
        "p", element("button", label, type="submit", class_="plain" if plain else None), class_="send"
    )


def script(door: str) -> Markup:
    """The one script, on the pages that use a passkey."""
    return Markup(f'<script src="{_checked(f"/{door}/passkey.js")}" defer></script>')


def framed(body: Body, *, tongue: Tongue, door: str, bar: Markup, said: Markup, scripted: bool) -> bytes:
    """The whole page: the bar at the top, what there is to tell, the body."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{body.title} · Écluse"),
        Markup(f'<link rel="stylesheet" href="{_checked(f"/{door}/style.css")}">'),
        script(door) if scripted else None,
    )
    page = element(
        "html", head, element("body", bar, said, body.markup, class_="local"), lang=tongue.language
    )
    return f"<!doctype html>\n{page}\n".encode()


@cache
def sheet() -> bytes:
    """The style of the self-contained pages, and what a page with forms needs beside it."""
    return (style() + resources.files(__package__).joinpath("local.css").read_text("utf-8")).encode()


def _checked(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(address)
    return address
