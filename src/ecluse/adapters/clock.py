"""The only place where the time is read. Everything below is given its time as `at=`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Who tells the time."""

    def now(self) -> datetime:
        """Now, in UTC, in whole seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, in UTC, in whole seconds: what entries, documents and certificates keep."""
        return datetime.now(UTC).replace(microsecond=0)
