"""What authorised each migration, judged from a bundle alone: documents, people, agreement, instruction, codes, recipient (GDPR Art. 28, 29).

The same rules as `authority` holds when a run begins, held again at the time of each entry. Each step raises a Refusal (KO), `Skipped` when
there is nothing to examine, or says what it examined. It decides nothing about where the data went: `tracing` follows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.inspection.dossier import RUNS, Dossier, Noted, Run
from ecluse.passage import acts
from ecluse.passage.acts import (
    AGREEMENT_SIGNED,
    CODE_MAP_SIGNED,
    CODES_SIGNED,
    INSTRUCTION_REVOKED,
    INSTRUCTION_SIGNED,
    RECIPIENT_COMPARED,
)
from ecluse.passage.migration import Act
from ecluse.people.person import Person, check_may
from ecluse.people.role import Permission, Role
from ecluse.proof.canonical import Json, canonical_json, strict_json
from ecluse.proof.encoding import from_base64
from ecluse.proof.evidence import Said, Skipped
from ecluse.proof.keycert import Keycert, read_keycert
from ecluse.proof.keys import VerifyKey
from ecluse.proof.sign import digest
from ecluse.terms import instruction as instructions
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "check_agreement",
    "check_code_map",
    "check_codes",
    "check_documents",
    "check_instruction",
    "check_people",
    "check_recipient",
    "recipient_certificate",
]

RETENTION: Final = timedelta(days=183)
"""How long the bodies of the acts that evidence rests on are kept at the least: the authority asks six to twelve months for logs."""

_EVIDENCE: Final = frozenset({*(act.value for act in Act), *(getattr(acts, name) for name in acts.__all__)})
_ROLES: Final = frozenset(role.value for role in Role)


def check_documents(dossier: Dossier) -> Said:
    """Every document and manifest has the digest that its name or the ledger says; none is lacking, none is too many, no body was forgotten too early.

    A body taken out by whoever carries the bundle looks like one forgotten: for the acts judged here, it is believed of old ones only.
    """
    for noted in dossier.noted:
        early = dossier.last is not None and dossier.last - noted.time < RETENTION
        if noted.body is None and noted.act in _EVIDENCE and early:
            raise Refusal("bundle/forgotten-early", seq=noted.seq, act=noted.act, days=RETENTION.days)
    named, manifests = _named(dossier)
    held: set[str] = set()
    for name in dossier.bundle.within("documents"):
        found = _payload_digest(dossier.bundle.read(name), name)
        if name != f"documents/{found.removeprefix('sha256:')}.dsse.json":
            raise Refusal("bundle/document-altered", where=name)
        held.add(found)
    for name in dossier.bundle.within("manifests"):
        migration = name.removeprefix("manifests/").removesuffix(".dsse.json")
        found = _payload_digest(dossier.bundle.read(name), name)
        if migration in manifests and manifests.pop(migration) != found:
            raise Refusal("bundle/document-altered", where=name)
        held.add(found)
        named.add(found)
    lacking = sorted(named - held) + sorted(manifests.values())
    if lacking:
        raise Refusal("bundle/document-lacking", where=lacking[0])
    if len(held - named) > dossier.forgotten:
        raise Refusal("bundle/document-unnamed", where=min(held - named))
    return _said("documents_named", len(held))


def check_people(dossier: Dossier) -> Said:
    """Roots, agents and people: every key is certified by a root, no two persons share one, and every entry is some known one's act."""
    dossier.roots = _roots(dossier)
    for name in dossier.bundle.within("agents"):
        site = name.removeprefix("agents/").removesuffix(".dsse.json")
        dossier.agents[site] = _certificate(
            dossier.bundle.read(name), {site: dossier.roots[site]} if site in dossier.roots else {}, name
        )
        _equal(name, dossier.agents[site], subject=site, role="agent")
    for name in dossier.bundle.within("people"):
        person, cert, passkeys = _person(dossier, name)
        dossier.people[person.id] = person, cert
        dossier.passkeys[person.id] = passkeys
    holders = dossier.agents | {name: cert for name, (_, cert) in dossier.people.items()}
    keys: dict[bytes, str] = {}
    whose = [(name, cert.verify_key().octets) for name, cert in dossier.agents.items()]
    for name, octets in whose + [(name, key.octets) for name, _, key in dossier.certified_keys()]:
        other = keys.setdefault(octets, name)
        if other != name:
            raise Refusal("bundle/shared-key", where=other, other=name)
    for actor, times in dossier.actors.items():
        if actor not in holders:
            raise Refusal("bundle/unknown-actor", where=actor)
        for time in times:
            holders[actor].check(at=time)
    return _said("people_certified", len(holders), roots=len(dossier.roots), acts=dossier.entries)


