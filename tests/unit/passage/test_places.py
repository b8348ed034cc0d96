"""Marks and rejects are told by the place of a record in its part: resumed, replayed, rolled back, no record is lost, doubled or another's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.passage.handover import Part
from ecluse.passage.site import COMING
from tests.unit.passage.desk import Desk, Picky, doctors, part, patients

OWN = {"number": "4", "town": None, "state": "OWN", "line": None, "copy": None, "kind": None, "gone": None}
"""A person of the target's own, under a number that the parcel holds too."""


def four() -> Part:
    return part(1, "patient", patients(*({"id": str(number)} for number in range(1, 5))))


def with_own(target: Picky) -> Desk:
    columns = target.catalogue().tables["persons"].columns
    target.tables["persons"].append({**dict.fromkeys(columns), "number": "4"})
    target.tables["people"].append(dict(OWN))
    return Desk(target)


def marks(desk: Desk) -> list[tuple[int, int]]:
    return [(mark.start, mark.records) for mark in desk.target.marks("m")]


def test_a_load_cut_among_its_halves_goes_on_at_the_right_records() -> None:
    """Halved for one refused row and cut before the second half, the load leaves what its marks cover and writes what they do not."""
    picky = Picky("1", writes=1)
    desk = Desk(picky)
    with pytest.raises(ConnectionError):
        desk.loader().load(four())
    assert (desk.people, marks(desk)) == (["2"], [(1, 1)])
    picky.writes = 9
    assert desk.loader().load(four()) == 2
    assert (desk.people, marks(desk)) == (["2", "3", "4"], [(1, 1), (2, 2)])
    assert desk.reasons == {"people: check": 1}
    assert desk.loader().load(four()) == 0


def test_records_on_both_sides_of_a_mark_are_two_batches() -> None:
    """What is left to write lies before and after what was written: each stretch has its own mark."""
    picky = Picky("1", "3", "4")
    desk = Desk(picky)
    assert desk.loader().load(four()) == 1
    desk.vault.erase("m-rejects")
    picky.refused.clear()
    assert desk.loader().load(four()) == 3
    assert marks(desk) == [(0, 1), (1, 1), (2, 2)]
    assert desk.people == ["1", "2", "3", "4"]


def test_a_rollback_of_a_half_loaded_part_leaves_the_targets_own_row() -> None:
    """Cut in the middle, a part is taken out by its marks: the target's own person, whose number the part holds too, stays as they were."""
    picky = Picky(writes=2)  # the whole, which the own row refuses, and the first half
    desk = with_own(picky)
    with pytest.raises(ConnectionError):
        desk.loader().load(four())
    assert desk.people == ["1", "2", "4"]
    assert desk.loader().unload(four()) == 2
    assert [row for row in picky.tables["people"] if row["number"]] == [OWN]
    assert [row["number"] for row in picky.tables["persons"]] == ["4"]
    assert marks(desk) == []


def test_a_rollback_of_a_rejected_row_leaves_the_targets_own() -> None:
    """The row whose number the target had was never written: a whole load rolled back does not take the target's for it."""
    desk = with_own(Picky())
    assert desk.loader().load(four()) == 3
    assert desk.reasons == {"people: unique": 1}
    assert desk.loader().unload(four()) == 3
    assert desk.target.tables["people"] == [OWN]


def test_a_replayed_row_is_rolled_back_with_its_part_and_loaded_again() -> None:
    """Rejected, replayed once mended, taken out with the rest of its part, then loaded: at every step the row is in one place only."""
    picky = Picky("3")
    desk = Desk(picky)
    assert desk.loader().load(four()) == 3
    picky.refused.clear()
    done = desk.replay()
    assert (done.written, done.left, desk.rejects.count) == (1, 0, 0)
    assert (desk.people, sorted(marks(desk))) == (["1", "2", "3", "4"], [(0, 2), (2, 1), (3, 1)])
    assert desk.loader().load(four()) == 0
    assert desk.loader().unload(four()) == 4
    assert (desk.people, marks(desk)) == ([], [])
    assert desk.loader().load(four()) == 4
    assert (desk.people, marks(desk)) == (["1", "2", "3", "4"], [(0, 4)])


def test_a_row_refused_again_stays_with_todays_reason() -> None:
    """A replay keeps what the target still refuses and what cannot be written, and the child of a parent that stays goes on waiting."""
    picky = Picky("1")
    desk = Desk(picky)
    picky.tables["doctors"].append({"id": "D1", "name": "TAKEN"})
    loader = desk.loader()
    assert loader.load(part(1, "prescriber", doctors("D1", "D2"))) == 1
    batch = patients(
        {"id": "1"}, {"id": "2", "doctor": "D1"}, {"id": "3", "birth_name": "TOOLONG"}, {"id": "4"}
    )
    assert loader.load(part(2, "patient", batch)) == 1
    picky.tables["towns"].append({"id": 3, "label": "Brest"})
    done = desk.replay()
    assert (done.written, done.left) == (0, 4)
    assert desk.reasons == {
        "doctors: unique": 1,
        "people: check": 1,
        "doctor: parent-rejected": 1,
        "name: cannot-be-written": 1,
    }
    picky.tables["doctors"] = [row for row in picky.tables["doctors"] if row["name"] != "TAKEN"]
    picky.refused.clear()
    done = desk.replay()
    assert (done.written, done.left) == (3, 1)
    assert (desk.people, desk.reasons) == (["1", "2", "4"], {"name: cannot-be-written": 1})


@settings(max_examples=20, deadline=None)
@given(
    st.sets(st.integers(1, 6).map(str), max_size=6),
    st.sets(st.integers(1, 6).map(str), max_size=3),
    st.integers(0, 8),
)
def test_a_replay_cut_anywhere_is_called_again(refused: set[str], still: set[str], writes: int) -> None:
    """Whatever is still refused and wherever the target is cut off, called again a replay ends with each row written once or sealed once."""
    picky = Picky(*refused | still)
    desk = Desk(picky)
    whole = part(1, "patient", patients(*({"id": str(number)} for number in range(1, 7))))
    desk.loader().load(whole)
    picky.refused, picky.writes = set(still), writes
    try:
        desk.replay()
    except ConnectionError:
        picky.writes = 10**9
        done = desk.replay()
        assert (done.written, done.left) == (len(refused - still), len(still))
    assert desk.people == sorted({str(number) for number in range(1, 7)} - still)
    assert sum(desk.reasons.values()) == len(still)
    assert sum(mark.records for mark in picky.marks("m")) == 6 - len(still)
    assert desk.vault.names(f"m-rejects{COMING}") == []
