"""What an account sees: `/`, a folder for each migration that awaits or gives a parcel, and in it the parcel's files by their names. Nothing else exists.

A client's path is taken apart here and its words looked up in what there is: no path of a disk is ever made of it. Decides what is where and who may do
what with it; `files` speaks the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ecluse.doors.sftp.admitted import Admitted
from ecluse.passage.blind import final_name
from ecluse.passage.chamber import GIVES, TAKES
from ecluse.passage.intake import Intake

__all__ = ["Entry", "Missing", "Place", "Tree", "place_of"]


class Missing(Exception):
    """There is no such thing here; it says no more than that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads, as far as its words go: the root, a migration's folder, or a file in it."""

    migration: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        """Written the one way."""
        return "/" + "/".join(word for word in (self.migration, self.name) if word)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing. `size` is 0 for a folder; `unfinished`: an upload that goes on."""

    name: str
    folder: bool
    size: int = 0
    unfinished: bool = False


def place_of(path: bytes) -> Place:
    """The place of a client's path, from the root. Raises Missing for more than two words, or words that are no names of ours."""
    try:
        words = path.decode("ascii").split("/")
    except UnicodeDecodeError:
        raise Missing from None
    kept: list[str] = []
    for word in words:
        if word == "..":
            kept = kept[:-1]
        elif word not in ("", "."):
            kept.append(word)
    if len(kept) > 2:
        raise Missing
    return Place(*kept)


@dataclass(frozen=True, slots=True)
class Tree:
    """One session's view. `intakes`: a chamber's intake by its name."""

    who: Admitted
    intakes: Callable[[str], Intake]

    def intake(self, migration: str) -> Intake:
        """The intake of the chamber that holds this migration. Raises Missing."""
        found = self._migrations().get(migration)
        if found is None:
            raise Missing
        return found

    def entries(self, place: Place) -> list[Entry]:
        """What a folder holds. Raises Missing, also for a file."""
        if place.name:
            raise Missing
        if not place.migration:
            return [Entry(name, folder=True) for name in sorted(self._migrations())]
        intake = self.intake(place.migration)
        kept = intake.kept(place.migration)
        going = {
            name: size for name, size in self._going(intake, place.migration).items() if name not in kept
        }
        return [
            *(Entry(name, folder=False, size=size) for name, size in kept.items()),
            *(Entry(name, folder=False, size=size, unfinished=True) for name, size in going.items()),
        ]

    def entry(self, place: Place) -> Entry:
        """What is there. Raises Missing."""
        if not place.name:
            if place.migration:
                self.intake(place.migration)
            return Entry(place.migration or "/", folder=True)
        for entry in self.entries(Place(place.migration)):
            if entry.name == place.name:
                return entry
        raise Missing

    def file(self, place: Place) -> Intake:
        """The intake for a file that may be there or come. Raises Missing, Refusal `intake/name`."""
        if not place.name:
            raise Missing
        intake = self.intake(place.migration)
        final_name(place.name)
        return intake

    def _going(self, intake: Intake, migration: str) -> Mapping[str, int]:
        return intake.unfinished(migration) if self.who.sends else {}

    def _migrations(self) -> dict[str, Intake]:
        """Each migration that awaits or gives a parcel, of the chambers of this account, by name."""
        states = (TAKES if self.who.sends else frozenset()) | (GIVES if self.who.reads else frozenset())
        found: dict[str, Intake] = {}
        for chamber in self.who.chambers:
            intake = self.intakes(chamber)
            for name, migration in intake.chamber.migrations().items():
                if migration.state in states and self.who.migration in ("", name):
                    found.setdefault(name, intake)
        return found
