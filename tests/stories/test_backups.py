"""A backup never brings back what was erased, nor a key, nor a history that the laboratory has already seen go further."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ecluse.adapters.clock import SystemClock
from ecluse.base.refusal import Refusal
from ecluse.passage.migration import MigrationState
from ecluse.passage.parcel import MANIFEST
from ecluse.wiring.backup import back_up, restore
from ecluse.wiring.demonstration import PASSPHRASE
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import open_site
from ecluse.wiring.settings import read_settings
from tests.workspaces import Ready, laboratory, start


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace backed up while a parcel was in custody, and since then accepted and erased; the migration's name."""
    home = tmp_path_factory.mktemp("backups") / "trial"
    _, ready = laboratory(home)
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.extract(name, by=by)
    ready.course.run(name, by=by)
    back_up(home, home.parent / "loaded.tar", at=SystemClock().now())
    finish(ready, name)
    return home, name


def finish(ready: Ready, name: str) -> None:
    """Reconciled, accepted and erased."""
    ready.course.reconcile(name, by=ready.cast.ids["engineer"])
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])


def test_an_exchange_restored_from_before_is_refused_by_who_saw_it_after(
    saved: tuple[Path, str], tmp_path: Path
) -> None:
    """Put back from a backup older than what the laboratory's witness saw, the exchange is refused at the start, with what to do about it."""
    home, name = saved
    restore(home.parent / "loaded.tar", tmp_path / "back")
    live = tmp_path / "trial"
    shutil.copytree(home, live)
    shutil.rmtree(live / "exchange")
    shutil.copytree(tmp_path / "back" / "exchange", live / "exchange")
    shutil.copy(home / "exchange" / "log.key", live / "exchange" / "log.key")
    assert (live / "exchange" / "custody" / name / MANIFEST).is_file()
    with pytest.raises(Refusal, match="ledger/rolled-back") as refusal:
        open_site(read_settings(live), "target").journal.events()
    assert "newer copy of the ledger" in refusal.value.hint("en")


def test_a_destroyed_key_does_not_come_back(saved: tuple[Path, str], tmp_path: Path) -> None:
    """Restored whole, with the words of both roots and the log's key, both sites open on the old ledger, and no key of any parcel is there."""
    home, name = saved
    back = tmp_path / "back"
    restore(home.parent / "loaded.tar", back)
    shutil.copy(home / "exchange" / "log.key", back / "exchange" / "log.key")
    for site in ("laboratory-old", "laboratory-new"):
        root = SiteFolder(home / site).unlock_root(PASSPHRASE)
        SiteFolder(back / site).restore_root(root, passphrase="another phrase", work_factor=2)
    settings = read_settings(back)
    target = open_site(settings, "target")
    assert target.migration(name).state is MigrationState.LOADED
    assert (target.keys.names(), open_site(settings, "source").keys.names()) == (["agent"], ["agent"])
    assert target.custody.names(name) != []
