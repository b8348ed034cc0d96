"""Where the data went, judged from a bundle alone: order and gates, manifests, hand-over, reconciliation, erasure, time to live, limits.

Follows each migration from its drafting to its certificate of erasure, through the documents that its entries name. Each step raises a Refusal (KO),
`Skipped` when there is nothing to examine, or says what it examined. That a run was authorised is judged by `warrant`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.inspection.dossier import Dossier, Noted, Run
from ecluse.inspection.warrant import recipient_certificate
from ecluse.passage.acts import KEY_DESTROYED, KEY_RESURRECTED, RECONCILIATION_SIGNED
from ecluse.passage.migration import Act, Migration, MigrationState, check_gates
from ecluse.passage.parcel import Manifest, fingerprint, read_manifest
from ecluse.people.person import may
from ecluse.people.role import Permission
from ecluse.proof.canonical import Json, strict_json
from ecluse.proof.evidence import Said, Skipped
from ecluse.proof.keys import VerifyKey
from ecluse.proof.seal import Recipient
from ecluse.proof.sign import Verified, verify_document

__all__ = [
    "GRACE",
    "check_erasure",
    "check_extraction",
    "check_hand_over",
    "check_limits",
    "check_order",
    "check_reconciliation",
    "check_time_to_live",
]

GRACE: Final = timedelta(days=1)
"""How long after its time to live a migration may still be found: erasing begins when the time is over, by someone who works in the day."""

_ACTS: Final = frozenset(act.value for act in Act)
_CERTIFIED: Final = ("migration", "instruction", "agreement", "manifest", "why")


def check_order(dossier: Dossier) -> Said:
    """Each migration follows the table of states, and no gate opens while another stands open, in any migration."""
    known: dict[str, Migration] = {}
    ajar: dict[str, Migration] = {}
    acts = 0
    for noted in dossier.noted:
        if noted.act not in _ACTS:
            continue
        act, name = Act(noted.act), noted.subject
        if act is Act.DRAFT:
            if name in known:
                raise Refusal("migration/not-now", where=name, act=act.value, got=known[name].state.value)
            known[name] = Migration(name)
        elif name not in known:
            raise Refusal("migration/unknown", where=name)
        else:
            check_gates(act, known[name], ajar.values())
            known[name] = known[name].after(act)
        ajar.pop(name, None)
        if known[name].gate is not None:
            ajar[name] = known[name]
        acts += 1
    dossier.migrations = known
    return _said("order_kept", acts, migrations=len(known))


def check_extraction(dossier: Dossier) -> Said:
    """Each extraction names a manifest signed by the source's machine, for its instruction and recipient, chained to the one before."""
    chains: dict[str, list[str]] = defaultdict(list)
    parts = 0
    for run in dossier.runs(Act.EXTRACT.value):
        noted, chain = run.noted, chains[run.digest]
        if noted.body is None:
            chain.append("")
            continue
        manifest = _manifest(dossier, run)
        previous = chain[-1] if chain else ""
        told: dict[str, tuple[object, object]] = {
            "instruction": (noted.text("instruction"), run.digest),
            "manifest": (noted.text("manifest"), manifest.digest),
            "sequence": (noted.number("sequence"), len(chain) + 1),
            "parts": (noted.number("parts"), len(manifest.parts)),
            "expires": (
                datetime.fromisoformat(manifest.expires),
                datetime.fromisoformat(manifest.created) + _life(run),
            ),
            "previous": (manifest.previous, previous if previous or not chain else manifest.previous),
            "signed list": (
                (
                    manifest.migration,
                    manifest.instruction,
                    manifest.agreement,
                    manifest.recipient,
                    manifest.sequence,
                ),
                (noted.subject, run.digest, run.ordered.agreement, _recipients(dossier, run), len(chain) + 1),
            ),
        }
        _agree(noted, told)
        chain.append(manifest.digest)
        dossier.manifests[noted.subject] = manifest
        parts += len(manifest.parts)
    return _said("extraction_chained", len(dossier.manifests), parts=parts)


