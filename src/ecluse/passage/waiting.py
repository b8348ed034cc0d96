"""What waits for a person (« à signer »): documents that some signed and others must, comparisons to accept, keys to compare.

Decides nothing: what is listed here is what the verbs would take (`signing`, `acceptance`, `recipients`), asked of them one by one. A document that
nobody known signed, or that could not be used any more, waits for no one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ecluse.base.refusal import Refusal
from ecluse.passage.acceptance import to_accept
from ecluse.passage.authority import document_signers
from ecluse.passage.signing import PERMISSIONS, check_usable
from ecluse.passage.site import Site
from ecluse.people.person import Person, may
from ecluse.proof.sign import payload_of, type_of

__all__ = ["Waiting", "documents_waiting", "to_be_accepted"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document not in force yet: its kind, its digest, and who signed already."""

    kind: str
    digest: str
    signers: tuple[Person, ...]

    def is_for(self, person: Person) -> bool:
        """Whether this person may sign it, and has not."""
        return may(person, PERMISSIONS[self.kind]) and person.id not in [signer.id for signer in self.signers]


def documents_waiting(site: Site, digests: Iterable[str]) -> list[Waiting]:
    """Of the documents kept (`digests`), those that people sign and that the ledger does not tell of yet."""
    told = {event.body.get(name) for event in site.journal.events() for name in ("document", "certificate")}
    found = []
    for digest in digests:
        if digest in told:
            continue
        try:
            envelope = site.documents.get(digest)
            kind = type_of(envelope)
            if kind not in PERMISSIONS:
                continue
            signers = document_signers(site, kind, digest)
            check_usable(site, kind, payload_of(envelope), signer=signers[0])
        except Refusal:
            continue
        found.append(Waiting(kind, digest, signers))
    return found


def to_be_accepted(site: Site) -> list[str]:
    """The migrations whose last comparison a biologist may accept now."""
    names = []
    for name in site.migrations():
        try:
            to_accept(site, name)
        except Refusal:
            continue
        names.append(name)
    return names
