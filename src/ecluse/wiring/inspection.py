"""The inspector's wiring: a workspace's ledger, documents and certificates, gathered into a bundle, and the policy that judges it.

Decides where each file of a bundle comes from. It reads public halves only: no private key is opened but the machines' own, to cosign the newest head.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ecluse.adapters.bundle import Certified, Gathered, gather
from ecluse.adapters.clock import SystemClock
from ecluse.base.refusal import Refusal
from ecluse.passage.card import SiteCard
from ecluse.passage.site import Site
from ecluse.proof.evidence import Policy
from ecluse.proof.note import COSIGNER, NoteKey
from ecluse.proof.trust import Trust
from ecluse.wiring.cards import SIDES, sites_cards
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import open_site, reach
from ecluse.wiring.settings import Settings

__all__ = ["bundle_files", "trust_of"]

Clock = Callable[[], datetime]
_NOW: Final = SystemClock().now


def bundle_files(
    settings: Settings, *, names: bool = False, report: bytes | None = None, clock: Clock = _NOW
) -> dict[str, bytes]:
    """The bundle of a workspace, its newest head cosigned by the sites held here first. Raises what `open_site` and `gather` raise."""
    site, folder = _opened(settings, clock=clock)
    reached = reach(settings, folder)
    cards = sites_cards(settings, site)
    witnesses = _witnesses(cards, at=clock())
    whose = Gathered(
        roots={card.site: card.root for card in cards},
        agents={card.site: card.agent for card in cards},
        people=[
            Certified(each.person, each.envelope, each.passkeys) for card in cards for each in card.people
        ],
        witnesses=witnesses,
        quorum=len(witnesses),
    )
    return gather(
        reached.ledger, reached.documents, whose, language=settings.language, names=names, report=report
    )


def trust_of(settings: Settings, *, clock: Clock = _NOW) -> Trust:
    """The policy to hand to a verifier by another way than the bundle: the ledger's key, both witnesses, both roots."""
    site, folder = _opened(settings, clock=clock)
    cards = sites_cards(settings, site)
    witnesses = _witnesses(cards, at=clock())
    return Trust(
        Policy(reach(settings, folder).ledger.log, witnesses, len(witnesses)),
        {card.site: card.root for card in cards},
    )


def _opened(settings: Settings, *, clock: Clock) -> tuple[Site, SiteFolder]:
    """A site held here, and its folder, after every site held here cosigned the newest head."""
    held = [side for side in SIDES if SiteFolder(settings.side(side).site).is_held]
    if not held:
        raise Refusal("settings/site-absent", where=settings.source.site.name)
    sites = [open_site(settings, side, clock=clock) for side in held]
    for site in sites:
        site.journal.events()
    return sites[0], SiteFolder(settings.side(held[0]).site)


def _witnesses(cards: list[SiteCard], *, at: datetime) -> tuple[NoteKey, ...]:
    found = []
    for card in cards:
        certificate = card.agent_certificate()
        certificate.check(at=at)
        found.append(NoteKey(card.site, COSIGNER, certificate.verify_key()))
    return tuple(found)
