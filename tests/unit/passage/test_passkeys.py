"""A person who signs with a passkey signs as with a key file: the same verbs, the same rules, and one person however many keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acceptance import accept
from ecluse.passage.authority import document_signers
from ecluse.passage.closing import revocation_of, revoke
from ecluse.passage.migration import MigrationState
from ecluse.passage.signing import sign
from ecluse.passage.site import Known, Site
from ecluse.people.person import Person
from ecluse.proof.passkey import Asserted
from ecluse.proof.sign import DOCUMENT_TYPES, pae, payload_of
from tests.authenticators import Authenticator
from tests.documents import BIOLOGIST, ENGINEER, SECOND
from tests.sites import KEYS, Laboratory

DEVICE, OTHER = Authenticator.ed25519(), Authenticator.ed25519(b"q" * 32)


def holding(site: Site, person: Person, *devices: Authenticator) -> Site:
    """The site, one of its persons having these passkeys too."""
    known = Known(person, KEYS[person.id].public, tuple(device.public for device in devices))
    return replace(site, people={**site.people, person.id: known})


def over(type: str, payload: bytes, device: Authenticator = DEVICE) -> Asserted:
    """What the passkey gives for a document."""
    return device.signs(pae(DOCUMENT_TYPES[type], payload))


def test_a_person_signs_with_a_passkey_what_they_could_with_a_key_file() -> None:
    """A document signed by a passkey comes into force as one signed by a key file does; both keys of one person are one signer."""
    lab = Laboratory()
    site = holding(lab.source_site, BIOLOGIST, DEVICE)
    payload = payload_of(site.documents.get(lab.instruction)) + b"\n"
    document, in_force = sign(site, "instruction", payload, by=BIOLOGIST.id, key=over("instruction", payload))
    assert in_force
    sign(site, "instruction", payload, by=BIOLOGIST.id, key=KEYS[BIOLOGIST.id])
    assert [person.id for person in document_signers(site, "instruction", document)] == [BIOLOGIST.id]
    site = holding(site, SECOND, OTHER)
    sign(site, "instruction", payload, by=SECOND.id, key=over("instruction", payload, OTHER))
    assert {person.id for person in document_signers(site, "instruction", document)} == {
        BIOLOGIST.id,
        SECOND.id,
    }


def test_a_passkey_is_one_person_s() -> None:
    """A passkey that is not certified for the person who acts signs nothing in their name, and one held by two counts for neither."""
    lab = Laboratory()
    payload = payload_of(lab.source_site.documents.get(lab.instruction)) + b"\n"
    with pytest.raises(Refusal, match="people/another-key"):
        sign(lab.source_site, "instruction", payload, by=BIOLOGIST.id, key=over("instruction", payload))
    site = holding(holding(lab.source_site, BIOLOGIST, DEVICE), SECOND, DEVICE)
    document, _ = sign(
        holding(lab.source_site, BIOLOGIST, DEVICE), "instruction", payload, by=BIOLOGIST.id, key=over("instruction", payload)
    )  # fmt: skip
    with pytest.raises(Refusal, match="people/key-shared"):
        document_signers(site, "instruction", document)


def test_a_passkey_gives_no_permission() -> None:
    """An engineer's passkey signs no instruction."""
    lab = Laboratory()
    site = holding(lab.source_site, ENGINEER, DEVICE)
    payload = payload_of(site.documents.get(lab.instruction))
    with pytest.raises(Refusal, match="people/may-not"):
        sign(site, "instruction", payload, by=ENGINEER.id, key=over("instruction", payload))


def test_a_biologist_accepts_with_a_passkey() -> None:
    """The reconciliation is accepted by the passkey's signature over its exact bytes, and by no other."""
    lab = Laboratory()
    name = lab.begin()
    while lab.state(name) is not MigrationState.LOADED:
        lab.step(name)
    document = lab.reconcile(name)
    site = holding(lab.target_site, BIOLOGIST, DEVICE)
    found = str(site.bodies("reconciliation.signed", subject=name)[-1]["document"])
    payload = payload_of(site.documents.get(found))
    with pytest.raises(Refusal, match="passkey/other-challenge"):
        accept(site, name, by=BIOLOGIST.id, key=over("reconciliation", payload + b" "))
    accept(site, name, by=BIOLOGIST.id, key=over("reconciliation", payload))
    assert lab.state(name) is MigrationState.RECONCILED
    assert document is not None


def test_an_instruction_is_taken_back_with_a_passkey() -> None:
    """The very document that the person was shown is the one that takes the instruction back."""
    lab = Laboratory()
    site = holding(lab.source_site, BIOLOGIST, DEVICE)
    at, reason = lab.now(), "Le laboratoire garde son ancien logiciel."
    payload = revocation_of(site, instruction=lab.instruction, reason=reason, at=at)
    name = lab.begin()
    stopped = revoke(
        site, by=BIOLOGIST.id, key=over("revocation", payload), instruction=lab.instruction, reason=reason, at=at
    )  # fmt: skip
    assert stopped == [name]
    assert lab.state(name) is MigrationState.REVOKED
