"""One JSON text for one value, and one value for one JSON text.

What is signed or hashed must not be readable in two ways: duplicate keys, floats, NaN, lone surrogates and oversize are refused on
reading; writing sorts keys, leaves no space and keeps letters as UTF-8. This module decides what is well formed; it does not know any document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

from ecluse.base.refusal import Refusal

__all__ = ["LIMIT", "Json", "canonical_json", "strict_json"]

Json: TypeAlias = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None
"""What a document or a ledger body may hold: integers only, no floats."""
LIMIT: Final = 1 << 20
"""Octets of the largest document that is read."""


def strict_json(octets: bytes, *, limit: int = LIMIT) -> Json:
    """The value of `octets`. Raises Refusal `sign/json-malformed` saying which rule was broken, never showing the text."""
    if len(octets) > limit:
        raise _malformed(f"more than {limit} octets")
    try:
        value: Json = json.loads(
            octets.decode(), object_pairs_hook=_no_duplicates, parse_float=_no_float, parse_constant=_no_float
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise _malformed("not UTF-8") from None
    except RecursionError:
        raise _malformed("nested too deep") from None
    except ValueError:
        raise _malformed("not JSON") from None
    return value


def canonical_json(value: Json) -> bytes:
    """The one text of `value`: sorted keys, no space, UTF-8. Raises Refusal `sign/json-malformed` for a float or another type."""
    _check(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeError:
        raise _malformed("not UTF-8") from None


def _check(value: object) -> None:
    if isinstance(value, str | int | None):
        return
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        raise _malformed(f"a value of type {type(value).__name__}")
    for inner in value:
        _check(inner)


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("the same key twice")
    return found


def _no_float(_text: str) -> NoReturn:
    raise _malformed("a number that is not an integer")


def _malformed(why: str) -> Refusal:
    return Refusal("sign/json-malformed", why=why)
