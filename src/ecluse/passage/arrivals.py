"""Arrivals (« arrivées »): what the ledger says came into a chamber or was refused there, and the manifest that each file is held against.

Decides which manifest a migration's parcel has, and that an arrival is noted once. The names and octets of what was refused are not noted: a stranger's
file name may name a patient. A network address stands in a body, which is forgotten when its retention ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import CUSTODY_RECEIVED, CUSTODY_REFUSED
from ecluse.passage.blind import check_listed, check_same_parcel, line_of, manifest_in
from ecluse.passage.chamber import Chamber
from ecluse.passage.custody import digest_of, size_of
from ecluse.passage.migration import Act
from ecluse.passage.parcel import MANIFEST, Manifest
from ecluse.proof.keys import VerifyKey

__all__ = ["AT_START", "Arrivals", "Kept", "Sent"]

_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sends: the account's id (`p-...`, or a machine's), the door's name, the network address."""

    by: str
    door: str
    address: str


AT_START: Final = Sent("exchange", "start", "-")
"""Who finishes an upload that was whole when the exchange was stopped."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file whole in custody; `again`: it was there already, with the same octets."""

    migration: str
    name: str
    size: int
    sha256: str
    again: bool


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Those of one chamber. `senders`: keys that roots told to the exchange certify for laboratories' machines; with none, no signature is judged."""

    chamber: Chamber
    senders: Mapping[str, VerifyKey] = field(default_factory=dict)

    def manifest(self, migration: str) -> Manifest | None:
        """The manifest in custody, if it came."""
        if MANIFEST not in self.chamber.custody.names(migration):
            return None
        with self.chamber.custody.open(migration, MANIFEST) as file:
            return manifest_in(file.read(), senders=self.senders)

    def check_manifest(self, migration: str, envelope: bytes) -> None:
        """The manifest is the one that the ledger states, and no kept part contradicts it. Raises as `Coming.finish`."""
        manifest = manifest_in(envelope, senders=self.senders)
        said = {event.act: event.body for event in self.chamber.events() if event.subject == migration}
        check_same_parcel(
            manifest,
            migration=migration,
            instruction=str(said[Act.DRAFT.value].get("instruction")),
            stated=str(said[Act.EXTRACT.value].get("manifest")),
            at=self.chamber.clock(),
        )
        noted = self._noted(migration)
        for name in self.chamber.custody.names(migration):
            if name != MANIFEST:
                line = line_of(manifest, name)
                sha256 = noted.get(name) or digest_of(self.chamber.custody, migration, name)[0]
                check_listed(line, sha256=sha256, size=size_of(self.chamber.custody, migration, name))

    def note_kept(self, kept: Kept, *, sent: Sent) -> None:
        """Append that a file came. What is there again is noted already, unless the exchange was stopped between the two."""
        if not kept.again or self._noted(kept.migration).get(kept.name) != kept.sha256:
            body = {"file": kept.name, "sha256": kept.sha256, "size": kept.size}
            self.record(CUSTODY_RECEIVED, kept.migration, sent, body)

    def note_refused(self, refusal: Refusal, migration: str, *, size: int, sent: Sent) -> None:
        """Append that something was refused, without its name or octets: a stranger's file name may name a patient."""
        known = migration in self.chamber.migrations()
        self.record(
            CUSTODY_REFUSED,
            migration if known else self.chamber.name,
            sent,
            {"code": refusal.code, "size": size},
        )

    def settle(self) -> None:
        """Note what came and was not noted: the exchange was stopped between the two."""
        for migration in self.chamber.custody.folders():
            for name in set(self.chamber.custody.names(migration)) - set(self._noted(migration)):
                sha256, size = digest_of(self.chamber.custody, migration, name)
                self.note_kept(Kept(migration, name, size, sha256, again=False), sent=AT_START)

    def record(self, act: str, subject: str, sent: Sent, body: dict[str, object]) -> None:
        """Append, again if another process was first: what happened happened, whatever the ledger's size."""
        body |= {"door": sent.door, "from": sent.address}
        tries_left = _TRIES
        while True:
            tries_left -= 1
            try:
                self.chamber.record(act, by=sent.by, subject=subject, body=body)
            except Fault as fault:
                if fault.code != "ledger/concurrent" or not tries_left:
                    raise
            else:
                return

    def _noted(self, migration: str) -> dict[str, str]:
        """The files that the ledger says came, with their SHA-256."""
        return {
            str(event.body.get("file")): str(event.body.get("sha256"))
            for event in self.chamber.events()
            if event.subject == migration and event.act == CUSTODY_RECEIVED
        }
