"""The cut-over night: deltas, rehearsals, rollbacks and replays of a whole passage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.inbound import receive, replay_rejects, roll_back
from ecluse.passage.migration import MigrationState
from ecluse.passage.site import WHOLE
from tests.documents import ENGINEER
from tests.sites import Killed, Laboratory, patient, request

TAKEN = {"id": "P9", "name": "SOMEBODY", "first": None, "sex": None, "born": None}
"""A person of the target's own, under a number that the source has too."""
LOADED = {"people": ["P1", "P4", "P9"], "orders": ["D1", "D4"], "facts": ["R1", "R4"]}


@pytest.fixture
def lab() -> Laboratory:
    made = Laboratory()
    made.target.tables["people"].append(dict(TAKEN))
    return made


def ids(lab: Laboratory) -> dict[str, list[str]]:
    return {name: sorted(row["id"] for row in rows) for name, rows in lab.target.tables.items()}


def advance(lab: Laboratory, name: str, to: MigrationState) -> None:
    while lab.state(name) is not to:
        lab.step(name)


def test_a_delta_takes_what_changed_and_compares_everything() -> None:
    """After a whole run, a delta seals the rows changed since and those that cannot tell; all rows of both sides are compared."""
    lab = Laboratory()
    first = lab.begin()
    advance(lab, first, MigrationState.LOADED)
    assert lab.reconcile(first).unexplained == 0
    before = {kind: side.sums for kind, side in lab.held(first).items()}
    lab.tables["RES"][3] |= {"VAL": "13", "MAJ": lab.time.strftime("%Y-%m-%d")}
    lab.tables["PAT"].append(patient(6))
    lab.tables["REQ"].append(request(8, 6, MAJ=None))
    name = lab.begin(delta=True)
    advance(lab, name, MigrationState.HANDED_OVER)
    received = receive(lab.target_site, name, source="old-site")
    sealed = [
        (part.header.kind, part.header.rows)
        for line in received.manifest.parts[:-1]
        if (part := received.part(lab.target_site, line))
    ]
    assert sealed == [("patient", 5), ("request", 1), ("result", 1)]
    assert before
    lab.load(name, before={})
    assert next(row["value"] for row in lab.target.tables["facts"] if row["id"] == "R4") == "13"
    with pytest.raises(Refusal, match="load/rollback-delta"):
        roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0)


def test_a_delta_starts_from_what_is_in_the_target() -> None:
    """Neither a rehearsal, nor a run that was never loaded, nor one rolled back is something that a delta could complete."""
    lab = Laboratory()
    with pytest.raises(Refusal, match="migration/no-run-before"):
        lab.extract(lab.begin(delta=True))
    rehearsal = lab.begin(rehearse=1)
    advance(lab, rehearsal, MigrationState.LOADED)
    assert len(lab.target.tables["people"]) == 1
    whole = lab.begin()
    advance(lab, whole, MigrationState.DEPOSITED)
    with pytest.raises(Refusal, match="migration/no-run-before"):
        lab.extract(lab.begin(delta=True))
    advance(lab, rehearsal, MigrationState.LOADED)


def test_a_rollback_takes_out_what_was_written_and_nothing_else(lab: Laboratory) -> None:
    """After a rollback the target is as before, the person of the target's own included, and the same load can be made again."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    assert ids(lab) == LOADED
    received = receive(lab.target_site, name, source="old-site")
    assert roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0) == 6
    assert ids(lab) == {"people": ["P9"], "orders": [], "facts": []}
    assert lab.target.tables["people"] == [TAKEN]
    assert lab.target.marks(name) == []
    with pytest.raises(Refusal, match="migration/not-now"):
        lab.accept(name)
    lab.load(name)
    assert ids(lab) == LOADED
    assert lab.reconcile(name).unexplained == 0


def test_what_was_found_before_a_rollback_cannot_be_accepted_after(lab: Laboratory) -> None:
    """A reconciliation speaks of the load before it: after another load it must be made again."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    lab.reconcile(name)
    received = receive(lab.target_site, name, source="old-site")
    assert roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=2) > 0
    assert ids(lab)["facts"] == []
    lab.load(name)
    with pytest.raises(Refusal, match="reconcile/nothing-to-accept"):
        lab.accept(name)


def test_rejected_rows_are_replayed_once_their_cause_is_mended(lab: Laboratory) -> None:
    """The number that was taken is freed: the person, their request and their result are written, the others stay, all is explained."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    lab.target.tables["people"] = [row for row in lab.target.tables["people"] if row["id"] != "P9"]
    received = receive(lab.target_site, name, source="old-site")
    done = replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
    assert (done.written, done.left) == (3, 3)
    assert ids(lab) == {
        "people": ["P1", "P4", "P9"],
        "orders": ["D1", "D4", "D7"],
        "facts": ["R1", "R4", "R7"],
    }
    assert next(row["seen_by"] for row in lab.target.tables["facts"] if row["id"] == "R7") == "hidden"


def test_a_replay_killed_anywhere_loses_no_reject() -> None:
    """Killed at any change, a replay run again ends as if it had never been: what stays is still sealed, whole."""
    place = 0
    while True:
        place += 1
        lab = Laboratory()
        lab.target.tables["people"].append(dict(TAKEN))
        name = lab.begin()
        advance(lab, name, MigrationState.LOADED)
        lab.target.tables["people"] = [row for row in lab.target.tables["people"] if row["id"] != "P9"]
        received = receive(lab.target_site, name, source="old-site")
        lab.wire.arm(place, after=False)
        try:
            replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
        except Killed:
            lab.wire.arm(0, after=False)
            if lab.state(name) is MigrationState.HANDED_OVER:
                with pytest.raises(Refusal, match="migration/not-now"):
                    lab.load(name)
            replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
            found = lab.reconcile(name)
            assert found.kinds[0].rejected_at_target == {"name: cannot-be-written": 1}, place
            assert len(lab.target.tables["facts"]) == 3, place
        else:
            break
    assert place > 10


def test_a_rollback_ends_a_killed_replay(lab: Laboratory) -> None:
    """Killed when what stays was all aside, then rolled back and loaded anew: a later replay tries the new load's rejects, not those of before."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    lab.target.tables["people"] = [row for row in lab.target.tables["people"] if row["id"] != "P9"]
    received = receive(lab.target_site, name, source="old-site")
    rejects: Any = lab.target_site.rejects
    put = rejects.put

    def dies(folder: str, file: str, octets: Iterable[bytes]) -> None:
        put(folder, file, octets)
        if folder.endswith(WHOLE):
            raise Killed

    rejects.put = dies
    with pytest.raises(Killed):
        replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
    rejects.put = put
    roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0)
    assert ids(lab) == {"people": [], "orders": [], "facts": []}
    lab.target.tables["people"].append(dict(TAKEN))
    lab.load(name)
    lab.target.tables["people"] = [row for row in lab.target.tables["people"] if row["id"] != "P9"]
    done = replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)
    assert (done.written, done.left) == (3, 3)
