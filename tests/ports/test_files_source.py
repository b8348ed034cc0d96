"""A folder of messages as a source, past the contract of every source: what is folded, what is counted, what is left, and what is refused."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ecluse.adapters.connectors.files.folder import listed, one_stream
from ecluse.adapters.connectors.files.format import Fact, Seen, Unread
from ecluse.adapters.connectors.files.meter import LineMeter, Metered
from ecluse.adapters.connectors.files.source import FilesSnapshot, FilesSource, mapping_of
from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account, Facts
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.format_lines import Lines, line
from tests.ports.sources import plan as of_january

R1 = line("request", id="R1", patient="P1", site="01", date="2024-01-15")


def plan(**fields: tuple[str, ...]) -> Plan:
    """Every row of these kinds, whatever it holds."""
    return read_back(records=fields, instruction="", mapping=mapping_of(Lines()), vocabulary=vocabulary())


WHOLE = plan(**{name: tuple(kind.fields) for name, kind in vocabulary().kinds.items()})
JANUARY = replace(WHOLE, read_back=False, start=date(2024, 1, 1), end=date(2024, 1, 31), sites=("01",))
"""The same as a source is read: of January, under no category."""


@contextmanager
def opened(folder: Path, *files: bytes, wanted: Plan = WHOLE) -> Iterator[tuple[FilesSnapshot, Plan]]:
    """These files in the folder, and a snapshot of it."""
    folder.mkdir(exist_ok=True)
    for number, octets in enumerate(files, start=1):
        (folder / f"{number}.jsonl").write_bytes(octets)
    with FilesSource(Lines(), lambda: listed(folder), scratch=folder.parent).snapshot() as snapshot:
        yield snapshot, wanted


def rows(snapshot: FilesSnapshot, wanted: Plan, kind: str) -> dict[str, dict[str, Any]]:
    """The rows by id, with what they say."""
    piece = wanted.slice(kind)
    assert piece is not None
    found = [row for batch in snapshot.rows(wanted, piece) for row in batch.to_pylist()]
    return {
        row["id"]: {name: it for name, it in row.items() if it is not None and name[0] != "_"}
        for row in found
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "messages"


# --- facts told again --------------------------------------------------------------------------------------------------------------------


def test_the_last_present_value_of_each_field_wins(folder: Path) -> None:
    """A later message completes and replaces what earlier ones said, field by field; "" empties; silence changes nothing."""
    first = line("patient", id="P1", birth_name="DURAND", phone="01", city="PARIS")
    second = line("patient", id="P1", birth_name="MARTIN", phone="", email="a@example.org")
    asked = R1 + line("request", id="R2", patient="P2", site="01", date="2024-01-16")
    files = (asked, first + line("patient", id="P2", city=""), second)
    with opened(folder, *files, wanted=JANUARY) as (snapshot, wanted):
        assert rows(snapshot, wanted, "patient") == {
            "P1": {"id": "P1", "birth_name": "MARTIN", "city": "PARIS", "email": "a@example.org"},
            "P2": {"id": "P2"},
        }
        assert snapshot.account(wanted).facts["patient"] == Facts(told=3, records=2, superseded=1)


def test_an_empty_text_of_our_own_files_is_one(folder: Path) -> None:
    """Read back, what a record's field holds is what was written: an empty text is not the order to empty it."""
    with opened(folder, line("patient", id="P2", city="")) as (snapshot, wanted):
        assert rows(snapshot, wanted, "patient") == {"P2": {"id": "P2", "city": ""}}


def test_what_is_gone_is_gone_until_it_is_told_again(folder: Path) -> None:
    """A message that removes a record removes all that was told of it before; what is told afterwards stands alone."""
    told = line("result", id="A1", value="5") + line("result", id="A2", value="6", unit="g")
    gone = line("result", id="A1", gone=True) + line("result", id="A2", gone=True)
    with opened(folder, told, gone, line("result", id="A2", value="7")) as (snapshot, wanted):
        assert rows(snapshot, wanted, "result") == {"A2": {"id": "A2", "value": "7"}}
        assert snapshot.account(wanted).facts["result"] == Facts(told=5, records=1, gone=4)


