"""Verify an inspector's bundle, from files alone: the ledger's steps, then what the ledger and its documents say of each migration.

The numbered steps, the same here, in the documentation (made from this table) and in the output. Each is OK with what it examined, KO at the first thing
that does not hold, or SKIPPED when there was nothing to examine, which is never the same as OK. Decides whether the evidence holds; it
does not decide whether the roots are the right ones: the verifier's own policy does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from ecluse.inspection import tracing, warrant
from ecluse.inspection.dossier import Dossier
from ecluse.proof.bundle import Bundle
from ecluse.proof.evidence import KO, OK, Said, Skipped, Step, ledger_steps, run_steps, verify_ledger
from ecluse.proof.trust import Trust

__all__ = ["STEPS", "holds", "steps", "verify_bundle"]

STEPS: Final[tuple[tuple[str, Callable[[Dossier], Said]], ...]] = (
    ("documents", warrant.check_documents),
    ("people", warrant.check_people),
    ("agreement", warrant.check_agreement),
    ("order", tracing.check_order),
    ("instruction", warrant.check_instruction),
    ("codes", warrant.check_codes),
    ("code map", warrant.check_code_map),
    ("recipient", warrant.check_recipient),
    ("extraction", tracing.check_extraction),
    ("hand-over", tracing.check_hand_over),
    ("reconciliation", tracing.check_reconciliation),
    ("erasure", tracing.check_erasure),
    ("time to live", tracing.check_time_to_live),
    ("limits", tracing.check_limits),
)
"""The steps after the ledger's, in order. Each rests on those before it."""

_NEEDED: Final = frozenset({"policy", "signed heads", "entries", "heads against entries", "bodies"})


def steps() -> dict[str, str]:
    """All steps, numbered from 1 in this order: what each holds, by its name."""
    return {**ledger_steps(), **{name: verb.__doc__ or "" for name, verb in STEPS}}


def verify_bundle(bundle: Bundle, *, trust: Trust | None = None) -> list[Step]:
    """All steps. Never raises for bad evidence. Without `trust`, the bundle is only shown to agree with itself.

    When the ledger itself does not hold, nothing that it tells is judged: the later steps are SKIPPED.
    """
    ledger = verify_ledger(bundle.open, policy=trust.ledger if trust else None)
    sound = all(step.outcome == OK for step in ledger if step.name in _NEEDED)
    known: list[Dossier] = []

    def judge(verb: Callable[[Dossier], Said]) -> Said:
        if not sound:
            raise Skipped("ledger_does_not_hold")
        if not known:
            known.append(Dossier.of(bundle, trust=trust))
        return verb(known[0])

    return ledger + run_steps([(name, partial(judge, verb)) for name, verb in STEPS], first=len(ledger) + 1)


def holds(judged: list[Step]) -> bool:
    """Whether no step is KO."""
    return all(step.outcome != KO for step in judged)
