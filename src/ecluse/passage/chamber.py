"""One laboratory's chamber (« sas ») at the exchange: its ledger, its signed documents, its sealed parcels; and nothing that could open one.

Decides what the exchange lets happen to a migration it keeps: every act is held once more against the migration's table and gates, as each site holds
it for itself, so that an agent gone wrong is refused here too. It does not decide who may come in (`people`, and the doors), nor how octets come in
(`intake`). One chamber knows nothing of another: they share no ledger, no folder and no key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.journal import Documents, Event, Folded, check_act
from ecluse.passage.migration import Migration, MigrationState
from ecluse.passage.overview import Overview
from ecluse.proof.ledger import Ledger
from ecluse.proof.sign import check_continues

__all__ = ["Chamber"]

S = MigrationState
TAKES: Final = frozenset({S.EXTRACTED})
"""While a migration is in one of these, its parcel may come in."""
GIVES: Final = frozenset({S.DEPOSITED, S.HANDED_OVER, S.LOADED})
"""While it is in one of these, its parcel may be read: until a biologist accepts, or it is stopped."""


@dataclass(slots=True)
class _Read:
    """The entries read so far, kept so that a request reads only what is new."""

    events: list[Event] = field(default_factory=list)
    folded: Folded = field(default_factory=Folded)
    told: Overview = field(default_factory=Overview)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Chamber:
    """One chamber. `name` is made by Écluse and is the last part of its ledger's origin."""

    name: str
    clock: Callable[[], datetime]
    ledger: Ledger
    documents: Documents
    custody: Vault
    _read: _Read = field(default_factory=_Read, init=False, repr=False, compare=False)

    def events(self) -> list[Event]:
        """Every entry, in order, each body checked against its commitment. Raises Refusal `ledger/body-altered`, `ledger/altered`."""
        with self._read.lock:
            return list(self._caught_up())

    def overview(self) -> Overview:
        """What the ledger tells of papers and migrations, as it stands now."""
        with self._read.lock:
            events = self._caught_up()
            told = self._read.told
            told.follow(events[told.size :])
            return told.copy()

    def migrations(self) -> Mapping[str, Migration]:
        """Every migration that the ledger tells of, by name, in order of drafting."""
        with self._read.lock:
            return self._read.folded.after(self._caught_up())

    def migration(self, name: str) -> Migration:
        """One of them. Raises Refusal `migration/unknown`."""
        known = self.migrations()
        if name not in known:
            raise Refusal("migration/unknown", where=name)
        return known[name]

    def record(
        self, act: str, *, by: str, subject: str, body: Mapping[str, Any], expected: int | None = None
    ) -> int:
        """Append one act, if the table and the gates allow it now; the ledger's new size.

        `expected`: the size on which the caller decided. Raises Refusal `migration/...`, Fault `ledger/concurrent` (retry).
        """
        with self._read.lock:
            events = self._caught_up()
            check_act(act, subject, self._read.folded.after(events))
            size = len(events)
            self.ledger.append(
                at=self.clock(),
                by=by,
                subject=subject,
                act=act,
                body=body,
                expected=size if expected is None else expected,
            )
            return size + 1

    def check_takes(self, migration: str) -> None:
        """The migration's parcel may come in now. Raises Refusal `migration/unknown`, `chamber/takes-none`."""
        state = self.migration(migration).state
        if state not in TAKES:
            raise Refusal("chamber/takes-none", where=migration, got=state.value)

    def check_gives(self, migration: str) -> None:
        """The migration's parcel may be read now. Raises Refusal `migration/unknown`, `chamber/gives-none`."""
        state = self.migration(migration).state
        if state not in GIVES:
            raise Refusal("chamber/gives-none", where=migration, got=state.value)

    def keep_document(self, envelope: bytes, *, digest: str) -> None:
        """Keep a signed document of this digest; its signatures only ever grow. Raises Refusal `sign/...`, `document/...`."""
        try:
            held: bytes | None = self.documents.get(digest)
        except Refusal:
            held = None
        check_continues(envelope, named=digest, held=held)
        self.documents.put(envelope, digest=digest)

    def _caught_up(self) -> list[Event]:
        read = self._read.events
        more = max(self.ledger.size - len(read), 0)
        for told in islice(self.ledger.history(since=len(read)), more):
            entry = told.entry
            read.append(
                Event(entry.seq, entry.time.isoformat(), entry.by, entry.subject, entry.act, told.body or {})
            )
        return read
