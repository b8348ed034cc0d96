"""Verbs about the archive a laboratory keeps: make it of an accepted passage, check it, open it with its key.

Decides what is asked for and shown; what goes in is the wiring's, what holds is `inspection.archive`'s. Counts alone are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Author, Dry, Json, Secret
from ecluse.doors.cli.place import Here, here, octets_of

__all__ = ["check", "make", "opened", "unsealing_of"]

Place = Annotated[Path, typer.Argument(metavar="ARCHIVE")]
Key = Annotated[Path | None, typer.Option("--identity", metavar="FILE")]


def make(
    ctx: typer.Context,
    *,
    archive_place: Place,
    recipient: Annotated[list[str], typer.Option("--to", metavar="AGE1...")],
    author: Author,
    migration: Annotated[str, typer.Option("--migration", metavar="NAME")] = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Seal the archive of an accepted passage whose target is a folder of files, signed by the biologist."""
    from ecluse.proof.classic import archive_recipients
    from ecluse.wiring.archive import Making, make_archive

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    to = archive_recipients(recipient)
    key = place.acting(author, passphrase_file)
    if dry_run:
        voice.result(
            "archive make",
            archive=str(archive_place),
            migration=name,
            files=0,
            octets=0,
            documents=0,
            records={},
            dry_run=True,
        )
        voice.line(voice.phrase("dry", what=archive_place.name))
        return
    course = workspace.course()
    made = make_archive(course, archive_place, Making(name, author, key, to, _pages(place, name)))
    voice.result(
        "archive make",
        archive=str(archive_place),
        migration=name,
        files=made.inside,
        octets=sum(file.octets for file in made.files.values()),
        documents=made.documents,
        records=dict(made.records),
        dry_run=False,
    )
    voice.line(
        voice.phrase(
            "archived",
            what=archive_place.name,
            files=voice.number(made.inside),
            records=voice.number(sum(made.records.values())),
            documents=voice.number(made.documents),
        )
    )
    voice.next(f"archive check {archive_place} --identity FILE")


def check(
    ctx: typer.Context,
    *,
    archive_place: Place,
    identity: Key = None,
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE")] = None,
    json: Json = False,
) -> int:
    """Verify an archive in numbered steps; with its key, every file and record is hashed and counted again."""
    import sys

    from ecluse.doors.verify import verify

    voice = here(ctx, json=json).voice
    _is_archive(archive_place)
    unsealing = unsealing_of(identity) if identity else None
    code = verify(
        archive_place,
        policy=policy,
        language=voice.language,
        as_json=json,
        out=sys.stdout,
        unsealing=unsealing,
    )
    sys.stdout.flush()
    voice.next(f"archive open {archive_place} FOLDER --identity FILE")
    return code


def opened(
    ctx: typer.Context,
    *,
    archive_place: Place,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")],
    identity: Annotated[Path, typer.Option("--identity", metavar="FILE")],
    json: Json = False,
) -> None:
    """Verify an archive whole, then unfold it into a new folder that only its owner can read."""
    from ecluse.wiring.archive import unfold_archive

    voice = here(ctx, json=json).voice
    _is_archive(archive_place)
    files, octets = unfold_archive(archive_place, folder, unsealing=unsealing_of(identity))
    voice.result("archive open", folder=str(folder), files=files, octets=octets)
    voice.line(voice.phrase("unfolded", what=folder.name, files=voice.number(files)))
    voice.next(f"archive check {archive_place} --identity FILE")


def unsealing_of(file: Path) -> Callable[[BinaryIO], Iterator[bytes]]:
    """What opens a seal with the age keys of a file, as `age-keygen` writes them. Raises Refusal `seal/key-malformed`, `door/file-absent`."""
    from ecluse.proof.unseal import parse_identity
    from ecluse.wiring.archive import opened_with

    lines = [line.strip() for line in octets_of(file).decode("utf-8", "replace").splitlines()]
    keys = [parse_identity(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise Refusal("seal/key-malformed", why="not an age identity")
    return opened_with(keys)


def _is_archive(place: Path) -> None:
    from ecluse.proof.archive import NAMES, is_archive

    if not is_archive(place):
        raise Refusal("archive/layout", where=place.name, lacking=", ".join(sorted(NAMES)), count=0)


def _pages(place: Here, name: str) -> dict[str, bytes]:
    """The report, and each system's mapping with its page, in the language spoken."""
    from ecluse.doors.cli.stories import report_of
    from ecluse.doors.pages.mapping import mapping_page
    from ecluse.terms.mapping import parse_mapping
    from ecluse.terms.placed import placed
    from ecluse.terms.vocabulary import vocabulary

    workspace, language = place.workspace, place.voice.language
    pages = {"report.html": report_of(workspace.any_site(), name, language=language).encode()}
    for side in ("source", "target"):
        payload = octets_of(workspace.settings.side(side).mapping)
        mapping = parse_mapping(payload, vocabulary=vocabulary())
        page = mapping_page(mapping, placed(payload.decode()), language=language, name=f"{side}.toml")
        pages |= {f"mapping/{side}.toml": payload, f"mapping/{side}.html": page.encode()}
    return pages
