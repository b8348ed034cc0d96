"""Passkeys that sign documents: what holds offline, and each step that refuses."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer._key import SSlibKey

from ecluse.base.refusal import Refusal
from ecluse.proof.enrolment import enrolled
from ecluse.proof.keycert import certify, verify_keycert
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.passkey import Asserted, Assertion, Passkey, check_counter
from ecluse.proof.sign import DOCUMENT_TYPES, add_signature, pae, payload_of, sign_document, verify_document
from tests.authenticators import AT, BE, BS, ED, UP, UV, Authenticator

ES, ED25519 = Authenticator.es256(), Authenticator.ed25519()
BOTH = pytest.mark.parametrize("device", [ES, ED25519], ids=["es256", "ed25519"])
ALICE = SigningKey.from_seed(b"a" * 32)
PAYLOAD = 'titre = "reprise des résultats"\n'.encode()
OVER = pae(DOCUMENT_TYPES["instruction"], PAYLOAD)


def refused(device: Authenticator, assertion: Assertion | None = None, over: bytes = OVER) -> str:
    """The code with which an assertion over the document is refused."""
    with pytest.raises(Refusal) as caught:
        device.public.check(assertion or device.assertion(over), over=OVER)
    return caught.value.code


@BOTH
def test_a_passkey_signs_a_document(device: Authenticator) -> None:
    """An envelope signed by a passkey gives back its exact bytes and the name of the key, as one signed by a key file does."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[device.signs(OVER)])
    verified = verify_document(
        envelope, type="instruction", keys={"alice": ALICE.public, "key": device.public}
    )
    assert (verified.payload, verified.signers) == (PAYLOAD, ("key",))
    assert payload_of(envelope) == PAYLOAD
    assert device.public.check(device.assertion(OVER), over=OVER).counter == 1


def test_key_files_and_passkeys_count_together() -> None:
    """A threshold is met by a key file and passkeys alike, each distinct key once; no passkey signs twice."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[ALICE, ES.signs(OVER)])
    envelope = add_signature(envelope, ED25519.signs(OVER))
    keys = {"alice": ALICE.public, "es": ES.public, "ed": ED25519.public}
    assert verify_document(envelope, type="instruction", keys=keys, threshold=3).signers == tuple(keys)
    with pytest.raises(Refusal, match="already-signed"):
        add_signature(envelope, ES.but(counter=2).signs(OVER))
    twice = {"a": ES.public, "b": Passkey.parse(ES.public.encode()), "c": SigningKey.new().public}
    with pytest.raises(Refusal, match="not-enough"):
        verify_document(envelope, type="instruction", keys=twice, threshold=2)


def test_another_reader_of_envelopes_passes_it_over() -> None:
    """securesystemslib reads an envelope with a passkey's extension, and verifies the key file's signature in it."""
    envelope = sign_document(PAYLOAD, type="instruction", keys=[ED25519.signs(OVER), ALICE])
    public = SSlibKey(ALICE.key_id, "ed25519", "ed25519", {"public": ALICE.public.octets.hex()})
    assert len(Envelope.from_dict(json.loads(envelope)).verify([public], 1)) == 1


def test_one_octet_changed_is_refused() -> None:
    """One octet changed anywhere, in the document, either account or the signature, and the signature is nobody's."""
    good = ED25519.assertion(OVER)
    assert (
        refused(ED25519, replace(good, client=good.client.replace(b"false", b"false ")))
        == "passkey/signature-differs"
    )
    assert refused(ED25519, replace(good, signature=bytes(64))) == "passkey/signature-differs"
    assert refused(ES, replace(ES.assertion(OVER), signature=b"")) == "passkey/signature-differs"
    assert refused(ED25519, over=OVER + b" ") == "passkey/other-challenge"
    for place in range(len(good.authenticator)):
        octets = bytearray(good.authenticator)
        octets[place] ^= 0x01
        assert not ED25519.public.verifies(replace(good, authenticator=bytes(octets)), over=OVER)


@BOTH
def test_a_signature_stands_for_one_document_of_one_type(device: Authenticator) -> None:
    """An assertion for an agreement is none for an instruction of the same bytes, and signs no other document."""
    other = device.assertion(pae(DOCUMENT_TYPES["agreement"], PAYLOAD))
    assert refused(device, other) == "passkey/other-challenge"
    with pytest.raises(Refusal, match="other-challenge"):
        sign_document(PAYLOAD, type="instruction", keys=[Asserted(device.public, other)])


