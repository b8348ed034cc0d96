"""What stops a run: a secret, a source that changes under the read, too many rejects, a recipient nobody compared, a parcel without its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from ecluse.adapters.connectors import memory
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import carry
from ecluse.passage.extract import Count
from ecluse.passage.inbound import receive, roll_back
from ecluse.passage.migration import MigrationState
from ecluse.passage.outbound import prepare, state_dump
from ecluse.proof.sign import verify_document
from tests.documents import ENGINEER
from tests.sites import Laboratory, MemoryVault, patient, request


@pytest.fixture
def lab() -> Laboratory:
    return Laboratory()


def test_a_column_of_secrets_is_refused_whatever_its_name(lab: Laboratory) -> None:
    """A column that holds hashes of passwords does not leave as a given name; the refusal names the column and no value."""
    hashes = [f"$2b$12$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7db{number}" for number in range(9)]
    lab.tables["PAT"] = [patient(number, PRENOM=text) for number, text in enumerate(hashes)]
    lab.tables["REQ"] = [request(number, number) for number in range(9)]
    with pytest.raises(Refusal, match="extract/secret") as said:
        lab.extract(lab.begin())
    assert said.value.values["where"] == "PAT.PRENOM"
    assert "$2b$" not in str(said.value)


def test_too_many_rejected_rows_refuse_the_run(lab: Laboratory) -> None:
    """A thousand birth dates that do not exist are a wrong mapping: the run is refused with the reasons."""
    lab.tables["PAT"] = [patient(number, NAI="19840230") for number in range(1001)]
    lab.tables["REQ"] = [request(number, number) for number in range(1001)]
    name = lab.begin()
    with pytest.raises(Refusal, match="extract/too-many-rejected") as said:
        lab.extract(name)
    assert said.value.values["reasons"] == "birth_date: date-not-readable (1001)"
    assert lab.source_site.migration(name).gate is None


class Shifting(memory.MemorySource):
    """A source of which a row goes between its census and its reading."""

    def snapshot(self) -> Any:
        @contextmanager
        def opened() -> Iterator[Any]:
            with super(Shifting, self).snapshot() as honest:
                census = honest.census

                def more(plan: Any, piece: Any) -> Iterator[Count]:
                    yield from census(plan, piece)
                    yield Count("", "-", "-", 1)

                honest.census = more
                yield honest

        return opened()


def test_a_source_that_changes_under_the_read_is_refused(lab: Laboratory) -> None:
    """What was moved must be what the census said would leave."""
    honest = lab.source

    class Moving(Laboratory):
        source = Shifting(honest.catalogue(), lab.tables)  # type: ignore[assignment]

    moving = Moving()
    with pytest.raises(Refusal, match="extract/count-differs") as said:
        moving.extract(moving.begin())
    assert (said.value.values["where"], said.value.values["groups"]) == ("patient", 1)


def test_a_parcel_without_its_key_cannot_be_received(lab: Laboratory) -> None:
    """The recipient's key destroyed, nothing can be opened any more."""
    name = lab.begin()
    while lab.state(name) is not MigrationState.HANDED_OVER:
        lab.step(name)
    lab.target_site.keys.destroy("parcel")
    with pytest.raises(Refusal, match="key/not-held"):
        receive(lab.target_site, name, source="old-site")


def test_a_recipient_that_nobody_compared_is_refused(lab: Laboratory) -> None:
    """A certificate that no person compared, or that no compared root signed, lights no lamp."""
    journal: Any = lab.source_site.journal
    kept = list(journal._events)
    journal._events = [event for event in kept if event.act != "recipient.compared"]
    with pytest.raises(Refusal, match="recipient/not-compared"):
        lab.begin()
    journal._events = kept
    lab.source_site.roots.pop("new-site")  # type: ignore[attr-defined]
    with pytest.raises(Refusal, match="recipient/not-certified"):
        lab.begin()


def test_a_document_under_another_ones_digest_is_refused(lab: Laboratory) -> None:
    """An honestly signed document laid in another's place is not that document."""
    documents: Any = lab.source_site.documents
    other = lab.sign(
        "codes",
        b'[[code]]\nsystem = "test"\ncode = "NA"\nlabel = "x"\ncategories = []\n',
        next(iter(lab.source_site.people.values())).person,
    )
    for digest in [body["document"] for body in lab.source_site.bodies("codes.signed")]:
        documents.held[digest] = documents.held[other]
    with pytest.raises(Refusal, match="document/another"):
        lab.begin()


def test_a_run_rolled_back_is_nothing_to_complete(lab: Laboratory) -> None:
    """A delta cannot complete a run that was taken out of the target again."""
    name = lab.begin()
    while lab.state(name) is not MigrationState.LOADED:
        lab.step(name)
    received = receive(lab.target_site, name, source="old-site")
    roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0)
    with pytest.raises(Refusal, match="migration/no-run-before"):
        lab.extract(lab.begin(delta=True))


class Broken(MemoryVault):
    def open(self, folder: str, name: str) -> Any:
        class Torn:
            def read(self, _size: int = -1) -> bytes:
                raise OSError

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                return

        return Torn()


def test_a_vault_that_cannot_be_read_is_a_fault() -> None:
    """A disk that fails under the reading is said as a fault, and nothing half carried is kept."""
    to = MemoryVault()
    with pytest.raises(Fault, match="vault/unreadable"):
        carry("m", names=["a"], origin=Broken(), to=to)
    assert to.names("m") == []


def test_a_file_of_another_content_is_not_overwritten() -> None:
    """Carried again, a file already there is left if it is the same, and refused by its name if it is not."""
    origin, to = MemoryVault(), MemoryVault()
    origin.put("m", "a", [b"x"])
    assert [carry("m", names=["a"], origin=origin, to=to) for _ in range(2)] == [1, 0]
    other = MemoryVault()
    other.put("m", "a", [b"y"])
    with pytest.raises(Refusal, match="vault/exists"):
        carry("m", names=["a"], origin=other, to=to)


def test_batches_say_their_types(lab: Laboratory) -> None:
    """Texts are strings and nothing else leaves the reference engine: the parcel's columns are typed by the vocabulary alone."""
    plan = prepare(lab.source_site, lab.begin(), mapping=lab.old).plan
    with lab.source.snapshot() as snapshot:
        for piece in plan.slices:
            for batch in snapshot.rows(plan, piece):
                assert {field.type for field in batch.schema} == {pa.string()}


def test_what_a_dump_held_is_signed_and_noted(lab: Laboratory) -> None:
    """The source's agent signs the tables of a dump, kept or not; the ledger counts both and holds the document's digest alone."""
    name = lab.begin()
    seen = {"PAT": {"rows": 3, "kept": ["NUM"]}, "ACCOUNTS": {"rows": 9, "kept": []}}
    document = state_dump(lab.source_site, name, by=ENGINEER.id, seen=seen)
    assert lab.source_site.bodies("dump.stated", subject=name) == [
        {"document": document, "tables": 2, "kept": 1}
    ]
    envelope = lab.source_site.documents.get(document)
    signed = verify_document(envelope, type="statement", keys=lab.source_site.agents)
    assert signed.digest == document
    assert json.loads(signed.payload) == {"migration": name, "tables": seen}
