"""What one site is given to do its part (« site »): the shared ledger, the documents, its keys, its vaults, the people it knows.

Every change goes through `Site.record`: it holds the act against the migration's table and the open gates, appends it to the ledger, and has the site's
witness cosign. There is no other way to change anything. The world behind these tools is wired in `ecluse.wiring`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.migration import Act, Migration, check_gates, follow
from ecluse.people.person import Person
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.seal import Recipient
from ecluse.proof.unseal import Identity

__all__ = ["Documents", "Event", "Journal", "KeyStore", "Known", "Site"]


@dataclass(frozen=True, slots=True)
class Event:
    """One ledger entry with its body, as the folds read it; `body` is empty once forgotten."""

    seq: int
    time: str
    by: str
    subject: str
    act: str
    body: Mapping[str, Any] = field(hash=False)


class Journal(Protocol):
    """The shared ledger as one site sees it: reading checks consistency with what its witness saw before; writing cosigns."""

    def events(self) -> list[Event]:
        """Every entry, in order. Raises Refusal `ledger/rolled-back`, `ledger/forked`."""
        ...

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        """One more entry, durable before this returns, if the ledger still has `expected` entries. Raises Fault `ledger/concurrent`."""
        ...


class Documents(Protocol):
    """Signed documents by the digest of what was signed."""

    def put(self, envelope: bytes, *, digest: str) -> None:
        """Keep an envelope; the one with the most signatures stays."""
        ...

    def get(self, digest: str) -> bytes:
        """The envelope. Raises Refusal `document/absent`."""
        ...


class KeyStore(Protocol):
    """The private keys of a site (`adapters.keystore`)."""

    def names(self) -> list[str]:
        """The keys alive."""
        ...

    def create(self, name: str) -> Recipient:
        """A new hybrid key; its public half."""
        ...

    def identity(self, name: str) -> Identity:
        """The private half. Raises Refusal `key/absent`."""
        ...

    def destroy(self, name: str) -> None:
        """Overwrite and remove, and see that a decryption fails."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A person a site knows: who, and the public key its laboratory's root certified for them."""

    person: Person
    key: VerifyKey


@dataclass(slots=True)
class _Folded:
    """The migrations as the first `size` entries tell, kept so that each act folds what is new and not the whole ledger again."""

    size: int = 0
    last: Event | None = None
    known: Mapping[str, Migration] = field(default_factory=dict)

    def after(self, events: Sequence[Event]) -> Mapping[str, Migration]:
        """The migrations after all of `events`. Another history than the one folded is folded from its beginning."""
        if not (self.size and self.size <= len(events) and events[self.size - 1] == self.last):
            self.size, self.known = 0, {}
        if self.size < len(events):
            self.known = follow(self.known, events[self.size :])
            self.size, self.last = len(events), events[-1]
        return self.known


@dataclass(frozen=True, slots=True)
class Site:
    """One laboratory site. `roots`: the root keys of the sites it has compared, its own too; `agents`: the keys these certified for their machines."""

    name: str
    clock: Callable[[], datetime]
    journal: Journal
    documents: Documents
    keys: KeyStore
    agent: SigningKey
    people: Mapping[str, Known]
    roots: Mapping[str, VerifyKey]
    agents: Mapping[str, VerifyKey]
    spool: Vault
    custody: Vault
    rejects: Vault
    _folded: _Folded = field(default_factory=_Folded, init=False, repr=False, compare=False)

    def record(self, act: str, *, by: str, subject: str, body: Mapping[str, Any]) -> None:
        """Append one act. Raises Refusal `migration/not-now`, `migration/gate-open` when the table or an open gate forbids it."""
        events = self.journal.events()
        if act in {known.value for known in Act}:
            self._check(Act(act), subject, self._folded.after(events))
        self.journal.append(at=self.clock(), by=by, subject=subject, act=act, body=body, expected=len(events))

    def _check(self, act: Act, subject: str, known: Mapping[str, Migration]) -> None:
        """The table and the gates allow `act` now. A name is drafted once: a second time would make the ledger unreadable."""
        if act is Act.DRAFT and subject not in known:
            return
        if subject not in known:
            raise Refusal("migration/unknown", where=subject)
        known[subject].after(act)
        check_gates(act, known[subject], known.values())

    def migration(self, name: str) -> Migration:
        """The migration as the ledger tells. Raises Refusal `migration/unknown`."""
        known = self.migrations()
        if name not in known:
            raise Refusal("migration/unknown", where=name)
        return known[name]

    def migrations(self) -> Mapping[str, Migration]:
        """Every migration that the ledger tells of, by name, in order of drafting."""
        return self._folded.after(self.journal.events())

    def known(self, person: str) -> Known:
        """A person by id. Raises Refusal `people/unknown`."""
        if person not in self.people:
            raise Refusal("people/unknown", where=self.name, got=person)
        return self.people[person]

    def bodies(self, act: str, *, subject: str | None = None) -> list[Mapping[str, Any]]:
        """The bodies of every such act, oldest first."""
        return [
            event.body
            for event in self.journal.events()
            if event.act == act and subject in (None, event.subject)
        ]
