"""What an exchange does by itself, for each of its chambers: before a door opens, then from time to time. It needs no door and no account."""

from __future__ import annotations

from contextlib import suppress

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.keeping import keep
from ecluse.wiring.exchange import Exchange

__all__ = ["keep_house"]


def keep_house(served: Exchange) -> list[str]:
    """Each chamber is swept, then uploads that were whole when the exchange stopped are finished; the migrations erased.

    A chamber that fails is tried again at the next round: the others do not wait for it.
    """
    erased = []
    for name in served.chambers():
        with suppress(Refusal, Fault):
            intake = served.intake(name)
            erased += keep(served.chamber(name), uploads=intake.uploads, by="exchange")
            intake.settle()
    return erased
