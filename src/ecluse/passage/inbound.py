"""The target laboratory's half of a passage: hand over, load through gate 2, read back, reconcile; `acceptance` follows.

Each verb does one thing and appends one ledger entry; killed in the middle, it is simply called again. No step calls back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acceptance import earlier_runs
from ecluse.passage.acts import RECONCILIATION_SIGNED
from ecluse.passage.ahead import ahead, behind
from ecluse.passage.authority import Authority, authority, authority_then
from ecluse.passage.canonical import canonical
from ecluse.passage.custody import carry
from ecluse.passage.extract import Progress, Snapshot, quiet
from ecluse.passage.handover import Part, check_parcel, open_part
from ecluse.passage.load import Loader, Target, placed, publish
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.parcel import MANIFEST, Manifest, PartLine, fingerprint, part_name, read_manifest
from ecluse.passage.reconcile import Reconciliation, Side, reconcile
from ecluse.passage.rejects import REASON, RejectVault
from ecluse.passage.replay import Replayed, replay, settle
from ecluse.passage.rows import read_body
from ecluse.passage.site import Site, rejects_key
from ecluse.passage.standing import taken_at
from ecluse.passage.statement import KindStatement, Statement
from ecluse.passage.tally import Checksum, Salts, Tally
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.keys import VerifyKey
from ecluse.proof.seal import seal
from ecluse.proof.sign import sign_document, verify_document
from ecluse.proof.unseal import Identity, unseal
from ecluse.terms.mapping import Mapping as SystemMapping
from ecluse.terms.plan import Plan, Slice, read_back
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "Received",
    "compare_target",
    "hand_over",
    "load",
    "measure",
    "receive",
    "reconcile_target",
    "replay_rejects",
    "roll_back",
]

_BEFORE = "before.age"
_ENDED = (MigrationState.REVOKED, MigrationState.EXPIRED)
"""Ended by no rollback: what such a run brought may still stand in the target."""


@dataclass(frozen=True, slots=True)
class Received:
    """A parcel at its recipient, verified whole: what authorises it, its manifest, its sender, the key that opens it, its statement."""

    name: str
    authority: Authority
    manifest: Manifest
    sender: VerifyKey
    identity: Identity
    statement: Statement

    def part(self, site: Site, line: PartLine) -> Part:
        """One part, opened and verified."""
        return open_part(site.spool, self.manifest, line, sender=self.sender, identities=[self.identity])

    def plan(self, mapping: SystemMapping) -> Plan:
        """The plan that reads the same fields back from the target."""
        records = {kind: it.fields for kind, it in self.statement.kinds.items()}
        instruction = self.authority.instruction.digest
        return read_back(records=records, instruction=instruction, mapping=mapping, vocabulary=vocabulary())


def hand_over(site: Site, name: str, *, by: str, source: str) -> Manifest:
    """Take the parcel out of custody and verify it whole (steps 1 to 4 of `handover`). Raises Refusal `parcel/...`, `sign/...`."""
    check_may(site.known(by).person, Permission.LOAD)
    _in_state(site, name, Act.HAND_OVER, MigrationState.DEPOSITED)
    sender = site.agents[source]
    with site.custody.open(name, MANIFEST) as file:
        listed = read_manifest(file.read(), sender=sender)
    site.spool.erase(name)
    names = [*(part_name(part.number) for part in listed.parts), MANIFEST]
    carry(name, names=names, origin=site.custody, to=site.spool)
    at = site.clock()
    manifest = _checked(site, name, sender, _behind(site, name, at=at, ended=False), at=at)
    site.record(Act.HAND_OVER.value, by=by, subject=name, body={"manifest": manifest.digest})
    return manifest


def receive(site: Site, name: str, *, source: str, to_take_out: bool = False) -> Received:
    """The parcel taken, verified again, and its statement opened. Raises Refusal `parcel/...`, `key/absent`.

    `to_take_out`: of a run that is revoked or expired only what it brought is wanted: it is judged as of the day on which it was taken.
    """
    sender = site.agents[source]
    ended = to_take_out and site.migration(name).state in _ENDED
    at = taken_at(site, name) if ended else site.clock()
    behind = _behind(site, name, at=at, ended=ended)
    manifest = _checked(site, name, sender, behind, at=at)
    mine = [
        certificate.purpose for certificate in behind.certificates if certificate.purpose in site.keys.names()
    ]
    if not mine:
        raise Refusal("key/not-held", where=behind.certificates[0].purpose)
    identity = site.keys.identity(mine[0])
    last = open_part(site.spool, manifest, manifest.parts[-1], sender=sender, identities=[identity])
    if last.header.role != "statement":
        raise Refusal("parcel/statement-malformed")
    return Received(name, behind, manifest, sender, identity, Statement.decode(last.body))


def load(
    site: Site,
    received: Received,
    *,
    by: str,
    target: Target,
    before: Mapping[str, Tally] | None,
    mapping: SystemMapping,
    code_map: str = "",
    progress: Progress = quiet,
) -> int:
    """Open gate 2, write every part, close gate 2; the records written now. Called again, it goes on where it was.

    What was authorised when the parcel was taken must be so when the gate opens: reading what the target held before may have taken hours.

    `before`: what the target held when the gate first opened, kept sealed; None when it is known already. `code_map`: the digest of the code map
    whose codings the target writes, "" for none.
    """
    check_may(site.known(by).person, Permission.LOAD)
    name = received.name
    _in_state(site, name, Act.OPEN_TARGET, MigrationState.HANDED_OVER)
    if _was_loaded(
        site, name
    ):  # a replay was killed: it must end itself, what it wrote has no place among a load's batches
        raise Refusal("migration/not-now", where=name, act=Act.LOAD.value, got="replay")
    _still_authorised(site, received)
    if before is not None:
        _keep_before(site, received, before)
    with _gate(site, name, by=by):
        lost = _lost(site, received)
        loader = _loader(site, received, target, mapping, lost=lost)
        totals = {kind: it.moved for kind, it in received.statement.kinds.items()}
        written = 0
        done: Counter[str] = Counter()
        parts = (received.part(site, line) for line in received.manifest.parts[:-1])
        for header, now in loader.put_all(ahead((placed(part), part.header) for part in parts)):
            written += now
            done[header.kind] += header.rows
            progress(header.kind, done[header.kind], totals[header.kind])
        publish(target)
    site.record(
        Act.LOAD.value,
        by=by,
        subject=name,
        body={"written": written, "rejected": {k: len(v) for k, v in lost.items()}, **_coded(code_map)},
    )
    return written


def roll_back(
    site: Site, received: Received, *, by: str, target: Target, mapping: SystemMapping, to: int
) -> int:
    """Take out of the target every batch of parts after number `to`, newest first; how many records.

    The parcel itself says which rows they are, so nothing else in the target is touched. A rehearsal of which nothing is left has ended:
    only its erasure follows, and it stands in no other run's way. A run that was revoked or expired can be taken out until it is erased. Raises Refusal `migration/not-now`, `load/rollback-...`.
    """
    check_may(site.known(by).person, Permission.LOAD)
    name = received.name
    _in_state(site, name, Act.ROLL_BACK, MigrationState.HANDED_OVER, MigrationState.LOADED, *_ENDED)
    ended = site.migration(name).state in _ENDED
    if received.statement.since:
        raise Refusal("load/rollback-delta", where=name)
    with _gate(site, name, by=by, act=Act.REOPEN_TARGET if ended else Act.OPEN_TARGET):
        settle(
            site.rejects, rejects_key(name)
        )  # a replay killed before would take the next load's rejects away
        loader = _loader(site, received, target, mapping, lost=_lost(site, received))
        removed = 0
        for line in reversed(received.manifest.parts[:-1]):
            if line.number > to:
                removed += loader.unload(received.part(site, line))
        publish(target)
        if to == 0:
            site.rejects.erase(rejects_key(name))
        site.record(Act.ROLL_BACK.value, by=by, subject=name, body={"to": to, "removed": removed})
    if to == 0 and not ended and site.bodies(Act.DRAFT.value, subject=name)[0]["rehearse"]:
        site.record(Act.WITHDRAW.value, by=by, subject=name, body={"removed": removed})
    return removed


def replay_rejects(
    site: Site, received: Received, *, by: str, target: Target, mapping: SystemMapping, code_map: str = ""
) -> Replayed:
    """Open gate 2 again and try the rejected rows once more, their cause being mended; then reconcile again."""
    check_may(site.known(by).person, Permission.LOAD)
    name = received.name
    _in_state(site, name, Act.OPEN_TARGET, MigrationState.HANDED_OVER, MigrationState.LOADED)
    if not _was_loaded(site, name):
        raise Refusal(
            "migration/not-now", where=name, act=Act.OPEN_TARGET.value, got=MigrationState.HANDED_OVER.value
        )
    _still_authorised(site, received)
    with _gate(site, name, by=by):
        loader = _loader(site, received, target, mapping, lost={})
        identity = site.keys.identity(rejects_key(name))
        result = replay(
            loader, site.rejects, rejects_key(name), to=identity.recipient(), identities=[identity]
        )
        publish(target)
    site.record(
        Act.LOAD.value,
        by=by,
        subject=name,
        body={"written": result.written, "left": result.left, **_coded(code_map)},
    )
    return result


def measure(snapshot: Snapshot, plan: Plan, *, checksum: Checksum, salts: Salts) -> dict[str, Side]:
    """Every row of the plan's kinds read from an open snapshot, converted and summed."""
    sides: dict[str, Side] = {}
    for piece in plan.slices:
        side = sides[piece.kind] = Side()

        def take(raw: pa.RecordBatch, piece: Slice = piece, side: Side = side) -> None:
            moved = canonical(raw, piece, vocabulary=vocabulary(), lost={}).moved
            side.sums.add(checksum.sums(moved, salts=salts))
            side.analytes.add(moved)

        for _ in behind(take, snapshot.rows(plan, piece)):
            pass
    return sides


