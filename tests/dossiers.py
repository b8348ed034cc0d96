"""A bundle of evidence told act by act, so that a test can tell one act otherwise: every key and signature is real, no record exists.

`whole()` is an honest passage, from agreement to certificate. A test plays the same acts with other bodies, other signers, in another order.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ecluse.inspection.evidence import verify_bundle
from ecluse.passage.acts import (
    AGREEMENT_SIGNED,
    CODE_MAP_SIGNED,
    CODES_SIGNED,
    INSTRUCTION_REVOKED,
    INSTRUCTION_SIGNED,
    KEY_DESTROYED,
    RECIPIENT_COMPARED,
    RECONCILIATION_SIGNED,
)
from ecluse.passage.migration import Act
from ecluse.proof.bundle import bundle_of
from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.evidence import Policy, Step, export_ledger
from ecluse.proof.keycert import certify
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.sign import digest, sign_document
from ecluse.proof.trust import Trust
from ecluse.proof.unseal import new_identity
from ecluse.proof.witness import Witness
from ecluse.terms.instruction import Revocation, draft_revocation
from tests import documents
from tests.documents import BIOLOGIST, DPO, ENGINEER, REPRESENTATIVE, SECOND
from tests.ports.memory_records import MemoryRecords, MemoryWitness

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORIGIN: Final = "ecluse.example/lab-1"
OLD, NEW = "lab-old", "lab-new"
PEOPLE: Final = (BIOLOGIST, SECOND, DPO, REPRESENTATIVE, ENGINEER)
RECIPIENT: Final = str(new_identity()[1])
"""One sealed key for every test: making one is slow, and nothing is sealed."""
NOT_COVERED: Final = ({"fr": "le système de destination", "en": "the target system"},)


def seeded(name: str) -> SigningKey:
    """Somebody's key, the same in every test."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


