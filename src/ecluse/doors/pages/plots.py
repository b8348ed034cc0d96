"""The report's three plots, drawn on the server: what became of each kind, when each gate stood open, what moved by site and month.

Each is an SVG with a title and a description, and has its table beside it in the report. Colour is never the only sign: what stayed is hatched,
what nothing explains is crossed. They decide no figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ecluse.doors.pages.markup import Content, Markup, element, joined
from ecluse.doors.pages.tongue import Tongue, scrolled
from ecluse.passage.canonical import NOWHERE
from ecluse.passage.journal import Event
from ecluse.passage.migration import CLOSES, OPENS, Act
from ecluse.passage.reconcile import KindReconciliation

__all__ = ["HeatMap", "flow_bars", "gates_plot"]

_WIDE: Final = 400
_STEPS: Final = (
    Act.INSTRUCT, Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER, Act.LOAD, Act.RECONCILE, Act.ERASE, Act.REVOKE, Act.EXPIRE,
    Act.WITHDRAW,
)  # fmt: skip
"""The acts that the line of time names under it."""


def flow_bars(kinds: Iterable[KindReconciliation], tongue: Tongue) -> Markup:
    """For each kind one bar, its whole length what the source held: moved, excluded, rejected, unexplained."""
    legend = [
        element("li", _swatch(part), tongue.say(f"pages.part_{part}"))
        for part in ("moved", "out", "rejected", "unexplained")
    ]
    bars = [
        element(
            "li",
            element("b", tongue.kind(kind.kind)),
            _bar(kind, tongue),
            element(
                "span",
                tongue.say("pages.moved_of", moved=tongue.number(kind.loaded), seen=tongue.number(kind.seen)),
                _unexplained(kind, tongue),
            ),
        )
        for kind in kinds
    ]
    return joined(element("ul", bars, class_="flow"), element("ul", legend, class_="legend"))


def _unexplained(kind: KindReconciliation, tongue: Tongue) -> Markup | None:
    """What nothing explains, in words beside the bar: it may be too little to see in it."""
    if not kind.unexplained:
        return None
    words = tongue.say("pages.bar_unexplained", count=tongue.number(kind.unexplained))
    return joined(element("br"), tongue.tag("bad", words))


def _parts(kind: KindReconciliation) -> dict[str, int]:
    """How many rows ended each way."""
    rejected = sum(kind.rejected_at_source.values()) + sum(kind.rejected_at_target.values())
    moved = max(0, kind.sent - sum(kind.rejected_at_target.values()) - kind.unexplained)
    return {
        "moved": moved, "out": sum(kind.excluded.values()), "rejected": rejected, "unexplained": kind.unexplained,
    }  # fmt: skip


def _bar(kind: KindReconciliation, tongue: Tongue) -> Markup:
    parts = _parts(kind)
    shapes: list[Content] = [element("rect", class_="f-none", width=_WIDE, height=16)]
    start = 0.0
    for name, wide in _widths(parts).items():
        if wide:
            shapes.append(_filled(name, start, wide, 16))
        start += wide
    spoken = ", ".join(
        f"{tongue.say(f'pages.part_{name}')} {tongue.number(rows)}" for name, rows in parts.items()
    )
    return element(
        "svg", element("title", tongue.kind(kind.kind)), element("desc", spoken), shapes,
        viewBox=f"0 0 {_WIDE} 16", preserveAspectRatio="none", role="img",
    )  # fmt: skip


def _widths(parts: dict[str, int]) -> dict[str, float]:
    """How wide each part is drawn; one too small to see takes three units from the widest, since a single lost row must show."""
    whole = max(1, sum(parts.values()))
    widths = {name: max(3.0, rows * _WIDE / whole) if rows else 0.0 for name, rows in parts.items()}
    widest = max(widths, key=widths.__getitem__)
    if sum(parts.values()):
        widths[widest] -= sum(widths.values()) - _WIDE
    return widths


def _filled(part: str, x: float, wide: float, high: int) -> Markup:
    """A rectangle of one part, with the sign that goes with its colour."""
    colour = {"moved": "f-moved", "out": "f-out", "rejected": "f-rej", "unexplained": "f-bad"}[part]
    shape = element("rect", class_=colour, x=f"{x:.2f}", width=f"{wide:.2f}", height=high)
    lines = {
        "out": "".join(
            f"M{x + at:.1f} {high}L{min(x + at + high / 2, x + wide):.1f} 0" for at in range(3, int(wide), 9)
        ),
        "rejected": "".join(f"M{x + at:.1f} 0V{high}" for at in range(3, int(wide), 5)),
        "unexplained": f"M{x:.1f} 0L{x + wide:.1f} {high}M{x:.1f} {high}L{x + wide:.1f} 0",
    }
    return joined(
        shape,
        element("path", class_="s-out", d=lines[part], opacity="0.55")
        if part in lines and wide >= 8
        else None,
    )


def _swatch(part: str) -> Markup:
    return element(
        "svg", _filled(part, 0, 30, 16), viewBox="0 0 30 16", aria_hidden="true", focusable="false"
    )


def gates_plot(events: Sequence[Event], tongue: Tongue) -> Markup:
    """The order of the acts, left to right, and over it when each gate stood open: never both."""
    known = {act.value for act in Act}
    acts = [Act(event.act) for event in events if event.act in known]
    left, right = 150, 712
    step = (right - left) / max(1, len(acts))
    shapes: list[Content] = []
    for lane, gate in enumerate(("source", "target")):
        y = 16 + 30 * lane
        label = tongue.say("pages.plot_source_gate" if gate == "source" else "pages.plot_target_gate")
        shapes.append(element("text", label, x=0, y=y + 11, class_="strong"))
        shapes.append(element("path", class_="line", d=f"M{left} {y + 7}H{right}"))
        shapes += [
            joined(
                element("rect", class_="f-moved", x=f"{left + step * a:.1f}", y=y, width=f"{step * (b - a):.1f}", height=14, rx=2),
                element("text", tongue.say("pages.plot_open"), x=f"{left + step * (a + b) / 2:.1f}", y=y - 3, text_anchor="middle"),
            )
            for a, b in _spans(acts, gate)
        ]  # fmt: skip
    named = [(place, act) for place, act in enumerate(acts) if act in _STEPS]
    for row, (place, act) in enumerate(named):
        x = left + step * (place + 0.5)
        y = 92 + 15 * (row % 2)
        shapes.append(element("path", class_="line", d=f"M{x:.1f} 12V{y - 11}"))
        shapes.append(element("circle", class_="f-ink", cx=f"{x:.1f}", cy=72, r="3.5"))
        shapes.append(
            element(
                "text", tongue.say(f"pages.step_{act.name.lower()}"), x=f"{x:.1f}", y=y, text_anchor="middle"
            )
        )
    title = tongue.say("pages.plot_gates_title")
    return scrolled(
        element(
            "svg", element("title", title), element("desc", tongue.say("pages.plot_gates_desc")), shapes,
            viewBox="0 0 740 114", class_="plot", role="img",
        ),
        title,
    )  # fmt: skip


def _spans(acts: Sequence[Act], gate: str) -> list[tuple[int, int]]:
    """From which act to which a gate stood open; still open, to the end."""
    spans, opened = [], None
    for place, act in enumerate(acts):
        if OPENS.get(act) == gate:
            opened = place if opened is None else opened
        elif CLOSES.get(act) == gate and opened is not None:
            spans.append((opened, place + 1))
            opened = None
    return spans if opened is None else [*spans, (opened, len(acts))]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Records by site and month over all kinds that have both: moved, excluded, unexplained."""

    cells: dict[tuple[str, str], tuple[int, int, int]]

    @classmethod
    def of(cls, groups: Iterable[tuple[str, str, str, int, int, int]]) -> HeatMap:
        """Sum the reconciliation's groups; those without a site or a month are not part of it."""
        cells: dict[tuple[str, str], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        for _, site, month, moved, out, unexplained in groups:
            if NOWHERE not in (site, month):
                before = cells[site, month]
                cells[site, month] = (before[0] + moved, before[1] + out, before[2] + unexplained)
        return cls(dict(sorted(cells.items())))

    @property
    def sites(self) -> list[str]:
        """Every site, in order."""
        return sorted({site for site, _ in self.cells})

    @property
    def months(self) -> list[str]:
        """Every month from the first to the last, those without records too."""
        known = sorted({month for _, month in self.cells})
        numbers = (
            [int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (known[0], known[-1])]
            if known
            else [0, -1]
        )
        return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(numbers[0], numbers[1] + 1)]

    def by_year(self) -> dict[str, Counter[str]]:
        """For each site, what moved in each year, and in all what was excluded ("out") and is unexplained ("unexplained")."""
        lines: dict[str, Counter[str]] = {site: Counter() for site in self.sites}
        for (site, month), (moved, out, unexplained) in self.cells.items():
            lines[site].update({month[:4]: moved, "out": out, "unexplained": unexplained})
        return lines

    def draw(self, tongue: Tongue) -> Markup:
        """One row for each site, one column for each month."""
        months, sites = self.months, self.sites
        left, top, high = 84, 20, 13
        wide = min(14.0, 640 / max(1, len(months)))
        most = max((cell[0] for cell in self.cells.values()), default=1)
        columns = {month: left + wide * place for place, month in enumerate(months)}
        rows = {site: top + high * place for place, site in enumerate(sites)}
        shapes: list[Content] = [
            element("text", month[:4], x=f"{columns[month]:.1f}", y=12, class_="strong")
            for month in months
            if month.endswith("-01") or (month == months[0] and int(month[5:]) < 10)
        ]
        shapes += [
            element("text", site, x=left - 8, y=y + high - 3, text_anchor="end") for site, y in rows.items()
        ]
        shapes += [
            _cell(
                cell,
                x=columns[month],
                y=rows[site],
                wide=wide - (1 if wide > 4 else 0),
                high=high - 1,
                most=most,
            )
            for (site, month), cell in self.cells.items()
        ]
        title = tongue.say("pages.plot_months_title")
        svg = element(
            "svg", element("title", title), element("desc", tongue.say("pages.plot_months_desc")), shapes,
            viewBox=f"0 0 740 {top + high * len(sites) + 2}", class_="plot", role="img",
        )  # fmt: skip
        return scrolled(svg, title)

    def legend(self, tongue: Tongue) -> Markup:
        """What a cell's look means."""
        most = max((cell[0] for cell in self.cells.values()), default=1)
        few = tongue.say("pages.heat_few", most=tongue.number(max(1, most // 5)))
        samples = [
            ((1, 0, 0), few),
            ((most, 0, 0), tongue.say("pages.heat_many", most=tongue.number(most))),
            ((0, 1, 0), tongue.say("pages.heat_out")),
            ((0, 0, 1), tongue.say("pages.heat_unexplained")),
        ]
        return element(
            "ul",
            [
                element(
                    "li",
                    element("svg", _cell(cell, x=0, y=0, wide=22, high=12, most=most), viewBox="0 0 24 13", aria_hidden="true", focusable="false"),
                    text,
                )
                for cell, text in samples
            ],
            class_="legend",
        )  # fmt: skip


def _cell(cell: tuple[int, int, int], *, x: float, y: float, wide: float, high: float, most: int) -> Markup:
    """One month of one site: darker for more, hatched where all stayed, crossed in red where something is unexplained."""
    moved, _, unexplained = cell
    level = 1 + min(4, moved * 5 // max(1, most)) if moved else 0
    shape = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{wide:.1f}", "height": f"{high:.1f}"}
    drawn = [element("rect", class_=f"f-h{level}" if level else "f-none", **shape)]
    if not moved:
        drawn.append(element("path", class_="dash", d=f"M{x:.1f} {y + high:.1f}L{x + wide:.1f} {y:.1f}"))
    if unexplained:
        cross = f"M{x:.1f} {y:.1f}h{wide:.1f}v{high:.1f}h-{wide:.1f}zl{wide:.1f} {high:.1f}"
        drawn.append(element("path", class_="mark-line", d=cross))
    return joined(drawn)
