"""The end of a passage: revoke, expire, erase, certify; and the comparison of living keys with the ledger's tombstones at every start.

Erasing is done by each site for its own places; the target's site, which holds the key, signs the certificate when all are gone.
"""

from __future__ import annotations

from datetime import datetime

from ecluse import __version__
from ecluse.base.refusal import Refusal
from ecluse.passage.acts import INSTRUCTION_REVOKED, KEY_DESTROYED, KEY_RESURRECTED
from ecluse.passage.authority import signed_instruction
from ecluse.passage.erase import Certificate, Place, erase
from ecluse.passage.migration import STOPPED, Act, MigrationState
from ecluse.passage.site import COMING, WHOLE, Site, rejects_key
from ecluse.passage.standing import stands
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.canonical import strict_json
from ecluse.proof.keycert import verify_keycert
from ecluse.proof.sign import Signer, digest, sign_document, verify_document
from ecluse.terms.instruction import Revocation, draft_revocation, parse_revocation

__all__ = ["KEY_DESTROYED", "bury", "erase_migration", "expire_due", "revocation_of", "revoke"]

ENDED = (MigrationState.RECONCILED, *STOPPED)


def revoke(
    site: Site, *, by: str, key: Signer, instruction: str, reason: str, at: datetime | None = None
) -> list[str]:
    """The laboratory takes its instruction back by a signed document; the migrations it stops. Only erasure follows.

    `at`: the instant written in the document, where a passkey signed it already (`revocation_of`); now, if it is not given.
    """
    check_may(site.known(by).person, Permission.REVOKE)
    site.known(by).check_theirs(key.public)
    payload = revocation_of(site, instruction=instruction, reason=reason, at=at or site.clock())
    envelope = sign_document(payload, type="revocation", keys=[key])
    site.documents.put(envelope, digest=digest(payload))
    ordered, _ = signed_instruction(site, instruction)
    site.record(
        INSTRUCTION_REVOKED,
        by=by,
        subject=ordered.id,
        body={"instruction": instruction, "document": digest(payload)},
    )
    stopped = _under(site, instruction)
    for name in stopped:
        site.record(Act.REVOKE.value, by=by, subject=name, body={"instruction": instruction})
    return stopped


def revocation_of(site: Site, *, instruction: str, reason: str, at: datetime) -> bytes:
    """The document that takes an instruction back, as it is signed. Raises Refusal `document/...` for a reason too short, `sign/...`."""
    signed_instruction(site, instruction)
    payload = draft_revocation(Revocation(instruction, reason, at), language="fr").encode()
    parse_revocation(payload)
    return payload


def expire_due(site: Site, *, by: str) -> list[str]:
    """Mark as expired every migration whose time to live is over, from its first reading on; which.

    One that never read anything ends with its instruction: left alive, it would keep the parcel's key alive.
    """
    events = site.journal.events()
    opened: dict[str, str] = {}
    for event in events:
        if event.act == Act.OPEN_SOURCE.value:
            opened.setdefault(event.subject, event.time)
    due = []
    for event in events:
        if event.act != Act.DRAFT.value:
            continue
        limits = signed_instruction(site, str(event.body["instruction"]))[0].limits
        read = opened.get(event.subject)
        end = limits.end(read=datetime.fromisoformat(read) if read else None)
        state = site.migration(event.subject).state
        if end <= site.clock() and state not in (*ENDED, MigrationState.ERASED):
            site.record(Act.EXPIRE.value, by=by, subject=event.subject, body={"due": end.isoformat()})
            due.append(event.subject)
    return due


