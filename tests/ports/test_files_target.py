"""A folder of messages as a target, past the contract of every target: what is published, when, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecluse.adapters.connectors.files.format import Case, Row, Written
from ecluse.adapters.connectors.files.register import REGISTER
from ecluse.adapters.connectors.files.source import FilesSource, mapping_of
from ecluse.adapters.connectors.files.target import FilesTarget, published
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import Records, plain, records_of, rows_of
from tests.ports.format_lines import Lines

PART = iter(range(1, 1_000_000))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "target"


def given(kind: str, *rows: Row) -> TableRows:
    """These rows, as a writer gives them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    shape = pa.schema([pa.field(name, pa.binary() if name == "content" else pa.string()) for name in names])
    return TableRows(kind, pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=shape), ("id",))


def put(target: FilesTarget, kind: str, *rows: Row, replace: bool = False, migration: str = "m") -> Mark:
    mark = Mark(migration, next(PART), kind, len(rows))
    target.write([given(kind, *rows)], mark=mark, replace=replace)
    return mark


def put_all(target: FilesTarget, cases: Iterable[Case], **how: Any) -> None:
    """Every record of the cases, kind by kind, parents first."""
    rows: dict[str, dict[str, Row]] = {kind: {} for kind in vocabulary().kinds}
    for case in cases:
        for kind, row in rows_of(case):
            rows[kind][str(row["id"])] = row
    for kind, those in rows.items():
        if those:
            put(target, kind, *those.values(), **how)


def held(folder: Path) -> Records:
    """Every record that a reader of the folder sees, through the source that reads any folder."""
    fields = {name: tuple(kind.fields) for name, kind in vocabulary().kinds.items()}
    plan = read_back(records=fields, instruction="", mapping=mapping_of(Lines()), vocabulary=vocabulary())
    found: Records = {}
    with FilesSource(Lines(), lambda: published(folder), scratch=folder.parent).snapshot() as snapshot:
        for piece in plan.slices:
            for batch in snapshot.rows(plan, piece):
                for row in batch.to_pylist():
                    said = {name: it for name, it in row.items() if it is not None and name[0] != "_"}
                    found[piece.kind, row["id"]] = said
        assert not snapshot.account(plan).unread
    return found


def cases(count: int) -> list[Case]:
    return [plain(mapping_of(Lines()), number) for number in range(1, count + 1)]


# --- what is published ---------------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_what_a_reader_of_the_files_sees(folder: Path) -> None:
    """Requests with all that stands below them, whatever the order of their batches, and people without a request."""
    wanted = cases(250)
    others = plain(mapping_of(Lines()), 900)
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, reversed(wanted))
        put(target, "prescriber", others.prescriber)
        put(target, "patient", others.patient)
    assert held(folder) == records_of(
        wanted, [("prescriber", others.prescriber), ("patient", others.patient)]
    )
    assert len(list((folder / "messages").iterdir())) == 4


def test_what_nobody_else_may_read_is_read_by_nobody_else(folder: Path) -> None:
    """The folder, its register and its messages are their owner's alone."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir(), folder / "messages" / "000001.jsonl")
    }  # fmt: skip
    assert modes == {
        "target": 0o700, ".ecluse-target": 0o600, REGISTER: 0o600, "messages": 0o700, "000001.jsonl": 0o600,
    }  # fmt: skip


def test_nothing_is_published_again_where_nothing_changed(folder: Path) -> None:
    """A target opened and left as it was touches no file."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
    before = (folder / "messages").stat().st_ino
    FilesTarget(Lines(), folder).close()
    assert (folder / "messages").stat().st_ino == before


def test_replaced_and_removed_records_are_in_the_files_no_more(folder: Path) -> None:
    """The cut-over night's new values and a roll-back show in the messages, each record once."""
    (first,) = cases(1)
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, [first])
        put(target, "patient", {**first.patient, "city": "LYON"}, replace=True)
        mark = put(target, "result", {"id": "A9", "request": first.request["id"], "value": "9"})
        target.publish()
        assert held(folder)["result", "A9"]["value"] == "9"
        target.remove([given("result", {"id": "A9"})], mark=mark)
    assert held(folder)["patient", str(first.patient["id"])]["city"] == "LYON"
    assert ("result", "A9") not in held(folder)


# --- what does not fit -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("patient", {"id": "P1", "city": ""}, "type"),
        ("result", {"id": "A1", "request": "R9"}, "foreign-key"),
        ("result", {"id": "A1"}, "not-null"),
        ("isolate", {"id": "G1", "request": "P", "result": "A9"}, "foreign-key"),
    ],
)
def test_what_would_stand_in_no_message_is_refused(
    folder: Path, kind: str, row: dict[str, str], reason: str
) -> None:
    """What the format says is unfit, what is below no request, what hangs on a culture that is not there."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put(target, "request", {"id": "P"})
        with pytest.raises(RowsRefused) as refused:
            put(target, kind, row)
        assert (refused.value.values["where"], refused.value.values["reason"]) == (kind, reason)


def test_a_person_who_is_not_there_is_refused_only_where_people_are(folder: Path) -> None:
    """Without prescribers at all their numbers are told; with some, a number that is none of theirs is refused."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put(target, "request", {"id": "R1", "prescriber": "D9", "patient": "P9"})
        put(target, "prescriber", {"id": "D1"})
        put(target, "request", {"id": "R2", "prescriber": "D1"})
        with pytest.raises(RowsRefused, match="foreign-key"):
            put(target, "request", {"id": "R3", "prescriber": "D9"})
    assert held(folder)["request", "R1"] == {"id": "R1", "prescriber": "D9", "patient": "P9"}


