"""The tree of verbs. Each name is fixed: scripts rest on it.

A module of verbs is imported with the tree, which costs little: what a verb needs is imported when it runs, so that `ecluse --help` starts at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ecluse import __version__
from ecluse.doors.cli import (
    agents,
    archive,
    backups,
    coding,
    contracts,
    evidence,
    instructions,
    lamps,
    lines,
    machine,
    mappings,
    page,
    passage,
    recipients,
    serving,
    shipped,
    sites,
)
from ecluse.doors.cli.door import Door
from ecluse.doors.cli.guide import guide
from ecluse.doors.cli.options import LanguageName
from ecluse.wiring.settings import home_folder, language_of_environment

__all__ = ["app"]

_PLAIN: Final[dict[str, Any]] = {
    "rich_markup_mode": None,
    "add_completion": False,
    "pretty_exceptions_enable": False,
}

app = typer.Typer(name="ecluse", cls=Door, invoke_without_command=True, **_PLAIN)


@app.callback()
def outer(
    ctx: typer.Context,
    *,
    home: Annotated[Path | None, typer.Option("--home", metavar="FOLDER")] = None,
    language: Annotated[LanguageName | None, typer.Option("--language", metavar="fr|en")] = None,
    version: Annotated[bool, typer.Option("--version")] = False,
) -> None:
    """What comes before every verb: where, in which language."""
    spoken = language.value if language else language_of_environment()
    ctx.obj = (home_folder(home), spoken)
    if version:
        typer.echo(f"ecluse {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            guide(ctx.obj[0], spoken)
        else:
            typer.echo(ctx.get_help())


TREE: Final[dict[str, dict[str, Callable[..., object]]]] = {
    "": {
        "init": sites.init,
        "profile": mappings.profile,
        "plan": mappings.plan,
        "run": passage.run,
        "extract": passage.extract,
        "deposit": passage.deposit,
        "hand-over": passage.hand_over,
        "load": passage.load,
        "rollback": passage.rollback,
        "listen": lines.listen,
        "send": lines.send,
        "reconcile": passage.reconcile,
        "sample": evidence.sample,
        "accept": passage.accept,
        "erase": passage.erase,
        "report": evidence.report,
        "bundle": evidence.bundle,
        "verify": evidence.verify,
        "doctor": machine.doctor,
        "demo": machine.demo,
        "invent": machine.invent,
        "serve": serving.serve,
        "backup": backups.backup,
        "restore": backups.restore,
    },
    "exchange": {"chamber": serving.chamber, "invite": serving.invite, "unit": serving.unit},
    "site": {
        "new": sites.new,
        "confirm": sites.confirm,
        "recover": sites.recover,
        "renew": sites.renew,
        "show": sites.show,
        "compare": sites.compare,
    },
    "person": {"add": sites.add, "list": sites.people},
    "agreement": {
        "new": contracts.new_agreement,
        "read": contracts.read_agreement,
        "check": contracts.check_agreement,
        "sign": contracts.sign_agreement,
    },
    "codes": {
        "draft": contracts.draft_codes,
        "check": contracts.check_codes,
        "propose": coding.propose,
        "review": coding.review,
        "sign": contracts.sign_codes,
    },
    "mapping": {
        "list": shipped.shown,
        "show": shipped.show,
        "draft": mappings.draft,
        "check": mappings.check,
        "page": mappings.page,
    },
    "recipient": {"new": recipients.new, "show": recipients.show, "compare": recipients.compare},
    "instruction": {
        "draft": instructions.draft,
        "show": instructions.show,
        "sign": instructions.sign,
        "verify": instructions.verify,
        "revoke": instructions.revoke,
    },
    "lock": {"status": lamps.status},
    "rejects": {"list": evidence.rejects, "replay": evidence.replay},
    "ledger": {"show": evidence.ledger},
    "agent": {"enrol": agents.enrol, "run": agents.run, "status": agents.status, "page": page.page},
    "archive": {"make": archive.make, "open": archive.opened, "check": archive.check},
}
"""Every verb, by its group ("" for those of one word)."""

for name, verbs in TREE.items():
    group = typer.Typer(no_args_is_help=True, **_PLAIN) if name else app
    for word, verb in verbs.items():
        group.command(word)(verb)
    if name:
        app.add_typer(group, name=name)
