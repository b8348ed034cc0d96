"""One small laboratory, filled so that each rule keeps a row, and every engine that can read it: live databases, their dumps, the memory."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.files.source import FilesSource
from ecluse.adapters.connectors.memory import MemorySource
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.dump import DumpSource
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource
from ecluse.adapters.connectors.sql.read_mariadb import MariadbSource
from ecluse.adapters.connectors.sql.read_postgres import PostgresSource
from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource
from ecluse.invent.systems import OLD
from ecluse.passage.extract import Snapshot, Source
from ecluse.terms.mapping import Mapping, parse_mapping
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary
from tests.firebird_server import spelt
from tests.ports.format_lines import Lines, LineTables, line
from tests.servers import Server

LIVE: Final = ("sqlite", "postgres", "mariadb", "firebird")
DUMPED: Final = ("sqlite-dump", "postgres-dump", "postgres-inserts", "mariadb-dump")
FILED: Final = ("files", "files-folded")
"""Files of tables, and files of messages of which each tells one record; both written as lines of JSON."""
ENGINES: Final = (*LIVE, *DUMPED, *FILED, "memory")
DIALECT: Final[dict[str, Any]] = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "mariadb": "mariadb",
    "firebird": "postgresql",
}

Rows = dict[str, list[dict[str, Any]]]

ROWS: Final[Rows] = {
    "PRESCR": [{"NUMPRESC": "D1"}, {"NUMPRESC": "D2"}, {"NUMPRESC": "D3"}],
    "PATIENT": [
        {"NUMPAT": "P1", "NOMNAI": "L'ÉTÉ \\ \"x\"", "MEDTRT": "D2", "COMM1": "à revoir\nlundi\t;", "SEXE": "1"},
        {"NUMPAT": "P2", "NOMNAI": "", "COMM1": "sous traitement", "MEDTRT": None},
        {"NUMPAT": "P3", "NOMNAI": "🩸", "MEDTRT": "D3"}, {"NUMPAT": "P4"},
    ],
    "DOSSIER": [
        {"NUMDOS": "R1", "NUMPAT": "P1", "NUMPRESC": "D1", "CODSITE": "01", "DATDEM": "20240115", "RENSCL": "fièvre"},
        {"NUMDOS": "R2", "NUMPAT": "P1", "NUMPRESC": None, "CODSITE": "01", "DATDEM": "20240230"},
        {"NUMDOS": "R3", "NUMPAT": "P2", "NUMPRESC": None, "CODSITE": "01", "DATDEM": "20240116", "RENSCL": "contrôle"},
        {"NUMDOS": "R4", "NUMPAT": "P3", "NUMPRESC": "D3", "CODSITE": "09", "DATDEM": "20240116"},
        {"NUMDOS": "R5", "NUMPAT": "P3", "NUMPRESC": None, "CODSITE": "01", "DATDEM": "20231231"},
        {"NUMDOS": "R6", "NUMPAT": "P2", "NUMPRESC": None, "CODSITE": "02", "DATDEM": "20240229"},
    ],
    "ECHANT": [{"NUMECH": "E1", "NUMDOS": "R1"}, {"NUMECH": "E2", "NUMDOS": "R5"}, {"NUMECH": "E3", "NUMDOS": "R9"}],
    "RESULT": [
        {"NUMRES": "A1", "NUMDOS": "R1", "CODSITE": "01", "DATDEM": "20240115", "CODANA": "GLU     ", "VALRES": "<0,1", "COMRES": "net"},
        {"NUMRES": "A2", "NUMDOS": "R3", "CODSITE": "01", "DATDEM": "20240116", "CODANA": "VIH1    ", "VALRES": "négatif"},
        {"NUMRES": "A3", "NUMDOS": "R3", "CODSITE": "01", "DATDEM": "20240116", "CODANA": "GLU     ", "COMRES": "voir VIH"},
        {"NUMRES": "A4", "NUMDOS": "R1", "CODSITE": "01", "DATDEM": None, "CODANA": "GLU     "},
        {"NUMRES": "A5", "NUMDOS": "R6", "CODSITE": "02", "DATDEM": "20240229", "CODANA": "GONO    "},
        {"NUMRES": "A6", "NUMDOS": "R6", "CODSITE": None, "DATDEM": "20240229", "CODANA": "GLU     "},
    ],
    "GERME": [{"NUMGER": "G1", "NUMRES": "A5", "NUMDOS": "R6"}, {"NUMGER": "G2", "NUMRES": "A1", "NUMDOS": "R1"}],
    "ABG": [{"NUMABG": "B1", "NUMGER": "G1", "NUMDOS": "R6"}, {"NUMABG": "B2", "NUMGER": "G2", "NUMDOS": "R1"}],
    "CRPDF": [
        {"NUMCR": "C1", "NUMDOS": "R1", "CONTENU": b"%PDF\x00\xff'\\\n"}, {"NUMCR": "C2", "NUMDOS": "R3", "CONTENU": b"x"},
        {"NUMCR": "C3", "NUMDOS": "R6", "CONTENU": b""}, {"NUMCR": "C4", "NUMDOS": "R4", "CONTENU": None},
    ],
    "FACTUR": [
        {"NUMFAC": "F1", "NUMDOS": "R3", "TYPLIG": "A", "CODACT": "0388"}, {"NUMFAC": "F2", "NUMDOS": "R3", "TYPLIG": "R"},
        {"NUMFAC": "F3", "NUMDOS": "R1", "TYPLIG": "A", "CODACT": "0552"},
    ],
}  # fmt: skip

CENSUS: Final[dict[str, dict[str, int]]] = {
    "prescriber": {"": 2, "population": 1},
    "patient": {"": 2, "population": 2},
    "request": {"": 3, "scope/unknown": 1, "period": 1, "site": 1},
    "specimen": {"": 1, "period": 1, "scope/unknown": 1},
    "result": {"": 2, "category/HIV": 1, "category/STI": 1, "scope/unknown": 2},
    "isolate": {"": 1, "category/STI": 1},
    "susceptibility": {"": 1, "category/STI": 1},
    "document": {"": 1, "container/HIV": 1, "container/STI": 1, "site": 1},
    "invoice": {"": 1, "category/HIV": 1},
}
LEAVING: Final[dict[str, list[str]]] = {
    "prescriber": ["D1", "D2"], "patient": ["P1", "P2"], "request": ["R1", "R3", "R6"], "specimen": ["E1"], "result": ["A1", "A3"],
    "isolate": ["G2"], "susceptibility": ["B2"], "document": ["C1"], "invoice": ["F3"],
}  # fmt: skip


def mapping(name: str) -> Mapping:
    """One of the mappings that ship with the invented laboratory."""
    return parse_mapping(_mapping_text(name).encode(), vocabulary=vocabulary())


def _mapping_text(name: str) -> str:
    return resources.files("ecluse.invent").joinpath("mappings", f"{name}.toml").read_text("utf-8")


def slices(described: Mapping) -> tuple[Slice, ...]:
    """Every field of every kind of a mapping."""
    found = []
    for name, kind in described.kinds.items():
        fields = vocabulary().kinds[name].fields
        free = tuple(key for key in kind.fields if "FREE" in fields[key].categories)
        container = any("DOC" in fields[key].categories for key in kind.fields)
        found.append(Slice(name, kind, dict(kind.fields), free, container))
    return tuple(found)


def plan(described: Mapping | None = None, **changes: Any) -> Plan:
    """January and February 2024, sites 01 and 02, everything but HIV and STI."""
    described = described or mapping("invented-old")
    whole = Plan(
        instruction="sha256:0", mapping=described, start=date(2024, 1, 1), end=date(2024, 2, 29), sites=("01", "02"), slices=slices(described),
        excluded={"result.code": (("HIV", ("VIH1",)), ("STI", ("GONO",))), "invoice.act": (("HIV", ("0388",)),)},
        classified={"result.code": frozenset({"GLU", "VIH1", "GONO"}), "invoice.act": frozenset({"0388", "0552"})},
    )  # fmt: skip
    return replace(whole, **changes)


@dataclass(frozen=True)
class Place:
    """Where the laboratory is: how a source on it is opened for a plan, and how one statement is run on it meanwhile, where that can be."""

    engine: str
    source: Callable[[Plan], Source]
    say: Callable[[str], None]


def created(engine: str) -> list[str]:
    """The old system's tables, without keys: the rows break them on purpose."""
    made = [table.create(DIALECT[engine], constraints=False) for table in OLD.tables]
    return list(map(spelt, made)) if engine == "firebird" else made


