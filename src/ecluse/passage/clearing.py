"""Erasure (« effacement ») at every place: each site clears its own and states it, the target's site gathers the statements into the certificate.

 1. a site destroys its keys and bytes of a migration that has ended, looks again, and signs what it saw: the target's site, the parcel's key and custody too
 2. when every site has stated it, the target's site writes the certificate of erasure from the statements and signs it
 3. the source's machine holds it against its own statement, and countersigns

On one machine the three are one act. The place of each statement in the ledger is its proof; each step is simply called again where it was cut.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from ecluse import __version__
from ecluse.base.refusal import Refusal
from ecluse.passage.acts import KEY_DESTROYED, PLACES_ERASED
from ecluse.passage.authority import signed_instruction
from ecluse.passage.erase import Certificate, Place, PlaceErased, erase
from ecluse.passage.migration import STOPPED, Act, MigrationState
from ecluse.passage.site import COMING, WHOLE, Site, rejects_key
from ecluse.passage.standing import stands
from ecluse.proof.canonical import strict_json
from ecluse.proof.keycert import verify_keycert
from ecluse.proof.sign import Signer, add_signature, digest, sign_document, verify_document

__all__ = [
    "ENDED",
    "Clearing",
    "certify_erasure",
    "clear",
    "clear_target",
    "cleared",
    "countersign",
    "erase_migration",
    "under",
]

ENDED = (MigrationState.RECONCILED, *STOPPED)


@dataclass(frozen=True, slots=True)
class Clearing:
    """What one site erased of a migration, where, and what it saw after."""

    migration: str
    site: str
    person: str
    started: str
    ended: str
    places: tuple[PlaceErased, ...]

    def encode(self) -> bytes:
        """As signed."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, payload: bytes) -> Clearing:
        """From `encode`. Raises Refusal `erase/statement-malformed`."""
        content: Any = strict_json(payload)
        try:
            places = tuple(PlaceErased(**place) for place in content.pop("places"))
            return cls(**content, places=places)
        except (TypeError, KeyError, AttributeError):
            raise Refusal("erase/statement-malformed") from None


def erase_migration(
    target: Site, source: Site, *, name: str, by: str, leave_rows: bool = False
) -> Certificate:
    """The three steps, where one machine holds both sites. The parcel's key goes first: what is left then is noise.

    Raises Refusal `migration/not-now` before acceptance, revocation, expiry or withdrawal; `erase/rows-in-target` where the target may hold records that
    nobody accepted, unless the person leaves them there (`leave_rows`), which the certificate then says; `erase/survived`.
    """
    clear_target(target, name, by=by, leave_rows=leave_rows)
    clear(source, name, by=by)
    return certify_erasure(target, name, source=source.name, by=by, beside=(source.agent,))


def clear_target(site: Site, name: str, *, by: str, leave_rows: bool = False) -> None:
    """Step 1 at the target's site, custody included. Raises as `clear`, `erase/rows-in-target`, and what the exchange refuses."""
    _check_ended(site, name)
    if stands(site, name) and not leave_rows:
        raise Refusal("erase/rows-in-target", where=name)
    custody = Place("exchange", "parcel", vault=site.custody, folder=name)
    clear(site, name, by=by, beside=(*_parcel_keys(site, name), custody))


def clear(site: Site, name: str, *, by: str, beside: tuple[Place, ...] = ()) -> None:
    """Step 1: destroy what this site holds of the migration, and `beside`; state it. Done already, nothing is done.

    Raises Refusal `migration/not-now` before acceptance, revocation, expiry or withdrawal; `erase/survived`.
    """
    _check_ended(site, name)
    if cleared(site, name, of=site.name) is not None:
        return
    _shut(site, name, by=by)
    started = site.clock()
    places = [*beside, *_places(site, name)]
    erased = erase(places, at=started)
    for place in places:
        if place.keys is not None:
            body = {"site": place.site, "migration": name}
            site.record(KEY_DESTROYED, by=by, subject=place.folder, body=body)
    ended = site.clock()
    payload = Clearing(name, site.name, by, started.isoformat(), ended.isoformat(), erased).encode()
    site.documents.put(sign_document(payload, type="clearing", keys=[site.agent]), digest=digest(payload))
    body = {"document": digest(payload), "site": site.name}
    site.record(PLACES_ERASED, by=by, subject=name, body=body)


def cleared(site: Site, name: str, *, of: str) -> Clearing | None:
    """What the site `of` stated, signed by its machine; None if it did not yet. Raises Refusal `sign/...`, `erase/statement-malformed`."""
    for body in site.bodies(PLACES_ERASED, subject=name):
        if body["site"] == of:
            document = str(body["document"])
            key = site.agent.public if of == site.name else site.agents[of]
            verified = verify_document(site.documents.get(document), type="clearing", keys={of: key})
            statement = Clearing.decode(verified.payload)
            if (verified.digest, statement.migration, statement.site) != (document, name, of):
                raise Refusal("erase/statement-malformed")
            return statement
    return None


