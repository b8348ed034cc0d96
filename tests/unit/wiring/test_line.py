"""A live line at a site: which addresses are read, who may send, what is refused before a line is opened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.line import Ends, Place, kept_in, listen, messages_of, place_of, send
from ecluse.wiring.settings import SystemSettings
from tests.unit.connectors.hl7.lines import Authority
from tests.workspaces import Laboratory, carried, laboratory


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    authority = Authority(tmp_path / "ours", "laboratory")
    return Ends(*authority.end("both"), peers=authority.peers)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Laboratory, Ready]:
    return laboratory(tmp_path_factory.mktemp("line") / "lab", patients=3)


def code(refused: pytest.ExceptionInfo[Refusal] | pytest.ExceptionInfo[Fault]) -> str:
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:2575", Place("127.0.0.1", 2575)),
        ("[::1]:2575", Place("::1", 2575)),
        ("new.lab:1", Place("new.lab", 1)),
    ],
)
def test_a_line_ends_at_a_host_and_a_port(text: str, place: Place) -> None:
    """Names, IPv4 and IPv6 are read, and written as they were."""
    assert place_of(text) == place
    assert str(place) == text


@pytest.mark.parametrize(
    "text", ["", "host", ":2575", "host:", "host:x", "::1:2575", "[host]:1", "host:70000"]
)
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    """Nothing is guessed where a port or a host is missing."""
    with pytest.raises(Refusal) as refused:
        place_of(text)
    assert code(refused) == "hl7/address-unreadable"


def test_only_a_folder_of_hl7_messages_is_sent(tmp_path: Path) -> None:
    """A database, another format and standard input have no messages to send."""
    for url in (f"sqlite:///{tmp_path}/new.sqlite", f"cda+file://{tmp_path}", "hl7v2+file:-"):
        with pytest.raises(Refusal) as refused:
            list(messages_of(SystemSettings(tmp_path, url, tmp_path / "x.toml")))
        assert code(refused) == "hl7/not-messages"


def test_nothing_is_sent_before_a_biologist_accepted_it(
    tmp_path: Path, ends: Ends, lab: tuple[Laboratory, Ready]
) -> None:
    """Loaded records that nobody accepted keep the whole folder back, and only who may load may send."""
    story, ready = lab
    course, folder = ready.course, SiteFolder(story.settings.target.site)
    system, place = story.settings.target, Place("127.0.0.1", 9)
    with pytest.raises(Refusal) as refused:
        send(course.target, folder, system, place, ends, by=ready.cast.ids["biologist"])
    assert code(refused) == "people/may-not"
    name = carried(ready)
    engineer = ready.cast.ids["engineer"]
    with pytest.raises(Refusal) as refused:
        send(course.target, folder, system, place, ends, by=engineer)
    assert code(refused) == "hl7/not-accepted"
    assert refused.value.values["got"] == name
    course.reconcile(name, by=engineer)
    course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    with pytest.raises(Refusal) as refused:
        send(course.target, folder, system, place, ends, by=engineer)
    assert code(refused) == "hl7/not-messages"
    assert kept_in(SiteFolder(story.settings.source.site), tmp_path) is None


def test_a_line_opens_only_at_a_site_that_is_made_and_on_a_free_address(
    tmp_path: Path, ends: Ends, lab: tuple[Laboratory, Ready]
) -> None:
    """Without the site's keys nothing could be kept; an address of another machine is told, not waited for."""
    story, ready = lab
    absent = SiteFolder(tmp_path / "nowhere")
    place = Place("192.0.2.1", 2575)
    with pytest.raises(Refusal) as refused:
        listen(absent, place, ends, clock=ready.source.clock, heard=lambda _: None)
    assert code(refused) == "settings/site-absent"
    with pytest.raises(Fault) as failed:
        listen(
            SiteFolder(story.settings.source.site),
            place,
            ends,
            clock=ready.source.clock,
            heard=lambda _: None,
        )
    assert code(failed) == "hl7/not-listening"
    assert re.search("192.0.2.1:2575", str(failed.value))
