"""Reconciliation (« contrôle de complétude »): both sides compared, all rows, until nothing is unexplained.

For each record kind, site and month: source rows = moved + excluded (by which rule) + rejected at the source (why); and moved = loaded +
rejected at the target. What the target holds is read back, through its own mapping, into the same canonical values and the same keyed sums: a unit,
a range, a "<", a validator, a date, a version or a visibility that changed changes the sum. Unexplained must be 0.

This module compares and judges; a biologist accepts, by signature, what it found. A check that had nothing to examine is `skipped`, never `passed`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account
from ecluse.passage.canonical import NOWHERE
from ecluse.passage.statement import KindStatement, Statement
from ecluse.passage.tally import Analytes, Group, Sums, Tally

__all__ = [
    "Check",
    "KindReconciliation",
    "Outcome",
    "Reconciliation",
    "Side",
    "check_reconciled",
    "reconcile",
]


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Side:
    """What one side holds of one kind: sums by group, and results by code and unit."""

    sums: Tally = field(default_factory=Tally)
    analytes: Analytes = field(default_factory=Analytes)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, how it ended, how much it examined, and what differs."""

    name: str
    outcome: Outcome
    examined: int
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KindReconciliation:
    """One record kind, both sides. Counts are rows; `unexplained` counts the rows that no rule, no reason and no equality explains.

    `opened`: documents opened at the source, by form and fate.
    """

    kind: str
    seen: int
    excluded: dict[str, int]
    rejected_at_source: dict[str, int]
    withheld: dict[str, int]
    sent: int
    rejected_at_target: dict[str, int]
    loaded: int
    unexplained: int
    checks: tuple[Check, ...]
    analytes: tuple[tuple[str, str, tuple[int, int, int], tuple[int, int, int]], ...]
    opened: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The whole comparison. `groups`: by kind, site and month, what was moved, excluded and unexplained; `account`: of a source of files, its units."""

    kinds: tuple[KindReconciliation, ...]
    groups: tuple[tuple[str, str, str, int, int, int], ...]
    account: Account | None = None

    @property
    def unexplained(self) -> int:
        """Rows that nothing explains, over all kinds, and what nothing explains of the files they came from: must be 0."""
        return sum(kind.unexplained for kind in self.kinds) + (
            self.account.unexplained if self.account else 0
        )

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed, as "kind: check"."""
        return tuple(
            f"{kind.kind}: {check.name}"
            for kind in self.kinds
            for check in kind.checks
            if check.outcome is Outcome.FAILED
        )

    def encode(self) -> bytes:
        """As signed: strict JSON."""
        content: dict[str, Any] = {
            "unexplained": self.unexplained,
            "failed": list(self.failed),
            "kinds": [_encode(kind) for kind in self.kinds],
            "groups": [list(group) for group in self.groups],
        }
        if self.account is not None:
            content["account"] = self.account.content()
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def reconcile(
    statement: Statement,
    *,
    target: Mapping[str, Side],
    before: Mapping[str, Tally],
    rejected: Mapping[str, Tally],
    reasons: Mapping[str, Counter[str]],
    method: str,
) -> Reconciliation:
    """Hold the target against the source's statement.

    `target`: what was read back; `before`: what stood in the target when gate 2 first opened; `rejected`: the sums of the rows in the reject
    vault; `reasons`: their reasons. Raises Refusal `reconcile/another-method` when the sums cannot be compared.
    """
    if statement.method != method:
        raise Refusal("reconcile/another-method", expected=statement.method, got=method)
    kinds, groups = [], []
    for name, source in statement.kinds.items():
        side = target.get(name, Side())
        expected = source.sums.without(rejected.get(name, Tally()).groups)
        held = side.sums.without(before.get(name, Tally()).groups)
        kinds.append(
            _kind(name, source, expected=expected, held=held, side=side, reasons=reasons.get(name, Counter()))
        )
        groups.extend(_groups(name, source, expected=expected, held=held))
    return Reconciliation(tuple(kinds), tuple(groups), statement.account)


def check_reconciled(result: Reconciliation) -> None:
    """Nothing is unexplained and no check failed. Raises Refusal `reconcile/unexplained` (exit 4)."""
    if result.unexplained or result.failed:
        raise Refusal("reconcile/unexplained", got=result.unexplained, checks=", ".join(result.failed) or "-")


