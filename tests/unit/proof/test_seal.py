"""Sealing and unsealing: what a file may be sealed to, and what becomes of one that was touched."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from typing import BinaryIO

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.proof import agefile, bech32
from ecluse.proof.agefile import Stanza
from ecluse.proof.armor import read_armor
from ecluse.proof.seal import PassphraseRecipient, Recipient, Sealed, seal
from ecluse.proof.unseal import (
    ClassicIdentity,
    Identity,
    Opener,
    PassphraseIdentity,
    new_identity,
    parse_identity,
    unseal,
)

IDENTITY, RECIPIENT = new_identity()


def sealed(plain: bytes, *to: Recipient | PassphraseRecipient) -> bytes:
    """The sealed file of `plain`."""
    out = io.BytesIO()
    seal([plain], to=to or [RECIPIENT], out=out)
    return out.getvalue()


def opened(octets: bytes, *identities: Opener) -> bytes:
    """The whole plaintext of `octets`."""
    return b"".join(unseal(io.BytesIO(octets), identities=identities or [IDENTITY]))


def code_of(octets: bytes, *identities: Opener) -> str:
    """The code with which opening `octets` is refused."""
    with pytest.raises(Refusal) as refused:
        opened(octets, *identities)
    return refused.value.code


@given(pieces=st.lists(st.binary(max_size=90_000), max_size=4))
def test_what_is_sealed_opens_unchanged(pieces: list[bytes]) -> None:
    """Octets cut anywhere come back as they were, and the size and digest returned are those of the file written."""
    out = io.BytesIO()
    written = seal(pieces, to=[RECIPIENT], out=out)
    assert opened(out.getvalue()) == b"".join(pieces)
    assert written == Sealed(size=len(out.getvalue()), sha256=hashlib.sha256(out.getvalue()).hexdigest())


def test_each_of_several_recipients_opens() -> None:
    """A file sealed to two hybrid keys opens with either, and with no third."""
    other, other_recipient = new_identity()
    octets = sealed(b"pli", RECIPIENT, other_recipient)
    assert opened(octets, IDENTITY) == opened(octets, other) == b"pli"
    assert code_of(octets, new_identity()[0]) == "seal/not-for-you"


def test_a_pipe_that_gives_little_at_a_time_is_read() -> None:
    """A source that answers with fewer octets than asked is read to its end."""

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1_000))

    source: BinaryIO = Trickle(sealed(b"x" * 100_000))
    assert b"".join(unseal(source, identities=[IDENTITY])) == b"x" * 100_000


def test_recipients_are_written_and_read() -> None:
    """A recipient's text comes back as the same recipient, in either case of letters, and an identity's too."""
    assert Recipient.parse(str(RECIPIENT)) == Recipient.parse(str(RECIPIENT).upper()) == RECIPIENT
    assert parse_identity(IDENTITY.secret_text()) == IDENTITY


def test_secrets_do_not_print() -> None:
    """Neither a seed nor a passphrase shows in a representation, where a log would find it."""
    shown = repr(
        (
            IDENTITY,
            ClassicIdentity(bytes(32)),
            PassphraseIdentity("secret"),
            PassphraseRecipient("secret", 10),
        )
    )
    assert "secret" not in shown
    assert IDENTITY.secret_text() not in shown
    assert "\\x00" not in shown


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "seal/recipient-not-hybrid"),
        ("Age1pq1mixed", "seal/key-malformed"),
        ("age1pq", "seal/key-malformed"),
        ("1qqqqqq", "seal/key-malformed"),
        ("no separator", "seal/key-malformed"),
        ("age1pq1bbbbbbbb", "seal/key-malformed"),
        ("age1pq1qqqqqqqq", "seal/key-malformed"),
        (bech32.encode("age1pq", bytes(31)), "seal/key-malformed"),
        (bech32.encode("age1pq", b"\xff" * 1216), "seal/key-malformed"),
        ("é1qqqqqq", "seal/key-malformed"),
    ],
)
def test_a_recipient_that_is_not_hybrid_is_refused(text: str, code: str) -> None:
    """A classic, truncated, mistyped or impossible recipient is refused before anything is sealed to it."""
    with pytest.raises(Refusal) as refused:
        Recipient.parse(text)
    assert refused.value.code == code
    assert text not in str(refused.value)


@pytest.mark.parametrize("values", [[1], [0] * 8 + [1]])
def test_leftover_bits_are_refused(values: list[int]) -> None:
    """Bech32 letters that do not fill whole octets exactly are refused."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    remainder = bech32._polymod([*bech32._expand("age"), *values, *[0] * 6]) ^ 1
    check = [(remainder >> 5 * (5 - place)) & 31 for place in range(6)]
    with pytest.raises(Refusal):
        bech32.decode("age1" + "".join(letters[value] for value in [*values, *check]))


def test_an_identity_of_another_kind_is_refused() -> None:
    """A text that is not an identity, or a seed of the wrong length, is refused."""
    for text in (str(RECIPIENT), bech32.encode("age-secret-key-", bytes(31)).upper()):
        with pytest.raises(Refusal) as refused:
            parse_identity(text)
        assert refused.value.code == "seal/key-malformed"


