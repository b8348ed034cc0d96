"""From a stream to messages: lines, where a message begins and ends, and the octets that must not be kept.

Decides three things. Lines end by CR, LF or CRLF, control characters before one are nobody's (HPRIM Santé 2.4, 5.1), and blank ones are no
unit. A message goes from a header to its L; what stands outside is told apart. And the password of a header (H.3) is taken out here, before
anything else sees the octets: wherever a line looks like a header, whole or broken, and where it goes on in addenda.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from ecluse.adapters.connectors.hprim.lines import lines_of

__all__ = ["BOM", "LARGEST", "Message", "Outside", "blanked", "messages", "names", "stripped"]

BOM: Final = b"\xef\xbb\xbf"
LARGEST: Final = 128 << 20
"""A message holds at most this many octets: more is set aside in pieces of this size, never gathered."""

_CONTROLS: Final = bytes(range(0x20))
_CHUNK: Final = 1 << 16
_SIGN: Final = rb"[!-/:-@\[-`{-~]"
_HEADER: Final = re.compile(rb"H" + _SIGN + rb"{5}")
_BEGUN: Final = re.compile(rb"H(?:" + _SIGN + rb"|$)")
_PASSWORD: Final = 3
_LETTERS: Final = re.compile(rb"[A-Za-z0-9]*")
_NAMES: Final = {
    name.encode(): name
    for name in ("H", "P", "OBR", "OBX", "C", "A", "L", "FAC", "ACT", "REG", "AP", "AC", "ERR")
}


@dataclass(slots=True)
class Message:
    """One message: its lines as they came, the password out, first the header. `whole`: it ended by L. `number`: 1-based in its file."""

    number: int
    lines: list[bytes] = field(default_factory=list)
    whole: bool = False
    large: bool = False


@dataclass(slots=True)
class Outside:
    """Lines that stand in no message, the password out."""

    lines: list[bytes] = field(default_factory=list)


def messages(stream: BinaryIO) -> Iterator[Message | Outside]:
    """The messages of a file in order, with what stands between them. Memory is that of one, and never more than about `LARGEST`."""
    pieces = iter(lambda: stream.read(_CHUNK), b"")
    number, size = 0, 0
    current: Message | Outside = Outside()
    for line in _first_without_mark(lines_of(pieces, longest=LARGEST)):
        text = stripped(line)
        within = isinstance(current, Message) and not current.large
        if (_HEADER if within else _BEGUN).match(text):
            yield from _given(current)
            number, size = number + 1, 0
            current = Message(number)
        elif size > (LARGEST if within else LARGEST >> 6):
            yield from _given(current)
            current, size = Message(number, large=True) if isinstance(current, Message) else Outside(), 0
        current.lines.append(line)
        size += len(line)
        if isinstance(current, Message) and _ends(text, current):
            current.whole = True
            yield from _given(current)
            current, size = Outside(), 0
    yield from _given(current)


def stripped(line: bytes) -> bytes:
    """A line without its end, nor the control characters before it; empty if it is blank."""
    return line.rstrip(b"\r\n").lstrip(_CONTROLS)


def names(lines: Iterable[bytes]) -> Iterator[str]:
    """The unit that each line is; a line that begins as no segment is `other`, whatever it says. Blank lines are none."""
    for line in lines:
        if text := stripped(line):
            yield _NAMES.get(_LETTERS.match(text[:4])[0], "other")  # type: ignore[index]


def _given(current: Message | Outside) -> Iterator[Message | Outside]:
    if any(stripped(line) for line in current.lines):
        current.lines = blanked(current.lines)
        yield current


def _ends(text: bytes, message: Message) -> bool:
    return text[:1] == b"L" and text[1:2] in (b"", stripped(message.lines[0])[1:2])


def _first_without_mark(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The mark of UTF-8 at the head of a file is no part of its first line."""
    for line in lines:
        yield line.removeprefix(BOM)
        break
    yield from lines


# --- what must not be kept --------------------------------------------------------------------------------------------------------------


def blanked(lines: Iterable[bytes]) -> list[bytes]:
    """The lines with no password: the field H.3 of every header, and of every line that looks like one."""
    kept: list[bytes] = []
    header: _Password | None = None
    for line in lines:
        text = stripped(line)
        if header is None or text[:2] != b"A" + header.sign:
            start = _header_in(line, text) if b"H" in line else None
            header = None if start is None else _Password(line[start : start + 6])
            place = -1 if start is None else start
        else:
            place = line.index(b"A")
        kept.append(line if header is None else header.taken_out(line, place))
    return kept


def _header_in(line: bytes, text: bytes) -> int | None:
    """Where in a line a header begins: at its head, or anywhere in a line that is no segment."""
    if _BEGUN.match(text):
        return line.index(b"H")
    if next(names([line]), "H") not in ("H", "other"):
        return None
    for match in _HEADER.finditer(line):
        if len(set(match[0][1:])) == 5:
            return match.start()
    # In UTF-16, which no HPRIM message is written in, there is an octet between any two.
    return line.index(b"H") if b"\0" in line and _HEADER.search(line.replace(b"\0", b"")) else None


class _Password:
    """The walk through a header's fields, over its addenda, that leaves the password behind."""

    __slots__ = ("_certain", "_field", "sign")

    def __init__(self, beginning: bytes) -> None:
        self.sign = beginning[1:2]
        # Where five different marks are not declared, fields may stand anywhere: nothing is kept from the password's place on.
        self._certain = len(set(beginning[1:])) == 5
        self._field = 1

    def taken_out(self, line: bytes, start: int) -> bytes:
        """This line without what stands in the password's field. `start`: where its H or A stands."""
        body = line[start + 2 :].rstrip(b"\r\n")
        end = line[start + 2 + len(body) :]
        pieces = body.split(self.sign) if self.sign else [body]
        first = self._field
        self._field += len(pieces) - 1
        for place in range(max(_PASSWORD - first, 0), len(pieces)):
            if first + place == _PASSWORD or not self._certain:
                pieces[place] = b""
        return line[: start + 2] + self.sign.join(pieces) + end
