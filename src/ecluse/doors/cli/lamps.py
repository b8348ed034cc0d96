"""`ecluse lock status`: the four lamps, why one is dark, what the source's account may do, and what comes next. There is no `--force`.

The account is no lamp: it is looked at where the lamps let a plan be made, and otherwise said not to have been looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import day
from ecluse.doors.cli.options import Json
from ecluse.doors.cli.passage import coming
from ecluse.doors.cli.place import here
from ecluse.doors.cli.speak import Voice

if TYPE_CHECKING:
    from ecluse.passage.lock import Lamp
    from ecluse.passage.site import Site
    from ecluse.wiring.workspace import Workspace

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
    instruction: Annotated[str, typer.Option("--instruction", metavar="FILE|ID|DIGEST")] = "",
    json: Json = False,
) -> int:
    """Four lamps: agreement, instruction, recipient, target. Nothing leaves while one is dark."""
    from ecluse.passage.authority import signed_instruction
    from ecluse.passage.migration import LIVE
    from ecluse.passage.standing import unaccepted

    place = here(ctx, json=json)
    voice, language, workspace = place.voice, place.voice.language, place.workspace
    site = workspace.site("source")
    ordered, lamps = workspace.lock(
        site, instruction=place.document(site, instruction) if instruction else ""
    )
    named = signed_instruction(site, ordered)[0] if ordered else None
    known = site.migrations()
    dark = [lamp for lamp in lamps if lamp.refusal is not None]
    looked, beyond = _account(workspace, site, ordered, lamps)
    why = dark[0].refusal if dark else beyond
    voice.result(
        "lock status",
        open=why is None,
        instruction=ordered,
        id=named.id if named else "",
        until=named.limits.not_after.isoformat() if named else "",
        lamps=[
            {
                "lamp": lamp.name,
                "lit": lamp.lit,
                **_said(lamp.refusal, language),
            }
            for lamp in lamps
        ],
        account={"looked": looked, **_said(beyond, language)},
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
        _explain(voice, lamp.refusal)
    if looked:
        good = beyond is None
        voice.line(
            f"  {voice.sign(good=good)} {voice.phrase('source_account')}", style="green" if good else "red"
        )
        _explain(voice, beyond)
    else:
        voice.line(f"  - {voice.phrase('source_account')}{voice.phrase('not_looked')}")
    voice.line(voice.phrase("lock_closed" if why else "lock_open"), style="bold")
    for name, migration in known.items():
        voice.line(
            voice.phrase(
                "migration", name=name, state=voice.phrase(f"state_{migration.state.value.replace('-', '_')}")
            )
        )
    waiting = [name for name in unaccepted(site) if known[name].state not in LIVE]
    for name in waiting:
        key = "left_for_good" if known[name].state.value == "erased" else "left_in_target"
        voice.line(f"  ! {voice.phrase(key, name=name)}", style="red")
    live = [name for name, migration in known.items() if migration.state in LIVE]
    following = (coming(site, live[0]) if live else "") or "run --as PERSON"
    voice.next(LIGHTS[dark[0].name] if dark else "plan --grants ACCOUNT" if beyond else following)
    return why.exit if why else 0


def _account(
    workspace: Workspace, site: Site, instruction: str, lamps: tuple[Lamp, ...]
) -> tuple[bool, Refusal | None]:
    """Whether the source's account was looked at, and what refuses it: a run would meet the same."""
    if not all(lamp.lit for lamp in lamps if lamp.name != "target"):
        return False, None
    try:
        workspace.check_source(site, instruction)
    except Refusal as refusal:
        return True, refusal
    except Fault:
        return False, None
    return True, None


def _said(refusal: Refusal | Fault | None, language: str) -> dict[str, Any]:
    """A refusal for a machine; empty where there is none."""
    if refusal is None:
        return {"code": "", "message": "", "hint": ""}
    return {"code": refusal.code, "message": refusal.message(language), "hint": refusal.hint(language)}


def _explain(voice: Voice, refusal: Refusal | Fault | None) -> None:
    """Why, and what to do about it, under the line it stands by."""
    if refusal is not None:
        voice.line(f"      {refusal.message(voice.language)}")
        voice.line(f"      {voice.phrase('hint')}{refusal.hint(voice.language)}")
