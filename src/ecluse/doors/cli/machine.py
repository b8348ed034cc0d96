"""Verbs about this machine: is all in order (`doctor`), show me (`demo`), make me a laboratory of nobody (`invent`)."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from ecluse import __version__
from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import day, duration, size
from ecluse.doors.cli.options import Dry, Json
from ecluse.doors.cli.place import Here, here
from ecluse.doors.cli.steps import compared_table

if TYPE_CHECKING:
    from ecluse.wiring.demonstration import Demonstration
    from ecluse.wiring.folders import SiteFolder
    from ecluse.wiring.settings import Side
    from ecluse.wiring.workspace import Workspace

__all__ = ["demo", "doctor", "invent"]

ROOM: Final = 5_000_000_000
"""Octets of free disk under which the doctor warns: a parcel of a middle-sized laboratory."""


SOON: Final = timedelta(days=60)
"""How long before its end the doctor speaks of a certificate."""


class Check(NamedTuple):
    """What was looked at, whether it is well, what was found, and the command that mends it."""

    name: str
    well: bool
    found: str
    mend: str = "doctor"


def doctor(ctx: typer.Context, *, json: Json = False) -> int:
    """Versions, clock, folders, systems, privileges, keys and room on the disk: a list of ✓."""
    place = here(ctx, json=json)
    voice = place.voice
    found = list(_checks(place))
    bad = [check for check in found if not check.well]
    voice.result(
        "doctor",
        well=not bad,
        checks=[{"check": it.name, "well": it.well, "found": it.found} for it in found],
    )
    width = max(len(voice.phrase(f"doctor_{check.name}")) for check in found)
    for check in found:
        voice.line(
            f"{voice.sign(good=check.well)} {voice.phrase(f'doctor_{check.name}'):<{width}}  {check.found}",
            style="" if check.well else "red",
        )
    voice.next(bad[0].mend if bad else "lock status")
    return 1 if bad else 0


def _checks(place: Here) -> Iterator[Check]:
    voice = place.voice
    yield Check("version", well=True, found=f"ecluse {__version__}")
    try:
        workspace = place.workspace
    except Refusal as refusal:
        yield Check("settings", False, refusal.message(voice.language), "init --help")
        return
    settings = workspace.settings
    yield Check("settings", True, settings.home.name)
    yield _tried("clock", lambda: workspace.clock().isoformat(), voice.language)
    free = shutil.disk_usage(settings.home).free
    yield Check("room", free >= ROOM, size(free, voice.language))
    sides: tuple[Side, ...] = ("source", "target")
    for side in sides:
        folder = workspace.folder(side)
        if not workspace.holds(side):
            yield Check("site", False, voice.phrase("not_held", site=folder.name), f"site new {side}")
            continue
        open_to_others = sorted(
            file.name for file in _files(folder.path) if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        )
        yield Check("modes", not open_to_others, ", ".join(open_to_others[:5]) or folder.name)
        yield _certificate(folder, side, voice.language, at=workspace.clock())
        yield Check("words", folder.confirmed, folder.name, f"site confirm {side}")
        yield _tried("ledger", partial(_entries, workspace, side), voice.language)
    for side in sides:
        yield from _system(place, side)
    if workspace.holds("target"):
        yield from _left(place)


def _left(place: Here) -> Iterator[Check]:
    """Records that a run left in the target when it ended without acceptance, while they can still be taken out."""
    from ecluse.passage.migration import STOPPED
    from ecluse.passage.standing import unaccepted

    try:
        site = place.workspace.site("target")
        names = [name for name in unaccepted(site) if site.migration(name).state in STOPPED]
    except (Refusal, Fault):  # the ledger's line says it
        return
    mend = f"rollback {names[0]} --to 0 --as PERSON" if names else "doctor"
    yield Check("left", not names, ", ".join(names) or site.name, mend)


def _certificate(folder: SiteFolder, side: Side, language: str, *, at: datetime) -> Check:
    """Until when the site's machine may sign; not well some time before it ends, so that it is renewed in time."""
    try:
        until = folder.agent_certificate(root=folder.root)[0].not_after
    except Refusal as refusal:
        return Check("certificate", False, refusal.message(language))
    return Check(
        "certificate", until - at > SOON, f"{folder.name}: {day(until, language)}", f"site renew {side}"
    )


def _entries(workspace: Workspace, side: Side) -> str:
    return str(len(workspace.site(side).journal.events()))


