"""`{% say "console.key" name=value %}`: a sentence of the catalogues in the page's language; and how instants are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template

from ecluse.base.words import instant, say

__all__ = ["register"]

register = template.Library()


@register.simple_tag(takes_context=True, name="say")
def _say(context: dict[str, Any], key: str, **values: object) -> str:
    return say(key, context["language"], **values)


@register.simple_tag(takes_context=True, name="instant")
def _instant(context: dict[str, Any], at: datetime | str | None) -> str:
    if not at:
        return ""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return instant(known.astimezone(UTC), context["language"])
