"""A live HL7 v2 line at a laboratory's own site (MLLP over TLS): messages that come in at the source, messages that go on from the target.

Both ends of either line are the laboratory's: nothing here passes a gate. `listen` keeps what a source's system sends, sealed, in the source's site, where
`hl7v2+file:` reads it; it leaves there by a signed instruction, as anything else. `send` gives the folder that a passage wrote and a biologist accepted
to the target's own new system.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from ecluse.adapters.connectors.files.address import format_named, parse_files
from ecluse.adapters.connectors.files.folder import Listing
from ecluse.adapters.connectors.files.format import File
from ecluse.adapters.connectors.files.target import published
from ecluse.adapters.connectors.hl7.frames import pieces
from ecluse.adapters.connectors.hl7.kept import FileJournal, KeptFile, SealedKeep
from ecluse.adapters.connectors.hl7.mllp import Delivered, Listener, Peer, Sender, tls
from ecluse.adapters.exclusive import alone_in
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import LINE_SENT
from ecluse.passage.site import Site
from ecluse.passage.standing import unaccepted
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import Clock
from ecluse.wiring.settings import SystemSettings

__all__ = ["FOLDER", "Ends", "Place", "kept_address", "kept_in", "listen", "messages_of", "place_of", "send"]

FOLDER: Final = "hl7v2"
"""The folder of messages below a site's `line/`."""
_KEY: Final = "line"
_SENT: Final = "sent"


class Place(NamedTuple):
    """Where a line ends."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ends:
    """By what both ends are known: our certificate, its key, and the certificates of the peers to admit (PEM)."""

    certificate: Path
    key: Path
    peers: Path


def place_of(text: str) -> Place:
    """HOST:PORT, or [IPv6]:PORT. Raises Refusal `hl7/address-unreadable`."""
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (
        not bare
        or (":" in bare) != (bare != host)
        or not port.isascii()
        or not port.isdigit()
        or int(port) > 65535
    ):
        raise Refusal("hl7/address-unreadable", got=text)
    return Place(bare, int(port))


# --- at the source --------------------------------------------------------------------------------------------------------------------------


def kept_address(folder: SiteFolder) -> str:
    """The address at which a source reads what was kept."""
    return f"{FOLDER}+file://{_line(folder) / FOLDER}"


def kept_in(folder: SiteFolder, path: Path) -> Callable[[Listing], Listing] | None:
    """What opens the files below `path` where they are messages that this site kept; None for any other path."""
    line = _line(folder)
    if line not in (path, *path.parents):
        return None

    def opened(listing: Listing) -> Listing:
        identity = folder.keystore.identity(_KEY)
        files: tuple[File, ...] = tuple(KeptFile(file, identity) for file in listing.files)
        return Listing(files, listing.left)

    return opened


def listen(
    folder: SiteFolder, place: Place, ends: Ends, *, clock: Clock, heard: Callable[[Place], None]
) -> Counter[str]:
    """Take messages until SIGTERM or SIGINT; what was kept, refused and broken. `heard` is told the address once it is open.

    Raises Refusal `hl7/certificate-unreadable`, `hl7/key-readable`, `settings/site-absent`; Fault `hl7/not-listening`, `site/busy`.
    """
    if not folder.has_agent:
        raise Refusal("settings/site-absent", where=folder.name)
    context = tls(certificate=ends.certificate, key=ends.key, peers=ends.peers, server=True)
    line, keys = _line(folder), folder.keystore
    vault = DiskVault(line)
    with alone_in(line):
        to = keys.identity(_KEY).recipient() if _KEY in keys.names() else keys.create(_KEY)
        keep = SealedKeep(vault, folder=FOLDER, to=to, secret=folder.secret_of_ids())
        listener = Listener(tls=context, keep=keep, now=lambda: f"{clock():%Y%m%d%H%M%S%z}")
        asyncio.run(_until_stopped(listener, place, heard))
    return listener.counts


async def _until_stopped(listener: Listener, place: Place, heard: Callable[[Place], None]) -> None:
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    try:
        port = await listener.open(place.host, place.port)
    except OSError as error:
        raise Fault("hl7/not-listening", where=str(place), got=type(error).__name__) from None
    heard(Place(place.host, port))
    await stopped.wait()
    await listener.close()


def _line(folder: SiteFolder) -> Path:
    return folder.path / "line"


# --- at the target --------------------------------------------------------------------------------------------------------------------------


def messages_of(system: SystemSettings) -> Iterator[bytes]:
    """The messages of a target's folder, in the order in which they are read. Raises Refusal `hl7/not-messages`, `files/not-published`."""
    path = parse_files(system.url).path if format_named(system.url) == FOLDER else None
    if path is None:
        raise Refusal("hl7/not-messages")
    for file in published(path).files:
        with file.open() as stream:
            for piece in pieces(stream):
                if piece.what == "MSH":
                    yield piece.octets


def send(
    site: Site,
    folder: SiteFolder,
    system: SystemSettings,
    place: Place,
    ends: Ends,
    *,
    by: str,
    name: str = "",
) -> Delivered:
    """Send what the target's folder holds to the target's own system; what became of each message. The ledger says that it was done, however it ended.

    `name`: as the other end's certificate calls it, where that is not the host. Raises Refusal `hl7/not-accepted`, `hl7/not-messages`, `hl7/rejected`,
    `people/may-not`; Fault `hl7/not-acknowledged`, `site/busy`.
    """
    check_may(site.known(by).person, Permission.LOAD)
    context = tls(certificate=ends.certificate, key=ends.key, peers=ends.peers, server=False)
    with alone_in(folder.path):
        if waiting := unaccepted(site):
            raise Refusal("hl7/not-accepted", got=", ".join(waiting))
        sent = folder.path / _SENT
        sent.mkdir(mode=0o700, exist_ok=True)
        journal = FileJournal(sent / f"{place.host}-{place.port}", secret=folder.secret_of_ids())
        sender = Sender(Peer(place.host, place.port, context, name=name), journal)
        try:
            return asyncio.run(sender.send(messages_of(system)))
        finally:
            done = sender.delivered
            if done.certificate:
                body = {
                    "to": done.certificate,
                    "sent": done.sent,
                    "before": done.before,
                    "rejected": dict(done.rejected),
                }
                site.record(LINE_SENT, by=by, subject=site.name, body=body)
