"""One exchange for the tests of its doors: Django is configured once in a process, so they share it and make chambers and people of their own."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecluse.adapters.clock import SystemClock
from ecluse.people.role import Role
from ecluse.wiring.exchange import Exchange, write_exchange

PASSWORD = "agrafe cheval pile correct"


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at: datetime = SystemClock().now()

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **length: float) -> None:
        self.at += timedelta(**length)


@pytest.fixture(scope="session")
def hands() -> Hands:
    return Hands()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, hands: Hands) -> Iterator[Exchange]:
    home = tmp_path_factory.mktemp("exchange")
    exchange = Exchange(write_exchange(home, name="sas.example", host="Hôte", language="fr"), clock=hands)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ecluse.wiring.console import configure, upgrade

        configure(exchange)
        upgrade()
    yield exchange
    from django.db import connections

    connections.close_all()


@pytest.fixture(autouse=True)
def _now(hands: Hands) -> None:
    hands.at = SystemClock().now()


@pytest.fixture
def chamber(served: Exchange) -> str:
    """A new laboratory's chamber."""
    name = f"labo-{secrets.token_hex(3)}"
    served.create_chamber(name)
    return name


@pytest.fixture
def people(served: Exchange, chamber: str) -> People:
    return People(served, chamber)


class People:
    """Makes people of one chamber, as an invitation and a browser would."""

    def __init__(self, served: Exchange, chamber: str) -> None:
        self.served, self.chamber = served, chamber

    def link(self, role: Role = Role.BIOLOGIST, **changed: Any) -> str:
        """A one-time link for somebody new."""
        from ecluse.adapters.accounts.models import Organisation
        from ecluse.adapters.accounts.people import invite

        mark = secrets.token_hex(4)
        of, _ = Organisation.objects.get_or_create(name="Laboratoire du Lac", defaults={"kind": "laboratory"})
        given: dict[str, Any] = {
            "email": f"{mark}@example.org",
            "name": f"Personne {mark}",
            "professional_id": mark,
            "organisation": of,
            "chambers": [self.chamber],
        }
        return invite(self.served, by=None, role=role, **{**given, **changed})

    def joined(self, role: Role = Role.BIOLOGIST) -> Any:
        """An account that has joined, without a second factor yet."""
        from ecluse.adapters.accounts.people import accept_invitation

        return accept_invitation(self.served, self.link(role), password=PASSWORD)

    def browser(self) -> Any:
        """A new browser, nobody logged in."""
        from django.test import Client

        return Client(headers={"host": "sas.example:8443"}, SERVER_PORT="8443", enforce_csrf_checks=False)

    def logged_in(self, account: Any, *, factor: bool = True) -> Any:
        """A browser in which this account is logged in, with a one-time code set up."""
        from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

        if factor:
            TOTP.activate(account, generate_totp_secret())
        browser = self.browser()
        browser.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
        return browser