def test_no_key_stands_for_another() -> None:
    """Another passkey's assertion, and one handed over under another's key, is refused; a key id that lies changes nothing."""
    assert refused(ED25519, Authenticator.ed25519(b"q" * 32).assertion(OVER)) == "passkey/signature-differs"
    assert refused(ES, Authenticator.es256().assertion(OVER)) == "passkey/signature-differs"
    assert refused(ES, ED25519.assertion(OVER)) == "passkey/signature-differs"
    envelope = json.loads(sign_document(PAYLOAD, type="instruction", keys=[ED25519.signs(OVER)]))
    envelope["signatures"][0]["keyid"] = ALICE.key_id
    keys = {"alice": ALICE.public, "ed": ED25519.public}
    assert verify_document(json.dumps(envelope).encode(), type="instruction", keys=keys).signers == ("ed",)


def test_a_key_file_and_a_passkey_of_the_same_key_are_two() -> None:
    """One Ed25519 key as key file and as passkey verifies neither the other's signature, even with the extension taken away or added."""
    plain = VerifyKey(ED25519.public.octets)
    private = SigningKey.from_seed(b"p" * 32)
    assert private.public == plain
    assert plain.key_id != ED25519.public.key_id
    assert plain.fingerprint() != ED25519.public.fingerprint()
    by_passkey = sign_document(PAYLOAD, type="instruction", keys=[ED25519.signs(OVER)])
    by_file = sign_document(PAYLOAD, type="instruction", keys=[private])
    bare = json.loads(by_passkey)
    extension = bare["signatures"][0].pop("extension")
    dressed = json.loads(by_file)
    dressed["signatures"][0]["extension"] = extension
    for envelope, key in (
        (by_passkey, plain),
        (by_file, ED25519.public),
        (json.dumps(bare).encode(), plain),
        (json.dumps(dressed).encode(), ED25519.public),
    ):
        with pytest.raises(Refusal, match="not-enough"):
            verify_document(envelope, type="instruction", keys={"one": key})


@BOTH
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"type": "webauthn.create"}, "passkey/other-type"),
        ({"type": "payment.get"}, "passkey/other-type"),
        ({"origin": "https://localhost:8437"}, "passkey/other-origin"),
        ({"origin": "http://localhost"}, "passkey/other-origin"),
        ({"origin": "http://localhost:0"}, "passkey/other-origin"),
        ({"origin": "http://localhost:70000"}, "passkey/other-origin"),
        ({"origin": "http://localhost:8437/"}, "passkey/other-origin"),
        ({"origin": "http://localhost:8437\n"}, "passkey/other-origin"),
        ({"origin": "http://localhost.example:8437"}, "passkey/other-origin"),
        ({"origin": "http://127.0.0.1:8437"}, "passkey/other-origin"),
        ({"origin": "https://exchange.example"}, "passkey/other-origin"),
        ({"rp_id": "exchange.example"}, "passkey/other-site"),
        ({"flags": UV}, "passkey/not-verified"),
        ({"flags": UP}, "passkey/not-verified"),
        ({"flags": UP | UV | BS}, "passkey/malformed"),
        ({"flags": UP | UV | AT}, "passkey/malformed"),
        ({"flags": UP | UV | ED}, "passkey/malformed"),
        ({"rest": b"\xa0"}, "passkey/malformed"),
    ],
)  # fmt: skip
def test_each_step_refuses(device: Authenticator, changed: dict[str, object], code: str) -> None:
    """Another type, another origin, another name, a person not present or not verified, or anything more than an assertion is refused."""
    assert refused(device, device.but(**changed).assertion(OVER)) == code


def test_a_backed_up_passkey_signs_too() -> None:
    """A passkey that a phone keeps in several places is one like the others."""
    assert ES.public.verifies(ES.but(flags=UP | UV | BE | BS, counter=0).assertion(OVER), over=OVER)


@pytest.mark.parametrize(
    "more", [{"crossOrigin": True}, {"crossOrigin": 0}, {"topOrigin": "https://exchange.example"}]
)
def test_a_frame_in_another_page_is_refused(more: dict[str, object]) -> None:
    """What was asked for from within another page's frame is refused."""
    assert refused(ES, ES.assertion(OVER, **more)) == "passkey/other-origin"


def test_what_a_browser_adds_is_passed_over() -> None:
    """A member that browsers may add to their account changes nothing, and one may be lacking that they may leave out."""
    note = "do not compare clientDataJSON against a template"
    assert ES.public.verifies(ES.assertion(OVER, other_keys_can_be_added_here=note), over=OVER)
    short = ES.assertion(OVER).client.replace(b', "crossOrigin": false', b"")
    assert b"crossOrigin" not in short
    assert ES.public.verifies(ES.signed(short), over=OVER)