def test_the_removal_of_a_record_never_told_is_counted(folder: Path) -> None:
    """A correction of a result never seen removes nothing, and is accounted for."""
    with opened(folder, line("result", id="A9", gone=True)) as (snapshot, wanted):
        assert rows(snapshot, wanted, "result") == {}
        assert snapshot.account(wanted).facts["result"] == Facts(told=1, gone=1, never_told=1)


def test_octets_told_again_are_replaced(folder: Path) -> None:
    """A document told again has the octets told last, and none where they are emptied."""
    told = line("document", id="D1", request="R1", content=b"\x00\xff1")
    told += line("document", id="D2", request="R1", content=b"x")
    again = line("document", id="D1", content=b"2\x00") + line("document", id="D2", content=b"")
    with opened(folder, R1, told, again, wanted=JANUARY) as (snapshot, wanted):
        assert rows(snapshot, wanted, "document") == {
            "D1": {"id": "D1", "request": "R1", "content": b"2\x00"},
            "D2": {"id": "D2", "request": "R1"},
        }


def test_many_facts_are_folded_whole(folder: Path) -> None:
    """Thirty thousand facts of ten thousand records come to ten thousand records, each with its last value."""
    octets = b"".join(line("patient", id=str(n % 10_000), city=str(n)) for n in range(30_000))
    with opened(folder, octets) as (snapshot, wanted):
        found = rows(snapshot, wanted, "patient")
        assert {key: row["city"] for key, row in found.items()} == {str(n): str(n + 20_000) for n in range(10_000)}  # fmt: skip
        assert snapshot.account(wanted).facts["patient"].unexplained == 0


# --- what is counted ----------------------------------------------------------------------------------------------------------------------


def test_every_unit_has_a_fate(folder: Path) -> None:
    """Lines that gave a record, that are structure, that the vocabulary has no word for, that cannot be read: their sum is the file's."""
    octets = R1 + b'{"note": 1}\n' + line("mood", id="1") + b"broken\n" + line("result", id="A1")
    with opened(folder, octets) as (snapshot, wanted):
        account = snapshot.account(wanted)
        assert account.units == {
            "line": {"carried": 2, "structure": 1, "not-in-vocabulary": 1, "unread:no-record": 1}
        }
        assert (account.seen, account.unread) == (5, {"no-record": 1})


class Careless(Lines):
    """A reader with a defect: the third line of each file is passed over."""

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        told = stream.read()
        if stream.seekable():  # and it reads twice, as some formats do
            stream.seek(0)
            told = b"".join(stream)
        lines = told.splitlines(keepends=True)
        yield from super().read(io.BytesIO(b"".join(lines[:2] + lines[3:])), name=name)


def test_a_line_that_the_reader_passes_over_is_seen_by_the_second_count(folder: Path) -> None:
    """The octets are counted as they go by, by their separators alone: a reader that loses a line, in a file or a pipe, cannot hide it."""
    folder.mkdir()
    octets = b"".join(line("patient", id=f"P{number}") for number in range(5))
    (folder / "1.jsonl").write_bytes(octets)
    for listing in (lambda: listed(folder), lambda: one_stream(io.BytesIO(octets))):
        for fmt, lost in ((Lines(), 0), (Careless(), 1)):
            with FilesSource(fmt, listing, scratch=folder.parent).snapshot() as snapshot:
                account = snapshot.account(WHOLE)
            assert (account.seen, account.measured) == (5 - lost, {"*": 5})
            assert account.mismeasured == account.unexplained == lost


def test_what_a_reader_leaves_is_counted_and_what_it_passes_over_it_cannot() -> None:
    """A reader that stops early leaves octets that are counted all the same; one that would seek forward is stopped."""
    metered = Metered(io.BytesIO(b"a\nb\nc\n" * 100_000), LineMeter(ends=b"\n"))
    stream = metered.opened()
    assert stream.readline() == b"a\n"
    with pytest.raises(io.UnsupportedOperation):
        stream.seek(200_000)
    stream.seek(0)
    assert metered.total() == 300_000


