"""The archive a laboratory keeps, wired: a workspace's accepted passage into files, read back once more, sealed to the laboratory's own key.

The records come by a passage like any other, so that nothing the signed instruction does not name is in it; what is read back here is held against
the source's statement again, and must be what was accepted. Decides where each part comes from, and that the ledger knows of an archive before it is there.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from ecluse import __version__
from ecluse.adapters.archive.about import counted, index, outside_readme
from ecluse.adapters.archive.tables import TableReading
from ecluse.adapters.archive.write import Outside, Written, write_archive
from ecluse.adapters.clock import SystemClock
from ecluse.adapters.connectors.files.address import format_named, parse_files
from ecluse.adapters.connectors.files.folder import FolderFile
from ecluse.adapters.connectors.files.target import published
from ecluse.base.refusal import Refusal
from ecluse.inspection.archive import verify_archive
from ecluse.passage.account import Accounting
from ecluse.passage.acts import ARCHIVE_MADE
from ecluse.passage.extract import Snapshot
from ecluse.passage.inbound import Received, compare_target
from ecluse.passage.migration import Act, MigrationState
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.archive import EVIDENCE, FOLDER, SEALED, ArchiveManifest
from ecluse.proof.classic import ClassicRecipient
from ecluse.proof.evidence import OK
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import Recipient
from ecluse.proof.sign import digest, sign_document, verify_document
from ecluse.proof.tar import Entry, entry, untarred
from ecluse.proof.unseal import Opener, unseal
from ecluse.terms.plan import Plan
from ecluse.wiring.course import Course
from ecluse.wiring.inspection import bundle_files
from ecluse.wiring.laboratory import checksum

__all__ = ["Making", "check_accepted", "make_archive", "opened_with", "unfold_archive"]

_PIECE: Final = 1 << 16
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Making:
    """What is asked for: whose archive, signed by whom, sealed to whom; `pages`: what doors say of the passage, by file name."""

    migration: str
    by: str
    key: SigningKey
    to: Sequence[Recipient | ClassicRecipient]
    pages: Mapping[str, bytes]


def make_archive(course: Course, place: Path, making: Making) -> ArchiveManifest:
    """Write the archive at `place`; its manifest, signed.

    Raises Refusal `migration/not-now` before acceptance or after erasure, `archive/target-not-files`, `archive/target-holds-more`,
    `archive/target-changed`, `archive/exists`, `archive/file-changed`, `people/may-not`, `people/another-key`.
    """
    site, name = course.target, making.migration
    check_may(site.known(making.by).person, Permission.ACCEPT)
    if making.key.public != site.known(making.by).key:
        raise Refusal("people/another-key", who=making.by)
    state = site.migration(name).state
    if state is not MigrationState.RECONCILED:
        raise Refusal("migration/not-now", where=name, act="archive make", got=state.value)
    files = _records(course.settings.target.url)
    received = course.received(name)
    reading, evidence = TableReading(), _evidence(course)
    reconciliation = str(site.bodies(Act.RECONCILE.value, subject=name)[-1]["document"])
    accepted = verify_document(
        site.documents.get(reconciliation), type="reconciliation", keys={making.by: site.agent.public}
    ).payload
    written_as = course.settings.target.url.partition("+")[0]

    def inside(folder: Path) -> Iterator[Entry]:
        yield from index(migration=name, format=written_as)
        yield from (entry(page, octets) for page, octets in making.pages.items())
        yield entry("reconciliation.json", accepted)
        yield entry(EVIDENCE, evidence)
        with course.read_back(received) as (snapshot, plan):
            yield from reading.entries(
                snapshot, plan, checksum=checksum(), salts=received.statement.salts, folder=folder
            )
            _check_all_read(snapshot, plan)
        yield from (_record(file) for file in files)
        check_accepted(course, received, reading, accepted)
        yield from counted(reading)

    made: list[ArchiveManifest] = []

    def sign(written: Written) -> bytes:
        manifest = ArchiveManifest(
            migration=name,
            instruction=received.authority.instruction.digest,
            reconciliation=reconciliation,
            at=site.clock().isoformat(),
            by=making.by,
            tool=f"ecluse {__version__}",
            format=written_as,
            sums=written.sums,
            inside=written.inside,
            documents=reading.forms.total(),
            records=reading.records,
            recipients=tuple(map(str, making.to)),
            files=written.files,
        )
        payload = manifest.encode()
        envelope = sign_document(payload, type="archive", keys=[making.key])
        site.documents.put(envelope, digest=digest(payload))
        site.record(ARCHIVE_MADE, by=making.by, subject=name, body={"document": digest(payload)})
        made.append(manifest)
        return envelope

    classic = isinstance(making.to[0], ClassicRecipient)
    outside = Outside(outside_readme(classic=classic), evidence)
    write_archive(place, inside=inside, to=making.to, outside=outside, sign=sign)
    return made[0]


def opened_with(identities: Sequence[Opener]) -> Callable[[BinaryIO], Iterator[bytes]]:
    """What opens an archive's seal for `inspection.archive`."""
    return lambda file: unseal(file, identities=identities)