@pytest.mark.parametrize(
    ("client", "code"),
    [
        (b'{"type":"webauthn.get","challenge":"a","challenge":"b","origin":"http://localhost:1"}', "sign/json-malformed"),
        (b'{"type":"webauthn.get","challenge":"a","origin":"http://localhost:1","a":1.5}', "sign/json-malformed"),
        (b'\xef\xbb\xbf{"type":"webauthn.get","challenge":"a","origin":"http://localhost:1"}', "sign/json-malformed"),
        (b'{"type":"webauthn.get","challenge":"a"}', "passkey/malformed"),
        (b'{"type":"webauthn.get","challenge":1,"origin":"http://localhost:1"}', "passkey/malformed"),
        (b"[]", "passkey/malformed"),
        (b"{}" + b" " * 5000, "sign/json-malformed"),
    ],
)  # fmt: skip
def test_a_client_s_account_is_read_in_one_way(client: bytes, code: str) -> None:
    """A key twice, a number that is not whole, a mark before the text, a field lacking or of another type, an account too long: refused."""
    assert refused(ES, ES.signed(client)) == code


def test_a_challenge_is_written_in_one_way() -> None:
    """The challenge in the padded or the other alphabet of base64 is another text, and refused."""
    for device in (ES, ED25519):
        client = device.client(b"")
        assert refused(device, device.signed(client)) == "passkey/other-challenge"
        good = device.assertion(OVER)
        text = json.loads(good.client)
        padded = device.signed(json.dumps({**text, "challenge": text["challenge"] + "="}).encode())
        assert refused(device, padded) == "passkey/other-challenge"


def test_an_authenticator_s_account_is_whole() -> None:
    """An account cut short is refused before its flags are read."""
    good = ES.assertion(OVER)
    assert refused(ES, replace(good, authenticator=good.authenticator[:36])) == "passkey/malformed"


def test_a_counter_never_goes_back() -> None:
    """A counter that stands still or goes back is a copy's; an authenticator that never counts stays at nought."""
    check_counter(0, seen=0, where="p-1a2b")
    check_counter(1, seen=0, where="p-1a2b")
    check_counter(9, seen=8, where="p-1a2b")
    for counter, seen in ((8, 8), (7, 8), (0, 1)):
        with pytest.raises(Refusal, match="counter-back"):
            check_counter(counter, seen=seen, where="p-1a2b")


@BOTH
def test_a_passkey_is_written_in_one_way(device: Authenticator) -> None:
    """A passkey's text comes back as the same key."""
    assert Passkey.parse(device.public.encode()) == device.public
    assert device.public.encode().startswith(f"ecluse-passkey-{device.public.algorithm}:")
    assert len(device.public.fingerprint().split()) == 8
    assert "assertion" not in repr(device.signs(OVER))


def test_what_is_no_passkey_is_refused() -> None:
    """A point off the curve, the same point compressed, a key of another length, of another kind or of another prefix is refused."""
    point = ES.public.octets
    off = point[:-1] + bytes([point[-1] ^ 1])
    compressed = bytes([2 + point[-1] % 2]) + point[1:33]
    for algorithm, octets in (
        ("es256", off),
        ("es256", compressed),
        ("ed25519", b"short"),
        ("rs256", point),
        ("es256", b""),
    ):
        with pytest.raises(Refusal, match="passkey/key-malformed"):
            Passkey(algorithm, octets)  # type: ignore[arg-type]
    for text in (
        "",
        ALICE.public.encode(),
        "ecluse-passkey-es256:",
        "ecluse-passkey-es256:?",
        ES.public.encode()[7:],
    ):
        with pytest.raises(Refusal, match="passkey/key-malformed"):
            Passkey.parse(text)


