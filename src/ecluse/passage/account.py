"""The account of a source of files (« décompte des unités »): what became of every unit of every file, in counts, names of segments and kinds.

A unit (segment, line, element, row) has one fate: it gave a fact, it is structure, it says what the vocabulary has no word for, or it could
not be read, and why. A fact then became a record, was completed or replaced by a later one, was removed, or is of a kind the plan does not
name. A record ends as moved, excluded or rejected, as any other (`statement`). Nothing of it is a value; files are told by number.

The world is behind `Accounting`, which a snapshot of files implements besides `extract.Snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, runtime_checkable

import pyarrow as pa

from ecluse.base.refusal import Refusal
from ecluse.passage.rejects import RejectVault
from ecluse.terms.plan import Plan

__all__ = ["UNREAD", "Account", "Accounting", "Facts", "accounted"]

UNREAD: Final = "unread:"
"""How the fate of a unit that could not be read begins; the reason follows."""
_ALL: Final = "*"
KIND: Final = "unread"
"""What the reject vault calls them."""
TOO_MANY: Final = 1000
"""From so many unread units on, more than a tenth means that the format or its dialect is another, and the run is refused."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one kind, each counted once: `told` as they came; the others as they stand in the end.

    `unnamed`: the plan does not name the kind; `superseded`: a later fact of the same record completes or replaces it; `gone`: removed, with
    the facts that said so. `never_told`: records said to be gone of which nothing else was told (their facts are among the gone).
    """

    told: int = 0
    records: int = 0
    superseded: int = 0
    gone: int = 0
    unnamed: int = 0
    never_told: int = 0

    @property
    def unexplained(self) -> int:
        """Facts that became nothing, or more than one thing."""
        return abs(self.told - self.records - self.superseded - self.gone - self.unnamed)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of everything in `files` files. `left`: files not read, by why; `units`: by name, then by fate; `facts`: by kind.

    `measured`: how many units the separators of the files say that there are, by the name of the unit, or "*" for all of them; where it was not
    counted, it holds nothing. `orphans`: records whose parent was never seen, by the field that refers to it (kind.field); `kept`, `dropped`: columns by table;
    `decided`: of a table, what its file does not say itself and was found, by the name of the decision (encoding, separator...);
    `counted`: records that the census of the run counted, by the tables that are one kind's alone.
    """

    files: int = 0
    left: dict[str, int] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    measured: dict[str, int] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    decided: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Units in all."""
        return sum(sum(fates.values()) for fates in self.units.values())

    @property
    def fates(self) -> dict[str, int]:
        """Units by fate, those unread under one name."""
        found: dict[str, int] = {}
        for fates in self.units.values():
            for fate, times in fates.items():
                name = KIND if fate.startswith(UNREAD) else fate
                found[name] = found.get(name, 0) + times
        return found

    @property
    def unread(self) -> dict[str, int]:
        """Units that could not be read, by reason."""
        found: dict[str, int] = {}
        for fates in self.units.values():
            for fate, times in fates.items():
                if fate.startswith(UNREAD):
                    reason = fate.removeprefix(UNREAD)
                    found[reason] = found.get(reason, 0) + times
        return found

    @property
    def mismeasured(self) -> int:
        """Units told that the separators do not show, and units that they show and nobody told: must be 0."""
        told = {name: sum(fates.values()) for name, fates in self.units.items()} | {_ALL: self.seen}
        return sum(abs(told.get(name, 0) - units) for name, units in self.measured.items())

    @property
    def unexplained(self) -> int:
        """Units counted otherwise than by their separators, facts that became nothing or two things, records that the census did not count or counted
        twice: must be 0.
        """
        facts = sum(it.unexplained for it in self.facts.values())
        return (
            self.mismeasured
            + facts
            + sum(abs(self.facts[table].records - rows) for table, rows in self.counted.items())
        )

    def content(self) -> dict[str, Any]:
        """As sealed and signed: plain JSON values."""
        return {
            "files": self.files,
            "left": dict(sorted(self.left.items())),
            "units": {name: dict(sorted(fates.items())) for name, fates in sorted(self.units.items())},
            "measured": dict(sorted(self.measured.items())),
            "facts": {
                kind: {name: getattr(it, name) for name in Facts.__slots__}
                for kind, it in sorted(self.facts.items())
            },
            "orphans": dict(sorted(self.orphans.items())),
            "kept": {table: list(columns) for table, columns in sorted(self.kept.items())},
            "dropped": {table: list(columns) for table, columns in sorted(self.dropped.items())},
            "counted": dict(sorted(self.counted.items())),
            "decided": {table: dict(sorted(made.items())) for table, made in sorted(self.decided.items())},
        }

    @classmethod
    def of(cls, content: dict[str, Any]) -> Account:
        """The inverse. Raises Refusal `parcel/statement-malformed`."""
        try:
            return cls(
                files=content["files"],
                left=dict(content["left"]),
                units={name: dict(fates) for name, fates in content["units"].items()},
                facts={kind: Facts(**counts) for kind, counts in content["facts"].items()},
                measured=dict(content.get("measured", {})),  # none in what was sealed before there was one
                orphans=dict(content["orphans"]),
                kept={table: tuple(columns) for table, columns in content["kept"].items()},
                dropped={table: tuple(columns) for table, columns in content["dropped"].items()},
                counted=dict(content["counted"]),
                decided={table: dict(made) for table, made in content.get("decided", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refusal("parcel/statement-malformed") from None


@runtime_checkable
class Accounting(Protocol):
    """What a snapshot of files tells besides its rows."""

    def account(self, plan: Plan) -> Account:
        """What became of every unit of every file."""
        ...

    def unread(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """The units that could not be read, in batches of some megabytes: `place`, `units` (JSON), `raw` (their octets), `_reason`."""
        ...


def accounted(
    snapshot: object, plan: Plan, *, seen: Mapping[str, int], rejects: RejectVault
) -> Account | None:
    """The account of a run that counted these records of each kind; what could not be read is sealed for the laboratory. None but for files.

    Raises Refusal `extract/too-many-unread`, `extract/units-differ`, `extract/units-unexplained`.
    """
    if not isinstance(snapshot, Accounting):
        return None
    found = snapshot.account(plan)
    account = replace(found, counted=_by_table(plan, seen, found))
    unread = account.unread
    if sum(unread.values()) > TOO_MANY and sum(unread.values()) * 10 > account.seen:
        reasons = ", ".join(f"{reason} ({times})" for reason, times in sorted(unread.items()))
        raise Refusal("extract/too-many-unread", got=sum(unread.values()), reasons=reasons)
    if account.mismeasured:
        raise Refusal("extract/units-differ", got=account.mismeasured, told=account.seen)
    if account.unexplained:
        raise Refusal("extract/units-unexplained", got=account.unexplained)
    for number, batch in enumerate(snapshot.unread(plan), start=1):
        rejects.put(KIND, batch, place=f"{number:09d}")
    return account


def _by_table(plan: Plan, seen: Mapping[str, int], account: Account) -> dict[str, int]:
    """The counts of the kinds whose table is theirs alone, and whole."""
    tables = [kind.table for kind in plan.mapping.kinds.values()]
    return {
        piece.mapping.table: seen[piece.kind]
        for piece in plan.slices
        if tables.count(piece.mapping.table) == 1
        and not piece.mapping.where
        and piece.mapping.table in account.facts
    }
