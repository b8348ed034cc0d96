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

__all__ = [
    "Answer",
    "Broken",
    "Frames",
    "acknowledged",
    "acknowledgements",
    "control_of",
    "framed",
    "identified",
    "receipt",
]

_VT: Final = b"\x0b"
_END: Final = b"\x1c\r"
_ERRORS: Final = {
    "version": ("AR", "203^Unsupported version id^HL70357"), "encoding": ("AR", "102^Data type error^HL70357"),
    "delimiters": ("AR", "100^Segment sequence error^HL70357"), "not-hl7": ("AR", "100^Segment sequence error^HL70357"),
    "not-kept": ("AE", "207^Application internal error^HL70357"),
}  # fmt: skip
"""Reason to MSA-1 and ERR-3 (table 0357). AR: never to be sent again as it is; AE: try later."""
_ENHANCED: Final = {"AA": "CA", "AE": "CE", "AR": "CR"}
_ASKED_WELL: Final = ("AL", "SU")
_ASKED_ILL: Final = ("AL", "ER")
"""When an acknowledgement is asked for (table 0155): always, where it went well, where it did not. NE: never."""


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

    @property
    def held(self) -> int:
        """Octets of the part that is held."""
        return len(self._held)

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


def acknowledgements(
    message: bytes, found: Opened | None, answer: Answer, *, number: int, at: str
) -> list[bytes]:
    """The ACKs of a message, as many as its sender asked for (none to two). `number`: makes their MSH-10; `at`: their MSH-7, as HL7 writes it."""
    header = _header(message)
    return [
        _acknowledgement(header, code, found, answer, number=number, at=at)
        for code in _codes(header, answer.code)
    ]


def _codes(header: list[str], code: str) -> list[str]:
    """MSA-1 of each ACK. Original mode (MSH-15 and MSH-16 both empty): one, AA, AE or AR. Enhanced mode: first the accept acknowledgement where MSH-15
    asks for it, then the application's where MSH-16 does (HL7 v2.8.2, 2.9.2 and 2.9.3; table 0155).
    """
    accept, application = fields_at(header, 14), fields_at(header, 15)
    if not accept and not application:
        return [code]
    asked = _ASKED_WELL if code == "AA" else _ASKED_ILL
    return [said for when, said in ((accept, _ENHANCED[code]), (application, code)) if when in asked]


def _acknowledgement(
    header: list[str], code: str, found: Opened | None, answer: Answer, *, number: int, at: str
) -> bytes:
    separator, signs = header[0][3:4] or "|", fields_at(header, 1) or "^~\\&"
    event = found.event if found else ""
    kind = f"ACK{signs[:1]}{event}{signs[:1]}ACK" if event else "ACK"
    sender, place = fields_at(header, 4), fields_at(header, 5)
    lines = [
        separator.join(["MSH", signs, sender or INSTANCE, place, fields_at(header, 2), fields_at(header, 3), at, "", kind, f"{code}{number}",
                        fields_at(header, 10) or "P", fields_at(header, 11) or "2.5.1"]),
        separator.join(["MSA", code, fields_at(header, 9)]),
    ]  # fmt: skip
    if answer.code != "AA":
        reason = _ERRORS.get(answer.reason, _ERRORS["not-kept"])[1].replace("^", signs[:1])
        lines.append(separator.join(["ERR", "", "", reason, "E"]))
    return ("\r".join(lines) + "\r").encode("utf-8", "replace")


def control_of(message: bytes) -> str:
    """MSH-10 as it stands, "" where there is none."""
    return fields_at(_header(message), 9)


def identified(message: bytes) -> bytes:
    """What should tell a message from every other: who sends it (MSH-3, MSH-4), and its control id."""
    header = _header(message)
    return "\r".join(fields_at(header, place) for place in (2, 3, 9)).encode()


def _header(message: bytes) -> list[str]:
    line = message.partition(b"\r")[0].partition(b"\n")[0].decode("utf-8", "replace")
    return line.split(line[3:4]) if line.startswith("MSH") and line[3:4] else ["MSH"]


# --- the sender's side ------------------------------------------------------------------------------------------------------------------------


class Acknowledged(NamedTuple):
    """What an ACK says: of which message, its MSA-1, and the code of its reason (ERR-3, table 0357) where there is one: a code, never its text."""

    control: str
    code: str
    reason: str = ""


def acknowledged(octets: bytes) -> Acknowledged | None:
    """The MSA of an answer, or None where it has none."""
    text = octets.decode("utf-8", "replace").replace("\n", "\r")
    separator, component = text[3:4], text[4:5] or "^"
    said, reason = None, ""
    for line in text.split("\r"):
        fields = line.split(separator) if separator else []
        if said is None and fields and fields[0] == "MSA" and len(fields) > 2:
            said = Acknowledged(fields[2], fields[1])
        elif fields and fields[0] == "ERR" and len(fields) > 3 and not reason:
            reason = fields[3].partition(component)[0]
    return said._replace(reason=reason if reason in _REASONS else "") if said else None


_REASONS: Final = frozenset(
    str(code) for code in (100, 101, 102, 103, 104, 198, 199, 200, 201, 202, 203, 204, 205, 206, 207)
)
"""Table 0357. Anything else could be words about a patient."""