def _kind(
    name: str, source: KindStatement, *, expected: Tally, held: Tally, side: Side, reasons: Counter[str]
) -> KindReconciliation:
    differing = _differing(expected, held)
    counts = [group for group, (left, right) in differing.items() if left.rows != right.rows]
    values = [group for group, (left, right) in differing.items() if left.rows == right.rows]
    unexplained = sum(_unexplained(left, right) for left, right in differing.values())
    analytes = _analytes(source.analytes, side.analytes)
    # Counts by code cannot take away what was rejected, nor what stood in the target before: the sums do.
    comparable = not reasons and held.groups == side.sums.groups
    drifted = [f"{code} {unit}" for code, unit, left, right in analytes if comparable and left != right]
    return KindReconciliation(
        kind=name,
        seen=source.seen,
        excluded=source.by_rule,
        rejected_at_source=dict(source.rejected),
        withheld=dict(source.withheld),
        opened=dict(source.opened),
        sent=source.moved,
        rejected_at_target=dict(reasons),
        loaded=held.total.rows,
        unexplained=unexplained,
        checks=(
            _check("rows", source.moved, counts),
            _check("values", source.moved, values),
            _check(
                "analytes",
                sum(counts[0] for counts in source.analytes.lines.values()) if comparable else 0,
                drifted,
            ),
        ),
        analytes=analytes,
    )


def _check(name: str, examined: int, differs: Iterable[Group | str]) -> Check:
    names = tuple(sorted(f"{it.site} {it.month}" if isinstance(it, Group) else it for it in differs))
    outcome = Outcome.FAILED if names else Outcome.PASSED if examined else Outcome.SKIPPED
    return Check(name, outcome, examined, names[:50])


def _differing(expected: Tally, held: Tally) -> dict[Group, tuple[Sums, Sums]]:
    """The groups whose sums differ; all rows as one group where one side cannot tell site and month."""
    blind = Group(NOWHERE, NOWHERE)
    if set(held.groups) == {blind} or set(expected.groups) == {blind}:
        pairs = {blind: (expected.total, held.total)}
    else:
        names = expected.groups.keys() | held.groups.keys()
        pairs = {
            group: (expected.groups.get(group, Sums()), held.groups.get(group, Sums())) for group in names
        }
    return {group: pair for group, pair in pairs.items() if pair[0] != pair[1]}


def _unexplained(expected: Sums, held: Sums) -> int:
    """Rows too many or too few; where only values differ, all rows of the group, since the sums do not say which."""
    return abs(expected.rows - held.rows) or max(expected.rows, 1)


def _analytes(
    source: Analytes, target: Analytes
) -> tuple[tuple[str, str, tuple[int, int, int], tuple[int, int, int]], ...]:
    names = sorted(source.lines.keys() | target.lines.keys())
    return tuple(
        (code, unit, source.lines.get((code, unit), (0, 0, 0)), target.lines.get((code, unit), (0, 0, 0)))
        for code, unit in names
    )


def _groups(
    name: str, source: KindStatement, *, expected: Tally, held: Tally
) -> list[tuple[str, str, str, int, int, int]]:
    excluded: Counter[Group] = Counter()
    for (_, group), rows in source.excluded.items():
        excluded[group] += rows
    differing = _differing(expected, held)
    names = sorted(source.sums.groups.keys() | excluded.keys() | differing.keys())
    lines = []
    for group in names:
        unexplained = _unexplained(*differing[group]) if group in differing else 0
        lines.append(
            (
                name,
                group.site,
                group.month,
                source.sums.groups.get(group, Sums()).rows,
                excluded[group],
                unexplained,
            )
        )
    return lines


def _encode(kind: KindReconciliation) -> dict[str, Any]:
    return {
        "kind": kind.kind,
        "seen": kind.seen,
        "excluded": kind.excluded,
        "rejected_at_source": kind.rejected_at_source,
        "withheld": kind.withheld,
        "opened": kind.opened,
        "sent": kind.sent,
        "rejected_at_target": kind.rejected_at_target,
        "loaded": kind.loaded,
        "unexplained": kind.unexplained,
        "checks": [
            {"name": c.name, "outcome": c.outcome.value, "examined": c.examined, "differs": list(c.differs)}
            for c in kind.checks
        ],
        "analytes": [[code, unit, list(left), list(right)] for code, unit, left, right in kind.analytes],
    }
