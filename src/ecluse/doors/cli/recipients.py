"""Verbs about the recipient's key: made at the target for one passage, certified by its root, compared by the source before its first use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

import typer

from ecluse.doors.cli.options import Author, Dry, Json, Secret
from ecluse.doors.cli.place import here, passphrase, typed
from ecluse.doors.cli.sites import check_digits

__all__ = ["compare", "new", "show"]

DAYS: Final = 90
"""How long a recipient's certificate holds."""


def new(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """At the target: a new key for what will be sealed, certified by the site's root."""
    from ecluse.passage.recipients import certify_recipient

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    folder, site = workspace.folder("target"), workspace.site("target")
    root = folder.unlock_root(passphrase(voice, passphrase_file, whose=folder.name))
    if dry_run:
        voice.result("recipient new", certificate="", fingerprint="", until="", dry_run=True)
        voice.line(voice.phrase("dry", what=name))
        return
    made = certify_recipient(site, name, root=root, until=workspace.clock() + timedelta(days=DAYS))
    voice.result(
        "recipient new",
        certificate=made.certificate,
        fingerprint=made.keycert.fingerprint(),
        until=made.keycert.not_after.isoformat(),
        dry_run=False,
    )
    voice.line(voice.phrase("recipient", name=name, fingerprint=made.keycert.fingerprint()))
    voice.line(made.certificate)
    voice.next(f"recipient compare {made.certificate} --as PERSON")


def show(ctx: typer.Context, *, json: Json = False) -> None:
    """The recipients' keys. A fingerprint not compared yet is shown where the key is, never where it is to be typed."""
    from ecluse.passage.recipients import recipients

    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.any_site()
    found = recipients(site)
    mine = place.workspace.site("target").keys.names() if place.workspace.holds("target") else []
    read = {
        it.certificate: it.keycert.fingerprint() if it.compared or it.keycert.purpose in mine else ""
        for it in found
    }
    voice.result(
        "recipient show",
        recipients=[
            {
                "name": it.keycert.purpose,
                "certificate": it.certificate,
                "fingerprint": read[it.certificate],
                "compared": it.compared,
            }
            for it in found
        ],
    )
    for it in found:
        voice.line(
            f"{voice.sign(good=it.compared)} {voice.phrase('recipient', name=it.keycert.purpose, fingerprint=read[it.certificate] or voice.phrase('not_shown'))}"
        )
        voice.line(f"  {it.certificate}")
    if not found:
        voice.line(voice.phrase("no_recipient"))
    waiting = next((it.certificate for it in found if not it.compared), "")
    voice.next(
        f"recipient compare {waiting} --as PERSON"
        if waiting
        else "lock status"
        if found
        else "recipient new NAME"
    )


def compare(
    ctx: typer.Context,
    *,
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE")],
    author: Author,
    fingerprint: Annotated[str, typer.Option("--fingerprint", metavar="DIGITS")] = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """At the source: trust the key once its fingerprint, read by voice or on paper, was typed here."""
    from ecluse.passage.recipients import certified, note_compared

    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.site("source")
    keycert = certified(site, certificate, at=place.workspace.clock())
    place.acting(author, passphrase_file)
    check_digits(fingerprint or typed(voice, "ask_fingerprint"), keycert.fingerprint(), where=keycert.purpose)
    if not dry_run:
        note_compared(site, certificate, by=author, subject=keycert.subject)
    voice.result("recipient compare", certificate=certificate, dry_run=dry_run)
    voice.line(voice.phrase("dry" if dry_run else "compared", what=keycert.purpose))
    voice.next("instruction draft --help")
