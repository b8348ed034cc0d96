"""Finding: nothing was ever erased after a migration. Here erasure follows acceptance or the time to live, is seen to work, and is certified."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.clearing import erase_migration
from ecluse.passage.closing import expire_due, revoke
from ecluse.passage.migration import MigrationState
from ecluse.proof.canonical import strict_json
from ecluse.proof.sign import verify_document
from ecluse.wiring.laboratory import open_site
from tests.workspaces import Clock, carried, ended, laboratory, start


def test_nothing_is_left_once_it_is_accepted_and_erased(tmp_path: Path) -> None:
    """After erasure no sealed part, no reject and no key of the migration stands at any of the three places."""
    _made, ready = laboratory(tmp_path)
    name = ended(ready)
    assert [file for file in tmp_path.rglob("*") if name in str(file)] == []
    assert [key for key in (*ready.source.keys.names(), *ready.target.keys.names()) if key != "agent"] == []


def test_the_certificate_is_signed_by_both_sites_and_says_what_is_not_covered(tmp_path: Path) -> None:
    """Whoever doubts reads a document signed at both ends: what, where, how, what was seen after, and what is not erased."""
    _, ready = laboratory(tmp_path)
    name = ended(ready)
    digest = str(ready.target.bodies("migration.erased", subject=name)[-1]["document"])
    keys = {"source": ready.source.agent.public, "target": ready.target.agent.public}
    verified = verify_document(ready.target.documents.get(digest), type="erasure", keys=keys, threshold=2)
    certificate = strict_json(verified.payload)
    assert isinstance(certificate, dict)
    assert {place["site"] for place in certificate["places"]} == {
        "laboratory-old",
        "laboratory-new",
        "exchange",
    }
    assert {place["method"] for place in certificate["places"]} == {"key-destroyed", "files-deleted"}
    assert len(certificate["not_covered"]) == 4
    assert certificate["why"] == "reconciled"


def test_what_was_not_accepted_is_not_erased_by_anyone(tmp_path: Path) -> None:
    """A parcel is not destroyed before a biologist accepted, the laboratory revoked, or its time is over."""
    _, ready = laboratory(tmp_path)
    name = carried(ready)
    with pytest.raises(Refusal) as refused:
        erase_migration(ready.target, ready.source, name=name, by=ready.cast.ids["biologist"])
    assert refused.value.code == "migration/not-now"


def test_past_its_time_to_live_a_parcel_is_not_opened_and_is_erased(tmp_path: Path) -> None:
    """When the instruction's time to live is over, the recipient no longer opens the parcel, and only erasure follows."""
    clock = Clock()
    _made, ready = laboratory(tmp_path, clock=clock)
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.extract(name, by=by)
    clock.at += timedelta(days=11)
    with pytest.raises(Refusal) as refused:
        ready.course.run(name, by=by)
    assert refused.value.code == "parcel/expired"
    assert expire_due(ready.source, by=by) == [name]
    assert ready.source.migration(name).state is MigrationState.EXPIRED
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    assert [file for file in tmp_path.rglob("*") if name in str(file)] == []


def test_a_revoked_instruction_stops_its_migration_and_leads_to_erasure(tmp_path: Path) -> None:
    """The laboratory takes its instruction back in the middle: nothing more moves, and what stood in between is destroyed."""
    _, ready = laboratory(tmp_path)
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.extract(name, by=by)
    biologist = ready.cast.ids["biologist"]
    stopped = revoke(
        ready.source, by=biologist, key=ready.cast.keys["biologist"], instruction=ready.instruction, reason="La reprise est abandonnée."
    )  # fmt: skip
    assert stopped == [name]
    with pytest.raises(Refusal):
        ready.course.load(name, by=by)
    ready.course.erase(name, by=biologist)
    assert ready.source.migration(name).state is MigrationState.ERASED


def test_a_restored_backup_brings_no_key_back(tmp_path: Path) -> None:
    """A backup of the target's site put back after erasure: at its next start the dead key is destroyed again, and the ledger says so."""
    made, ready = laboratory(tmp_path / "home")
    name = carried(ready)
    keys = tmp_path / "home" / "laboratory-new" / "keys"
    shutil.copytree(keys, tmp_path / "backup")
    ready.course.reconcile(name, by=ready.cast.ids["engineer"])
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    shutil.rmtree(keys)
    shutil.copytree(tmp_path / "backup", keys)
    again = open_site(made.settings, "target")
    assert again.keys.names() == ["agent"]
    risen = sorted(event.subject for event in again.journal.events() if event.act == "key.resurrected")
    assert risen == ["demo-2026", f"{name}-rejects"]
