"""The shared ledger as one site reads it: what is new is read, once; what was rewritten behind the site's back is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecluse.adapters.journal import WitnessedJournal
from ecluse.adapters.records import SqliteMemory, SqliteRecords
from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger, Row
from ecluse.proof.witness import Witness

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, AGENT = SigningKey.from_seed(b"l" * 32), SigningKey.from_seed(b"a" * 32)


class Read(SqliteRecords):
    """Records that note from which entry on they were read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.starts: list[int] = []

    def read(self, start: int, end: int, *, subject: str | None = None) -> Iterator[Row]:
        self.starts.append(start)
        return super().read(start, end, subject=subject)


def site(folder: Path, name: str = "old") -> tuple[WitnessedJournal, Read]:
    """One process of one site over the ledger in `folder`."""
    records = Read(folder / "ledger.sqlite")
    memory = SqliteMemory(SqliteRecords(folder / f"{name}.sqlite"))
    ledger = Ledger(records, origin="ecluse.example/test", key=KEY)
    witness = Witness(memory, name=name, key=AGENT)
    return WitnessedJournal(ledger, witness=witness, memory=memory, clock=lambda: NOON), records


def act(journal: WitnessedJournal, number: int) -> None:
    journal.append(
        at=NOON + timedelta(minutes=number),
        by="p",
        subject="m",
        act="watched",
        body={"n": number},
        expected=number,
    )


def test_each_entry_is_read_once(tmp_path: Path) -> None:
    """A site that reads again reads what is new, its own or another's: the cost of an act does not grow with the ledger."""
    (mine, read), (theirs, _) = site(tmp_path), site(tmp_path, "new")
    for number in range(4):
        act(theirs if number % 2 else mine, number)
        assert [event.body["n"] for event in mine.events()] == list(range(number + 1))
    read.starts.clear()
    act(theirs, 4)
    assert len(mine.events()) == len(mine.events()) == 5
    assert min(read.starts) >= 4


@pytest.mark.parametrize("place", [0, 2])
def test_an_entry_rewritten_in_the_file_is_refused(tmp_path: Path, place: int) -> None:
    """Whoever can write the file changes an entry under the signed head: the next process of the site refuses to read on."""
    journal, _ = site(tmp_path)
    for number in range(4):
        act(journal, number)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("DROP TRIGGER leaves_hold")
        file.execute(
            "UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), 'watched', 'trusted') AS BLOB) WHERE seq = ?",
            (place,),
        )
        file.commit()
    with pytest.raises(Refusal, match="ledger/altered"):
        site(tmp_path)[0].events()
