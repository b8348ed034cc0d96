"""The whole passage between real systems: PostgreSQL, MariaDB, SQLite and FHIR, each read by an account that may read the plan and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.grants import grant_statements
from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource
from ecluse.adapters.invented import fill
from ecluse.base.refusal import Refusal
from ecluse.invent.systems import OLD
from ecluse.passage.migration import MigrationState
from ecluse.passage.outbound import prepare
from ecluse.terms.instruction import AcceptedExcess, Instruction
from ecluse.wiring.course import Course, privileges_needed
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of, source_of
from tests import servers
from tests.firebird_server import FirebirdServer, spelt
from tests.workspaces import Laboratory, start

Open = Callable[[str], tuple[str, servers.Server | None]]


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Gives a fresh database of a kind: its address without a password, and its server if it has one."""
    with ExitStack() as stack:

        def fresh(kind: str) -> tuple[str, servers.Server | None]:
            if kind in ("postgresql", "mariadb"):
                server: servers.Server = request.getfixturevalue(kind)
                name = stack.enter_context(server.database()).rpartition("/")[2]
                return server.socket_url(name), server
            return "", None

        yield fresh


def restricted(ready: Ready, name: str, server: servers.Server, settings_url: str) -> str:
    """An account that holds just what the plan needs, made with the statements that `ecluse plan --grants` prints; its address."""
    passage = prepare(ready.source, name, mapping=mapping_of(ready.course.settings.source))
    needed = privileges_needed(passage.plan, source_of(ready.course.settings.source))
    account, dialect = f"reader_{name[-6:]}", "postgres" if server.scheme == "postgresql" else "mysql"
    database = settings_url.partition("?")[0].rpartition("/")[2]
    if dialect == "postgres":
        server.say(f"CREATE ROLE {account} LOGIN")
    else:
        server.say(f"CREATE USER '{account}'@'%'")
    import psycopg

    statements = grant_statements(needed, account, dialect)  # type: ignore[arg-type]
    if dialect == "postgres":
        with psycopg.connect(settings_url, autocommit=True) as connection:
            connection.execute(f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC".encode())
            for statement in statements:
                connection.execute(statement.encode())
    else:
        from ecluse.adapters.connectors.sql.address import parse_address
        from ecluse.adapters.connectors.sql.connect import open_mariadb

        connection = open_mariadb(parse_address(settings_url), read_only=False)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()
    return settings_url.replace(f"//{server.account}@", f"//{account}@")


@pytest.mark.parametrize(
    ("origin", "destination"),
    [
        ("postgresql", "postgresql"),
        ("mariadb", "mariadb"),
        ("sqlite", "postgresql"),
        ("mariadb", "sqlite"),
        ("postgresql", "fhir"),
    ],
)
def test_a_laboratory_goes_from_one_system_to_another(
    opened: Open, tmp_path: Path, origin: str, destination: str
) -> None:
    """An invented laboratory is carried between these two systems to its certificate, and nothing is unexplained."""
    source_url, server = opened(origin)
    target_url, _ = opened(destination)
    lab = Laboratory(tmp_path, patients=150, seed=3, source_url=source_url, target_url=target_url)
    if destination == "fhir":
        to_fhir(lab)
    ready = lab.ready()
    name, by = start(ready), ready.cast.ids["engineer"]
    course = ready.course
    if server is not None:
        with pytest.raises(Refusal) as refused:
            course.extract(name, by=by)
        assert refused.value.code == "source/account-exceeds"
        account = replace(lab.settings.source, url=restricted(ready, name, server, source_url))
        course = Course(
            lab.settings, ready.course.held, lambda: source_of(account), ready.course.target_system
        )
    assert course.run(name, by=by) is MigrationState.LOADED
    result = course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert sum(kind.loaded for kind in result.kinds) > 2000
    course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    course.erase(name, by=ready.cast.ids["biologist"])


class FromFirebird(Laboratory):
    """The laboratory's rows are moved from a SQLite file to Firebird before anything is signed; the account reads whole tables, which is accepted."""

    server: FirebirdServer

    def invent(self) -> None:
        origin = f"sqlite:///{self.home}/origin.sqlite"
        fill(origin, patients=self.patients, seed=self.seed)
        url = self.settings.source.url
        self.server.run(url, [spelt(statement) for statement in OLD.create("postgresql")])
        with closing(sqlite3.connect(origin[10:])) as old, closing(self.server.open(url)) as new:
            for table in OLD.tables:
                read = [_AS.get(column.family, _same) for column in table.columns]
                marks = ", ".join("?" * len(read))
                rows = [
                    [None if cell is None else kind(cell) for kind, cell in zip(read, row, strict=True)]
                    for row in old.execute(f'SELECT * FROM "{table.name}"')
                ]
                with closing(new.cursor()) as cursor:
                    cursor.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)
            new.commit()
        self.create_target()

    def instruction(self, **signed: str) -> Instruction:
        tables = {kind.table for kind in mapping_of(self.settings.source).kinds.values()} | {"CORRES"}
        accepted = tuple(
            AcceptedExcess(f"SELECT {table}", "Firebird n'accorde que des tables entières.")
            for table in sorted(tables)
        )
        return replace(super().instruction(**signed), accepts_excess=accepted)


