"""The parts of a report that come from the reconciliation: the flow by kind, what stayed, the checks, the analyses, the months.

Decides how its counts are laid out, what differs first. It computes no verdict: an outcome is the reconciliation's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ecluse.doors.pages.markup import Content, Markup, element, joined
from ecluse.doors.pages.plots import HeatMap, flow_bars
from ecluse.doors.pages.tongue import Column, Mood, Tongue
from ecluse.passage.reconcile import Check, KindReconciliation, Outcome, Reconciliation

__all__ = ["analytes_part", "checks_part", "excluded_part", "flow_part", "months_part"]

_MOODS: dict[Outcome, Mood] = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.SKIPPED: "soft"}

Analyte = tuple[str, str, tuple[int, int, int], tuple[int, int, int]]


def flow_part(result: Reconciliation, tongue: Tongue) -> Markup:
    """From the source to the target, kind by kind: bars, and the same as a table."""
    columns = [
        Column(tongue.say("pages.column_kind")),
        *(
            Column(tongue.say(f"pages.column_{name}"), right=True)
            for name in (
                "seen",
                "excluded",
                "rejected_source",
                "sent",
                "rejected_target",
                "loaded",
                "unexplained",
            )
        ),
    ]
    rows = [_flow(kind) for kind in result.kinds]
    written = [
        (tongue.kind(kind.kind), *map(tongue.number, row))
        for kind, row in zip(result.kinds, rows, strict=True)
    ]
    totals = [tongue.number(sum(column)) for column in zip(*rows, strict=True)] or ["0"] * 7
    return joined(
        element("p", tongue.say("pages.flow_intro")),
        flow_bars(result.kinds, tongue),
        tongue.table(
            tongue.say("pages.flow_caption"),
            columns,
            written,
            off=[bool(kind.unexplained) for kind in result.kinds],
            total=(tongue.say("pages.total"), *totals),
        ),
    )


def _flow(kind: KindReconciliation) -> tuple[int, ...]:
    return (
        kind.seen,
        sum(kind.excluded.values()),
        sum(kind.rejected_at_source.values()),
        kind.sent,
        sum(kind.rejected_at_target.values()),
        kind.loaded,
        kind.unexplained,
    )


def excluded_part(result: Reconciliation, tongue: Tongue) -> Markup:
    """What stayed, and by which rule; what was rejected, and why; which free texts were withheld."""
    rules = _by_cause({kind.kind: kind.excluded for kind in result.kinds})
    source = _by_cause({kind.kind: kind.rejected_at_source for kind in result.kinds}, apart=True)
    target = _by_cause({kind.kind: kind.rejected_at_target for kind in result.kinds}, apart=True)
    withheld = _by_cause({kind.kind: kind.withheld for kind in result.kinds})
    count = Column(tongue.say("pages.column_rows"), right=True)
    of_which = Column(tongue.say("pages.column_of_which"))
    excluded = [
        (tongue.rule(rule), tongue.number(sum(kinds.values())), _kinds(kinds, tongue))
        for (rule, _), kinds in rules
    ]
    rejected = [
        (
            tongue.reason(only, reason),
            tongue.say(where),
            tongue.number(sum(kinds.values())),
            tongue.kind(only),
        )
        for where, lines in (("pages.at_source", source), ("pages.at_target", target))
        for (reason, only), kinds in lines
    ]
    opened = _by_cause({kind.kind: kind.opened for kind in result.kinds})
    documents = [(_form(cause, tongue), tongue.number(sum(kinds.values()))) for (cause, _), kinds in opened]
    texts = [
        (tongue.category(code), tongue.number(sum(kinds.values())), _kinds(kinds, tongue))
        for (code, _), kinds in withheld
    ]
    return joined(
        element("h3", tongue.say("pages.excluded_title")),
        _or_none(
            excluded, "pages.excluded_none", "pages.excluded_caption",
            [Column(tongue.say("pages.column_rule")), count, of_which], tongue,
        ),
        element("h3", tongue.say("pages.rejected_title")),
        _or_none(
            rejected, "pages.rejected_none", "pages.rejected_caption",
            [Column(tongue.say("pages.column_reason")), Column(tongue.say("pages.column_where")), count, Column(tongue.say("pages.column_kind"))],
            tongue,
        ),
        element("h3", tongue.say("pages.withheld_title")),
        _or_none(
            texts, "pages.withheld_none", "pages.withheld_caption",
            [Column(tongue.say("pages.column_category")), count, of_which], tongue,
        ),
        element("h3", tongue.say("pages.opened_title")),
        _or_none(documents, "pages.opened_none", "pages.opened_caption", [Column(tongue.say("pages.column_form")), count], tongue),
    )  # fmt: skip


def _by_cause(
    table: dict[str, dict[str, int]], *, apart: bool = False
) -> list[tuple[tuple[str, str], Counter[str]]]:
    """Rows by cause, most first, with how many of each kind; `apart`: one line for each kind, since a reason names a field of it."""
    causes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for kind, found in table.items():
        for cause, rows in found.items():
            causes[cause, kind if apart else ""][kind] += rows
    return sorted(causes.items(), key=lambda line: (-line[1].total(), line[0]))


def _form(cause: str, tongue: Tongue) -> str:
    """A document's form and what became of it."""
    form, _, fate = cause.partition(": ")
    return f"{form}{tongue.say('pages.colon')}{tongue.say(f'pages.fate_{fate}')}"


def _kinds(kinds: Counter[str], tongue: Tongue) -> str:
    return ", ".join(f"{tongue.kind(kind)} {tongue.number(rows)}" for kind, rows in kinds.most_common())