def certify_erasure(
    site: Site, name: str, *, source: str, by: str, beside: tuple[Signer, ...] = ()
) -> Certificate:
    """Step 2, at the target's site: the certificate, signed by its machine and by `beside`. Raises Refusal `erase/waiting` for a site that stated nothing."""
    statements = []
    for of in dict.fromkeys((source, site.name)):
        found = cleared(site, name, of=of)
        if found is None:
            raise Refusal("erase/waiting", where=of, what=name)
        statements.append(found)
    places = [place for statement in statements for place in statement.places]
    places.sort(key=_in_order)
    drafted = site.bodies(Act.DRAFT.value, subject=name)[0]
    instruction = str(drafted["instruction"])
    extracted = site.bodies(Act.EXTRACT.value, subject=name)
    state = site.migration(name).state
    certificate = Certificate(
        migration=name,
        instruction=instruction,
        agreement=signed_instruction(site, instruction)[0].agreement,
        manifest=str(extracted[-1]["manifest"]) if extracted else "",
        why=state.value,
        person=by,
        tool=f"ecluse {__version__}",
        started=min(statement.started for statement in statements),
        ended=max(statement.ended for statement in statements),
        places=tuple(places),
        in_target="unaccepted"
        if stands(site, name)
        else "accepted"
        if state is MigrationState.RECONCILED
        else "none",
    )
    payload = certificate.encode()
    envelope = sign_document(payload, type="erasure", keys=[site.agent, *beside])
    site.documents.put(envelope, digest=digest(payload))
    body = {"document": digest(payload), "why": certificate.why}
    site.record(Act.ERASE.value, by=by, subject=name, body=body)
    return certificate


def countersign(site: Site, name: str, *, target: str) -> bool:
    """Step 3, at the source's site: sign the certificate that the target's machine signed, if it tells what this site stated; whether it was signed now.

    Raises Refusal `erase/not-as-stated`, `sign/...`; nothing is signed before an erasure is noted.
    """
    noted = site.bodies(Act.ERASE.value, subject=name)
    if not noted:
        return False
    document = str(noted[-1]["document"])
    envelope = site.documents.get(document)
    keys = {target: site.agents[target], site.name: site.agent.public}
    verified = verify_document(envelope, type="erasure", keys=keys)
    mine = cleared(site, name, of=site.name)
    content: Any = strict_json(verified.payload)
    told = [place for place in content["places"] if place["site"] == site.name]
    if (
        mine is None
        or target not in verified.signers
        or verified.digest != document
        or _plain(told) != _plain(asdict(it) for it in mine.places)
    ):
        raise Refusal("erase/not-as-stated", where=name)
    if site.name in verified.signers:
        return False
    site.documents.put(add_signature(envelope, site.agent), digest=document)
    return True


def under(site: Site, instruction: str) -> list[str]:
    """The migrations under an instruction that are alive: instructed, and neither erased nor stopped."""
    drafted = {
        event.subject
        for event in site.journal.events()
        if event.act == Act.DRAFT.value and event.body.get("instruction") == instruction
    }
    known = site.migrations()
    over = (MigrationState.DRAFTED, MigrationState.ERASED, *STOPPED)
    return sorted(name for name in drafted if known[name].state not in over)


def _in_order(place: PlaceErased) -> tuple[bool, ...]:
    """Keys before bytes, the parcel's key first of all, the exchange last."""
    return (place.method != "key-destroyed", place.what != "parcel key", place.site == "exchange")


def _plain(places: Any) -> list[tuple[Any, ...]]:
    names = [each.name for each in fields(PlaceErased)]
    return sorted(tuple(str(place[name]) for name in names) for place in places)


def _places(site: Site, name: str) -> list[Place]:
    rejects = rejects_key(name)
    # Listed even where there is none now: an erasure that was interrupted must still be noted in the ledger, or a backup could undo it.
    return [
        Place(site.name, "rejects key", keys=site.keys, folder=rejects),
        Place(site.name, "parcel", vault=site.spool, folder=name),
        Place(site.name, "rejects", vault=site.rejects, folder=rejects),
        *(
            Place(site.name, "rejects of a replay cut short", vault=site.rejects, folder=rejects + aside)
            for aside in (COMING, WHOLE)
        ),
        Place(site.name, "sums before", vault=site.rejects, folder=f"{name}-before"),
    ]


def _parcel_keys(site: Site, name: str) -> list[Place]:
    """The parcel's keys, which are the instruction's: they go when no other migration under it still needs them."""
    instruction = str(site.bodies(Act.DRAFT.value, subject=name)[0]["instruction"])
    if [other for other in under(site, instruction) if other != name]:
        return []
    ordered, _ = signed_instruction(site, instruction)
    return [_recipient_key(site, it.certificate) for it in ordered.recipients]


def _recipient_key(target: Site, certificate: str) -> Place:
    envelope = target.documents.get(certificate)
    verified = verify_document(envelope, type="keycert", keys=dict(target.roots))
    # As it was when made: a key outlives its certificate, and must be destroyed all the same.
    at = datetime.fromisoformat(str(strict_json(verified.payload)["not_before"]))  # type: ignore[index,call-overload]
    cert = verify_keycert(envelope, root=target.roots[verified.signers[0]], at=at)
    return Place(target.name, "parcel key", keys=target.keys, folder=cert.purpose)


def _check_ended(site: Site, name: str) -> None:
    state = site.migration(name).state
    if state not in ENDED:
        raise Refusal("migration/not-now", where=name, act=Act.ERASE.value, got=state.value)


def _shut(site: Site, name: str, *, by: str) -> None:
    """A gate left open by what was stopped is closed: nothing passes it any more."""
    gate = site.migration(name).gate
    if gate is not None:
        act = Act.CLOSE_SOURCE if gate == "source" else Act.CLOSE_TARGET
        site.record(act.value, by=by, subject=name, body={"left": "open"})
