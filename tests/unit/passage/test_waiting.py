"""What waits for a person is what the verbs would take, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ecluse.passage.authority import signed_instruction
from ecluse.passage.migration import MigrationState
from ecluse.passage.waiting import documents_waiting, to_be_accepted
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import digest, sign_document
from ecluse.terms.instruction import draft
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT, BIOLOGIST, ENGINEER, REPRESENTATIVE, SECOND
from tests.sites import KEYS, Laboratory


def kept(lab: Laboratory) -> list[str]:
    """Every document kept."""
    return sorted(lab.source_site.documents.held)  # type: ignore[attr-defined]


def keep(lab: Laboratory, kind: str, payload: bytes, key: SigningKey) -> str:
    """Keep a document that somebody signed by another way."""
    lab.source_site.documents.put(sign_document(payload, type=kind, keys=[key]), digest=digest(payload))
    return digest(payload)


def test_a_document_that_one_party_signed_waits_for_the_other() -> None:
    """An agreement that the biologist signed waits for the processor's representative, for nobody else, and no more once it is in force."""
    lab = Laboratory()
    assert documents_waiting(lab.source_site, kept(lab)) == []
    other = AGREEMENT.encode() + b"\n"
    document = lab.sign("agreement", other, BIOLOGIST)
    (waits,) = documents_waiting(lab.source_site, kept(lab))
    assert (waits.kind, waits.digest, waits.signers) == ("agreement", document, (BIOLOGIST,))
    assert [it.id for it in (BIOLOGIST, SECOND, ENGINEER, REPRESENTATIVE) if waits.is_for(it)] == [
        REPRESENTATIVE.id
    ]
    lab.sign("agreement", other, REPRESENTATIVE)
    assert documents_waiting(lab.source_site, kept(lab)) == []


def test_what_could_not_be_used_waits_for_no_one() -> None:
    """A document that nobody known signed, one out of time, one that people do not sign, and one that is gone are not listed."""
    lab = Laboratory()
    plain = signed_instruction(lab.source_site, lab.instruction)[0]
    over = replace(plain, limits=replace(plain.limits, not_after=lab.time - timedelta(hours=1)))
    keep(lab, "agreement", AGREEMENT.encode() + b"\n", SigningKey.new())
    keep(lab, "instruction", draft(over, language="fr", vocabulary=vocabulary()).encode(), KEYS[BIOLOGIST.id])
    keep(lab, "receipt", b"{}", KEYS[BIOLOGIST.id])
    assert documents_waiting(lab.source_site, [*kept(lab), digest(b"gone")]) == []


def test_a_comparison_waits_until_it_is_accepted() -> None:
    """A migration waits for acceptance from its comparison on, if nothing is unexplained, and no more once it was accepted."""
    lab = Laboratory()
    name = lab.begin()
    while lab.state(name) is not MigrationState.LOADED:
        assert to_be_accepted(lab.target_site) == []
        lab.step(name)
    assert to_be_accepted(lab.target_site) == []
    lab.reconcile(name)
    assert to_be_accepted(lab.target_site) == [name]
    lab.accept(name)
    assert to_be_accepted(lab.target_site) == []