def test_a_file_has_recipients_and_a_passphrase_stands_alone() -> None:
    """Sealing to nobody, to a passphrase in company, to an empty phrase or with a boundless work factor is refused."""
    refused_lists: list[tuple[list[Recipient | PassphraseRecipient], str]] = [
        ([], "seal/no-recipient"),
        ([RECIPIENT, PassphraseRecipient("a", 10)], "seal/passphrase-not-alone"),
    ]
    for to, code in refused_lists:
        with pytest.raises(Refusal) as refused:
            seal([b""], to=to, out=io.BytesIO())
        assert refused.value.code == code
    with pytest.raises(Refusal, match="passphrase-empty"):
        PassphraseRecipient("")
    with pytest.raises(Refusal, match="work-factor"):
        PassphraseRecipient("a", 23)


def test_a_passphrase_opens_only_with_itself() -> None:
    """A passphrase file opens with its phrase, not with another one nor with a key."""
    octets = sealed(b"cle", PassphraseRecipient("un deux trois", 2))
    assert opened(octets, PassphraseIdentity("un deux trois")) == b"cle"
    assert code_of(octets, PassphraseIdentity("un deux quatre")) == "seal/not-for-you"
    assert code_of(octets, IDENTITY) == "seal/not-for-you"
    assert code_of(octets, PassphraseIdentity("un deux trois", max_work_factor=1)) == "seal/header-malformed"


def test_any_bit_changed_is_refused() -> None:
    """One bit flipped anywhere in the file, header or payload, is refused."""
    octets = sealed(b"resultat")
    for place in range(0, len(octets), 7):
        touched = bytearray(octets)
        touched[place] ^= 4
        assert code_of(bytes(touched)).startswith("seal/")


def test_a_file_cut_anywhere_is_refused() -> None:
    """A file cut at any length is refused, chunk edges included."""
    octets = sealed(b"y" * 140_000)
    body = len(octets) - 140_000 - 3 * agefile.TAG
    edges = [body, body + agefile.CHUNK + agefile.TAG, body + 2 * (agefile.CHUNK + agefile.TAG)]
    for cut in [0, 10, body - agefile.NONCE, body - 1, *edges, len(octets) - 1]:
        assert code_of(octets[:cut]).startswith("seal/")


def test_chunks_swapped_doubled_or_added_are_refused() -> None:
    """Chunks in another order, written twice, or followed by more octets are refused."""
    octets = sealed(b"z" * 131_072)
    step = agefile.CHUNK + agefile.TAG
    head, first, last = octets[: -2 * step], octets[-2 * step : -step], octets[-step:]
    for touched in (
        head + last + first,
        head + first + first + last,
        head + first + last + last,
        octets + b"\x00",
    ):
        assert code_of(touched) == "seal/payload-altered"


def test_an_empty_last_chunk_after_others_is_refused() -> None:
    """A last chunk without octets is allowed only when the whole plaintext is empty."""

    chunks = [(b"a" * agefile.CHUNK, False), (b"", True)]
    file_key, nonce = bytes(16), bytes(16)
    header = agefile.encode_header([RECIPIENT.wrap(file_key)], file_key=file_key)
    cipher = ChaCha20Poly1305(agefile.derive(file_key, salt=nonce, info=b"payload"))
    payload = b"".join(
        cipher.encrypt(final if last else middle, chunk, None)
        for (chunk, last), (middle, final) in zip(chunks, agefile.chunk_nonces(), strict=False)
    )
    assert code_of(header + nonce + payload) == "seal/payload-altered"


def test_a_header_that_fills_the_memory_is_refused() -> None:
    """A header longer than 1 MiB is refused while it is read, however it goes on."""
    assert code_of(b"age-encryption.org/v1\n-> " + b"a" * (2 << 20)) == "seal/header-malformed"
    assert code_of(b"age-encryption.org/v1\n" + b"-> a\n\n" * 200_000) == "seal/header-malformed"


def test_a_header_without_stanza_is_refused() -> None:
    """A header that names no recipient is malformed, even with a right MAC."""
    assert code_of(agefile.encode_header([], file_key=bytes(16)) + bytes(32)) == "seal/header-malformed"


def test_stanza_bodies_of_every_length_are_written_and_read() -> None:
    """A stanza's body at the edge of a line is wrapped with a short last line, and read back."""
    for size in (0, 1, 47, 48, 49, 96):
        stanza = Stanza(("example.org/grease", "a"), bytes(size))
        header = agefile.read_header(io.BytesIO(agefile.encode_header([stanza], file_key=bytes(16))))
        assert header.stanzas == (stanza,)
        agefile.check_mac(header, file_key=bytes(16))


@pytest.mark.parametrize(
    "module", ["seal", "sign", "keycert", "note", "tree", "ledger", "witness", "evidence"]
)
def test_the_exchange_and_the_verifier_never_reach_unseal(module: str) -> None:
    """What the exchange and the verifier import brings in neither `unseal` nor the printer of words: no way in, nothing to install."""
    script = f"import sys, ecluse.proof.{module}; sys.exit('ecluse.proof.unseal' in sys.modules or 'mnemonic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env={"PYTHONPATH": ":".join(sys.path)}, timeout=30
    )
    assert done.returncode == 0


def test_armor_that_is_no_armor_is_refused() -> None:
    """Text without its two lines of dashes is refused."""
    with pytest.raises(Refusal, match="armor-malformed"):
        read_armor(b"hello")


def test_an_identity_gives_its_own_recipient() -> None:
    """The same seed always gives the same recipient."""
    assert Identity(IDENTITY.seed).recipient() == RECIPIENT