def reconcile_target(
    site: Site, received: Received, *, by: str, held: Mapping[str, Side], checksum: Checksum
) -> Reconciliation:
    """Hold what was read back against the source's statement; the result is signed by this site's agent and noted, good or bad."""
    check_may(site.known(by).person, Permission.RECONCILE)
    _in_state(site, received.name, Act.RECONCILE, MigrationState.LOADED)
    result = compare_target(site, received, held=held, checksum=checksum)
    payload = result.encode()
    envelope = sign_document(payload, type="reconciliation", keys=[site.agent])
    verified = verify_document(envelope, type="reconciliation", keys={site.agent.key_id: site.agent.public})
    site.documents.put(envelope, digest=verified.digest)
    body: dict[str, Any] = {
        "document": verified.digest,
        "unexplained": result.unexplained,
        "failed": list(result.failed),
    }
    site.record(RECONCILIATION_SIGNED, by=by, subject=received.name, body=body)
    return result


def compare_target(
    site: Site, received: Received, *, held: Mapping[str, Side], checksum: Checksum
) -> Reconciliation:
    """Hold what was read back against the source's statement; nothing is signed and nothing noted."""
    rejected: dict[str, Tally] = {}
    reasons: dict[str, Counter[str]] = {}
    for kind, rows in _still_rejected(site, received):
        rejected.setdefault(kind, Tally()).add(checksum.sums(rows, salts=received.statement.salts))
        reasons.setdefault(kind, Counter()).update(rows.column(REASON).to_pylist())
    return reconcile(
        received.statement,
        target=held,
        before=_read_before(site, received),
        rejected=rejected,
        reasons=reasons,
        method=checksum.method,
    )


