"""`ecluse lock status`: the four lamps, why one is dark, and what to do next. There is no `--force`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ecluse.base.words import day
from ecluse.doors.cli.options import Json
from ecluse.doors.cli.passage import coming
from ecluse.doors.cli.place import here

__all__ = ["status"]

LIGHTS: Final = {
    "agreement": "agreement check FILE",
    "instruction": "instruction draft --help",
    "recipient": "recipient show",
    "target": "mapping check target",
}
"""Which command begins to light each lamp."""


def status(
    ctx: typer.Context,
    *,
    instruction: Annotated[str, typer.Option("--instruction", metavar="FILE|DIGEST")] = "",
    json: Json = False,
) -> int:
    """Four lamps: agreement, instruction, recipient, target. Nothing leaves while one is dark."""
    from ecluse.passage.authority import signed_instruction
    from ecluse.passage.migration import LIVE, migrations

    place = here(ctx, json=json)
    voice, language, workspace = place.voice, place.voice.language, place.workspace
    site = workspace.site("source")
    ordered, lamps = workspace.lock(
        site, instruction=place.document(site, instruction) if instruction else ""
    )
    named = signed_instruction(site, ordered)[0] if ordered else None
    known = migrations(site.journal.events())
    dark = [lamp for lamp in lamps if lamp.refusal is not None]
    voice.result(
        "lock status",
        open=not dark,
        instruction=ordered,
        id=named.id if named else "",
        until=named.limits.not_after.isoformat() if named else "",
        lamps=[
            {
                "lamp": lamp.name,
                "lit": lamp.lit,
                "code": lamp.refusal.code if lamp.refusal else "",
                "message": lamp.refusal.message(language) if lamp.refusal else "",
                "hint": lamp.refusal.hint(language) if lamp.refusal else "",
            }
            for lamp in lamps
        ],
        migrations=[
            {"name": name, "state": migration.state.value, "gate": migration.gate or ""}
            for name, migration in known.items()
        ],
    )
    voice.line(
        voice.phrase(
            "lock",
            name=named.id if named else "-",
            until=day(named.limits.not_after, language) if named else "-",
        ),
        style="bold",
    )
    for lamp in lamps:
        voice.line(
            f"  {voice.sign(good=lamp.lit)} {voice.phrase(f'lamp_{lamp.name}')}",
            style="green" if lamp.lit else "red",
        )
        if lamp.refusal is not None:
            voice.line(f"      {lamp.refusal.message(language)}")
            voice.line(f"      {voice.phrase('hint')}{lamp.refusal.hint(language)}")
    voice.line(voice.phrase("lock_closed" if dark else "lock_open"), style="bold")
    for name, migration in known.items():
        voice.line(
            voice.phrase(
                "migration", name=name, state=voice.phrase(f"state_{migration.state.value.replace('-', '_')}")
            )
        )
    live = [name for name, migration in known.items() if migration.state in LIVE]
    following = (coming(site, live[0]) if live else "") or "run --as PERSON"
    voice.next(LIGHTS[dark[0].name] if dark else following)
    return dark[0].refusal.exit if dark and dark[0].refusal else 0
