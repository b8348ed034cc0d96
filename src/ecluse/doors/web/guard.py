"""What holds for every answer of the console: its policy, its language, and that nobody acts before a second factor stands.

Decides nothing about what a page shows. There is no switch: each of these is always on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Final

from allauth.account.stages import LoginStageController
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django.contrib.auth import logout
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation

from ecluse.adapters.accounts.people import note_two_networks
from ecluse.base.words import LANGUAGES
from ecluse.people.role import Permission, Role, permissions
from ecluse.wiring.console import exchange

__all__ = [
    "CountedCodes",
    "Language",
    "Lasting",
    "OneNetwork",
    "Policy",
    "SecondFactor",
    "network_of",
    "spoken",
    "tried",
]

Answer = Callable[[HttpRequest], HttpResponse]
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""`data:` is the TOTP square code, which allauth draws into the page; `script-src` is for passkeys alone."""
NOTHING: Final = (
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
AT_ONCE: Final = timedelta(minutes=10)
IDLE: Final = timedelta(minutes=30)
"""How long a session lives without a request (ASVS 5.0 V7.3.1)."""
LONGEST: Final = timedelta(hours=12)
"""How long a session lives in all, whatever is asked meanwhile (ASVS 5.0 V7.3.2): a day's work."""
NEVER: Final = frozenset({"TRACE", "TRACK", "CONNECT"})
"""Methods that no page needs (ASVS 5.0 V13.4.4)."""
BEFORE_SECOND_FACTOR: Final = ("/account/", "/style/", "/script/", "/join/")


class Policy:
    """Headers of every answer: nothing from elsewhere, nothing kept by a shared cache."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware."""
        response = HttpResponse(status=405) if request.method in NEVER else self._answer(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["Permissions-Policy"] = NOTHING
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Frame-Options"] = "DENY"
        if request.method == "POST" and request.path == reverse("account_logout"):
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


class Language:
    """The language of the person, else of the visitor's choice, else of the exchange."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware. `?language=` is kept in the session until the person has one of their own."""
        asked = request.GET.get("language", "")
        if asked in LANGUAGES:
            request.session["language"] = asked
        chosen = request.session.get("language") or getattr(request.user, "language", "") or _default()
        with translation.override(chosen):
            response = self._answer(request)
        response.headers["Content-Language"] = chosen
        return response


class SecondFactor:
    """Whoever is logged in without a second factor sees only the page that sets one (passkey or one-time code)."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware."""
        if (
            request.user.is_authenticated
            and not request.path.startswith(BEFORE_SECOND_FACTOR)
            and not is_mfa_enabled(request.user)
        ):
            return redirect("mfa_index")
        return self._answer(request)


class Lasting:
    """A session ends after `IDLE` without a request, and `LONGEST` after it began: whoever finds a screen left open finds the log-in."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware."""
        if request.user.is_authenticated:
            now = timezone.now()
            own = UserSession.objects.filter(session_key=request.session.session_key).first()
            if own and (now - own.last_seen_at > IDLE or now - own.created_at > LONGEST):
                logout(request)
        return self._answer(request)


class OneNetwork:
    """One human is in one place: an account open from two networks at once is refused from the second, and the ledger tells of it.

    A network is a /24 or a /48, so that a telephone moving within its operator's stays where it is; « at once » is within `AT_ONCE`.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware. The older session goes on; the newer one ends."""
        account = request.user
        if not account.is_authenticated:
            return self._answer(request)
        here = network_of(request.META.get("REMOTE_ADDR", ""))
        since = timezone.now() - AT_ONCE
        others = UserSession.objects.filter(user=account, last_seen_at__gt=since).exclude(
            session_key=request.session.session_key
        )
        if all(network_of(other.ip) == here for other in others):
            return self._answer(request)
        note_two_networks(exchange(), account)
        logout(request)
        return render(request, "console/elsewhere.html", status=403)


class CountedCodes:
    """A wrong one-time code counts as a wrong password does: by pair of account and address. allauth alone would count it by account."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """See Django's middleware. The account is the one whose first factor was right in this session."""
        if request.method != "POST" or request.path != reverse("mfa_authenticate"):
            return self._answer(request)
        stashed = LoginStageController.enter(request, "mfa_authenticate")
        account = stashed.login.user if stashed else None
        if account is None:
            return self._answer(request)
        known = {"username": account.email}
        if not AxesProxyHandler.is_allowed(request, known):
            return get_lockout_response(request, credentials=known)
        response = self._answer(request)
        if not request.user.is_authenticated:
            user_login_failed.send(sender=__name__, credentials=known, request=request)
        return response


def network_of(address: str) -> str:
    """The network of an address, or the address itself where it is none."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((known, 24 if known.version == 4 else 48), strict=False))


def tried(request: HttpRequest, credentials: Mapping[str, str] | None) -> str:
    """The account that somebody tries to enter, however allauth or a form calls its address."""
    given = credentials or {}
    return (given.get("username") or given.get("email") or request.POST.get("login", "")).strip().lower()


def spoken(request: HttpRequest) -> dict[str, Any]:
    """What every template knows: its language, the other one, the exchange, and whether the person hosts, and sends or takes parcels."""
    language = translation.get_language() or "fr"
    return {
        "language": language,
        "other_language": "en" if language == "fr" else "fr",
        "exchange": exchange().settings,
        "hosts": request.user.is_authenticated and request.user.role == Role.HOST.value,
        "sends": request.user.is_authenticated
        and bool(permissions(Role(request.user.role)) & {Permission.DEPOSIT, Permission.LOAD}),
    }


def _default() -> str:
    return exchange().settings.language