def _files(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


def _system(place: Here, side: Side) -> Iterator[Check]:
    """Whether the system is reached, and, for the source, what its account may do beyond the current plan."""
    from ecluse.passage.lock import current_instruction
    from ecluse.wiring.laboratory import source_of

    workspace, voice = place.workspace, place.voice
    system = workspace.settings.side(side)
    reached = _tried(
        "reached", lambda: f"{side}: {len(source_of(system).catalogue().tables)}", voice.language
    )
    yield reached
    if side == "target" or not reached.well or not workspace.holds("source"):
        return
    try:
        site = workspace.site("source")
        workspace.check_source(site, current_instruction(site))
    except (Refusal, Fault) as refusal:
        if refusal.code == "source/account-exceeds":  # anything else is another line's to say
            yield Check("account", False, refusal.message(voice.language), "plan --grants ACCOUNT")
    else:
        yield Check("account", True, "")


def _tried(name: str, look: Callable[[], str], language: str) -> Check:
    try:
        return Check(name, True, look())
    except (Refusal, Fault) as refusal:
        return Check(name, False, refusal.message(language))


def invent(
    ctx: typer.Context,
    *,
    url: Annotated[str, typer.Argument(metavar="URL")],
    patients: Annotated[int, typer.Option("--patients", metavar="N")] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 1,
    empty: Annotated[bool, typer.Option("--empty-new")] = False,
    password_file: Annotated[Path | None, typer.Option("--password-file", metavar="FILE")] = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Fill a database with an invented laboratory, or create the new system's empty tables."""
    from ecluse.adapters.invented import create_empty, fill
    from ecluse.wiring.systems import check_address

    place = here(ctx, json=json)
    voice = place.voice
    written: dict[str, int] = {}
    check_address(url)
    if password_file is not None:
        url = _with_password(url, password_file)
    if dry_run:
        pass
    elif empty:
        create_empty(url)
    else:
        with voice.progress(voice.phrase("step_invent")) as tell:
            written = fill(
                url, patients=patients, seed=seed, progress=lambda done, total: tell("", done, total)
            )
    voice.result("invent", patients=0 if empty else patients, seed=seed, rows=written, dry_run=dry_run)
    if dry_run or empty:
        voice.line(voice.phrase("dry" if dry_run else "created_empty", what=voice.number(patients)))
    else:
        voice.line(
            voice.phrase(
                "invented", patients=voice.number(patients), rows=voice.number(sum(written.values()))
            )
        )
        voice.table(
            [(table, voice.number(rows)) for table, rows in written.items()],
            right=frozenset({1}),
            indent="  ",
        )
    voice.next("init --help")


def _with_password(url: str, file: Path) -> str:
    """The address with the password of a file that only its owner reads; it is never printed. Raises Refusal `address/password-...`."""
    from urllib.parse import quote, urlsplit

    from ecluse.adapters.connectors.sql.address import parse_address, password_from

    parts = urlsplit(url)
    secret = quote(password_from(file, parse_address(url)), safe="")
    account, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{account}:{secret}@{host}").geturl()


def demo(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")] = Path("ecluse-demo"),
    patients: Annotated[int, typer.Option("--patients", metavar="N", min=1)] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 7,
    hands_on: Annotated[bool, typer.Option("--hands-on")] = False,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """Invent a laboratory and carry its records through every step; or stop before the first signature, for you to go on."""
    from ecluse.adapters.bundle import write_bundle
    from ecluse.doors.cli.stories import report_of
    from ecluse.wiring.demonstration import Demonstration
    from ecluse.wiring.inspection import bundle_files, trust_of
    from ecluse.wiring.workspace import Workspace

    place = here(ctx, json=json)
    voice, begun = place.voice, time.monotonic()
    if folder.exists():
        raise Refusal("settings/exists", where=folder.name)
    if dry_run:
        voice.result(
            "demo", folder=str(folder), migration="", unexplained=0, kinds={}, bundle="", dry_run=True
        )
        voice.line(voice.phrase("dry", what=folder.name))
        return
    story = Demonstration(
        folder.resolve(),
        patients=patients,
        seed=seed,
        language=voice.language,
        tell=lambda step: voice.line("  " + voice.phrase(f"play_{step.replace('-', '_')}")),
    )
    if hands_on:
        _handed(place, story)
        return
    played = story.play()
    page = report_of(
        Workspace(story.settings).any_site(), played.migration, language=voice.language, bundle="bundle.zip"
    )
    (folder / "report.html").write_text(page, "utf-8")
    write_bundle(bundle_files(story.settings, report=page.encode()), folder / "bundle.zip")
    (folder / "policy.json").write_bytes(trust_of(story.settings).encode())
    found = played.reconciliation
    voice.result(
        "demo",
        folder=str(folder),
        migration=played.migration,
        unexplained=found.unexplained,
        kinds={kind.kind: {"seen": kind.seen, "loaded": kind.loaded} for kind in found.kinds},
        bundle=str(folder / "bundle.zip"),
        dry_run=False,
    )
    compared_table(place, found)
    voice.line(
        voice.phrase(
            "played", unexplained=found.unexplained, took=duration(time.monotonic() - begun, voice.language)
        )
    )
    voice.line(voice.phrase("left_in", folder=folder.name))
    voice.next(f"verify {folder / 'bundle.zip'} --policy {folder / 'policy.json'}")


def _handed(place: Here, story: Demonstration) -> None:
    """Systems, sites, persons and the texts to sign, and nothing signed: the road is the reader's."""
    from ecluse.invent.catalogue import classification
    from ecluse.terms.codes import LocalCode, render
    from ecluse.wiring.demonstration import PASSPHRASE

    voice, home = place.voice, story.home
    story.invent()
    cast = story.people()
    (home / "agreement.toml").write_text(story.agreement(), "utf-8")
    lines = [
        LocalCode(
            "test" if one.kind == "analysis" else "act",
            one.code,
            one.label,
            tuple(each for each in one.categories if each != "H"),
        )
        for one in classification()
    ]
    (home / "codes.toml").write_text(render(lines), "utf-8")
    secret = home / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text(f"{PASSPHRASE}\n", "utf-8")
    voice.result(
        "demo", folder=str(home), migration="", unexplained=0, kinds=dict(cast.ids), bundle="", dry_run=False
    )
    voice.table([(person, part) for part, person in cast.ids.items()], indent="  ")
    voice.line(voice.phrase("handed", folder=home.name))
    voice.next(f"--home {home.name} lock status")