def check_agreement(dossier: Dossier) -> Said:
    """Each agreement is signed by both parties and complete when it came into force, and in force at each run that rests on it."""
    signed = list(dossier.of_act(AGREEMENT_SIGNED))
    for noted in signed:
        dossier.agreement(noted.text("document"), at=noted.time)
    times = 0
    for run in dossier.runs(*RUNS):
        dossier.in_force(run.noted, act=AGREEMENT_SIGNED, digest=run.ordered.agreement, what="agreement")
        dossier.agreement(run.ordered.agreement, at=run.noted.time)
        times += 1
    return _said("agreement_held", len(signed), times=times)


def check_instruction(dossier: Dossier) -> Said:
    """Each run stood under an instruction signed by enough people, in time, not used up, not superseded, not revoked before it."""
    past = _Past()
    runs = {run.noted.seq: run for run in dossier.runs(*RUNS)}
    for noted in dossier.noted:
        if noted.act == INSTRUCTION_SIGNED and noted.body is not None:
            past.versions[noted.subject] = max(noted.number("version"), past.versions.get(noted.subject, 0))
            past.superseded.add(noted.text("supersedes"))
        elif noted.act == INSTRUCTION_REVOKED:
            past.revoked.add(noted.subject if noted.body is None else _revocation(dossier, noted))
        elif noted.seq in runs:
            _authorise(dossier, runs[noted.seq], past)
    return _said(
        "instruction_held", past.uses.total(), instructions=len(past.uses), revoked=len(past.revoked)
    )


def check_codes(dossier: Dossier) -> Said:
    """Each classification is signed by a biologist, before every run whose instruction names it."""
    signed = list(dossier.of_act(CODES_SIGNED))
    for noted in signed:
        dossier.codes(noted.text("document"), at=noted.time)
    for run in dossier.runs(Act.INSTRUCT.value):
        dossier.in_force(run.noted, act=CODES_SIGNED, digest=run.ordered.codes, what="codes")
    return _said("codes_signed", len(signed))


def check_code_map(dossier: Dossier) -> Said:
    """Each code map is signed by one who may, and each loading that wrote its codes names the one signed last before its gate opened."""
    decisions = loads = signed = 0
    last: str | None = ""  # None: forgotten, and so not judged
    opened: dict[str, str | None] = {}
    for noted in dossier.noted:
        if noted.act == Act.OPEN_TARGET.value:
            opened[noted.subject] = last
        elif noted.act == CODE_MAP_SIGNED:
            last = None if noted.body is None else noted.text("document")
            if last is not None:
                decisions += dossier.code_map(last, at=noted.time)
                signed += 1
        elif noted.act == Act.LOAD.value and noted.body is not None and "code_map" in noted.body:
            named = noted.text("code_map")
            if opened.get(noted.subject, "") not in (None, named):
                raise Refusal("bundle/not-in-force", seq=noted.seq, what="code-map", where=named)
            loads += 1
    return _said("code_map_held", signed, decisions=decisions, loads=loads)


def check_recipient(dossier: Dossier) -> Said:
    """Each recipient's key is certified by a root, compared before the first run, and its certificate holds at each."""
    compared: dict[str, int] = {}
    for noted in dossier.of_act(RECIPIENT_COMPARED):
        compared.setdefault(noted.text("certificate"), noted.seq)
    examined: set[str] = set()
    for run in dossier.runs(*RUNS):
        for recipient in run.ordered.recipients:
            if compared.get(recipient.certificate, run.noted.seq) >= run.noted.seq:
                raise Refusal("recipient/not-compared", where=recipient.certificate)
            cert = recipient_certificate(dossier, recipient.certificate)
            cert.check(at=run.noted.at(cert.not_before))
            examined.add(recipient.certificate)
    return _said("recipient_compared", len(examined))


def recipient_certificate(dossier: Dossier, certificate: str) -> Keycert:
    """The certificate of a recipient's key. Raises Refusal `recipient/not-certified`, `key/cert-malformed`, `bundle/document-lacking`."""
    envelope = dossier.envelope(certificate)
    for root in dossier.roots.values():
        try:
            return read_keycert(envelope, root=root)
        except Refusal as refusal:
            if not refusal.code.startswith("sign/not-enough"):
                raise
    raise Refusal("recipient/not-certified", where=certificate)


@dataclass(slots=True)
class _Past:
    """What was said of instructions before an entry: highest version by id, digests replaced or revoked (an id, where forgotten), runs counted."""

    versions: dict[str, int] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    uses: Counter[str] = field(default_factory=Counter)


