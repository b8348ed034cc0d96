"""What a backup of an exchange or of a laboratory holds, and what it leaves out: every private key, always.

    in    exchange.toml accounts.sqlite chambers/<chamber>/{ledger.sqlite documents/ custody/}
          ecluse.toml <mapping>.toml <exchange>/{ledger.sqlite documents/ custody/}
          <site>/{root.pub confirmed agent*.cert people/*.{toml,cert} passkeys/ peers/ witness.sqlite}
    out   log.key secret.key tls/ ssh/ root.age agent.age people/*.age keys/ spool/ rejects/ uploads/, passwords, and all that is not named above

Decides by names that are in, never by names that are out: what a later version adds is left out, and said, until somebody thinks of it. Ledgers are copied
first and the rest after, so that a restored ledger never claims a parcel that is not there; what came after the copy is in the folder only, and is deposited
again. A parcel that the copied ledger no longer lets be kept is not in. Nothing here can open a parcel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from ecluse import __version__
from ecluse.adapters.backup import Backup, check_backup, copy_database, unpack_backup, write_backup
from ecluse.adapters.durable import to_disk
from ecluse.adapters.ledger_file import ToldLedger, read_ledger
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.chamber import GIVES
from ecluse.passage.keeping import ENDED
from ecluse.passage.parcel import MANIFEST, part_name
from ecluse.proof.sign import payload_of
from ecluse.proof.tar import Entry

__all__ = ["Made", "Restored", "back_up", "restore"]

Kind = Literal["exchange", "workspace", "site"]
_MARKS: Final[dict[Kind, str]] = {"exchange": "exchange.toml", "workspace": "ecluse.toml", "site": "root.pub"}
_N: Final = r"[a-z0-9][a-z0-9.-]{0,79}"
_CHAMBER: Final = rf"ledger\.sqlite|documents/[0-9a-f]{{64}}\.dsse\.json|custody/{_N}/{_N}"
_SITE: Final = (
    r"root\.pub|confirmed|witness\.sqlite|agent(-\d+)?\.cert|people/p-[0-9a-f]+\.(toml|cert)"
    r"|passkeys/p-[0-9a-f-]+\.(toml|cert)|peers/[A-Za-z0-9][A-Za-z0-9._-]*\.pub"
)
_UNDER: Final = r"([A-Za-z0-9][A-Za-z0-9._-]*/){1,2}"
_IN: Final[dict[Kind, re.Pattern[str]]] = {
    "exchange": re.compile(
        rf"exchange\.toml|accounts\.sqlite|chambers/[a-z0-9][a-z0-9-]{{0,39}}/({_CHAMBER})"
    ),
    "workspace": re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*\.toml|{_UNDER}({_CHAMBER}|{_SITE})"),
    "site": re.compile(_SITE),
}
_KEYS: Final[dict[Kind, tuple[str, ...]]] = {
    "exchange": ("secret.key", "tls/", "ssh/"),
    "workspace": (),
    "site": (),
}
"""What an exchange needs beside its chambers' log.key before it starts again."""
_TRIES: Final = 5
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written. `sha256`: of the file. `left_out`: files and whole folders that are not in it."""

    kind: Kind
    files: int
    octets: int
    sha256: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """A place that was restored, or could be. `made`: when the backup was. `erased`: parcels not brought back. `lacking`: keys to put back."""

    kind: Kind
    files: int
    octets: int
    sha256: str
    made: str
    erased: tuple[str, ...]
    lacking: tuple[str, ...]


@dataclass(slots=True)
class _Snapshot:
    """A place while it is copied: ledgers by the folder they lie in, once copied."""

    place: Path
    kind: Kind
    ledgers: dict[str, ToldLedger] = field(default_factory=dict)

    def names(self) -> list[str]:
        """What is in, by name."""
        return sorted(filter(_in(self.place, self.kind), _files(self.place)))


def back_up(place: Path, file: Path, *, at: datetime) -> Made:
    """Write a backup of `place`, which may be in use, into a new file.

    Raises Refusal `backup/nothing-to-keep`, `backup/elsewhere`, `backup/exists`, `ledger/...`, Fault `backup/moving` (retry), `backup/not-written`.
    """
    kind = _kind(place)
    for tries_left in reversed(range(_TRIES)):
        try:
            made = _back_up(_Snapshot(place, kind), file, at=at)
            break
        except (FileNotFoundError, Refusal, _Moving) as moved:
            if isinstance(moved, Refusal) and moved.code != "archive/file-changed":
                raise
            if not tries_left:
                raise Fault("backup/moving", where=place.name) from None
    return Made(kind, len(made.files), made.octets, made.sha256, tuple(_left_out(place, kind)))


def restore(file: Path, place: Path, *, dry: bool = False) -> Restored:
    """Check all of a backup, then bring it back into `place`, new or empty, whole or not at all. `dry`: check only.

    Ended parcels are not brought back, whatever the file holds. Raises Refusal `backup/...`, `ledger/...`, Fault `backup/not-written`.
    """
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise Refusal("backup/place-taken", where=place.name)
    backup = check_backup(file)
    kind = _restorable(file, backup)
    erased: list[str] = []
    if not dry:
        beside = place.parent / f".{place.name}.restoring"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700, parents=True)
        try:
            unpack_backup(file, backup, to=beside)
            erased = list(_settled(file, backup, beside))
            beside.rename(place)
            to_disk(place.parent)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return Restored(
        kind=kind,
        files=len(backup.files),
        octets=backup.octets,
        sha256=backup.sha256,
        made=str(backup.told["at"]),
        erased=tuple(erased),
        lacking=tuple(_lacking(kind, backup)),
    )


class _Moving(Exception):
    """The place changed while it was copied: it is copied again."""


def _kind(place: Path) -> Kind:
    kind = next((kind for kind, mark in _MARKS.items() if (place / mark).is_file()), None)
    if kind is None:
        raise Refusal("backup/nothing-to-keep", where=place.name)
    if kind == "exchange" and (elsewhere := sorted({"postgresql", "objects"} & set(_settings(place, kind)))):
        raise Refusal("backup/elsewhere", where=", ".join(elsewhere))
    return kind


def _settings(place: Path, kind: Kind) -> dict[str, Any]:
    """The place's one file, read for where things are and no more: it is checked by whoever serves it."""
    try:
        return tomllib.loads((place / _MARKS[kind]).read_text("utf-8"))
    except ValueError:
        raise Refusal("settings/malformed", where=_MARKS[kind], got="not TOML") from None


