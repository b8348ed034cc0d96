"""Verbs about a live HL7 v2 line: `listen` at the source's site, `send` at the target's. Neither passes a gate.

Decides what is asked for and shown: counts, never a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ecluse.doors.cli.options import Author, Dry, Json, Secret
from ecluse.doors.cli.place import Here, here

if TYPE_CHECKING:
    from ecluse.wiring.line import Place

__all__ = ["listen", "send"]

Address = Annotated[str, typer.Argument(metavar="HOST:PORT")]
Certificate = Annotated[Path, typer.Option("--certificate", metavar="FILE")]
PrivateKey = Annotated[Path, typer.Option("--key", metavar="FILE")]
Peers = Annotated[Path, typer.Option("--peers", metavar="FILE")]
_HEARD: Final = ("kept", "same-id", "again", "refused", "not-kept", "broken", "crowded")
"""What a listener counts, in the order in which it is told."""


def listen(
    ctx: typer.Context,
    *,
    line_address: Address,
    line_certificate: Certificate,
    line_key: PrivateKey,
    line_peers: Peers,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Keep the HL7 v2 messages that the source's own system sends, sealed, until a passage reads them; until it is stopped."""
    from ecluse.wiring.line import Ends, kept_address, place_of
    from ecluse.wiring.line import listen as hear

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    folder, at = workspace.folder("source"), place_of(line_address)
    address = kept_address(folder)
    counts = dict.fromkeys(_HEARD, 0)
    if dry_run:
        voice.line(voice.phrase("dry", what=str(at)))
    else:
        ends = Ends(line_certificate, line_key, line_peers)
        counts |= hear(
            folder, at, ends, clock=workspace.clock, heard=lambda where: _heard(place, where, folder.name)
        )
        told = [
            (voice.phrase(f"heard_{word.replace('-', '_')}"), voice.number(counts[word]))
            for word in _HEARD
            if counts[word]
        ]
        voice.line(voice.phrase("line_closed" if told else "line_closed_unused"))
        voice.table(told, right=frozenset({1}), indent="  ")
    voice.result("listen", address=address, counts=counts, dry_run=dry_run)
    voice.line(voice.phrase("line_read_at", address=address))
    voice.next("plan")


def _heard(place: Here, where: Place, site: str) -> None:
    place.voice.talk(place.voice.phrase("listening", where=where, site=site))


def send(
    ctx: typer.Context,
    *,
    line_address: Address,
    line_certificate: Certificate,
    line_key: PrivateKey,
    line_peers: Peers,
    author: Author,
    line_name: Annotated[str, typer.Option("--name", metavar="NAME")] = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Send the messages that an accepted passage wrote to the target's own new system, and account for every acknowledgement."""
    from ecluse.wiring.line import Ends, messages_of, place_of
    from ecluse.wiring.line import send as give

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    at, system = place_of(line_address), workspace.settings.target
    site = workspace.site("target")
    place.acting(author, passphrase_file)
    if dry_run:
        count = sum(1 for _ in messages_of(system))
        voice.result("send", to="", sent=0, before=0, rejected={}, dry_run=True)
        voice.line(voice.phrase("line_would_send", count=voice.number(count), where=at))
        return 0
    ends = Ends(line_certificate, line_key, line_peers)
    done = give(site, workspace.folder("target"), system, at, ends, by=author, name=line_name)
    rejected = done.rejected.total()
    voice.result(
        "send",
        to=done.certificate,
        sent=done.sent,
        before=done.before,
        rejected=dict(done.rejected),
        dry_run=False,
    )
    voice.line(
        voice.phrase(
            "line_sent",
            total=voice.number(done.sent + done.before + rejected),
            sent=voice.number(done.sent),
            before=voice.number(done.before),
            rejected=voice.number(rejected),
        )
    )
    voice.table(
        [(why, voice.number(count)) for why, count in sorted(done.rejected.items())],
        right=frozenset({1}),
        indent="  ",
    )
    voice.next("ledger show" if not rejected else f"send {at} --as PERSON")
    return 3 if rejected else 0
