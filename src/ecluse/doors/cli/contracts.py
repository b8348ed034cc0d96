"""Verbs about the agreement and the classification of codes: start from an empty or a seen one, check it, sign it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Author, Dry, Json, Maybe, Secret
from ecluse.doors.cli.place import Here, here, octets_of, write_new

__all__ = [
    "check_agreement",
    "check_codes",
    "draft_codes",
    "new_agreement",
    "read_agreement",
    "sign_agreement",
    "sign_codes",
    "sign_document",
]

File = Annotated[Path, typer.Argument(metavar="FILE")]
CLOSED = 5
"""The exit code of a closed lock (`base.refusal.EXITS`)."""


def new_agreement(
    ctx: typer.Context, *, file: Maybe = None, json: Json = False, dry_run: Dry = False
) -> None:
    """An empty agreement to fill in, every mention in its place."""
    from ecluse.terms.agreement import template

    place = here(ctx, json=json)
    text = template(place.voice.language)
    _given(place, "agreement new", file, text, dry_run=dry_run)
    place.voice.next(f"agreement check {file or 'FILE'}")


def check_agreement(
    ctx: typer.Context,
    *,
    file: File,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE")] = None,
    json: Json = False,
) -> int:
    """Each mention of Article 28(3): found, lacking, empty, expired, or merely restating the law."""
    from ecluse.adapters.clock import SystemClock
    from ecluse.terms.agreement import check
    from ecluse.terms.vocabulary import vocabulary

    place = here(ctx, json=json)
    voice, language = place.voice, place.voice.language
    judged = check(octets_of(file), at=SystemClock().now(), vocabulary=vocabulary())
    if html is not None:
        from ecluse.doors.pages.agreement import agreement_page

        write_new(html, agreement_page(judged, language=language, name=file.name))
    voice.result(
        "agreement check",
        digest=judged.digest,
        complete=judged.complete,
        found=judged.main_found,
        mentions=[
            {
                "mention": finding.mention.key,
                "article": finding.article,
                "verdict": finding.verdict,
                "quote": finding.quote,
                "remark": finding.remark.text(language) if finding.remark else "",
            }
            for finding in judged.findings
        ],
    )
    for group, findings in judged.groups:
        good = all(finding.good for finding in findings)
        voice.line(
            f"{voice.sign(good=good)} {group.code:<3}{group.label[language]}", style="" if good else "red"
        )
        quote = next((finding.quote for finding in findings if finding.good and finding.quote), "")
        if quote:
            voice.line(f"      « {quote} »")
        for finding in findings:
            if not finding.good or finding.remark:
                verdict = voice.phrase(f"verdict_{finding.verdict.replace('-', '_')}")
                said = finding.remark.text(language) if finding.remark else finding.mention.expects[language]
                voice.line(f"      {finding.mention.label[language]} ({finding.article}) : {verdict}. {said}")
    voice.line(voice.phrase("mentions_found", found=judged.main_found, wanting=len(judged.wanting)))
    voice.next(f"agreement sign {file} --as PERSON" if judged.complete else f"agreement check {file}")
    return 0 if judged.complete else CLOSED


def read_agreement(ctx: typer.Context, *, file: File, json: Json = False) -> int:
    """A contract in prose (PDF, Word, text): each of the sixteen mentions, found or lacking, with the sentence and the page."""
    from ecluse.adapters.contracts import pages_of
    from ecluse.terms.agreement.prose import read_prose

    place = here(ctx, json=json)
    voice, language = place.voice, place.voice.language
    found = read_prose(pages_of(octets_of(file)))
    good = sum(finding.verdict == "found" for finding in found)
    voice.result(
        "agreement read",
        found=good,
        mentions=[
            {
                "mention": it.group.code,
                "article": it.article,
                "verdict": it.verdict,
                "page": it.page,
                "quote": it.quote,
            }
            for it in found
        ],
    )
    for it in found:
        well = it.verdict == "found"
        page = voice.phrase("on_page", page=it.page) if it.page else ""
        voice.line(
            f"{voice.sign(good=well)} {it.group.code:<3}{it.group.label[language]} ({it.article}) {page}".rstrip(),
            style="" if well else "red",
        )
        if it.quote:
            voice.line(f"      « {it.quote} »")
        if it.verdict == "restates":
            voice.line(f"      {voice.phrase('merely_the_law')}")
        if not well:
            for mention in it.mentions:
                voice.line(f"      → {mention.label[language]} : {mention.expects[language]}")
    voice.line(voice.phrase("prose_found", found=good))
    voice.next("agreement new agreement.toml")
    return 0 if good == len(found) else CLOSED


def sign_agreement(
    ctx: typer.Context,
    *,
    file: File,
    author: Author,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Sign the agreement's exact bytes; in force once both parties have."""
    sign_document(
        ctx, "agreement", file, author, passphrase_file, json=json, dry_run=dry_run, then="codes draft"
    )


