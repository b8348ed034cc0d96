"""The lock (« écluse »): four lamps, and the refusal that keeps each one dark. Nothing can leave while one is.

The lamps are read off the same verbs that a run goes through, so they cannot say anything else than what the run would meet. This module
decides which lamp a refusal belongs to; it lights none by itself, and nothing here opens a gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import TARGET_CHECKED
from ecluse.passage.authority import (
    AGREEMENT_SIGNED,
    INSTRUCTION_SIGNED,
    RECIPIENT_COMPARED,
    authority,
    compared_recipient,
    signed_agreement,
    signed_instruction,
)
from ecluse.passage.migration import LIVE, Act
from ecluse.passage.site import Site
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.instruction import Instruction
from ecluse.terms.mapping import Mapping, check_mapping
from ecluse.terms.privilege import lacking, target_needs

__all__ = [
    "LAMPS",
    "Lamp",
    "LampName",
    "check_target",
    "check_target_told",
    "current_instruction",
    "instruction_named",
    "lamps",
    "target_told",
]

LampName = Literal["agreement", "instruction", "recipient", "target"]
LAMPS: Final[tuple[LampName, ...]] = ("agreement", "instruction", "recipient", "target")
"""In the order in which they are lit."""


FEWEST_DIGITS: Final = 6
"""How much of a digest names a document."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """One lamp (« voyant »): lit when nothing refuses; otherwise `refusal` says why it is dark and what to do."""

    name: LampName
    refusal: Refusal | Fault | None = None

    @property
    def lit(self) -> bool:
        """Whether nothing stands in the way on account of this lamp."""
        return self.refusal is None


def lamps(site: Site, *, instruction: str, at: datetime, check: Callable[[], None]) -> tuple[Lamp, ...]:
    """The four lamps for `instruction` (a digest; "" for none) as the source's site sees them.

    `check` holds the target to the instruction and raises what refuses (`check_target`). Never raises for a closed lock.
    """
    agreement = _lamp("agreement", lambda: _agreement(site, instruction, at=at))
    recipient = _lamp("recipient", lambda: _recipient(site, instruction, at=at))
    ordered = _lamp("instruction", lambda: _instruction(site, instruction, at=at))
    if ordered.refusal is not None and _same(ordered.refusal, recipient.refusal):
        ordered = Lamp("instruction")  # what refuses is the recipient's key: the instruction itself holds
    return agreement, ordered, recipient, _lamp("target", check)


def current_instruction(site: Site) -> str:
    """The digest of the instruction signed last and not replaced since; "" if there is none."""
    signed = site.bodies(INSTRUCTION_SIGNED)
    replaced = {body.get("supersedes") for body in signed}
    return next((str(body["document"]) for body in reversed(signed) if body["document"] not in replaced), "")


def instruction_named(site: Site, given: str) -> str:
    """The digest of the one signed instruction meant by its id, or by the first digits of its digest; "" for none, or for several.

    An id means its version in force: those that another replaced are meant by digest.
    """
    signed = {
        event.body["document"]: event for event in site.journal.events() if event.act == INSTRUCTION_SIGNED
    }
    replaced = {event.body.get("supersedes") for event in signed.values()}
    digits = given.removeprefix("sha256:")
    meant = [
        document
        for document, event in signed.items()
        if (event.subject == given and document not in replaced)
        or (len(digits) >= FEWEST_DIGITS and str(document).removeprefix("sha256:").startswith(digits))
    ]
    return str(meant[0]) if len(meant) == 1 else ""


def check_target(
    ordered: Instruction | None, *, mapping: Mapping, catalogue: Catalogue, held: frozenset[Privilege] | None
) -> None:
    """The target is the one described, its tables are there, its account can write them (`held`: None where there are no accounts).

    Without an instruction (`ordered` None), every kind of the mapping counts.

    Raises Refusal `lock/target-differs`, `lock/target-lacks`, `mapping/...-absent`.
    """
    if ordered is not None and ordered.target.mapping != mapping.digest:
        raise Refusal(
            "lock/target-differs", where=mapping.system, expected=ordered.target.mapping, got=mapping.digest
        )
    check_mapping(mapping, catalogue)
    kinds = [kind for name, kind in mapping.kinds.items() if ordered is None or name in ordered.records]
    tables = {kind.table for kind in kinds} | {
        join.table for kind in kinds for join in kind.joins if join.role == "owned"
    }
    marks = [need for need in target_needs(()) if need.table not in catalogue.tables]
    short = (
        [] if held is None else [need for need in lacking(held, target_needs(tables)) if need not in marks]
    )
    if short:
        raise Refusal("lock/target-lacks", where=mapping.system, got="; ".join(map(str, short[:10])))


def target_told(site: Site, target: str) -> str:
    """The digest of the mapping under which the site `target` last said that its system is ready; "" if it never did."""
    said = [event for event in site.journal.events() if event.act == TARGET_CHECKED]
    return next((str(it.body.get("mapping")) for it in reversed(said) if it.subject == it.by == target), "")


def check_target_told(site: Site, ordered: Instruction | None, *, target: str) -> None:
    """As `check_target`, for a target on another machine: its own site said that it is ready, under the mapping that the instruction names.

    Raises Refusal `lock/target-untold`, `lock/target-differs`.
    """
    told = target_told(site, target)
    if not told:
        raise Refusal("lock/target-untold", where=target)
    if ordered is not None and ordered.target.mapping != told:
        raise Refusal("lock/target-differs", where=target, expected=ordered.target.mapping, got=told)


def _lamp(name: LampName, check: Callable[[], object]) -> Lamp:
    try:
        check()
    except (Refusal, Fault) as refusal:
        return Lamp(name, refusal)
    return Lamp(name)


def _agreement(site: Site, instruction: str, *, at: datetime) -> None:
    """The agreement that the instruction names; without an instruction, the one signed last."""
    signed = [str(body["document"]) for body in site.bodies(AGREEMENT_SIGNED)]
    named = signed_instruction(site, instruction)[0].agreement if instruction else ""
    if not named and not signed:
        raise Refusal("lock/no-agreement")
    signed_agreement(site, named or signed[-1], at=at)


def _instruction(site: Site, instruction: str, *, at: datetime) -> None:
    if not instruction:
        raise Refusal("lock/no-instruction")
    authority(site, instruction=instruction, at=at, another_run=not _under_way(site, instruction))


def _recipient(site: Site, instruction: str, *, at: datetime) -> None:
    """The keys that the instruction names; without an instruction, the one compared last."""
    if instruction:
        named = [it.certificate for it in signed_instruction(site, instruction)[0].recipients]
    else:
        named = [str(body["certificate"]) for body in site.bodies(RECIPIENT_COMPARED)][-1:]
    if not named:
        raise Refusal("lock/no-recipient")
    for certificate in named:
        compared_recipient(site, certificate, at=at)


def _under_way(site: Site, instruction: str) -> bool:
    """Whether a run of this instruction is not finished: it then needs no further one."""
    events = site.journal.events()
    begun = {
        event.subject
        for event in events
        if event.act == Act.DRAFT.value and event.body.get("instruction") == instruction
    }
    return any(name in begun and migration.state in LIVE for name, migration in site.migrations().items())


def _same(one: Refusal | Fault, other: Refusal | Fault | None) -> bool:
    return other is not None and (one.code, one.values) == (other.code, other.values)
