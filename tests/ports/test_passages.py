"""The whole passage between real systems: PostgreSQL, MariaDB, SQLite and FHIR, each read by an account that may read the plan and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.grants import grant_statements
from ecluse.base.refusal import Refusal
from ecluse.passage.migration import MigrationState
from ecluse.passage.outbound import prepare
from ecluse.wiring.course import Course, privileges_needed
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of, source_of
from tests import servers
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
            lab.settings, ready.source, ready.target, lambda: source_of(account), ready.course.target_system
        )
    assert course.run(name, by=by) is MigrationState.LOADED
    result = course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert sum(kind.loaded for kind in result.kinds) > 2000
    course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    course.erase(name, by=ready.cast.ids["biologist"])


def to_fhir(lab: Laboratory) -> None:
    """The target is a folder of FHIR resources, with the mapping that ships with the connector."""
    from ecluse.adapters.connectors import fhir

    text = (Path(fhir.__file__).parent / "fhir-r4.toml").read_bytes()
    (lab.home / "new.toml").write_bytes(text)
    (lab.home / "fhir").mkdir()
    target = replace(lab.settings.target, url=f"fhir+file://{lab.home}/fhir")
    lab.settings = replace(lab.settings, target=target)
    lab.create_target = lambda: None  # type: ignore[method-assign]
