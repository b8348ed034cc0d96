"""Verbs about backups: make one of an exchange, a workspace or a site while it runs; check one, or bring it back into a new folder.

Decides what is shown: what is in, what was left out, which keys are to be put back. What a backup holds is the wiring's to say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecluse.base.words import size
from ecluse.doors.cli.options import Dry, Json
from ecluse.doors.cli.place import here

__all__ = ["backup", "restore"]

Place = Annotated[Path, typer.Argument(metavar="FOLDER")]
Saved = Annotated[Path, typer.Argument(metavar="FILE")]


def backup(ctx: typer.Context, *, saved_place: Place, backup_file: Saved, json: Json = False) -> None:
    """Write a backup of an exchange, a workspace or a site, which may be in use; no private key is in it."""
    from ecluse.adapters.clock import SystemClock
    from ecluse.wiring.backup import back_up

    place = here(ctx, json=json)
    voice = place.voice
    made = back_up(place.home / saved_place, place.home / backup_file, at=SystemClock().now())
    voice.result(
        "backup",
        kind=made.kind,
        files=made.files,
        octets=made.octets,
        sha256=made.sha256,
        left_out=list(made.left_out),
    )
    voice.line(
        voice.phrase(
            "backed_up",
            what=backup_file.name,
            files=voice.number(made.files),
            size=size(made.octets, voice.language),
        )
    )
    voice.line(f"sha256:{made.sha256}")
    if made.left_out:
        voice.line(voice.phrase("backup_left_out"))
        voice.table([(name,) for name in made.left_out], indent="  ")
    voice.next(f"restore {backup_file} FOLDER --dry-run")


def restore(
    ctx: typer.Context, *, backup_file: Saved, saved_place: Place, json: Json = False, dry_run: Dry = False
) -> None:
    """Check a backup whole, then bring it back into a new or empty folder."""
    from ecluse.wiring.backup import restore as restore_place

    place = here(ctx, json=json)
    voice = place.voice
    done = restore_place(place.home / backup_file, place.home / saved_place, dry=dry_run)
    voice.result(
        "restore",
        kind=done.kind,
        files=done.files,
        octets=done.octets,
        sha256=done.sha256,
        made=done.made,
        erased=list(done.erased),
        lacking=list(done.lacking),
        dry_run=dry_run,
    )
    voice.line(
        voice.phrase(
            "backup_holds" if dry_run else "restored",
            what=backup_file.name if dry_run else saved_place.name,
            files=voice.number(done.files),
            made=done.made,
        )
    )
    voice.line(f"sha256:{done.sha256}")
    if done.erased:
        voice.line(voice.phrase("restore_erased", count=voice.number(len(done.erased))))
    if done.lacking:
        voice.line(voice.phrase("restore_lacking"))
        voice.table([(name,) for name in done.lacking], indent="  ")
    after = f"serve --exchange {saved_place}" if done.kind == "exchange" else "site recover source"
    voice.next(f"restore {backup_file} FOLDER" if dry_run else after)