def _or_none(
    rows: Sequence[tuple[str, ...]], none: str, caption: str, columns: list[Column], tongue: Tongue
) -> Markup:
    """The table, or the sentence that there is nothing to list."""
    return tongue.table(tongue.say(caption), columns, rows) if rows else element("p", tongue.say(none))


def checks_part(result: Reconciliation, tongue: Tongue) -> Markup:
    """Each check of each kind; one that had nothing to examine says so, and is not counted as passed."""
    names = list(dict.fromkeys(check.name for kind in result.kinds for check in kind.checks))
    tally = Counter(check.outcome for kind in result.kinds for check in kind.checks)
    counts = {outcome.value: tongue.number(tally[outcome]) for outcome in Outcome}
    columns = [Column(tongue.either(f"pages.check_{name}", name)) for name in names]
    failed = [
        (kind, check) for kind in result.kinds for check in kind.checks if check.outcome is Outcome.FAILED
    ]
    return joined(
        element("p", tongue.say("pages.checks_intro")),
        element("p", element("b", tongue.say("pages.checks_tally", **counts))),
        _failures(failed, tongue) if failed else None,
        tongue.table(
            tongue.say("pages.checks_caption"),
            [Column(tongue.say("pages.column_kind")), *columns],
            [_checks(kind, names, tongue) for kind in result.kinds],
            off=[any(check.outcome is Outcome.FAILED for check in kind.checks) for kind in result.kinds],
        ),
    )


def _checks(kind: KindReconciliation, names: Sequence[str], tongue: Tongue) -> list[Content]:
    """One kind's outcomes, each with how much it examined, in the order of `names`."""
    by_name = {check.name: check for check in kind.checks}
    cells: list[Content] = [tongue.kind(kind.kind)]
    for name in names:
        check = by_name.get(name, Check(name, Outcome.SKIPPED, 0))
        words = tongue.tag(_MOODS[check.outcome], tongue.say(f"pages.outcome_{check.outcome.value}"))
        examined = element("small", " ", tongue.number(check.examined)) if check.examined else None
        cells.append((words, examined))
    return cells


def _failures(failed: Sequence[tuple[KindReconciliation, Check]], tongue: Tongue) -> Markup:
    """Where each failed check found a difference: sites and months, or tests and units."""
    columns = [Column(tongue.say(f"pages.column_{name}")) for name in ("kind", "check", "differs")]
    rows = [
        (
            tongue.kind(kind.kind),
            tongue.either(f"pages.check_{check.name}", check.name),
            ", ".join(check.differs),
        )
        for kind, check in failed
    ]
    return tongue.table(tongue.say("pages.failures_caption"), columns, rows, off=[True] * len(rows))


def analytes_part(result: Reconciliation, tongue: Tongue) -> Markup | None:
    """By test and unit: sent and read back, of which censored, of which without a value; those that differ first."""
    lines: list[Analyte] = [line for kind in result.kinds for line in kind.analytes]
    if not lines:
        return None
    lines.sort(key=lambda line: (line[2] == line[3], line[0], line[1]))
    differing = sum(left != right for _, _, left, right in lines)
    columns = [
        Column(tongue.say("pages.column_test")),
        Column(tongue.say("pages.column_unit")),
        *(
            Column(tongue.say(f"pages.column_{name}"), right=True)
            for name in ("results", "censored", "without_value")
        ),
        Column(tongue.say("pages.column_outcome")),
    ]
    summary = (
        tongue.tag(
            "bad",
            tongue.say(
                "pages.analytes_differ", count=tongue.number(differing), all=tongue.number(len(lines))
            ),
        )
        if differing
        else tongue.tag("good", tongue.say("pages.analytes_same", all=tongue.number(len(lines))))
    )
    return joined(
        element("p", tongue.say("pages.analytes_intro")),
        element("p", summary),
        tongue.table(
            tongue.say("pages.analytes_caption"),
            columns,
            [_analyte(line, tongue) for line in lines],
            off=[left != right for _, _, left, right in lines],
        ),
    )


def _analyte(line: Analyte, tongue: Tongue) -> tuple[Content, ...]:
    code, unit, left, right = line
    total, empty, censored = (_both(a, b, tongue) for a, b in zip(left, right, strict=True))
    verdict = (
        tongue.tag("good", tongue.say("pages.same"))
        if left == right
        else tongue.tag("bad", tongue.say("pages.differs"))
    )
    return code or tongue.say("pages.no_code"), unit or "–", total, censored, empty, verdict


def _both(left: int, right: int, tongue: Tongue) -> str:
    """One number where both sides agree, both where they do not."""
    return tongue.number(left) if left == right else f"{tongue.number(left)} → {tongue.number(right)}"


def months_part(result: Reconciliation, tongue: Tongue) -> Markup | None:
    """What moved, by site and month, and the same by site and year as a table."""
    heat = HeatMap.of(result.groups)
    if not heat.cells:
        return None
    lines = heat.by_year()
    years = sorted({month[:4] for month in heat.months})
    columns = [
        Column(tongue.say("pages.column_site")),
        *(Column(year, right=True) for year in years),
        Column(tongue.say("pages.column_stayed"), right=True),
        Column(tongue.say("pages.column_unexplained"), right=True),
    ]
    keys = [*years, "out", "unexplained"]
    return joined(
        element("p", tongue.say("pages.months_intro")),
        heat.draw(tongue),
        heat.legend(tongue),
        tongue.table(
            tongue.say("pages.months_caption"),
            columns,
            [(site, *(tongue.number(counts[key]) for key in keys)) for site, counts in lines.items()],
            off=[bool(counts["unexplained"]) for counts in lines.values()],
            total=(tongue.say("pages.total"), *(tongue.number(_sum(lines.values(), key)) for key in keys)),
        ),
    )


def _sum(lines: Iterable[Counter[str]], key: str) -> int:
    return sum(counts[key] for counts in lines)
