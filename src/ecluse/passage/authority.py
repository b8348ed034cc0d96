"""What authorises a migration: the signed documents, found by digest, verified, parsed, and held against the ledger (GDPR Art. 28, 29).

The numbered steps, the same in the lock's lamps:

 1. the agreement, signed by both parties, holds every mention and is in force
 2. the instruction, signed by those it needs, is in force, not used up, not superseded, not revoked
 3. the classification of codes it names is signed by a biologist
 4. the recipient's key is certified by the target's laboratory, whose root was compared by voice or paper
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import (
    AGREEMENT_SIGNED,
    CODES_SIGNED,
    INSTRUCTION_REVOKED,
    INSTRUCTION_SIGNED,
    RECIPIENT_COMPARED,
)
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act
from ecluse.passage.site import Site
from ecluse.people.person import Person
from ecluse.proof.keycert import Keycert, verify_keycert
from ecluse.proof.seal import Recipient
from ecluse.proof.sign import PublicKey, Verified, verify_document
from ecluse.terms import agreement as agreements
from ecluse.terms import code_map, codes
from ecluse.terms import instruction as instructions
from ecluse.terms.agreement import Agreement
from ecluse.terms.code_map import CodeMap
from ecluse.terms.codes import Classification
from ecluse.terms.instruction import Instruction
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "AGREEMENT_SIGNED",
    "CODES_SIGNED",
    "INSTRUCTION_REVOKED",
    "INSTRUCTION_SIGNED",
    "RECIPIENT_COMPARED",
    "Authority",
    "authority",
    "document_signers",
    "signed_agreement",
    "signed_instruction",
]


@dataclass(frozen=True, slots=True)
class Authority:
    """Everything that stands behind one migration, verified."""

    agreement: Agreement
    instruction: Instruction
    classification: Classification
    certificates: tuple[Keycert, ...]

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Whom the parcel is sealed to."""
        return tuple(Recipient.parse(certificate.key) for certificate in self.certificates)


def authority(site: Site, *, instruction: str, at: datetime, another_run: bool) -> Authority:
    """Verify the documents behind `instruction` (a digest). `another_run`: whether one more use must still be left.

    Raises the Refusal of the first step that fails.
    """
    events = site.journal.events()
    ordered, signers = signed_instruction(site, instruction)
    agreement = signed_agreement(site, ordered.agreement, at=at)  # step 1
    uses = used(events, instruction)
    instructions.authorise(  # step 2
        ordered,
        signers=signers,
        at=at,
        uses=uses if another_run else min(uses, ordered.limits.runs) - 1,
        highest_version=highest_version(events, ordered.id),
        revoked=any(
            event.act == INSTRUCTION_REVOKED and event.body.get("instruction") == instruction
            for event in events
        ),
        superseded=any(
            event.act == INSTRUCTION_SIGNED and event.body.get("supersedes") == instruction
            for event in events
        ),
        agreement_digest=agreement.digest,
    )
    instructions.check_covered(ordered, agreement=agreement, vocabulary=vocabulary())
    return _behind(site, ordered, agreement, at=at)


def authority_then(site: Site, *, instruction: str, at: datetime) -> Authority:
    """What stood behind an instruction at an instant that is past, whether or not it is still in force.

    Nothing is carried by it: it tells which records it brought, so that they can be taken out. Raises Refusal `sign/...`, `recipient/...`.
    """
    ordered, _ = signed_instruction(site, instruction)
    return _behind(site, ordered, signed_agreement(site, ordered.agreement, at=at), at=at)


def _behind(site: Site, ordered: Instruction, agreement: Agreement, *, at: datetime) -> Authority:
    classification = signed_codes(site, ordered.codes)  # step 3
    certificates = tuple(
        compared_recipient(site, it.certificate, at=at) for it in ordered.recipients
    )  # step 4
    return Authority(agreement, ordered, classification, certificates)


def signed_agreement(site: Site, digest: str, *, at: datetime) -> Agreement:
    """Step 1. Raises Refusal `sign/...`, `agreement/...`."""
    verified = _verified(site, digest, "agreement", threshold=2)
    agreements.check_signers(_people(site, verified))
    return agreements.parse(verified.payload, at=at, vocabulary=vocabulary())


def signed_instruction(site: Site, digest: str) -> tuple[Instruction, tuple[Person, ...]]:
    """The instruction and who signed it. Raises Refusal `sign/...`, `instruction/...`."""
    verified = _verified(site, digest, "instruction")
    return instructions.parse(verified.payload, vocabulary=vocabulary()), _people(site, verified)


def signed_codes(site: Site, digest: str) -> Classification:
    """Step 3. Raises Refusal `sign/...`, `codes/...`."""
    verified = _verified(site, digest, "codes")
    return codes.parse(verified.payload, vocabulary=vocabulary(), signers=_people(site, verified))


def signed_code_map(site: Site, digest: str) -> CodeMap:
    """The code map of this digest, which no step needs: it adds codings, and no run waits for it. Raises Refusal `sign/...`, `codes/...`."""
    verified = _verified(site, digest, "code-map")
    return code_map.parse(verified.payload, signers=_people(site, verified))


def compared_recipient(site: Site, digest: str, *, at: datetime) -> Keycert:
    """Step 4, for the certificate named. Raises Refusal `recipient/not-compared`, `recipient/not-certified`, `key/...`."""
    compared = {
        event.body.get("certificate") for event in site.journal.events() if event.act == RECIPIENT_COMPARED
    }
    if digest not in compared:
        raise Refusal("recipient/not-compared", where=digest)
    envelope = site.documents.get(digest)
    for root in site.roots.values():
        try:
            return verify_keycert(envelope, root=root, at=at)
        except Refusal as refusal:
            if not refusal.code.startswith("sign/"):
                raise
    raise Refusal("recipient/not-certified", where=digest)


def document_signers(site: Site, name: str, digest: str) -> tuple[Person, ...]:
    """The known persons whose signatures a document of this kind bears. Raises Refusal `sign/...` when nobody known signed it."""
    return _people(site, _verified(site, digest, name))


def used(events: Iterable[Event], instruction: str) -> int:
    """How many runs the ledger counts under this instruction, rehearsals too."""
    return sum(
        event.act == Act.INSTRUCT.value and event.body.get("instruction") == instruction for event in events
    )


def highest_version(events: Iterable[Event], name: str) -> int:
    """The highest version of the instruction `name` that was ever signed here."""
    return max(
        (
            event.body.get("version", 0)
            for event in events
            if event.act == INSTRUCTION_SIGNED and event.subject == name
        ),
        default=0,
    )


def _verified(site: Site, digest: str, name: str, *, threshold: int = 1) -> Verified:
    keys: dict[str, PublicKey] = {key.key_id: key for known in site.people.values() for key in known.keys}
    verified = verify_document(site.documents.get(digest), type=name, keys=keys, threshold=threshold)
    if verified.digest != digest:
        raise Refusal("document/another", where=name, expected=digest, got=verified.digest)
    return verified


def _people(site: Site, verified: Verified) -> tuple[Person, ...]:
    """Whose signatures these are, each person once however many of their keys signed.

    Raises Refusal `people/key-shared` where one key is two persons'.
    """
    signed: dict[str, Person] = {}
    holders: dict[str, str] = {}
    for known in site.people.values():
        for key in known.keys:
            if key.key_id not in verified.signers:
                continue
            other = holders.setdefault(key.key_id, known.person.id)
            if other != known.person.id:  # one signature would count as two
                raise Refusal("people/key-shared", where=site.name, got=f"{other}, {known.person.id}")
            signed[known.person.id] = known.person
    return tuple(signed.values())
