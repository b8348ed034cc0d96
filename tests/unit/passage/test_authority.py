"""What authorises a run, looked at again when it matters: whose keys signed, and whether the instruction still holds as a gate opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import INSTRUCTION_REVOKED
from ecluse.passage.authority import document_signers, signed_instruction
from ecluse.passage.inbound import load, receive, replay_rejects
from ecluse.passage.migration import MigrationState
from ecluse.passage.site import Known
from ecluse.terms.instruction import draft
from ecluse.terms.vocabulary import vocabulary
from tests.documents import BIOLOGIST, ENGINEER, SECOND
from tests.sites import KEYS, Laboratory


def test_one_key_is_not_two_signers() -> None:
    """Where two persons were certified for one key, its signature counts for neither: nobody can tell who signed, and nothing runs on it."""
    lab = Laboratory()
    twin = Known(SECOND, KEYS[BIOLOGIST.id].public)
    site = replace(lab.source_site, people={**lab.source_site.people, SECOND.id: twin})
    with pytest.raises(Refusal, match="people/key-shared") as said:
        document_signers(site, "instruction", lab.instruction)
    assert set(said.value.values["got"].split(", ")) == {BIOLOGIST.id, SECOND.id}  # type: ignore[attr-defined]
    lab.source_site = site
    with pytest.raises(Refusal, match="people/key-shared"):
        lab.begin()


def superseded(lab: Laboratory) -> None:
    plain = signed_instruction(lab.source_site, lab.instruction)[0]
    later = replace(plain, version=2, supersedes=lab.instruction)
    lab.sign("instruction", draft(later, language="fr", vocabulary=vocabulary()).encode(), BIOLOGIST)


def revoked(lab: Laboratory) -> None:
    """The ledger tells of the revocation; killed there, it had not yet stopped the migrations."""
    lab.source_site.record(
        INSTRUCTION_REVOKED, by=BIOLOGIST.id, subject="i", body={"instruction": lab.instruction}
    )


def expired(lab: Laboratory) -> None:
    lab.time += timedelta(days=15)


@pytest.mark.parametrize("ended", [superseded, revoked, expired])
def test_an_instruction_that_ended_since_the_parcel_was_taken_loads_nothing(
    ended: Callable[[Laboratory], None],
) -> None:
    """Superseded, revoked or expired between the hand-over and the gate, the instruction opens no gate: neither to load nor to replay."""
    lab = Laboratory()
    name = lab.begin()
    while lab.state(name) is not MigrationState.HANDED_OVER:
        lab.step(name)
    received = receive(lab.target_site, name, source="old-site")
    ended(lab)
    with pytest.raises(Refusal, match=f"instruction/{ended.__name__}"):
        load(lab.target_site, received, by=ENGINEER.id, target=lab.target, before={}, mapping=lab.new)
    assert lab.target_site.migration(name).gate is None
    assert not any(lab.target.tables.values())
    assert lab.target_site.rejects.folders() == []


@pytest.mark.parametrize("ended", [superseded, revoked, expired])
def test_an_instruction_that_ended_since_the_load_replays_nothing(
    ended: Callable[[Laboratory], None],
) -> None:
    """Rejected rows are not tried again under an instruction that no longer holds; they stay sealed, and the migration stays loaded."""
    lab = Laboratory()
    name = lab.begin()
    while lab.state(name) is not MigrationState.LOADED:
        lab.step(name)
    received = receive(lab.target_site, name, source="old-site")
    ended(lab)
    with pytest.raises(Refusal, match=f"instruction/{ended.__name__}"):
        replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
    assert lab.state(name) is MigrationState.LOADED
