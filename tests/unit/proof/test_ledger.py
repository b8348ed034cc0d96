"""The ledger: how entries are appended and read, and what a witness signs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.canonical import Json
from ecluse.proof.entry import Entry, commitment_to
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.note import Checkpoint, sign_checkpoint, verify_checkpoint, verify_cosignature
from ecluse.proof.tree import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from ecluse.proof.witness import Witness
from tests.ports.memory_records import MemoryRecords, MemoryWitness

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, WITNESS_KEY = SigningKey.from_seed(b"l" * 32), SigningKey.from_seed(b"w" * 32)
ORIGIN = "ecluse.example/lab-1"


def ledger_of(count: int = 0, records: MemoryRecords | None = None) -> tuple[Ledger, MemoryRecords]:
    """A ledger of `count` entries, one a minute, and its records."""
    records = records or MemoryRecords()
    ledger = Ledger(records, origin=ORIGIN, key=KEY)
    for number in range(count):
        ledger.append(
            at=NOON + timedelta(minutes=number),
            by="person/1",
            subject=f"migration/{number % 2}",
            act="watched",
            body={"n": number},
        )
    return ledger, records


def witness() -> Witness:
    """A witness that has seen nothing."""
    return Witness(MemoryWitness(), name="ecluse.example/lab-1/witness", key=WITNESS_KEY)


def test_an_entry_tells_who_did_what_when() -> None:
    """An entry carries its place, its time to the second in UTC, and a commitment to its body."""
    ledger, records = ledger_of()
    entry = ledger.append(
        at=NOON.replace(microsecond=7), by="person/1", subject="migration/1", act="drafted", body={"pages": 3}
    )
    salt, body = records.rows[0].salt, records.rows[0].body
    assert salt is not None
    assert body == b'{"pages":3}'
    assert entry == Entry(0, NOON, "person/1", "migration/1", "drafted", commitment_to(body, salt=salt))
    assert Entry.parse(entry.leaf()) == entry
    assert len(salt) == 32


def test_entries_are_read_whole_or_of_one_subject() -> None:
    """Entries and their bodies come back in order, all or of one subject."""
    ledger, _ = ledger_of(5)
    assert [entry.seq for entry in ledger.entries()] == [0, 1, 2, 3, 4]
    assert [entry.seq for entry in ledger.entries("migration/1")] == [1, 3]
    assert [told.body for told in ledger.history("migration/0")] == [{"n": 0}, {"n": 2}, {"n": 4}]
    assert ledger.size == 5


def test_a_forgotten_body_leaves_its_entry() -> None:
    """Once a body is forgotten, its entry is still told, without it, and proofs still hold."""
    ledger, records = ledger_of(3)
    ledger.forget(1)
    assert [told.body for told in ledger.history()] == [{"n": 0}, None, {"n": 2}]
    head = verify_checkpoint(ledger.checkpoint(), log=ledger.log)
    verify_inclusion(
        leaf_hash(records.rows[1].leaf), index=1, size=3, proof=ledger.inclusion(1), root=head.root
    )


def test_time_never_goes_back() -> None:
    """A clock slightly behind gets the last entry's time, further behind is refused, and small steps back do not add up."""
    ledger, _ = ledger_of(1)
    for behind in (240, 300):
        assert (
            ledger.append(
                at=NOON - timedelta(seconds=behind), by="p/1", subject="m/1", act="watched", body={}
            ).time
            == NOON
        )
    with pytest.raises(Refusal, match="clock-set-back") as refused:
        ledger.append(at=NOON - timedelta(seconds=301), by="p/1", subject="m/1", act="watched", body={})
    assert refused.value.values == {"got": 301, "most": 300}
    assert ledger.size == 3


def test_a_decision_on_an_older_state_is_not_appended() -> None:
    """When something was appended since the caller decided, appending is a fault that says to retry."""
    ledger, records = ledger_of(2)
    with pytest.raises(Fault, match="concurrent"):
        ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={}, expected=1)
    other, _ = ledger_of(0, records)
    later = NOON + timedelta(hours=1)
    other.append(at=later, by="p/2", subject="m/1", act="watched", body={}, expected=2)
    assert ledger.append(at=later, by="p/1", subject="m/1", act="watched", body={}).seq == 3


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"by": ""}, "ledger/entry-malformed"),
        ({"by": "durand@example.org"}, "ledger/entry-malformed"),
        ({"act": "a b"}, "ledger/entry-malformed"),
        ({"subject": "x" * 129}, "ledger/entry-malformed"),
        ({"body": {"n": 1.5}}, "sign/json-malformed"),
        ({"body": {"n": "x" * 65_536}}, "ledger/body-too-large"),
    ],
)
def test_what_no_entry_can_hold_is_refused(changed: dict[str, object], code: str) -> None:
    """An id that is no id, a float, or a body past 64 KiB is refused, and nothing is appended."""
    ledger, _ = ledger_of()
    whole: dict[str, object] = {
        "at": NOON,
        "by": "p/1",
        "subject": "m/1",
        "act": "watched",
        "body": {},
        **changed,
    }
    with pytest.raises(Refusal) as refused:
        ledger.append(**whole)  # type: ignore[arg-type]
    assert (refused.value.code, ledger.size) == (code, 0)


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_body_comes_back_as_it_was(body: Json) -> None:
    """Any tree of texts, integers, booleans and nothing is told as it was appended."""
    ledger, _ = ledger_of()
    ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={"told": body})
    assert next(ledger.history()).body == {"told": body}


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"{}",
        b" {}",
        b'{"act":"a","by":"b","commitment":"00","seq":0,"subject":"s","time":"2026-11-23T12:00:00Z"}',
    ],
)
def test_a_leaf_is_read_in_one_way_only(leaf: bytes) -> None:
    """A leaf with other spacing, order, fields or an instant that no calendar has is not an entry."""
    entry = Entry(0, NOON, "p/1", "m/1", "watched", "0" * 64).leaf()
    for wrong in (
        leaf,
        entry + b"\n",
        entry.replace(b'"seq":0', b'"seq":00'),
        entry.replace(b"2026-11-23", b"2026-13-23"),
    ):
        with pytest.raises(Refusal, match="entry-malformed"):
            Entry.parse(wrong)


