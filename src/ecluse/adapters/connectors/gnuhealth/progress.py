"""The marks of batches, kept in GNU Health itself: one note (`ir.note`) beside the account for each batch under way or done.

Decides how a load that was killed is told: a note says how many records of its batch are there, and what was begun and not yet told as done. JSON-RPC has
no transaction over several calls, so what was begun is taken out again, by its numbers, before anybody is told the marks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from ecluse.adapters.connectors.gnuhealth.server import Server
from ecluse.base.refusal import Fault
from ecluse.passage.load import Mark

__all__ = ["Begun", "Progress"]

NOTE: Final = "ir.note"
BEGINS: Final = "ecluse:batch:"


@dataclass(frozen=True, slots=True)
class Begun:
    """A few records being written: their kind, their numbers, and for each model the last number before them."""

    kind: str
    ids: tuple[str, ...]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """One note. `mark`: the batch when whole; `done`: how many of its records are there; `note`: the note's own number."""

    mark: Mark
    done: int
    begun: Begun | None = None
    note: int = 0

    @property
    def so_far(self) -> Mark:
        """What is there of the batch."""
        return replace(self.mark, records=self.done)

    @classmethod
    def start(cls, server: Server, mark: Mark) -> Progress:
        """Note a batch of which nothing is there yet."""
        server.enter()
        fresh = cls(mark, 0)
        (note,) = server.create(
            NOTE, [{"resource": f"res.user,{server.account}", "message": fresh._message()}]
        )
        return replace(fresh, note=note)

    def begin(self, server: Server, begun: Begun) -> Progress:
        """Note what is about to be written."""
        return self._noted(server, replace(self, begun=begun))

    def told(self, server: Server, done: int) -> Progress:
        """Note that so many records are there, and nothing else."""
        return self._noted(server, replace(self, done=done, begun=None))

    def forget(self, server: Server) -> None:
        """Take the note out."""
        server.remove(NOTE, [self.note])

    @staticmethod
    def all(server: Server, migration: str) -> list[Progress]:
        """The notes of a migration. Raises Fault `gnuhealth/damaged`."""
        lines = server.read(NOTE, [["message", "like", f"{BEGINS}%"]], ["message"])
        found = [_parsed(line["message"], line["id"]) for line in lines]
        return sorted(
            (it for it in found if it.mark.migration == migration),
            key=lambda it: (it.mark.part, it.mark.start),
        )

    def _noted(self, server: Server, after: Progress) -> Progress:
        server.write(NOTE, [self.note], {"message": after._message()})
        return after

    def _message(self) -> str:
        said = {
            "mark": asdict(self.mark),
            "done": self.done,
            "begun": asdict(self.begun) if self.begun else None,
        }
        return BEGINS + json.dumps(said, separators=(",", ":"))


def _parsed(message: str, note: int) -> Progress:
    try:
        said = json.loads(message.removeprefix(BEGINS))
        begun = said["begun"]
        kept = Begun(begun["kind"], _texts(begun["ids"]), dict(begun["after"])) if begun else None
        return Progress(Mark(**said["mark"]), int(said["done"]), kept, note)
    except (ValueError, KeyError, TypeError):
        raise Fault("gnuhealth/damaged", where=NOTE) from None


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, values))
