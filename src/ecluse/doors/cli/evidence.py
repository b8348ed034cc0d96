"""Verbs about evidence: the rejected rows (reasons and masked values only), the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from ecluse.doors.cli.options import Author, Dry, Json, Migration, Secret
from ecluse.doors.cli.place import here

__all__ = ["ledger", "rejects", "replay"]


def rejects(ctx: typer.Context, migration: Migration = "", json: Json = False) -> None:
    """How many rows were rejected, at which side and why: never a row, never a value."""
    from ecluse.passage.outbound import rejects_key
    from ecluse.passage.rejects import RejectVault

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    key = rejects_key(name)
    found: dict[tuple[str, str, str], int] = {}
    for side in ("source", "target"):
        if not workspace.holds(side):  # type: ignore[arg-type]
            continue
        site = workspace.site(side)  # type: ignore[arg-type]
        if key not in site.keys.names():
            continue
        identity = site.keys.identity(key)
        for batch in RejectVault(site.rejects, key, to=identity.recipient()).read([identity]):
            for reason, rows in batch.reasons.items():
                found[site.name, batch.kind, reason] = found.get((site.name, batch.kind, reason), 0) + rows
    voice.data(
        "rejects list",
        migration=name,
        rows=sum(found.values()),
        reasons=[{"site": site, "kind": kind, "reason": reason, "rows": rows} for (site, kind, reason), rows in found.items()],
    )
    voice.line(voice.phrase("rejected_rows", count=voice.number(sum(found.values()))))
    voice.table([(site, kind, voice.number(rows), reason) for (site, kind, reason), rows in sorted(found.items())], right=frozenset({2}), indent="  ")
    voice.next(f"rejects replay {name} --as PERSON" if found else f"reconcile {name} --as PERSON")


def replay(ctx: typer.Context, author: Author, migration: Migration = "", passphrase_file: Secret = None, json: Json = False, dry_run: Dry = False) -> int:
    """Try the rows that the target refused once more, their cause being mended."""
    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    place.acting(author, passphrase_file)
    written = left = 0
    if not dry_run:
        tried = workspace.course().replay(name, by=author)
        written, left = tried.written, tried.left
    voice.data("rejects replay", migration=name, written=written, left=left, dry_run=dry_run)
    voice.line(voice.phrase("dry", what=name) if dry_run else voice.phrase("replayed", written=voice.number(written), left=voice.number(left)))
    voice.next(f"reconcile {name} --as PERSON")
    return 3 if left else 0


def ledger(
    ctx: typer.Context,
    subject: Annotated[str, typer.Option("--subject", metavar="NAME")] = "",
    last: Annotated[int, typer.Option("--last", metavar="N", min=1)] = 50,
    json: Json = False,
) -> None:
    """What was done, by whom, in order; read with this site's witness, which refuses a ledger cut or rewritten."""
    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.any_site()
    events = [event for event in site.journal.events() if not subject or event.subject == subject]
    shown = events[-last:]
    voice.data(
        "ledger show",
        entries=len(events),
        shown=[
            {"seq": event.seq, "time": event.time, "by": event.by, "subject": event.subject, "act": event.act, "body": dict(event.body)}
            for event in shown
        ],
    )
    voice.table([(str(event.seq), event.time[:19], event.by, event.act, event.subject) for event in shown], right=frozenset({0}))
    voice.line(voice.phrase("ledger_size", count=voice.number(len(events))))
    voice.next("lock status")
