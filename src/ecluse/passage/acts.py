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
    "DUMP_STATED",
    "INSTRUCTION_REVOKED",
    "INSTRUCTION_SIGNED",
    "KEY_DESTROYED",
    "KEY_RESURRECTED",
    "RECIPIENT_CERTIFIED",
    "RECIPIENT_COMPARED",
    "RECONCILIATION_SIGNED",
    "SAMPLE_COMPARED",
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
KEY_DESTROYED: Final = "key.destroyed"
KEY_RESURRECTED: Final = "key.resurrected"
CUSTODY_ERASED: Final = "custody.erased"
