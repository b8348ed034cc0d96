"""What this workspace knows of each of the two sites: from its folder where it is held here, else from its card, under the root that was compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ecluse.adapters.durable import octets_to_disk
from ecluse.passage.card import CardPerson, SiteCard, newest_card, publish, read_card, sign_card
from ecluse.passage.journal import Documents, Journal
from ecluse.passage.site import Known, Site
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.passkeys import PasskeyFolder
from ecluse.wiring.settings import Settings, Side

__all__ = ["SIDES", "KnownSite", "card_of", "known_sites", "publish_card", "sites_cards", "write_card"]

SIDES: tuple[Side, Side] = ("source", "target")
_FILE = "card.dsse.json"


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A site whose root was compared: its people by id, and its machine's key."""

    name: str
    people: Mapping[str, Known] = field(hash=False)
    agent: VerifyKey


def known_sites(
    settings: Settings,
    roots: Mapping[str, VerifyKey],
    *,
    journal: Journal,
    documents: Documents,
    at: datetime,
) -> list[KnownSite]:
    """Of the two sites, those whose roots were compared and of which something is known. Raises Refusal `key/...`."""
    found = []
    for folder in (SiteFolder(settings.side(side).site) for side in SIDES):
        if folder.name not in roots:
            continue
        if folder.is_held:
            passkeys = PasskeyFolder(folder)
            people = {
                name: Known(person, key, passkeys.keys(name, at=at))
                for name, (person, key) in folder.people(at=at).items()
            }
            found.append(KnownSite(folder.name, people, folder.agent_key(root=roots[folder.name], at=at)))
            continue
        told = newest_card(journal.events(), documents, folder.name, root=roots[folder.name])
        if told is not None:
            certificate = told[0].agent_certificate()
            certificate.check(at=at)
            found.append(KnownSite(folder.name, told[0].known(at=at), certificate.verify_key()))
    return found


def sites_cards(settings: Settings, site: Site) -> list[SiteCard]:
    """The card of each of the two sites, of what is held here or was told: whose keys a bundle shows."""
    cards = []
    for folder in (SiteFolder(settings.side(side).site) for side in SIDES):
        if folder.is_held:
            cards.append(card_of(folder, at=site.clock()))
        elif folder.name in site.roots:
            root = site.roots[folder.name]
            told = newest_card(site.journal.events(), site.documents, folder.name, root=root)
            cards += [told[0]] if told else []
    return cards


def card_of(folder: SiteFolder, *, at: datetime, version: int = 0) -> SiteCard:
    """The card of a site whose folder is here. Raises Refusal `settings/site-absent`, `key/...`."""
    passkeys = PasskeyFolder(folder)
    people = tuple(
        CardPerson(
            person,
            (folder.path / "people" / f"{name}.cert").read_bytes(),
            tuple(passkeys.certificates(name)),
        )
        for name, (person, _) in folder.people(at=at).items()
    )
    return SiteCard(folder.name, version, folder.root, folder.agent_certificate(root=folder.root)[1], people)


def write_card(folder: SiteFolder, *, root: SigningKey, at: datetime) -> None:
    """Sign the site's card anew, its root being at hand: after each change of its people or of its machine's certificate."""
    file = folder.path / _FILE
    before = read_card(file.read_bytes(), root=root.public).version if file.is_file() else 0
    beside = file.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_bytes(sign_card(card_of(folder, at=at, version=before + 1), root=root))
    octets_to_disk(beside)
    beside.replace(file)


def publish_card(site: Site, folder: SiteFolder) -> bool:
    """Put the site's card at the exchange, if it is newer than the one there; whether it was put."""
    file = folder.path / _FILE
    return file.is_file() and publish(site, file.read_bytes())
