"""One human, one account: invited by name, with a second factor, ended by one act. Every act of it stands in the chamber's ledger."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.people.role import Role
from ecluse.wiring.exchange import Exchange
from tests.doors.exchange.conftest import PASSWORD, Hands, People


def acts(served: Exchange, chamber: str) -> list[tuple[str, str]]:
    return [(event.act, event.by) for event in served.chamber(chamber).events()]


def test_an_invited_person_joins_once_and_must_set_a_second_factor(people: People, served: Exchange) -> None:
    """The link makes one account, leads to the second factor, opens nothing else before it stands, and never works again."""
    token = people.link()
    browser = people.browser()
    page = browser.get(f"/join/{token}/", secure=True)
    assert page.status_code == 200
    done = browser.post(f"/join/{token}/", {"password": PASSWORD, "again": PASSWORD}, secure=True)
    assert (done.status_code, done.headers["Location"]) == (302, "/account/factors/")
    assert browser.get("/", secure=True).headers["Location"] == "/account/factors/"
    again = people.browser().post(f"/join/{token}/", {"password": PASSWORD, "again": PASSWORD}, secure=True)
    assert again.status_code == 404
    (invited, joined) = acts(served, people.chamber)
    assert (invited[0], joined[0]) == ("account.invited", "account.joined")
    assert joined[1].startswith("p-")


@pytest.mark.parametrize(
    ("password", "again"), [(PASSWORD, PASSWORD + "x"), ("court", "court"), ("motdepasse123", "motdepasse12")]
)
def test_a_weak_or_mistyped_password_makes_no_account(people: People, password: str, again: str) -> None:
    """Nothing is made before both are the same and long enough; the link still works."""
    token = people.link()
    browser = people.browser()
    page = browser.post(f"/join/{token}/", {"password": password, "again": again}, secure=True)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    assert browser.get(f"/join/{token}/", secure=True).status_code == 200


def test_an_invitation_ends(people: People, hands: Hands) -> None:
    """After seven days the link is answered as one that never was."""
    token = people.link()
    hands.pass_(days=7)
    over, never = (people.browser().get(f"/join/{one}/", secure=True) for one in (token, "never"))
    assert (over.status_code, never.status_code) == (404, 404)
    assert over.content == never.content


def test_nobody_has_two_accounts(people: People) -> None:
    """A second invitation to an address that has an account is refused, however it is written."""
    account = people.joined()
    with pytest.raises(Refusal, match="account/exists"):
        people.link(email=account.email.upper())


def test_an_ended_account_is_out_everywhere_at_once(people: People, served: Exchange) -> None:
    """Sessions end with the account, in the same act, which the ledger tells with its reason; it cannot log in again nor be ended twice."""
    from ecluse.adapters.accounts.people import admitted, end_account

    account, host = people.joined(), people.joined(Role.HOST)
    browser = people.logged_in(account)
    assert browser.get("/", secure=True).status_code == 200
    end_account(served, account, by=host, reason="departure")
    assert browser.get("/", secure=True).status_code == 302
    assert admitted(account, at=served.clock()) == []
    event = served.chamber(people.chamber).events()[-1]
    assert (event.act, event.by, event.subject, dict(event.body)) == (
        "account.ended",
        host.person,
        account.person,
        {"reason": "departure"},
    )
    refused = people.browser().post(
        "/account/login/", {"login": account.email, "password": PASSWORD}, secure=True
    )
    assert "_auth_user_id" not in refused.wsgi_request.session
    with pytest.raises(Refusal, match="account/ended"):
        end_account(served, account, by=host, reason="again")


def test_a_person_sees_only_the_chambers_where_they_are_admitted(people: People, served: Exchange) -> None:
    """A migration of another laboratory is on no page of somebody who is not admitted there."""
    other = served.create_chamber(f"{people.chamber}-b")
    other.record("migration.drafted", by="p-0001", subject="m-of-another", body={})
    served.chamber(people.chamber).record("migration.drafted", by="p-0001", subject="m-of-ours", body={})
    page = people.logged_in(people.joined()).get("/", secure=True).content.decode()
    assert "m-of-ours" in page
    assert "m-of-another" not in page


def test_ten_failures_lock_the_pair_of_account_and_address(people: People) -> None:
    """The eleventh try from the same address is refused even with the right password; from another address the account is free."""
    account = people.joined()
    browser = people.browser()
    for _ in range(10):
        browser.post("/account/login/", {"login": account.email, "password": "wrong"}, secure=True)
    good = {"login": account.email, "password": PASSWORD}
    locked = browser.post("/account/login/", good, secure=True)
    assert locked.status_code in (403, 429)
    elsewhere = people.browser().post("/account/login/", good, secure=True, REMOTE_ADDR="203.0.113.9")
    assert elsewhere.status_code == 302
    other = people.joined()
    free = people.browser().post("/account/login/", {"login": other.email, "password": PASSWORD}, secure=True)
    assert free.status_code == 302


def test_wrong_codes_lock_as_wrong_passwords_do(people: People) -> None:
    """Ten wrong one-time codes shut the account for that address, though the password was right each time."""
    account = people.joined()
    people.logged_in(account)
    browser = people.browser()
    browser.post("/account/login/", {"login": account.email, "password": PASSWORD}, secure=True)
    seen = [
        browser.post("/account/factors/authenticate/", {"code": "000000"}, secure=True).status_code
        for _ in range(11)
    ]
    assert seen == [200] * 9 + [seen[9], 429]


def test_a_failed_log_in_does_not_tell_what_was_wrong(people: People) -> None:
    """An unknown address, a wrong password and an ended account are answered with the same words."""
    account = people.joined()

    def said(login: str) -> str:
        answer = people.browser().post(
            "/account/login/", {"login": login, "password": "wrong one"}, secure=True
        )
        return "".join(re.findall(r'role="alert">(.*?)</div>', answer.content.decode(), re.DOTALL))

    assert said(account.email) == said("nobody@example.org") != ""


def test_every_answer_carries_the_policy(people: People) -> None:
    """Pages, styles and refusals alike forbid what is not ours: no inline script, no other origin, no frame, no shared cache for pages."""
    browser = people.browser()
    for path in ("/account/login/", "/style/console.css", "/nowhere/"):
        headers = browser.get(path, secure=True).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Strict-Transport-Security"]
    assert "no-store" in browser.get("/account/login/", secure=True).headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/style/../settings.py", "/script/secret.key", "/style/page.css"])
def test_no_file_is_served_but_the_listed_ones(people: People, path: str) -> None:
    """Styles and scripts are a fixed list; no path leads to another file."""
    assert people.browser().get(path, secure=True).status_code == 404


@pytest.mark.parametrize("path", ["/admin/", "/account/signup/", "/account/password/reset/", "/files/"])
def test_what_the_console_does_not_have(people: People, path: str) -> None:
    """There is no administration, no sign-up, no reset by mail and no public area, logged in or not."""
    assert people.browser().get(path, secure=True).status_code == 404
    assert people.logged_in(people.joined()).get(path, secure=True).status_code == 404


def test_another_host_name_is_not_answered(people: People) -> None:
    """A request under a name that is not the exchange's is refused."""
    from django.test import Client

    assert Client(headers={"host": "evil.example"}).get("/", secure=True).status_code == 400


