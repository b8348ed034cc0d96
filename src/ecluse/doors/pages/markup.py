"""HTML written safely: every text is escaped unless this module made it, and nothing in a page can run or load anything.

Decides how elements, attributes and the whole file are written. An attribute that could run a script or fetch something is a bug here, not a matter of
escaping: it raises. It does not decide what a page says.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources
from typing import Final, NamedTuple

__all__ = ["Body", "Content", "Markup", "element", "joined", "page_of", "style"]


class Markup(str):
    """Text that is markup already; only this module makes it from parts, each escaped."""

    __slots__ = ()


Content = str | int | None | Iterable["Content"]


class Body(NamedTuple):
    """What a page says, without the file around it: written whole by `page_of`, or shown within the laboratory's local page."""

    title: str
    markup: Markup


_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LOADS: Final = frozenset({"src", "srcset", "data", "action", "formaction", "poster", "style", "xlink-href"})
_VOID: Final = frozenset({"meta", "br", "col", "hr", "input"})

# Characters that show nothing, or that turn the text around them (bidirectional overrides): a value that holds one must be seen to.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def element(tag: str, /, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """One element. `class_` and `for_` lose their underscore, others become hyphens; None or False is left out.

    Raises ValueError for a name that is none, and for an attribute that could run or load something.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if not _NAME.fullmatch(tag) or tag in ("script", "iframe", "object", "embed", "link", "base"):
        raise ValueError(tag)
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(*content)}</{tag}>")


def joined(*content: Content) -> Markup:
    """Contents one after the other, each escaped unless it is markup."""
    return Markup("".join(map(_text, content)))


def page_of(body: Body, *, language: str) -> str:
    """The whole file, with its style embedded and a policy under which nothing else may act."""
    sheet = style()
    fingerprint = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{fingerprint}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("title", body.title),
        element("style", Markup(sheet)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body.markup), lang=language)}\n"


@cache
def style() -> str:
    """The one style sheet of every page."""
    return resources.files(__package__).joinpath("page.css").read_text("utf-8")


def _text(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return escape(_UNSEEN.sub("\ufffd", str(content)), quote=True)
    return "".join(map(_text, content))


def _attribute(name: str, value: str | int | bool | None) -> str:
    written = name.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(written) or written.lower().startswith("on") or written.lower() in _LOADS:
        raise ValueError(name)
    if written == "href" and not str(value).startswith("#"):
        raise ValueError(name)
    if value is None or value is False:
        return ""
    return f" {written}" if value is True else f' {written}="{_text(value)}"'
