"""Which characters the octets of a text file stand for: found from the octets of the whole file, never from its first lines alone.

Decides among UTF-8, UTF-16, Windows-1252, ISO-8859-15 and the two code pages of French DOS. A byte-order mark decides; else UTF-8 where all or
nearly all octets agree; else what stands between letters, in French, tells. It is a guess where no mark is, and is said as one: whoever knows
better writes it in `tables.toml`. Octets that the encoding does not know are kept apart, so that their rows can be told as unread.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import BinaryIO, Final, NamedTuple

__all__ = ["KNOWN", "Encoding", "find_encoding", "octets_of", "opened_as"]

BLOCK: Final = 1 << 20
LETTERS: Final = 8 << 20
"""Octets whose letters are looked at, from the first that is no UTF-8 on: more of them tell nothing more."""

KNOWN: Final[dict[str, str]] = {
    "utf-8": "utf-8", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "windows-1252": "cp1252", "iso-8859-1": "iso8859-1",
    "iso-8859-15": "iso8859-15", "cp850": "cp850", "cp437": "cp437", "macroman": "mac-roman", "ascii": "ascii",
}  # fmt: skip
"""The encodings that can be named, and Python's codec of each."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (b"\xff\xfe\x00\x00", ""), (b"\x00\x00\xfe\xff", ""), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""Byte-order marks (Unicode 15.0, 2.13); UTF-32's comes before UTF-16's, which it begins with, and is not read."""

_SINGLE: Final = ("windows-1252", "iso-8859-15", "cp850", "macroman")
_FRENCH: Final = frozenset("éèêëàâäîïôöùûüçœæÿÉÈÊËÀÂÄÎÏÔÖÙÛÜÇŒÆ")
_RUN: Final = re.compile(rb"[A-Za-z]?[\x80-\xff][A-Za-z\x80-\xff]*")
_SIGNS: Final = frozenset("°µ€«»’‘“”–…§²³±×·½")


class Encoding(NamedTuple):
    """`name`: a key of `KNOWN`; "" where none fits (UTF-32, or octets of no text). `why`: "mark", "ascii", "octets", "pattern", "letters", "said"."""

    name: str
    why: str


def find_encoding(stream: BinaryIO) -> Encoding:
    """The encoding of everything in this stream, which is read to its end."""
    first = stream.read(BLOCK)
    for mark, name in _MARKS:
        if first.startswith(mark):
            return Encoding(name, "mark")
    wide = _wide(first)
    if wide:
        return Encoding(wide, "pattern")
    return _narrow(stream, first)


def _wide(block: bytes) -> str:
    """UTF-16 without a mark: in a text of our alphabet, every other octet is zero."""
    size = len(block) // 2
    if size == 0:
        return ""
    even, odd = block[0 : 2 * size : 2].count(0), block[1 : 2 * size : 2].count(0)
    if odd * 10 >= size * 4 and even * 20 <= size:
        return "utf-16-le"
    if even * 10 >= size * 4 and odd * 20 <= size:
        return "utf-16-be"
    return ""


def _narrow(stream: BinaryIO, block: bytes) -> Encoding:
    """UTF-8 if it can be; else the single-octet encoding whose letters and signs are the likeliest."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = looked_at = 0
    words: Counter[bytes] = Counter()
    plain = True
    while block:
        text = decoder.decode(block, final=False)
        if not text.isascii():
            plain = False
            known = len(text.encode("utf-8", "ignore").decode("utf-8"))
            wrong = len(text) - known
            bad, good = bad + wrong, good + known - len(text.encode("ascii", "ignore"))
            if wrong and looked_at < LETTERS:
                looked_at += len(block)
                words.update(_RUN.findall(block))
        block = stream.read(BLOCK)
    bad += len(decoder.decode(b"", final=True))
    if plain and not bad:
        return Encoding("utf-8", "ascii")
    if bad == 0 or good > 20 * bad:
        return Encoding("utf-8", "octets")
    scores = {name: sum(_likely(run, name) * times for run, times in words.items()) for name in _SINGLE}
    return Encoding(max(_SINGLE, key=lambda name: scores[name]), "letters")


def _likely(run: bytes, name: str) -> int:
    """How much this run of letters and high octets looks like French in that encoding."""
    text = run.decode(KNOWN[name], "replace")
    score = 0
    for place, char in enumerate(text):
        if char <= "\x7f":
            continue
        inside = (place > 0 and text[place - 1].isalpha()) or (
            place + 1 < len(text) and text[place + 1].isalpha()
        )
        if char in _FRENCH:
            score += 4 if inside and _cased(text, place) else 1
        elif char in _SIGNS:
            score += 1
        elif char.isalpha():
            score -= 1
        else:
            score -= 4 if inside else 2
    return score


def _cased(text: str, place: int) -> bool:
    """A capital within small letters is none of French: it is a small one misread."""
    char, before = text[place], text[place - 1] if place else ""
    return not (char.isupper() and before.islower())


def opened_as(name: str) -> tuple[str, str]:
    """Python's codec of an encoding, and how it keeps the octets it does not know: for `open(..., encoding=, errors=)`."""
    return KNOWN[name], KEEPING


def octets_of(text: str, name: str) -> bytes:
    """The very octets that were read as this text."""
    codec = KNOWN[name]
    if text.isascii():
        return text.encode(codec)
    parts = _LONE.split(text)  # text and octets in turn
    return b"".join(
        bytes(ord(char) - _KEPT for char in part) if place % 2 else part.encode(codec)
        for place, part in enumerate(parts)
    )


_KEPT: Final = 0xDC00
_LONE: Final = re.compile("([\udc00-\udcff]+)")


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """Each octet of no character as one lone surrogate (U+DC00 and the octet), as Python's `surrogateescape` does, but in UTF-16 too."""
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(_KEPT + octet) for octet in error.object[error.start : error.end]), error.end
    raise error


KEEPING: Final = "ecluse-octets-kept"
codecs.register_error(KEEPING, _keep)
