"""A ledger's file as anyone can read it who has not its key: entries, bodies and tree held against its own head, whoever signed that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ecluse.adapters.records import SqliteRecords
from ecluse.base.refusal import Refusal
from ecluse.passage.journal import Event
from ecluse.passage.migration import Migration, migrations
from ecluse.proof.canonical import strict_json
from ecluse.proof.entry import Entry, commitment_to
from ecluse.proof.note import read_unverified
from ecluse.proof.tree import Frontier, leaf_hash

__all__ = ["ToldLedger", "read_ledger"]

_ALL = 1 << 62


@dataclass(frozen=True, slots=True)
class ToldLedger:
    """What a ledger tells: the head's size and root (hexadecimal), and the migrations as they stand."""

    size: int
    root: str
    migrations: dict[str, Migration]


def read_ledger(file: Path) -> ToldLedger:
    """Every entry read, and held against the newest head. Raises Refusal `ledger/altered`, `ledger/body-altered`, `migration/...`."""
    records = SqliteRecords(file)
    try:
        head = next((read_unverified(note) for note in records.notes()), None)
        tree, events = Frontier(), []
        for row in records.read(0, _ALL):
            tree.append(leaf_hash(row.leaf))
            entry = Entry.parse(row.leaf)
            if row.body is not None and row.salt is not None:
                if commitment_to(row.body, salt=row.salt) != entry.commitment:
                    raise Refusal("ledger/body-altered", seq=entry.seq)
                strict_json(row.body)
            events.append(Event(entry.seq, entry.time.isoformat(), entry.by, entry.subject, entry.act, {}))
    finally:
        records.close()
    if (tree.size, tree.root()) != ((head.size, head.root) if head else (0, Frontier().root())):
        raise Refusal("ledger/altered")
    return ToldLedger(tree.size, tree.root().hex(), migrations(events))