def erase_migration(
    target: Site, source: Site, *, name: str, by: str, leave_rows: bool = False
) -> Certificate:
    """Destroy the migration's keys, parcels and rejects wherever they are, look again, and sign the certificate.

    The parcel's key is the instruction's: it goes when no other migration under the instruction still needs it. Raises Refusal
    `migration/not-now` before acceptance, revocation, expiry or withdrawal; `erase/rows-in-target` where the target may hold records that nobody
    accepted, unless the person leaves them there (`leave_rows`), which the certificate then says; `erase/survived`.
    """
    state = target.migration(name).state
    if state not in ENDED:
        raise Refusal("migration/not-now", where=name, act=Act.ERASE.value, got=state.value)
    standing = stands(target, name)
    if standing and not leave_rows:
        raise Refusal("erase/rows-in-target", where=name)
    _shut(target, name, by=by)
    started = target.clock()
    instruction = str(target.bodies(Act.DRAFT.value, subject=name)[0]["instruction"])
    ordered, _ = signed_instruction(target, instruction)
    places = _places(target, source, name)
    if not [other for other in _under(target, instruction) if other != name]:
        places = [*(_recipient_key(target, it.certificate) for it in ordered.recipients), *places]
    erased = erase(places, at=started)
    for place in places:
        if place.keys is not None:
            target.record(
                KEY_DESTROYED, by=by, subject=place.folder, body={"site": place.site, "migration": name}
            )
    extracted = target.bodies(Act.EXTRACT.value, subject=name)
    certificate = Certificate(
        migration=name,
        instruction=instruction,
        agreement=ordered.agreement,
        manifest=str(extracted[-1]["manifest"]) if extracted else "",
        why=state.value,
        person=by,
        tool=f"ecluse {__version__}",
        started=started.isoformat(),
        ended=target.clock().isoformat(),
        places=erased,
        in_target="unaccepted" if standing else "accepted" if state is MigrationState.RECONCILED else "none",
    )
    payload = certificate.encode()
    envelope = sign_document(payload, type="erasure", keys=[target.agent, source.agent])
    target.documents.put(envelope, digest=digest(payload))
    target.record(
        Act.ERASE.value, by=by, subject=name, body={"document": digest(payload), "why": state.value}
    )
    return certificate


def bury(site: Site, *, by: str) -> list[str]:
    """Destroy every living key that the ledger says is dead (a restored backup); which. Done at every start."""
    dead = {
        event.subject
        for event in site.journal.events()
        if event.act == KEY_DESTROYED and event.body.get("site") == site.name
    }
    risen = sorted(dead & set(site.keys.names()))
    for name in risen:
        site.keys.destroy(name)
        site.record(KEY_RESURRECTED, by=by, subject=name, body={"site": site.name})
    return risen


def _under(site: Site, instruction: str) -> list[str]:
    """The migrations under an instruction that are alive: instructed, and neither erased nor stopped."""
    drafted = {
        event.subject
        for event in site.journal.events()
        if event.act == Act.DRAFT.value and event.body.get("instruction") == instruction
    }
    known = site.migrations()
    over = (MigrationState.DRAFTED, MigrationState.ERASED, *STOPPED)
    return sorted(name for name in drafted if known[name].state not in over)


def _places(target: Site, source: Site, name: str) -> list[Place]:
    rejects = rejects_key(name)
    # Listed even where there is none now: an erasure that was interrupted must still be noted in the ledger, or a backup could undo it.
    places = [Place(site.name, "rejects key", keys=site.keys, folder=rejects) for site in (source, target)]
    for site in (source, target):
        places += [
            Place(site.name, "parcel", vault=site.spool, folder=name),
            Place(site.name, "rejects", vault=site.rejects, folder=rejects),
            *(
                Place(site.name, "rejects of a replay cut short", vault=site.rejects, folder=rejects + aside)
                for aside in (COMING, WHOLE)
            ),
            Place(site.name, "sums before", vault=site.rejects, folder=f"{name}-before"),
        ]
    return [*places, Place("exchange", "parcel", vault=target.custody, folder=name)]


def _recipient_key(target: Site, certificate: str) -> Place:
    envelope = target.documents.get(certificate)
    verified = verify_document(envelope, type="keycert", keys=dict(target.roots))
    # As it was when made: a key outlives its certificate, and must be destroyed all the same.
    at = datetime.fromisoformat(str(strict_json(verified.payload)["not_before"]))  # type: ignore[index,call-overload]
    cert = verify_keycert(envelope, root=target.roots[verified.signers[0]], at=at)
    return Place(target.name, "parcel key", keys=target.keys, folder=cert.purpose)


def _shut(site: Site, name: str, *, by: str) -> None:
    """A gate left open by what was stopped is closed: nothing passes it any more."""
    gate = site.migration(name).gate
    if gate is not None:
        act = Act.CLOSE_SOURCE if gate == "source" else Act.CLOSE_TARGET
        site.record(act.value, by=by, subject=name, body={"left": "open"})
