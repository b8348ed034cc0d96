"""One human, one account: invited by name, with a second factor, ended by one act. Every act of it stands in the chamber's ledger."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from ecluse.base.refusal import Refusal
from ecluse.people.role import Role
from ecluse.wiring.exchange import Exchange
from tests.doors.exchange.conftest import PASSWORD, Hands, People

AWAY = "198.51.100.7"
"""An address of its own: log-ins are counted by address, a minute long."""


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


def test_a_password_is_kept_as_it_was_typed(people: People) -> None:
    """Blanks at the ends of a password are part of it, when it is chosen as when it is given; without them it is another one."""
    token, password = people.link(email="blank@example.org"), f" {PASSWORD} {'x' * 60} "
    people.browser().post(f"/join/{token}/", {"password": password, "again": password}, secure=True)
    given = {"login": "blank@example.org", "password": password}
    assert people.browser().post("/account/login/", given, secure=True).status_code == 302
    given["password"] = password.strip()
    assert people.browser().post("/account/login/", given, secure=True).status_code == 200


def test_an_invitation_decides_what_the_form_does_not_ask(people: People) -> None:
    """Whoever joins and sends a role, an address or a chamber beside the password has what the invitation says, and no more."""
    from ecluse.adapters.accounts.models import Account, Admission

    token = people.link(Role.ENGINEER, email="more@example.org")
    more = {"role": "biologist", "email": "other@example.org", "chambers": "labo-z", "is_superuser": "1"}
    people.browser().post(f"/join/{token}/", {"password": PASSWORD, "again": PASSWORD, **more}, secure=True)
    account = Account.objects.get(email="more@example.org")
    assert account.role == "engineer"
    assert [it.chamber for it in Admission.objects.filter(account=account)] == [people.chamber]


@pytest.mark.parametrize(
    "leads", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_no_link_leads_out(people: People, leads: str) -> None:
    """Whatever a link says of where to go next, nobody is led to another host, after a factor is given as after logging out."""
    browser = people.logged_in(people.joined())
    given = {"password": PASSWORD, "next": leads}
    for path in ("/account/again/", "/account/logout/"):
        answer = browser.post(f"{path}?{urlencode({'next': leads})}", given, secure=True)
        assert answer.status_code == 302
        assert re.match(r"/(?![/\\])", answer.headers["Location"])


def test_a_person_ends_their_other_sessions(people: People) -> None:
    """One's own sessions are listed; ended there, the others open nothing and this one goes on."""
    account = people.joined()
    here, elsewhere = people.logged_in(account), people.logged_in(account, factor=False)
    for browser in (here, elsewhere):
        assert browser.get("/", secure=True).status_code == 200
    assert here.get("/account/sessions/", secure=True).content.decode().count("127.0.0.1") >= 2
    here.post("/account/sessions/", secure=True)
    assert elsewhere.get("/", secure=True).status_code == 302
    assert here.get("/", secure=True).status_code == 200


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


def test_an_address_that_a_header_tells_is_not_believed(people: People) -> None:
    """Whoever says with each try to come from elsewhere is counted where the connection comes from."""
    account, browser = people.joined(), people.browser()
    for number in range(10):
        told = {"x-forwarded-for": f"203.0.113.{number}", "forwarded": f"for=203.0.113.{number}"}
        wrong = {"login": account.email, "password": "wrong"}
        browser.post("/account/login/", wrong, secure=True, REMOTE_ADDR=AWAY, headers=told)
    good = {"login": account.email, "password": PASSWORD}
    answer = browser.post(
        "/account/login/", good, secure=True, REMOTE_ADDR=AWAY, headers={"x-forwarded-for": "203.0.113.99"}
    )
    assert answer.status_code in (403, 429)


def test_a_code_opens_one_session_for_half_a_minute(people: People) -> None:
    """A one-time code is worth one log-in, and the code of a minute ago none; the session that opens is another one than the visitor's."""
    from allauth.mfa.totp.internal.auth import (
        TOTP,
        format_hotp_value,
        generate_totp_secret,
        hotp_value,
        yield_hotp_counters_from_time,
    )

    account, secret = people.joined(), generate_totp_secret()
    TOTP.activate(account, secret)
    now = next(iter(yield_hotp_counters_from_time()))

    def tried(counter: int) -> tuple[Any, str]:
        browser = people.browser()
        browser.get("/account/login/?language=en", secure=True, REMOTE_ADDR=AWAY)
        before = browser.cookies["__Host-session"].value
        given = {"login": account.email, "password": PASSWORD}
        browser.post("/account/login/", given, secure=True, REMOTE_ADDR=AWAY)
        code = format_hotp_value(hotp_value(secret, counter))
        browser.post("/account/factors/authenticate/", {"code": code}, secure=True, REMOTE_ADDR=AWAY)
        return browser, before

    assert "_auth_user_id" not in tried(now - 2)[0].session
    browser, before = tried(now)
    assert "_auth_user_id" in browser.session
    assert browser.cookies["__Host-session"].value != before
    assert "_auth_user_id" not in tried(now)[0].session


