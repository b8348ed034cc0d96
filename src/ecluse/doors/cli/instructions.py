"""Verbs about the instruction: draft it, read it as one page, sign it, verify it, take it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.contracts import sign_document
from ecluse.doors.cli.options import Author, Dry, Json, Maybe, Secret
from ecluse.doors.cli.passage import ending
from ecluse.doors.cli.place import Here, here, octets_of, write_new

if TYPE_CHECKING:
    from ecluse.passage.site import Site
    from ecluse.terms.instruction import Instruction, Section

__all__ = ["draft", "revoke", "show", "sign", "verify"]

Given = Annotated[str, typer.Argument(metavar="FILE|ID|DIGEST")]


def draft(
    ctx: typer.Context,
    *,
    identifier: Annotated[str, typer.Option("--id")],
    purpose: Annotated[str, typer.Option("--purpose")],
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")],
    person: Annotated[str, typer.Option("--person")],
    organisation: Annotated[str, typer.Option("--organisation")],
    file: Maybe = None,
    sites: Annotated[list[str] | None, typer.Option("--site", metavar="CODE")] = None,
    version: Annotated[int, typer.Option("--version", min=1)] = 1,
    supersedes: Annotated[str, typer.Option("--supersedes", metavar="DIGEST")] = "",
    country: Annotated[str, typer.Option("--country", metavar="CC")] = "FR",
    days: Annotated[int, typer.Option("--days", min=1)] = 30,
    runs: Annotated[int, typer.Option("--runs", min=1)] = 3,
    time_to_live: Annotated[int, typer.Option("--time-to-live", min=1)] = 10,
    max_patients: Annotated[int, typer.Option("--max-patients", min=1)] = 1_000_000,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """An instruction to complete: what is signed already, every field both systems hold, all the rest as comments."""
    from ecluse.passage.drafts import Answers, instruction_draft, seen_sites
    from ecluse.terms.instruction import Limits
    from ecluse.terms.instruction import draft as written
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.laboratory import mapping_of

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    if file is not None and file.exists():
        raise Refusal("door/file-exists", where=file.name)
    source, target = mapping_of(workspace.settings.source), mapping_of(workspace.settings.target)
    named = tuple(sites or ())
    if not named:
        with workspace.source().snapshot() as snapshot:
            named = tuple(seen_sites(snapshot, source, vocabulary=vocabulary()))
    now = workspace.clock()
    answers = Answers(
        id=identifier,
        version=version,
        supersedes=supersedes or None,
        purpose=purpose,
        period=(start.date(), end.date()),
        sites=named,
        limits=Limits(now, now.astimezone(UTC) + timedelta(days=days), runs, time_to_live, max_patients),
        person=person,
        organisation=organisation,
        country=country,
    )
    proposed = instruction_draft(
        workspace.site("source"), answers, source=source, target=target, vocabulary=vocabulary()
    )
    text = written(proposed, language=voice.language, vocabulary=vocabulary())
    if file is not None and not dry_run:
        write_new(file, text)
    voice.result(
        "instruction draft", file=str(file) if file else "", text="" if file else text, dry_run=dry_run
    )
    voice.line(
        text.rstrip("\n") if file is None else voice.phrase("dry" if dry_run else "written", what=file.name)
    )
    voice.next(f"instruction show {file or 'FILE'} --preview")


def show(
    ctx: typer.Context,
    *,
    given: Given = "",
    preview: Annotated[bool, typer.Option("--preview")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE")] = None,
    json: Json = False,
) -> None:
    """The page that a biologist reads before signing: what will leave, what will not, for whom, until when."""
    from ecluse.passage.authority import signed_codes
    from ecluse.terms.instruction import page
    from ecluse.terms.plan import compile_plan
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.laboratory import mapping_of

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    site = workspace.site("source")
    ordered = _read(place, site, given)
    codes = counted = None
    if preview:
        codes = signed_codes(site, ordered.codes)
        compiled = compile_plan(
            instruction=ordered,
            mapping=mapping_of(workspace.settings.source),
            classification=codes,
            vocabulary=vocabulary(),
        )
        counted = workspace.preview(compiled)
    sections = page(ordered, language=voice.language, vocabulary=vocabulary(), preview=counted, codes=codes)
    voice.result(
        "instruction show",
        digest=ordered.digest,
        sections=[
            {
                "key": part.key,
                "title": part.title,
                "lines": [{"text": line.text, "details": list(line.details)} for line in part.lines],
            }
            for part in sections
        ],
    )
    if html is not None:
        write_new(html, _page(site, ordered, sections, language=voice.language))
        voice.line(voice.phrase("written", what=html.name))
    else:
        for part in sections:
            voice.line(part.title.upper(), style="bold")
            for line in part.lines:
                voice.line(f"  {line.text}")
                if line.details:
                    voice.line(f"      {', '.join(line.details)}")
            voice.line()
    voice.next(f"instruction sign {given or 'FILE'} --as PERSON")


def _page(site: Site, ordered: Instruction, sections: tuple[Section, ...], *, language: str) -> str:
    """The page as one file to print or to send, with who has signed already."""
    from ecluse.doors.pages.instruction import instruction_page
    from ecluse.passage.authority import document_signers

    try:
        signers = [person.name for person in document_signers(site, "instruction", ordered.digest)]
    except Refusal:
        signers = []  # nobody has yet
    return instruction_page(
        sections,
        language=language,
        id=ordered.id,
        version=ordered.version,
        digest=ordered.digest,
        signers=signers,
    )


def sign(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    author: Author,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Sign the instruction's exact bytes; in force once all whom it needs have."""
    sign_document(
        ctx, "instruction", file, author, passphrase_file, json=json, dry_run=dry_run, then="lock status"
    )