def _authorise(dossier: Dossier, run: Run, past: _Past) -> None:
    """Holds one run to the past; counts it when it is a new one."""
    ordered, noted, begins = run.ordered, run.noted, run.noted.act == Act.INSTRUCT.value
    signed = dossier.in_force(noted, act=INSTRUCTION_SIGNED, digest=run.digest, what="instruction")
    if (signed.subject, signed.number("version")) != (ordered.id, ordered.version):
        raise Refusal("bundle/disagrees", seq=signed.seq, what="version")
    if begins and noted.body is not None and noted.text("instruction") != run.digest:
        raise Refusal("bundle/disagrees", seq=noted.seq, what="instruction")
    uses = past.uses[run.digest]
    instructions.authorise(
        ordered,
        signers=dossier.instruction(run.digest)[1],
        at=noted.at(ordered.limits.not_before),
        uses=uses if begins else min(uses, ordered.limits.runs) - 1,
        highest_version=past.versions[ordered.id],
        revoked=not past.revoked.isdisjoint((run.digest, ordered.id)),
        superseded=run.digest in past.superseded,
        agreement_digest=ordered.agreement,
    )
    agreement = dossier.agreement(ordered.agreement, at=noted.time)
    instructions.check_covered(ordered, agreement=agreement, vocabulary=vocabulary())
    past.uses[run.digest] += begins


def _revocation(dossier: Dossier, noted: Noted) -> str:
    """The instruction that a revocation ends, signed by someone who may. Raises Refusal `people/may-not`, `bundle/disagrees`."""
    verified, people = dossier.signed(noted.text("document"), type="revocation", at=noted.time)
    for person in people:
        check_may(person, Permission.REVOKE)
    revoked = instructions.parse_revocation(verified.payload).instruction
    if revoked != noted.text("instruction"):
        raise Refusal("bundle/disagrees", seq=noted.seq, what="instruction")
    return revoked


def _named(dossier: Dossier) -> tuple[set[str], dict[str, str]]:
    """The digests that entries name as documents, and the manifest that each extraction names."""
    documents = {
        noted.text(what)
        for noted in dossier.noted
        for what in ("document", "certificate")
        if noted.body is not None and what in noted.body
    }
    return documents, {noted.subject: noted.text("manifest") for noted in dossier.of_act(Act.EXTRACT.value)}


def _payload_digest(envelope: bytes, name: str) -> str:
    """The digest of what an envelope holds, once it is seen to be written in the one way. Nobody's signature is looked at yet."""
    match strict_json(envelope, limit=len(envelope)):
        case {"payload": str(text)} as read if canonical_json(read) == envelope:
            payload = from_base64(text)
            if payload is not None:
                return digest(payload)
    raise Refusal("bundle/document-altered", where=name)


def _roots(dossier: Dossier) -> dict[str, VerifyKey]:
    """The bundle's roots, held to the verifier's own where there are any."""
    roots: dict[str, VerifyKey] = {}
    for name in dossier.bundle.within("roots"):
        site = name.removeprefix("roots/").removesuffix(".pub")
        roots[site] = VerifyKey.parse(dossier.bundle.read(name).decode("ascii", "replace"))
        if dossier.trust is not None and dossier.trust.roots.get(site) != roots[site]:
            raise Refusal("bundle/another-root", where=site)
    return roots


def _person(dossier: Dossier, name: str) -> tuple[Person, Keycert, tuple[Keycert, ...]]:
    content = dossier.bundle.read(name)
    match strict_json(content):
        case {"id": str(id), "role": str(role), "keycert": Mapping() as envelope, **more} if (
            role in _ROLES and set(more) <= {"name", "passkeys"}
        ):
            others = more.get("passkeys", [])
        case _:
            raise Refusal("bundle/person-malformed", where=name, why="its fields")
    if name != f"people/{id}.json":
        raise Refusal("bundle/person-malformed", where=name, why="its name")
    if not isinstance(others, list):
        raise Refusal("bundle/person-malformed", where=name, why="its passkeys")
    cert, *passkeys = (_certificate(canonical_json(one), dossier.roots, name) for one in (envelope, *others))
    for one in (cert, *passkeys):
        _equal(name, one, subject=id, role=role)
    return Person(id=id, name=id, professional_id=id, role=Role(role)), cert, tuple(passkeys)


def _certificate(envelope: bytes, roots: Mapping[str, VerifyKey], name: str) -> Keycert:
    for root in roots.values():
        try:
            return read_keycert(envelope, root=root)
        except Refusal as refusal:
            if refusal.code != "sign/not-enough-signatures":
                raise
    raise Refusal("bundle/person-malformed", where=name, why="no root signed it")


def _equal(name: str, cert: Keycert, *, subject: str, role: str) -> None:
    if (cert.subject, cert.role, cert.purpose) != (subject, role, "sign"):
        raise Refusal("bundle/person-malformed", where=name, why="whose it is")


def _said(key: str, examined: int, **values: Json) -> Said:
    if not examined:
        raise Skipped("nothing_to_examine")
    return Said(key, examined=examined, **values)
