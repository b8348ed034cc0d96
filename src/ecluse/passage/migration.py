"""One migration (« reprise de données »): its states, what moves it from one to the next, and which gate is open.

Rule 1: everything that decides a migration's state lives in this file, and the state is a fold over the ledger's entries, nothing else.
The two gates (source, target) are never open together: there is no act that opens one while the other is open, in this migration or in
another under the same instruction. It decides what may happen next; it does not do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal, Protocol

from ecluse.base.refusal import Refusal

__all__ = [
    "ACTS",
    "LIVE",
    "STOPPED",
    "Act",
    "Fact",
    "Gate",
    "Migration",
    "MigrationState",
    "check_gates",
    "diagram",
    "fold",
    "follow",
    "migrations",
]

Gate = Literal["source", "target"]


class MigrationState(StrEnum):
    """Past participles: what has happened to the migration, as far as the ledger knows."""

    DRAFTED = "drafted"  # a migration has a name; nothing is signed
    INSTRUCTED = "instructed"  # the laboratory's signed instruction is in force: the source may open
    EXTRACTED = "extracted"  # the source was read and is closed; the parcel is sealed at the laboratory
    DEPOSITED = "deposited"  # the parcel is in custody, where nobody can read it
    HANDED_OVER = (
        "handed-over"  # the recipient took the parcel and verified its last byte: the target may open
    )
    LOADED = "loaded"  # the target holds the records and is closed
    RECONCILED = "reconciled"  # nothing is unexplained, and a biologist accepted by signature
    ERASED = "erased"  # keys and bytes destroyed, proved by a signed certificate
    REVOKED = "revoked"  # the laboratory took its instruction back: only erasure follows
    EXPIRED = "expired"  # the time to live is over: only erasure follows
    WITHDRAWN = (
        "withdrawn"  # a rehearsal, all of it taken out of the target again: it is over, only erasure follows
    )


class Act(StrEnum):
    """What a ledger entry about a migration says was done."""

    DRAFT = "migration.drafted"
    INSTRUCT = "migration.instructed"
    OPEN_SOURCE = "gate.source-opened"
    CLOSE_SOURCE = "gate.source-closed"
    EXTRACT = "migration.extracted"
    DEPOSIT = "migration.deposited"
    HAND_OVER = "migration.handed-over"
    OPEN_TARGET = "gate.target-opened"
    REOPEN_TARGET = (
        "gate.target-reopened"  # of what ended without acceptance: only to take its records out again
    )
    CLOSE_TARGET = "gate.target-closed"
    LOAD = "migration.loaded"
    ROLL_BACK = "migration.rolled-back"
    WITHDRAW = "migration.withdrawn"
    RECONCILE = "migration.reconciled"
    REVOKE = "migration.revoked"
    EXPIRE = "migration.expired"
    ERASE = "migration.erased"


S = MigrationState
STOPPED: Final = (S.REVOKED, S.EXPIRED, S.WITHDRAWN)
"""Ended without acceptance: only erasure follows."""
LIVE: Final = frozenset(S) - {S.ERASED, *STOPPED}

ACTS: Final[dict[Act, dict[MigrationState, MigrationState]]] = {
    Act.INSTRUCT: {S.DRAFTED: S.INSTRUCTED},
    Act.OPEN_SOURCE: {S.INSTRUCTED: S.INSTRUCTED},
    Act.CLOSE_SOURCE: {S.INSTRUCTED: S.INSTRUCTED, S.REVOKED: S.REVOKED, S.EXPIRED: S.EXPIRED},
    Act.EXTRACT: {S.INSTRUCTED: S.EXTRACTED},
    Act.DEPOSIT: {S.EXTRACTED: S.DEPOSITED},
    Act.HAND_OVER: {S.DEPOSITED: S.HANDED_OVER},
    Act.OPEN_TARGET: {S.HANDED_OVER: S.HANDED_OVER, S.LOADED: S.HANDED_OVER},
    Act.REOPEN_TARGET: {S.REVOKED: S.REVOKED, S.EXPIRED: S.EXPIRED},
    Act.CLOSE_TARGET: {S.HANDED_OVER: S.HANDED_OVER, S.REVOKED: S.REVOKED, S.EXPIRED: S.EXPIRED},
    Act.LOAD: {S.HANDED_OVER: S.LOADED},
    Act.ROLL_BACK: {S.HANDED_OVER: S.HANDED_OVER, S.REVOKED: S.REVOKED, S.EXPIRED: S.EXPIRED},
    Act.WITHDRAW: {S.HANDED_OVER: S.WITHDRAWN},
    Act.RECONCILE: {S.LOADED: S.RECONCILED},
    Act.REVOKE: dict.fromkeys(LIVE, S.REVOKED),
    Act.EXPIRE: dict.fromkeys(LIVE, S.EXPIRED),
    Act.ERASE: dict.fromkeys((S.RECONCILED, *STOPPED), S.ERASED),
}
"""The one table of transitions: act -> {state before: state after}. `Act.DRAFT` begins a migration."""

OPENS: Final[dict[Act, Gate]] = {
    Act.OPEN_SOURCE: "source",
    Act.OPEN_TARGET: "target",
    Act.REOPEN_TARGET: "target",
}
CLOSES: Final[dict[Act, Gate]] = {Act.CLOSE_SOURCE: "source", Act.CLOSE_TARGET: "target"}
SHUT: Final = frozenset(
    {Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER, Act.LOAD, Act.WITHDRAW, Act.RECONCILE, Act.ERASE}
)
"""Acts that need both gates shut."""


class Fact(Protocol):
    """What the fold needs of a ledger entry: `proof.ledger.Entry` has it, and so has a test's tuple."""

    @property
    def subject(self) -> str:
        """The migration's name."""

    @property
    def act(self) -> str:
        """One of `Act`; others are about something else."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One passage under one instruction. `gate` is the one that stands open, if any."""

    name: str
    state: MigrationState = MigrationState.DRAFTED
    gate: Gate | None = None

    def after(self, act: Act) -> Migration:
        """The migration once `act` has happened. Raises Refusal `migration/not-now` or `migration/gate-open`."""
        before = ACTS.get(act, {})
        if self.state not in before:
            raise Refusal("migration/not-now", where=self.name, act=act.value, got=self.state.value)
        if (act in OPENS and self.gate not in (None, OPENS[act])) or (act in SHUT and self.gate is not None):
            raise Refusal("migration/gate-open", where=self.name, act=act.value, got=self.gate)
        if act in CLOSES and self.gate != CLOSES[act]:
            raise Refusal(
                "migration/not-now",
                where=self.name,
                act=act.value,
                got=f"{self.state.value}, gate {self.gate}",
            )
        gate = OPENS.get(act, None if act in CLOSES else self.gate)
        return replace(self, state=before[self.state], gate=gate)


