"""The values of an INSERT, as a dump writes them: exact text, octets, or nothing.

Decides how each family of dumps quotes and escapes a value. A value of a form it does not know is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ecluse.adapters.connectors.sql.dump_text import Flavour
from ecluse.base.refusal import Refusal

__all__ = ["Octets", "Parsed", "rows_of"]

Parsed = bytes | None
"""The text of a value, as octets; `Octets` where the dump wrote octets; None for NULL."""


class Octets(bytes):
    """A value that the dump wrote as octets, not as text."""


_PLAIN_TEXT: Final = rb"'((?:[^']++|'')*+)'"
_ESCAPED_TEXT: Final = rb"'((?:[^'\\]++|\\.|'')*+)'"
_VALUE: Final = {
    flavour: re.compile(
        rb"\s*(?:(NULL)\b|([-+]?(?:\d[\d.]*|\.\d+)(?:[eE][-+]?\d+)?(?![\dx])|true\b|false\b)|" + prefix + text + rb"|0x([0-9A-Fa-f]+)|[xX]'([0-9A-Fa-f]*)')",
        re.DOTALL,
    )
    for flavour, prefix, text in (
        ("postgres", rb"", _PLAIN_TEXT), ("sqlite", rb"", _PLAIN_TEXT), ("mysql", rb"(?:_\w+\s*)?", _ESCAPED_TEXT),
    )
}  # fmt: skip
"""One value: 1 NULL, 2 a number or a truth, 3 a text, 4 and 5 octets."""
_CALL: Final = re.compile(rb"\s*(replace|char|unistr)\s*\(", re.IGNORECASE)
_OPENING: Final = re.compile(rb"\s*\(")
_FOLLOWING: Final = re.compile(rb"\s*(,|\Z)")
_SEPARATOR: Final = re.compile(rb"\s*([,)])")
_ESCAPES: Final = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"Z": b"\x1a"}


def rows_of(statement: bytes, start: int, *, flavour: Flavour, line: int) -> Iterator[Sequence[Parsed]]:
    """The rows of `VALUES (...), (...)`, from `start` on. Raises Refusal `source/dump-unreadable`."""
    place = start
    while True:
        opened = _OPENING.match(statement, place)
        if opened is None:
            raise Refusal("source/dump-unreadable", where=line, got="VALUES without a row")
        place = opened.end()
        row: list[Parsed] = []
        while True:
            parsed, place = _value(statement, place, flavour, line)
            row.append(parsed)
            separator = _SEPARATOR.match(statement, place)
            if separator is None:
                raise Refusal("source/dump-unreadable", where=line, got="a value of an unknown form")
            place = separator.end()
            if separator[1] == b")":
                break
        yield row
        following = _FOLLOWING.match(statement, place)
        if following is None:
            raise Refusal("source/dump-unreadable", where=line, got="an INSERT of an unknown form")
        if not following[1]:
            return
        place = following.end()


def _value(statement: bytes, place: int, flavour: Flavour, line: int) -> tuple[Parsed, int]:
    found = _VALUE[flavour].match(statement, place)
    if found is None:
        return _call(statement, place, flavour, line)
    form = found.lastindex or 0
    text = found[form]
    if form == 1:
        return None, found.end()
    if form == 2:
        return _number(text, flavour), found.end()
    if form == 3:
        return _text(text, flavour), found.end()
    return Octets(bytes.fromhex(text.decode("ascii"))), found.end()


def _number(text: bytes, flavour: Flavour) -> bytes:
    """As the system itself writes it; SQLite's dump writes twenty digits of a float, of which the shortest text is asked."""
    if flavour == "sqlite" and not text.lstrip(b"-+").isdigit():
        return repr(float(text)).encode("ascii")
    return text


def _text(text: bytes, flavour: Flavour) -> bytes:
    if flavour == "mysql" and b"\\" in text:
        return re.sub(
            rb"\\(.)|''",
            lambda found: _ESCAPES.get(found[1], found[1]) if found[1] else b"'",
            text,
            flags=re.DOTALL,
        )
    return text.replace(b"''", b"'") if b"'" in text else text


def _call(statement: bytes, place: int, flavour: Flavour, line: int) -> tuple[Parsed, int]:
    r"""sqlite3 writes line ends as replace('a\nb','\n',char(10)), and control characters as unistr('\u0001')."""
    call = _CALL.match(statement, place) if flavour == "sqlite" else None
    if call is None:
        raise Refusal("source/dump-unreadable", where=line, got="a value of an unknown form")
    place, arguments = call.end(), []
    while True:
        argument, place = _value(statement, place, flavour, line)
        arguments.append(argument or b"")
        separator = _SEPARATOR.match(statement, place)
        if separator is None:
            raise Refusal("source/dump-unreadable", where=line, got="a call of an unknown form")
        place = separator.end()
        if separator[1] == b")":
            break
    name = call[1].lower()
    if name == b"replace" and len(arguments) == 3:
        return arguments[0].replace(arguments[1], arguments[2]), place
    if name == b"char":
        return "".join(chr(int(code)) for code in arguments).encode(), place
    return _unistr(arguments[0]), place


def _unistr(text: bytes) -> bytes:
    r"""SQLite's unistr(): \\ is a backslash, \uXXXX and \XXXX a character (https://sqlite.org/lang_corefunc.html#unistr)."""

    def written(found: re.Match[bytes]) -> bytes:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)).encode() if code else b"\\"

    return re.sub(rb"\\(?:\\|u([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))", written, text)
