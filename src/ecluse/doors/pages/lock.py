"""The canal lock of a migration, drawn from the side: which gate is open, how high the water stands, where the barge is.

Decides a drawing from a state, and the sentence that says the same to whoever does not see it. It decides no state.
"""

from __future__ import annotations

from typing import Final

from ecluse.doors.pages.markup import Markup, element, joined
from ecluse.doors.pages.tongue import Tongue
from ecluse.passage.migration import Gate, Migration
from ecluse.passage.migration import MigrationState as State

__all__ = ["gates_sentence", "lock_drawing"]

_HIGH, _LOW, _BED = 58, 86, 112
_GATES: Final = {"source": 104, "target": 226}
_BARGE: Final = {
    State.DRAFTED: 52, State.INSTRUCTED: 52, State.EXTRACTED: 168, State.DEPOSITED: 168, State.HANDED_OVER: 168,
    State.LOADED: 284, State.RECONCILED: 284, State.ERASED: 284,
}  # fmt: skip
"""Where the barge's middle is; a migration that was stopped has none, whatever had left the source."""


def lock_drawing(migration: Migration | None, tongue: Tongue) -> Markup:
    """The drawing, with its sentence under it; without a migration it is an emblem, which says nothing and is not read aloud."""
    state, gate = (migration.state, migration.gate) if migration else (State.DRAFTED, None)
    chamber = _LOW if state in (State.LOADED, State.RECONCILED, State.ERASED) or gate == "target" else _HIGH
    barge = _BARGE.get(state) if migration else None
    sentence = gates_sentence(gate, tongue)
    drawing = element(
        "svg",
        [element("title", sentence), element("desc", tongue.say("pages.lock_desc"))] if migration else None,
        _pool(0, 100, _HIGH),
        _pool(112, 222, chamber),
        _pool(234, 336, _LOW),
        element("path", class_="stone", d=f"M0 {_BED}H336V122H0ZM222 {_BED}h12v0h-12Z"),
        element("path", class_="stone", d="M96 100h20v22H96ZM218 100h20v22h-20Z"),
        [_gate(x, is_open=gate == name) for name, x in _GATES.items()],
        _barge(barge, chamber) if barge else None,
        [
            element("text", tongue.say(key), x=x, y=138, text_anchor="middle")
            for key, x in (("pages.lock_source", 50), ("pages.lock_chamber", 168), ("pages.lock_target", 284))
        ],
        class_="lock",
        viewBox="0 0 336 144",
        role="img" if migration else None,
        aria_hidden=None if migration else "true",
    )
    return element("figure", drawing, element("figcaption", sentence)) if migration else drawing


def gates_sentence(gate: Gate | None, tongue: Tongue) -> str:
    """Which gate is open, in words."""
    if gate is None:
        return tongue.say("pages.gates_shut")
    return tongue.say("pages.gate_source_open" if gate == "source" else "pages.gate_target_open")


def _pool(left: int, right: int, level: int) -> Markup:
    """Water from one wall to the other, with a few waves."""
    waves = "".join(f"M{x} {level + 8}q4 -3 8 0t8 0" for x in range(left + 12, right - 20, 34))
    return joined(
        element("rect", class_="water", x=left, y=level, width=right - left, height=_BED - level),
        element("path", class_="wave", d=f"M{left} {level}H{right}"),
        element("path", class_="wave", d=waves, opacity="0.45"),
    )


def _gate(x: int, *, is_open: bool) -> Markup:
    """A gate between two posts: down in the water, or lifted out of it."""
    top = 2 if is_open else 46
    planks = "".join(f"M{x - 4} {y}h12" for y in range(top + 11, top + 58, 11))
    return joined(
        element("path", class_="post", d=f"M{x - 7} {_BED}V8H{x + 11}V{_BED}"),
        element("rect", class_="gate", x=x - 4, y=top, width=12, height=_BED - 46, rx=1),
        element("path", class_="plank", d=planks),
    )


def _barge(x: int, chamber: int) -> Markup:
    """A barge with one sealed crate, on whichever water it is."""
    level = _HIGH if x < 100 else chamber if x < 230 else _LOW
    hull = f"M{x - 36} {level - 7}h72l-7 14h-57q-6 0 -8 -14z"
    return joined(
        element("rect", class_="crate", x=x - 13, y=level - 25, width=26, height=18, rx=1),
        element("path", class_="crate", d=f"M{x - 13} {level - 16}h26"),
        element("circle", class_="wax", cx=x, cy=level - 16, r=4),
        element("path", class_="hull", d=hull),
    )
