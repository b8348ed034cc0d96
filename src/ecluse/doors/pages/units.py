"""The part of a report for a source of files: what became of every unit of every file, and of every fact that a unit told.

Decides the order: the units by fate first, what could not be read and why, then the facts kind by kind, then records whose parent was never seen.
Names of segments, kinds and reasons, and counts: no value, and no name of a file.
"""

from __future__ import annotations

from typing import Final

from ecluse.doors.pages.markup import Content, Markup, element, joined
from ecluse.doors.pages.tongue import Column, Tongue
from ecluse.passage.account import UNREAD, Account

__all__ = ["units_part"]

FACTS: Final = ("told", "records", "superseded", "gone", "unnamed", "unexplained")


def units_part(account: Account, tongue: Tongue) -> Markup:
    """Units by name and fate, facts by kind, orphans by field."""
    left = ", ".join(
        tongue.say("pages.units_left", why=tongue.say(f"pages.left_{why.replace('-', '_')}"), count=tongue.number(times))
        for why, times in sorted(account.left.items())
    )  # fmt: skip
    return joined(
        element("p", tongue.say("pages.units_intro", files=tongue.number(account.files), units=tongue.number(account.seen))),
        _measured(account, tongue),
        element("p", left) if left else None,
        _units(account, tongue),
        _facts(account, tongue),
        _orphans(account, tongue),
    )  # fmt: skip


def _measured(account: Account, tongue: Tongue) -> Markup | None:
    if not account.measured:
        return None
    units, differ = tongue.number(sum(account.measured.values())), tongue.number(account.mismeasured)
    return element("p", tongue.say("pages.units_measured", units=units, differ=differ))


def _units(account: Account, tongue: Tongue) -> Markup:
    columns = [
        Column(tongue.say("pages.column_element")),
        Column(tongue.say("pages.column_fate")),
        Column(tongue.say("pages.column_units"), right=True),
    ]
    lines = [
        (name, fate, times) for name, fates in sorted(account.units.items()) for fate, times in fates.items()
    ]
    rows: list[tuple[Content, ...]] = [
        (name, _fate(fate, tongue), tongue.number(times))
        for name, fate, times in sorted(lines, key=lambda line: (line[1].startswith(UNREAD), line))
    ]
    total = (tongue.say("pages.total"), "", tongue.number(account.seen))
    return tongue.table(tongue.say("pages.units_caption"), columns, rows, total=total)


def _fate(fate: str, tongue: Tongue) -> str:
    if fate.startswith(UNREAD):
        reason = fate.removeprefix(UNREAD)
        words = tongue.either(f"pages.unread_{reason.replace('-', '_')}", reason)
        return tongue.say("pages.fate_unread", reason=words)
    return tongue.either(f"pages.fate_{fate.replace('-', '_')}", fate)


def _facts(account: Account, tongue: Tongue) -> Markup:
    columns = [
        Column(tongue.say("pages.column_kind")),
        *(Column(tongue.say(f"pages.facts_{name}"), right=True) for name in FACTS),
    ]
    counts = [
        [getattr(facts, name) for name in FACTS] for _, facts in sorted(account.facts.items()) if facts.told
    ]
    kinds = [kind for kind, facts in sorted(account.facts.items()) if facts.told]
    rows = [
        (tongue.kind(kind), *map(tongue.number, count)) for kind, count in zip(kinds, counts, strict=True)
    ]
    totals = [tongue.number(sum(column)) for column in zip(*counts, strict=True)] or ["0"] * len(FACTS)
    return tongue.table(
        tongue.say("pages.facts_caption"),
        columns,
        rows,
        off=[bool(count[-1]) for count in counts],
        total=(tongue.say("pages.total"), *totals),
    )


def _orphans(account: Account, tongue: Tongue) -> Markup | None:
    if not account.orphans:
        return None
    columns = [Column(tongue.say("pages.column_link")), Column(tongue.say("pages.column_rows"), right=True)]
    rows = []
    for path, count in sorted(account.orphans.items()):
        kind, _, name = path.partition(".")
        rows.append((f"{tongue.kind(kind)} → {tongue.field(kind, name)}", tongue.number(count)))
    return tongue.table(tongue.say("pages.orphans_caption"), columns, rows)
