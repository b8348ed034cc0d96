"""The exchange as the accounts need it: its chambers, in whose ledgers each of their acts stands, and the time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ecluse.passage.chamber import Chamber

__all__ = ["Chambers"]


class Chambers(Protocol):
    """`wiring.exchange.Exchange` is one."""

    def chamber(self, name: str) -> Chamber:
        """One chamber. Raises Refusal `chamber/unknown`."""
        ...

    def clock(self) -> datetime:
        """Now (UTC)."""
        ...
