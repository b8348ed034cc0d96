"""An upload killed with SIGKILL before every step, then the exchange started again: the unfinished upload or the whole file, never both half, nothing lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.uploads import DiskUploads
from ecluse.adapters.vaults import DiskVault
from ecluse.passage.acts import CUSTODY_RECEIVED
from ecluse.passage.arrivals import Arrivals
from ecluse.passage.intake import Intake
from ecluse.wiring.exchange import Exchange, write_exchange
from tests.attacks.test_killed import in_child
from tests.chambers import AT, MIGRATION, SENT, draft, parcel

PART = "part-0001.age"
FILES, MANIFEST = parcel((b"one" * 50_000,))
STEPS = ("open", "write", "write", "adopt", "drop", "close", "record")


class Killer:
    """Kills this very process before the `fatal`-th call that it watches."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.calls = fatal, 0

    def watch(self, tool: Any, *names: str) -> Any:
        for name in names:
            setattr(tool, name, self._watched(getattr(tool, name)))
        return tool

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return watched


class WatchedUploads(DiskUploads):
    """The disk's, each step of each upload watched."""

    def __init__(self, root: Path, killer: Killer) -> None:
        super().__init__(root)
        self._killer = killer

    def open(self, folder: str, name: str, *, length: int | None, fresh: bool) -> Any:
        opened = self._killer._watched(super().open)(folder, name, length=length, fresh=fresh)
        return self._killer.watch(opened, "write", "drop", "close")


@pytest.mark.parametrize("fatal", range(1, len(STEPS) + 2))
def test_killed_anywhere_an_upload_is_unfinished_or_whole(tmp_path: Path, fatal: int) -> None:
    """Killed before any step, what came is an upload to go on with or a file in custody; started again and sent again, it is there and noted once."""
    settings = write_exchange(tmp_path, name="sas.example", host="h", language="fr")
    draft(Exchange(settings, clock=lambda: AT).create_chamber("labo-a"), MANIFEST)
    octets, home = FILES[PART], tmp_path / "chambers" / "labo-a"

    def send() -> None:
        killer = Killer(fatal)
        chamber = Exchange(settings, clock=lambda: AT).chamber("labo-a")
        custody = killer.watch(DiskVault(home / "custody"), "adopt")
        chamber = replace(chamber, custody=custody, ledger=killer.watch(chamber.ledger, "append"))
        intake = Intake(Arrivals(chamber), WatchedUploads(home / "uploads", killer))
        with intake.begin(MIGRATION, PART, sent=SENT) as coming:
            coming.append(0, [octets[:100_000], octets[100_000:]])
            coming.finish()

    ended = in_child(send)
    assert ended == (-signal.SIGKILL if fatal <= len(STEPS) else 0)
    intake = Exchange(settings, clock=lambda: AT).intake("labo-a")
    kept = intake.chamber.custody.names(MIGRATION)
    if kept:
        with intake.chamber.custody.open(MIGRATION, PART) as file:
            assert file.read() == octets
    assert (PART in kept) == (fatal > STEPS.index("adopt") + 1)
    intake.settle()
    progress = intake.progress(MIGRATION, PART)
    if PART not in intake.chamber.custody.names(MIGRATION):
        with intake.begin(MIGRATION, PART, sent=SENT) as coming:
            assert coming.size == (progress.size if progress else 0)
            coming.append(coming.size, [octets[coming.size :]])
            coming.finish()
    with intake.chamber.custody.open(MIGRATION, PART) as file:
        assert file.read() == octets
    assert intake.uploads.names(MIGRATION) == []
    assert [event.act for event in intake.chamber.events()].count(CUSTODY_RECEIVED) == 1
