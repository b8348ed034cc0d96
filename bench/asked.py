"""What a part of `make bench` is asked, and what it gives: the words that all parts share, so that none needs another."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Asked", "Table"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; 0 means the part's own size."""

    results: int = 0
    patients: int = 0
    entries: int = 0
    runs: int = 3


@dataclass(slots=True)
class Table:
    """A part's figures: a sentence, the columns' titles, the rows, and what was not run and why."""

    title: str
    said: str
    columns: list[str]
    rows: list[list[str | float | int]] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
