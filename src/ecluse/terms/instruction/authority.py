"""Whether an instruction may be used now: in time, not used up, not replaced or revoked, under its agreement, signed by enough people.

Decides from what it is told: the ledger counts the runs and remembers the highest version, proof verified the signatures, the clock is the later of the
local one and the newest cosigned checkpoint. Sources: GDPR Art. 28(3)(a) and 29; CSP L.6211-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person, distinct, may
from ecluse.people.role import Permission, Role
from ecluse.terms.instruction.content import Instruction

__all__ = ["authorise"]


def authorise(
    instruction: Instruction,
    *,
    signers: Iterable[Person],
    at: datetime,
    uses: int,
    highest_version: int,
    revoked: bool,
    superseded: bool,
    agreement_digest: str,
) -> None:
    """Raise unless one more run of `instruction` may start at `at` (aware).

    `uses`: runs already recorded. `highest_version`: the highest version of this id ever seen. Raises Refusal `instruction/revoked`,
    `superseded`, `lower-version`, `not-yet-valid`, `expired`, `used-up` (exit 6), `wrong-agreement`, `threshold-not-reached` or
    `no-biologist` (exit 5), in this order.
    """
    _check_current(instruction, highest_version=highest_version, revoked=revoked, superseded=superseded)
    _check_time(instruction, at=at)
    if uses >= instruction.limits.runs:
        raise Refusal("instruction/used-up", where=instruction.id, got=uses, expected=instruction.limits.runs)
    if agreement_digest != instruction.agreement:
        raise Refusal(
            "instruction/wrong-agreement",
            where=instruction.id,
            got=agreement_digest,
            expected=instruction.agreement,
        )
    _check_signers(instruction, signers=signers)


def _check_current(
    instruction: Instruction, *, highest_version: int, revoked: bool, superseded: bool
) -> None:
    if revoked:
        raise Refusal("instruction/revoked", where=instruction.id, got=instruction.version)
    if superseded:
        raise Refusal("instruction/superseded", where=instruction.id, got=instruction.version)
    if instruction.version < highest_version:
        raise Refusal(
            "instruction/lower-version",
            where=instruction.id,
            got=instruction.version,
            expected=highest_version,
        )


def _check_time(instruction: Instruction, *, at: datetime) -> None:
    limits = instruction.limits
    if at < limits.not_before:
        raise Refusal(
            "instruction/not-yet-valid",
            where=instruction.id,
            got=at.isoformat(),
            expected=limits.not_before.isoformat(),
        )
    if at >= limits.not_after:
        raise Refusal(
            "instruction/expired",
            where=instruction.id,
            got=at.isoformat(),
            expected=limits.not_after.isoformat(),
        )


def _check_signers(instruction: Instruction, *, signers: Iterable[Person]) -> None:
    """Only different humans who may sign instructions count, and one of them is a head biologist."""
    entitled = distinct(person for person in signers if may(person, Permission.SIGN_INSTRUCTION))
    if len(entitled) < instruction.threshold:
        raise Refusal(
            "instruction/threshold-not-reached",
            where=instruction.id,
            got=len(entitled),
            expected=instruction.threshold,
        )
    if not any(person.role is Role.BIOLOGIST for person in entitled):
        raise Refusal("instruction/no-biologist", where=instruction.id)
