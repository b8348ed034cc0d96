"""What two ends of an MLLP line say to one another: frames, and the acknowledgement of each message.

Decides where a message begins and ends on a line (HL7 MLLP release 1: VT, the message, FS, CR) and how a message is acknowledged (HL7 v2.8.2, 2.9: MSA,
and ERR with a reason that holds no value). It opens no connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from ecluse.adapters.connectors.hl7.delimiters import Unreadable
from ecluse.adapters.connectors.hl7.frames import LARGEST, Piece
from ecluse.adapters.connectors.hl7.layout import INSTANCE
from ecluse.adapters.connectors.hl7.people import fields_at
from ecluse.adapters.connectors.hl7.read import Opened, opened

__all__ = ["Answer", "Broken", "Frames", "acknowledged", "acknowledgement", "control_of", "framed", "receipt"]

_VT: Final = b"\x0b"
_END: Final = b"\x1c\r"
_ERRORS: Final = {
    "version": ("AR", "203^Unsupported version id^HL70357"), "encoding": ("AR", "102^Data type error^HL70357"),
    "delimiters": ("AR", "100^Segment sequence error^HL70357"), "not-hl7": ("AR", "100^Segment sequence error^HL70357"),
    "not-kept": ("AE", "207^Application internal error^HL70357"),
}  # fmt: skip
"""Reason to MSA-1 and ERR-3 (table 0357). AR: never to be sent again as it is; AE: try later."""
_ENHANCED: Final = {"AA": "CA", "AE": "CE", "AR": "CR"}


class Broken(Exception):
    """The octets on a line are no frames: the line is closed. Its only argument is a short word."""


class Frames:
    """Octets in, messages out: as many as are whole."""

    def __init__(self, *, largest: int = LARGEST) -> None:
        self._held = bytearray()
        self._largest = largest

    @property
    def begun(self) -> bool:
        """Whether a part of a frame is held."""
        return bool(self._held)

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that these octets end. Raises Broken "outside" for what stands in no frame, "too-long"."""
        searched = max(0, len(self._held) - 1)
        self._held += octets
        found = []
        while self._held:
            if self._held[:1] != _VT:
                raise Broken("outside")
            end = self._held.find(_END, searched)
            if end < 0:
                break
            found.append(bytes(self._held[1:end]))
            del self._held[: end + len(_END)]
            searched = 0
        if len(self._held) > self._largest:
            raise Broken("too-long")
        return found


def framed(message: bytes) -> bytes:
    """A message as it goes on the line."""
    return b"".join((_VT, message, _END))


# --- the receiver's side ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """How a message is answered: `code` AA, AE or AR, the `reason` where it is not AA."""

    code: str
    reason: str = ""


def receipt(message: bytes) -> tuple[Opened | None, Answer]:
    """A message looked at before it is kept: what its header says, and whether it can be accepted. What is in it is read later, by nobody here."""
    try:
        found = opened(Piece("MSH", message)) if message.startswith(b"MSH") else None
    except Unreadable as why:
        return None, Answer("AR", why.args[0])
    if found is None or not found.control:
        return None, Answer("AR", "not-hl7")
    return found, Answer("AA")


def acknowledgement(message: bytes, found: Opened | None, answer: Answer, *, number: int, at: str) -> bytes:
    """The ACK of a message: MSA-1 is CA, CE or CR where the sender asked for an accept
    acknowledgement (MSH-15 other than NE). `at`: MSH-7, as HL7 writes it.
    """
    header = _header(message)
    separator, signs = header[0][3:4] or "|", fields_at(header, 1) or "^~\\&"
    code = answer.code
    if fields_at(header, 14) not in ("", "NE"):
        code = _ENHANCED[code]
    event = found.event if found else ""
    kind = f"ACK{signs[:1]}{event}{signs[:1]}ACK" if event else "ACK"
    sender, place = fields_at(header, 4), fields_at(header, 5)
    lines = [
        separator.join(["MSH", signs, sender or INSTANCE, place, fields_at(header, 2), fields_at(header, 3), at, "", kind, f"A{number}",
                        fields_at(header, 10) or "P", fields_at(header, 11) or "2.5.1"]),
        separator.join(["MSA", code, fields_at(header, 9)]),
    ]  # fmt: skip
    if answer.code != "AA":
        lines.append(
            separator.join(
                [
                    "ERR",
                    "",
                    "",
                    _ERRORS.get(answer.reason, _ERRORS["not-kept"])[1].replace("^", signs[:1]),
                    "E",
                ]
            )
        )
    return ("\r".join(lines) + "\r").encode("utf-8", "replace")


def control_of(message: bytes) -> str:
    """MSH-10 as it stands, "" where there is none."""
    return fields_at(_header(message), 9)


def _header(message: bytes) -> list[str]:
    line = message.partition(b"\r")[0].partition(b"\n")[0].decode("utf-8", "replace")
    return line.split(line[3:4]) if line.startswith("MSH") and line[3:4] else ["MSH"]


# --- the sender's side ------------------------------------------------------------------------------------------------------------------------


class Acknowledged(NamedTuple):
    """What an ACK says: of which message, and its MSA-1."""

    control: str
    code: str


def acknowledged(octets: bytes) -> Acknowledged | None:
    """The MSA of an answer, or None where it has none."""
    text = octets.decode("utf-8", "replace").replace("\n", "\r")
    separator = text[3:4]
    for line in text.split("\r"):
        fields = line.split(separator) if separator else []
        if fields and fields[0] == "MSA" and len(fields) > 2:
            return Acknowledged(fields[2], fields[1])
    return None
