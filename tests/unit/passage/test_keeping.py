"""An exchange erases by itself what it may no longer keep, and what a restored backup brought back; the ledger decides, never the folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecluse.adapters.documents import DocumentFolder
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import CUSTODY_ERASED
from ecluse.passage.chamber import Chamber
from ecluse.passage.erase import READ_FAILED
from ecluse.passage.keeping import NOT_LISTED, check_country, countries_named, expire, keep, sweep
from ecluse.passage.migration import Act, MigrationState
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.sign import digest, sign_document
from tests.documents import INSTRUCTION
from tests.ports.memory_records import MemoryRecords
from tests.sites import MemoryVault

AT = datetime(2026, 12, 1, 12, tzinfo=UTC)
KEY = SigningKey.from_seed(b"k" * 32)
HOST = "sas.example"
TO_DEPOSITED = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT]
TO_RECONCILED = [Act.HAND_OVER, Act.OPEN_TARGET, Act.CLOSE_TARGET, Act.LOAD, Act.RECONCILE]


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chamber(tmp_path: Path, clock: Clock) -> Chamber:
    ledger = Ledger(MemoryRecords(), origin="sas.example/labo-a", key=KEY)
    return Chamber(
        "labo-a", clock, ledger, DocumentFolder(tmp_path / "documents"), DiskVault(tmp_path / "custody")
    )


def deposited(chamber: Chamber, name: str, instruction: bytes = INSTRUCTION.encode()) -> None:
    """A migration whose parcel is in custody."""
    envelope = sign_document(instruction, type="instruction", keys=[KEY])
    chamber.documents.put(envelope, digest=digest(instruction))
    for act in TO_DEPOSITED:
        record(chamber, name, act, instruction=digest(instruction))
    chamber.custody.put(name, "part-0001.age", [b"sealed"])


def record(chamber: Chamber, name: str, *acts: Act, instruction: str = "") -> None:
    for act in acts:
        chamber.record(act.value, by="p-0001", subject=name, body={"instruction": instruction})


def noted(chamber: Chamber) -> list[tuple[str, object]]:
    """The entries of erasures: what went where, each place as the certificate of erasure would say it."""
    told = []
    for event in chamber.events():
        if event.act == CUSTODY_ERASED:
            files = {place["what"]: place["count"] for place in event.body["places"]}
            told.append(
                (event.subject, {"why": event.body["why"], "again": event.body["again"], "files": files})
            )
    return told


def test_what_may_be_read_is_kept(chamber: Chamber) -> None:
    """A parcel that waits for its target stays, and nothing is written."""
    deposited(chamber, "m-1")
    size = chamber.ledger.size
    assert keep(chamber, uploads=None, by=HOST) == []
    assert (chamber.custody.names("m-1"), chamber.ledger.size) == (["part-0001.age"], size)


def test_what_is_accepted_is_erased_by_the_host_itself(chamber: Chamber) -> None:
    """Once a biologist accepted, parcel and unfinished uploads go without anybody asking, and one entry says what went; the next pass writes nothing."""
    deposited(chamber, "m-1")
    deposited(chamber, "m-2")
    uploads = MemoryVault()
    uploads.put("m-1", "part-0002.age", [b"half"])
    record(chamber, "m-1", *TO_RECONCILED)
    assert sweep(chamber, uploads=uploads, by=HOST) == ["m-1"]
    assert (chamber.custody.folders(), uploads.folders()) == (["m-2"], [])
    seen = [(place["site"], place["verification"]) for place in chamber.events()[-1].body["places"]]
    assert seen == [("exchange", READ_FAILED), ("exchange", NOT_LISTED)]
    told = [("m-1", {"why": "reconciled", "again": False, "files": {"parcel": 1, "uploads": 1}})]
    assert noted(chamber) == told
    assert sweep(chamber, uploads=uploads, by=HOST) == []
    assert noted(chamber) == told


def test_what_is_past_its_time_is_expired_and_erased(chamber: Chamber, clock: Clock) -> None:
    """At the instruction's time to live, not a day before, the migration is expired and its parcel erased."""
    deposited(chamber, "m-1")
    days = 14
    clock.now = AT + timedelta(days=days) - timedelta(seconds=1)
    assert keep(chamber, uploads=None, by=HOST) == []
    clock.now = AT + timedelta(days=days)
    assert keep(chamber, uploads=None, by=HOST) == ["m-1"]
    assert chamber.migration("m-1").state is MigrationState.EXPIRED
    assert noted(chamber) == [("m-1", {"why": "expired", "again": False, "files": {"parcel": 1}})]
    assert expire(chamber, by=HOST) == []


def test_a_migration_that_read_nothing_ends_with_its_instruction(chamber: Chamber, clock: Clock) -> None:
    """One that was instructed and never read anything is expired when its instruction ends."""
    payload = INSTRUCTION.encode()
    chamber.documents.put(sign_document(payload, type="instruction", keys=[KEY]), digest=digest(payload))
    record(chamber, "m-1", Act.DRAFT, Act.INSTRUCT, instruction=digest(payload))
    assert expire(chamber, by=HOST) == []
    clock.now = datetime(2028, 1, 1, tzinfo=UTC)
    assert expire(chamber, by=HOST) == ["m-1"]