def verify(ctx: typer.Context, *, given: Given = "", json: Json = False) -> None:
    """Whether a run could start under it now: signatures, time, runs left, agreement, codes, recipient."""
    from ecluse.passage.authority import authority, document_signers

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    site = workspace.site("source")
    ordered = _read(place, site, given)
    people = document_signers(site, "instruction", ordered.digest)
    authority(site, instruction=ordered.digest, at=workspace.clock(), another_run=True)
    voice.result(
        "instruction verify", digest=ordered.digest, id=ordered.id, signers=[person.id for person in people]
    )
    voice.line(
        voice.phrase("instruction_holds", id=ordered.id, signers=", ".join(person.id for person in people))
    )
    voice.next("run --as PERSON")


def revoke(
    ctx: typer.Context,
    *,
    reason: Annotated[str, typer.Option("--reason")],
    author: Author,
    given: Given = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Take an instruction back, by signature: nothing more leaves, and copies are to be erased."""
    from ecluse.passage.closing import revoke as taken_back
    from ecluse.people.person import check_may
    from ecluse.people.role import Permission

    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.site("source")
    ordered = _read(place, site, given)
    check_may(site.known(author).person, Permission.REVOKE)
    key = place.acting(author, passphrase_file)
    stopped = (
        [] if dry_run else taken_back(site, by=author, key=key, instruction=ordered.digest, reason=reason)
    )
    voice.result("instruction revoke", digest=ordered.digest, stopped=stopped, dry_run=dry_run)
    voice.line(voice.phrase("dry" if dry_run else "revoked", what=ordered.id))
    for name in stopped:
        voice.line(f"  {name}")
    voice.next(ending(site, stopped[0]) if stopped else "lock status")


def _read(place: Here, site: Site, given: str) -> Instruction:
    """The instruction in a file, or a signed one by its digest; without either, the current one."""
    from ecluse.passage.authority import signed_instruction
    from ecluse.passage.lock import current_instruction
    from ecluse.terms.instruction import parse
    from ecluse.terms.vocabulary import vocabulary

    if given and Path(given).is_file():
        return parse(octets_of(Path(given)), vocabulary=vocabulary())
    document = place.document(site, given) if given else current_instruction(site)
    if not document:
        raise Refusal("lock/no-instruction")
    return signed_instruction(site, document)[0]
