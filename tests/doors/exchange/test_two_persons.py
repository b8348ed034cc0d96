"""What is grave takes two humans; who looks in alone does so for a reason, for four hours, under the laboratory's eyes."""

from __future__ import annotations

import re
from typing import Any

from ecluse.people.role import Role
from ecluse.wiring.exchange import Exchange
from tests.doors.exchange.conftest import PASSWORD, Hands, People

REASON = "panne signalée par le laboratoire"


def sure(people: People, account: Any) -> Any:
    """A browser of this person, who has just given their password again."""
    browser = people.logged_in(account)
    browser.post("/account/again/", {"password": PASSWORD}, secure=True)
    return browser


def acts(served: Exchange, chamber: str) -> list[str]:
    return [event.act for event in served.chamber(chamber).events()]


def asked(people: People, browser: Any, role: Role = Role.REPRESENTATIVE) -> str:
    """The host asks that a representative be invited; where the request is settled."""
    given = {"name": "Alix Moulin", "professional_id": "R-1", "email": f"alix@{people.chamber}.example", "role": role.value, "organisation": "Éditeur"}  # fmt: skip
    answer = browser.post(f"/chamber/{people.chamber}/people/new/", given, secure=True)
    assert answer.headers["Location"] == f"/chamber/{people.chamber}/requests/"
    request = people.served.chamber(people.chamber).events()[-1].subject
    return f"/chamber/{people.chamber}/requests/{request}/"


def test_a_representative_is_invited_by_two(people: People, served: Exchange) -> None:
    """The host asks, which makes no link; they cannot confirm it themselves; the biologist sees who it is, confirms, and is shown the one link, which works."""
    host, biologist = sure(people, people.joined(Role.HOST)), sure(people, people.joined())
    path = asked(people, host)
    assert acts(served, people.chamber)[-1] == "request.made"
    assert host.post(path, {"act": "confirmed"}, secure=True).status_code == 403
    page = biologist.get(f"/chamber/{people.chamber}/requests/", secure=True).content.decode()
    assert "Alix Moulin" in page
    assert "Confirmer" in page
    made = biologist.post(path, {"act": "confirmed"}, secure=True).content.decode()
    found = re.search(r"/join/([\w-]+)/", made)
    assert found is not None
    assert people.browser().get(found[0], secure=True).status_code == 200
    assert acts(served, people.chamber)[-2:] == ["request.confirmed", "account.invited"]
    assert biologist.post(path, {"act": "confirmed"}, secure=True).status_code == 403


def test_the_host_alone_makes_no_biologist(people: People, served: Exchange) -> None:
    """Otherwise the host would invite the very person who confirms what the host asks: it is asked for, and waits."""
    host = sure(people, people.joined(Role.HOST))
    path = asked(people, host, Role.BIOLOGIST)
    assert host.post(path, {"act": "confirmed"}, secure=True).status_code == 403
    assert acts(served, people.chamber)[-1] == "request.made"


def test_no_ledger_names_whoever_would_be_invited(people: People, served: Exchange) -> None:
    """The request's entry holds neither name nor address; refused, nothing of them is kept, and no link ever opened it."""
    from ecluse.adapters.accounts.models import Invitation

    host, biologist = sure(people, people.joined(Role.HOST)), sure(people, people.joined())
    path = asked(people, host)
    event = served.chamber(people.chamber).events()[-1]
    assert "lix" not in str(event.body)
    assert people.browser().get(f"/join/{event.subject}/", secure=True).status_code == 404
    assert biologist.post(path, {"act": "refused"}, secure=True).status_code == 302
    assert not Invitation.objects.filter(name="Alix Moulin", chambers=[people.chamber]).exists()
    assert acts(served, people.chamber)[-1] == "request.refused"


def test_a_request_is_withdrawn_by_who_made_it_and_over_after_three_days(people: People, hands: Hands, served: Exchange) -> None:  # fmt: skip
    """Whoever asked takes it back; one that nobody confirmed within 72 hours is over, and confirming it does nothing."""
    host, biologist = sure(people, people.joined(Role.HOST)), sure(people, people.joined())
    assert host.post(asked(people, host), {"act": "withdrawn"}, secure=True).status_code == 302
    assert acts(served, people.chamber)[-1] == "request.withdrawn"
    path = asked(people, host)
    hands.pass_(hours=72)
    assert biologist.post(path, {"act": "confirmed"}, secure=True).status_code == 403
    page = biologist.get(f"/chamber/{people.chamber}/requests/?language=en", secure=True).content.decode()
    assert ">over<" in page or ">échue<" in page
    assert acts(served, people.chamber)[-1] == "request.made"


