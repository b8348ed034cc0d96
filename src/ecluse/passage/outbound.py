"""The source laboratory's half of a passage: draft, instruct, extract through gate 1, deposit.

Each verb does one thing and appends one ledger entry; killed in the middle, it is simply called again. No step calls back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from collections.abc import Mapping as Lookup
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.account import Account
from ecluse.passage.acts import DUMP_STATED
from ecluse.passage.authority import Authority, authority
from ecluse.passage.containers import SHUT, DocumentOpener
from ecluse.passage.custody import carry
from ecluse.passage.extract import Progress, Source, extract, quiet
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.parcel import MANIFEST, Sealer, part_name, read_manifest
from ecluse.passage.rejects import RejectVault
from ecluse.passage.site import Site, rejects_key
from ecluse.passage.statement import Statement
from ecluse.passage.tally import Checksum, Salts
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.canonical import canonical_json
from ecluse.proof.sign import digest, sign_document
from ecluse.terms.catalogue import Privilege
from ecluse.terms.mapping import Mapping
from ecluse.terms.plan import Plan, compile_plan
from ecluse.terms.privilege import excess
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "Passage",
    "begin",
    "deposit",
    "extract_parcel",
    "prepare",
    "state_dump",
    "state_files",
]


@dataclass(frozen=True, slots=True)
class Passage:
    """One migration on its way out: its name, what authorises it, its plan. `sequence`: 1 for the first under its instruction."""

    name: str
    authority: Authority
    plan: Plan
    sequence: int
    previous: str


def begin(site: Site, *, by: str, instruction: str, rehearse: int = 0, delta: bool = False) -> str:
    """Draft and instruct a migration under a signed instruction; its name. One run of the instruction is used.

    Raises the Refusal of the closed lamp, `people/may-not`. While another run has a gate open, this one's stay shut.
    """
    check_may(site.known(by).person, Permission.EXTRACT)
    at = site.clock()
    authority(site, instruction=instruction, at=at, another_run=True)
    name = f"m-{at:%Y%m%d}-{secrets.token_hex(3)}"
    kind = "rehearsal" if rehearse else "delta" if delta else "whole"
    site.record(
        Act.DRAFT.value,
        by=by,
        subject=name,
        body={"instruction": instruction, "run": kind, "rehearse": rehearse},
    )
    site.record(Act.INSTRUCT.value, by=by, subject=name, body={"instruction": instruction, "run": kind})
    return name


def prepare(site: Site, name: str, *, mapping: Mapping) -> Passage:
    """The passage as its documents and the ledger tell. Raises Refusal `migration/unknown` and those of authority and plan."""
    drafted = site.bodies(Act.DRAFT.value, subject=name)
    if not drafted:
        raise Refusal("migration/unknown", where=name)
    instruction = str(drafted[0]["instruction"])
    behind = authority(site, instruction=instruction, at=site.clock(), another_run=False)
    plan = compile_plan(
        instruction=behind.instruction,
        mapping=mapping,
        classification=behind.classification,
        vocabulary=vocabulary(),
        rehearse=int(drafted[0]["rehearse"]),
    )
    manifests = [
        body["manifest"] for body in site.bodies(Act.EXTRACT.value) if body["instruction"] == instruction
    ]
    return Passage(name, behind, plan, len(manifests) + 1, str(manifests[-1]) if manifests else "")


def extract_parcel(  # the whole of gate 1
    site: Site,
    passage: Passage,
    *,
    by: str,
    connect: Callable[[], Source],
    needed: Callable[[Plan, Source], frozenset[Privilege]],
    checksum: Checksum,
    progress: Progress = quiet,
    opener: DocumentOpener = SHUT,
) -> Statement:
    """Open gate 1, read what the plan names in one snapshot, seal it in the spool, close gate 1.

    A parcel half made by a killed run is erased first: it was never closed, so nothing of it can be read. Raises every Refusal of
    `extract.extract`, `source/account-exceeds` when the account may do more than the plan needs and the instruction does not accept it.
    """
    check_may(site.known(by).person, Permission.EXTRACT)
    name = passage.name
    if site.migration(name).state is not MigrationState.INSTRUCTED:
        raise Refusal(
            "migration/not-now", where=name, act=Act.OPEN_SOURCE.value, got=site.migration(name).state.value
        )
    source = connect()
    check_account(passage, source, needed)
    site.spool.erase(name)
    site.rejects.erase(rejects_key(name))
    if site.migration(name).gate is None:
        site.record(Act.OPEN_SOURCE.value, by=by, subject=name, body={})
    try:
        statement = _extract(site, passage, source, checksum, progress, opener=opener)
    except (
        Refusal,
        Fault,
    ):  # the snapshot is closed: an open gate would only stand in the way of what mends the cause
        site.record(Act.CLOSE_SOURCE.value, by=by, subject=name, body={"refused": True})
        site.spool.erase(name)  # what was sealed before the refusal is no parcel
        raise
    site.record(Act.CLOSE_SOURCE.value, by=by, subject=name, body={})
    with site.spool.open(name, MANIFEST) as file:
        envelope = file.read()
    manifest = read_manifest(envelope, sender=site.agent.public)
    site.documents.put(envelope, digest=manifest.digest)  # the parcel dies; what it was stays as evidence
    site.record(
        Act.EXTRACT.value,
        by=by,
        subject=name,
        body={
            "instruction": passage.authority.instruction.digest,
            "manifest": manifest.digest,
            "sequence": manifest.sequence,
            "parts": len(manifest.parts),
            "moved": {kind: it.moved for kind, it in statement.kinds.items()},
            "excluded": {kind: it.by_rule for kind, it in statement.kinds.items()},
            "rejected": {kind: it.rejected.total() for kind, it in statement.kinds.items()},
        },
    )
    return statement


def state_dump(site: Site, name: str, *, by: str, seen: Lookup[str, Any]) -> str:
    """Sign and note what a dump held and what of it was kept: tables, columns, counts, no value; the document's digest."""
    kept = sum(bool(table["kept"]) for table in seen.values())
    return _state(
        site, name, by=by, content={"tables": dict(seen)}, counts={"tables": len(seen), "kept": kept}
    )