def test_a_folder_of_others_is_not_touched(folder: Path) -> None:
    """A folder that holds anything, or messages of another format, is no target of this one."""
    folder.mkdir()
    (folder / "theirs").touch()
    with pytest.raises(Refusal, match="files/not-ours"):
        FilesTarget(Lines(), folder)
    (folder / "theirs").unlink()
    FilesTarget(Lines(), folder).close()

    class Others(Lines):
        name = "others"

    with pytest.raises(Refusal, match="files/not-ours"):
        FilesTarget(Others(), folder)


# --- the end, and what comes after -------------------------------------------------------------------------------------------------------------


def test_when_all_is_settled_the_messages_alone_are_left(folder: Path) -> None:
    """The register goes with the last migration's marks; what it held stands in the files."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(2))
        target.settle("m")
    assert sorted(path.name for path in folder.iterdir()) == [".ecluse-target", "messages"]
    assert held(folder) == records_of(cases(2))


def test_a_later_migration_adds_to_what_was_published(folder: Path) -> None:
    """A register begun again holds what the messages tell: new records join them, replaced ones change, the others stay."""
    first, second, third = cases(3)
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, [first, second])
        target.settle("m")
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, [third], migration="n")
        put(target, "patient", {"id": first.patient["id"], "city": "LYON"}, replace=True, migration="n")
        put(target, "result", {"id": "A9", "request": second.request["id"]}, migration="n")
    expected = records_of([first, second, third])
    expected["patient", str(first.patient["id"])]["city"] = "LYON"
    expected["result", "A9"] = {"id": "A9", "request": second.request["id"]}
    assert held(folder) == expected


def test_messages_that_were_damaged_are_not_built_upon(folder: Path) -> None:
    """Published messages that cannot be read whole stop a later migration, and stay as they are."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
        target.settle("m")
    (folder / "messages" / "000001.jsonl").write_bytes(b"broken\n")
    with pytest.raises(Fault, match="files/damaged"):
        FilesTarget(Lines(), folder)
    assert (folder / "messages" / "000001.jsonl").read_bytes() == b"broken\n"


# --- failures and kills ------------------------------------------------------------------------------------------------------------------------


class Failing(Lines):
    """A disk that is full after the first file."""

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        yield next(iter(super().write(cases, alone)))
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_older_messages(folder: Path) -> None:
    """What was published stays whole; the rest is published when there is room."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
    target = FilesTarget(Failing(), folder)
    put_all(target, cases(2)[1:])
    with pytest.raises(Fault, match="target/disk-full"):
        target.close()
    assert (folder / "messages" / "000001.jsonl").read_bytes().count(b"\n") == len(records_of(cases(1)))
    with pytest.raises(Refusal, match="files/not-published"):
        held(folder)
    FilesTarget(Lines(), folder).close()
    assert held(folder) == records_of(cases(2))


KILLED = """
import os, signal, sys
from pathlib import Path
from ecluse.adapters.connectors.files.target import FilesTarget
from tests.ports.format_lines import Lines
class Killed(Lines):
    def write(self, cases, alone):
        for number, file in enumerate(super().write(cases, alone)):
            if number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            yield file
FilesTarget(Killed(), Path(sys.argv[1])).close()
"""


def test_killed_while_it_publishes_it_publishes_again(folder: Path) -> None:
    """Killed (SIGKILL) in the middle of the files, the folder shows the older messages; opened again, it shows all, each record once."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
    target = FilesTarget(Lines(), folder)
    put_all(target, cases(250)[1:])
    target._connection.close()  # the process ends before it could publish
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], cwd=Path(__file__).parents[2], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert (folder / ".messages.new" / "000001.jsonl").exists()
    assert len(list((folder / "messages").iterdir())) == 1
    with pytest.raises(Refusal, match="files/not-published"):
        held(folder)
    FilesTarget(Lines(), folder).close()
    assert held(folder) == records_of(cases(250))
    assert not (folder / ".messages.new").exists()


def test_killed_between_the_two_renames_it_publishes_again(folder: Path) -> None:
    """With the older messages put aside and the newer not yet in their place, nothing is lost."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
    target = FilesTarget(Lines(), folder)
    put_all(target, cases(3)[1:])
    target._connection.close()
    os.rename(folder / "messages", folder / ".messages.old")  # noqa: PTH104 - as the program does
    (folder / ".messages.new").mkdir()
    FilesTarget(Lines(), folder).close()
    assert held(folder) == records_of(cases(3))
    assert sorted(path.name for path in folder.iterdir()) == [REGISTER, ".ecluse-target", "messages"]


def test_a_register_whose_making_was_killed_is_made_again(folder: Path) -> None:
    """An empty file is no register."""
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(1))
        target.settle("m")
    (folder / REGISTER).touch()
    assert held(folder) == records_of(cases(1))
    with closing(FilesTarget(Lines(), folder)) as target:
        put_all(target, cases(2)[1:])
    assert held(folder) == records_of(cases(2))
