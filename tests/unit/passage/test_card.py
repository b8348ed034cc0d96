"""A site's card: believed only under the root that was compared, and the newest counts whatever is shown again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import SITE_CARD
from ecluse.passage.card import CardPerson, SiteCard, claimed_root, newest_card, publish, read_card, sign_card
from ecluse.proof.canonical import canonical_json
from ecluse.proof.keycert import certify
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import digest, payload_of, sign_document
from tests.authenticators import Authenticator
from tests.documents import AT, BIOLOGIST, ENGINEER
from tests.sites import KEYS, Laboratory

ROOT = SigningKey.from_seed(bytes([40]) * 32)
OTHER = SigningKey.from_seed(bytes([99]) * 32)


def certificate(subject: str, role: str, key: SigningKey, *, days: int = 30) -> bytes:
    return certify(
        subject=subject, role=role, purpose="sign", key=key.public.encode(), not_before=AT - timedelta(days=1), not_after=AT + timedelta(days=days), root=ROOT
    )  # fmt: skip


def card(version: int = 1, **changes: object) -> SiteCard:
    people = (CardPerson(BIOLOGIST, certificate(BIOLOGIST.id, BIOLOGIST.role.value, KEYS[BIOLOGIST.id])),)
    made = SiteCard("old-site", version, ROOT.public, certificate("old-site", "agent", OTHER), people)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_card_is_read_as_it_was_signed() -> None:
    """Its root, its machine and its people come back as they were signed."""
    read = read_card(sign_card(card(), root=ROOT), root=ROOT.public)
    assert (read.site, read.version, read.root) == ("old-site", 1, ROOT.public)
    assert read.agent_certificate().verify_key() == OTHER.public
    assert {name: known.key for name, known in read.known(at=AT).items()} == {
        BIOLOGIST.id: KEYS[BIOLOGIST.id].public
    }
    assert read.known(at=AT + timedelta(days=31)) == {}


def test_a_card_is_believed_under_its_root_alone() -> None:
    """A card that another root signed is refused, whatever root it names; and no root signs a card that names another."""
    with pytest.raises(Refusal, match="sign/not-enough-signatures"):
        read_card(sign_card(card(), root=ROOT), root=OTHER.public)
    with pytest.raises(Refusal, match="key/another-root"):
        sign_card(card(), root=OTHER)
    stolen = sign_document(payload_of(sign_card(card(), root=ROOT)), type="card", keys=[OTHER])
    with pytest.raises(Refusal, match="site/card-malformed"):
        read_card(stolen, root=OTHER.public)
    with pytest.raises(Refusal, match="sign/"):
        claimed_root(stolen)
    assert claimed_root(sign_card(card(), root=ROOT)) == ROOT.public


def test_a_person_under_anothers_certificate_is_nobody() -> None:
    """A card in which a certificate stands beside another person's name makes nobody of it."""
    swapped = CardPerson(ENGINEER, certificate(BIOLOGIST.id, BIOLOGIST.role.value, KEYS[BIOLOGIST.id]))
    assert card(people=(swapped,)).known(at=AT) == {}
    device = Authenticator.ed25519().public
    theirs = certify(
        subject=BIOLOGIST.id, role=BIOLOGIST.role.value, purpose="sign", key=device.encode(), not_before=AT - timedelta(days=1), not_after=AT + timedelta(days=1), root=ROOT
    )  # fmt: skip
    held = replace(card().people[0], passkeys=(theirs,))
    assert card(people=(held,)).known(at=AT)[BIOLOGIST.id].passkeys == (device,)
    crossed = replace(card().people[0], passkeys=(certificate(ENGINEER.id, ENGINEER.role.value, OTHER),))
    assert card(people=(crossed,)).known(at=AT)[BIOLOGIST.id].passkeys == ()


@pytest.mark.parametrize("content", [{}, [], {"site": "x"}, {"people": [1]}, {"people": [{"role": "king"}]}])
def test_a_card_of_another_form_is_refused(content: object) -> None:
    """What is not a card is not read as one."""
    told = {"site": "s", "version": 1, "root": ROOT.public.encode(), "agent": {}, "people": []}
    whole = {**told, **content} if isinstance(content, dict) and "people" in content else content
    envelope = sign_document(canonical_json(whole), type="card", keys=[ROOT])  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="site/card-malformed"):
        read_card(envelope, root=ROOT.public)


def test_the_newest_card_counts_whatever_is_shown_again() -> None:
    """An older card shown again brings back nobody; one of another site, of another root, or gone, is passed over."""
    lab = Laboratory()
    site = lab.source_site
    assert newest_card(site.journal.events(), site.documents, "old-site", root=ROOT.public) is None
    first, second = (sign_card(card(version), root=ROOT) for version in (1, 2))
    assert publish(site, first)
    assert publish(site, second)
    assert not publish(site, first)
    foreign = sign_document(payload_of(first), type="card", keys=[OTHER])
    site.documents.put(foreign, digest="sha256:" + "0" * 64)
    another = sign_card(card(9, site="new-site"), root=ROOT)
    site.documents.put(another, digest=digest(payload_of(another)))
    for named in (
        digest(payload_of(first)),
        "sha256:" + "0" * 64,
        "sha256:" + "1" * 64,
        digest(payload_of(another)),
    ):
        site.record(SITE_CARD, by="new-site", subject="old-site", body={"card": named})
    for root in (ROOT.public, None):
        found = newest_card(lab.target_site.journal.events(), site.documents, "old-site", root=root)
        assert found is not None
        assert (found[0].version, found[1]) == (2, second)
