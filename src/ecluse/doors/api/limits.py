"""How often one may knock: a bucket of calls for each caller, which fills again with time.

Decides only how many; held in this process, so that several processes allow several times as much.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

__all__ = ["Buckets"]

MOST_CALLERS: Final = 10_000


class Buckets:
    """`burst` calls at once for each caller, then `rate` a second. A caller of whom nothing is held has a full bucket."""

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left: dict[Hashable, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def allows(self, caller: Hashable) -> bool:
        """Take one call out of the caller's bucket; False when it is empty."""
        now = self._clock()
        with self._lock:
            left, since = self._left.get(caller, (float(self._burst), now))
            left = min(self._burst, left + (now - since) * self._rate)
            if len(self._left) >= MOST_CALLERS:  # a full bucket need not be remembered
                full = self._burst / self._rate
                self._left = {who: held for who, held in self._left.items() if now - held[1] < full}
            self._left[caller] = (max(left - 1, 0.0) if left >= 1 else left, now)
            return left >= 1