class Told:
    """A past under way. Each verb signs what it must and appends one entry; keyword arguments tell it otherwise."""

    def __init__(self) -> None:
        self.at = NOON
        self.records = MemoryRecords()
        self.ledger = Ledger(self.records, origin=ORIGIN, key=seeded("log"))
        self.roots = {site: seeded(f"root {site}") for site in (OLD, NEW)}
        self.agents = {site: self.certified(site, role="agent", root=site) for site in (OLD, NEW)}
        self.people = {
            person.id: self.certified(person.id, role=person.role.value, root=OLD) for person in PEOPLE
        }
        self.roles = {person.id: person.role.value for person in PEOPLE}
        self.files: dict[str, bytes] = {}
        self.chain: dict[str, list[str]] = {}
        self.latest: dict[str, str] = {}
        self.instruction = ""

    def certified(self, subject: str, *, role: str, root: str, **changes: Any) -> bytes:
        """A certificate of `subject`'s own key by the root of `root`."""
        content: dict[str, Any] = {
            "subject": subject, "role": role, "purpose": "sign", "key": seeded(subject).public.encode(),
            "not_before": NOON - timedelta(days=1), "not_after": NOON + timedelta(days=400),
        }  # fmt: skip
        return certify(**(content | changes), root=self.roots[root])

    def note(
        self,
        act: str,
        *,
        by: str = ENGINEER.id,
        subject: str = "m-1",
        after: timedelta = timedelta(minutes=1),
        **body: Any,
    ) -> int:
        """Append an act a minute after the one before; its number."""
        self.at += after
        return self.ledger.append(at=self.at, by=by, subject=subject, act=act, body=body).seq

    def keep(self, type: str, payload: bytes, *signers: str, root: str = "") -> str:
        """Keep a document signed by these; its digest."""
        keys = [seeded(signer) for signer in signers] or [self.roots[root]]
        envelope = sign_document(payload, type=type, keys=keys)
        self.files[f"documents/{digest(payload).removeprefix('sha256:')}.dsse.json"] = envelope
        return digest(payload)

    def sign_agreement(
        self, *, text: str = documents.AGREEMENT, signers: Iterable[str] = (BIOLOGIST.id, REPRESENTATIVE.id)
    ) -> str:
        """The agreement comes into force."""
        agreement = self.keep("agreement", text.encode(), *signers)
        self.note(AGREEMENT_SIGNED, by=BIOLOGIST.id, subject="agreement", document=agreement)
        return agreement

    def certify_recipient(
        self, *, root: str = NEW, purpose: str = "parcel-1", until: datetime = NOON + timedelta(days=90)
    ) -> str:
        """The recipient's key is certified; nobody compared it yet."""
        envelope = certify(
            subject=NEW, role="recipient", purpose=purpose, key=RECIPIENT, not_before=NOON - timedelta(days=1), not_after=until,
            root=self.roots[root],
        )  # fmt: skip
        payload = json.loads(envelope)["payload"]
        found = digest(base64.b64decode(payload))
        self.files[f"documents/{found.removeprefix('sha256:')}.dsse.json"] = envelope
        return found

    def compare(self, certificate: str) -> None:
        """The source compares it."""
        self.note(RECIPIENT_COMPARED, by=BIOLOGIST.id, subject=NEW, certificate=certificate)

    def sign_codes(self, *, signers: Iterable[str] = (BIOLOGIST.id,)) -> str:
        """The classification comes into force."""
        text = b'[[code]]\nsystem = "test"\ncode = "NA"\nlabel = "Sodium"\ncategories = []\n'
        classified = self.keep("codes", text, *signers)
        self.note(CODES_SIGNED, by=BIOLOGIST.id, subject="codes", document=classified)
        return classified

    def sign_code_map(self, code: str = "NA", *, signers: Iterable[str] = (BIOLOGIST.id,)) -> str:
        """A code map comes into force; its digest."""
        text = f"""[code-map]
version = 1
catalogues = []
[[code]]
system = "test"
code = "{code}"
[code.decision]
target = "2951-2"
by = "{BIOLOGIST.id}"
why = "molaire"
[[code]]
system = "test"
code = "K"
"""
        mapped = self.keep("code-map", text.encode(), *signers)
        self.note(CODE_MAP_SIGNED, by=BIOLOGIST.id, subject="code-map", document=mapped)
        return mapped

    def sign_instruction(
        self, *, agreement: str, codes: str, certificate: str, signers: Iterable[str] = (BIOLOGIST.id,),
        replace: Mapping[str, str] | None = None, noted: bool = True, supersedes: str = "", **body: Any,
    ) -> str:  # fmt: skip
        """The instruction comes into force; `replace` changes its text."""
        text = documents.INSTRUCTION
        changes = {
            documents.AGREEMENT_DIGEST: agreement,
            documents.CODES: codes,
            documents.CERTIFICATE: certificate,
            **(replace or {}),
        }
        for before, now in changes.items():
            assert before in text
            text = text.replace(before, now)
        self.instruction = self.keep("instruction", text.encode(), *signers)
        if noted:
            self.note(
                INSTRUCTION_SIGNED, by=BIOLOGIST.id, subject="golfe-2026-001",
                **{"document": self.instruction, "supersedes": supersedes, "version": 1, **body},
            )  # fmt: skip
        return self.instruction

    def begin(self, name: str = "m-1", **body: Any) -> None:
        """Drafted and instructed."""
        self.note(Act.DRAFT.value, subject=name, instruction=self.instruction, run="whole", rehearse=0)
        self.note(
            Act.INSTRUCT.value, subject=name, **{"instruction": self.instruction, "run": "whole", **body}
        )

    def read(self, name: str = "m-1") -> None:
        """Gate 1 opens and closes."""
        self.note(Act.OPEN_SOURCE.value, subject=name)
        self.note(Act.CLOSE_SOURCE.value, subject=name)

    def extract(
        self, name: str = "m-1", *, signer: str = OLD, manifest: Mapping[str, Any] | None = None, **body: Any
    ) -> str:
        """The parcel's manifest is signed and noted; its digest."""
        chain = self.chain.setdefault(self.instruction, [])
        content = {
            "migration": name, "instruction": self.instruction, "agreement": self.agreement_of(self.instruction),
            "recipient": hashlib.sha256(RECIPIENT.encode()).hexdigest(), "created": self.at.isoformat(),
            "expires": (self.at + timedelta(days=14)).isoformat(), "sequence": len(chain) + 1, "previous": chain[-1] if chain else "",
            "parts": [{"number": 1, "sha256": "0" * 64, "size": 65536}],
        } | dict(manifest or {})  # fmt: skip
        payload = json.dumps(content).encode()
        self.files[f"manifests/{name}.dsse.json"] = sign_document(
            payload, type="manifest", keys=[seeded(signer)]
        )
        self.latest[name] = digest(payload)
        self.note(
            Act.EXTRACT.value, subject=name,
            **{"instruction": self.instruction, "manifest": digest(payload), "sequence": len(chain) + 1, "parts": 1, **body},
        )  # fmt: skip
        chain.append(digest(payload))
        return digest(payload)

    def agreement_of(self, instruction: str) -> str:
        """The agreement that an instruction names."""
        name = f"documents/{instruction.removeprefix('sha256:')}.dsse.json"
        text = base64.b64decode(json.loads(self.files[name])["payload"]).decode()
        return text.partition('agreement = "')[2].partition('"')[0]

    def hand_over(self, name: str = "m-1", **body: Any) -> None:
        """Deposited, then taken by the recipient."""
        self.note(Act.DEPOSIT.value, subject=name, **{"manifest": self.latest[name], "octets": 1, **body})
        self.note(Act.HAND_OVER.value, subject=name, **{"manifest": self.latest[name], **body})

    def load(self, name: str = "m-1", **body: Any) -> None:
        """Gate 2 opens and closes; loaded."""
        self.note(Act.OPEN_TARGET.value, subject=name)
        self.note(Act.CLOSE_TARGET.value, subject=name)
        self.note(Act.LOAD.value, subject=name, written=9, rejected={}, **body)

    def reconcile(
        self,
        name: str = "m-1",
        *,
        signers: Iterable[str] = (NEW, BIOLOGIST.id),
        kind: Mapping[str, Any] | None = None,
        **content: Any,
    ) -> str:
        """The reconciliation is signed and noted; the document's digest."""
        patient = {
            "kind": "patient", "seen": 10, "excluded": {"period": 1}, "rejected_at_source": {}, "withheld": {}, "sent": 9,
            "rejected_at_target": {"refused": 1}, "loaded": 8, "unexplained": 0,
            "checks": [{"name": "rows", "outcome": "passed"}, {"name": "analytes", "outcome": "skipped"}], "analytes": [],
        } | dict(kind or {})  # fmt: skip
        payload = json.dumps(
            {"unexplained": 0, "failed": [], "kinds": [patient], "groups": [], **content}
        ).encode()
        document = self.keep("reconciliation", payload, *signers)
        self.note(RECONCILIATION_SIGNED, subject=name, document=document, unexplained=0, failed=[])
        return document

    def accept(self, document: str, name: str = "m-1", *, by: str = BIOLOGIST.id) -> None:
        """Accepted."""
        self.note(Act.RECONCILE.value, by=by, subject=name, document=document)

    def destroy(self, name: str = "m-1", *, key: str = "parcel-1", site: str = NEW) -> None:
        """A key's tombstone."""
        self.note(KEY_DESTROYED, by=BIOLOGIST.id, subject=key, migration=name, site=site)

    def erase(
        self,
        name: str = "m-1",
        *,
        why: str = "reconciled",
        signers: Iterable[str] = (NEW, OLD),
        **content: Any,
    ) -> None:
        """The certificate of erasure is signed and noted."""
        certificate = {
            "migration": name, "instruction": self.instruction, "agreement": self.agreement_of(self.instruction),
            "manifest": self.latest.get(name, ""), "why": why,
            "places": [{"site": NEW, "what": "parcel key", "method": "key-destroyed", "count": 1}, {"site": OLD, "what": "parcel", "method": "files-deleted"}],
            "not_covered": list(NOT_COVERED),
        } | content  # fmt: skip
        document = self.keep("erasure", json.dumps(certificate).encode(), *signers)
        self.note(Act.ERASE.value, by=BIOLOGIST.id, subject=name, document=document, why=why)

    def revoke(self, *, signers: Iterable[str] = (DPO.id,), instruction: str = "") -> None:
        """The instruction is taken back."""
        text = draft_revocation(
            Revocation(instruction or self.instruction, "Le laboratoire garde son ancien logiciel.", self.at),
            language="fr",
        )
        document = self.keep("revocation", text.encode(), *signers)
        self.note(
            INSTRUCTION_REVOKED,
            by=DPO.id,
            subject="golfe-2026-001",
            instruction=self.instruction,
            document=document,
        )

    def terms(self, **changes: Any) -> None:
        """Everything a run needs, in force."""
        agreement = self.sign_agreement()
        certificate = self.certify_recipient()
        self.compare(certificate)
        codes = self.sign_codes()
        self.sign_instruction(agreement=agreement, codes=codes, certificate=certificate, **changes)

    def passage(self, name: str = "m-1", *, loaded_with: str = "") -> None:
        """One run, from drafting to certificate; `loaded_with`: a code map."""
        self.begin(name)
        self.read(name)
        self.extract(name)
        self.hand_over(name)
        self.load(name, **({"code_map": loaded_with} if loaded_with else {}))
        self.accept(self.reconcile(name), name)
        self.destroy(name)
        self.erase(name)

    def bundle(self) -> dict[str, bytes]:
        """The bundle's files, the newest head seen by both sites."""
        witnesses = [Witness(MemoryWitness(), name=site, key=seeded(site)) for site in (OLD, NEW)]
        for witness in witnesses:
            self.ledger.keep(witness.cosign(self.ledger.checkpoint(), [], log=self.ledger.log, at=self.at))
        people = {
            f"people/{name}.json": canonical_json(
                {"id": name, "role": self.roles[name], "keycert": strict_json(cert)}
            )
            for name, cert in self.people.items()
        }
        return {
            **export_ledger(self.ledger, witnesses=[witness.public for witness in witnesses], quorum=2),
            **self.files,
            **people,
            **{f"agents/{site}.dsse.json": envelope for site, envelope in self.agents.items()},
            **{f"roots/{site}.pub": root.public.encode().encode() for site, root in self.roots.items()},
            "README.md": b"# Bundle\n",
        }

    def trust(self) -> Trust:
        """The laboratory's own policy."""
        policy = Policy.parse(self.bundle()["ledger/policy.json"])
        return Trust(policy, {site: root.public for site, root in self.roots.items()})

    def judged(self) -> dict[str, str]:
        """Each step's outcome; for a KO, the refusal's code."""
        return outcomes(self.bundle())


def whole() -> Told:
    """An honest passage, whole."""
    told = Told()
    told.terms()
    told.passage()
    return told


def outcomes(files: Mapping[str, bytes], trust: Trust | None = None) -> dict[str, str]:
    """Each step's outcome by name; for a KO, the refusal's code."""
    return {step.name: said(step) for step in verify_bundle(bundle_of(files), trust=trust)}


def said(step: Step) -> str:
    """The outcome, or the code of the refusal that it is KO by."""
    return getattr(step.said, "code", step.outcome)
