"""Passkeys in a bundle: whose they are, when they counted, and that a verifier with nothing but cryptography judges what they signed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.sign import DOCUMENT_TYPES, digest, pae, sign_document
from tests.authenticators import Authenticator
from tests.documents import BIOLOGIST, SECOND
from tests.dossiers import NOON, OLD, Told, outcomes, seeded

DEVICE = Authenticator.ed25519()


class WithPasskeys(Told):
    """A past in which the biologist signs everything with a passkey."""

    device = DEVICE

    def keep(self, type: str, payload: bytes, *signers: str, root: str = "") -> str:
        over = pae(DOCUMENT_TYPES[type], payload)
        keys = [self.device.signs(over) if signer == BIOLOGIST.id else seeded(signer) for signer in signers]
        envelope = sign_document(payload, type=type, keys=keys or [self.roots[root]])
        self.files[f"documents/{digest(payload).removeprefix('sha256:')}.dsse.json"] = envelope
        return digest(payload)

    def passkey(self, person: Any = BIOLOGIST, **changes: Any) -> object:
        """The certificate of a person's passkey."""
        content = {"key": self.device.public.encode(), **changes}
        return strict_json(self.certified(person.id, root=OLD, **{"role": person.role.value, **content}))

    def with_passkeys(self, **passkeys: object) -> dict[str, bytes]:
        """The bundle, these persons (by id) having these passkeys."""
        files = self.bundle()
        for person, certificates in passkeys.items():
            name = f"people/p-{person.removeprefix('p_')}.json"
            files[name] = canonical_json({**json.loads(files[name]), "passkeys": certificates})
        return files


@pytest.fixture(scope="module")
def told() -> WithPasskeys:
    """An honest passage, whole."""
    told = WithPasskeys()
    told.terms()
    told.passage()
    return told


def named(person: Any) -> str:
    return str(person.id.replace("-", "_"))


def test_what_a_passkey_signed_verifies_offline(told: WithPasskeys) -> None:
    """Agreement, codes, instruction and acceptance signed by a passkey hold in the inspector's hands; no step is KO."""
    found = outcomes(told.with_passkeys(**{named(BIOLOGIST): [told.passkey()]}))
    assert {name: said for name, said in found.items() if said not in ("OK", "SKIPPED")} == {}


def test_a_passkey_that_nobody_certified_signs_nothing(told: WithPasskeys) -> None:
    """Without its certificate, or with one that is another person's, of another period or of another use, the signatures are nobody's."""
    plain = outcomes(told.bundle())
    assert plain["agreement"] == "sign/not-enough-signatures"
    another = outcomes(told.with_passkeys(**{named(SECOND): [told.passkey(SECOND)]}))
    assert another["agreement"] == "people/may-not"
    over = told.passkey(not_before=NOON - timedelta(days=9), not_after=NOON - timedelta(days=8))
    assert (
        outcomes(told.with_passkeys(**{named(BIOLOGIST): [over]}))["agreement"]
        == "sign/not-enough-signatures"
    )
    for wrong in (told.passkey(SECOND), told.passkey(purpose="recipient"), told.passkey(role="dpo")):
        assert (
            outcomes(told.with_passkeys(**{named(BIOLOGIST): [wrong]}))["people"] == "bundle/person-malformed"
        )


def test_one_passkey_is_one_person_s(told: WithPasskeys) -> None:
    """A passkey certified for two persons, or of the same key as a key file, is refused."""
    both = {named(BIOLOGIST): [told.passkey()], named(SECOND): [told.passkey(SECOND)]}
    assert outcomes(told.with_passkeys(**both))["people"] == "bundle/shared-key"
    twice = {named(BIOLOGIST): [told.passkey(), told.passkey()]}
    assert outcomes(told.with_passkeys(**twice))["people"] == "OK"
    file = seeded(SECOND.id).public.octets
    same = Authenticator.ed25519(seeded(SECOND.id).seed)
    assert same.public.octets == file
    shared = {named(BIOLOGIST): [told.passkey(key=same.public.encode())]}
    assert outcomes(told.with_passkeys(**shared))["people"] == "bundle/shared-key"


def test_a_person_s_file_holds_passkeys_and_nothing_else(told: WithPasskeys) -> None:
    """Passkeys that are no list, that are no certificates, or a key file's certificate among them are refused."""
    key_file = strict_json(told.certified(BIOLOGIST.id, role=BIOLOGIST.role.value, root=OLD))
    assert outcomes(told.with_passkeys(**{named(BIOLOGIST): {}}))["people"] == "bundle/person-malformed"
    assert outcomes(told.with_passkeys(**{named(BIOLOGIST): ["x"]}))["people"] == "sign/envelope-malformed"
    assert outcomes(told.with_passkeys(**{named(BIOLOGIST): [key_file]}))["people"] == "passkey/key-malformed"
