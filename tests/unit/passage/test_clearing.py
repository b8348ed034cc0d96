"""Erasure with each site on its own machine: each clears and states its own places, the target certifies, the source countersigns what it stated."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import KEY_DESTROYED, PLACES_ERASED
from ecluse.passage.clearing import Clearing, certify_erasure, clear, clear_target, cleared, countersign
from ecluse.passage.closing import revoke
from ecluse.passage.migration import Act, MigrationState
from ecluse.proof.sign import digest, sign_document, verify_document
from tests.documents import BIOLOGIST
from tests.sites import KEYS, Laboratory


@pytest.fixture
def stopped() -> tuple[Laboratory, str]:
    """A laboratory whose instruction was taken back once its parcel lay in custody."""
    lab = Laboratory()
    name = lab.begin()
    while lab.state(name) is not MigrationState.DEPOSITED:
        lab.step(name)
    revoke(
        lab.source_site,
        by=BIOLOGIST.id,
        key=KEYS[BIOLOGIST.id],
        instruction=lab.instruction,
        reason="Erreur de période.",
    )
    return lab, name


def signed(lab: Laboratory, name: str) -> int:
    """How many of the two machines signed the certificate."""
    document = lab.source_site.bodies(Act.ERASE.value, subject=name)[0]["document"]
    keys = dict(lab.source_site.agents)
    return len(verify_document(lab.source_site.documents.get(document), type="erasure", keys=keys).signers)


def test_each_site_erases_its_own_and_the_certificate_tells_both(stopped: tuple[Laboratory, str]) -> None:
    """Each site destroys and states what it held, the certificate holds both statements and the custody, and both machines have signed it in the end."""
    lab, name = stopped
    assert not countersign(lab.source_site, name, target="new-site")
    clear_target(lab.target_site, name, by=BIOLOGIST.id)
    with pytest.raises(Refusal, match="erase/waiting"):
        certify_erasure(lab.target_site, name, source="old-site", by=BIOLOGIST.id)
    clear(lab.source_site, name, by="old-site")
    clear(lab.source_site, name, by="old-site")  # done already: nothing is stated twice
    made = certify_erasure(lab.target_site, name, source="old-site", by=BIOLOGIST.id)
    assert {(it.site, it.what) for it in made.places} >= {
        ("new-site", "parcel key"), ("exchange", "parcel"), ("old-site", "rejects key"), ("old-site", "parcel")
    }  # fmt: skip
    assert (made.why, made.person, lab.state(name)) == ("revoked", BIOLOGIST.id, MigrationState.ERASED)
    assert signed(lab, name) == 1
    assert countersign(lab.source_site, name, target="new-site")
    assert signed(lab, name) == 2
    assert not countersign(lab.source_site, name, target="new-site")
    said = [event.act for event in lab.source_site.journal.events() if event.subject == name]
    assert said[-3:] == [PLACES_ERASED, PLACES_ERASED, Act.ERASE.value]
    assert len(lab.source_site.bodies(KEY_DESTROYED)) == 3


def test_nothing_is_erased_before_an_end() -> None:
    """A migration under way is erased by neither site."""
    lab = Laboratory()
    name = lab.begin()
    for verb in (clear, clear_target):
        with pytest.raises(Refusal, match="migration/not-now"):
            verb(lab.target_site, name, by=BIOLOGIST.id)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["places"].pop(),
        lambda content: content["places"][0].update(count=7),
        lambda content: (
            content.update(site="elsewhere") or [it.update(site="new-site") for it in content["places"]]
        ),
    ],
    ids=["lacking", "altered", "all-of-another"],
)
def test_a_certificate_that_tells_another_story_is_not_countersigned(
    stopped: tuple[Laboratory, str], change: Callable[[Any], Any]
) -> None:
    """Where the other site's certificate leaves out or alters what this site stated, this site does not sign it."""
    lab, name = stopped
    clear_target(lab.target_site, name, by=BIOLOGIST.id)
    clear(lab.source_site, name, by="old-site")
    mine = cleared(lab.target_site, name, of="old-site")
    assert mine is not None
    content = json.loads(mine.encode())
    change(content)
    payload = json.dumps({"places": content["places"]}).encode()
    lab.target_site.documents.put(
        sign_document(payload, type="erasure", keys=[lab.target_site.agent]), digest=digest(payload)
    )
    lab.target_site.record(
        Act.ERASE.value, by="new-site", subject=name, body={"document": digest(payload), "why": "x"}
    )
    with pytest.raises(Refusal, match="erase/not-as-stated"):
        countersign(lab.source_site, name, target="new-site")


@pytest.mark.parametrize("content", [{}, {"places": 3}, {"places": [{"x": 1}]}, [], {"places": [], "x": 1}])
def test_a_statement_of_another_form_is_refused(content: object) -> None:
    """What is not a statement of erasure is not read as one."""
    with pytest.raises(Refusal, match="erase/statement-malformed"):
        Clearing.decode(json.dumps(content).encode())


def test_a_statement_of_another_migration_is_not_this_ones(stopped: tuple[Laboratory, str]) -> None:
    """A statement signed for another migration is not accepted for this one."""
    lab, name = stopped
    payload = Clearing("another", "old-site", "p", "", "", ()).encode()
    lab.source_site.documents.put(
        sign_document(payload, type="clearing", keys=[lab.source_site.agent]), digest=digest(payload)
    )
    lab.source_site.record(
        PLACES_ERASED, by="old-site", subject=name, body={"document": digest(payload), "site": "old-site"}
    )
    with pytest.raises(Refusal, match="erase/statement-malformed"):
        cleared(lab.target_site, name, of="old-site")