def check_hand_over(dossier: Dossier) -> Said:
    """What is deposited, handed over and loaded is the parcel extracted, handed over before it expires, and nothing else is loaded."""
    handed: set[str] = set()
    examined = 0
    for noted in dossier.noted:
        if noted.act in (Act.DEPOSIT.value, Act.HAND_OVER.value) and noted.body is not None:
            manifest = dossier.manifests.get(noted.subject)
            if manifest is not None and noted.text("manifest") != manifest.digest:
                raise Refusal("bundle/disagrees", seq=noted.seq, what="manifest")
            if (
                noted.act == Act.HAND_OVER.value
                and manifest is not None
                and noted.time >= datetime.fromisoformat(manifest.expires)
            ):
                raise Refusal("parcel/expired", where=noted.subject, got=manifest.expires)
        if noted.act == Act.HAND_OVER.value:
            handed.add(noted.subject)
        if noted.act in (Act.OPEN_TARGET.value, Act.LOAD.value) and noted.subject not in handed:
            raise Refusal("bundle/not-in-force", seq=noted.seq, what="hand-over", where=noted.subject)
        examined += noted.act in (Act.HAND_OVER.value, Act.LOAD.value)
    return _said("handed_over", examined)


def check_reconciliation(dossier: Dossier) -> Said:
    """Each acceptance is a biologist's signature on the last reconciliation, signed by the target's machine, in which nothing is unexplained."""
    found: dict[str, Noted] = {}
    counted: Counter[str] = Counter()
    for noted in dossier.noted:
        if (
            noted.act == Act.LOAD.value
        ):  # what was found before the last loading says nothing of what the target holds now
            found.pop(noted.subject, None)
        if noted.act == RECONCILIATION_SIGNED:
            found[noted.subject] = noted
        if noted.act == Act.RECONCILE.value and noted.body is not None:
            counted += _accepted(dossier, noted, found.get(noted.subject))
    return _said(
        "reconciled",
        counted["examined"],
        rows=counted["rows"],
        checked=counted["checked"],
        skipped=counted["skipped"],
    )


def check_erasure(dossier: Dossier) -> Said:
    """Each erased migration has a certificate signed by both sites' machines, and each key it names, the parcel's too, its tombstone."""
    dead: dict[str, list[Noted]] = defaultdict(list)
    for noted in dossier.of_act(KEY_DESTROYED):
        dead[noted.text("migration")].append(noted)
    for run in dossier.runs(Act.ERASE.value):
        if run.noted.body is not None:
            _erased(dossier, run, dead[run.noted.subject])
    buried = {(noted.subject, noted.text("site")) for tombs in dead.values() for noted in tombs}
    for digest, over in _over(dossier).items():
        for recipient in dossier.instruction(digest)[0].recipients if over else ():
            cert = recipient_certificate(dossier, recipient.certificate)
            if (cert.purpose, cert.subject) not in buried:
                raise Refusal("bundle/tombstone-lacking", where=cert.subject, what=cert.purpose)
    risen = sum(noted.act == KEY_RESURRECTED for noted in dossier.noted)
    return _said("erased", len(list(dossier.of_act(Act.ERASE.value))), keys=len(buried), risen=risen)


def check_time_to_live(dossier: Dossier) -> Said:
    """No migration that read its source is found, a day after its instruction's time to live, without having been erased in time."""
    opened: dict[str, Run] = {}
    for run in dossier.runs(Act.OPEN_SOURCE.value):
        opened.setdefault(run.noted.subject, run)
    erased = {noted.subject: noted.time for noted in dossier.noted if noted.act == Act.ERASE.value}
    for name, run in opened.items():
        due = run.noted.time + _life(run)
        ended = erased.get(name, dossier.last)
        if ended is not None and ended > due + GRACE:
            raise Refusal("bundle/kept-too-long", where=name, got=due.isoformat())
    done = len(opened.keys() & erased.keys())
    return _said("lived", len(opened), erased=done, waiting=len(opened) - done)