def _mappings(place: Path) -> set[str]:
    """The files that a workspace names beside its own: a TOML file that nothing names may be anything, a password's too."""
    told = _settings(place, "workspace")
    return {str(told[side]["mapping"]) for side in ("source", "target") if "mapping" in told.get(side, {})}


def _back_up(snapshot: _Snapshot, file: Path, *, at: datetime) -> Backup:
    with _scratch(file) as scratch:
        databases = _copied(snapshot, scratch)
        told = {
            "kind": snapshot.kind,
            "tool": f"ecluse {__version__}",
            "at": at.isoformat(),
            "ledgers": {
                name: {"size": it.size, "root": it.root} for name, it in sorted(snapshot.ledgers.items())
            },
        }
        return write_backup(file, _entries(snapshot, databases), told=told)


@contextmanager
def _scratch(file: Path) -> Iterator[Path]:
    """A private folder beside the file for copies of databases; what a killed backup left in it goes first."""
    scratch = file.with_name(f".{file.name}.copies")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _copied(snapshot: _Snapshot, scratch: Path) -> dict[str, Path]:
    """A consistent copy of every database, ledgers read as they are copied."""
    databases = {}
    for number, name in enumerate(it for it in snapshot.names() if it.endswith(".sqlite")):
        databases[name] = scratch / f"{number}.sqlite"
        copy_database(snapshot.place / name, databases[name])
        if name.endswith("ledger.sqlite"):
            snapshot.ledgers[name.removesuffix("ledger.sqlite")] = read_ledger(databases[name])
    return databases


def _entries(snapshot: _Snapshot, databases: dict[str, Path]) -> Iterator[Entry]:
    for name, copy in databases.items():
        yield _entry(name, copy)
    names = [name for name in snapshot.names() if not name.endswith(".sqlite")]
    for chamber, ledger in snapshot.ledgers.items():
        _check_whole(snapshot.place / chamber / "custody", ledger)
    for name in names:
        if not _ended(name, snapshot.ledgers):
            yield _entry(name, snapshot.place / name)


