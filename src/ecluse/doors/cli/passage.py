"""Verbs that carry: each step of a passage alone, and `run`, which takes every step that is left.

A run goes on where it was, whatever stopped it, because each step asks the ledger what was done. It begins only while the four lamps are lit, and it stops
before acceptance: a biologist accepts, nobody does it for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Author, Dry, Dump, Json, Migration, Secret
from ecluse.doors.cli.place import Here, here
from ecluse.doors.cli.steps import TAKE

if TYPE_CHECKING:
    from ecluse.passage.site import Site

__all__ = [
    "accept",
    "coming",
    "deposit",
    "ending",
    "erase",
    "extract",
    "hand_over",
    "load",
    "reconcile",
    "rollback",
    "run",
]

REJECTED = 3
"""The exit code of what finished with rejected rows (`base.refusal.EXITS`)."""


def run(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    instruction: Annotated[str, typer.Option("--instruction", metavar="FILE|ID|DIGEST")] = "",
    rehearse: Annotated[int, typer.Option("--rehearse", metavar="N", min=0)] = 0,
    delta: Annotated[bool, typer.Option("--delta")] = False,
    from_dump: Dump = None,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Every step that is left, of both sides; interrupted, the same command goes on."""
    from ecluse.passage.closing import expire_due

    place = here(ctx, json=json, dump=from_dump)
    voice, workspace = place.voice, place.workspace
    site = workspace.any_site()
    if not dry_run:
        place.acting(author, passphrase_file)
        expire_due(site, by=author)
    name = _under_way(site, migration, fresh=delta)
    if name:
        voice.line(voice.phrase("resumed", name=name))
    else:
        name = _begin(place, author, instruction, rehearse=rehearse, delta=delta, dry_run=dry_run)
    done: list[str] = []
    code = 0
    while not dry_run and (step := _next(site, name)) and workspace.takes(step):
        result = TAKE[step](place, name, author)
        code = max(code, REJECTED if result.get("rejected") else 0)
        done.append(step)
    state = site.migration(name).state.value if name else ""
    left = _next(site, name) if name else "extract"
    voice.result("run", migration=name, state=state, done=done, left=left, dry_run=dry_run)
    if dry_run:
        voice.line(voice.phrase("dry", what=left or "accept"))
    place.voice.next((coming(site, name) or "bundle bundle.zip") if name else "run --as PERSON")
    return code


def _under_way(site: Site, given: str, *, fresh: bool) -> str:
    """The migration to go on with: the one named, else the only one under way; "" to begin another."""
    from ecluse.passage.migration import LIVE

    if given:
        return site.migration(given).name
    live = [name for name, migration in site.migrations().items() if migration.state in LIVE]
    if len(live) > 1:
        raise Refusal("migration/which", got=", ".join(live))
    state = site.migration(live[0]).state.value if live else ""
    if (
        fresh and state == "reconciled"
    ):  # accepted: what is left of it is to erase, and a cut-over run completes it no more
        raise Refusal("migration/not-now", where=live[0], act="run --delta", got=state)
    return "" if fresh and state == "loaded" else next(iter(live), "")


def _begin(place: Here, author: str, instruction: str, *, rehearse: int, delta: bool, dry_run: bool) -> str:
    """Begin a migration if the four lamps are lit. Raises the refusal of the first that is dark."""
    from ecluse.passage.outbound import begin
    from ecluse.wiring.systems import check_replacing

    if delta:
        check_replacing(place.workspace.settings.target.url)
    site = place.workspace.site("source")
    ordered, lamps = place.workspace.lock(
        site, instruction=place.document(site, instruction) if instruction else ""
    )
    for lamp in lamps:
        if lamp.refusal is not None:
            raise lamp.refusal
    if dry_run:
        return ""
    name = begin(site, by=author, instruction=ordered, rehearse=rehearse, delta=delta)
    place.voice.line(place.voice.phrase("begun", name=name))
    return name


def _next(site: Site, name: str) -> str:
    """The step to do now, "" when it waits for a person or is over."""
    from ecluse.wiring.workspace import STEPS

    step = STEPS.get(site.migration(name).state, "")
    return "" if step == "reconcile" and _compared(site, name) else step


def _compared(site: Site, name: str) -> bool:
    """Whether what was loaded last was compared since."""
    acts = [event.act for event in site.journal.events() if event.subject == name]
    return "reconciliation.signed" in acts[len(acts) - 1 - acts[::-1].index("migration.loaded") :]


def coming(site: Site, name: str) -> str:
    """The command that comes next for a migration; "" when it is over."""
    step = _next(site, name)
    if step:
        return f"run {name} --as PERSON"
    return f"accept {name} --as PERSON" if site.migration(name).state.value == "loaded" else ""