_ACTS: Final = {act.value: act for act in Act}


def follow(known: Mapping[str, Migration], facts: Iterable[Fact]) -> dict[str, Migration]:
    """The migrations that were `known` and those drafted since, as these further facts leave them; in order of drafting.

    Raises Refusal `migration/not-now`, `migration/gate-open`, `migration/unknown` where the facts break the table.
    """
    after = dict(known)
    for fact in facts:
        act = _ACTS.get(fact.act)
        if act is None:
            continue
        migration = after.get(fact.subject)
        if act is Act.DRAFT:
            if migration is not None:
                raise Refusal(
                    "migration/not-now", where=fact.subject, act=act.value, got=migration.state.value
                )
            after[fact.subject] = Migration(fact.subject)
        elif migration is None:
            raise Refusal("migration/unknown", where=fact.subject)
        else:
            after[fact.subject] = migration.after(act)
    return after


def fold(name: str, facts: Iterable[Fact]) -> Migration | None:
    """The migration `name` as the facts tell, or None if none drafted it. Raises Refusal where the facts about it break the table."""
    return follow({}, (fact for fact in facts if fact.subject == name)).get(name)


def migrations(facts: Iterable[Fact]) -> dict[str, Migration]:
    """Every migration the facts tell of, by name, in order of drafting. Raises as `follow`."""
    return follow({}, facts)


def check_gates(act: Act, migration: Migration, others: Iterable[Migration]) -> None:
    """Whether `act` may open a gate while the other migrations stand as they do. Raises Refusal `migration/gate-open`.

    The two-gates rule holds for all migrations of a ledger: a cut-over run may not read the source while an earlier one loads.
    """
    if act not in OPENS:
        return
    for other in others:
        if other.name != migration.name and other.gate is not None:
            raise Refusal("migration/gate-open", where=other.name, act=act.value, got=other.gate)


def diagram() -> str:
    """The states as a Mermaid diagram, drawn from the table: docs/reference/states.md holds what this returns."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.DRAFTED.name}"]
    for act, moves in ACTS.items():
        for before, after in moves.items():
            if before is not after and before in LIVE and act not in (Act.REVOKE, Act.EXPIRE):
                lines.append(f"    {before.name} --> {after.name}: {act.value}")
    lines += [
        f"    {state.name} --> {stop.name}: {act.value}"
        for act, stop in ((Act.REVOKE, S.REVOKED), (Act.EXPIRE, S.EXPIRED))
        for state in S
        if state in LIVE
    ]
    lines += [f"    {stop.name} --> {S.ERASED.name}: {Act.ERASE.value}" for stop in STOPPED]
    return "\n".join([*lines, f"    {S.ERASED.name} --> [*]"]) + "\n"
