"""Notes: the free text of the NTE segments, put where it was said."""

from __future__ import annotations

from typing import NamedTuple

from ecluse.adapters.connectors.hl7.told import Told

__all__ = ["Note"]


class Note(NamedTuple):
    """The record that a note speaks of, and the field that holds it. What is already there stays, a line before."""

    kind: str
    name: str
    field: str

    def add(self, told: Told, text: str) -> None:
        """One more NTE."""
        row = told.put(self.kind, self.name, {})
        before = row.get(self.field)
        row[self.field] = f"{before!s}\n{text}" if before else text
