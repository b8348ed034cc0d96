"""How much one network address may ask for: connections, failures, octets. Kept in memory, for minutes; an IPv6 address counts with its /64.

Decides who is turned away before any cryptography is done for them. It does not know accounts.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Limits", "Throttle"]

_MOST_ADDRESSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the door bears. Seconds, and octets a second; `burst` connections at once from one address, then `rate` a second."""

    connections: int = 400
    not_logged_in: int = 64
    per_address: int = 16
    burst: int = 20
    rate: float = 1.0
    failures: int = 10
    failures_forgotten: float = 600.0
    octets: float = 1 << 30
    login: float = 20.0
    sessions: int = 8
    looked_again: float = 30.0
    refusals_noted: int = 10


@dataclass(slots=True)
class _Address:
    """One address: its connections, those it may still make, when it failed, octets it may still move, refusals noted."""

    tokens: float
    octets: float
    at: float
    live: int = 0
    failed: list[float] = field(default_factory=list)
    noted: int = 0


class Throttle:
    """Counts for one door. Used from its event loop alone."""

    def __init__(self, limits: Limits, *, now: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._now = limits, now
        self._addresses: dict[str, _Address] = {}
        self._live = self._strangers = 0

    def enter(self, address: str) -> bool:
        """Whether one more connection from there is taken; if so `leave` once it ends, and `known` once it logged in."""
        limits, seen = self._limits, self._seen(address)
        if (
            seen.tokens < 1
            or seen.live >= limits.per_address
            or len(seen.failed) >= limits.failures
            or self._live >= limits.connections
            or self._strangers >= limits.not_logged_in
        ):
            return False
        seen.tokens -= 1
        seen.live += 1
        self._live += 1
        self._strangers += 1
        return True

    def known(self) -> None:
        """One that entered has logged in."""
        self._strangers -= 1

    def leave(self, address: str, *, known: bool) -> None:
        """One that entered is gone."""
        self._seen(address).live -= 1
        self._live -= 1
        self._strangers -= 0 if known else 1

    def fail(self, address: str) -> None:
        """A login from there failed."""
        seen = self._seen(address)
        seen.failed = [*seen.failed[-self._limits.failures :], self._now()]

    def notes(self, address: str) -> bool:
        """Whether one more refusal from there is worth an entry: a ledger is not filled by a stranger."""
        seen = self._seen(address)
        seen.noted += 1
        return seen.noted <= self._limits.refusals_noted

    def wait(self, address: str, octets: int) -> float:
        """How long the sender of so many octets is to wait, in seconds."""
        seen = self._seen(address)
        seen.octets -= octets
        return max(-seen.octets / self._limits.octets, 0.0)

    def _seen(self, address: str) -> _Address:
        """One address with what it got back since it was last seen."""
        key, now, limits = _network(address), self._now(), self._limits
        seen = self._addresses.get(key)
        if seen is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._forget()
            seen = self._addresses[key] = _Address(limits.burst, limits.octets, now)
        passed = now - seen.at
        seen.at = now
        seen.tokens = min(seen.tokens + passed * limits.rate, limits.burst)
        seen.octets = min(seen.octets + passed * limits.octets, limits.octets)
        kept = [failed for failed in seen.failed if now - failed < limits.failures_forgotten]
        if not kept and seen.failed:
            seen.noted = 0
        seen.failed = kept
        return seen

    def _forget(self) -> None:
        """Drop the addresses without a connection, the longest unseen first, those that failed last."""
        idle = [key for key, seen in self._addresses.items() if not seen.live]
        idle.sort(key=lambda key: (bool(self._addresses[key].failed), self._addresses[key].at))
        for key in idle[: _MOST_ADDRESSES // 10]:
            del self._addresses[key]


def _network(address: str) -> str:
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv6Address):
        return str(read.ipv4_mapped or ipaddress.ip_network((read, 64), strict=False))
    return str(read)
