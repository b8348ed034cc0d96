"""A passage killed with SIGKILL before every call to the world, then simply run again: no loss, no double, a certificate at the end.

To be killed before a call is to be killed after the one before it: nothing touches the world in between.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecluse.passage.migration import MigrationState, migrations
from ecluse.passage.site import Site
from ecluse.proof.keys import SigningKey
from ecluse.wiring.course import Course, silent
from ecluse.wiring.demonstration import PASSPHRASE
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import open_site, source_of, target_of
from ecluse.wiring.settings import Settings, read_settings
from tests.workspaces import laboratory, start

CALLS = {
    "journal": ("append",),
    "vault": ("put", "erase"),
    "keys": ("create", "destroy"),
    "documents": ("put",),
    "target": ("write",),
}


class Killer:
    """Counts calls to the world; before the `fatal`-th it kills this very process."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.calls = fatal, 0

    def watch(self, tool: Any, names: tuple[str, ...]) -> Any:
        return Watched(self, tool, names)


class Watched:
    """A tool as it is, whose named calls the killer counts."""

    def __init__(self, killer: Killer, tool: Any, names: tuple[str, ...]) -> None:
        self._killer, self._tool, self._names = killer, tool, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tool, name)
        if name not in self._names:
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._killer.calls += 1
            if self._killer.calls == self._killer.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return found(*args, **named)

        return call


def watched(site: Site, killer: Killer) -> Site:
    return replace(
        site,
        journal=killer.watch(site.journal, CALLS["journal"]),
        documents=killer.watch(site.documents, CALLS["documents"]),
        keys=killer.watch(site.keys, CALLS["keys"]),
        spool=killer.watch(site.spool, CALLS["vault"]),
        custody=killer.watch(site.custody, CALLS["vault"]),
        rejects=killer.watch(site.rejects, CALLS["vault"]),
    )


def finish(
    settings: Settings, name: str, cast: dict[str, str], key: SigningKey, killer: Killer, begins: Callable[[str], None] = silent
) -> None:  # fmt: skip
    """Whatever is left of the passage, as `ecluse run`, `reconcile`, `accept` and `erase` would do it; `begins` is told each step."""
    source, target = (watched(open_site(settings, side), killer) for side in ("source", "target"))
    course = Course(
        settings, {"source": source, "target": target}, lambda: source_of(settings.source), lambda: killer.watch(target_of(settings.target), CALLS["target"])
    )  # fmt: skip
    state = course.run(name, by=cast["engineer"], step=begins)
    if state is MigrationState.LOADED:
        begins("reconcile")
        course.reconcile(name, by=cast["engineer"])
        course.accept(name, by=cast["biologist"], key=key)
    if course.source.migration(name).state is not MigrationState.ERASED:
        begins("erase")
        course.erase(name, by=cast["biologist"])


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; how it ended (0, or minus the signal that killed it)."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as a second pytest
            os._exit(70)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def content(home: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(home / "new.sqlite") as new:
        tables = [
            row[0]
            for row in new.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'ecluse_load'"
            )
        ]
        return {table: sorted(new.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables}


def moved(home: Path, to: Path) -> Settings:
    """The workspace copied, its systems' addresses with it."""
    shutil.copytree(home, to)
    file = to / "ecluse.toml"
    file.write_text(file.read_text().replace(str(home), str(to)))
    return read_settings(to)


def test_killed_at_every_call_a_passage_is_taken_up_and_ends_the_same(tmp_path: Path) -> None:
    """For every call to a vault, a keystore, the ledger, the documents or the target: killed there, run again, the end is the same."""
    base = tmp_path / "base-0"
    _, ready = laboratory(base, patients=12)
    name, cast = start(ready), dict(ready.cast.ids)
    del ready
    undisturbed = moved(base, tmp_path / "undisturbed")
    key = SiteFolder(undisturbed.source.site).unlock_person(cast["biologist"], PASSPHRASE)
    counter, first_calls = Killer(0), set[int]()
    finish(undisturbed, name, cast, key, counter, lambda _: first_calls.add(counter.calls + 1))
    expected = content(tmp_path / "undisturbed")
    assert counter.calls > 40
    assert len(first_calls) == 6
    assert sum(len(rows) for rows in expected.values()) > 100
    done = 0
    for fatal in range(1, counter.calls + 1):
        place = tmp_path / f"killed-{fatal}"
        settings = moved(base, place)
        killed = in_child(lambda s=settings, n=fatal - done: finish(s, name, cast, key, Killer(n)))  # type: ignore[misc]
        assert killed == -signal.SIGKILL, fatal
        if fatal in first_calls:
            # What this kill left is the passage as the step begins: the next ones need not do again what led there.
            base, done = tmp_path / f"base-{fatal}", fatal - 1
            moved(place, base)
        assert in_child(lambda s=settings: finish(s, name, cast, key, Killer(0))) == 0, fatal  # type: ignore[misc]
        assert content(place) == expected, fatal
        assert (
            migrations(open_site(settings, "target").journal.events())[name].state is MigrationState.ERASED
        ), fatal
        shutil.rmtree(place)
    last = moved(base, tmp_path / "last")
    beyond = in_child(lambda: finish(last, name, cast, key, Killer(counter.calls - done + 1)))
    assert beyond == 0, "the calls counted from the last step on are all there are"
