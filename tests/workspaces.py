"""Whole workspaces for tests: an invented laboratory with everything signed, ready for a passage; what is asked for can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ecluse.adapters.clock import SystemClock
from ecluse.passage.outbound import begin
from ecluse.terms.instruction import Instruction
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.demonstration import Demonstration, Ready

Change = Callable[[Instruction], Instruction]


class Clock:
    """A clock that a test moves on; it starts at the machine's time, so that certificates made now hold."""

    def __init__(self) -> None:
        self.at = SystemClock().now()

    def __call__(self) -> datetime:
        return self.at


class Laboratory(Demonstration):
    """The demonstration, its instruction changed by a test before it is signed."""

    change: Change = staticmethod(lambda instruction: instruction)

    def agreement(self) -> str:
        """It covers every type of data, each with a safeguard: what leaves is the instruction's to say."""
        special = [
            category.code
            for category in vocabulary().categories.values()
            if category.special or category.container
        ]
        text = super().agreement()
        text = text.replace(
            '"BILL", "PRO"]', '"BILL", "PRO", ' + ", ".join(f'"{code}"' for code in special) + "]"
        )
        safeguards = "".join(
            f'\n  {{ category = "{code}", safeguards = ["accès nominatif journalisé"] }},' for code in special
        )
        return text.replace("special_categories = [", "special_categories = [" + safeguards)

    def instruction(self, *, agreement: str, codes: str, certificate: str) -> Instruction:
        return self.change(super().instruction(agreement=agreement, codes=codes, certificate=certificate))


def laboratory(
    home: Path, *, patients: int = 60, seed: int = 1, change: Change | None = None, clock: Callable[[], datetime] | None = None, **urls: str
) -> tuple[Laboratory, Ready]:  # fmt: skip
    """A laboratory of so many invented patients in SQLite (or at `source_url`, `target_url`), ready for a passage."""
    made = Laboratory(home, patients=patients, seed=seed, clock=clock or SystemClock().now, **urls)
    if change is not None:
        made.change = change  # type: ignore[method-assign]
    return made, made.ready()


def start(ready: Ready, **run: int | bool) -> str:
    """Begin a migration as the engineer; its name."""
    return begin(ready.source, by=ready.cast.ids["engineer"], instruction=ready.instruction, **run)  # type: ignore[arg-type]


def carried(ready: Ready, **run: int | bool) -> str:
    """A migration carried to LOADED."""
    name = start(ready, **run)
    ready.course.run(name, by=ready.cast.ids["engineer"])
    return name


def ended(ready: Ready) -> str:
    """A migration carried, reconciled, accepted and erased."""
    name = carried(ready)
    ready.course.reconcile(name, by=ready.cast.ids["engineer"])
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    return name


def also(instruction: Instruction, kind: str, *fields: str) -> Instruction:
    """The instruction taking more fields of a kind, in the vocabulary's order."""
    taken = {*instruction.records.get(kind, ()), *fields}
    records = {
        **instruction.records,
        kind: tuple(name for name in vocabulary().kinds[kind].fields if name in taken),
    }
    return replace(
        instruction, records={name: records[name] for name in vocabulary().kinds if name in records}
    )