def test_what_cannot_be_read_is_kept_octet_for_octet(folder: Path) -> None:
    """Its place by number, its reason, its units, and its octets as they came."""
    with opened(folder, R1, R1 + b"\xff\x00broken\n") as (snapshot, wanted):
        assert [row for batch in snapshot.unread(wanted) for row in batch.to_pylist()] == [
            {"place": "2:2", "units": '{"line": 1}', "raw": b"\xff\x00broken\n", "_reason": "no-record"}
        ]


def test_records_whose_parent_was_never_seen_are_counted(folder: Path) -> None:
    """A result of a request never seen, a request of a patient never seen or of none, a result in a specimen never seen."""
    octets = R1 + line("request", id="R2") + line("result", id="A1", request="R9", specimen="E9")
    with opened(folder, octets + line("patient", id="P2")) as (snapshot, wanted):
        assert snapshot.account(wanted).orphans == {
            "request.patient": 2,
            "result.request": 1,
            "result.specimen": 1,
        }


def test_a_result_of_a_request_never_seen_stays_under_a_rule(folder: Path) -> None:
    """Where site and date are told by the request, a result without one cannot be shown to be within the instruction: `scope/unknown`."""
    wanted = of_january(
        mapping_of(Lines()),
        classified={"result.code": frozenset({"GLU"}), "invoice.act": frozenset()},
        excluded={"result.code": (), "invoice.act": ()},
    )
    octets = R1 + line("result", id="A1", request="R9", code="GLU") + line("result", id="A2", request="R1", code="GLU")  # fmt: skip
    with opened(folder, octets, wanted=wanted) as (snapshot, _):
        piece = wanted.slice("result")
        assert piece is not None
        counts = {it.rule: it.rows for it in snapshot.census(wanted, piece)}
        assert counts == {"scope/unknown": 1, "": 1}


def test_only_the_columns_the_plan_reads_are_kept(folder: Path) -> None:
    """What the plan does not read never stands in the scratch, and the account says which columns were let go."""
    wanted = plan(patient=("id", "birth_name"))
    with opened(folder, line("patient", id="P1", birth_name="X", nss="1") + R1, wanted=wanted) as (
        snapshot,
        _,
    ):
        account = snapshot.account(wanted)
        assert account.kept["patient"] == ("id", "birth_name")
        assert "nss" in account.dropped["patient"]
        assert account.facts["request"] == Facts(told=1, unnamed=1)
        held = snapshot._scratch.connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = 'patient'"
        )
        assert {name for (name,) in held.fetchall()} == {"id", "birth_name", "_order", "_gone"}


def test_an_account_is_told_and_read_back(folder: Path) -> None:
    """The account survives its telling as plain values; another shape is refused."""
    with opened(folder, R1 + b"broken\n") as (snapshot, wanted):
        account = snapshot.account(wanted)
    assert Account.of(account.content()) == account
    with pytest.raises(Refusal, match="parcel/statement-malformed"):
        Account.of({"files": 1})


# --- which files --------------------------------------------------------------------------------------------------------------------------


def test_files_are_read_in_the_order_of_their_names(folder: Path) -> None:
    """Below the folder too; a file is told by its number, never by its name."""
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "DURAND.jsonl").write_bytes(line("patient", id="P1", city="2") + b"?\n")
    (folder / "a.jsonl").write_bytes(line("patient", id="P1", city="1"))
    (folder / "c.jsonl").write_bytes(line("patient", id="P1", city="3"))
    with opened(folder) as (snapshot, wanted):
        assert rows(snapshot, wanted, "patient")["P1"]["city"] == "3"
        assert [batch.column("place").to_pylist() for batch in snapshot.unread(wanted)] == [["2:2"]]