def _coded(code_map: str) -> dict[str, str]:
    """What a loading's entry says of its codings: nothing where there were none."""
    return {"code_map": code_map} if code_map else {}


def _was_loaded(site: Site, name: str) -> bool:
    """Whether the whole parcel was loaded, and not rolled back since."""
    acts = [event.act for event in site.journal.events() if event.subject == name]
    moves = [act for act in acts if act in (Act.LOAD.value, Act.ROLL_BACK.value)]
    return bool(moves) and moves[-1] == Act.LOAD.value


def _still_authorised(site: Site, received: Received) -> None:
    """The documents behind the parcel hold at this very moment. Raises Refusal `instruction/expired`, `-superseded`, `-revoked` and the like."""
    instruction = received.authority.instruction.digest
    authority(site, instruction=instruction, at=site.clock(), another_run=False)


@contextmanager
def _gate(site: Site, name: str, *, by: str, act: Act = Act.OPEN_TARGET) -> Iterator[None]:
    """Gate 2, open within. Left by a refusal or a fault, it is closed all the same: only a killed run leaves it open, until it is run again."""
    site.record(act.value, by=by, subject=name, body={})
    try:
        yield
    except (Refusal, Fault):
        site.record(Act.CLOSE_TARGET.value, by=by, subject=name, body={"refused": True})
        raise
    site.record(Act.CLOSE_TARGET.value, by=by, subject=name, body={})


def _loader(
    site: Site, received: Received, target: Target, mapping: SystemMapping, *, lost: dict[str, set[str]]
) -> Loader:
    """What writes into the target by the mapping that was signed, and no other. Raises Refusal `plan/mapping-differs`."""
    signed = received.authority.instruction.target.mapping
    if mapping.digest != signed:
        raise Refusal("plan/mapping-differs", where=mapping.system, expected=signed, got=mapping.digest)
    return Loader(
        target,
        migration=received.name,
        mapping=mapping,
        vocabulary=vocabulary(),
        rejects=_rejects(site, received.name),
        lost=lost,
        replace=bool(received.statement.since),
    )


def _in_state(site: Site, name: str, act: Act, *states: MigrationState) -> None:
    state = site.migration(name).state
    if state not in states:
        raise Refusal("migration/not-now", where=name, act=act.value, got=state.value)


