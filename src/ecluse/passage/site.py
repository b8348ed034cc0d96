"""What one site is given to do its part (« site »): the shared ledger, the documents, its keys, its vaults, the people it knows.

Every change goes through `Site.record`: it holds the act against the migration's table and the open gates, appends it to the ledger, and has the site's
witness cosign. There is no other way to change anything. The world behind these tools is wired in `ecluse.wiring`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.journal import Documents, Folded, Journal, check_act
from ecluse.passage.migration import Migration
from ecluse.people.person import Person
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.passkey import Passkey
from ecluse.proof.seal import Recipient
from ecluse.proof.sign import PublicKey
from ecluse.proof.unseal import Identity

__all__ = ["COMING", "WHOLE", "KeyStore", "Known", "Site", "rejects_key"]

COMING: Final = "-next"
WHOLE: Final = "-whole"
"""Folders beside that of the rejects, while they are replayed: what will stay, and the sign that all of it is there."""


def rejects_key(migration: str) -> str:
    """The name of the key that a migration's rejected rows are sealed to, at either site."""
    return f"{migration}-rejects"


_TRIES: Final = 5
"""How often an act is held against the ledger anew when others write at the same time."""


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
    """A person a site knows: who, and the public keys its laboratory's root certified for them: a key file's, and those of their passkeys."""

    person: Person
    key: VerifyKey
    passkeys: tuple[Passkey, ...] = ()

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """Every key by which this person signs."""
        return (self.key, *self.passkeys)

    def check_theirs(self, key: PublicKey) -> None:
        """Raise Refusal `people/another-key` unless the key is one of this person's."""
        if key not in self.keys:
            raise Refusal("people/another-key", who=self.person.id)


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
    _folded: Folded = field(default_factory=Folded, init=False, repr=False, compare=False)

    def record(self, act: str, *, by: str, subject: str, body: Mapping[str, Any]) -> None:
        """Append one act. Raises Refusal `migration/not-now`, `migration/gate-open` when the table or an open gate forbids it.

        Where another writer was first, the act is held against what the ledger tells now, and tried again.
        """
        left = _TRIES
        while True:
            events = self.journal.events()
            check_act(act, subject, self._folded.after(events))
            try:
                self.journal.append(
                    at=self.clock(), by=by, subject=subject, act=act, body=body, expected=len(events)
                )
            except Fault as fault:
                left -= 1
                if fault.code != "ledger/concurrent" or not left:
                    raise
            else:
                return

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