def place(engine: str, request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack, *, rows: Rows | None = None,
          ddl: Callable[[str], list[str]] = created) -> Place:  # fmt: skip
    """The rows, in tables made by `ddl`, in one engine. Skips by name where its server or its dump's program is absent."""
    rows = ROWS if rows is None else rows
    live, _, form = engine.partition("-")
    if engine == "memory":
        connection = sqlite3.connect(":memory:")
        for statement in ddl("sqlite"):
            connection.execute(statement)
        return Place(engine, lambda _: MemorySource(introspect_sqlite(connection), rows), _silent)
    if live == "files":
        return Place(engine, lambda _: _of_files(form, rows, ddl("sqlite"), tmp_path), _silent)
    url = (
        f"sqlite:///{tmp_path / 'old.db'}"
        if live == "sqlite"
        else stack.enter_context(_server(live, request).database())
    )
    say = _filled(live, url, tmp_path, rows, ddl(live), stack, request)
    if not form:
        return Place(engine, lambda _: _SOURCES[live](parse_address(url)), say)
    dump = dumped(live, form, url, tmp_path)
    return Place(
        engine,
        lambda wanted: stack.enter_context(DumpSource(BytesIO(dump), wanted, folder=tmp_path)),
        _silent,
    )


def _of_files(form: str, rows: Rows, tables: list[str], tmp_path: Path) -> Source:
    """The rows as lines of JSON in a file for each table."""
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    for table, lines in rows.items():
        (folder / f"{table}.jsonl").write_bytes(b"".join(line(table, **row) for row in lines))
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in tables:
            connection.execute(statement)
        fmt = Lines(_mapping_text("invented-old")) if form else LineTables(introspect_sqlite(connection))
    return FilesSource(fmt, lambda: listed(folder), scratch=tmp_path)


