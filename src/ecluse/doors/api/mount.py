"""The API put together for the exchange that this process serves: its sessions, its routes, and what stands before Django."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from ninja import NinjaAPI

from ecluse import __version__
from ecluse.adapters.accounts.machines import MachineAccounts
from ecluse.doors.api.routes import build
from ecluse.doors.api.session import Sessions
from ecluse.doors.api.uploads import Asgi, Front, Uploading
from ecluse.wiring.console import exchange

__all__ = ["api", "front"]


@cache
def api() -> NinjaAPI:
    """The routes, for Django's addresses."""
    served = exchange()
    return build(
        find=served.chamber,
        uploads=lambda chamber: served.intake(chamber).uploads,
        sessions=_sessions(),
        exchange=served.settings.name,
        version=__version__,
    )


def front(rest: Asgi) -> Front:
    """What stands before `rest`."""
    return Front(rest, Uploading(find=exchange().intake, sessions=_sessions()))


@cache
def _sessions() -> Sessions:
    served = exchange()
    return Sessions(
        exchange=served.settings.name,
        secret=str(settings.SECRET_KEY).encode(),
        machines=MachineAccounts(),
        clock=served.clock,
    )
