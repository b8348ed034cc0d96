"""What a chamber's ledger tells to those who may read it (« vue d'ensemble »): the papers in force, and how far each migration has come.

A pure fold over the entries, for the console's pages. The exchange believes no signature for anybody: a paper is here what the ledger names; whether
those who signed it could is verified at each laboratory, and by `ecluse verify`. It decides nothing and drives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

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

__all__ = ["Overview", "Paper", "Passing", "Step", "overview"]

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


@dataclass(frozen=True, slots=True)
class Overview:
    """A chamber's papers and migrations, in the order in which they came; and whether a recipient's key was ever compared there."""

    papers: tuple[Paper, ...]
    passings: tuple[Passing, ...]
    compared: bool

    def paper(self, kind: str) -> Paper | None:
        """The last one of a kind that is in force."""
        return next(
            (it for it in reversed(self.papers) if it.kind == kind and it.standing == "in-force"), None
        )

    def passing(self, name: str) -> Passing | None:
        """One migration."""
        return next((it for it in self.passings if it.name == name), None)


@dataclass(slots=True)
class _Told:
    steps: list[Step] = field(default_factory=list)
    known: dict[str, str | int] = field(default_factory=dict)


def overview(events: Iterable[Event]) -> Overview:
    """The fold. Raises the refusals of `migration.follow` where the entries break the table."""
    papers: dict[str, Paper] = {}
    told: dict[str, _Told] = {}
    migrations: dict[str, Migration] = {}
    compared = False
    for event in events:
        compared = compared or event.act == RECIPIENT_COMPARED
        if event.act in _PAPERS:
            _signed(papers, event)
        elif event.act == INSTRUCTION_REVOKED:
            _ended(papers, str(event.body.get("instruction", "")), "revoked")
        elif event.act == RECONCILIATION_SIGNED and event.subject in told:
            told[event.subject].known["reconciliation"] = str(event.body.get("document", ""))
        elif event.act == Act.DRAFT.value or event.act in _ACTS:
            migrations = follow(migrations, [event])
            _moved(told.setdefault(event.subject, _Told()), event)
    passings = tuple(
        Passing(migrations[name], tuple(it.steps), **it.known)  # type: ignore[arg-type]
        for name, it in told.items()
    )
    return Overview(tuple(papers.values()), passings, compared)


_ACTS: Final = frozenset(act.value for act in ACTS)


def _signed(papers: dict[str, Paper], event: Event) -> None:
    digest = str(event.body.get("document", ""))
    if before := str(event.body.get("supersedes", "")):
        _ended(papers, before, "superseded")
    papers[digest] = Paper(_PAPERS[event.act], digest, event.subject, event.time)


def _ended(papers: dict[str, Paper], digest: str, how: Standing) -> None:
    if digest in papers:
        before = papers[digest]
        papers[digest] = Paper(before.kind, before.digest, before.subject, before.at, how)


def _moved(told: _Told, event: Event) -> None:
    told.steps.append(Step(event.act, event.time, event.by))
    body, known = event.body, told.known
    if event.act == Act.DRAFT.value:
        known |= {
            "instruction": str(body.get("instruction", "")),
            "run": str(body.get("run", "")),
            "rehearse": _count(body.get("rehearse", 0)),
        }
    elif event.act == Act.DEPOSIT.value:
        known["octets"] = _count(body.get("octets", 0))
    elif event.act == Act.LOAD.value:
        known["written"] = int(known.get("written", 0)) + _count(body.get("written", 0))
        known["rejected"] = _count(body.get("rejected", body.get("left", 0)))
    elif event.act == Act.ERASE.value:
        known["certificate"] = str(body.get("document", ""))


def _count(value: object) -> int:
    """A count, or the sum of counts by kind."""
    if isinstance(value, Mapping):
        return sum(_count(each) for each in value.values())
    return value if isinstance(value, int) else 0