def _behind(site: Site, name: str, *, at: datetime, ended: bool) -> Authority:
    """What authorises the parcel; of a run that ended, what authorised it. Raises Refusal `migration/unknown`, and as `authority`."""
    instruction = str(_extracted(site, name)["instruction"])
    if ended:
        return authority_then(site, instruction=instruction, at=at)
    return authority(site, instruction=instruction, at=at, another_run=False)


def _extracted(site: Site, name: str) -> Mapping[str, Any]:
    extracted = site.bodies(Act.EXTRACT.value, subject=name)
    if not extracted:
        raise Refusal("migration/unknown", where=name)
    return extracted[-1]


def _checked(site: Site, name: str, sender: VerifyKey, behind: Authority, *, at: datetime) -> Manifest:
    """The parcel in this site's hands is the one the ledger says was extracted."""
    said = _extracted(site, name)
    earlier = [body for body in site.bodies(Act.EXTRACT.value) if body["instruction"] == said["instruction"]]
    before = [str(body["manifest"]) for body in earlier if body["sequence"] < said["sequence"]]
    manifest = check_parcel(
        site.spool,
        name,
        sender=sender,
        instruction=str(said["instruction"]),
        recipient=fingerprint(behind.recipients),
        sequence=int(said["sequence"]),
        previous=before[-1] if before else "",
        at=at,
    )
    if manifest.digest != said["manifest"]:
        raise Refusal("parcel/another", where=name, what="manifest")
    return manifest


def _rejects(site: Site, name: str) -> RejectVault:
    key = rejects_key(name)
    recipient = site.keys.create(key) if key not in site.keys.names() else site.keys.identity(key).recipient()
    return RejectVault(site.rejects, key, to=recipient)


def _lost(site: Site, received: Received) -> dict[str, set[str]]:
    """The ids of the rejected rows, by kind."""
    lost: dict[str, set[str]] = {}
    for kind, rows in _still_rejected(site, received):
        lost.setdefault(kind, set()).update(rows.column("id").to_pylist())
    return lost


def _rejected_rows(site: Site, name: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    for rejected in _rejects(site, name).read([site.keys.identity(rejects_key(name))]):
        yield rejected.kind, rejected.rows


def _still_rejected(site: Site, received: Received) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows in the reject vaults of this run and, for a cut-over run, of those it completes, less what it carried anew."""
    yield from _rejected_rows(site, received.name)
    earlier = earlier_runs(site, received.name) if received.statement.since else []
    left = [
        line for run in earlier if rejects_key(run) in site.keys.names() for line in _rejected_rows(site, run)
    ]
    anew = _carried_anew(site, received, {kind for kind, _ in left}) if left else {}
    for kind, rows in left:
        again = pc.is_in(rows.column("id"), value_set=pa.array(sorted(anew.get(kind, ())), pa.string()))
        yield kind, rows.filter(pc.invert(again))


def _carried_anew(site: Site, received: Received, kinds: set[str]) -> dict[str, set[str]]:
    """The ids that this parcel holds of these kinds."""
    anew: dict[str, set[str]] = {}
    for line in received.manifest.parts[:-1]:
        part = received.part(site, line)
        if part.header.kind in kinds:
            for batch in read_body(part.body, rows=part.header.rows, where=received.name):
                anew.setdefault(part.header.kind, set()).update(batch.column("id").to_pylist())
    return anew


def _before_folder(site: Site, name: str) -> str:
    """What stood in the target before the first run: a cut-over run finds it where that one left it."""
    return f"{(*earlier_runs(site, name), name)[0]}-before"


def _keep_before(site: Site, received: Received, before: Mapping[str, Tally]) -> None:
    """Keep the sums of what stood in the target before, sealed to the migration's own key: they die with it."""
    folder = _before_folder(site, received.name)
    if site.rejects.names(folder):
        return
    octets = Statement(
        at="", method="", salts=Salts(0, 0), since="",
        kinds={kind: KindStatement(fields=(), sums=tally) for kind, tally in before.items()},
    ).encode()  # fmt: skip
    sealed = BytesIO()
    seal((octets,), to=(received.identity.recipient(),), out=sealed)
    site.rejects.put(folder, _BEFORE, (sealed.getvalue(),))


def _read_before(site: Site, received: Received) -> dict[str, Tally]:
    folder = _before_folder(site, received.name)
    if not site.rejects.names(folder):
        return {}
    with site.rejects.open(folder, _BEFORE) as file:
        octets = b"".join(unseal(file, identities=[received.identity]))
    return {kind: it.sums for kind, it in Statement.decode(octets).kinds.items()}
