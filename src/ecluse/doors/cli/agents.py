"""Verbs of a laboratory's agent: make it known to an exchange elsewhere, have it keep watch there, say how it stands.

Enrolment is a comparison by voice or on paper, both ways: nothing is spoken to an exchange before, and nothing secret leaves.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import instant
from ecluse.doors.cli.options import Dry, Json, SideName
from ecluse.doors.cli.place import Here, here, typed_line
from ecluse.doors.cli.sites import check_digits

if TYPE_CHECKING:
    from ecluse.wiring.agent import Agent
    from ecluse.wiring.settings import Side

__all__ = ["enrol", "run", "status"]

Which = Annotated[SideName | None, typer.Option("--site", metavar="source|target")]
EVERY = 30
"""Seconds between two rounds."""


def enrol(
    ctx: typer.Context,
    *,
    side: Which = None,
    certificate_digits: Annotated[str, typer.Option("--certificate", metavar="DIGITS")] = "",
    ledger_digits: Annotated[str, typer.Option("--ledger", metavar="DIGITS")] = "",
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Hold to the exchange that ecluse.toml names, once its certificate and its ledger's key were compared."""
    from ecluse.adapters.exchange.link import Link
    from ecluse.adapters.exchange.place import ExchangePlace
    from ecluse.wiring.reaching import Enrolment, write_enrolment

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    folder = workspace.folder(_side(place, side))
    where = ExchangePlace.parse(workspace.settings.chamber, proxy=workspace.settings.proxy)
    agent = folder.agent()
    voice.talk(voice.phrase("agent_key", site=folder.name, fingerprint=agent.public.fingerprint()))
    voice.talk(agent.public.encode())
    shown, trusted = where.presented()
    pinned = "" if trusted else hashlib.sha256(shown).hexdigest()
    if pinned:  # as the host's own screen says it, and browsers too
        given = certificate_digits or typed_line(voice, "ask_certificate")
        check_digits(given.replace(":", "").lower(), pinned, where=where.host)
    link = Link(ExchangePlace.parse(where.url, proxy=where.proxy, certificate=pinned), key=agent)
    log = link.open()
    check_digits(ledger_digits or typed_line(voice, "ask_ledger"), log.key.fingerprint(), where=log.name)
    if not dry_run:
        write_enrolment(folder, Enrolment(where.url, pinned, log))
    voice.result("agent enrol", site=folder.name, exchange=where.url, ledger=log.encode(), dry_run=dry_run)
    voice.line(voice.phrase("dry" if dry_run else "enrolled", what=where.url))
    voice.next("agent run")


def run(
    ctx: typer.Context,
    *,
    side: Which = None,
    once: Annotated[bool, typer.Option("--once")] = False,
    json: Json = False,
) -> int:
    """Witness the exchange's ledger and keep a copy, tell that the target is ready, finish erasures; until it is stopped."""
    from ecluse.wiring.agent import Agent

    place = here(ctx, json=json)
    agent = Agent(place.workspace, _side(place, side))
    while True:
        code = _round(place, agent)
        if once:
            return code
        time.sleep(EVERY)


def status(ctx: typer.Context, *, side: Which = None, json: Json = False) -> None:
    """Which exchange, under which keys; when it last answered; what this site noted of it."""
    from ecluse.wiring.agent import Agent
    from ecluse.wiring.reaching import enrolment_of

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    agent = Agent(workspace, _side(place, side))
    folder = agent.folder
    key = folder.agent().public
    enrolled, reached = enrolment_of(folder), agent.reached()
    noted = folder.noted(clock=workspace.clock).all()
    voice.result(
        "agent status",
        site=folder.name,
        key=key.encode(),
        exchange=enrolled.url if enrolled else "",
        ledger=enrolled.log.encode() if enrolled else "",
        reached=reached.isoformat() if reached else "",
        noted=[dict(fact) for fact in noted],
    )
    voice.line(voice.phrase("agent_key", site=folder.name, fingerprint=key.fingerprint()))
    voice.line(key.encode())
    if enrolled is not None:
        voice.line(
            voice.phrase("agent_exchange", url=enrolled.url, fingerprint=enrolled.log.key.fingerprint())
        )
    if reached is not None:
        voice.line(voice.phrase("agent_reached", at=instant(reached, voice.language)))
    for fact in noted:
        voice.line(
            f"{voice.sign(good=False)} {fact['time']}  {fact['code']}  {_values(fact['values'])}", style="red"
        )
    voice.next("agent run" if enrolled else "agent enrol")


def _round(place: Here, agent: Agent) -> int:
    """One round, told in lines; what did not verify or did not answer is told, and the next round tries again."""
    voice = place.voice
    try:
        done = agent.round()
    except (Refusal, Fault) as said:
        if isinstance(said, Fault):
            agent.note_silence()
        voice.refuse(said)
        return said.exit
    voice.result(
        "agent run", site=agent.folder.name, done=[{"word": it.word, "about": it.about} for it in done]
    )
    for it in done:
        voice.line(voice.phrase(f"agent_{it.word}", what=it.about))
    return 0


def _side(place: Here, given: SideName | None) -> Side:
    """The site meant: the one named, else the only one held here. Raises Refusal `settings/site-absent`, `link/folder`."""
    from ecluse.wiring.cards import SIDES

    workspace = place.workspace
    if not workspace.settings.chamber:
        raise Refusal("link/folder")
    held = [side for side in SIDES if workspace.holds(side) and (given is None or side == given.value)]
    if not held:
        raise Refusal(
            "settings/site-absent", where=workspace.folder("source" if given is None else given.value).name
        )
    return held[0]


def _values(values: dict[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())
