"""A message's segments: its header understood, its text decoded, addenda joined to what they prolong.

Decides whether a message can be read at all: five different marks (HPRIM Santé 2.4, 7.2), an L at its end with no more segments or patients in
its counts than there are (14.4, 14.5), a processing mode that is production (7.12), and octets that are text. Otherwise it is set aside whole:
a file that did not arrive whole must not be used (6.4). What segments say is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ecluse.adapters.connectors.hprim.marks import Marks, marks_of
from ecluse.adapters.connectors.hprim.octets import Message, stripped

__all__ = ["EXACT", "Header", "Segment", "Unusable", "at", "header_of", "segments_of"]

EXACT: Final = "ECLUSE 8859-1"
"""What H.8 (characteristics of the transmission, free) says where we wrote the message: an empty field was not said, and means no default."""

_ORDERS: Final = frozenset(["ORM", "ORA"])
_CODE_PAGES: Final = (
    ("utf-8", re.compile(r"utf-?8")), ("iso8859-15", re.compile(r"8859-?15|latin-?9")), ("latin-1", re.compile(r"8859-?1|latin-?1|ascii")),
    ("cp1252", re.compile(r"1252|ansi")), ("cp850", re.compile(r"850")), ("cp437", re.compile(r"437")), ("mac-roman", re.compile(r"mac")),
)  # fmt: skip
_HIGH_CONTROLS: Final = re.compile(rb"[\x80-\x9f]")


class Unusable(Exception):
    """A message that must not be used; `args[0]` is the reason, a word. Neither a refusal nor a fault: the reader makes an Unread of it."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of how to read the rest. `exact`: written by Écluse, so that nothing stands for a default."""

    marks: Marks
    context: str
    codec: str
    exact: bool

    @property
    def orders(self) -> bool:
        """Whether the message asks for analyses, rather than tells of them."""
        return self.context in _ORDERS


class Segment(NamedTuple):
    """One segment with its addenda. `fields[0]` is its name; `first` and `last`: its lines in the message, 0-based, the last one not included.

    `rank`: which line of the message it begins at, 1-based. `lines`: how many lines it is.
    """

    name: str
    fields: list[str]
    first: int
    last: int
    lines: int

    @property
    def rank(self) -> int:
        """The line it begins at, 1-based."""
        return self.first + 1


def at(fields: Sequence[str], place: int) -> str:
    """The raw text of a field; "" where the segment ends before it."""
    return fields[place] if place < len(fields) else ""


# --- the header -------------------------------------------------------------------------------------------------------------------------


def header_of(message: Message) -> Header:
    """How to read this message. Raises `Unusable`: "separators", "not-production", "too-long"."""
    if message.large:
        raise Unusable("too-long")
    first = stripped(message.lines[0]).decode("latin-1")
    marks = marks_of(first[1:6])
    if marks is None or first[6:7] not in ("", marks.field):
        raise Unusable("separators")
    fields = ["H", "", *_joined(first, message, marks)[7:].split(marks.field)]
    mode = at(fields, 11).strip().upper()
    if mode not in ("", "P"):
        raise Unusable("not-production")
    said = at(fields, 8)
    context = marks.parts(at(fields, 6))[0] or ""
    return Header(marks, context.strip().upper(), _code_page(said, message), exact=said == EXACT)


def _joined(first: str, message: Message, marks: Marks) -> str:
    joined = first
    beginning = f"A{marks.field}"
    for line in message.lines[1:]:
        text = stripped(line).decode("latin-1")
        if not text.startswith(beginning):
            break
        joined += text[2:]
    return joined


def _code_page(said: str, message: Message) -> str:
    """The code page declared; or the one of the recommendation, unless the octets show that another was used."""
    for codec, sign in _CODE_PAGES:
        if sign.search(said.lower()):
            return codec
    octets = b"".join(message.lines)
    if octets.isascii():
        return "latin-1"
    for codec in ("utf-8", "cp1252") if _HIGH_CONTROLS.search(octets) else ():
        try:
            octets.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    return "latin-1"


# --- the segments -----------------------------------------------------------------------------------------------------------------------


def segments_of(message: Message, header: Header) -> list[Segment]:
    """The segments after the header, addenda joined. Raises `Unusable`: "encoding", "cut", "count"."""
    try:
        texts = b"\n".join(stripped(line) for line in message.lines).decode(header.codec).split("\n")
    except UnicodeDecodeError:
        raise Unusable("encoding") from None
    if not message.whole:
        raise Unusable("cut")
    found = list(_segments(texts, header.marks.field))
    _check_counts(found)
    return found


def _segments(texts: Sequence[str], sign: str) -> Iterator[Segment]:
    beginning = f"A{sign}"
    first, lines, held = 0, 0, ""
    for number, text in enumerate(texts):
        if not text:
            continue
        if lines and text.startswith(beginning):
            held += text[2:]
            lines += 1
            continue
        if lines:
            yield _segment(held, sign, first, number, lines)
        first, lines, held = number, 1, text
    yield _segment(held, sign, first, len(texts), lines)


def _segment(text: str, sign: str, first: int, last: int, lines: int) -> Segment:
    fields = text.split(sign)
    return Segment(fields[0].rstrip(), fields, first, last, lines)


def _check_counts(found: Sequence[Segment]) -> None:
    """Raises `Unusable` "count" where L says that there was more than there is. Less is what some writers count otherwise."""
    end = found[-1].fields
    patients = sum(segment.name == "P" for segment in found)
    lines = sum(segment.lines for segment in found)
    for said, there in ((at(end, 3), patients), (at(end, 4), lines)):
        if said.isdecimal() and len(said) < 12 and int(said) > there:
            raise Unusable("count")
