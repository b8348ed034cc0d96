"""What a chamber's ledger tells to those who may read it (« vue d'ensemble »): the papers in force, and how far each migration has come.

A fold over the entries, for the console's pages. The exchange believes no signature for anybody: a paper is here what the ledger names; whether
those who signed it could is verified at each laboratory, and by `ecluse verify`. It decides nothing and drives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ecluse.passage.acts import (
    AGREEMENT_SIGNED,
    CODE_MAP_SIGNED,
    CODES_SIGNED,
    INSTRUCTION_REVOKED,
    INSTRUCTION_SIGNED,
    RECIPIENT_COMPARED,
    RECONCILIATION_SIGNED,
)
from ecluse.passage.journal import Event
from ecluse.passage.migration import ACTS, LIVE, Act, Migration, MigrationState, follow
from ecluse.people.role import Permission

__all__ = ["Overview", "Paper", "Passing", "Step"]

_PAPERS: Final[Mapping[str, str]] = {
    AGREEMENT_SIGNED: "agreement",
    CODES_SIGNED: "codes",
    CODE_MAP_SIGNED: "code-map",
    INSTRUCTION_SIGNED: "instruction",
}
_NEXT: Final[Mapping[MigrationState, Permission]] = {
    MigrationState.INSTRUCTED: Permission.EXTRACT,
    MigrationState.EXTRACTED: Permission.DEPOSIT,
    MigrationState.DEPOSITED: Permission.LOAD,
    MigrationState.HANDED_OVER: Permission.LOAD,
    MigrationState.LOADED: Permission.RECONCILE,
    MigrationState.RECONCILED: Permission.ERASE,
    MigrationState.REVOKED: Permission.ERASE,
    MigrationState.EXPIRED: Permission.ERASE,
    MigrationState.WITHDRAWN: Permission.ERASE,
}
"""Who is waited for in each state; once LOADED and compared, whoever accepts."""

Standing = Literal["in-force", "superseded", "revoked"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A signed document that the ledger names: its kind, digest, what it is about, when it came into force, and how it stands."""

    kind: str
    digest: str
    subject: str
    at: str
    standing: Standing = "in-force"


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a migration: which, when, by whom."""

    act: str
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class Passing:
    """One migration. Counts are as the acts tell them, 0 before; digests are empty before."""

    migration: Migration
    steps: tuple[Step, ...]
    instruction: str = ""
    run: str = ""
    rehearse: int = 0
    octets: int = 0
    written: int = 0
    rejected: int = 0
    reconciliation: str = ""
    certificate: str = ""

    @property
    def name(self) -> str:
        """The migration's name."""
        return self.migration.name

    @property
    def live(self) -> bool:
        """Whether it is under way."""
        return self.migration.state in LIVE

    @property
    def erased(self) -> bool:
        """Whether nothing of it is kept any more."""
        return self.migration.state is MigrationState.ERASED

    @property
    def waits_for(self) -> Permission | None:
        """What the next step takes, or None when it is over."""
        if self.migration.state is MigrationState.LOADED and self.reconciliation:
            return Permission.ACCEPT
        return _NEXT.get(self.migration.state)


@dataclass(slots=True)
class Overview:
    """A chamber's papers by digest and migrations by name, in the order in which they came; and whether a recipient's key was ever compared there.

    It grows with the ledger: `follow` reads what is new and nothing again.
    """

    papers: dict[str, Paper] = field(default_factory=dict)
    passings: dict[str, Passing] = field(default_factory=dict)
    compared: bool = False
    size: int = 0

    def paper(self, kind: str) -> Paper | None:
        """The last one of a kind that is in force."""
        return next(
            (it for it in reversed(self.papers.values()) if it.kind == kind and it.standing == "in-force"),
            None,
        )

    def follow(self, events: Iterable[Event]) -> None:
        """Take further entries. Raises the refusals of `migration.follow` where they break the table."""
        for event in events:
            self.size += 1
            self.compared = self.compared or event.act == RECIPIENT_COMPARED
            if event.act in _PAPERS:
                self._signed(event)
            elif event.act == INSTRUCTION_REVOKED:
                self._end(str(event.body.get("instruction", "")), "revoked")
            elif event.act == RECONCILIATION_SIGNED and event.subject in self.passings:
                self.passings[event.subject] = replace(
                    self.passings[event.subject], reconciliation=str(event.body.get("document", ""))
                )
            elif event.act == Act.DRAFT.value or event.act in _ACTS:
                self._moved(event)

    def copy(self) -> Overview:
        """As it stands now: what is read later does not change it."""
        return replace(self, papers=dict(self.papers), passings=dict(self.passings))

    def _signed(self, event: Event) -> None:
        digest = str(event.body.get("document", ""))
        if before := str(event.body.get("supersedes", "")):
            self._end(before, "superseded")
        self.papers[digest] = Paper(_PAPERS[event.act], digest, event.subject, event.time)

    def _end(self, digest: str, how: Standing) -> None:
        if digest in self.papers:
            self.papers[digest] = replace(self.papers[digest], standing=how)

    def _moved(self, event: Event) -> None:
        before = self.passings.get(event.subject)
        known = {event.subject: before.migration} if before else {}
        migration = follow(known, [event])[event.subject]
        passing = before or Passing(migration, ())
        step = Step(event.act, event.time, event.by)
        self.passings[event.subject] = replace(
            passing, migration=migration, steps=(*passing.steps, step), **_told(passing, event)
        )


_ACTS: Final = frozenset(act.value for act in ACTS)


def _told(passing: Passing, event: Event) -> dict[str, Any]:
    """What an act tells of its migration, by the name of the field."""
    body = event.body
    if event.act == Act.DRAFT.value:
        return {
            "instruction": str(body.get("instruction", "")),
            "run": str(body.get("run", "")),
            "rehearse": _count(body.get("rehearse", 0)),
        }
    if event.act == Act.DEPOSIT.value:
        return {"octets": _count(body.get("octets", 0))}
    if event.act == Act.LOAD.value:
        return {
            "written": passing.written + _count(body.get("written", 0)),
            "rejected": _count(body.get("rejected", body.get("left", 0))),
        }
    if event.act == Act.ERASE.value:
        return {"certificate": str(body.get("document", ""))}
    return {}


def _count(value: object) -> int:
    """A count, or the sum of counts by kind."""
    if isinstance(value, Mapping):
        return sum(_count(each) for each in value.values())
    return value if isinstance(value, int) else 0
