"""Signed notes: heads, cosignatures, and what is not one."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SigningKey
from ecluse.proof.note import (
    COSIGNER,
    LOG,
    Checkpoint,
    NoteKey,
    _line,
    cosign,
    join_notes,
    read_unverified,
    sign_checkpoint,
    split_notes,
    verify_checkpoint,
    verify_cosignature,
)

KEY, WITNESS_KEY = SigningKey.from_seed(b"l" * 32), SigningKey.from_seed(b"w" * 32)
HEAD = Checkpoint("ecluse.example/lab-1", 7, hashlib.sha256(b"root").digest())
LOG_KEY = NoteKey(HEAD.origin, LOG, KEY.public)
WITNESS = NoteKey("ecluse.example/lab-1/witness", COSIGNER, WITNESS_KEY.public)
NOTE = sign_checkpoint(HEAD, key=KEY)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def code_of(note: bytes) -> str:
    """The code with which the note is refused."""
    with pytest.raises(Refusal) as refused:
        verify_checkpoint(note, log=LOG_KEY)
    return refused.value.code


def test_a_head_is_a_note_as_published() -> None:
    """The note is three lines, a blank one, and a signature whose key id and octets are as C2SP signed-note defines them."""
    body, signature = NOTE.decode().split("\n\n")
    dash, name, encoded = signature.rstrip("\n").split(" ")
    octets = b64decode(encoded)
    assert (body + "\n", dash, name) == (HEAD.body(), "\u2014", HEAD.origin)
    assert octets[:4] == hashlib.sha256(b"ecluse.example/lab-1\n\x01" + KEY.public.octets).digest()[:4]
    Ed25519PublicKey.from_public_bytes(KEY.public.octets).verify(octets[4:], HEAD.body().encode())
    assert verify_checkpoint(NOTE, log=LOG_KEY) == read_unverified(NOTE) == HEAD


def test_a_cosignature_is_as_published() -> None:
    """A witness's line signs "cosignature/v1", the time and the three lines, as C2SP tlog-cosignature defines them."""
    both = cosign(NOTE, name=WITNESS.name, key=WITNESS_KEY, at=NOON)
    octets = b64decode(both.decode().splitlines()[-1].split(" ")[2])
    seconds = int(NOON.timestamp())
    assert (
        octets[:4]
        == hashlib.sha256(b"ecluse.example/lab-1/witness\n\x04" + WITNESS_KEY.public.octets).digest()[:4]
    )
    assert octets[4:12] == seconds.to_bytes(8)
    signed = f"cosignature/v1\ntime {seconds}\n{HEAD.body()}".encode()
    Ed25519PublicKey.from_public_bytes(WITNESS_KEY.public.octets).verify(octets[12:], signed)
    assert verify_cosignature(both, witness=WITNESS).at == NOON
    assert verify_checkpoint(both, log=LOG_KEY) == HEAD


def test_a_note_without_the_key_s_signature_is_refused() -> None:
    """A head that the log did not sign, or that names another log, is refused; so is a cosignature that is not there."""
    assert code_of(sign_checkpoint(HEAD, key=WITNESS_KEY)) == "ledger/note-not-signed"
    assert code_of(NOTE.replace(b"lab-1\n7", b"lab-1\n8")) == "ledger/note-not-signed"
    assert code_of(NOTE.replace(b"lab-1\n7", b"lab-2\n7")) == "ledger/note-not-signed"
    with pytest.raises(Refusal, match="note-not-signed"):
        verify_cosignature(NOTE, witness=WITNESS)
    moved = cosign(NOTE, name=WITNESS.name, key=WITNESS_KEY, at=NOON).replace(b"lab-1\n7", b"lab-1\n8")
    with pytest.raises(Refusal, match="note-not-signed"):
        verify_cosignature(moved, witness=WITNESS)


def test_a_time_past_the_calendar_is_refused() -> None:
    """A cosignature whose time no calendar holds is refused, even signed."""
    seconds = 1 << 62
    signature = WITNESS_KEY.sign(f"cosignature/v1\ntime {seconds}\n{HEAD.body()}".encode())
    with pytest.raises(Refusal, match="note-not-signed"):
        verify_cosignature(NOTE + _line(WITNESS, seconds.to_bytes(8) + signature).encode(), witness=WITNESS)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff",
        NOTE[:-1],
        NOTE.replace(b"\n7\n", b"\n07\n"),
        NOTE.replace(b"\n7\n", b"\n-7\n"),
        NOTE.replace(b"=\n", b"=\nextension\n", 1),
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.split(b"\n\n")[0] + b"\n\n",
        NOTE + b"\xe2\x80\x94 name ????\n",
        NOTE + b"\xe2\x80\x94 name QUI=\n",
        NOTE + b"- name QUJDREU=\n",
        NOTE * 1_000,
        NOTE + b"\xe2\x80\x94 name QUJDREU=\n" * 65,
    ],
)
def test_a_text_that_is_no_head_is_refused(note: bytes) -> None:
    """Anything but three lines, a blank one and signature lines is refused before any signature is looked at."""
    assert code_of(note) == "ledger/note-malformed"


def test_keys_of_notes_are_written_and_read() -> None:
    """A vkey's text comes back as the same key; a wrong id, name, kind or length is refused."""
    assert NoteKey.parse(LOG_KEY.encode()) == LOG_KEY
    assert NoteKey.parse(WITNESS.encode()) == WITNESS
    name, key_id, encoded = LOG_KEY.encode().split("+", 2)
    for text in (
        "",
        name,
        f"{name}+{key_id}+QUI=",
        f"other+{key_id}+{encoded}",
        f"{name}+00000000+{encoded}",
    ):
        with pytest.raises(Refusal, match="note-key-malformed"):
            NoteKey.parse(text)
    for wrong, kind in (("", LOG), ("a b", LOG), ("a+b", LOG), ("a", 2)):
        with pytest.raises(Refusal, match="note-key-malformed"):
            NoteKey(wrong, kind, KEY.public)


def test_notes_are_kept_in_one_file() -> None:
    """Several notes joined in one file come apart unchanged; none gives none; half a note is refused."""
    notes = [NOTE, cosign(NOTE, name=WITNESS.name, key=WITNESS_KEY, at=NOON), NOTE]
    assert split_notes(join_notes(notes)) == notes
    assert split_notes(join_notes([])) == []
    with pytest.raises(Refusal, match="note-malformed"):
        split_notes(join_notes(notes) + b"\nhalf\n")
