"""Octets that claim to be FHIR, as JSON values, or the short reason why they are not: nothing here raises for what a file holds.

Decides what JSON is taken (RFC 8259 with the narrowings of R4, "JSON representation": UTF-8, no name twice, no NaN) and keeps numbers as the
digits that stand there. It does not decide what the elements mean: that is `told`'s and its neighbours'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, BinaryIO, Final

from ecluse.adapters.connectors.fhir.elements import Element, Number

__all__ = ["BLANK", "LARGEST", "TYPES_KNOWN", "NotJson", "decoded", "documents", "one_a_line", "type_of"]

LARGEST: Final = 256 << 20
"""A line, or a file that is one document, is read up to so many octets; beyond, it is left unread with its reason."""

BLANK: Final = b" \t\r\n\xef\xbb\xbf"
"""What may stand before the first document: blanks, and the mark of UTF-8."""

DEEPEST: Final = 64
"""Elements within elements: the specification's own examples need 12; what is deeper is no laboratory's."""

TYPES_KNOWN: Final = frozenset(
    resources.files(__package__).joinpath("r4-types.txt").read_text("ascii").split()
)
"""The resource types of R4: the only names that are told in counts, for any other might be a value."""


class NotJson(Exception):
    """What was given is no FHIR; the argument is the reason."""


def decoded(octets: bytes) -> Any:
    """The JSON value that stands there, numbers as `Number`. Raises NotJson with `encoding`, `json`, `duplicate-name`, `nested`."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotJson("encoding") from None
    try:
        value = _DECODE(text)
    except RecursionError:
        raise NotJson("nested") from None
    except ValueError:
        raise NotJson("json") from None
    _check_depth(value)
    if "\\u" in text and not _encodable(value):
        raise NotJson("encoding")
    return value


def _no_name_twice(pairs: Sequence[tuple[str, Any]]) -> Element:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotJson("duplicate-name")
    return made


def _no_constant(_name: str) -> Any:
    raise NotJson("json")


_DECODE: Final = json.JSONDecoder(
    object_pairs_hook=_no_name_twice, parse_float=Number, parse_int=Number, parse_constant=_no_constant
).decode


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise NotJson("nested")


def _encodable(value: Any) -> bool:
    """Whether no text holds half of a surrogate pair: JSON may write one, no file can keep it."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def type_of(value: Any) -> str:
    """The resource type, if it is one of R4's. Raises NotJson `not-a-resource`."""
    name = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in TYPES_KNOWN:
        raise NotJson("not-a-resource")
    return name


def documents(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(line number, octets) of each document of a stream: one a line where the first line is a whole document, else the stream at once.

    A document longer than `LARGEST` comes cut to one octet more than that.
    """
    number = 0
    first = b""
    while not first.strip(BLANK):
        first = stream.readline(LARGEST + 1)
        if not first:
            return
        number += 1
    if not one_a_line(first):
        yield number, first + _rest(stream, LARGEST + 1 - len(first))
        while stream.read(1 << 20):  # to the end, so that whoever counts or hashes the octets has them all
            pass
        return
    line = first
    while line:
        if line.strip():
            yield number, line
        while line and not line.endswith(b"\n") and len(line) > LARGEST:
            line = stream.readline(LARGEST + 1)
        line = stream.readline(LARGEST + 1)
        number += 1


def _rest(stream: BinaryIO, most: int) -> bytes:
    """What is left, up to so many octets; a pipe gives fewer at a time than asked for."""
    pieces = []
    while most > 0 and (piece := stream.read(min(most, 1 << 20))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def one_a_line(first: bytes) -> bool:
    """Whether the first line that is not blank is a document by itself; if it cannot be told, whether it ends as one."""
    try:
        decoded(first)
    except NotJson as why:
        return str(why) != "json" or first.rstrip().endswith(b"}")
    return True