_SOURCES: Final[dict[str, Callable[[Any], Source]]] = {
    "sqlite": SqliteSource,
    "postgres": PostgresSource,
    "mariadb": MariadbSource,
    "firebird": FirebirdSource,
}


def _server(live: str, request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue({"postgres": "postgresql"}.get(live, live))
    return server


def _silent(_: str) -> None:
    pytest.skip("nothing can be written while it is read")


def _filled(
    live: str,
    url: str,
    tmp_path: Path,
    rows: Rows,
    ddl: list[str],
    stack: ExitStack,
    request: pytest.FixtureRequest,
) -> Callable[[str], None]:
    address = parse_address(url)
    if live == "sqlite":
        (tmp_path / "old.db").touch()
        connection: Any = stack.enter_context(closing(open_sqlite(address, read_only=False)))
        connection.execute("PRAGMA journal_mode = WAL")
        mark, quote = "?", '"'
    elif live == "postgres":
        connection = stack.enter_context(closing(open_postgres(address, read_only=False)))
        mark, quote = "%s", '"'
    elif live == "firebird":
        opened = _server(live, request).open(url)  # type: ignore[attr-defined]
        connection, mark, quote = stack.enter_context(closing(opened)), "?", '"'
    else:
        connection = stack.enter_context(closing(open_mariadb(address, read_only=False)))
        mark, quote = "%s", "`"

    def say(statement: str, values: tuple[Any, ...] = ()) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement, *([values] if values else []))
        if live == "firebird":  # the others commit each statement by themselves
            connection.commit()

    for statement in ddl:
        say(statement)
    for table, lines in rows.items():
        for row in lines:
            names = ", ".join(f"{quote}{name}{quote}" for name in row)
            say(
                f"INSERT INTO {quote}{table}{quote} ({names}) VALUES ({', '.join([mark] * len(row))})",
                tuple(row.values()),
            )
    return say


def dumped(live: str, form: str, url: str, tmp_path: Path) -> bytes:
    """What the database's own program dumps."""
    parts = urlsplit(url)
    if live == "sqlite":
        command = ["sqlite3", str(tmp_path / "old.db"), ".dump"]
    elif live == "postgres":
        command = ["pg_dump", *(["--inserts"] if form == "inserts" else []), url]
    else:
        options = tmp_path / "options"
        options.write_text(
            f"[client]\nuser={parts.username}\npassword={parts.password}\nhost={parts.hostname}\nport={parts.port}\n"
        )
        command = [
            "mariadb-dump",
            f"--defaults-file={options}",
            "--default-character-set=utf8mb4",
            parts.path[1:],
        ]
    if shutil.which(command[0]) is None:
        pytest.skip(f"dumps: {command[0]} is absent")
    return subprocess.run(command, check=True, capture_output=True).stdout


def rows_by_id(snapshot: Snapshot, wanted: Plan, kind: str) -> dict[str, dict[str, Any]]:
    """The rows that leave, by id."""
    piece = wanted.slice(kind)
    assert piece is not None
    found = [row for batch in snapshot.rows(wanted, piece) for row in batch.to_pylist()]
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def counted(snapshot: Snapshot, wanted: Plan, kind: str) -> dict[str, int]:
    """Rows by rule."""
    piece = wanted.slice(kind)
    assert piece is not None
    total: Counter[str] = Counter()
    for count in snapshot.census(wanted, piece):
        total[count.rule] += count.rows
    return dict(total)


def laboratories(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """The laboratory in the engine the test is asked for."""
    with ExitStack() as stack:
        yield place(request.param, request, folder, stack)
