"""What a chamber's ledger tells, folded for its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.overview import Overview
from ecluse.people.role import Permission

Told = tuple[str, str, Mapping[str, Any]]
DRAFT: Told = ("m-1", Act.DRAFT.value, {"instruction": "sha256:1", "run": "whole", "rehearse": 0})


def told(*entries: Told) -> Overview:
    seen = Overview()
    seen.follow(
        Event(seq, f"2026-11-28T10:00:{seq:02d}+00:00", "p-0001", subject, act, body)
        for seq, (subject, act, body) in enumerate(entries)
    )
    return seen


def acts(*some: Act, **bodies: Mapping[str, Any]) -> list[Told]:
    return [("m-1", act.value, bodies.get(act.name, {})) for act in some]


def test_papers_stand_as_the_ledger_says() -> None:
    """An instruction is superseded by the one that says so and revoked by its revocation; the last one in force is the paper of its kind."""
    seen = told(
        ("agreement", "agreement.signed", {"document": "sha256:a"}),
        ("i-1", "instruction.signed", {"document": "sha256:1", "version": 1, "supersedes": ""}),
        ("i-1", "instruction.signed", {"document": "sha256:2", "version": 2, "supersedes": "sha256:1"}),
        ("i-2", "instruction.signed", {"document": "sha256:3", "version": 1, "supersedes": ""}),
        ("i-2", "instruction.revoked", {"instruction": "sha256:3", "document": "sha256:r"}),
        ("i-9", "instruction.revoked", {"instruction": "sha256:never"}),
    )
    assert [(it.digest, it.standing) for it in seen.papers.values()] == [
        ("sha256:a", "in-force"),
        ("sha256:1", "superseded"),
        ("sha256:2", "in-force"),
        ("sha256:3", "revoked"),
    ]
    found = seen.paper("instruction")
    assert found is not None
    assert found.digest == "sha256:2"
    assert seen.paper("codes") is None
    assert not seen.compared


def test_a_migration_is_told_with_its_counts_and_documents() -> None:
    """Every act is a step; sizes and counts are those that the acts tell, rejects summed over the kinds."""
    seen = told(
        DRAFT,
        *acts(Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT),
        *acts(Act.DEPOSIT, DEPOSIT={"octets": 1200}),
        *acts(Act.HAND_OVER, Act.OPEN_TARGET, Act.CLOSE_TARGET),
        *acts(Act.LOAD, LOAD={"written": 40, "rejected": {"patient": 1, "result": 2}}),
        ("m-1", "reconciliation.signed", {"document": "sha256:rec"}),
        ("r-1", "recipient.compared", {}),
    )
    it = seen.passings.get("m-1")
    assert it is not None
    assert (it.octets, it.written, it.rejected, it.reconciliation) == (1200, 40, 3, "sha256:rec")
    assert (it.live, it.erased, it.waits_for) == (True, False, Permission.ACCEPT)
    assert len(it.steps) == 10
    assert seen.compared


def test_a_replay_adds_to_what_was_loaded() -> None:
    """Rejected rows tried again are counted once more; what is left of them is what stays rejected."""
    seen = told(
        DRAFT,
        *acts(Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER),
        *acts(Act.OPEN_TARGET, Act.CLOSE_TARGET),
        *acts(Act.LOAD, LOAD={"written": 40, "rejected": {"patient": 3}}),
        *acts(Act.OPEN_TARGET, Act.CLOSE_TARGET),
        *acts(Act.LOAD, LOAD={"written": 2, "left": 1}),
    )
    it = seen.passings.get("m-1")
    assert it is not None
    assert (it.written, it.rejected, it.waits_for) == (42, 1, Permission.RECONCILE)


def test_an_end_waits_for_erasure_and_then_for_nobody() -> None:
    """Revoked, it waits for its erasure; erased, its certificate is known and nobody is waited for."""
    stopped = told(DRAFT, *acts(Act.REVOKE))
    over = told(DRAFT, *acts(Act.REVOKE), *acts(Act.ERASE, ERASE={"document": "sha256:c", "why": "revoked"}))
    first, last = stopped.passings.get("m-1"), over.passings.get("m-1")
    assert first is not None
    assert last is not None
    assert (first.live, first.waits_for) == (False, Permission.ERASE)
    assert (last.erased, last.waits_for, last.certificate) == (True, None, "sha256:c")
    assert last.migration.state is MigrationState.ERASED
    assert over.passings.get("m-2") is None


def test_a_drafted_migration_waits_for_nobody_yet() -> None:
    """Without an instruction nobody can take a step; a count that is no number counts for nothing."""
    seen = told(("m-1", Act.DRAFT.value, {"instruction": "sha256:1", "rehearse": "many"}))
    it = seen.passings.get("m-1")
    assert it is not None
    assert (it.name, it.waits_for, it.rehearse) == ("m-1", None, 0)


def test_a_comparison_of_nothing_known_is_passed_over() -> None:
    """A reconciliation of a migration that the ledger never drafted, and acts about other things, change no page."""
    seen = told(
        ("m-9", "reconciliation.signed", {"document": "sha256:x"}), ("site", "machine.enrolled", {}), DRAFT
    )
    assert list(seen.passings) == ["m-1"]


def test_entries_that_break_the_table_are_refused() -> None:
    """A ledger whose acts cannot follow one another is not told as if they could."""
    with pytest.raises(Refusal, match="migration/not-now"):
        told(DRAFT, *acts(Act.DEPOSIT))


def test_a_copy_stands_still() -> None:
    """What is read later changes the overview and not the page that was being made."""
    seen = told(DRAFT)
    page = seen.copy()
    seen.follow([Event(1, "2026-11-28T10:00:01+00:00", "p-0001", "m-1", Act.REVOKE.value, {})])
    assert page.passings["m-1"].live
    assert not seen.passings["m-1"].live
    assert (page.size, seen.size) == (1, 2)
