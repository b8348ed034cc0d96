"""Lines of octets from pieces of them: CR, LF or CRLF, in memory that no line without an end can fill.

Decides nothing else: what a line says, and in which code page, is its reader's.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final

__all__ = ["lines_of"]

_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n])")


def lines_of(pieces: Iterable[bytes], *, longest: int) -> Iterator[bytes]:
    """The lines, each with its end. One that is longer than `longest` octets comes in pieces."""
    held: list[bytes] = []
    size = 0
    waiting = False
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if waiting or b"\r" in piece or b"\n" in piece:
            rest = yield from _cut(b"".join(held), last=False)
            held, size, waiting = [rest] if rest else [], len(rest), rest.endswith(b"\r")
        elif size > longest:
            yield b"".join(held)
            held, size = [], 0
    rest = yield from _cut(b"".join(held), last=True)
    if rest:
        yield rest


def _cut(octets: bytes, *, last: bool) -> Generator[bytes, None, bytes]:
    """The whole lines, then what is left. A CR at the very end waits: its LF may be on its way."""
    place = 0
    for match in _LINE.finditer(octets):
        if match.end() == len(octets) and match[0].endswith(b"\r") and not last:
            break
        yield match[0]
        place = match.end()
    return octets[place:]
