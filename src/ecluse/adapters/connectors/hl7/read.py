"""HL7 v2 files read: every message as records of the vocabulary, and every line of the file under one fate.

Decides what makes a message unreadable as a whole (cut, of another version, without a patient, in a character set that cannot be read, sent twice),
and checks the counts of batch trailers. What a readable message says is `walk`'s.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import IGNORED, UNKNOWN, Fact, Seen, Unread
from ecluse.adapters.connectors.hl7.charsets import ASSUMED, declared, decoded
from ecluse.adapters.connectors.hl7.delimiters import Delimiters, Unreadable
from ecluse.adapters.connectors.hl7.frames import Piece, counted, pieces
from ecluse.adapters.connectors.hl7.layout import INSTANCE
from ecluse.adapters.connectors.hl7.parts import Manner
from ecluse.adapters.connectors.hl7.people import fields_at
from ecluse.adapters.connectors.hl7.told import Segment, Told, named
from ecluse.adapters.connectors.hl7.walk import READ, Walk

__all__ = ["REMEMBERED", "VERSIONS", "File", "Opened", "opened", "read"]

VERSIONS: Final = re.compile(r"2\.(?:[1-6]|3\.1|5\.1|7|7\.1|8|8\.1|8\.2)\Z")
REMEMBERED: Final = 1000
"""A message that came among the last so many, octet for octet and with the same control id, is one that was sent again."""
_BATCH: Final = {"FHS": "FTS", "BHS": "BTS"}
_BROKEN: Final = frozenset({"OBX", "NTE"})
"""Segments whose text is met broken over lines that are not escaped."""
_NEEDED: Final = {"OBX": 11, "OBR": 4, "PID": 3, "SPM": 4, "ORC": 1}
"""The last required field of a segment (2.5.1): one that ends before it, at the end of a file, was cut."""


def read(stream: BinaryIO, *, name: str, manner: Manner) -> Iterator[Fact | Unread | Seen]:
    """Everything in a file; see `files.format.Format.read`."""
    file = File(name, manner)
    for piece in pieces(stream):
        yield from file.piece(piece)
    yield from file.end()


class File:
    """One file being read: what it counts, and what it remembers."""

    def __init__(self, name: str, manner: Manner) -> None:
        self._name, self._manner = name, manner
        self._fates: Counter[tuple[str, str]] = Counter()
        self._number = 0
        self._lately: OrderedDict[bytes, None] = OrderedDict()
        self._open: dict[str, tuple[Piece, int]] = {}

    def piece(self, piece: Piece) -> Iterator[Fact | Unread]:
        """What one piece tells, its fates kept for the end."""
        lines = piece.lines if piece.lines >= 0 else counted(piece.octets)
        if not piece.whole:
            yield Unread(self._name, "too-long", piece.raw, {"line": lines} if lines else {})
        elif piece.what == "MSH":
            self._number += 1
            self._within("BHS")
            yield from self._message(piece, f"{self._name}:{self._number}")
        elif piece.what and lines:
            yield from self._envelope(piece, lines)
        elif lines:
            yield Unread(self._name, "not-hl7", piece.raw, {"line": lines})

    def end(self) -> Iterator[Unread | Seen]:
        """What is known only when all has been read: batches that no trailer ended, and the counts."""
        for what in ("FHS", "BHS"):
            yield from self._unended(what)
        for (unit, fate), times in self._fates.items():
            yield Seen(unit, fate, times)

    # --- batches ----------------------------------------------------------------------------------------------------------------------

    def _envelope(self, piece: Piece, lines: int) -> Iterator[Unread]:
        if lines > 1:
            head, _, rest = _first_line(piece.octets)
            yield Unread(self._name, "not-hl7", piece._replace(octets=rest).raw, {"line": lines - 1})
            piece = piece._replace(octets=head)
        if piece.what in _BATCH:
            yield from self._unended(piece.what)
            self._within("FHS") if piece.what == "BHS" else None
            self._open[piece.what] = (piece, 0)
            return
        begun = self._open.pop("BHS" if piece.what == "BTS" else "FHS", None)
        if begun:
            self._fates[begun[0].what, IGNORED] += 1
        said = _count_of(piece)
        if begun is None or (said is not None and said != begun[1]):
            reason = "no-header" if begun is None else "wrong-count"
            yield Unread(self._name, reason, piece.raw, {piece.what: 1})
        else:
            self._fates[piece.what, IGNORED] += 1

    def _within(self, what: str) -> None:
        """One more message in a batch, or batch in a file."""
        if what in self._open:
            piece, many = self._open[what]
            self._open[what] = (piece, many + 1)

    def _unended(self, what: str) -> Iterator[Unread]:
        if what in self._open:
            yield Unread(self._name, "no-trailer", self._open.pop(what)[0].raw, {what: 1})

    # --- messages ---------------------------------------------------------------------------------------------------------------------

    def _message(self, piece: Piece, place: str) -> Iterator[Fact | Unread]:
        try:
            opened_ = opened(piece, last=not piece.closed)
        except Unreadable as why:
            yield Unread(place, why.args[0], piece.raw, _units(piece))
            return
        reason = self._again(opened_, piece)
        told = Told(place, opened_.d)
        try:
            if reason:
                raise Unreadable(reason)
            self._told(opened_, told)
        except Unreadable as why:
            yield Unread(place, why.args[0], piece.raw, opened_.units)
            return
        if opened_.codec == ASSUMED:  # counted as such: a person may know better
            told.fates["MSH", IGNORED] -= 1
            told.fates[f"MSH ({ASSUMED} assumed)", IGNORED] += 1
        self._fates.update(+told.fates)
        yield from told.facts()
        yield from told.unread

    def _again(self, message: Opened, piece: Piece) -> str | None:
        if not message.control:
            return None
        key = blake2b(piece.octets.strip(b"\r\n\x0b\x1c"), digest_size=16).digest()
        if key in self._lately:
            return "repeated"
        self._lately[key] = None
        if len(self._lately) > REMEMBERED:
            self._lately.popitem(last=False)
        return None

    def _told(self, message: Opened, told: Told) -> None:
        tell(message, told, self._manner)


def tell(message: Opened, told: Told, manner: Manner) -> None:
    """What a message says, in `told`. Raises Unreadable."""
    kind, event = message.kind, message.event
    if kind not in READ and (kind, event) != ("MFN", "M02"):
        for segment in message.segments:
            fate = IGNORED if segment.name == "MSH" or kind in ("ACK", "NAK") else UNKNOWN
            told.count(segment, fate)
        return
    walk = Walk(told, manner, kind=kind, event=event, ours=message.ours, site=message.site)
    whole = []
    for segment in message.segments:
        if segment.name == "line":
            told.refuse(segment, "not-a-segment")
        else:
            whole.append(segment)
    walk.run(whole)


class Opened:
    """A message taken apart as far as its segments, with what its MSH says."""

    def __init__(self, segments: list[Segment], d: Delimiters, codec: str) -> None:
        self.segments, self.d, self.codec = segments, d, codec
        header = ["MSH", *segments[0].fields]  # MSH-1 is the delimiter itself
        kinds = fields_at(header, 9)
        self.kind = d.part(kinds, 1) or ""
        self.event = d.part(kinds, 2) or (d.part(kinds, 3) or "").rpartition("_")[2]
        self.control = d.part(fields_at(header, 10), 1) or ""
        self.version = d.part(fields_at(header, 12), 1) or ""
        sender = fields_at(header, 4)
        self.site = d.part(sender, 1) or d.part(sender, 2)
        self.ours = d.part(fields_at(header, 3), 1) == INSTANCE

    @property
    def units(self) -> dict[str, int]:
        """Its lines, by segment."""
        found: Counter[str] = Counter()
        for segment in self.segments:
            found.update(segment.units)
        return dict(found)


def opened(piece: Piece, *, last: bool = False) -> Opened:
    """A message as far as its segments. Raises Unreadable: "encoding", "delimiters", "version", "cut"."""
    octets = piece.octets
    header = _first_line(octets)[0]
    if header.startswith(b"\xef\xbb\xbf"):
        header, octets = header[3:], octets[3:]
    text, codec = decoded(octets, ["UTF-8"] if piece.codec else declared(header))
    if piece.codec and "\ufffd" in text:
        raise Unreadable("encoding")
    for end in ("\n", "\x0b", "\x1c"):
        if end in text:
            text = text.replace(end, "\r")
    lines = [line for line in text.split("\r") if line]
    d = Delimiters.of(lines[0], codec=codec)
    message = Opened(_segments(lines, d), d, codec)
    if not VERSIONS.match(message.version):
        raise Unreadable("version")
    if last and _cut(piece, message):
        raise Unreadable("cut")
    return message


def _segments(lines: list[str], d: Delimiters) -> list[Segment]:
    """Lines that are no segment belong to the text before them, where a text may be long; elsewhere they stand alone."""
    found: list[Segment] = []
    separator = d.field
    for number, line in enumerate(lines, start=1):
        name = named(line, separator)
        if name == "line" and found and found[-1].name in _BROKEN:
            before = found[-1]
            text = f"{before.text}\n{line}"
            found[-1] = Segment(before.name, text.split(separator), text, before.number, before.lines + 1)
        else:
            found.append(Segment(name, line.split(separator), line, number))
    return found


def _cut(piece: Piece, message: Opened) -> bool:
    """Whether a message whose last line has no end was cut: in a frame always; else where that line ends before its last required field."""
    last = message.segments[-1]
    if piece.framed or last.name == "line" or (last.lines > 1 and len(last.text.rpartition("\n")[2]) < 4):
        return True
    return len(last.fields) <= _NEEDED.get(last.name, 0) or (last.name == "MSH" and len(last.fields) < 11)


def _first_line(octets: bytes) -> tuple[bytes, bytes, bytes]:
    ended = re.search(rb"[\r\n\x0b\x1c]", octets)
    return (octets, b"", b"") if ended is None else (octets[: ended.start()], ended[0], octets[ended.end() :])


def _units(piece: Piece) -> dict[str, int]:
    """The lines of a message that could not be opened, by the names that its octets show."""
    separator = piece.octets.removeprefix(b"\xef\xbb\xbf")[3:4].decode("latin-1")
    found: Counter[str] = Counter()
    for line in re.split(r"[\r\n\x0b\x1c]+", piece.octets.removeprefix(b"\xef\xbb\xbf").decode("latin-1")):
        if line:
            found[named(line, separator)] += 1
    return dict(found)


def _count_of(piece: Piece) -> int | None:
    """BTS-1 or FTS-1, or None where it does not say."""
    line = _first_line(piece.octets.removeprefix(b"\xef\xbb\xbf"))[0].decode("latin-1")
    said = line[4:].split(line[3:4] or "|", 1)[0]
    return int(said) if said.isascii() and said.isdigit() else None
