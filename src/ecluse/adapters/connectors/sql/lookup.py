"""A system's own dictionary as a table of two columns, when it is one: one key, one value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ecluse.base.refusal import Refusal

__all__ = ["one_to_one"]


def one_to_one(pairs: Iterable[tuple[Any, ...]], *, table: str) -> dict[str, str]:
    """{key: value} of these pairs. Raises Refusal `target/lookup-ambiguous` when a key has several values; neither is repeated."""
    found: dict[str, str] = {}
    twice = sum(found.setdefault(str(key), str(value)) != str(value) for key, value in pairs)
    if twice:
        raise Refusal("target/lookup-ambiguous", where=table, got=twice)
    return found
