"""The inspector's bundle written: gathered from a ledger and its documents, into a folder or a ZIP file.

Decides what goes in: what the ledger names, whose keys, and nothing else, so no patient's datum and no private key. How a bundle is read and judged is
decided by `proof.bundle` and `inspection.evidence`, which need no adapter. Persons are pseudonymous unless their names are asked for.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.passage.journal import Documents
from ecluse.passage.migration import Act
from ecluse.people.person import Person
from ecluse.proof.bundle import check_names
from ecluse.proof.canonical import Json, canonical_json, strict_json
from ecluse.proof.evidence import Exported, export_ledger
from ecluse.proof.keys import VerifyKey
from ecluse.proof.note import NoteKey

__all__ = ["Certified", "Gathered", "gather", "write_bundle"]

_STILL: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a ZIP: one ledger, one file, octet for octet."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A person, the certificate of their key and those of their passkeys, each as its envelope."""

    person: Person
    envelope: bytes = field(repr=False)
    passkeys: Sequence[bytes] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Whose keys a bundle shows: root keys and agents' certificates by site, people, and the witnesses asked for."""

    roots: Mapping[str, VerifyKey] = field(hash=False)
    agents: Mapping[str, bytes] = field(hash=False, repr=False)
    people: Sequence[Certified]
    witnesses: Sequence[NoteKey]
    quorum: int


def gather(
    ledger: Exported,
    documents: Documents,
    whose: Gathered,
    *,
    language: str,
    names: bool = False,
    report: bytes | None = None,
) -> dict[str, bytes]:
    """The bundle's files by name. `names`: people's names too. A document that is gone is left out, and its absence is for the verifier to tell.

    Raises Refusal `bundle/too-large`, `ledger/body-altered`.
    """
    files = export_ledger(ledger, witnesses=whose.witnesses, quorum=whose.quorum)
    for told in ledger.history():
        body = told.body or {}
        for digest in (body.get("document"), body.get("certificate")):
            if isinstance(digest, str):
                _keep(files, documents, digest, f"documents/{digest.removeprefix('sha256:')}.dsse.json")
        if told.entry.act == Act.EXTRACT.value and isinstance(body.get("manifest"), str):
            _keep(files, documents, str(body["manifest"]), f"manifests/{told.entry.subject}.dsse.json")
    files |= {f"people/{one.person.id}.json": _person(one, names=names) for one in whose.people}
    files |= {f"agents/{site}.dsse.json": envelope for site, envelope in whose.agents.items()}
    files |= {f"roots/{site}.pub": root.encode().encode() for site, root in whose.roots.items()}
    files["README.md"] = (say("verify.readme", language).strip() + "\n").encode()
    if report is not None:
        files["report.html"] = report
    check_names({name: len(octets) for name, octets in files.items()})
    return files


def write_bundle(files: Mapping[str, bytes], place: Path) -> None:
    """Write the files into a new folder, or into a new ZIP file when its name ends in `.zip`. Raises Refusal `bundle/exists`."""
    if place.exists():
        raise Refusal("bundle/exists", where=str(place))
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, octets in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name, _STILL), octets, zipfile.ZIP_DEFLATED)
        return
    for name, octets in sorted(files.items()):
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)


def _keep(files: dict[str, bytes], documents: Documents, digest: str, name: str) -> None:
    try:
        files[name] = documents.get(digest)
    except Refusal as refusal:
        if refusal.code != "document/absent":
            raise


def _person(one: Certified, *, names: bool) -> bytes:
    content: dict[str, Json] = {
        "id": one.person.id,
        "role": one.person.role.value,
        "keycert": strict_json(one.envelope),
    }
    if one.passkeys:
        content["passkeys"] = [strict_json(envelope) for envelope in one.passkeys]
    return canonical_json(content | ({"name": one.person.name} if names else {}))
