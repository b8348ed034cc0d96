"""Verbs about the code map: propose LOINC and NABM codes for local ones, and decide on them one by one.

Each choice is a person's: nothing is chosen beforehand, and a code that the unit forbids cannot be. Signing is `codes sign`, which reads in the file which of
the two documents it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Dry, Json, Maybe
from ecluse.doors.cli.place import Here, here, octets_of, typed_line

if TYPE_CHECKING:
    from ecluse.terms.code_map import Decision, Draft, Line, LocalTest

__all__ = ["propose", "review"]

SHOWN_FIRST: Final = 10


def propose(
    ctx: typer.Context,
    *,
    file: Maybe = None,
    catalogue: Annotated[list[Path] | None, typer.Option("--catalogue", metavar="FILE")] = None,
    local: Annotated[Path | None, typer.Option("--local", metavar="FILE")] = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Ranked proposals for every local code of the source, or of a list of them; into a file to decide on."""
    from ecluse.terms import code_map

    place = here(ctx, json=json)
    voice = place.voice
    if not catalogue:
        raise Refusal("codes/no-catalogue")
    known = code_map.catalogue((one.name, octets_of(one)) for one in catalogue)
    if known.holds_loinc:
        voice.talk(code_map.NOTICE)
    before = code_map.read_draft(octets_of(file)) if file is not None and file.exists() else None
    found = code_map.proposed(known, _locals(place, local))
    names = [f"{name} {digest}" for name, digest, _, _ in known.files]
    draft = code_map.drafted(found, catalogues=names, language=voice.language, before=before)
    text = code_map.render(draft, language=voice.language)
    if file is not None and not dry_run:
        file.write_text(text, "utf-8")
    firmly = sum(
        bool(line.offered) and line.offered[0].likelihood in ("very-likely", "likely") for line in draft.lines
    )
    unproposed = sum(not line.offered for line in draft.lines)
    voice.result(
        "codes propose",
        file=str(file) if file else "",
        text="" if file else text,
        codes=len(draft.lines),
        likely=firmly,
        unproposed=unproposed,
        undecided=len(draft.undecided),
        targets=len(known.targets),
        unnamed=len(known.unnamed),
        dry_run=dry_run,
    )
    if file is None:
        voice.line(text.rstrip("\n"))
    voice.line(
        voice.phrase(
            "proposed",
            codes=voice.number(len(draft.lines)),
            likely=voice.number(firmly),
            none=voice.number(unproposed),
            targets=voice.number(len(known.targets)),
        )
    )
    if known.unnamed:
        voice.line(voice.phrase("proposed_unnamed", count=voice.number(len(known.unnamed))))
    voice.next(f"codes review {file or 'FILE'} --as PERSON")


def _locals(place: Here, file: Path | None) -> list[LocalTest]:
    """The local codes: those of a list, else those that the source holds."""
    from ecluse.terms.code_map import read_locals

    if file is not None:
        return read_locals(octets_of(file), where=file.name)
    from ecluse.passage.code_map import seen_tests
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.laboratory import mapping_of

    workspace = place.workspace
    with workspace.source().snapshot() as snapshot:
        return seen_tests(snapshot, mapping_of(workspace.settings.source), vocabulary=vocabulary())


def review(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    author: Annotated[str, typer.Option("--as", metavar="PERSON")] = "",
    json: Json = False,
) -> None:
    """Decide on one code after the other; each decision is kept in the file at once. Without --as, show what is undecided."""
    from ecluse.terms.code_map import read_draft

    place = here(ctx, json=json)
    voice = place.voice
    draft = read_draft(octets_of(file))
    if author and not json:
        place.workspace.site("source").known(author)
        draft = _walk(place, file, draft, author)
    voice.result(
        "codes review",
        decided=len(draft.lines) - len(draft.undecided),
        undecided=[
            {"system": one.local.system, "code": one.local.code, "unit": one.local.unit}
            for one in draft.undecided
        ],
    )
    for line in draft.undecided[:SHOWN_FIRST]:
        best = line.offered[0] if line.offered else None
        words = (
            f"{best.target} {best.name} ({_likely(place, line, 0)})"
            if best
            else voice.phrase("review_nothing")
        )
        voice.line(
            f"{voice.sign(good=False)} {line.local.code} {line.local.unit}  {line.local.label}: {words}"
        )
    decided, whole = len(draft.lines) - len(draft.undecided), len(draft.lines)
    voice.line(voice.phrase("review_counts", decided=voice.number(decided), codes=voice.number(whole)))
    voice.next(
        f"codes review {file.name} --as PERSON" if draft.undecided else f"codes sign {file.name} --as PERSON"
    )


def _walk(place: Here, file: Path, draft: Draft, author: str) -> Draft:
    """Ask about every undecided line, in the order of how many records each code has, until the person stops."""
    from ecluse.terms.code_map import render

    voice = place.voice
    waiting = sorted(draft.undecided, key=lambda line: -line.local.rows)
    for number, line in enumerate(waiting, start=1):
        _show(place, line, f"{number} / {len(waiting)}")
        while True:
            answer = typed_line(voice, "review_ask").strip()
            if answer in ("q", ""):
                return draft
            if answer == "?":
                break
            try:
                chosen = _decision(place, line, answer, author)
                draft = draft.decided(line.key, chosen)
            except Refusal as refusal:
                voice.refuse(refusal)
                continue
            file.write_text(render(draft, language=voice.language), "utf-8")
            voice.line(f"{voice.sign(good=True)} {line.local.code}: {chosen.target}")
            break
    return draft


def _decision(place: Here, line: Line, answer: str, author: str) -> Decision:
    """What was answered: the number of a proposal, a code, or 0 for none; then why, which may be left to the proposal's own words."""
    from ecluse.terms.code_map import NONE, Decision

    place_of = int(answer) if answer.isdigit() and len(answer) < 3 else -1
    if place_of == 0:
        target, default = NONE, place.voice.phrase("review_none")
    elif 0 < place_of <= len(line.offered):
        offered = line.offered[place_of - 1]
        target, default = (
            offered.target,
            f"{_likely(place, line, place_of - 1)}; {'; '.join(offered.reasons)}",
        )
    else:
        target, default = answer, ""
    why = typed_line(place.voice, "review_why").strip() or default
    return Decision(target, author, why or place.voice.phrase("review_typed"))


def _show(place: Here, line: Line, count: str) -> None:
    """One code with what is proposed for it."""
    voice, local = place.voice, line.local
    rows = voice.phrase("review_rows", rows=voice.number(local.rows)) if local.rows else ""
    voice.line()
    about = "  ".join(
        one for one in (local.code, local.label, local.unit, local.specimen, local.method, rows) if one
    )
    voice.line(f"[{count}]  {about}", style="bold")
    for number, one in enumerate(line.offered, start=1):
        voice.line(f"  {number}. {one.target}  {one.name}  ({_likely(place, line, number - 1)})")
        for why in one.reasons:
            voice.line(f"       {why}")
    voice.line(f"  0. {voice.phrase('review_none')}")


def _likely(place: Here, line: Line, number: int) -> str:
    from ecluse.base.words import say

    return say(f"codes.likelihood_{line.offered[number].likelihood.replace('-', '_')}", place.voice.language)