_AS: Final[dict[str, Callable[[Any], object]]] = {
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "flag": bool,
}


def _same(cell: object) -> object:
    return cell


def test_a_laboratory_leaves_firebird(opened: Open, firebird: FirebirdServer, tmp_path: Path) -> None:
    """An invented laboratory in a Windows character set is carried from Firebird to PostgreSQL, to its certificate, and nothing is unexplained.

    Its account is granted what `ecluse plan --grants` prints, and the signed instruction accepts the tables that the plan reads in part.
    """
    target_url, _ = opened("postgresql")
    with firebird.database(charset="WIN1252") as whole_url:
        place = whole_url.replace(f":{firebird.password}@", "@")
        lab = FromFirebird(tmp_path, patients=30, seed=3, source_url=place, target_url=target_url)
        lab.server = firebird
        ready = lab.ready()
        name, by, course = start(ready), ready.cast.ids["engineer"], ready.course
        with pytest.raises(Refusal, match="source/account-exceeds"):
            replace(course, source_system=lambda: FirebirdSource(parse_address(whole_url))).extract(
                name, by=by
            )
        passage = prepare(ready.source, name, mapping=mapping_of(lab.settings.source))
        needed = privileges_needed(passage.plan, FirebirdSource(parse_address(whole_url)))
        firebird.run(
            whole_url,
            [
                "CREATE USER ecluse_passage PASSWORD 'reader'",
                *grant_statements(needed, "ecluse_passage", "firebird"),
            ],
        )
        try:
            reader = parse_address(place.replace("SYSDBA@", "ecluse_passage:reader@"))
            course = replace(course, source_system=lambda: FirebirdSource(reader, scratch=tmp_path))
            assert course.run(name, by=by) is MigrationState.LOADED
            result = course.reconcile(name, by=by)
            assert (result.unexplained, result.failed) == (0, ())
            assert sum(kind.loaded for kind in result.kinds) > 200
            course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
            course.erase(name, by=ready.cast.ids["biologist"])
        finally:
            firebird.run(whole_url, ["DROP USER ecluse_passage"])


def to_fhir(lab: Laboratory) -> None:
    """The target is a folder of FHIR resources, with the mapping that ships with the connector."""
    from ecluse.adapters.connectors import fhir

    text = (Path(fhir.__file__).parent / "fhir-r4.toml").read_bytes()
    (lab.home / "new.toml").write_bytes(text)
    (lab.home / "fhir").mkdir()
    target = replace(lab.settings.target, url=f"fhir+file://{lab.home}/fhir")
    lab.settings = replace(lab.settings, target=target)
    lab.create_target = lambda: None  # type: ignore[method-assign]
