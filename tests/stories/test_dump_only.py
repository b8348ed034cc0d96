"""Finding: « the old tool allowed only a total extraction ». Here a full dump is filtered as it comes, at the laboratory, and what stayed is stated."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.tally import Tally
from ecluse.proof.canonical import strict_json
from ecluse.proof.sign import verify_document
from tests.workspaces import laboratory, start


def full_dump(database: Path) -> bytes:
    """Everything, as a system that knows no better gives it: passwords and comments too."""
    with sqlite3.connect(database) as old:
        return (
            "PRAGMA foreign_keys=OFF;\n" + "\n".join(old.iterdump()) + "\n"
        ).encode()  # as the sqlite3 shell does


def sums(tallies: Callable[[], dict[str, Tally]]) -> dict[str, list[list[str | int]]]:
    return {kind: tally.lines() for kind, tally in tallies().items()}


def test_a_full_dump_gives_the_very_parcel_a_selective_source_gives(tmp_path: Path) -> None:
    """The same instruction on the same base, read live and from its full dump: the same rows leave, sum for sum, and the same rows stay."""
    _, ready = laboratory(tmp_path / "home", patients=120)
    by = ready.cast.ids["engineer"]
    live = ready.course.extract(start(ready), by=by)
    dumped = ready.course.extract(
        start(ready), by=by, dump=io.BytesIO(full_dump(tmp_path / "home" / "old.sqlite"))
    )
    assert live.salts == dumped.salts
    for kind, statement in live.kinds.items():
        assert dumped.kinds[kind].sums.lines() == statement.sums.lines(), kind
        assert dumped.kinds[kind].excluded == statement.excluded, kind
        assert dumped.kinds[kind].rejected == statement.rejected, kind


def test_what_the_dump_held_and_what_was_dropped_is_stated_and_signed(tmp_path: Path) -> None:
    """The laboratory holds a signed statement of every table and column seen in the dump, how many rows, and which were dropped: no value."""
    _, ready = laboratory(tmp_path)
    name = start(ready)
    ready.course.run(name, by=ready.cast.ids["engineer"], dump=io.BytesIO(full_dump(tmp_path / "old.sqlite")))
    (noted,) = ready.source.bodies("dump.stated", subject=name)
    envelope = ready.source.documents.get(str(noted["document"]))
    verified = verify_document(envelope, type="statement", keys={"source": ready.source.agent.public})
    stated = strict_json(verified.payload)
    assert isinstance(stated, dict)
    portal, patients = stated["tables"]["PORTAIL"], stated["tables"]["PATIENT"]
    assert portal["kept"] == []
    assert portal["rows"] > 0
    assert {"COMM1", "COMM2", "MEL", "NSS"} <= set(patients["dropped"])
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        assert patients["rows"] == old.execute("SELECT count(*) FROM PATIENT").fetchone()[0]
    assert ready.course.reconcile(name, by=ready.cast.ids["engineer"]).unexplained == 0


def test_nothing_of_the_dump_ever_lies_in_clear_beside_it(tmp_path: Path) -> None:
    """While the dump is read and after, no file of the site holds one of its values, kept or dropped."""
    _, ready = laboratory(tmp_path)
    site = tmp_path / "laboratory-old"
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        found = [
            str(row[0]).encode()
            for row in old.execute("SELECT MDP FROM PORTAIL UNION SELECT NOMNAI FROM PATIENT")
            if len(str(row[0] or "")) >= 8
        ]
    assert len(found) > 10

    class Watching(io.BytesIO):
        """A pipe that looks over the reader's shoulder at every 400th line."""

        lines = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.lines += 1
            if self.lines % 400 == 0:
                for file in site.rglob("*"):
                    octets = file.read_bytes() if file.is_file() else b""
                    assert not [value for value in found if value in octets]
            return super().readline(size)

    pipe = Watching(full_dump(tmp_path / "old.sqlite"))
    ready.course.extract(start(ready), by=ready.cast.ids["engineer"], dump=pipe)
    assert pipe.lines > 1200
    for file in site.rglob("*"):
        if file.is_file():
            octets = file.read_bytes()
            assert not [value for value in found if value in octets]


def test_a_dump_cut_short_gives_no_parcel(tmp_path: Path) -> None:
    """The pipe broke: half a dump looks like a smaller laboratory, so it is refused and nothing is deposited."""
    _, ready = laboratory(tmp_path)
    name = start(ready)
    dump = full_dump(tmp_path / "old.sqlite")
    with pytest.raises(Refusal) as refused:
        ready.course.run(name, by=ready.cast.ids["engineer"], dump=io.BytesIO(dump[: len(dump) * 2 // 3]))
    assert refused.value.code.startswith("source/dump")
    assert ready.source.custody.names(name) == []