def _entry(name: str, file: Path) -> Entry:
    return Entry(name, file.stat().st_size, partial(_octets, file))


def _octets(file: Path) -> Iterable[bytes]:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
        yield from iter(partial(opened.read, _PIECE), b"")


def _check_whole(custody: Path, ledger: ToldLedger) -> None:
    """Every parcel that the copied ledger says is in custody is there, part by part: else it was erased since, and a newer ledger says so."""
    for name, migration in ledger.migrations.items():
        if migration.state in GIVES:
            parts = json.loads(payload_of((custody / name / MANIFEST).read_bytes()))["parts"]
            if any(not (custody / name / part_name(part["number"])).is_file() for part in parts):
                raise _Moving


def _ended(name: str, ledgers: dict[str, ToldLedger]) -> bool:
    """Whether a file is of a parcel that the ledger beside it does not let be kept."""
    for chamber, ledger in ledgers.items():
        if name.startswith(f"{chamber}custody/"):
            migration = ledger.migrations.get(name.removeprefix(f"{chamber}custody/").partition("/")[0])
            return migration is None or migration.state in ENDED
    return False


def _files(place: Path) -> Iterator[str]:
    """Plain files below a place, by their names from there; links are not followed."""
    for folder, _, names in os.walk(place):
        for name in names:
            file = Path(folder) / name
            if not file.is_symlink():
                yield file.relative_to(place).as_posix()


def _in(place: Path, kind: Kind) -> Callable[[str], bool]:
    """Whether a name is in a backup of this place."""
    named = {_MARKS["workspace"], *_mappings(place)} if kind == "workspace" else set()
    return lambda name: bool(_IN[kind].fullmatch(name)) and (not named or "/" in name or name in named)


def _left_out(place: Path, kind: Kind) -> Iterator[str]:
    """What is not in: a folder of which nothing is in by its name alone."""
    every, kept = sorted(_files(place)), _in(place, kind)
    within = {parent for name in every if kept(name) for parent in Path(name).parents}
    said = set()
    for name in every:
        if kept(name) or name.endswith(("-wal", "-shm")):
            continue
        outer = [it for it in reversed(Path(name).parents) if it not in within]
        said.add(f"{outer[0].as_posix()}/" if outer else name)
    yield from sorted(said)


def _restorable(file: Path, backup: Backup) -> Kind:
    """What it is a backup of. Raises Refusal `backup/damaged` for a name that no backup of ours holds: none brings a key, or a file of its own."""
    for kind, names in _IN.items():
        if backup.told.get("kind") == kind and isinstance(backup.told.get("at"), str):
            for name in backup.files:
                if not names.fullmatch(name):
                    raise Refusal("backup/damaged", where=file.name, what=name)
            return kind
    raise Refusal("backup/damaged", where=file.name, what="kind")


def _settled(file: Path, backup: Backup, place: Path) -> Iterator[str]:
    """Each ledger is the one that was copied; what it lets nobody read any more goes before anything is served."""
    for ledger in sorted(place.rglob("ledger.sqlite")):
        told, chamber = read_ledger(ledger), ledger.parent
        name = chamber.relative_to(place).as_posix() + "/"
        if backup.told.get("ledgers", {}).get(name) != {"size": told.size, "root": told.root}:
            raise Refusal("backup/damaged", where=file.name, what=f"{name}ledger.sqlite")
        for parcel in sorted((chamber / "custody").glob("*")):
            if _ended(f"{name}custody/{parcel.name}/", {name: told}):
                shutil.rmtree(parcel)
                yield parcel.name
    for root in place.rglob("root.pub"):
        for folder in ("people", "peers"):
            (root.parent / folder).mkdir(mode=0o700, exist_ok=True)


def _lacking(kind: Kind, backup: Backup) -> Iterator[str]:
    yield from _KEYS[kind]
    endings: dict[str, Callable[[str], str]] = {
        "ledger.sqlite": lambda folder: f"{folder}log.key",
        "root.pub": lambda folder: f"{folder}root.age",
    }
    for name in sorted(backup.files):
        for ending, key in endings.items():
            if name.rpartition("/")[2] == ending:
                yield key(name.removesuffix(ending))
