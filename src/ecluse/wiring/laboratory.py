"""The laboratory's wiring: a site is given its tools, and the systems their connectors.

The one place where a laboratory's connectors, keys and vaults meet. The exchange's wiring reaches neither connectors nor `unseal`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.documents import DocumentFolder
from ecluse.adapters.journal import WitnessedJournal
from ecluse.adapters.noted import WatchfulJournal
from ecluse.adapters.private import log_key
from ecluse.adapters.records import SqliteMemory, SqliteRecords
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Refusal
from ecluse.passage.closing import bury
from ecluse.passage.journal import Journal
from ecluse.passage.site import Site
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.witness import Witness
from ecluse.terms.mapping import Mapping, parse_mapping
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.cards import known_sites, publish_card
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.formats import unheld
from ecluse.wiring.reaching import Reached, reach_chamber
from ecluse.wiring.settings import Settings, Side, SystemSettings
from ecluse.wiring.systems import open_source, open_target

if TYPE_CHECKING:
    from ecluse.passage.extract import Source
    from ecluse.passage.load import Target
    from ecluse.passage.tally import Checksum

__all__ = [
    "NOW",
    "ORIGIN",
    "checksum",
    "create_exchange",
    "mapping_of",
    "open_ledger",
    "open_site",
    "reach",
    "source_of",
    "target_of",
]

ORIGIN = "ecluse.example/exchange"
Clock = Callable[[], datetime]
NOW: Clock = SystemClock().now


def create_exchange(exchange: Path) -> None:
    """Make the chamber's folder: the ledger, its signing key, the custody vault, the documents."""
    exchange.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = exchange / "log.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(SigningKey.new().seed)
    DiskVault(exchange / "custody")
    DocumentFolder(exchange / "documents")


def open_ledger(settings: Settings) -> Ledger:
    """The shared ledger in the exchange's folder, on this machine."""
    key = log_key(settings.exchange)
    return Ledger(SqliteRecords(settings.exchange / "ledger.sqlite"), origin=ORIGIN, key=key)


def reach(settings: Settings, folder: SiteFolder) -> Reached:
    """The exchange as this site reaches it: the folder beside it, or the chamber of an exchange elsewhere. Raises Refusal `link/not-enrolled`."""
    if settings.chamber:
        return reach_chamber(settings.chamber, folder, proxy=settings.proxy)
    return Reached(
        open_ledger(settings),
        DocumentFolder(settings.exchange / "documents"),
        DiskVault(settings.exchange / "custody"),
    )


def open_site(settings: Settings, side: Side, *, clock: Clock = NOW) -> Site:
    """One site with all its tools. Keys that the ledger says are dead are destroyed again before anything else.

    Raises Refusal `settings/site-absent`, `ledger/rolled-back`, `key/...`, `link/...`.
    """
    folder = SiteFolder(settings.side(side).site)
    at = clock()
    roots = folder.peers()
    agent = folder.agent()
    memory = SqliteMemory(SqliteRecords(folder.path / "witness.sqlite"))
    witness = Witness(memory, name=folder.name, key=agent)
    reached = reach(settings, folder)
    journal: Journal = WitnessedJournal(reached.ledger, witness=witness, memory=memory, clock=clock)
    if settings.chamber:
        journal = WatchfulJournal(journal, noted=folder.noted(clock=clock).note)
    known = known_sites(settings, roots, journal=journal, documents=reached.documents, at=at)
    site = Site(
        name=folder.name,
        clock=clock,
        journal=journal,
        documents=reached.documents,
        keys=folder.keystore,
        agent=agent,
        people={name: person for it in known for name, person in it.people.items()},
        roots=roots,
        agents={it.name: it.agent for it in known},
        spool=DiskVault(folder.path / "spool"),
        custody=reached.custody,
        rejects=DiskVault(folder.path / "rejects"),
    )
    bury(site, by=folder.name)
    if settings.chamber:
        publish_card(site, folder)
    return site


def mapping_of(system: SystemSettings) -> Mapping:
    """The system's mapping, read from its file. Raises Refusal `mapping/...`, `settings/elsewhere` where the other machine did not give it yet."""
    if not system.url and not system.mapping.is_file():
        raise Refusal("settings/elsewhere", where=system.site.name, what=system.mapping.name)
    return parse_mapping(system.mapping.read_bytes(), vocabulary=vocabulary())


def source_of(system: SystemSettings) -> Source:
    """The system as a source, not yet connected. Raises Refusal `settings/elsewhere`."""
    _check_here(system)
    _spare_memory()
    folder = SiteFolder(system.site)
    scratch = system.site if system.site.is_dir() else None
    secret = folder.secret_of_ids if folder.has_agent else unheld
    return open_source(
        system.url, password_file=system.password_file, scratch=scratch, secret=secret, site=folder
    )


def target_of(system: SystemSettings) -> Target:
    """The system as a target. Raises Refusal `settings/elsewhere`."""
    _check_here(system)
    _spare_memory()
    return open_target(system.url, password_file=system.password_file)


def _check_here(system: SystemSettings) -> None:
    if not system.url:
        raise Refusal("settings/elsewhere", where=system.site.name, what="url")


def checksum() -> Checksum:
    """The row checksum both sides use."""
    from ecluse.adapters.checksums import DuckChecksum

    return DuckChecksum()


def _spare_memory() -> None:
    """Arrow's own allocators keep what other threads freed: 80 MB more at the height of a passage, for no gain in time."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
