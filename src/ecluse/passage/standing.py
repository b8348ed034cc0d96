"""What of the migrations stands in the target and was accepted by nobody, as far as the ledger tells.

Decides when records are neither accepted nor taken out: from the first opening of gate 2 on, until a biologist accepts or all of it is taken out again.
A load that was killed counts: what it wrote, nobody knows but the target.
"""

from __future__ import annotations

from datetime import datetime

from ecluse.base.refusal import Refusal
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act
from ecluse.passage.site import Site

__all__ = ["stands", "taken_at", "unaccepted"]


def stands(site: Site, name: str) -> bool:
    """Whether records of this migration stand, or may stand, in the target, and nobody accepted them."""
    return name in unaccepted(site)


def unaccepted(site: Site) -> list[str]:
    """Every such migration, in order of drafting; those erased since are among them."""
    found: dict[str, bool] = {}
    for event in site.journal.events():
        if (told := _tells(event)) is not None:
            found[event.subject] = told
    return [name for name in site.migrations() if found.get(name)]


def taken_at(site: Site, name: str) -> datetime:
    """When this migration's parcel was taken out of custody. Raises Refusal `migration/not-now` where it never was: then nothing of it can stand."""
    taken = [
        event.time
        for event in site.journal.events()
        if event.subject == name and event.act == Act.HAND_OVER.value
    ]
    if not taken:
        state = site.migration(name).state.value
        raise Refusal("migration/not-now", where=name, act=Act.ROLL_BACK.value, got=state)
    return datetime.fromisoformat(taken[-1])


def _tells(event: Event) -> bool | None:
    """What an entry says of its migration's records, if anything. A gate opened to take them out closes on nothing."""
    if event.act == Act.OPEN_TARGET.value:
        return True
    if event.act == Act.RECONCILE.value or (event.act == Act.ROLL_BACK.value and event.body.get("to") == 0):
        return False
    return None
