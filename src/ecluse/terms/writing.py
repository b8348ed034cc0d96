"""How values are written in TOML documents that people read: one way for each type, exact for every text.

Decides spelling only. What is written here is read back equal by `document` (a property test holds both).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

__all__ = ["comment", "entry", "written"]

_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(value: str | int | date | datetime | Iterable[str]) -> str:
    """A value as TOML writes it. Instants are given in UTC, texts on one line."""
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(character, character) for character in value) + '"'
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    return "[" + ", ".join(written(item) for item in value) + "]"


def entry(key: str, value: str | int | date | datetime | Iterable[str] | None) -> list[str]:
    """The line `key = value`, none if there is no value."""
    return [] if value is None else [f"{key} = {written(value)}"]


def comment(text: str) -> list[str]:
    """A comment, one line for each line of the text."""
    return [f"# {line}".rstrip() for line in text.splitlines()]
