"""A chamber holds every act against the migration's table once more, and gives a parcel only while it may be read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.chamber import Chamber
from ecluse.passage.migration import Act, MigrationState
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import add_signature, digest, sign_document
from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
TO_DEPOSITED = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT]


@pytest.fixture
def chamber(tmp_path: Path) -> Chamber:
    settings = write_exchange(tmp_path, name="sas.example", host="h", language="fr")
    return Exchange(settings, clock=lambda: AT).create_chamber("labo-a")


def record(chamber: Chamber, *acts: Act) -> None:
    for act in acts:
        chamber.record(act.value, by="p-0001", subject="m-1", body={})


def test_an_act_that_the_table_forbids_is_refused_at_the_exchange_too(chamber: Chamber) -> None:
    """An agent gone wrong cannot deposit before it extracted, nor draft a name twice; nothing is appended."""
    with pytest.raises(Refusal, match="migration/unknown"):
        record(chamber, Act.DEPOSIT)
    record(chamber, Act.DRAFT)
    for act in (Act.DEPOSIT, Act.DRAFT):
        with pytest.raises(Refusal, match="migration/not-now"):
            record(chamber, act)
    assert chamber.ledger.size == 1


def test_a_parcel_comes_in_once_and_goes_out_while_it_may_be_read(chamber: Chamber) -> None:
    """The chamber takes a parcel after the source is shut and gives it after its deposit; revoked, it gives no more."""
    record(chamber, *TO_DEPOSITED[:4])
    with pytest.raises(Refusal, match="chamber/takes-none"):
        chamber.check_takes("m-1")
    record(chamber, Act.EXTRACT)
    chamber.check_takes("m-1")
    with pytest.raises(Refusal, match="chamber/gives-none"):
        chamber.check_gives("m-1")
    record(chamber, Act.DEPOSIT)
    chamber.check_gives("m-1")
    with pytest.raises(Refusal, match="chamber/takes-none"):
        chamber.check_takes("m-1")
    record(chamber, Act.REVOKE)
    with pytest.raises(Refusal, match="chamber/gives-none"):
        chamber.check_gives("m-1")


def test_a_migration_that_nobody_drafted(chamber: Chamber) -> None:
    """A name from outside that the ledger does not know is refused."""
    with pytest.raises(Refusal, match="migration/unknown"):
        chamber.check_takes("m-2")


def test_an_act_decided_on_an_older_ledger_is_refused(chamber: Chamber) -> None:
    """Who decided on three entries does not append as a fifth: the fault says to read again."""
    record(chamber, Act.DRAFT)
    with pytest.raises(Fault, match="ledger/concurrent"):
        chamber.record("note", by="p-0001", subject="m-1", body={}, expected=0)
    assert chamber.record("note", by="p-0001", subject="m-1", body={"a": 1}, expected=1) == 2


def test_the_overview_grows_with_the_ledger(chamber: Chamber) -> None:
    """What the chamber tells of its migrations follows each act, and what was told before does not change."""
    record(chamber, Act.DRAFT)
    before = chamber.overview()
    record(chamber, Act.INSTRUCT)
    now = chamber.overview()
    assert [len(told.passings["m-1"].steps) for told in (before, now)] == [1, 2]


def test_what_another_process_appended_is_seen(chamber: Chamber, tmp_path: Path) -> None:
    """Entries of another process on the same folder are read before an act is judged."""
    record(chamber, Act.DRAFT)
    other = Exchange(read_exchange(tmp_path), clock=lambda: AT).chamber("labo-a")
    other.record(Act.INSTRUCT.value, by="p-0002", subject="m-1", body={"x": 1})
    assert chamber.migration("m-1").state is MigrationState.INSTRUCTED
    assert [(event.by, dict(event.body)) for event in chamber.events()] == [
        ("p-0001", {}),
        ("p-0002", {"x": 1}),
    ]


def test_a_kept_document_only_gains_signatures(chamber: Chamber) -> None:
    """A document is kept under its own digest alone, and no later envelope takes away a signature that stands on it."""
    one, other = SigningKey.from_seed(b"1" * 32), SigningKey.from_seed(b"2" * 32)
    payload = b"an instruction"
    first = sign_document(payload, type="instruction", keys=[one])
    chamber.keep_document(first, digest=digest(payload))
    for envelope, named, code in (
        (
            sign_document(payload, type="instruction", keys=[other, other, other]),
            digest(payload),
            "document/fewer-signatures",
        ),
        (first, digest(b"another"), "document/another"),
        (first.replace(b"instruction+toml", b"letter+toml"), digest(payload), "sign/unknown-type"),
    ):
        with pytest.raises(Refusal, match=code):
            chamber.keep_document(envelope, digest=named)
    assert chamber.documents.get(digest(payload)) == first
    chamber.keep_document(add_signature(first, other), digest=digest(payload))
    assert chamber.documents.get(digest(payload)) == add_signature(first, other)
