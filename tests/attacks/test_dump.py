"""Over-extraction from a system that can only dump everything, and dumps that are cut, forged or odd."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.dump import DumpSource
from ecluse.base.refusal import Refusal
from ecluse.terms.plan import Plan
from tests.ports.sources import CENSUS, OLD, ROWS, counted, plan, rows_by_id

WANTED = "PATIENTMARKER"
SECRET = "SECRETMARKER"


def dump_of(tmp_path: Path, rows: int = 3) -> bytes:
    """A SQLite dump of the old system, with markers in what the plan names and in what it does not."""
    connection = sqlite3.connect(tmp_path / "whole.db")
    for table in OLD.tables:
        connection.execute(table.create("sqlite", constraints=False))
    for name, lines in ROWS.items():
        for line in lines:
            names = ", ".join(f'"{key}"' for key in line)
            connection.execute(
                f'INSERT INTO "{name}" ({names}) VALUES ({", ".join("?" * len(line))})', tuple(line.values())
            )
    connection.executemany(
        'INSERT INTO "PATIENT" ("NUMPAT", "NOMNAI", "CODEACC") VALUES (?, ?, ?)',
        ((f"X{row}", f"{WANTED}{row}", SECRET) for row in range(rows)),
    )
    connection.execute(f"INSERT INTO \"PORTAIL\" VALUES ('1', 'P1', 'l', '{SECRET}', 'q', '{SECRET}', '')")
    connection.commit()
    lines = "\n".join(connection.iterdump())
    connection.close()
    return b"PRAGMA foreign_keys=OFF;\n" + lines.encode() + b"\n"


def refused(dump: bytes, tmp_path: Path, wanted: Plan | None = None) -> Refusal:
    with (
        pytest.raises(Refusal) as said,
        DumpSource(BytesIO(dump), wanted or plan(), folder=tmp_path) as source,
    ):
        source.catalogue()
    return said.value


def found_on_disk(folder: Path, marker: str) -> list[str]:
    return [
        path.name for path in folder.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()
    ]


def test_what_the_plan_does_not_name_is_never_written(tmp_path: Path) -> None:
    """Passwords, access codes and whole tables of the dump pass by: no octet of them, nor of what is kept, can be found on the disk."""
    dump = dump_of(tmp_path, rows=30_000)
    (tmp_path / "whole.db").unlink()
    folder = tmp_path / "scratch"
    folder.mkdir()
    wanted = plan()
    with DumpSource(BytesIO(dump), wanted, folder=folder) as source, source.snapshot() as snapshot:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) > 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
        assert found_on_disk(folder, WANTED) + found_on_disk(folder, SECRET) == []
        assert counted(snapshot, wanted, "patient") == {"": 2, "population": 30_002}
        assert found_on_disk(folder, WANTED) + found_on_disk(folder, SECRET) == []
        kept = {
            name
            for (name,) in source._scratch.connection.execute(
                "SELECT column_name FROM duckdb_columns()"
            ).fetchall()
        }
        assert not {"MDP", "REPONSE", "CODEACC", "JETON"} & kept
    assert list(folder.iterdir()) == []


def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    """A dump refused in its middle leaves no scratch."""
    dump = dump_of(tmp_path)
    folder = tmp_path / "scratch"
    folder.mkdir()
    refused(dump[: len(dump) // 2], folder)
    assert list(folder.iterdir()) == []


def test_the_statement_counts_what_was_seen_and_dropped(tmp_path: Path) -> None:
    """For each table of the dump: rows, columns kept, columns dropped; no value."""
    with DumpSource(BytesIO(dump_of(tmp_path)), plan(), folder=tmp_path) as source:
        statement = source.statement()
    assert statement["PORTAIL"] == {
        "rows": 1,
        "kept": [],
        "dropped": ["IDPORT", "NUMPAT", "LOGIN", "MDP", "QUESTION", "REPONSE", "DATCNX"],
    }
    assert statement["PATIENT"]["rows"] == 7
    assert statement["PATIENT"]["dropped"] == ["CODEACC", "DTCRE"]
    assert SECRET not in str(statement)
    assert WANTED not in str(statement)


def test_a_dump_is_read_from_a_pipe(tmp_path: Path) -> None:
    """The stream is read once, forward: what comes down a pipe is enough."""
    dump = dump_of(tmp_path)
    out, into = os.pipe()

    def pour() -> None:
        with os.fdopen(into, "wb") as sink:
            sink.write(dump)

    pouring = threading.Thread(target=pour)
    pouring.start()
    wanted = plan()
    with (
        os.fdopen(out, "rb") as stream,
        DumpSource(stream, wanted, folder=tmp_path) as source,
        source.snapshot() as snapshot,
    ):
        assert not stream.seekable()
        assert counted(snapshot, wanted, "request") == CENSUS["request"]
    pouring.join()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_dump_cut_anywhere_is_refused(share: float, tmp_path: Path) -> None:
    """A dump that stops before its last word is refused, wherever it stops."""
    dump = dump_of(tmp_path)
    said = refused(dump[: int(len(dump) * share)], tmp_path)
    assert said.code == "source/dump-truncated"


POSTGRES = b"""--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$ SELECT 'it''s; COPY x FROM stdin;
COPY public.\"PATIENT\" (\"NUMPAT\") FROM stdin;
' $_$;

