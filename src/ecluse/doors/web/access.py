"""Who may see and do what in the console: admission to a chamber, and the role's permissions. One table, `people.role`'s; another's chamber is simply not there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from ecluse.adapters.accounts.people import admitted
from ecluse.people.role import Permission, Role, permissions
from ecluse.wiring.console import exchange

__all__ = ["entered", "may", "sure"]

View = Callable[..., HttpResponse]


def entered(view: View) -> View:
    """A page of one chamber: for whoever is admitted there now; for anybody else it does not exist. `request.chamber` is the chamber."""

    @login_required
    @wraps(view)
    def inside(request: HttpRequest, chamber: str, *args: object, **known: object) -> HttpResponse:
        served = exchange()
        if chamber not in admitted(request.user, at=served.clock()):
            raise Http404
        request.chamber = served.chamber(chamber)
        return view(request, *args, **known)

    return inside


def may(request: HttpRequest, permission: Permission) -> bool:
    """Whether the person's role allows this."""
    return permission in permissions(Role(request.user.role))


def sure(permission: Permission) -> Callable[[View], View]:
    """An act that takes this permission, and a second look at who acts: a factor given within the last five minutes (ASVS 5.0 V7.5)."""

    def guarded(view: View) -> View:
        again = reauthentication_required(view)

        @wraps(view)
        def inside(request: HttpRequest, *args: Any, **known: Any) -> HttpResponse:
            if not may(request, permission):
                raise PermissionDenied
            return again(request, *args, **known)

        return inside

    return guarded
