"""The formats of files that pass one contract suite (test_format.py), and what the suite must know of each.

A format joins by a module of its own beside this one, `tests/ports/format_<name>.py`, that holds `DESCRIBED`; nothing here changes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ecluse.adapters.connectors.files.format import Format


@dataclass(frozen=True, eq=False)
class Described:
    """One format. `samples`: whole files written by hand for the test, never anybody's: with what the format's own `write` never makes.

    `units`: how many units (segments, lines, elements, rows) these octets hold, counted without the format, by separators alone; it must know
    what to say of any octets at all. `repeated`: a stream of so many messages in one file; None where a file holds one message.
    `writes`: False for a format that is only read (its samples then stand for what it would write).
    """

    name: str
    format: Callable[[], Format]
    units: Callable[[bytes], int]
    samples: Sequence[bytes] = ()
    repeated: Callable[[int], io.RawIOBase] | None = None
    writes: bool = True


class Repeat(io.RawIOBase):
    """A file made as it is read: `head`, then `message(n)` for each n below `times`, then `tail`. It takes no memory."""

    def __init__(
        self, message: Callable[[int], bytes], times: int, *, head: bytes = b"", tail: bytes = b""
    ) -> None:
        self._message, self._times, self._tail = message, times, tail
        self._place, self._held = 0, head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held and self._place <= self._times:
            self._held = self._message(self._place) if self._place < self._times else self._tail
            self._place += 1
        given = self._held[: len(buffer)]
        buffer[: len(given)] = given
        self._held = self._held[len(given) :]
        return len(given)


class Dripped(io.RawIOBase):
    """Octets that come `at_once` at a time, as from a slow line."""

    def __init__(self, octets: bytes, at_once: int) -> None:
        self._octets, self._at_once, self._place = octets, at_once, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        given = self._octets[self._place : self._place + min(self._at_once, len(buffer))]
        buffer[: len(given)] = given
        self._place += len(given)
        return len(given)


def described() -> dict[str, Described]:
    """Every format of this folder, by name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("format_*.py"))
    found = [import_module(f"tests.ports.{name}").DESCRIBED for name in names]
    return {it.name: it for it in found}