def _records(url: str) -> tuple[FolderFile, ...]:
    """The files that a reader of the target sees. Raises Refusal `archive/target-not-files`, `files/not-published`."""
    if url.startswith("fhir+file:"):
        return _fhir(url)
    path = parse_files(url).path if format_named(url) else None
    if path is None:
        raise Refusal("archive/target-not-files", got=url.partition(":")[0])
    return tuple(file for file in published(path).files if isinstance(file, FolderFile))


def _fhir(url: str) -> tuple[FolderFile, ...]:
    """The pieces that the folder's manifest names, and the manifest; a file that somebody else put beside them is none of it."""
    from ecluse.adapters.connectors.fhir.address import parse_folder
    from ecluse.adapters.connectors.fhir.folder import MANIFEST, Folder
    from ecluse.adapters.connectors.files.folder import listed

    path = parse_folder(url).path
    pieces = Folder(path, clock=SystemClock()).contents().pieces
    named = {MANIFEST, *(name for piece in pieces for name in piece.names)}
    files = (file for file in listed(path).files if isinstance(file, FolderFile))
    return tuple(file for file in files if file.name in named)


def _record(file: FolderFile) -> Entry:
    def octets() -> Iterator[bytes]:
        with file.open() as opened:
            yield from iter(lambda: opened.read(_PIECE), b"")

    return Entry(f"records/{file.name}", file.stamp.octets, octets)


def _check_all_read(snapshot: Snapshot, plan: Plan) -> None:
    """Nothing in the files but records: what could not be read was put there by another."""
    if isinstance(snapshot, Accounting) and (unread := snapshot.account(plan).unread):
        raise Refusal("archive/target-holds-more", kind="unread", got=sum(unread.values()), expected=0)


def check_accepted(course: Course, received: Received, reading: TableReading, accepted: bytes) -> None:
    """What was read back is what was accepted, and nothing beside it."""
    again = compare_target(course.target, received, held=reading.sides, checksum=checksum())
    if again.unexplained or again.failed:
        raise Refusal(
            "archive/target-changed", unexplained=again.unexplained, checks=", ".join(again.failed) or "-"
        )
    loaded = {str(kind["kind"]): int(kind["loaded"]) for kind in json.loads(accepted)["kinds"]}
    for kind, rows in reading.records.items():
        if rows != loaded.get(kind, 0):
            raise Refusal("archive/target-holds-more", kind=kind, got=rows, expected=loaded.get(kind, 0))


def _evidence(course: Course) -> bytes:
    """The inspector's bundle as a ZIP: the ledger until now, every signed document, whose keys; persons by their ids."""
    files = bundle_files(course.settings, clock=course.target.clock)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), octets, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unfold_archive(
    place: Path, folder: Path, *, unsealing: Callable[[BinaryIO], Iterator[bytes]]
) -> tuple[int, int]:
    """Verify the archive whole, with its key, then write its files below a new folder; how many files and octets.

    Raises Refusal `archive/exists`, and the refusal of the first step that does not hold, before anything is written.
    """
    if folder.exists() or folder.is_symlink():
        raise Refusal("archive/exists", where=folder.name)
    for step in verify_archive(place, unsealing=unsealing):
        if isinstance(step.said, Refusal):
            raise step.said
        if step.outcome != OK:
            raise Refusal("archive/contents", what=step.name)
    beside = folder.parent / f".{folder.name}.part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    files = octets = 0
    try:
        with (place / SEALED).open("rb") as sealed:
            for name, pieces in untarred(unsealing(sealed), folder=FOLDER):
                octets += _put(beside / name, pieces)
                files += 1
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return files, octets


def _put(path: Path, pieces: Iterator[bytes]) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        return sum(map(file.write, pieces))
