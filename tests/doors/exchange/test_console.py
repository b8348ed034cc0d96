"""What the console shows: each page to whoever is admitted, nothing to anybody else, and acts that take a permission and a fresh factor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ecluse.people.role import Role
from ecluse.proof.keys import SigningKey
from ecluse.wiring.exchange import Exchange
from tests.doors.exchange.conftest import PASSWORD, People
from tests.doors.exchange.told import retold
from tests.workspaces import ended, laboratory


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small laboratory whose passage is over, certificate included."""
    home = tmp_path_factory.mktemp("told")
    made, ready = laboratory(home, patients=12)
    ended(ready)
    return made.settings


@pytest.fixture
def told(served: Exchange, chamber: str, workspace: Any) -> str:
    retold(served.chamber(chamber), workspace)
    return chamber


def again(browser: Any) -> None:
    """The second look: the password once more."""
    browser.post("/account/again/", {"password": PASSWORD}, secure=True)


def page(browser: Any, path: str) -> str:
    answer = browser.get(path, secure=True)
    assert answer.status_code == 200, path
    text: str = answer.content.decode()
    return text


def test_every_page_of_a_passage_is_shown_in_both_languages(
    people: People, served: Exchange, told: str
) -> None:
    """The chamber, the migration, each signed document, the people, the machines, the register and the measures: all in French and in English."""
    browser = people.logged_in(people.joined())
    seen = served.chamber(told).overview()
    passing = next(iter(seen.passings.values()))
    papers = [f"paper/{it.digest}/" for it in seen.papers.values()] + [f"paper/{passing.certificate}/"]
    paths = ["", "people/", "machines/", "register/", "measures/", f"migration/{passing.name}/", *papers]
    for language, words in (("fr", "Se déconnecter"), ("en", "Log out")):
        browser.get(f"/?language={language}", secure=True)
        for path in ["/", *(f"/chamber/{told}/{each}" for each in paths)]:
            text = page(browser, path)
            assert words in text
            assert f'<html lang="{language}">' in text
            assert "<script" not in text
            assert not re.search(r"\bconsole\.[a-z]+_| style=| on[a-z]+=", text)
    certificate = page(browser, f"/chamber/{told}/{papers[-1]}")
    assert "Certificate of erasure" in certificate


def test_nobody_else_finds_the_chamber(people: People, served: Exchange, told: str) -> None:
    """For a person of another laboratory every page of the chamber answers as one that never was; logged out, the log-in is asked for."""
    other = People(served, served.create_chamber(f"{told}-b").name)
    stranger = other.logged_in(other.joined())
    for path in ("", "people/", "machines/", "register/", "measures/", "migration/m-1/", "paper/sha256:0/"):
        there = stranger.get(f"/chamber/{told}/{path}", secure=True)
        never = stranger.get(f"/chamber/never-was/{path}", secure=True)
        assert (there.status_code, there.content) == (404, never.content)
        asked = people.browser().get(f"/chamber/{told}/{path}", secure=True)
        assert asked.headers["Location"].startswith("/account/login/")


def test_what_is_not_there_is_not_found(people: People, told: str) -> None:
    """A migration or a document that the chamber does not have, or a name that is a path, is a 404 and no more."""
    browser = people.logged_in(people.joined())
    for path in ("migration/m-none/", "paper/sha256:00/", "paper/..%2Flog.key/", "people/p-none/end/"):
        assert browser.get(f"/chamber/{told}/{path}", secure=True).status_code in (302, 404, 405)


def test_the_home_page_says_what_awaits_whom(people: People, served: Exchange) -> None:
    """An extraction awaits the engineer; to the biologist the same migration is under way."""
    chamber = served.chamber(people.chamber)
    for act in ("migration.drafted", "migration.instructed"):
        chamber.record(act, by="p-0001", subject="m-waits", body={})
    engineer = page(people.logged_in(people.joined(Role.ENGINEER)), "/")
    biologist = page(people.logged_in(people.joined(Role.BIOLOGIST)), "/")
    assert "À extraire" in engineer
    assert "À extraire" not in biologist
    assert "m-waits" in biologist


def test_a_person_is_invited_after_a_second_look(people: People) -> None:
    """The biologist gives their password again, invites a data protection officer, and sees the link once; a role they may not give is refused."""
    browser = people.logged_in(people.joined())
    path = f"/chamber/{people.chamber}/people/new/"
    given = {"name": "Dominique Roche", "professional_id": "D-1", "email": "d@example.org", "role": "dpo", "organisation": "Laboratoire du Lac"}  # fmt: skip
    assert browser.get(path, secure=True).headers["Location"].startswith("/account/again/")
    again(browser)
    refused = browser.post(path, {**given, "role": "host"}, secure=True).content.decode()
    assert "/join/" not in refused
    made = browser.post(path, given, secure=True).content.decode()
    found = re.search(r"https://[^<]*/join/([\w-]+)/", made)
    assert found is not None
    assert page(people.browser(), f"/join/{found[1]}/")
    twice = browser.post(path, given, secure=True).content.decode()
    assert "/join/" not in twice or "account" in twice


