"""What ends a passage before its acceptance: revoke, expire; and the comparison of living keys with the ledger's tombstones at every start.

Erasure, which follows every end, is `clearing`'s.
"""

from __future__ import annotations

from datetime import datetime

from ecluse.passage.acts import INSTRUCTION_REVOKED, KEY_DESTROYED, KEY_RESURRECTED
from ecluse.passage.authority import signed_instruction
from ecluse.passage.clearing import ENDED, under
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.site import Site
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.sign import Signer, digest, sign_document
from ecluse.terms.instruction import Revocation, draft_revocation, parse_revocation

__all__ = ["KEY_DESTROYED", "bury", "expire_due", "revocation_of", "revoke"]


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
    stopped = under(site, instruction)
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