def check_limits(dossier: Dossier) -> Said:
    """Each certificate says what it does not cover; the bodies that the ledger forgot, and so were not judged, are counted."""
    limits: dict[tuple[str, str], None] = {}
    for noted in dossier.of_act(Act.ERASE.value):
        content = strict_json(
            _by_agents(dossier, noted, noted.text("document"), type="erasure", threshold=2).payload
        )
        for limit in _list(content, "not_covered"):
            match limit:
                case {"fr": str(french), "en": str(english)}:
                    limits[french, english] = None
        if not limits:
            raise Refusal("bundle/disagrees", seq=noted.seq, what="not_covered")
    what = {
        language: " ; ".join(words)
        for language, words in zip(("fr", "en"), zip(*limits, strict=True), strict=False)
    }
    return _said("limits_listed", len(limits), what=what, forgotten=dossier.forgotten)


def _manifest(dossier: Dossier, run: Run) -> Manifest:
    """The manifest of an extraction, signed by a machine that is not the recipient's own when there is another."""
    name = f"manifests/{run.noted.subject}.dsse.json"
    if name not in dossier.bundle.sizes:
        raise Refusal("bundle/document-lacking", where=name)
    envelope = dossier.bundle.read(name)
    receiving = {
        recipient_certificate(dossier, recipient.certificate).subject for recipient in run.ordered.recipients
    }
    agents = _agents(dossier, run.noted)
    for site in [site for site in agents if site not in receiving] or agents:
        try:
            return read_manifest(envelope, sender=agents[site])
        except Refusal as refusal:
            if refusal.code != "sign/not-enough-signatures":
                raise
    raise Refusal("bundle/not-theirs", seq=run.noted.seq, what="manifest", who="the source's machine")


def _recipients(dossier: Dossier, run: Run) -> str:
    certificates = [
        recipient_certificate(dossier, recipient.certificate) for recipient in run.ordered.recipients
    ]
    return fingerprint([Recipient.parse(certificate.key) for certificate in certificates])


def _accepted(dossier: Dossier, noted: Noted, found: Noted | None) -> Counter[str]:
    """What one accepted reconciliation counted. Raises Refusal `bundle/disagrees`, `bundle/not-theirs`, `bundle/unexplained`, `sign/...`."""
    document = noted.text("document")
    if found is None or (found.body is not None and found.text("document") != document):
        raise Refusal("bundle/disagrees", seq=noted.seq, what="document")
    content = strict_json(_by_agents(dossier, noted, document, type="reconciliation", threshold=1).payload)
    _, people = dossier.signed(document, type="reconciliation", at=noted.time)
    if not any(person.id == noted.by and may(person, Permission.ACCEPT) for person in people):
        raise Refusal(
            "bundle/not-theirs", seq=noted.seq, what="reconciliation", who="the biologist who accepted it"
        )
    kinds = [kind for kind in _list(content, "kinds") if isinstance(kind, Mapping)]
    checks = [
        check.get("outcome")
        for kind in kinds
        for check in _list(kind, "checks")
        if isinstance(check, Mapping)
    ]
    wrong = (
        sum(_count(kind, "unexplained") + _astray(kind) for kind in kinds)
        + checks.count("failed")
        + len(_list(content, "failed"))
    )
    if wrong or _count(content, "unexplained"):
        raise Refusal("bundle/unexplained", seq=noted.seq, got=wrong or _count(content, "unexplained"))
    rows = sum(_count(kind, "seen") for kind in kinds)
    return Counter(examined=1, rows=rows, checked=checks.count("passed"), skipped=checks.count("skipped"))


