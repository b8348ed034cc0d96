"""A laboratory's agent (« agent »): what its machine does at the exchange by itself, whoever is there or not.

Each round it witnesses the ledger and keeps its own copy, tells that the target is ready, erases here what the other site erased there, and signs what
erasure that proves. It opens no gate, extracts nothing, loads nothing and acts in nobody's name: a person does, with their own key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import PLACES_ERASED
from ecluse.passage.clearing import ENDED, certify_erasure, clear, clear_target, cleared, countersign
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.site import Site
from ecluse.passage.standing import stands
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.settings import Side
from ecluse.wiring.workspace import Workspace

__all__ = ["SILENT", "Agent", "Done"]

SILENT: Final = timedelta(hours=1)
"""After so long without an answer, the exchange's silence is noted: it can delay, and that must show."""
_REACHED: Final = "reached"


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that a round did: its word, and the migration or the count that it is about."""

    word: str
    about: str


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent of one site held in a workspace."""

    workspace: Workspace
    side: Side

    @property
    def folder(self) -> SiteFolder:
        """The site's folder."""
        return self.workspace.folder(self.side)

    def round(self) -> list[Done]:
        """One round; what it did. Raises what does not verify, noted already, and Fault `link/not-reached` (retry)."""
        site = self.workspace.site(self.side)
        events = site.journal.events()
        self._note_reached()
        done = [Done("witnessed", str(len(events)))]
        if self.side == "target":
            with suppress(Fault):  # its system is not there now: the next round tells it
                if self.workspace.tell_target(site):
                    done.append(Done("target_told", self.workspace.settings.target.mapping.name))
        done += self._erasures(site)
        return done

    def reached(self) -> datetime | None:
        """When the exchange last answered a round; None if it never did."""
        file = self.folder.path / _REACHED
        return datetime.fromisoformat(file.read_text("utf-8")) if file.is_file() else None

    def note_silence(self) -> bool:
        """Note that the exchange does not answer, once it has not for long; whether it was noted."""
        last = self.reached()
        if last is None or self.workspace.clock() - last < SILENT:
            return False
        where = self.workspace.settings.chamber
        self.folder.noted(clock=self.workspace.clock).note(
            Refusal("link/silent", where=where, since=last.isoformat())
        )
        return True

    def _note_reached(self) -> None:
        file = self.folder.path / _REACHED
        file.touch(mode=0o600)
        file.write_text(self.workspace.clock().isoformat(), "utf-8")

    def _erasures(self, site: Site) -> Iterator[Done]:
        """What one site has erased, the other erases; then the certificate, and its second signature."""
        settings = self.workspace.settings
        other = (settings.target if self.side == "source" else settings.source).site.name
        for name, migration in site.migrations().items():
            if (
                migration.state in ENDED
                and other in site.agents
                and cleared(site, name, of=other) is not None
            ):
                if self.side == "target" and stands(site, name):
                    continue  # records that nobody accepted: a person says what becomes of them
                if cleared(site, name, of=site.name) is None:
                    (clear if self.side == "source" else clear_target)(site, name, by=site.name)
                    yield Done("cleared", name)
                if self.side == "target":
                    certify_erasure(site, name, source=other, by=self._orderer(site, name))
                    self.workspace.course().settle(name)
                    yield Done("certified", name)
            elif self.side == "source" and migration.state is MigrationState.ERASED and other in site.agents:
                yield from (Done("countersigned", name) for _ in range(countersign(site, name, target=other)))

    def _orderer(self, site: Site, name: str) -> str:
        """Who ordered the erasure: the first who stated one, else who accepted."""
        events = [event for event in site.journal.events() if event.subject == name]
        people = [event.by for event in events if event.act in (Act.RECONCILE.value, PLACES_ERASED)]
        return next((by for by in people if by in site.people), site.name)
