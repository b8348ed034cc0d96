"""The drawings: the lock, the two gates in time, the bars, the months by site."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.plots import HeatMap, gates_plot
from ecluse.doors.pages.report import report_page
from ecluse.doors.pages.tongue import Tongue
from ecluse.passage.migration import STOPPED, Act, Migration, MigrationState
from tests.unit.doors.told import AT, NAME, WHOLE, events, kind, reconciled, story


@pytest.mark.parametrize("state", list(MigrationState))
@pytest.mark.parametrize("gate", [None, "source", "target"])
def test_the_lock_is_drawn_as_it_stands(state: MigrationState, gate: str | None) -> None:
    """The drawing says in words which gate is open; both are never drawn open; a stopped migration carries nothing."""
    drawn = lock_drawing(Migration(NAME, state, gate), Tongue("en"))  # type: ignore[arg-type]
    said = {
        None: "both gates are shut",
        "source": "the source&#x27;s gate is open",
        "target": "the target&#x27;s gate is open",
    }
    assert said[gate] in drawn
    assert drawn.count('y="2"') == (gate is not None)
    assert ('class="hull"' in drawn) is (state not in STOPPED)


def test_the_gates_plot_never_shows_both_open() -> None:
    """In the plot of the two gates no bar of one overlaps a bar of the other, and a gate still open is drawn to the end."""
    acts = [*WHOLE[:4], Act.OPEN_SOURCE, Act.OPEN_SOURCE, *WHOLE[3:9]]
    bars = re.findall(
        r'class="f-moved" x="([\d.]+)" y="(\d+)" width="([\d.]+)"', gates_plot(events(acts), Tongue("en"))
    )
    spans = {y: [(float(x), float(x) + float(w)) for x, at, w in bars if at == y] for y in ("16", "46")}
    assert Counter(len(each) for each in spans.values()) == {2: 1, 1: 1}
    assert all(a[1] <= b[0] + 0.1 or b[1] <= a[0] + 0.1 for a in spans["16"] for b in spans["46"])
    assert gates_plot(events(WHOLE[:3]), Tongue("en")).count('class="f-moved"') == 1


def test_months_without_records_have_their_column() -> None:
    """Between the first and the last month every month has its place, so that a gap shows; the year's sums are the table beside."""
    heat = HeatMap.of(reconciled(unexplained=2).groups)
    assert heat.months == ["2019-11", "2019-12", "2020-01", "2020-02", "2020-03"]
    assert heat.by_year()["02"] == {"2020": 501, "out": 5, "unexplained": 2}
    assert heat.draw(Tongue("fr")).count("mark-line") == 1
    assert HeatMap.of(()).months == []
    long = HeatMap.of(("result", "1", f"{year}-01", 1, 0, 0) for year in range(1900, 2020))
    assert not re.search(r'width="-', long.draw(Tongue("fr")))


def test_a_single_lost_row_shows_in_its_bar() -> None:
    """One unexplained row among millions is drawn, and counted in words beside the bar."""
    text = report_page(
        story(reconciliation=reconciled(kind(seen=5_000_000, loaded=4_999_999, unexplained=1))),
        language="en",
        at=AT,
    )
    assert re.search(r'class="f-bad" x="[\d.]+" width="3.00"', text)
    assert "unexplained: 1" in text


def test_the_parts_of_a_bar_fill_it_and_none_hides_another() -> None:
    """However uneven its parts, a bar is filled exactly, and the smallest stand side by side; a bar of nothing is empty."""
    uneven = kind(seen=9_000_000, sent=8_999_990, loaded=8_999_988, unexplained=1)
    text = report_page(story(reconciliation=reconciled(uneven)), language="en", at=AT)
    bar = re.findall(r'class="f-(?:moved|out|rej|bad)" x="([\d.]+)" width="([\d.]+)"', text)[:4]
    spans = [(float(x), float(x) + float(wide)) for x, wide in bar]
    assert [round(end) for _, end in spans] == [round(start) for start, _ in spans[1:]] + [400]
    empty = kind(seen=0, sent=0, loaded=0, excluded={}, rejected_at_source={}, rejected_at_target={})
    drawn = report_page(story(reconciliation=reconciled(empty)), language="en", at=AT)
    assert not re.search(r'<svg viewBox="0 0 400 16"[^>]*>(?:(?!</svg>).)*class="f-moved"', drawn)
