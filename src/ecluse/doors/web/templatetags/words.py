"""What templates say: sentences of the catalogues in the page's language, and how instants, counts and codes of the subject read.

`{% say "console.key" name=value %}`; `{% instant at %}`; `{% count 1234 %}`; `{% state "loaded" %}`. A code without words is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from django import template

from ecluse.base.words import instant, number, say, sentences, size

__all__ = ["register"]

register = template.Library()
Context = dict[str, Any]


@register.simple_tag(takes_context=True, name="say")
def _say(context: Context, key: str, **values: object) -> str:
    return say(key, context["language"], **values)


@register.simple_tag(takes_context=True, name="instant")
def _instant(context: Context, at: datetime | str | None) -> str:
    if not at:
        return ""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return instant(known.astimezone(UTC), context["language"])


@register.simple_tag(takes_context=True, name="count")
def _count(context: Context, value: int) -> str:
    return number(value, context["language"])


@register.simple_tag(takes_context=True, name="octets")
def _octets(context: Context, value: int) -> str:
    return size(value, context["language"])


@register.simple_tag(takes_context=True, name="role_label")
def _role(context: Context, account: Any) -> str:
    label: str = account.role_label(context["language"])
    return label


CODES: Final[dict[str, Callable[[str], str]]] = {
    "state": lambda code: f"pages.state_{code}",
    "paper": lambda code: f"console.paper_{code}",
    "standing": lambda code: f"console.standing_{code}",
    "waits": lambda code: f"console.waits_{code}",
    "lamp_name": lambda code: f"console.lamp_{code}",
    "lamp_state": lambda code: f"console.lamp_is_{code}",
    "outcome": lambda code: f"console.outcome_{code}",
    "verdict": lambda code: f"console.verdict_{code}",
    "run": lambda code: f"console.run_{code}",
    "request": lambda code: f"console.request_what_{code}",
    "request_state": lambda code: f"console.request_is_{code}",
    "request_act": lambda code: f"console.request_do_{code}",
}
"""Tags that put a code of the subject into words: each with how its key is made."""


def _of_code(key_of: Callable[[str], str]) -> Callable[[Context, str], str]:
    def worded(context: Context, code: str) -> str:
        key = key_of(code.replace("-", "_").replace(".", "_"))
        return say(key, context["language"]) if key in sentences() else code

    return worded


for name, key_of in CODES.items():
    register.simple_tag(takes_context=True, name=name)(_of_code(key_of))
