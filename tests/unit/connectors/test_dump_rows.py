"""The dump of one table on a pipe: COPY in text and in CSV, rows under a head, filtered in the stream and stated in counts."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from ecluse.adapters.connectors.sql.dump import DumpSource
from ecluse.base.refusal import Refusal
from ecluse.terms.mapping import BASE, Column, KindMapping, Mapping, Reading
from ecluse.terms.plan import Plan, Slice
from tests.ports.sources import plan, rows_by_id


class Lines:
    """A pipe of these lines, none of them held."""

    def __init__(self, given: Iterator[bytes]) -> None:
        self._given = given

    def readline(self, _: int = -1) -> bytes:
        return next(self._given, b"")


def reads(kind: str, table: str, **columns: str) -> Plan:
    """A plan that reads these fields of one table back."""
    mapped = KindMapping(
        kind, table, {field: Reading((Column(BASE, column),)) for field, column in columns.items()}
    )
    described = Mapping("m", 1, "sha256:m", {kind: mapped})
    piece = Slice(kind, mapped, dict(mapped.fields))
    return plan(described, slices=(piece,), excluded={}, classified={}, read_back=True)


PRESCRIBERS = reads("prescriber", "PRESCR", id="NUMPRESC", family_name="NOM")


def through(
    dump: bytes, folder: Path, wanted: Plan = PRESCRIBERS
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The rows that leave, by id, and the statement."""
    with DumpSource(BytesIO(dump), wanted, folder=folder) as source, source.snapshot() as snapshot:
        return rows_by_id(snapshot, wanted, wanted.slices[0].kind), source.statement()


def refused(dump: bytes, folder: Path, wanted: Plan = PRESCRIBERS) -> str:
    with pytest.raises(Refusal) as said:
        through(dump, folder, wanted)
    assert list(folder.iterdir()) == []
    return said.value.code


TEXT = b"NUMPRESC\tMDP\tNOM\n1\tsecret\tL'\xc3\x89T\xc3\x89\\tx\\ny\\\\z\n2\t\\N\t\\N\n3\ts\t\n"
CSV = b'NUMPRESC,MDP,NOM\n1,secret,"L\'\xc3\x89T\xc3\x89\tx\ny\\z"\n2,,\n3,s,""\n'
NAMES = {"1": "L'ÉTÉ\tx\ny\\z", "2": None, "3": ""}


@pytest.mark.parametrize(
    "dump",
    [TEXT, TEXT + b"\\.\n", CSV, b"\xef\xbb\xbf" + CSV.replace(b"\n2", b"\r\n2").replace(b"NOM\n", b"NOM\r\n"), CSV.replace(b",", b";"), CSV.replace(b",", b"|")],
    ids=["copy", "copy-ended", "copy-csv", "marked-crlf", "semicolons", "bars"],
)  # fmt: skip
def test_each_form_gives_the_same_rows(dump: bytes, tmp_path: Path) -> None:
    """COPY's text, COPY's CSV and the CSV of others give the same exact values; nothing is NULL but what is; and what passed by is stated."""
    rows, statement = through(dump, tmp_path)
    assert {row: held["family_name"] for row, held in rows.items()} == NAMES
    assert statement == {"PRESCR": {"rows": 3, "kept": ["NUMPRESC", "NOM"], "dropped": ["MDP"]}}
    assert list(tmp_path.iterdir()) == []


def test_quotes_within_cells_are_no_empty_cells(tmp_path: Path) -> None:
    """Doubled quotes, separators and line ends in a cell beside empty cells: "" is a text, nothing is NULL."""
    dump = b'NUMPRESC,NOM,X\n1,"a"",""b,\n",\n2,"",""\n3,,""\n"4","""",""\n'
    rows, _ = through(dump, tmp_path)
    assert {row: held["family_name"] for row, held in rows.items()} == {
        "1": 'a","b,\n',
        "2": "",
        "3": None,
        "4": '"',
    }


