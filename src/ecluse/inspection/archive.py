"""Verify an archive from its files alone: the evidence beside it, the signed manifest, each file's digest; and, where its key is given, all that is inside.

The numbered steps, each OK, KO or SKIPPED (« scellé » where no key is given). Decides whether the archive is what a biologist signed; it never unseals
by itself: what opens the seal is given by whoever holds the key.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from ecluse.base.refusal import Refusal
from ecluse.inspection.dossier import Dossier
from ecluse.inspection.evidence import verify_bundle
from ecluse.inspection.warrant import check_people
from ecluse.passage.migration import Act
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.archive import (
    BOUND,
    EVIDENCE,
    FOLDER,
    LIST,
    MANIFEST,
    SEALED,
    ArchiveManifest,
    check_layout,
)
from ecluse.proof.bundle import open_bundle
from ecluse.proof.evidence import KO, Said, Skipped, Step, run_steps
from ecluse.proof.sign import verify_document
from ecluse.proof.tar import untarred
from ecluse.proof.trust import Trust

__all__ = ["STEPS", "Unsealing", "verify_archive"]

Unsealing = Callable[[BinaryIO], Iterator[bytes]]
"""What opens the seal: the octets under it, each authenticated before it is given."""

_LARGEST_MANIFEST: Final = 1 << 20


@dataclass(slots=True)
class _Found:
    """What the steps learn from each other."""

    place: Path
    trust: Trust | None
    unsealing: Unsealing | None
    stack: ExitStack
    dossier: Dossier | None = None
    manifest: ArchiveManifest | None = None
    whole: bool = False
    records: Counter[str] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    opened: bool = False


def verify_archive(
    place: Path, *, trust: Trust | None = None, unsealing: Unsealing | None = None
) -> list[Step]:
    """All steps. Never raises for a bad archive. Without `trust` it is only shown to agree with itself; without `unsealing`, the contents stay sealed."""
    with ExitStack() as stack:
        found = _Found(place, trust, unsealing, stack)
        return run_steps([(name, partial(verb, found)) for name, verb in STEPS], first=1)


def _layout(found: _Found) -> Said:
    """These files and no other."""
    check_layout(found.place)
    return Said("archive_whole", examined=len(BOUND) + 1)


def _evidence(found: _Found) -> Said:
    """The evidence holds by itself, in all its own steps."""
    bundle = found.stack.enter_context(open_bundle(found.place / EVIDENCE))
    steps = verify_bundle(bundle, trust=found.trust)
    broken = next((step for step in steps if step.outcome == KO), None)
    if broken is not None:
        raise Refusal("archive/evidence-broken", step=broken.name)
    dossier = Dossier.of(bundle, trust=found.trust)
    check_people(dossier)
    found.dossier = dossier
    return Said("archive_evidence", examined=len(steps))


def _manifest(found: _Found) -> Said:
    """The manifest is signed by a person whom the evidence certifies and who may accept."""
    if found.dossier is None:
        raise Skipped("archive_not_reached")
    try:
        with (found.place / MANIFEST).open("rb") as file:
            envelope = file.read(_LARGEST_MANIFEST + 1)
    except OSError:
        raise KeyError(MANIFEST) from None
    people = found.dossier.people
    keys = {name: cert.verify_key() for name, (_, cert) in people.items()}
    verified = verify_document(envelope, type="archive", keys=keys)
    manifest = ArchiveManifest.decode(verified.payload)
    if manifest.by not in verified.signers:
        raise Refusal("archive/another", what="by")
    person, cert = people[manifest.by]
    check_may(person, Permission.ACCEPT)
    if not cert.not_before <= _instant(manifest.at) < cert.not_after:
        raise Refusal("archive/another", what="at")
    found.manifest = manifest
    return Said("archive_signed", examined=1, migration=manifest.migration, by=manifest.by)


def _files(found: _Found) -> Said:
    """Each file outside has the size and digest that the manifest gives it."""
    manifest = _known(found)
    for name, said in manifest.files.items():
        try:
            with (found.place / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                octets = file.tell()
        except OSError:
            raise KeyError(name) from None
        if (octets, digest) != (said.octets, said.sha256):
            raise Refusal("archive/altered", where=name)
    found.whole = True
    return Said("archive_files", examined=len(manifest.files))


def _acceptance(found: _Found) -> Said:
    """The evidence tells of this passage, under this instruction, accepted with this reconciliation."""
    manifest, dossier = _known(found), found.dossier
    assert dossier is not None
    if dossier.instruction_of(manifest.migration) != manifest.instruction:
        raise Refusal("archive/another", what="instruction")
    accepted = [noted for noted in dossier.of_act(Act.RECONCILE.value) if noted.subject == manifest.migration]
    if not accepted or accepted[-1].text("document") != manifest.reconciliation:
        raise Refusal("archive/another", what="reconciliation")
    return Said("archive_accepted", examined=1, by=accepted[-1].by)


def _contents(found: _Found) -> Said:
    """Every file under the seal read and hashed again: the list is the signed one."""
    manifest = _known(found)
    if found.unsealing is None:
        raise Skipped("archive_sealed")
    if not found.whole:
        raise Skipped("archive_not_reached")
    sums, inside, documents, listed = hashlib.sha256(), 0, 0, ""
    with (found.place / SEALED).open("rb") as file:
        for name, octets in untarred(found.unsealing(file), folder=FOLDER):
            if listed:
                raise Refusal("archive/contents", what=LIST)
            digest = _hashed(name, octets, found)
            if name == LIST:
                listed = digest
                continue
            sums.update(f"{digest}  {name}\n".encode())
            inside += 1
            documents += name.startswith("documents/")
    for what, got, said in (
        (LIST, sums.hexdigest(), manifest.sums),
        (LIST, listed, manifest.sums),
        ("files", inside, manifest.inside),
        ("documents", documents, manifest.documents),
    ):
        if got != said:
            raise Refusal("archive/contents", what=what)
    found.opened = True
    return Said("archive_contents", examined=inside, documents=documents)


def _counts(found: _Found) -> Said:
    """Records counted again from the tables, and from the resources where they are NDJSON."""
    manifest = _known(found)
    if found.unsealing is None:
        raise Skipped("archive_sealed")
    if not found.opened:
        raise Skipped("archive_not_reached")
    for kind, rows in manifest.records.items():
        if found.records[kind] != rows or (found.resources and found.resources[kind] != rows):
            raise Refusal("archive/contents", what=kind)
    if set(found.records) - set(manifest.records):
        raise Refusal("archive/contents", what="tables")
    return Said("archive_counts", examined=found.records.total())


STEPS: Final[tuple[tuple[str, Callable[[_Found], Said]], ...]] = (
    ("archive layout", _layout),
    ("archive evidence", _evidence),
    ("archive manifest", _manifest),
    ("archive files", _files),
    ("archive acceptance", _acceptance),
    ("archive contents", _contents),
    ("archive counts", _counts),
)
"""The steps, in order. Each rests on those before it."""


def _known(found: _Found) -> ArchiveManifest:
    if found.manifest is None:
        raise Skipped("archive_not_reached")
    return found.manifest


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("archive/manifest-malformed", why="its instant") from None
    if at.tzinfo is None:
        raise Refusal("archive/manifest-malformed", why="its instant")
    return at


def _hashed(name: str, octets: Iterator[bytes], found: _Found) -> str:
    """The file's SHA-256; what it holds is counted as it passes."""
    digest = hashlib.sha256()

    def passing() -> Iterator[bytes]:
        for piece in octets:
            digest.update(piece)
            yield piece

    folder, _, file = name.partition("/")
    words = file.split(".")
    if folder == "tables":
        found.records[words[0]] += _table_rows(passing()) - 1
    elif folder == "records" and words[-1] == "ndjson" and words[0] != "Binary":
        found.resources[words[1]] += sum(piece.count(b"\n") for piece in passing())
    else:
        for _ in passing():
            pass
    return digest.hexdigest()


def _table_rows(pieces: Iterator[bytes]) -> int:
    """Lines of CSV, the head too; a line end between quotes is part of its cell, however long that is."""
    rows, quoted = 0, False
    for piece in pieces:
        for place, part in enumerate(piece.split(b'"')):
            quoted ^= place > 0
            rows += 0 if quoted else part.count(b"\n")
    return rows