def test_the_last_second_factor_stays(people: People) -> None:
    """Nobody takes away their only second factor; a one-time code's secret does not lie readable in the table."""
    from allauth.mfa.models import Authenticator

    account = people.joined()
    browser = people.logged_in(account)
    kept: Any = Authenticator.objects.get(user=account, type="totp")
    assert len(kept.data["secret"]) > 60
    browser.post("/account/again/", {"password": PASSWORD}, secure=True)
    browser.post("/account/factors/totp/deactivate/", secure=True)
    assert Authenticator.objects.filter(user=account, type="totp").exists()


def test_english_is_spoken_to_who_asks(people: People) -> None:
    """French first; `?language=en` is kept for the session."""
    browser = people.browser()
    assert 'lang="fr"' in browser.get("/account/login/", secure=True).content.decode()
    browser.get("/account/login/?language=en", secure=True)
    page = browser.get("/account/login/", secure=True)
    assert 'lang="en"' in page.content.decode()
    assert page.headers["Content-Language"] == "en"


def test_one_account_from_two_networks_at_once_is_refused_and_noted(people: People, served: Exchange) -> None:
    """The second network's session is closed with a page that says why, the first goes on, and the ledger tells of it without an address."""
    account = people.joined()
    first, second = people.logged_in(account), people.logged_in(account, factor=False)
    assert first.get("/", secure=True, REMOTE_ADDR="192.0.2.7").status_code == 200
    near = people.logged_in(account, factor=False)
    assert near.get("/", secure=True, REMOTE_ADDR="192.0.2.99").status_code == 200
    refused = second.get("/", secure=True, REMOTE_ADDR="203.0.113.9")
    assert refused.status_code == 403
    assert "inscrit au journal" in refused.content.decode()
    assert second.get("/", secure=True, REMOTE_ADDR="203.0.113.9").status_code == 302
    assert first.get("/", secure=True, REMOTE_ADDR="192.0.2.7").status_code == 200
    event = served.chamber(people.chamber).events()[-1]
    assert (event.act, event.subject, dict(event.body)) == ("account.two-networks", account.person, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.250", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8:1::1", "2001:db8:1:9::1", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("", "", True),
    ],
)
def test_a_network_is_what_an_operator_gives(one: str, other: str, same: bool) -> None:
    """A /24 or a /48: a telephone that moves within it is still in one place."""
    from ecluse.doors.web.guard import network_of

    assert (network_of(one) == network_of(other)) is same


def test_an_inspector_is_admitted_for_a_while(people: People, hands: Hands) -> None:
    """An inspector's access ends by itself after thirty days."""
    from ecluse.adapters.accounts.people import admitted

    inspector = people.joined(Role.INSPECTOR)
    assert admitted(inspector, at=hands()) == [people.chamber]
    hands.pass_(days=30)
    assert admitted(inspector, at=hands()) == []