@pytest.mark.parametrize("document", [None, b"another instruction", b"not = an instruction"])
def test_without_its_instruction_nothing_is_kept_for_ever(
    chamber: Chamber, clock: Clock, document: bytes | None
) -> None:
    """Where the instruction is not at the exchange, is another one or cannot be read, the longest time that any may give ends it: thirty days."""
    named = digest(document if document == b"not = an instruction" else b"the one that the ledger names")
    if document:
        chamber.documents.put(sign_document(document, type="instruction", keys=[KEY]), digest=named)
    for act in TO_DEPOSITED[:2]:
        record(chamber, "m-1", act, instruction=named)
    clock.now = AT + timedelta(days=30) - timedelta(seconds=1)
    assert expire(chamber, by=HOST) == []
    clock.now = AT + timedelta(days=30)
    assert expire(chamber, by=HOST) == ["m-1"]


def test_what_a_backup_brought_back_is_erased_again(chamber: Chamber) -> None:
    """A parcel that is there again after its erasure goes again, and the ledger says so; so does a folder that the ledger does not know, unnamed."""
    deposited(chamber, "m-1")
    record(chamber, "m-1", Act.REVOKE)
    assert sweep(chamber, uploads=None, by=HOST) == ["m-1"]
    chamber.custody.put("m-1", "part-0001.age", [b"from the backup"])
    chamber.custody.put("name-of-nobody", "part-0001.age", [b"from elsewhere"])
    assert sweep(chamber, uploads=None, by=HOST) == ["m-1", "name-of-nobody"]
    assert chamber.custody.folders() == []
    assert noted(chamber)[1:] == [
        ("m-1", {"why": "revoked", "again": True, "files": {"parcel": 1}}),
        ("labo-a", {"why": "unknown", "again": False, "files": {"parcel": 1}}),
    ]


def test_an_erasure_cut_before_its_entry_is_noted_by_the_next(chamber: Chamber) -> None:
    """Killed after the bytes went and before the entry, the next pass writes the entry."""
    deposited(chamber, "m-1")
    record(chamber, "m-1", Act.REVOKE)
    chamber.custody.erase("m-1")
    assert sweep(chamber, uploads=None, by=HOST) == ["m-1"]
    assert noted(chamber) == [("m-1", {"why": "revoked", "again": False, "files": {"parcel": 0}})]


def test_what_does_not_go_is_never_noted_as_gone(chamber: Chamber) -> None:
    """A place that says it erased and still lists the folder is refused, and the ledger says nothing."""

    class Stubborn(MemoryVault):
        def erase(self, folder: str) -> int:
            return 1

    deposited(chamber, "m-1")
    record(chamber, "m-1", Act.REVOKE)
    uploads = Stubborn()
    uploads.put("m-1", "part-0002.age", [b"half"])
    with pytest.raises(Refusal, match="erase/survived"):
        sweep(chamber, uploads=uploads, by=HOST)
    assert noted(chamber) == []


class Raced(MemoryRecords):
    """Records that others write first, `times` times."""

    times = 0

    def append(self, **said: object) -> None:
        if self.times:
            self.times -= 1
            raise Fault("ledger/concurrent", expected=0, got=0)
        super().append(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(("times", "code"), [(1, ""), (10, "ledger/concurrent")])
def test_an_entry_is_tried_again_while_others_write(tmp_path: Path, times: int, code: str) -> None:
    """When other processes append first, the entry is tried again; for ever is not tried."""
    records = Raced()
    chamber = Chamber(
        "labo-a",
        lambda: AT,
        Ledger(records, origin="sas.example/labo-a", key=KEY),
        DocumentFolder(tmp_path / "documents"),
        MemoryVault(),
    )
    deposited(chamber, "m-1")
    record(chamber, "m-1", Act.REVOKE)
    records.times = times
    if code:
        with pytest.raises(Fault, match=code):
            sweep(chamber, uploads=None, by=HOST)
    else:
        assert sweep(chamber, uploads=None, by=HOST) == ["m-1"]


def test_an_entry_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Another fault of the ledger than a race is not tried again."""

    class Full(MemoryRecords):
        full = False

        def append(self, **said: object) -> None:
            if self.full:
                raise Fault("ledger/disk-full")
            super().append(**said)  # type: ignore[arg-type]

    records = Full()
    ledger = Ledger(records, origin="sas.example/labo-a", key=KEY)
    chamber = Chamber("labo-a", lambda: AT, ledger, DocumentFolder(tmp_path / "documents"), MemoryVault())
    deposited(chamber, "m-1")
    record(chamber, "m-1", Act.REVOKE)
    records.full = True
    with pytest.raises(Fault, match="ledger/disk-full"):
        sweep(chamber, uploads=None, by=HOST)


def test_parcels_are_kept_in_the_area_or_where_every_instruction_names(chamber: Chamber) -> None:
    """A country outside the European Economic Area is refused unless every instruction still open names it with a reason."""
    check_country("FR")
    with pytest.raises(Refusal, match="chamber/outside-eea"):
        check_country("US")
    assert countries_named(chamber) == frozenset()
    within = '[processor]\nname = "Kalibio SAS"\ncountry = "FR"\n'
    reason = 'third_country_reason = "La Suisse a une décision d\'adéquation (2000/518/CE)."\n'
    abroad = INSTRUCTION.replace(within, within.replace('"FR"', '"CH"') + reason).encode()
    deposited(chamber, "m-1", abroad)
    assert countries_named(chamber) == {"CH"}
    check_country("CH", named=countries_named(chamber))
    deposited(chamber, "m-2")
    assert countries_named(chamber) == frozenset()
    record(chamber, "m-2", Act.REVOKE)
    assert countries_named(chamber) == {"CH"}