CREATE TABLE public."PRESCR" ("NUMPRESC" character varying(6) NOT NULL, "RPPS" text DEFAULT 'a;b'::text);

COPY public."PRESCR" ("NUMPRESC", "RPPS") FROM stdin;
1\ta\\\\b\\tc\\nd
2\t\\N
3\t
\\.

--
-- PostgreSQL database dump complete
--
"""

BLOCK = b'COPY public."PRESCR"'


def prescribers(**changes: object) -> Plan:
    """A plan that reads one table back."""
    from ecluse.terms.mapping import BASE, Column, KindMapping, Mapping, Reading
    from ecluse.terms.plan import Slice

    kind = KindMapping(
        "prescriber",
        "PRESCR",
        {"id": Reading((Column(BASE, "NUMPRESC"),)), "rpps": Reading((Column(BASE, "RPPS"),))},
    )
    described = Mapping("m", 1, "sha256:m", {"prescriber": kind})
    return plan(
        described,
        slices=(Slice("prescriber", kind, dict(kind.fields)),),
        excluded={},
        classified={},
        read_back=True,
        **changes,
    )


def read(dump: bytes, tmp_path: Path) -> dict[str, str | None]:
    wanted = prescribers()
    with DumpSource(BytesIO(dump), wanted, folder=tmp_path) as source, source.snapshot() as snapshot:
        return {key: row["rpps"] for key, row in rows_by_id(snapshot, wanted, "prescriber").items()}


def test_copy_lines_and_bodies_of_functions_are_told_apart(tmp_path: Path) -> None:
    """A COPY inside a function's body copies nothing; escapes of COPY's text format are undone; an empty text is not NULL."""
    assert read(POSTGRES, tmp_path) == {"1": "a\\b\tc\nd", "2": None, "3": ""}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"-- PostgreSQL database dump complete\n", b"", "source/dump-truncated"),
        (b"\\.\n", b"", "source/dump-truncated"),
        (b"2\t\\N\n", b"2\n", "source/dump-truncated"),
        (b"3\t\n", b"3\t\t\n", "source/dump-truncated"),
        (b"'UTF8'", b"'LATIN1'", "source/dump-encoding"),
        (b"2\t\\N", b"2\tM\xe9nard", "source/encoding"),
        (b'"RPPS" text DEFAULT', b'"OTHER" text DEFAULT', "source/dump-lacks"),
        (b"-- PostgreSQL database dump\n", b"-- a dump\n", "source/dump-unreadable"),
        (BLOCK, b'CREATE TABLE other."PRESCR" (a text);\n' + BLOCK, "source/dump-unreadable"),
        (BLOCK, b'INSERT INTO public."PRESCR" VALUES (f(1), 2);\n' + BLOCK, "source/dump-unreadable"),
        (BLOCK, b'COPY public."PRESCR" FROM stdin WITH CSV;\n' + BLOCK, "source/dump-unreadable"),
    ],
)
def test_a_dump_that_is_not_whole_or_not_understood_is_refused(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    """Each way in which a dump can be cut, in another encoding, or of a form not known, has its refusal; no value is in it."""
    assert old in POSTGRES
    whole = POSTGRES.replace(old, new, 1) if old != b"\\.\n" else POSTGRES.replace(old, new)
    said = refused(whole, tmp_path, prescribers())
    assert said.code == code
    assert "nard" not in str(said)


MARIADB = b"""-- MariaDB dump 10.19  Distrib 10.11, for Linux
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `PRESCR` (
  `NUMPRESC` varchar(6) NOT NULL,
  `RPPS` varchar(40) DEFAULT 'x;y',
  KEY `k` (`RPPS`)
) ENGINE=InnoDB COMMENT='it\\'s; a table';
INSERT INTO `PRESCR` VALUES
('1','a\\'b\\\\'),
('2',NULL),('3','),(\\';--'),('4',''),('5','it''s');
DELIMITER ;;
/*!50003 CREATE TRIGGER t BEFORE INSERT ON PRESCR FOR EACH ROW BEGIN INSERT INTO PRESCR VALUES ('9','no'); SET @x = 1; END */;;
DELIMITER ;
-- Dump completed on 2026-11-23
"""


def test_mariadb_s_escapes_and_triggers_are_understood(tmp_path: Path) -> None:
    """Backslashes and doubled quotes, rows side by side, and statements inside a trigger, which insert nothing."""
    assert read(MARIADB, tmp_path) == {"1": "a'b\\", "2": None, "3": "),(';--", "4": "", "5": "it's"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"-- Dump completed", b"-- Dump", "source/dump-truncated"),
        (b"NAMES utf8mb4", b"NAMES latin1", "source/dump-encoding"),
        (b"('2',NULL)", b"('2')", "source/dump-truncated"),
        (b"('4','')", b"('4',UNHEX('41'))", "source/dump-unreadable"),
        (b"('4','')", b"('4','M\xe9nard')", "source/encoding"),
        (b"varchar(40) DEFAULT 'x;y'", b"float", "source/dump-unreadable"),
        (b"varchar(40) DEFAULT 'x;y'", b"timestamp", "source/dump-unreadable"),
    ],
)
def test_a_mariadb_dump_that_is_not_exact_is_refused(
    old: bytes, new: bytes, code: str, tmp_path: Path
) -> None:
    """Cut, in another encoding, of a form not known, or of a type that a dump rounds or moves in time."""
    assert old in MARIADB
    assert refused(MARIADB.replace(old, new, 1), tmp_path, prescribers()).code == code


def test_a_sqlite_dump_that_ended_in_an_error_is_refused(tmp_path: Path) -> None:
    """sqlite3 ends a dump that failed with ROLLBACK: what it holds is not the whole."""
    dump = dump_of(tmp_path).replace(b"COMMIT;", b"ROLLBACK; -- due to errors")
    assert refused(dump, tmp_path).code == "source/dump-truncated"


def test_memory_stays_flat_as_the_dump_grows(tmp_path: Path) -> None:
    """What a statement or a block holds is dropped before the next: three times the rows take the same buffers."""
    import tracemalloc

    def lines(count: int) -> Iterator[bytes]:
        head, _, tail = POSTGRES.partition(b"1\ta")
        yield head
        for row in range(count):
            yield b"%d\t%s\n" % (row, b"x" * 80)
        yield tail[tail.index(b"\\.\n") :]

    class Stream:
        def __init__(self, count: int) -> None:
            self._parts = iter(line for part in lines(count) for line in part.splitlines(keepends=True))

        def readline(self, _: int = -1) -> bytes:
            return next(self._parts, b"")

    peaks = []
    for count in (100_000, 200_000):
        tracemalloc.start()
        with DumpSource(Stream(count), prescribers(), folder=tmp_path) as source:  # type: ignore[arg-type]
            assert source.statement()["PRESCR"]["rows"] == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3
