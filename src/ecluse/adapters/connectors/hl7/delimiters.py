"""The characters that hold an HL7 v2 message together, and what they mean inside a field: parts and escapes.

Decides how a field's text is taken apart and put together (HL7 v2.8.2, chapter 2, sections 2.5.4 and 2.7). A field is split only when one of its
parts is asked for: no object is made for what nobody reads. It does not know what a field means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["NOTHING", "OURS", "Delimiters", "Unreadable"]

NOTHING: Final = "\uffff"
"""Stands for a delimiter that the message does not declare: no text holds this non-character."""
_USUAL: Final = "^~\\&"
_HEX: Final = re.compile(r"[0-9A-Fa-f]+\Z")
_SPACES: Final = re.compile(r"\.(sp|sk)\s?\+?(\d{0,2})\s?\Z")
_LAID_OUT: Final = re.compile(r"\.(fi|nf|in\s?[+-]?\d*|ti\s?[+-]?\d*)\s?\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f]")


class Unreadable(ValueError):
    """The message cannot be read: the only argument is a reason of `Unread`, never a value."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    r"""The five delimiters of MSH-1 and MSH-2, and the codec in which the octets of `\X..\` are to be read."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    codec: str = "utf-8"

    @classmethod
    def of(cls, header: str, *, codec: str = "utf-8") -> Delimiters:
        r"""From the text of an MSH, FHS or BHS segment. Raises Unreadable `delimiters`.

        A delimiter that is written twice (`^~\\&`) counts once; what is not there at all is as usual. The fifth (`#`, 2.7) truncates, and no
        text of a laboratory is truncated on the way in.
        """
        field = header[3:4]
        if not field or field.isalnum() or field.isspace():
            raise Unreadable("delimiters")
        given = list(dict.fromkeys(header[4:].split(field, 1)[0]))
        if any(it.isalnum() or it.isspace() for it in given):
            raise Unreadable("delimiters")
        said = [*given[:4], *(usual for usual in _USUAL[len(given) :])]
        unique = [it if it != field and it not in said[:place] else NOTHING for place, it in enumerate(said)]
        component, repetition, escape, subcomponent = unique
        return cls(field, component, repetition, escape, subcomponent, codec)

    # --- taking apart -----------------------------------------------------------------------------------------------------------------

    def repetitions(self, value: str) -> list[str]:
        """The repetitions of a field that say something."""
        return [it for it in value.split(self.repetition) if it]

    def part(self, value: str, component: int) -> str | None:
        """The text of a component (1 is the first) of the field's first repetition; "" where it is emptied (`""`), None where it says nothing."""
        if self.repetition in value:
            value = value.split(self.repetition, 1)[0]
        return self.text(self.piece(value, component))

    def piece(self, value: str, component: int) -> str:
        """A component as it stands, of one repetition."""
        if self.component not in value:
            return value if component == 1 else ""
        pieces = value.split(self.component, component)
        return pieces[component - 1] if len(pieces) >= component else ""

    def sub(self, piece: str, subcomponent: int) -> str | None:
        """The text of a subcomponent of a component as it stands."""
        if self.subcomponent not in piece:
            return self.text(piece) if subcomponent == 1 else None
        pieces = piece.split(self.subcomponent)
        return self.text(pieces[subcomponent - 1]) if len(pieces) >= subcomponent else None

    def text(self, piece: str) -> str | None:
        """What a part says once its escapes are read. Raises Unreadable `escape` for a change of character set in the middle of a text."""
        if not piece:
            return None
        if piece == '""':
            return ""
        return self.unescaped(piece) if self.escape in piece else piece

    def unescaped(self, piece: str) -> str:
        r"""Escapes read: delimiters, `\X..\` octets, lines and spaces; highlighting (`\H\`, `\N\`) says nothing. A sequence that is not known
        (`\Z..\`, or a stray escape character) is left as it stands. Raises Unreadable `escape`.
        """
        pieces = piece.split(self.escape)
        if len(pieces) < 3:
            return piece
        told, place, last = [pieces[0]], 1, len(pieces) - 1
        while place < last:
            read = self._sequence(pieces[place])
            if read is None:
                told.append(self.escape + pieces[place])
                place += 1
            else:
                told.append(read + pieces[place + 1])
                place += 2
        if place == last:
            told.append(self.escape + pieces[last])
        return "".join(told)

    def _sequence(self, code: str) -> str | None:
        simple = {
            "F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape,
            "P": "#", "H": "", "N": "", ".br": "\n", ".ce": "\n",
        }.get(code)  # fmt: skip
        if simple is not None:
            return simple
        if code[:1] == "X" and _HEX.match(code, 1) and len(code) % 2:
            return self._octets(bytes.fromhex(code[1:]))
        if code[:1] in ("C", "M") and _HEX.match(code, 1):
            raise Unreadable("escape")
        if spaces := _SPACES.match(code):
            return ("\n" if spaces[1] == "sp" else " ") * int(spaces[2] or 1)
        return "" if _LAID_OUT.match(code) else None

    def _octets(self, octets: bytes) -> str:
        try:
            return octets.decode(self.codec)
        except UnicodeDecodeError:
            try:
                return octets.decode("windows-1252")
            except UnicodeDecodeError:
                raise Unreadable("escape") from None

    # --- putting together -------------------------------------------------------------------------------------------------------------

    def escaped(self, text: str) -> str:
        r"""The text as one part of a field: delimiters escaped, a new line as `\.br\`, other control characters as octets."""
        if text == '""':
            return f"{self.escape}X2222{self.escape}"
        esc = self.escape
        if esc in text:
            text = text.replace(esc, f"{esc}E{esc}")
        for sign, letter in (
            (self.field, "F"),
            (self.component, "S"),
            (self.subcomponent, "T"),
            (self.repetition, "R"),
        ):
            if sign in text:
                text = text.replace(sign, f"{esc}{letter}{esc}")
        if text.isprintable():
            return text
        return _CONTROL.sub(
            lambda it: f"{esc}.br{esc}" if it[0] == "\n" else f"{esc}X{ord(it[0]):02X}{esc}", text
        )


OURS: Final = Delimiters("|", "^", "~", "\\", "&")
"""What we write with."""