def test_the_host_alone_ends_no_account_of_the_laboratory(people: People, served: Exchange) -> None:
    """What the host asks, somebody of the laboratory confirms, and not the one whose account it is; then it is over at once."""
    biologist, leaving = people.joined(), people.joined()
    host = sure(people, people.joined(Role.HOST))
    base = f"/chamber/{people.chamber}/"
    host.post(f"{base}people/{leaving.person}/end/", {"reason": "départ"}, secure=True)
    leaving.refresh_from_db()
    assert leaving.ended_at is None
    path = f"{base}requests/{served.chamber(people.chamber).events()[-1].subject}/"
    assert sure(people, leaving).post(path, {"act": "refused"}, secure=True).status_code == 403
    assert sure(people, biologist).post(path, {"act": "confirmed"}, secure=True).status_code == 302
    leaving.refresh_from_db()
    assert leaving.ended_at is not None
    assert acts(served, people.chamber)[-2:] == ["request.confirmed", "account.ended"]


def elsewhere(people: People, served: Exchange) -> People:
    """People of another chamber, where this one's host is not admitted."""
    name = f"{people.chamber}-b"
    served.create_chamber(name)
    return People(served, name)


def test_the_glass_is_broken_for_a_reason_and_closes_by_itself(people: People, served: Exchange, hands: Hands) -> None:  # fmt: skip
    """Without a reason of ten characters nothing is shown; with one the acts are, for four hours, and the entry stands before anything is read."""
    lab, host = elsewhere(people, served), sure(people, people.joined(Role.HOST))
    lab.joined()
    path = f"/glass/{lab.chamber}/"
    assert "account.joined" not in host.get(path, secure=True).content.decode()
    assert 'role="alert"' in host.post(path, {"reason": "voir"}, secure=True).content.decode()
    assert "glass.broken" not in acts(served, lab.chamber)
    assert host.post(path, {"reason": REASON}, secure=True).status_code == 302
    assert acts(served, lab.chamber)[-1] == "glass.broken"
    assert "account.joined" in host.get(path, secure=True).content.decode()
    assert host.get(f"/chamber/{lab.chamber}/", secure=True).status_code == 404
    hands.pass_(hours=4)
    assert "account.joined" not in host.get(path, secure=True).content.decode()


def test_only_a_host_who_is_not_admitted_has_glass_to_break(people: People, served: Exchange) -> None:
    """For a biologist the page does not exist, nor for the host in a chamber of theirs; a visitor is asked to log in."""
    lab = elsewhere(people, served)
    assert sure(people, people.joined()).get(f"/glass/{lab.chamber}/", secure=True).status_code == 404
    host = sure(people, people.joined(Role.HOST))
    assert host.get(f"/glass/{people.chamber}/", secure=True).status_code == 404
    listed = host.get("/glass/", secure=True).content.decode()
    assert f"/glass/{lab.chamber}/" in listed
    assert f"/glass/{people.chamber}/" not in listed
    assert people.browser().get("/glass/", secure=True).status_code == 302


def test_the_laboratory_sees_a_break_at_once_and_signs_it_off(people: People, served: Exchange, hands: Hands) -> None:  # fmt: skip
    """The chamber's page says it in red and the measure fails until somebody of the laboratory signs it off, once it has closed."""
    from ecluse.wiring.measures import measures

    def outcome() -> str:
        *_, last = measures(served, served.chamber(lab.chamber), language="fr")
        return last.outcome

    lab, host = elsewhere(people, served), sure(people, people.joined(Role.HOST))
    assert outcome() == "skipped"
    host.post(f"/glass/{lab.chamber}/", {"reason": REASON}, secure=True)
    biologist = sure(lab, lab.joined())
    home = f"/chamber/{lab.chamber}/"
    assert REASON in biologist.get(home, secure=True).content.decode()
    broken = next(it.subject for it in served.chamber(lab.chamber).events() if it.act == "glass.broken")
    path = f"{home}glass/{broken}/"
    assert biologist.post(path, secure=True).status_code == 403
    hands.pass_(hours=4)
    assert outcome() == "failed"
    assert sure(lab, lab.joined(Role.ENGINEER)).post(path, secure=True).status_code == 403
    assert biologist.post(path, secure=True).status_code == 302
    assert outcome() == "holds"
    assert acts(served, lab.chamber)[-1] == "glass.reviewed"
    assert REASON not in biologist.get(home, secure=True).content.decode()
    assert biologist.post(f"{home}glass/g-none/", secure=True).status_code == 404
