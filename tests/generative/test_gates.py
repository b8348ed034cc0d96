"""The two gates are never open together: every order of acts of several migrations, kills included, walked against the table.

A kill is a step not followed by its closing act: here, acts simply come in any order, and those that were refused leave no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ecluse.base.refusal import Refusal
from ecluse.passage.migration import (
    ACTS,
    CLOSES,
    LIVE,
    OPENS,
    SHUT,
    STOPPED,
    Act,
    Migration,
    MigrationState,
    check_gates,
    diagram,
    fold,
    migrations,
)

S = MigrationState
NAMES: Final = ("m-1", "m-2", "m-3")
ENDED: Final = (S.REVOKED, S.EXPIRED)
"""Stopped from outside, perhaps with a gate open."""


@dataclass(frozen=True)
class Fact:
    subject: str
    act: str


class Gates(RuleBasedStateMachine):
    """A ledger, to which acts are appended as `Site.record` does: only what the table and the other migrations' gates allow."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: list[Fact] = []
        self.refused: set[str] = set()

    def append(self, act: Act, name: str) -> bool:
        """Whether the act was allowed; refused, the ledger is as it was."""
        known = migrations(self.ledger)
        if act is Act.DRAFT:
            if name in known:
                return False
        else:
            if name not in known:
                return False
            try:
                known[name].after(act)
                check_gates(act, known[name], known.values())
            except Refusal as refusal:
                self.refused.add(refusal.code)
                return False
        self.ledger.append(Fact(name, act.value))
        return True

    @rule(act=st.sampled_from(list(Act)), name=st.sampled_from(NAMES))
    def any_act(self, act: Act, name: str) -> None:
        self.append(act, name)

    @rule(name=st.sampled_from(NAMES), steps=st.integers(1, 12))
    def along_the_way(self, name: str, steps: int) -> None:
        """The honest order, as far as it goes: killed after `steps`."""
        way = (
            Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER, Act.OPEN_TARGET,
            Act.CLOSE_TARGET, Act.LOAD, Act.RECONCILE, Act.ERASE,
        )  # fmt: skip
        for act in way[:steps]:
            self.append(act, name)

    @precondition(lambda self: migrations(self.ledger))
    @rule(data=st.data())
    def retried(self, data: st.DataObject) -> None:
        """A killed step run again opens the gate that it had left open, and no other."""
        name = data.draw(st.sampled_from(list(migrations(self.ledger))))
        gate = migrations(self.ledger)[name].gate
        state = migrations(self.ledger)[name].state
        if gate is not None and state not in STOPPED:
            own = Act.OPEN_SOURCE if gate == "source" else Act.OPEN_TARGET
            assert self.append(own, name)
            assert migrations(self.ledger)[name].gate == gate

    @rule(name=st.sampled_from(NAMES))
    def stopped(self, name: str) -> None:
        """A person can stop a migration at any moment while it is alive."""
        known = migrations(self.ledger)
        alive = name in known and known[name].state in LIVE
        assert self.append(Act.REVOKE, name) is alive

    @invariant()
    def a_refusal_says_why(self) -> None:
        """What is refused is out of turn, or waits for a gate: nothing else."""
        assert self.refused <= {"migration/not-now", "migration/gate-open"}

    @invariant()
    def one_gate_at_most(self) -> None:
        """In the whole ledger, at most one gate is open."""
        assert sum(it.gate is not None for it in migrations(self.ledger).values()) <= 1

    @invariant()
    def the_source_opens_before_the_target(self) -> None:
        """Whoever has the target open has handed over, and whoever has the source open is instructed; or both were stopped with it open."""
        for it in migrations(self.ledger).values():
            if it.gate == "source":
                assert it.state in (S.INSTRUCTED, *ENDED)
            if it.gate == "target":
                assert it.state in (S.HANDED_OVER, *ENDED)

    @invariant()
    def the_fold_is_deterministic(self) -> None:
        """The same facts tell the same, whatever is about something else; and only a prefix of a history can be told of a prefix."""
        noise = [Fact("p-1", "agreement.signed"), *self.ledger, Fact("m-1", "reconciliation.signed")]
        assert migrations(self.ledger) == migrations(noise) == migrations(list(self.ledger))

    @invariant()
    def the_end_is_the_end(self) -> None:
        """Stopped, a migration can only be taken out of the target again, closed and erased; erased, nothing can happen to it."""
        for it in migrations(self.ledger).values():
            possible = {act for act in Act if allowed(it, act)}
            if it.state in ENDED:
                onward = {
                    None: {Act.ERASE, Act.REOPEN_TARGET},
                    "source": {Act.CLOSE_SOURCE},
                    "target": {Act.CLOSE_TARGET, Act.REOPEN_TARGET},
                }
                assert possible == onward[it.gate] | {Act.ROLL_BACK}
            if it.state is S.WITHDRAWN:
                assert (it.gate, possible) == (None, {Act.ERASE})
            if it.state is S.ERASED:
                assert not possible


