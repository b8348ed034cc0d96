"""The API put together for the exchange that this process serves: its sessions, its routes, and what stands before Django."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.conf import settings
from ninja import NinjaAPI

from ecluse import __version__
from ecluse.adapters.accounts.machines import MachineAccounts
from ecluse.doors.api.routes import build
from ecluse.doors.api.session import Sessions
from ecluse.doors.api.uploads import Asgi, Front, Uploading
from ecluse.proof.keys import VerifyKey
from ecluse.wiring.console import exchange

__all__ = ["api", "check_ready", "front"]

_NOBODY: Final = VerifyKey(bytes(32)).encode()


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
    return Front(rest, Uploading(find=exchange().intake, sessions=_sessions()), ready=check_ready)


def check_ready() -> None:
    """Accounts and every chamber's ledger answer now. Raises what they raise."""
    served = exchange()
    MachineAccounts().enrolled(_NOBODY)
    for chamber in served.chambers():
        served.chamber(chamber).ledger.checkpoint()


@cache
def _sessions() -> Sessions:
    served = exchange()
    return Sessions(
        exchange=served.settings.name,
        secret=str(settings.SECRET_KEY).encode(),
        machines=MachineAccounts(),
        clock=served.clock,
    )
