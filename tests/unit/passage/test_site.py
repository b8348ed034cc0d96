"""What a site keeps of the ledger between two acts: the migrations as they were, moved on by what is new."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.journal import Event, Journal
from ecluse.passage.migration import Act, MigrationState
from tests.documents import ENGINEER
from tests.sites import Laboratory


class Busy:
    """A journal in which another writer is first so many times."""

    def __init__(self, journal: Journal, left: int, *, code: str = "ledger/concurrent") -> None:
        self.journal, self.left, self.code = journal, left, code

    def events(self) -> list[Event]:
        return self.journal.events()

    def append(self, **entry: Any) -> None:
        if self.left:
            self.left -= 1
            raise Fault(self.code, expected=1, got=2)
        self.journal.append(**entry)


def kept(lab: Laboratory) -> list[Any]:
    """The entries of the laboratory's ledger, to be rewritten."""
    entries: list[Any] = lab.source_site.journal._events  # type: ignore[attr-defined]
    return entries


def test_an_act_folds_what_is_new() -> None:
    """What was folded is kept: an entry that would now break the table is not met again, save by a site that begins."""
    lab = Laboratory()
    first = lab.begin()
    assert set(lab.source_site.migrations()) == {first}
    entries = kept(lab)
    place = next(number for number, event in enumerate(entries) if event.act == Act.DRAFT.value)
    entries[place] = replace(entries[place], act=Act.ERASE.value)
    second = lab.begin()
    assert set(lab.source_site.migrations()) == {first, second}
    with pytest.raises(Refusal, match="migration/unknown"):
        replace(lab.source_site).migrations()


def test_another_history_is_folded_from_its_beginning() -> None:
    """Where the ledger is not the one that was folded, shorter or other, nothing of the old fold stays."""
    lab = Laboratory()
    name = lab.begin()
    assert lab.source_site.migration(name).state is MigrationState.INSTRUCTED
    entries = kept(lab)
    last = entries.pop()
    assert lab.source_site.migration(name).state is MigrationState.DRAFTED
    entries.append(replace(last, act=Act.REVOKE.value))
    entries[:] = [*entries[:-2], replace(entries[-2], subject="m-other")]
    assert set(lab.source_site.migrations()) == {"m-other"}
    entries.clear()
    assert not lab.source_site.migrations()


def test_a_refused_fold_is_tried_again() -> None:
    """An entry that breaks the table is refused each time it is met, not only the first."""
    lab = Laboratory()
    name = lab.begin()
    lab.source_site.migrations()
    entries = kept(lab)
    entries.append(replace(entries[-1], seq=len(entries), act=Act.ERASE.value))
    for _ in range(2):
        with pytest.raises(Refusal, match="migration/not-now"):
            lab.source_site.migration(name)
    with pytest.raises(Refusal, match="migration/not-now"):
        lab.source_site.record(Act.REVOKE.value, by=ENGINEER.id, subject=name, body={})


@pytest.mark.parametrize(("busy", "recorded"), [(1, True), (4, True), (5, False)])
def test_an_act_is_tried_again_where_another_was_first(busy: int, recorded: bool) -> None:
    """An act is held against the ledger anew each time that another writer was first, and given up when that does not end."""
    lab = Laboratory()
    site = replace(lab.source_site, journal=Busy(lab.source_site.journal, busy))
    if recorded:
        site.record("note", by=ENGINEER.id, subject="x", body={})
        assert site.journal.events()[-1].act == "note"
    else:
        with pytest.raises(Fault, match="ledger/concurrent"):
            site.record("note", by=ENGINEER.id, subject="x", body={})


def test_a_ledger_that_fails_otherwise_is_not_tried_again() -> None:
    """A fault that is not another writer's is told at once."""
    lab = Laboratory()
    journal = Busy(lab.source_site.journal, 1, code="ledger/busy")
    with pytest.raises(Fault, match="ledger/busy"):
        replace(lab.source_site, journal=journal).record("note", by=ENGINEER.id, subject="x", body={})
    assert journal.left == 0