def test_a_new_password_takes_the_old_one_and_ends_every_other_session(people: People) -> None:
    """Nobody changes a password without the one that holds; once changed, who was logged in elsewhere is out. It lies under Argon2id."""
    account = people.joined()
    here, elsewhere = people.logged_in(account), people.logged_in(account, factor=False)
    here.post("/account/again/", {"password": PASSWORD}, secure=True)
    new = f"{PASSWORD} encore"
    given = {"oldpassword": "wrong", "password1": new, "password2": new}
    here.post("/account/password/", given, secure=True)
    assert elsewhere.get("/", secure=True).status_code == 200
    here.post("/account/password/", {**given, "oldpassword": PASSWORD}, secure=True)
    assert here.get("/", secure=True).status_code == 200
    assert elsewhere.get("/", secure=True).status_code == 302
    account.refresh_from_db()
    assert account.check_password(new)
    assert account.password.startswith("argon2$argon2id$")


def test_factors_change_after_a_second_look(people: People) -> None:
    """A session left open changes no factor and shows no recovery code: a factor is asked for again first."""
    browser = people.logged_in(people.joined())
    for path in ("webauthn/add/", "totp/deactivate/", "recovery-codes/generate/"):
        answer = browser.get(f"/account/factors/{path}", secure=True)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/account/again/")


def test_another_sites_form_does_nothing(people: People) -> None:
    """A form without the token, or from another origin, is refused, and no origin but ours is let read an answer."""
    from django.test import Client

    browser = Client(
        headers={"host": "sas.example:8443"}, SERVER_PORT="8443", REMOTE_ADDR=AWAY, enforce_csrf_checks=True
    )
    given = {"login": "nobody@example.org", "password": "x"}
    assert browser.post("/account/login/", given, secure=True).status_code == 403
    evil = {"origin": "https://evil.example"}
    page = browser.get("/account/login/", secure=True, headers=evil)
    assert not [name for name in page.headers if name.lower().startswith("access-control")]
    given["csrfmiddlewaretoken"] = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[0]
    assert browser.post("/account/login/", given, secure=True, headers=evil).status_code == 403
    ours = {"origin": "https://sas.example:8443"}
    assert browser.post("/account/login/", given, secure=True, headers=ours).status_code == 200


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
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "charset=utf-8" in headers["Content-Type"]
    assert "no-store" in browser.get("/account/login/", secure=True).headers["Cache-Control"]


def test_cookies_are_this_hosts_alone(people: People, served: Exchange) -> None:
    """Every cookie that the console sets bears the prefix that ties it to this host over HTTPS, and no script reads it; none is left for another purpose."""
    account = people.joined()
    browser = people.logged_in(account)
    browser.get("/account/again/", secure=True)
    browser.post("/account/again/", {"password": PASSWORD}, secure=True)
    assert {"__Host-session", "__Host-csrf"} == set(browser.cookies)
    for cookie in browser.cookies.values():
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["path"] == "/"
        assert cookie["samesite"] in ("Lax", "Strict")
        assert not cookie["domain"]


def test_a_session_ends_by_itself(people: People) -> None:
    """Half an hour without a request, or twelve hours since it began though it was used all along: the log-in is asked for, and the old cookie opens nothing."""
    from allauth.usersessions.models import UserSession
    from django.utils import timezone

    account = people.joined()
    for field, minutes in (("last_seen_at", 31), ("created_at", 12 * 60 + 1)):
        browser = people.logged_in(account, factor=field == "last_seen_at")
        assert browser.get("/", secure=True).status_code == 200
        past = timezone.now() - timedelta(minutes=minutes)
        UserSession.objects.filter(user=account).update(**{field: past})
        assert browser.get("/", secure=True).status_code == 302
        assert "_auth_user_id" not in browser.session


def test_what_is_over_is_forgotten(people: People) -> None:
    """Sessions past their end and failed log-ins a month old are deleted by the exchange itself; those of today stay."""
    from allauth.usersessions.models import UserSession
    from axes.models import AccessAttempt
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from ecluse.wiring.console import forget

    old, new = people.joined(), people.joined()
    for account in (old, new):
        people.logged_in(account).get("/", secure=True)
        given = {"login": account.email, "password": "wrong"}
        people.browser().post("/account/login/", given, secure=True, REMOTE_ADDR=AWAY)
    past = timezone.now() - timedelta(days=31)
    key = UserSession.objects.get(user=old).session_key
    Session.objects.filter(session_key=key).update(expire_date=past)
    AccessAttempt.objects.filter(username=old.email).update(attempt_time=past)
    forget()
    left = [
        (UserSession.objects.filter(user=it).count(), AccessAttempt.objects.filter(username=it.email).count())
        for it in (old, new)
    ]
    assert left == [(0, 0), (1, 1)]
    assert not Session.objects.filter(session_key=key).exists()


def test_who_logs_out_leaves_nothing_in_the_browser(people: People) -> None:
    """Logging out ends the session at the exchange too, its cookie opens nothing afterwards, and the browser is told to forget what it kept."""
    browser = people.logged_in(people.joined())
    kept = browser.cookies["__Host-session"].value
    left = browser.post("/account/logout/", secure=True)
    assert left.headers["Clear-Site-Data"] == '"cache", "storage"'
    browser.cookies["__Host-session"] = kept
    assert browser.get("/", secure=True).status_code == 302


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT"])
def test_a_method_that_no_page_needs_is_refused(people: People, method: str) -> None:
    """What a request bore is never sent back, and no page is shown by a method it does not have."""
    answer = people.browser().generic(method, "/account/login/", secure=True)
    assert (answer.status_code, answer.content) == (405, b"")


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