def test_nothing_but_the_plans_columns_is_written(tmp_path: Path) -> None:
    """While the rows wait, no octet of a column that the plan does not read can be found, nor of those it reads: the scratch is encrypted."""
    dump = b"NUMPRESC,MDP,NOM\n" + b"".join(
        b"%d,SECRETMARKER%d,NAMEMARKER%d\n" % (row, row, row) for row in range(40_000)
    )
    with DumpSource(BytesIO(dump), PRESCRIBERS, folder=tmp_path) as source:
        assert source.statement()["PRESCR"]["rows"] == 40_000
        octets = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert octets
        assert b"MARKER" not in octets


@pytest.mark.parametrize(
    ("dump", "code"),
    [
        (TEXT[:-2], "source/dump-truncated"), (TEXT + b"4\tx", "source/dump-truncated"), (TEXT + b"4\tx\n", "source/dump-truncated"),
        (CSV[:-1], "source/dump-truncated"), (CSV + b"4,x\n", "source/dump-truncated"), (CSV + b'4,x,"open\n', "source/dump-truncated"),
        (CSV + b'4,x,"a"b\n', "source/dump-unreadable"), (CSV + b"4,x,\xff\n", "source/encoding"), (TEXT + b"4\tx\t\xff\n", "source/encoding"),
        (TEXT + b"\\.\n5\tx\ty\n", "source/dump-unreadable"), (b"NUMPRESC", "source/dump-truncated"), (b"\xff,NOM\n", "source/encoding"),
        (b"NUMPRESC,NOM,NOM\n", "source/dump-unreadable"), (b"1,x,DUPONT\n", "source/dump-unreadable"), (b"du texte\n", "source/dump-unreadable"),
    ],
)  # fmt: skip
def test_a_dump_that_is_not_whole_is_refused(dump: bytes, code: str, tmp_path: Path) -> None:
    """Cut within a row, of too few cells, a quote left open, octets of no character, no head: all of it is refused, and nothing stays."""
    assert refused(dump, tmp_path) == code


def test_a_plan_of_several_tables_cannot_run_on_the_dump_of_one(tmp_path: Path) -> None:
    """The dump of one table lacks the others, and says which."""
    assert refused(b"NUMPAT,NOM\n1,x\n", tmp_path, plan()) in ("source/dump-lacks", "source/dump-unreadable")


def test_octets_come_from_their_hexadecimal_form(tmp_path: Path) -> None:
    """A document is written by COPY in hexadecimal and comes out as its octets; in any other form it is refused rather than taken for text."""
    wanted = reads("document", "CRPDF", id="NUMCR", content="CONTENU")
    for dump in (
        b"NUMCR\tCONTENU\nC1\t\\\\x25504446ff\nC2\t\\N\n",
        b"NUMCR,CONTENU\nC1,\\x25504446ff\nC2,\n",
    ):
        rows, _ = through(dump, tmp_path, wanted)
        assert {row: held["content"] for row, held in rows.items()} == {"C1": b"%PDF\xff", "C2": None}
    assert refused(b"NUMCR,CONTENU\nC1,%PDF\n", tmp_path, wanted) == "source/dump-unreadable"


def test_memory_stays_flat_as_the_table_grows(tmp_path: Path) -> None:
    """Three times the rows take the same buffers, in both forms."""
    for head, row in ((b"NUMPRESC,NOM\n", b'%d,"x""%0300d"\n'), (b"NUMPRESC\tNOM\n", b"%d\t%0300d\n")):
        peaks = []
        for count in (26_000, 52_000):
            lines = itertools.chain([head], (row % (number, number) for number in range(count)))
            tracemalloc.start()
            with DumpSource(cast("BinaryIO", Lines(lines)), PRESCRIBERS, folder=tmp_path) as source:
                assert source.statement()["PRESCR"]["rows"] == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] * 1.3
