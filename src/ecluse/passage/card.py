"""A site's card (« fiche de site »): what a laboratory's site tells the others of itself, signed by its root, carried by whoever carries it.

Its root, its agent's certificate, its persons with theirs. It is believed only under a root whose fingerprint was compared by voice or on paper; until
then it is no more than the claim that is to be compared. Of several cards the one of the highest version counts, so that an older one, shown again by
anyone, brings back nobody who left. It holds professionals' names, and therefore stands in no bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import SITE_CARD
from ecluse.passage.journal import Documents, Event
from ecluse.passage.site import Known, Site
from ecluse.people.person import Person
from ecluse.people.role import Role
from ecluse.proof.canonical import Json, canonical_json, strict_json
from ecluse.proof.keycert import Keycert, read_keycert, verify_keycert
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.sign import digest, payload_of, sign_document, verify_document

__all__ = ["CardPerson", "SiteCard", "claimed_root", "newest_card", "publish", "read_card", "sign_card"]


@dataclass(frozen=True, slots=True)
class CardPerson:
    """A person of the site, the certificate of their key and those of their passkeys, each as its envelope."""

    person: Person
    envelope: bytes = field(repr=False)
    passkeys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SiteCard:
    """One site. `agent`: the newest certificate of its machine's key, as its envelope. `version` grows with each card."""

    site: str
    version: int
    root: VerifyKey
    agent: bytes = field(repr=False)
    people: tuple[CardPerson, ...]

    def agent_certificate(self) -> Keycert:
        """Whose machine it is. Raises Refusal `sign/...`, `key/cert-malformed`."""
        return read_keycert(self.agent, root=self.root)

    def known(self, *, at: datetime) -> dict[str, Known]:
        """The persons whose certificates hold at `at`, by id; passkeys that do not hold are left out. Raises Refusal `key/another-person`."""
        found = {}
        for each in self.people:
            with suppress(Refusal):
                cert = verify_keycert(each.envelope, root=self.root, at=at)
                _check_theirs(cert, each.person)
                found[each.person.id] = Known(
                    each.person, cert.verify_key(), _passkeys(each, self.root, at=at)
                )
        return found


def sign_card(card: SiteCard, *, root: SigningKey) -> bytes:
    """The card's envelope. Raises Refusal `key/another-root` unless it is signed by the root that it names."""
    if root.public != card.root:
        raise Refusal("key/another-root", where=card.site)
    content: dict[str, Json] = {
        "site": card.site,
        "version": card.version,
        "root": card.root.encode(),
        "agent": strict_json(card.agent),
        "people": [
            {
                "id": each.person.id,
                "name": each.person.name,
                "professional_id": each.person.professional_id,
                "role": each.person.role.value,
                "certificate": strict_json(each.envelope),
                "passkeys": [strict_json(it) for it in each.passkeys],
            }
            for each in card.people
        ],
    }
    return sign_document(canonical_json(content), type="card", keys=[root])


def read_card(envelope: bytes, *, root: VerifyKey) -> SiteCard:
    """The card that `root` signed. Raises Refusal `sign/...`, `site/card-malformed`."""
    card = _read(verify_document(envelope, type="card", keys={"root": root}).payload)
    if card.root != root:
        raise Refusal("site/card-malformed", where=card.site)
    return card


def claimed_root(envelope: bytes) -> VerifyKey:
    """The root that a card claims, and that nobody compared yet: for that comparison alone. Raises Refusal `sign/...`, `site/card-malformed`."""
    return read_card(envelope, root=_read(payload_of(envelope)).root).root


def newest_card(
    events: Iterable[Event], documents: Documents, site: str, *, root: VerifyKey | None
) -> tuple[SiteCard, bytes] | None:
    """The card of the highest version that the ledger names for a site, and its envelope; None if none holds.

    Under `root`, the one compared; with None, under the root that each claims of itself.
    """
    found: list[tuple[SiteCard, bytes]] = []
    for event in events:
        if event.act == SITE_CARD and event.subject == site:
            with suppress(Refusal):
                envelope = documents.get(str(event.body.get("card")))
                card = read_card(envelope, root=root or claimed_root(envelope))
                if card.site == site:
                    found.append((card, envelope))
    return max(found, key=lambda both: both[0].version, default=None)


def publish(site: Site, envelope: bytes) -> bool:
    """Put this site's card where the others find it, unless a card as new is there; whether it was put. Raises Refusal `sign/...`."""
    root = site.roots[site.name]
    card = read_card(envelope, root=root)
    told = newest_card(site.journal.events(), site.documents, site.name, root=root)
    if told is not None and told[0].version >= card.version:
        return False
    named = digest(payload_of(envelope))
    site.documents.put(envelope, digest=named)
    site.record(SITE_CARD, by=site.name, subject=site.name, body={"card": named, "version": card.version})
    return True


def _read(payload: bytes) -> SiteCard:
    match strict_json(payload):
        case {
            "site": str(site),
            "version": int(version),
            "root": str(root),
            "agent": dict(agent),
            "people": list(people),
            **more,
        } if not more:
            return SiteCard(
                site, version, VerifyKey.parse(root), canonical_json(agent), tuple(map(_person, people))
            )
    raise Refusal("site/card-malformed", where="-")


def _person(told: Json) -> CardPerson:
    match told:
        case {
            "id": str(id),
            "name": str(name),
            "professional_id": str(number),
            "role": str(role),
            "certificate": dict(certificate),
            "passkeys": list(passkeys),
            **more,
        } if not more and role in set(Role):
            keys = tuple(canonical_json(cast("Mapping[str, Any]", it)) for it in passkeys)
            return CardPerson(Person(id, name, number, Role(role)), canonical_json(certificate), keys)
    raise Refusal("site/card-malformed", where="-")


def _check_theirs(cert: Keycert, person: Person) -> None:
    if (cert.subject, cert.role) != (person.id, person.role.value):
        raise Refusal("key/another-person", where=person.id)


def _passkeys(each: CardPerson, root: VerifyKey, *, at: datetime) -> tuple[Any, ...]:
    held = []
    for envelope in each.passkeys:
        with suppress(Refusal):
            cert = verify_keycert(envelope, root=root, at=at)
            _check_theirs(cert, each.person)
            held.append(cert.passkey())
    return tuple(held)
