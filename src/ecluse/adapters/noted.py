"""What a laboratory noted of its exchange by itself (« faits notés »): each time that something did not verify, in a file of its own.

The ledger cannot say it: whoever keeps the ledger is the one who is doubted. One line of JSON for each fact, durable before the refusal is told; codes and
names of Écluse's own, never a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.journal import Event, Journal
from ecluse.proof.canonical import canonical_json, strict_json

__all__ = ["EVIDENCE", "NotedFacts", "WatchfulJournal"]

EVIDENCE: Final = 9
"""The exit code of what does not verify (`base.refusal.EXITS`)."""


class NotedFacts:
    """The facts noted in `file`, private to its owner."""

    def __init__(self, file: Path, *, clock: Callable[[], datetime]) -> None:
        self._file, self._clock = file, clock

    def note(self, said: Refusal | Fault) -> None:
        """One more, if it is about evidence that does not verify; the same as the last one is not noted twice."""
        if said.exit != EVIDENCE:
            return
        values = {
            name: value if isinstance(value, int) else str(value) for name, value in said.values.items()
        }
        last = self.all()[-1:]
        if last and (last[0]["code"], last[0]["values"]) == (said.code, values):
            return
        line = canonical_json({"time": self._clock().isoformat(), "code": said.code, "values": values})
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)

    def all(self) -> list[Mapping[str, Any]]:
        """Every fact, oldest first: `time`, `code`, `values`. A line that a crash cut is passed over."""
        if not self._file.is_file():
            return []
        whole = self._file.read_bytes().rpartition(b"\n")[0]
        return [cast("Mapping[str, Any]", strict_json(line)) for line in whole.split(b"\n") if line]


class WatchfulJournal:
    """`passage.journal.Journal` that notes at this site what did not verify, then refuses as the journal did."""

    def __init__(self, journal: Journal, *, noted: Callable[[Refusal], None]) -> None:
        self._journal, self._noted = journal, noted

    def events(self) -> list[Event]:
        """See `Journal.events`."""
        try:
            return self._journal.events()
        except Refusal as refusal:
            self._noted(refusal)
            raise

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """See `Journal.append`."""
        try:
            self._journal.append(at=at, by=by, subject=subject, act=act, body=body, expected=expected)
        except Refusal as refusal:
            self._noted(refusal)
            raise
