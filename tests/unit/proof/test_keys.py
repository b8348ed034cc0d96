"""Key files, certified keys and the sheet of words."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import Json, canonical_json
from ecluse.proof.keycert import Keycert, certify, verify_keycert
from ecluse.proof.keyfile import lock_key, unlock_key
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import PassphraseRecipient, seal
from ecluse.proof.sign import sign_document
from ecluse.proof.unseal import new_identity
from ecluse.proof.words import _by_bare_letters, seed_to_words, typed_back, words_to_seed

ROOT, SITE = SigningKey.from_seed(b"r" * 32), SigningKey.from_seed(b"s" * 32)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def cert(**changed: object) -> bytes:
    """A certificate of the site's key by the root, good for a day from noon."""
    whole = {
        "subject": "site/target",
        "role": "recipient",
        "purpose": "sign",
        "key": SITE.public.encode(),
        "not_before": NOON,
        "not_after": NOON + timedelta(days=1),
        "root": ROOT,
    }
    return certify(**{**whole, **changed})  # type: ignore[arg-type]


def code_of(envelope: bytes, at: datetime = NOON, root: SigningKey = ROOT) -> str:
    """The code with which the certificate is refused."""
    with pytest.raises(Refusal) as refused:
        verify_keycert(envelope, root=root.public, at=at)
    return refused.value.code


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    """A key locked in a file comes back with its passphrase; another phrase is refused as such."""
    octets = lock_key(ROOT, "cheval pile agrafe", work_factor=10)
    assert unlock_key(octets, "cheval pile agrafe") == ROOT
    with pytest.raises(Refusal, match="wrong-passphrase"):
        unlock_key(octets, "cheval pile")
    with pytest.raises(Refusal, match="payload-altered"):
        unlock_key(octets[:-1], "cheval pile agrafe")


def test_a_file_that_holds_no_key_is_refused() -> None:
    """A passphrase file that holds something else than one key is refused."""
    out = io.BytesIO()
    seal([b"shopping list"], to=[PassphraseRecipient("a", 2)], out=out)
    with pytest.raises(Refusal, match="file-malformed"):
        unlock_key(out.getvalue(), "a")


def test_a_certificate_holds_during_its_period() -> None:
    """A certificate by the root gives whose the key is, from its first instant until just before its last."""
    held = verify_keycert(cert(), root=ROOT.public, at=NOON)
    assert held == Keycert(
        subject="site/target",
        role="recipient",
        purpose="sign",
        key=SITE.public.encode(),
        not_before=NOON,
        not_after=NOON + timedelta(days=1),
        issuer=ROOT.key_id,
    )
    assert held.verify_key() == SITE.public
    assert held.fingerprint() == SITE.public.fingerprint()
    assert code_of(cert(), at=NOON - timedelta(seconds=1)) == "key/cert-early"
    assert code_of(cert(), at=NOON + timedelta(days=1)) == "key/cert-expired"


def test_a_recipient_is_certified_too() -> None:
    """A hybrid recipient is certified by its text, and is no key that signs."""
    recipient = str(new_identity()[1])
    held = verify_keycert(cert(key=recipient), root=ROOT.public, at=NOON)
    assert held.key == recipient
    with pytest.raises(Refusal, match="key/malformed"):
        held.verify_key()


def test_a_certificate_by_another_root_is_refused() -> None:
    """A certificate signed by any key but the root that was compared by voice is refused."""
    assert code_of(cert(root=SITE)) == "sign/not-enough-signatures"


@pytest.mark.parametrize("changed", [{"subject": ""}, {"not_after": NOON}])
def test_an_empty_certificate_is_not_made(changed: dict[str, object]) -> None:
    """A certificate for nobody, or for no time, is not made."""
    with pytest.raises(Refusal, match="cert-malformed"):
        cert(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"extra": "x"},
        {"role": 1},
        {"subject": ""},
        {"issuer": "someone else"},
        {"not_before": "2026-11-23"},
        {"not_before": "2026-13-45T00:00:00Z"},
        {"not_before": "2027-11-23T00:00:00Z"},
    ],
)
def test_a_certificate_with_other_fields_is_refused(changed: dict[str, Json]) -> None:
    """A document that the root signed as a certificate, but that is not one, is refused."""
    payload: dict[str, Json] = {
        "subject": "site/target",
        "role": "recipient",
        "purpose": "sign",
        "key": SITE.public.encode(),
        "issuer": ROOT.key_id,
        "not_before": "2026-11-23T00:00:00Z",
        "not_after": "2026-11-24T00:00:00Z",
        **changed,
    }
    assert json.dumps(payload)
    assert (
        code_of(sign_document(canonical_json(payload), type="keycert", keys=[ROOT])) == "key/cert-malformed"
    )


@given(seed=st.binary(min_size=32, max_size=32))
def test_words_give_back_the_seed(seed: bytes) -> None:
    """Any seed is 24 words that give it back, typed with or without accents, in any case and spacing."""
    words = seed_to_words(seed)
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", " \n ".join(words))
        if not unicodedata.combining(letter)
    )
    assert len(words) == 24
    assert words_to_seed(" ".join(words)) == words_to_seed(bare.upper()) == seed
    typed_back(words, bare)


def test_no_two_words_share_their_bare_letters() -> None:
    """Reading without accents confuses no two words of the list."""
    assert len(_by_bare_letters()) == 2048


def test_a_wrong_word_is_told_by_its_place() -> None:
    """A word that is not in the list, a swap, or a missing word is refused, and the message says where, never what."""
    words = list(seed_to_words(bytes(range(32))))
    with pytest.raises(Refusal, match=r"no\. 5 ") as refused:
        words_to_seed(" ".join([*words[:4], "xylophage", *words[5:]]))
    assert "xylophage" not in str(refused.value)
    with pytest.raises(Refusal, match="words-checksum"):
        words_to_seed(" ".join([words[1], words[0], *words[2:]]))
    with pytest.raises(Refusal, match="words-count"):
        words_to_seed(" ".join(words[1:]))
    with pytest.raises(Refusal, match="key/malformed"):
        seed_to_words(b"short")


def test_words_are_typed_back_in_order() -> None:
    """Setup is not done while a word typed back differs or lacks."""
    words = seed_to_words(bytes(32))
    with pytest.raises(Refusal, match=r"word-different: Word no\. 24"):
        typed_back(words, " ".join([*words[:23], "abaisser"]))
    with pytest.raises(Refusal, match="words-count"):
        typed_back(words, "abaisser")