def _astray(kind: Mapping[str, Json]) -> int:
    """The rows of one kind that its own counts leave out: seen = excluded + rejected + sent, and sent = rejected + loaded."""
    sent, seen = _count(kind, "sent"), _count(kind, "seen")
    out = _sum(kind, "excluded") + _sum(kind, "rejected_at_source") + sent
    return abs(seen - out) + abs(sent - _sum(kind, "rejected_at_target") - _count(kind, "loaded"))


def _erased(dossier: Dossier, run: Run, dead: Sequence[Noted]) -> None:
    """Holds one certificate of erasure to the ledger. Raises Refusal `sign/...`, `bundle/disagrees`, `bundle/tombstone-lacking`."""
    noted = run.noted
    content = strict_json(
        _by_agents(dossier, noted, noted.text("document"), type="erasure", threshold=2).payload
    )
    manifest = dossier.manifests.get(noted.subject)
    expected = (
        noted.subject,
        run.digest,
        run.ordered.agreement,
        manifest.digest if manifest else "",
        noted.text("why"),
    )
    for what, value in zip(_CERTIFIED, expected, strict=True):
        said = content.get(what) if isinstance(content, Mapping) else None
        if said != value and not (what == "manifest" and manifest is None):
            raise Refusal("bundle/disagrees", seq=noted.seq, what=what)
    places = [place for place in _list(content, "places") if isinstance(place, Mapping)]
    if not places:
        raise Refusal("bundle/disagrees", seq=noted.seq, what="places")
    destroyed = Counter(str(place.get("site")) for place in places if place.get("method") == "key-destroyed")
    tombs = Counter(tomb.text("site") for tomb in dead if tomb.seq < noted.seq)
    for site, count in destroyed.items():
        if tombs[site] < count:
            raise Refusal("bundle/tombstone-lacking", where=site, what=noted.subject)


def _over(dossier: Dossier) -> dict[str, bool]:
    """For each instruction under which something was extracted and erased: whether all that was extracted under it is erased."""
    over: dict[str, bool] = {}
    for run in dossier.runs(Act.EXTRACT.value):
        state = dossier.migrations.get(run.noted.subject)
        over[run.digest] = (
            over.get(run.digest, True) and state is not None and state.state is MigrationState.ERASED
        )
    return over


def _by_agents(dossier: Dossier, noted: Noted, document: str, *, type: str, threshold: int) -> Verified:
    """A document signed by this many of the sites' machines. Raises Refusal `sign/...`, `bundle/document-...`."""
    verified = verify_document(
        dossier.envelope(document), type=type, keys=_agents(dossier, noted), threshold=threshold
    )
    if verified.digest != document:
        raise Refusal("bundle/document-altered", where=document)
    return verified


def _agents(dossier: Dossier, noted: Noted) -> dict[str, VerifyKey]:
    """The keys of the sites' machines whose certificates hold at an entry."""
    return {
        site: cert.verify_key()
        for site, cert in dossier.agents.items()
        if cert.not_before <= noted.time < cert.not_after
    }


def _life(run: Run) -> timedelta:
    return timedelta(days=run.ordered.limits.time_to_live_days)


def _agree(noted: Noted, told: Mapping[str, tuple[object, object]]) -> None:
    for what, (said, expected) in told.items():
        if said != expected:
            raise Refusal("bundle/disagrees", seq=noted.seq, what=what)


def _list(content: Json, what: str) -> list[Json]:
    found = content.get(what) if isinstance(content, Mapping) else None
    return found if isinstance(found, list) else []


def _count(content: Json, what: str) -> int:
    """A count of a signed document; one that is not there counts as wrong, never as nothing."""
    found = content.get(what) if isinstance(content, Mapping) else None
    return found if isinstance(found, int) else 1


def _sum(content: Mapping[str, Json], what: str) -> int:
    found = content.get(what)
    return (
        sum(value for value in found.values() if isinstance(value, int)) if isinstance(found, Mapping) else 0
    )


def _said(key: str, examined: int, **values: object) -> Said:
    if not examined:
        raise Skipped("nothing_to_examine")
    return Said(key, examined=examined, **values)