def test_a_root_certifies_a_passkey_as_any_key() -> None:
    """A person's passkey is certified by the laboratory's root, and taken for no key file; nor a key file for a passkey."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    for key in (ES.public.encode(), ALICE.public.encode()):
        envelope = certify(
            subject="p-1a2b", role="biologist", purpose="sign", key=key, not_before=at, not_after=at + timedelta(days=9), root=ALICE
        )  # fmt: skip
        cert = verify_keycert(envelope, root=ALICE.public, at=at)
        if key == ES.public.encode():
            assert cert.passkey() == ES.public
            with pytest.raises(Refusal, match="key/malformed"):
                cert.verify_key()
        else:
            with pytest.raises(Refusal, match="passkey/key-malformed"):
                cert.passkey()


@pytest.mark.parametrize(
    "extension",
    [
        None,
        {},
        {"kind": "other", "ext": {"authenticatorData": "", "clientDataJSON": ""}},
        {"kind": "application/vnd.ecluse.webauthn+json", "ext": {"authenticatorData": ""}},
        {"kind": "application/vnd.ecluse.webauthn+json", "ext": {"authenticatorData": "", "clientDataJSON": "", "more": ""}},
        {"kind": "application/vnd.ecluse.webauthn+json", "ext": {"authenticatorData": "!", "clientDataJSON": ""}},
        {"kind": "application/vnd.ecluse.webauthn+json", "ext": {"authenticatorData": "", "clientDataJSON": ""}, "more": 1},
    ],
)  # fmt: skip
def test_an_extension_of_another_form_is_refused(extension: object) -> None:
    """An extension that lacks a field, has one more, or is of another kind is refused before any signature is looked at."""
    envelope = json.loads(sign_document(PAYLOAD, type="instruction", keys=[ED25519.signs(OVER)]))
    envelope["signatures"][0]["extension"] = extension
    with pytest.raises(Refusal, match="envelope-malformed"):
        verify_document(json.dumps(envelope).encode(), type="instruction", keys={"ed": ED25519.public})


# --- enrolment ----------------------------------------------------------------------------------------------------------

CHALLENGE = b"c" * 32


def enrolment_refused(authenticator: bytes, client: bytes) -> str:
    """The code with which an enrolment is refused."""
    with pytest.raises(Refusal) as caught:
        enrolled(authenticator=authenticator, client=client, challenge=CHALLENGE)
    return caught.value.code


@BOTH
def test_a_new_passkey_is_read(device: Authenticator) -> None:
    """What a browser gives for a new passkey holds its key, its credential and its counter."""
    authenticator, client = device.created(CHALLENGE)
    new = enrolled(authenticator=authenticator, client=client, challenge=CHALLENGE)
    assert (new.key, new.credential, new.counter) == (device.public, b"credential", 1)


def test_what_an_authenticator_adds_by_itself_is_passed_over() -> None:
    """An extension that an authenticator adds after the key is passed over where it says so, and refused where it does not."""
    told = ES.but(flags=UP | UV | ED).created(CHALLENGE, after=b"\xa1kcredProtect\x02")
    assert enrolled(authenticator=told[0], client=told[1], challenge=CHALLENGE).key == ES.public
    assert enrolment_refused(*ES.created(CHALLENGE, after=b"\xa0")) == "passkey/malformed"


def test_an_enrolment_of_another_form_is_refused() -> None:
    """Another challenge, an assertion in its place, no key, a key of another kind or cut short, a credential of no length: refused."""
    assert enrolment_refused(*ES.created(b"d" * 32)) == "passkey/other-challenge"
    client = ES.created(CHALLENGE)[1]
    assert enrolment_refused(ES.account(), ES.client(CHALLENGE)) == "passkey/other-type"
    assert enrolment_refused(ES.account(), client) == "passkey/malformed"
    assert (
        enrolment_refused(ES.but(flags=UP | UV | AT, rest=bytes(17)).account(), client) == "passkey/malformed"
    )
    assert (
        enrolment_refused(ES.but(flags=UP | UV | AT, rest=bytes(18)).account(), client) == "passkey/malformed"
    )
    long = bytes(16) + (900).to_bytes(2) + b"short"
    assert enrolment_refused(ES.but(flags=UP | UV | AT, rest=long).account(), client) == "passkey/malformed"
    assert enrolment_refused(ES.but(flags=UP).created(CHALLENGE)[0], client) == "passkey/not-verified"
    rs256 = bytes.fromhex("a401030339010020590100") + bytes(256)
    for cose in (rs256, ES.cose()[:-1], ED25519.cose()[:-1], b""):
        assert enrolment_refused(*ES.created(CHALLENGE, cose=cose)) == "passkey/key-malformed"
    off = ES.cose()[:-1] + bytes([ES.cose()[-1] ^ 1])
    assert enrolment_refused(*ES.created(CHALLENGE, cose=off)) == "passkey/key-malformed"


def test_our_octets_are_the_library_s() -> None:
    """The Ed25519 passkey's signature is the library's own over both accounts, so that anyone can verify it without Écluse."""
    import hashlib

    given = ED25519.assertion(OVER)
    public = Ed25519PublicKey.from_public_bytes(ED25519.public.octets)
    public.verify(given.signature, given.authenticator + hashlib.sha256(given.client).digest())
    assert b64encode(hashlib.sha256(b"localhost").digest()) == b64encode(given.authenticator[:32])