def ending(site: Site, name: str) -> str:
    """The command that comes next for a migration that ended without acceptance: what it left in the target is taken out before it is erased."""
    from ecluse.passage.standing import stands

    return f"rollback {name} --to 0 --as PERSON" if stands(site, name) else f"erase {name} --as PERSON"


# --- each step alone ----------------------------------------------------------------------------------------------------


def extract(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    from_dump: Dump = None,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Gate 1: read what the plan names, seal it, shut the gate."""
    return _alone(
        ctx,
        "extract",
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="deposit",
        dump=from_dump,
    )


def deposit(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Carry the sealed parcel into custody."""
    return _alone(
        ctx,
        "deposit",
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="hand-over",
    )


def hand_over(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """At the target: take the parcel and verify it to its last byte."""
    return _alone(
        ctx,
        "hand-over",
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="load",
    )


def load(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Gate 2: write the records, shut the gate."""
    return _alone(
        ctx,
        "load",
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="reconcile",
    )


def reconcile(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Compare both sides, all rows: unexplained must be 0."""
    return _alone(
        ctx,
        "reconcile",
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="accept",
    )


def erase(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    leave_rows: Annotated[bool, typer.Option("--leave-rows")] = False,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Destroy keys and parcels at both sites, see that they are gone, and sign the certificate."""
    return _alone(
        ctx,
        "erase",
        options={"leave_rows": leave_rows},
        given=migration,
        author=author,
        secret=passphrase_file,
        json=json,
        dry_run=dry_run,
        then="",
    )


def accept(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """A biologist accepts, by signature, what the comparison found."""
    place = here(ctx, json=json)
    voice = place.voice
    name = place.migration(place.workspace.any_site(), migration)
    key = place.acting(author, passphrase_file)
    document = "" if dry_run else place.workspace.course().accept(name, by=author, key=key)
    voice.result("accept", migration=name, document=document, dry_run=dry_run)
    voice.line(voice.phrase("dry" if dry_run else "accepted", what=name))
    voice.next(f"erase {name} --as PERSON")


def rollback(
    ctx: typer.Context,
    *,
    author: Author,
    to: Annotated[int, typer.Option("--to", metavar="N", min=0)],
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Take out of the target what the parts after N brought; 0 takes everything out."""
    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.any_site()
    name = place.migration(site, migration)
    place.acting(author, passphrase_file)
    removed = 0 if dry_run else place.workspace.course().roll_back(name, by=author, to=to)
    voice.result("rollback", migration=name, to=to, removed=removed, dry_run=dry_run)
    voice.line(
        voice.phrase("dry", what=name) if dry_run else voice.phrase("rolled_back", rows=voice.number(removed))
    )
    state = site.migration(name).state.value
    # After a rehearsal comes the real run; after what was revoked or expired, its erasure.
    ended = f"erase {name} --as PERSON" if state in ("revoked", "expired") else f"load {name} --as PERSON"
    voice.next("run --as PERSON" if state == "withdrawn" else ended)


def _alone(
    ctx: typer.Context,
    step: str,
    *,
    given: str,
    author: str,
    secret: Any,
    json: bool,
    dry_run: bool,
    then: str,
    dump: Path | None = None,
    options: dict[str, bool] | None = None,
) -> int:
    """One step of the migration that is meant. Raises Refusal `migration/not-now` when it is not this step's turn."""
    from ecluse.wiring.workspace import STEPS

    place = here(ctx, json=json, dump=dump)
    voice, site = place.voice, place.workspace.any_site()
    name = place.migration(site, given)
    place.acting(author, secret)
    state = site.migration(name).state
    if STEPS.get(state) != step:
        raise Refusal("migration/not-now", where=name, act=step, got=state.value)
    if dry_run:
        voice.result(step, migration=name, dry_run=True, result={})
        voice.line(voice.phrase("dry", what=f"{step} {name}"))
        return 0
    result = TAKE[step](place, name, author, **(options or {}))
    voice.result(step, migration=name, dry_run=False, result=result)
    voice.next(_waiting(site) if step == "erase" else f"{then} {name} --as PERSON")
    return REJECTED if result.get("rejected") else 0


def _waiting(site: Site) -> str:
    """What comes after an erasure: that of another migration which only waits for it, else the inspector's bundle."""
    from ecluse.passage.migration import STOPPED

    known = site.migrations()
    stopped = next((name for name, migration in known.items() if migration.state in STOPPED), "")
    return ending(site, stopped) if stopped else "bundle bundle.zip"
