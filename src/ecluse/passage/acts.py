"""What the ledger's entries about documents and keys are called: one name for each act, for those who write it and those who judge it.

The acts of a migration stand in `migration.Act`. This module decides nothing.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGREEMENT_SIGNED",
    "ARCHIVE_MADE",
    "CODES_SIGNED",
    "CODE_MAP_SIGNED",
    "CUSTODY_ERASED",
    "CUSTODY_READ",
    "CUSTODY_RECEIVED",
    "CUSTODY_REFUSED",
    "DOOR_ENTERED",
    "DOOR_REFUSED",
    "DUMP_STATED",
    "GLASS_BROKEN",
    "GLASS_REVIEWED",
    "INSTRUCTION_REVOKED",
    "INSTRUCTION_SIGNED",
    "KEY_DESTROYED",
    "KEY_RESURRECTED",
    "LINE_SENT",
    "PLACES_ERASED",
    "RECIPIENT_CERTIFIED",
    "RECIPIENT_COMPARED",
    "RECONCILIATION_SIGNED",
    "REQUEST_CONFIRMED",
    "REQUEST_MADE",
    "REQUEST_REFUSED",
    "REQUEST_WITHDRAWN",
    "SAMPLE_COMPARED",
    "SITE_CARD",
    "TARGET_CHECKED",
]

AGREEMENT_SIGNED: Final = "agreement.signed"
CODES_SIGNED: Final = "codes.signed"
CODE_MAP_SIGNED: Final = "code-map.signed"
INSTRUCTION_SIGNED: Final = "instruction.signed"
INSTRUCTION_REVOKED: Final = "instruction.revoked"
RECIPIENT_CERTIFIED: Final = "recipient.certified"
RECIPIENT_COMPARED: Final = "recipient.compared"
RECONCILIATION_SIGNED: Final = "reconciliation.signed"
SAMPLE_COMPARED: Final = "sample.compared"
DUMP_STATED: Final = "dump.stated"
ARCHIVE_MADE: Final = "archive.made"
LINE_SENT: Final = "line.sent"
KEY_DESTROYED: Final = "key.destroyed"
KEY_RESURRECTED: Final = "key.resurrected"
CUSTODY_ERASED: Final = "custody.erased"
CUSTODY_RECEIVED: Final = "custody.received"
"""A file came whole. Body: file, sha256, size, door, from (a network address)."""
CUSTODY_REFUSED: Final = "custody.refused"
"""A file was refused. Body: code (of the refusal), size (octets come so far), door, from."""
CUSTODY_READ: Final = "custody.read"
"""A sealed file was opened to be read. Body: file, size, door, from."""
DOOR_ENTERED: Final = "door.entered"
"""An account came in; the subject is its id. Body: key (its fingerprint, or its certificate's serial), door, from."""
DOOR_REFUSED: Final = "door.refused"
"""An account known to the chamber was refused; the subject is its id. Body: door, from."""
GLASS_BROKEN: Final = "glass.broken"
"""A host looks into a chamber where they are not admitted; the subject is the break's id. Body: reason."""
GLASS_REVIEWED: Final = "glass.reviewed"
"""Somebody of the laboratory has seen what was done under it; the subject is the break's id."""
REQUEST_MADE: Final = "request.made"
"""Somebody asked for what takes two persons; the subject is the request's id. Body: what (a key of `requests.NEEDS`), and what it is about."""
REQUEST_CONFIRMED: Final = "request.confirmed"
REQUEST_REFUSED: Final = "request.refused"
REQUEST_WITHDRAWN: Final = "request.withdrawn"
PLACES_ERASED: Final = "places.erased"
SITE_CARD: Final = "site.card"
TARGET_CHECKED: Final = "target.checked"

EXCHANGE_ACTS: Final = ("account.", "custody.", "door.", "exchange.", "glass.", "machine.", "request.")
"""How the acts begin that an exchange notes by itself. It has no key but its ledger's: they are its word, and no rule of a passage rests on one."""
