"""What came is noted in the chamber's ledger, whichever of several processes appends at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault
from ecluse.passage.acts import CUSTODY_RECEIVED
from tests.chambers import awaiting

PART = "part-0001.age"


class Crowded:
    """A chamber's verb, of which the first `times` calls find that another process was first."""

    def __init__(self, record: Callable[..., int], times: int, code: str) -> None:
        self.record, self.left, self.code = record, times, code

    def __call__(self, *args: object, **named: object) -> int:
        if self.left:
            self.left -= 1
            raise Fault(self.code, expected=1, got=2)
        return self.record(*args, **named)


class Beside:
    """A chamber as it is, but for one verb."""

    def __init__(self, chamber: object, record: Crowded) -> None:
        self._chamber, self.record = chamber, record

    def __getattr__(self, name: str) -> object:
        return getattr(self._chamber, name)


@pytest.mark.parametrize(("times", "code"), [(3, ""), (8, "ledger/concurrent"), (1, "ledger/busy")])
def test_an_entry_is_appended_whoever_appends_at_once(tmp_path: Path, times: int, code: str) -> None:
    """What came is noted after other processes' entries; a ledger that never lets us in is a fault, as is any other."""
    waiting = awaiting(tmp_path)
    crowded = Crowded(waiting.chamber.record, times, code or "ledger/concurrent")
    arrivals = replace(waiting.intake.arrivals, chamber=Beside(waiting.chamber, crowded))  # type: ignore[arg-type]
    waiting = replace(waiting, intake=replace(waiting.intake, arrivals=arrivals))
    if code:
        with pytest.raises(Fault, match=code):
            waiting.send(PART)
    else:
        waiting.send(PART)
        assert [act for act, _ in waiting.acts()] == [CUSTODY_RECEIVED]
