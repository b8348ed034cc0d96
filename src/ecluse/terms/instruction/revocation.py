"""The revocation of an instruction (« révocation »): a signed document that ends it, whatever remains of its runs and its time.

Decides what the document says. Who may sign it is the permission `revoke`; what follows (erasure) is the passage's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ecluse.base.words import say
from ecluse.terms.document import DIGEST, digest_of, read
from ecluse.terms.instruction.naming import LEAST_REASON
from ecluse.terms.writing import comment, entry

__all__ = ["Revocation", "draft_revocation", "parse_revocation"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Which instruction ends (by digest), why, and at what instant. `digest` is that of this document's own bytes."""

    instruction: str
    reason: str
    at: datetime
    digest: str = field(default="", compare=False)


def draft_revocation(revocation: Revocation, *, language: str) -> str:
    """The text of a revocation, to be signed."""
    lines = comment(say("instruction.revocation_head", language))
    lines += [
        "",
        *entry("instruction", revocation.instruction),
        *entry("reason", revocation.reason),
        *entry("at", revocation.at),
    ]
    return "\n".join(lines) + "\n"


def parse_revocation(payload: bytes) -> Revocation:
    """The revocation written in verified bytes. Raises Refusal `document/...`."""
    table = read(payload, where="revocation")
    revocation = Revocation(
        table.shaped("instruction", DIGEST),
        table.text("reason", least=LEAST_REASON),
        table.instant("at"),
        digest_of(payload),
    )
    table.end()
    return revocation
