"""A rehearsal: carried on a few patients, taken out again, over by itself, and in no other run's way."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.closing import expire_due
from ecluse.passage.inbound import receive, roll_back
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.standing import stands, unaccepted
from tests.documents import ENGINEER
from tests.sites import Killed, Laboratory, patient, request


@pytest.fixture
def lab() -> Laboratory:
    return Laboratory()


def advance(lab: Laboratory, name: str, to: MigrationState) -> None:
    while lab.state(name) is not to:
        lab.step(name)


def taken_out(lab: Laboratory, name: str, *, to: int = 0) -> int:
    received = receive(lab.target_site, name, source="old-site")
    return roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=to)


def test_a_rehearsal_taken_out_is_over(lab: Laboratory) -> None:
    """Rolled back whole, a rehearsal has ended by itself: it is not loaded again, and the real run is erased with every key, then it too."""
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    assert taken_out(lab, rehearsal) > 0
    assert not any(lab.target.tables.values())
    assert lab.state(rehearsal) is MigrationState.WITHDRAWN
    for verb in (lab.load, lab.reconcile, lab.accept, lab.extract):
        with pytest.raises(Refusal, match="migration/not-now"):
            verb(rehearsal)
    whole = lab.begin()
    advance(lab, whole, MigrationState.ERASED)
    assert "parcel" not in lab.target_site.keys.names()
    assert lab.erase(rehearsal).why == "withdrawn"
    assert not lab.target_site.custody.folders()


def test_what_nobody_accepted_is_known_until_it_is_accepted_or_taken_out(lab: Laboratory) -> None:
    """From the first opening of gate 2 on a run's records may stand in the target; half a rollback changes nothing, a whole one and an acceptance do."""
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.HANDED_OVER)
    assert unaccepted(lab.target_site) == []
    advance(lab, rehearsal, MigrationState.LOADED)
    taken_out(lab, rehearsal, to=1)
    assert unaccepted(lab.target_site) == [rehearsal]
    taken_out(lab, rehearsal)
    assert unaccepted(lab.target_site) == []
    whole = lab.begin()
    advance(lab, whole, MigrationState.LOADED)
    assert stands(lab.target_site, whole)
    advance(lab, whole, MigrationState.ERASED)
    assert unaccepted(lab.target_site) == []


def test_a_rehearsal_that_expires_loaded_is_taken_out_and_then_erased(lab: Laboratory) -> None:
    """Past its time, with parcel and key out of date and the instruction over, what it brought is still told, row by row, and taken out; nothing is
    loaded by that opening, and the ledger's gate has a name of its own.
    """
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    lab.time += timedelta(days=60)
    assert expire_due(lab.target_site, by=ENGINEER.id) == [rehearsal]
    with pytest.raises(Refusal, match="erase/rows-in-target"):
        lab.erase(rehearsal)
    for verb in (lab.load, lab.reconcile):
        with pytest.raises(Refusal):
            verb(rehearsal)
    with pytest.raises(Refusal):
        receive(lab.target_site, rehearsal, source="old-site")
    received = receive(lab.target_site, rehearsal, source="old-site", to_take_out=True)
    for _ in range(2):  # the second finds nothing, and ends as well
        roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0)
    assert not any(lab.target.tables.values())
    assert lab.state(rehearsal) is MigrationState.EXPIRED
    assert len(lab.target_site.bodies(Act.REOPEN_TARGET.value, subject=rehearsal)) == 2
    certificate = lab.erase(rehearsal)
    assert (certificate.why, certificate.in_target) == ("expired", "none")


def test_what_is_left_in_the_target_for_good_is_said_by_the_certificate(lab: Laboratory) -> None:
    """A target that no longer answers does not keep the keys alive: a person may leave the rows, and the certificate says so in both languages."""
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    lab.time += timedelta(days=60)
    expire_due(lab.target_site, by=ENGINEER.id)
    certificate = lab.erase(rehearsal, leave_rows=True)
    assert certificate.in_target == "unaccepted"
    said = json.loads(certificate.encode())["not_covered"][0]
    assert "que personne n'a acceptés" in said["fr"]
    assert "nobody accepted them" in said["en"]
    assert unaccepted(lab.target_site) == [rehearsal]


def test_only_what_was_taken_can_be_taken_out(lab: Laboratory) -> None:
    """An expired run whose parcel never reached the target has nothing there."""
    name = lab.begin()
    advance(lab, name, MigrationState.DEPOSITED)
    lab.time += timedelta(days=60)
    expire_due(lab.target_site, by=ENGINEER.id)
    with pytest.raises(Refusal, match="migration/not-now"):
        receive(lab.target_site, name, source="old-site", to_take_out=True)


def test_a_rehearsal_half_taken_out_goes_on(lab: Laboratory) -> None:
    """Rolled back to a part, a rehearsal still has rows in the target: it can be loaded again, and has not ended."""
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    taken_out(lab, rehearsal, to=1)
    assert lab.state(rehearsal) is MigrationState.HANDED_OVER
    assert lab.load(rehearsal) > 0


def test_a_rehearsals_rollback_killed_anywhere_is_run_again() -> None:
    """Killed at any change, the rollback run again takes out what is left and ends the rehearsal once."""
    place, killed = 0, 0
    while killed == place:
        place += 1
        lab = Laboratory()
        rehearsal = lab.begin(rehearse=1)
        advance(lab, rehearsal, MigrationState.LOADED)
        lab.wire.arm(place, after=False)
        try:
            taken_out(lab, rehearsal)
        except Killed:
            killed += 1
            lab.wire.arm(0, after=False)
            taken_out(lab, rehearsal)
        assert lab.state(rehearsal) is MigrationState.WITHDRAWN
        assert not any(lab.target.tables.values())
        assert lab.target_site.bodies(Act.WITHDRAW.value, subject=rehearsal)
    assert killed > 3


def test_a_cut_over_run_completes_whole_runs_only(lab: Laboratory) -> None:
    """After a rehearsal that was erased, a cut-over run is held against what stood in the target before the whole run, and explains every row."""
    lab.target.tables["people"].append({"id": "P7", "name": "A", "first": None, "sex": None, "born": None})
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    taken_out(lab, rehearsal)
    whole = lab.begin()
    advance(lab, whole, MigrationState.LOADED)
    lab.erase(rehearsal)
    lab.tables["PAT"].append(patient(6))
    lab.tables["REQ"].append(request(8, 6, MAJ=None))
    delta = lab.begin(delta=True)
    advance(lab, delta, MigrationState.HANDED_OVER)
    lab.load(delta, before={})
    found = lab.reconcile(delta)
    assert (found.unexplained, found.failed) == (0, ())