TestGates = Gates.TestCase
TestGates.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def allowed(migration: Migration, act: Act) -> bool:
    try:
        migration.after(act)
    except Refusal:
        return False
    return True


def test_every_state_and_gate_that_can_be_reached_is_lawful() -> None:
    """Walking every act from every reachable state, a migration is never found in a state the table does not name, nor with a wrong gate open."""
    seen: set[Migration] = set()
    ahead = [Migration("m")]
    while ahead:
        here = ahead.pop()
        if here in seen:
            continue
        seen.add(here)
        ahead += [here.after(act) for act in Act if allowed(here, act)]
    assert {it.state for it in seen} == set(S)
    assert {(it.state, it.gate) for it in seen if it.gate} == {
        (S.INSTRUCTED, "source"), (S.HANDED_OVER, "target"), *product(ENDED, ("source", "target")),
    }  # fmt: skip


@pytest.mark.parametrize("act", list(Act))
def test_what_the_table_does_not_name_is_refused(act: Act) -> None:
    """An act is possible from the states that the table gives, with the gate it needs, and refused from all others."""
    for state, gate in product(S, (None, "source", "target")):
        before = Migration("m", state, gate)
        lawful = (
            state in ACTS.get(act, {})
            and not (act in OPENS and gate not in (None, OPENS[act]))
            and not (act in SHUT and gate is not None)
            and not (act in CLOSES and gate != CLOSES[act])
        )
        assert allowed(before, act) is lawful


def test_another_migrations_gate_keeps_every_gate_shut() -> None:
    """While one migration reads the source, no other opens a gate; acts that open none are not its concern."""
    reading = Migration("m-1", S.INSTRUCTED, "source")
    for act in OPENS:
        with pytest.raises(Refusal, match="migration/gate-open"):
            check_gates(act, Migration("m-2", S.INSTRUCTED), [reading])
        check_gates(act, reading, [reading])
    check_gates(Act.DEPOSIT, Migration("m-2", S.EXTRACTED), [reading])


def test_a_history_that_breaks_the_table_is_refused() -> None:
    """Two drafts of one name, or an act before its draft, are no history; of an unknown name there is none."""
    drafted = Fact("m", Act.DRAFT.value)
    with pytest.raises(Refusal, match="migration/not-now"):
        fold("m", [drafted, drafted])
    with pytest.raises(Refusal, match="migration/unknown"):
        fold("m", [Fact("m", Act.INSTRUCT.value)])
    assert fold("other", [drafted]) is None


def test_the_diagram_shows_every_state() -> None:
    """The diagram drawn from the table names every state, and lets each that is alive be revoked and expire."""
    drawn = diagram()
    for state in S:
        assert state.name in drawn
    for state in LIVE:
        assert f"{state.name} --> REVOKED" in drawn
        assert f"{state.name} --> EXPIRED" in drawn


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Act))), max_size=30))
def test_any_history_is_folded_or_refused(history: list[tuple[str, Act]]) -> None:
    """Whatever facts a ledger holds, the fold gives migrations or a refusal, the same each time."""
    facts = [Fact(name, act.value) for name, act in history]

    def told() -> object:
        try:
            return migrations(facts)
        except Refusal as refusal:
            return refusal.code

    assert told() == told()