def draft_codes(ctx: typer.Context, *, file: Maybe = None, json: Json = False, dry_run: Dry = False) -> None:
    """The local codes that the source holds, for a biologist to classify."""
    from ecluse.passage.drafts import codes_draft, seen_codes
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.laboratory import mapping_of

    place = here(ctx, json=json)
    workspace = place.workspace
    with workspace.source().snapshot() as snapshot:
        seen = seen_codes(snapshot, mapping_of(workspace.settings.source), vocabulary=vocabulary())
    _given(place, "codes draft", file, codes_draft(seen, language=place.voice.language), dry_run=dry_run)
    place.voice.next(f"codes check {file or 'FILE'}")


def check_codes(ctx: typer.Context, *, file: File, json: Json = False) -> int:
    """Whether every code the source holds is classified."""
    from ecluse.passage.drafts import seen_codes
    from ecluse.people.role import Role
    from ecluse.terms.codes import SYSTEMS, parse
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.laboratory import mapping_of

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    site = workspace.site("source")
    biologists = [known.person for known in site.people.values() if known.person.role is Role.BIOLOGIST]
    known = parse(octets_of(file), vocabulary=vocabulary(), signers=biologists)
    with workspace.source().snapshot() as snapshot:
        seen = seen_codes(snapshot, mapping_of(workspace.settings.source), vocabulary=vocabulary())
    paths = {system: path for path, system in SYSTEMS.items()}
    unknown = known.unclassified(
        {path: [one.code for one in seen if paths[one.system] == path] for path in SYSTEMS}
    )
    revealing = sum(bool(line.categories) for line in known.lines.values())
    voice.result(
        "codes check",
        digest=known.digest,
        classified=len(known.lines),
        revealing=revealing,
        unclassified=[{"field": path, "code": code} for path, code in unknown],
    )
    voice.line(
        voice.phrase(
            "codes_checked", classified=voice.number(len(known.lines)), revealing=voice.number(revealing)
        )
    )
    for path, code in unknown:
        voice.line(f"{voice.sign(good=False)} {path} {code}")
    voice.line(voice.phrase("codes_unknown", count=len(unknown)))
    voice.next(f"codes sign {file} --as PERSON" if not unknown else f"codes check {file}")
    return CLOSED if unknown else 0


def sign_codes(
    ctx: typer.Context,
    *,
    file: File,
    author: Author,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Sign the classification of codes, or the code map, as a biologist: the file says which of the two it is."""
    from ecluse.terms.code_map import is_code_map

    kind = "code-map" if is_code_map(octets_of(file)) else "codes"
    then = "lock status" if kind == "code-map" else "recipient show"
    sign_document(ctx, kind, file, author, passphrase_file, json=json, dry_run=dry_run, then=then)


def sign_document(
    ctx: typer.Context,
    kind: str,
    file: Path,
    author: str,
    secret: Path | None,
    *,
    json: bool,
    dry_run: bool,
    then: str,
) -> None:
    """Sign a document's exact bytes with the author's key, and say whether it is now in force."""
    from ecluse.passage.signing import PERMISSIONS, sign
    from ecluse.people.person import check_may

    place = here(ctx, json=json)
    voice = place.voice
    verb = f"{'codes' if kind == 'code-map' else kind} sign"
    site = place.workspace.site("source")
    check_may(site.known(author).person, PERMISSIONS[kind])
    payload = octets_of(file)
    key = place.acting(author, secret)
    if dry_run:
        voice.result(verb, digest="", in_force=False, dry_run=True)
        voice.line(voice.phrase("dry", what=file.name))
        return
    document, in_force = sign(site, kind, payload, by=author, key=key)
    voice.result(verb, digest=document, in_force=in_force, dry_run=False)
    voice.line(voice.phrase("signed", file=file.name, person=author))
    voice.line(document)
    voice.line(voice.phrase("in_force" if in_force else "not_in_force"))
    voice.next(then if in_force else f"{verb} {file.name} --as PERSON")


def _given(place: Here, verb: str, file: Path | None, text: str, *, dry_run: bool) -> None:
    """A text for a person: into a new file, or on standard output."""
    voice = place.voice
    if file is not None and file.exists():
        raise Refusal("door/file-exists", where=file.name)
    if file is not None and not dry_run:
        write_new(file, text)
    voice.result(verb, file=str(file) if file else "", text="" if file else text, dry_run=dry_run)
    if file is None:
        voice.line(text.rstrip("\n"))
    else:
        voice.line(voice.phrase("dry" if dry_run else "written", what=file.name))