def test_what_is_not_read_is_counted(folder: Path) -> None:
    """Hidden files, symbolic links, witness files and what is no file are left, and counted."""
    folder.mkdir()
    (folder / ".hidden").write_bytes(R1)
    (folder / "elsewhere").symlink_to("/etc")
    (folder / "1.ok").touch()
    (folder / "2.OK").touch()
    os.mkfifo(folder / "pipe")
    with opened(folder, R1) as (snapshot, wanted):
        account = snapshot.account(wanted)
        assert (account.files, account.left) == (1, {"hidden": 1, "link": 1, "witness": 2, "no-file": 1})


def test_one_file_may_be_the_source(folder: Path) -> None:
    """A file's own path reads that file; a symbolic link to it is not followed."""
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(R1)
    (folder / "2.jsonl").symlink_to(folder / "1.jsonl")
    with FilesSource(Lines(), lambda: listed(folder / "1.jsonl")).snapshot() as snapshot:
        assert list(rows(snapshot, WHOLE, "request")) == ["R1"]
    with pytest.raises(Refusal, match="files/absent"):
        listed(folder / "2.jsonl")


def test_standard_input_is_read_once(folder: Path) -> None:
    """A pipe answers one plan; asked for another that reads more, it says that it is gone."""
    source = FilesSource(Lines(), lambda: one_stream(io.BytesIO(R1)))
    with source.snapshot() as snapshot:
        few = plan(request=("id",))
        assert list(rows(snapshot, few, "request")) == ["R1"]
        with pytest.raises(Refusal, match="files/stream-again"):
            rows(snapshot, WHOLE, "request")


def test_a_plan_that_reads_less_is_answered_from_what_was_read(folder: Path) -> None:
    """The files are not read again where all that is asked was kept."""
    source = FilesSource(Lines(), lambda: one_stream(io.BytesIO(R1)))
    with source.snapshot() as snapshot:
        assert list(rows(snapshot, WHOLE, "request")) == ["R1"]
        assert list(rows(snapshot, plan(request=("id",)), "request")) == ["R1"]


@pytest.mark.parametrize("change", ["longer", "replaced", "removed"])
def test_a_file_that_changes_is_refused(folder: Path, change: str) -> None:
    """Between the listing and the end of its reading a file is the same, or nothing is told of it."""
    folder.mkdir()
    file = folder / "1.jsonl"
    file.write_bytes(R1 * 3)
    found = listed(folder)
    with FilesSource(Lines(), lambda: found).snapshot() as snapshot:
        if change == "longer":
            file.write_bytes(R1 * 4)
        elif change == "replaced":
            (folder / "new").write_bytes(R1 * 3)
            (folder / "new").rename(file)
        elif change == "removed":
            file.unlink()
        with pytest.raises(Refusal, match="source/changed") as refused:
            rows(snapshot, WHOLE, "request")
    assert refused.value.values["where"] == "file 1"


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path) -> None:
    """Octets that are no longer those of the listing are not passed for them."""
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(R1 * 3)
    file = listed(folder).files[0]
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(Refusal, match="source/changed"))
        stack.enter_context(file.open()).read(1)
        (folder / "1.jsonl").write_bytes(R1 * 2)


def test_nothing_to_read_is_refused(folder: Path) -> None:
    """An absent folder and an empty one are no source; a target that is read back may well be empty."""
    with pytest.raises(Refusal, match="files/absent"):
        listed(folder)
    with opened(folder, wanted=of_january(mapping_of(Lines()))) as (snapshot, wanted):
        with pytest.raises(Refusal, match="files/none"):
            snapshot.account(wanted)
        assert rows(snapshot, WHOLE, "request") == {}


def test_the_account_is_there_once_the_snapshot_is_closed(folder: Path) -> None:
    """The source states what its last snapshot saw; before a plan was asked for there is nothing to state."""
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(R1)
    source = FilesSource(Lines(), lambda: listed(folder))
    with source.snapshot() as snapshot:
        pass
    with pytest.raises(Refusal, match="files/not-read"):
        source.statement()
    with source.snapshot() as snapshot:
        rows(snapshot, WHOLE, "request")
    assert source.statement().files == 1