def test_every_head_is_consistent_with_every_later_one() -> None:
    """After each append a head is signed, and each is proved to begin every later one."""
    ledger, _ = ledger_of()
    heads = []
    for _ in range(9):
        ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={})
        heads.append(verify_checkpoint(ledger.checkpoint(), log=ledger.log))
    for old in heads:
        for new in heads[old.size - 1 :]:
            proof = ledger.consistency(old.size, new.size)
            verify_consistency(old=old.size, new=new.size, proof=proof, old_root=old.root, new_root=new.root)
    with pytest.raises(Refusal, match="consistency-not-proved"):
        ledger.consistency(1, 10)


def test_an_empty_ledger_has_a_signed_head() -> None:
    """Before the first entry the head says size 0 and the empty root, and a witness may start from it."""
    ledger, _ = ledger_of()
    seen = witness()
    assert verify_checkpoint(ledger.checkpoint(), log=ledger.log) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    seen.cosign(ledger.checkpoint(), [], log=ledger.log, at=NOON)
    ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={})
    seen.cosign(ledger.checkpoint(), [], log=ledger.log, at=NOON)
    lie = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), key=KEY)
    with pytest.raises(Refusal, match="forked"):
        witness().cosign(lie, [], log=ledger.log, at=NOON)


def test_a_witness_follows_a_growing_ledger() -> None:
    """A witness cosigns each head that continues the last, the cosigned head is kept, and the ledger goes on upon it."""
    ledger, _ = ledger_of(3)
    seen = witness()
    first = seen.cosign(ledger.checkpoint(), [], log=ledger.log, at=NOON)
    ledger.keep(first)
    assert ledger.checkpoint() == first
    ledger.append(at=NOON + timedelta(hours=1), by="p/1", subject="m/1", act="watched", body={})
    second = seen.cosign(ledger.checkpoint(), ledger.consistency(3, 4), log=ledger.log, at=NOON)
    ledger.keep(second)
    assert list(ledger.checkpoints()) == [second, first]
    assert verify_cosignature(second, witness=seen.public).at == NOON
    seen.check_start(ledger.checkpoint(), log=ledger.log)


def test_a_head_that_is_not_ours_is_not_kept() -> None:
    """A head over more entries, or with another root, is not kept even signed with our key."""
    ledger, _ = ledger_of(2)
    for size in (1, 3):
        with pytest.raises(Refusal, match="forked"):
            ledger.keep(sign_checkpoint(Checkpoint(ORIGIN, size, bytes(32)), key=KEY))


def test_a_stored_ledger_that_does_not_match_its_head_is_refused() -> None:
    """A process that opens records whose edge or last entry was changed refuses to build on them."""
    for place in ((1, 0), (0, 2)):
        ledger, records = ledger_of(3)
        records.tree[place] = bytes(32)
        with pytest.raises(Refusal, match="ledger/altered"):
            _ = Ledger(records, origin=ORIGIN, key=KEY).size
        assert ledger.size == 3
    _, records = ledger_of(3)
    records.rows[2] = replace(records.rows[2], leaf=records.rows[1].leaf)
    with pytest.raises(Refusal, match="ledger/altered"):
        _ = Ledger(records, origin=ORIGIN, key=KEY).size
    records.rows.pop()
    with pytest.raises(Refusal, match="ledger/altered"):
        _ = Ledger(records, origin=ORIGIN, key=KEY).size


def test_an_append_that_was_taken_back_is_forgotten() -> None:
    """When the store gives up an append, because its transaction failed, the same ledger reads what is stored, not what it remembers."""
    ledger, records = ledger_of(1)
    records.newest = None
    records.rows.clear()
    assert ledger.size == 0
    assert ledger.append(at=NOON, by="p/1", subject="m/1", act="watched", body={}).seq == 0


def test_an_altered_body_is_not_told() -> None:
    """A body changed in the store is refused when it is read, by the number of its entry."""
    ledger, records = ledger_of(2)
    records.rows[1] = replace(records.rows[1], body=b'{"n":7}')
    with pytest.raises(Refusal, match="body-altered") as refused:
        list(ledger.history())
    assert refused.value.values == {"seq": 1}
