"""Everything the command line prints: data on standard output, talk on standard error.

Decides how things look. Colours and moving progress only on a terminal (rich respects NO_COLOR); elsewhere, plain lines and at most one line for each
tenth of a long work. With --json, one object on standard output, with the keys that `shown` promises, and nothing else there.
"""

from __future__ import annotations

import json as encoding
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import duration, number, say
from ecluse.doors.cli.shown import SHOWN

__all__ = ["Voice"]


@dataclass(frozen=True, slots=True)
class Voice:
    """One command's way of speaking: its language, and whether a machine listens."""

    language: str
    json: bool = False

    def phrase(self, key: str, **values: object) -> str:
        """A sentence of the catalogue `cli`."""
        return say(f"cli.{key}", self.language, **values)

    def number(self, value: int) -> str:
        """A whole number as this language writes it."""
        return number(value, self.language)

    def result(self, verb: str, **content: Any) -> None:
        """The result for a machine: exactly the keys documented for the verb."""
        if set(content) != set(SHOWN[verb]):
            raise ValueError(f"{verb} shows {sorted(content)}, not {sorted(SHOWN[verb])}")
        if self.json:
            typer.echo(encoding.dumps(content, ensure_ascii=False, default=str))

    def line(self, text: str = "", *, style: str = "") -> None:
        """A line of the result for a person."""
        if not self.json:
            _console(error=False).print(text, style=style or None)

    def talk(self, text: str) -> None:
        """A line beside the result."""
        _console(error=True).print(text)

    def table(
        self, rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: str = ""
    ) -> None:
        """Lines in columns, those of `right` aligned to the right; the last column is as long as it is."""
        if self.json or not rows:
            return
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = [
                cell.rjust(width) if place in right else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line((indent + "  ".join(cells)).rstrip())

    def sign(self, *, good: bool) -> str:
        """A mark that does not rest on colour."""
        return "✓" if good else "✗"

    def next(self, command: str) -> None:
        """The last line of every verb: what to do now."""
        self.talk(self.phrase("next", command=command))

    def refuse(self, refusal: Refusal | Fault) -> None:
        """What and where, on what it rests, what to do: a line each."""
        kind = "refusal" if isinstance(refusal, Refusal) else "fault"
        if self.json:
            typer.echo(
                encoding.dumps(
                    {
                        "refusal": {
                            "code": refusal.code,
                            "exit": refusal.exit,
                            "message": refusal.message(self.language),
                            "rule": refusal.law(self.language),
                            "hint": refusal.hint(self.language),
                            "retry": refusal.rule.retry,
                        }
                    },
                    ensure_ascii=False,
                )
            )
        self.complain(f"{say(f'cli.{kind}', self.language)}{refusal.message(self.language)}")
        self.talk(f"{self.phrase('rule')}{refusal.law(self.language)} [{refusal.code}]")
        self.hint(refusal.hint(self.language))

    def complain(self, text: str) -> None:
        """The first line of a command that did not succeed."""
        _console(error=True).print(f"ecluse: {text}", style="bold")

    def hint(self, text: str) -> None:
        """What to do about it."""
        self.talk(f"{self.phrase('hint')}{text}")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """Tell how a long work goes, as (part, done, total): a moving bar on a terminal, else a line for each tenth."""
        if sys.stderr.isatty():
            with _bar(self, what) as tell:
                yield tell
            return
        yield _Tenths(self, what).tell


class _Tenths:
    """Progress without a terminal: a line when a tenth more is done, with the rate; small works say nothing."""

    def __init__(self, voice: Voice, what: str) -> None:
        self._voice, self._what, self._begun, self._told = voice, what, time.monotonic(), {"": 0}

    def tell(self, part: str, done: int, total: int) -> None:
        """See `Voice.progress`."""
        tenth = 10 * done // total if total else 10
        if tenth <= self._told.get(part, 0) or total < 100_000:
            return
        self._told[part] = tenth
        took = max(time.monotonic() - self._begun, 0.001)
        self._voice.talk(
            self._voice.phrase(
                "progress",
                what=self._what,
                part=part,
                percent=10 * tenth,
                done=self._voice.number(done),
                rate=self._voice.number(int(done / took)),
                left=duration(took * (total - done) / max(done, 1), self._voice.language),
            )
        )


@contextmanager
def _bar(voice: Voice, what: str) -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    with Progress(*columns, console=_console(error=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bar.add_task(f"{what} {part}", total=total, rate="")
            rate = int(done / max(time.monotonic() - begun, 0.001))
            bar.update(tasks[part], completed=done, rate=f"{voice.number(rate)}/s")

        yield tell


def _console(*, error: bool) -> Any:
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)
