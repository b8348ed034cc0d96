"""The inspector's wiring: a workspace's ledger, documents and certificates, gathered into a bundle, and the policy that judges it.

Decides where each file of a bundle comes from. It reads public halves only: no private key is opened but the machines' own, to cosign the newest head.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ecluse.adapters.bundle import Certified, Gathered, gather
from ecluse.adapters.clock import SystemClock
from ecluse.adapters.documents import DocumentFolder
from ecluse.proof.evidence import Policy
from ecluse.proof.note import COSIGNER, NoteKey
from ecluse.proof.trust import Trust
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import open_ledger, open_site
from ecluse.wiring.passkeys import PasskeyFolder
from ecluse.wiring.settings import Settings

__all__ = ["bundle_files", "trust_of"]

Clock = Callable[[], datetime]
_NOW: Final = SystemClock().now


def bundle_files(
    settings: Settings, *, names: bool = False, report: bytes | None = None, clock: Clock = _NOW
) -> dict[str, bytes]:
    """The bundle of a workspace, its newest head cosigned by both sites first. Raises what `open_site` and `gather` raise."""
    for side in ("source", "target"):
        open_site(settings, side, clock=clock).journal.events()
    sites, at = _sites(settings), clock()
    people = [
        Certified(
            person,
            (folder.path / "people" / f"{person.id}.cert").read_bytes(),
            PasskeyFolder(folder).certificates(person.id),
        )
        for folder in sites
        for person, _ in folder.people(at=at).values()
    ]
    witnesses = _witnesses(sites, at=at)
    whose = Gathered(
        roots={folder.name: folder.root for folder in sites},
        agents={folder.name: folder.agent_certificate(root=folder.root)[1] for folder in sites},
        people=people,
        witnesses=witnesses,
        quorum=len(witnesses),
    )
    documents = DocumentFolder(settings.exchange / "documents")
    return gather(
        open_ledger(settings), documents, whose, language=settings.language, names=names, report=report
    )


def trust_of(settings: Settings, *, clock: Clock = _NOW) -> Trust:
    """The policy to hand to a verifier by another way than the bundle: the ledger's key, both witnesses, both roots."""
    sites = _sites(settings)
    witnesses = _witnesses(sites, at=clock())
    return Trust(
        Policy(open_ledger(settings).log, witnesses, len(witnesses)),
        {folder.name: folder.root for folder in sites},
    )


def _sites(settings: Settings) -> list[SiteFolder]:
    return [SiteFolder(settings.source.site), SiteFolder(settings.target.site)]


def _witnesses(sites: list[SiteFolder], *, at: datetime) -> tuple[NoteKey, ...]:
    return tuple(
        NoteKey(folder.name, COSIGNER, folder.agent_key(root=folder.root, at=at)) for folder in sites
    )
