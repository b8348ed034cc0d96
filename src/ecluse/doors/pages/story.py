"""What the report tells of one migration, gathered: the ledger's entries, the signed documents, and what follows from them.

Decides nothing that the ledger does not say: state and gate are the migration's own fold. It reads no file; a door gives it what it found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecluse.passage.account import Account
from ecluse.passage.acts import RECONCILIATION_SIGNED, SAMPLE_COMPARED
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act, Migration, fold
from ecluse.passage.reconcile import Check, KindReconciliation, Outcome, Reconciliation
from ecluse.terms.instruction import Instruction

__all__ = ["Story", "reconciliation_of"]


@dataclass(frozen=True, slots=True)
class Story:
    """One migration. `events`: the ledger's entries, all of them or its own; `certificate`: the signed one, read; `people`: names by pseudonym."""

    name: str
    events: tuple[Event, ...] = field(hash=False)
    instruction: Instruction | None = None
    reconciliation: Reconciliation | None = field(default=None, hash=False)
    certificate: Mapping[str, Any] | None = field(default=None, hash=False)
    people: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def own(self) -> tuple[Event, ...]:
        """The entries about this migration, in order."""
        return tuple(event for event in self.events if event.subject == self.name)

    @property
    def migration(self) -> Migration:
        """Its state and the gate that stands open, as the ledger tells; freshly drafted where it tells nothing."""
        return fold(self.name, self.own) or Migration(self.name)

    @property
    def sampled(self) -> Mapping[str, Any] | None:
        """The counts of the last sample compared, if one was."""
        event = self.last(SAMPLE_COMPARED)
        return event.body if event is not None else None

    def last(self, act: str) -> Event | None:
        """The last entry of this act, if any."""
        return next((event for event in reversed(self.own) if event.act == act), None)

    @property
    def documents(self) -> dict[str, str]:
        """The digest of every signed document behind the migration, by name, in the order in which they came to be."""
        told = {
            "instruction": (Act.DRAFT.value, "instruction"),
            "manifest": (Act.EXTRACT.value, "manifest"),
            "reconciliation": (RECONCILIATION_SIGNED, "document"),
            "erasure": (Act.ERASE.value, "document"),
        }
        found: dict[str, str] = {}
        if self.instruction is not None:
            found = {"agreement": self.instruction.agreement, "codes": self.instruction.codes}
        for name, (act, key) in told.items():
            event = self.last(act)
            if event is not None and key in event.body:
                found[name] = str(event.body[key])
        return found


def reconciliation_of(payload: bytes) -> Reconciliation:
    """The reconciliation read back from the bytes that were signed (verified by the caller)."""
    content = json.loads(payload)
    kinds = tuple(_kind(kind) for kind in content["kinds"])
    groups = tuple((g[0], g[1], g[2], g[3], g[4], g[5]) for g in content["groups"])
    account = Account.of(content["account"]) if "account" in content else None
    return Reconciliation(kinds, groups, account)


def _kind(kind: dict[str, Any]) -> KindReconciliation:
    plain = {name: value for name, value in kind.items() if name not in ("checks", "analytes")}
    checks = tuple(
        Check(c["name"], Outcome(c["outcome"]), c["examined"], tuple(c["differs"])) for c in kind["checks"]
    )
    analytes = tuple(
        (code, unit, (left[0], left[1], left[2]), (right[0], right[1], right[2]))
        for code, unit, left, right in kind["analytes"]
    )
    return KindReconciliation(**plain, checks=checks, analytes=analytes)