def state_files(site: Site, name: str, *, by: str, account: Account) -> str:
    """Sign and note what became of every unit of the files: names of segments and kinds, and counts; the document's digest."""
    kept = sum(bool(columns) for columns in account.kept.values())
    counts = {"tables": len(account.kept), "kept": kept}
    return _state(site, name, by=by, content={"files": account.content()}, counts=counts)


def _state(site: Site, name: str, *, by: str, content: Lookup[str, Any], counts: Lookup[str, int]) -> str:
    payload = canonical_json({"migration": name, **content})
    document = digest(payload)
    site.documents.put(sign_document(payload, type="statement", keys=[site.agent]), digest=document)
    site.record(DUMP_STATED, by=by, subject=name, body={"document": document, **counts})
    return document


def check_account(
    passage: Passage, source: Source, needed: Callable[[Plan, Source], frozenset[Privilege]]
) -> None:
    """The account may do no more than the plan needs, or exactly what the signed instruction accepts by name."""
    beyond = [
        privilege
        for privilege in excess(source.privileges(), needed(passage.plan, source))
        if not passage.authority.instruction.accepts(str(privilege))
    ]
    if beyond:
        listed = "; ".join(str(privilege) for privilege in beyond[:10])
        raise Refusal("source/account-exceeds", got=listed, count=len(beyond))


def _extract(
    site: Site,
    passage: Passage,
    source: Source,
    checksum: Checksum,
    progress: Progress,
    *,
    opener: DocumentOpener,
) -> Statement:
    behind = passage.authority
    at = site.clock()
    key = rejects_key(passage.name)
    recipient = site.keys.create(key) if key not in site.keys.names() else site.keys.identity(key).recipient()
    sealer = Sealer(
        site.spool,
        migration=passage.name,
        instruction=behind.instruction.digest,
        agreement=behind.agreement.digest,
        recipients=behind.recipients,
        key=site.agent,
    )
    with source.snapshot() as snapshot:
        statement = extract(
            snapshot=snapshot,
            plan=passage.plan,
            sealer=sealer,
            rejects=RejectVault(site.rejects, key, to=recipient),
            checksum=checksum,
            salts=_salts(site, behind.instruction.digest),
            vocabulary=vocabulary(),
            at=at,
            since=_since(site, passage),
            progress=progress,
            opener=opener,
        )
    sealer.close(
        created=at, expires=expiry(passage, at), sequence=passage.sequence, previous=passage.previous
    )
    return statement


def _salts(site: Site, instruction: str) -> Salts:
    """The checksum's salts, the same for every run under one instruction, known to this site alone until it seals them.

    A deterministic signature (RFC 8032) over a text that is never published serves as the secret.
    """
    secret = hashlib.sha256(site.agent.sign(b"ecluse/salts/v1\n" + instruction.encode())).digest()
    return Salts(int.from_bytes(secret[:8]), int.from_bytes(secret[8:16]))


def expiry(passage: Passage, at: datetime) -> datetime:
    """When the parcel dies: the instruction's time to live after it was made."""
    return at + timedelta(days=passage.authority.instruction.limits.time_to_live_days)


def _since(site: Site, passage: Passage) -> datetime | None:
    """For a delta: the instant the last run under this instruction that is in the target opened its snapshot, else None.

    A rehearsal holds but a sample, and a run never loaded holds nothing there: what changed since them would be lost.
    """
    drafted = site.bodies(Act.DRAFT.value, subject=passage.name)[0]
    if drafted["run"] != "delta":
        return None
    digest = passage.authority.instruction.digest
    events = site.journal.events()
    runs = {
        event.subject
        for event in events
        if event.act == Act.DRAFT.value
        and event.body.get("instruction") == digest
        and not event.body["rehearse"]
    }
    opened = {
        event.subject: event.time
        for event in events
        if event.act == Act.OPEN_SOURCE.value and event.subject in runs
    }
    loaded: dict[str, None] = {}
    for event in events:
        if event.act == Act.LOAD.value and event.subject in opened:
            loaded[event.subject] = None
        if event.act == Act.ROLL_BACK.value:
            loaded.pop(event.subject, None)
    if not loaded:
        raise Refusal("migration/no-run-before", where=passage.name)
    return datetime.fromisoformat(opened[list(loaded)[-1]])


def deposit(site: Site, name: str, *, by: str) -> int:
    """Carry the sealed parcel from the spool into custody; octets carried. Raises Refusal `migration/not-now`, `vault/...`."""
    check_may(site.known(by).person, Permission.DEPOSIT)
    if site.migration(name).state is not MigrationState.EXTRACTED:
        raise Refusal(
            "migration/not-now", where=name, act=Act.DEPOSIT.value, got=site.migration(name).state.value
        )
    with site.spool.open(name, MANIFEST) as file:
        manifest = read_manifest(file.read(), sender=site.agent.public)
    names = [*(part_name(part.number) for part in manifest.parts), MANIFEST]
    carried = carry(name, names=names, origin=site.spool, to=site.custody)
    site.record(Act.DEPOSIT.value, by=by, subject=name, body={"manifest": manifest.digest, "octets": carried})
    site.spool.erase(name)
    return carried
