"""A ledger's records and a witness's memory kept in this process: fakes that pass the ports' contracts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.ledger import Row
from ecluse.proof.note import Checkpoint
from ecluse.proof.tree import Node


class MemoryRecords:
    """`proof.ledger.Records` in lists. What an attacker with the database would touch is public."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tree: dict[tuple[int, int], bytes] = {}
        self.kept: dict[int, bytes] = {}
        self.newest: tuple[int, bytes] | None = None

    def append(self, *, row: Row, nodes: Sequence[Node], note: bytes) -> None:
        """One entry, its nodes and its head."""
        if row.seq != len(self.rows):
            raise Fault("ledger/concurrent", expected=row.seq, got=len(self.rows))
        self.rows.append(row)
        self.tree |= {(level, place): value for level, place, value in nodes}
        self.newest = row.seq + 1, note

    def read(self, start: int, end: int, *, subject: str | None = None) -> Iterator[Row]:
        """Rows in order."""
        return (row for row in self.rows[start:end] if subject in (None, row.subject))

    def node(self, level: int, place: int) -> bytes:
        """The hash of a complete node."""
        if (level, place) not in self.tree:
            raise Refusal("ledger/altered")
        return self.tree[level, place]

    def forget(self, seq: int) -> None:
        """Removes a body."""
        self.rows[seq] = replace(self.rows[seq], salt=None, body=None)

    def keep_note(self, size: int, note: bytes) -> None:
        """A cosigned head, for ever."""
        self.kept[size] = note

    def notes(self) -> Iterator[bytes]:
        """From the largest tree down."""
        newest = dict([self.newest] if self.newest else [])
        yield from (note for _, note in sorted({**newest, **self.kept}.items(), reverse=True))


class MemoryWitness:
    """`proof.witness.Memory` in a dictionary."""

    def __init__(self) -> None:
        self.heads: dict[str, Checkpoint] = {}

    def seen(self, origin: str) -> Checkpoint | None:
        """The largest head cosigned for `origin`."""
        return self.heads.get(origin)

    def keep(self, checkpoint: Checkpoint, *, after: Checkpoint | None) -> None:
        """Stores it in place of `after`."""
        now = self.seen(checkpoint.origin)
        if now != after:
            raise Fault("ledger/concurrent", expected=after.size if after else 0, got=now.size if now else 0)
        self.heads[checkpoint.origin] = checkpoint
