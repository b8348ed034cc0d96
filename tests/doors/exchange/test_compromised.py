"""An exchange in the wrong hands: whatever its ledger or its documents tell, the laboratory refuses it, notes it at home, and loads nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.noted import NotedFacts, WatchfulJournal
from ecluse.base.refusal import Refusal
from ecluse.passage.chamber import Chamber
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger, Row
from tests.doors.exchange.test_api import AT, Machine, enrolled, machine, network  # the fixtures too
from tests.ports.memory_records import MemoryRecords

__all__ = ["enrolled", "machine", "network"]


def rewritten(chamber: Chamber, *, entries: int, key: SigningKey) -> Ledger:
    """A ledger of another history under the same name."""
    ledger = Ledger(MemoryRecords(), origin=chamber.ledger.log.name, key=key)
    for number in range(entries):
        ledger.append(at=AT, by="p-9", subject="x", act="note", body={"number": number})
    return ledger


class Altering(Ledger):
    """The very ledger, but for what `change` makes of its rows."""

    def __init__(self, true: Ledger, change: Callable[[Iterator[Row]], Iterator[Row]]) -> None:
        self._true, self._change = true, change
        self.log = true.log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)

    @property
    def size(self) -> int:
        return self._true.size

    def checkpoint(self) -> bytes:
        return self._true.checkpoint()

    def consistency(self, old: int, new: int) -> list[bytes]:
        return self._true.consistency(old, new)

    def keep(self, note: bytes) -> None:
        self._true.keep(note)

    def rows(self, *, since: int = 0) -> Iterator[Row]:
        return self._change(self._true.rows(since=since))


def own_key(served: Any, chamber: Chamber) -> SigningKey:
    """The chamber's log key, which whoever took the exchange over holds."""
    return SigningKey.from_seed((served.settings.home / "chambers" / chamber.name / "log.key").read_bytes())


ATTACKS: dict[str, tuple[Callable[[Any, Chamber], Ledger], str]] = {
    "rolls back": (lambda served, it: rewritten(it, entries=1, key=own_key(served, it)), "ledger/rolled-back"),
    "forks": (lambda served, it: rewritten(it, entries=30, key=own_key(served, it)), "ledger/forked"),
    "forks at the same size": (lambda served, it: rewritten(it, entries=it.ledger.size, key=own_key(served, it)), "ledger/forked"),
    "signs with another key": (lambda served, it: rewritten(it, entries=30, key=SigningKey.new()), "ledger/note-not-signed"),
    "drops an entry": (lambda served, it: Altering(it.ledger, lambda rows: iter(list(rows)[:-1])), "ledger/altered"),
    "swaps two entries": (lambda served, it: Altering(it.ledger, lambda rows: iter(list(rows)[::-1])), "ledger/altered"),
    "alters a body": (
        lambda served, it: Altering(it.ledger, lambda rows: (replace(row, body=b'{"instruction":"mine"}') for row in rows)), "ledger/body-altered"
    ),
    "alters a leaf": (
        lambda served, it: Altering(it.ledger, lambda rows: (replace(row, leaf=row.leaf.replace(b'"note"', b'"nope"')) for row in rows)), "ledger/altered"
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_ledger_that_does_not_verify_is_refused_and_noted(
    machine: Machine, served: Any, tmp_path: Path, attack: str
) -> None:
    """A ledger rolled back, forked, cut or altered is refused by the laboratory that saw it before, noted in its own file once, and never acted upon."""
    tamper, code = ATTACKS[attack]
    name = machine.account.chamber
    noted = NotedFacts(tmp_path / "noted.jsonl", clock=lambda: AT)
    journal = WatchfulJournal(machine.journal(tmp_path), noted=noted.note)
    for number in range(3):
        seen = len(journal.events())
        journal.append(at=AT, by="p-1", subject="x", act="note", body={"number": number}, expected=seen)
    honest = served.chamber(name)
    before = len(journal.events())
    if isinstance(
        tamper(served, honest), Altering
    ):  # what was read once is not asked for again: something new is told
        honest.record("note", by="p-1", subject="x", body={})
        honest.record("note", by="p-1", subject="y", body={})
    try:
        served._open[name] = replace(honest, ledger=tamper(served, honest))
        for _ in range(2):
            with pytest.raises(Refusal, match=code):
                journal.events()
    finally:
        served._open[name] = honest
    assert code in [fact["code"] for fact in noted.all()]
    assert (tmp_path / "noted.jsonl").stat().st_mode & 0o777 == 0o600
    assert len(journal.events()) >= before  # the honest one is believed again