def test_who_may_not_invite_or_end_is_refused(people: People) -> None:
    """An engineer invites nobody and ends nobody; nobody ends their own account, nor without a reason."""
    engineer, biologist = people.joined(Role.ENGINEER), people.joined()
    browser = people.logged_in(engineer)
    again(browser)
    base = f"/chamber/{people.chamber}/people/"
    assert browser.get(f"{base}new/", secure=True).status_code == 403
    assert browser.post(f"{base}{biologist.person}/end/", {"reason": "x"}, secure=True).status_code == 403
    own = people.logged_in(biologist)
    again(own)
    assert own.post(f"{base}{biologist.person}/end/", {"reason": "x"}, secure=True).status_code == 403
    other = people.joined()
    assert own.post(f"{base}{other.person}/end/", {"reason": " "}, secure=True).status_code == 403
    assert own.post(f"{base}{other.person}/end/", {"reason": "départ"}, secure=True).status_code == 302
    other.refresh_from_db()
    assert other.ended_at is not None


def test_a_machine_is_enrolled_by_a_compared_fingerprint_and_ended(people: People, served: Exchange) -> None:
    """A key is enrolled only with the fingerprint typed as it was read at the machine; ended, it is known no more, and does not come back."""
    from ecluse.adapters.accounts.machines import find_machine

    key = SigningKey.new().public
    browser = people.logged_in(people.joined(Role.ENGINEER))
    path = f"/chamber/{people.chamber}/machines/"
    given = {"site": "laboratory-old", "key": key.encode(), "fingerprint": key.fingerprint()}
    assert browser.post(path, given, secure=True).headers["Location"].startswith("/account/again/")
    again(browser)
    wrong = browser.post(path, {**given, "fingerprint": "0000 " * 8}, secure=True)
    assert 'role="alert"' in wrong.content.decode()
    assert find_machine(key) is None
    assert browser.post(path, given, secure=True).status_code == 302
    machine = find_machine(key)
    assert machine is not None
    assert (machine.site, machine.chamber) == ("laboratory-old", people.chamber)
    end = f"{path}{machine.pk}/end/"
    assert browser.post(end, secure=True).status_code == 403
    assert browser.post(end, {"sure": "1"}, secure=True).status_code == 302
    assert find_machine(key) is None
    assert 'role="alert"' in browser.post(path, given, secure=True).content.decode()
    acts = [event.act for event in served.chamber(people.chamber).events()]
    assert acts[-2:] == ["machine.enrolled", "machine.ended"]


def test_measures_say_what_is_there(people: People, served: Exchange, tmp_path: Path) -> None:
    """A plaintext file in custody and an account without a second factor are found; what had nothing to look at says so."""
    from ecluse.wiring.measures import measures

    def found() -> dict[str, str]:
        return {
            it.measure: it.outcome for it in measures(served, served.chamber(people.chamber), language="en")
        }

    before = found()
    assert before["Every file in custody is sealed; the host cannot read it"] == "skipped"
    assert before["An inspector's access always has an end"] == "skipped"
    served.chamber(people.chamber).custody.put("m-none", "part-0001.age", [b"name;birth date\n"])
    people.browser().post(f"/join/{people.link()}/", {"password": PASSWORD, "again": PASSWORD}, secure=True)
    after = found()
    assert after["Every file in custody is sealed; the host cannot read it"] == "failed"
    assert after["Nothing is kept of a migration that is over or that the ledger does not know"] == "failed"
    assert after["A second factor for every account in use"] == "failed"
    assert after["A signed ledger, every entry as it was committed to"] == "holds"
    served.chamber(people.chamber).custody.erase("m-none")


def test_a_contract_in_prose_is_read_and_not_kept(people: People, served: Exchange) -> None:
    """A contract given as a file becomes a card of sixteen mentions, quoted with their page; a file that cannot be read is refused; nothing is kept."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser = people.logged_in(people.joined())
    path = f"/chamber/{people.chamber}/contract/"
    before = sorted(served.settings.home.rglob("*"))
    text = "Les salariés affectés à la reprise sont tenus au secret professionnel par un avenant signé avant leur premier accès."
    answer = browser.post(path, {"file": SimpleUploadedFile("c.txt", text.encode())}, secure=True)
    card = answer.content.decode()
    assert "1/16" in card
    assert "tenus au secret professionnel" in card
    assert "page 1" in card
    refused = browser.post(path, {"file": SimpleUploadedFile("c.pdf", b"%PDF-1.4 x")}, secure=True)
    assert "ne se lit pas" in refused.content.decode()
    assert [it for it in sorted(served.settings.home.rglob("*")) if it not in before] == []
