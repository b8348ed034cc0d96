"""What every test may ask for: the shared data, private database servers, and a last word on what was skipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests import firebird_server, servers
from tests.firebird_server import FirebirdServer

if TYPE_CHECKING:
    from tests.sittings import Desk

# How long an example takes tells how busy the machine is.
settings.register_profile("ecluse", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ecluse")

ROOT = Path(__file__).parents[1]
S = TypeVar("S")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Files of real systems and public vectors, which are not the project's and lie beside it; the test is skipped where they are absent."""
    place = ROOT.parent / "shared" / "data"
    if not place.is_dir():
        pytest.skip("real files: ../shared/data is absent")
    return place


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.Server]:
    """A private PostgreSQL for the whole run; the test is skipped where there is none to start."""
    with ExitStack() as stack:
        yield started(servers.postgresql(), stack)


@pytest.fixture
def postgresql_url(postgresql: servers.Server) -> Iterator[str]:
    """The address of a fresh, empty PostgreSQL database, dropped after the test."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.Server]:
    """A private MariaDB for the whole run; the test is skipped where there is none to start."""
    with ExitStack() as stack:
        yield started(servers.mariadb(), stack)


@pytest.fixture
def mariadb_url(mariadb: servers.Server) -> Iterator[str]:
    """The address (`mysql://`) of a fresh, empty MariaDB database, dropped after the test."""
    with mariadb.database() as url:
        yield url


@pytest.fixture(scope="session")
def firebird() -> Iterator[FirebirdServer]:
    """A private Firebird for the whole run; the test is skipped where there is none to start."""
    with ExitStack() as stack:
        yield started(firebird_server.firebird(), stack)


@pytest.fixture(scope="session")
def local_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A workspace in which something waits at the laboratory's local page; to be copied by whoever changes it."""
    from tests import sittings  # the whole program: imported when it is asked for

    return sittings.prepared(tmp_path_factory.mktemp("local") / "labo")


def started(server: AbstractContextManager[S], stack: ExitStack) -> S:
    """`server`, open until `stack` closes; a missing one skips the test by its name, one that does not start fails it."""
    try:
        return stack.enter_context(server)
    except servers.Missing as missing:
        pytest.skip(str(missing))


LONGEST = (
    "tests/attacks/test_killed.py",
    "tests/transcripts/",
    "tests/generative/test_two_engines.py",
    "tests/ports/test_source.py",
    "tests/ports/test_format.py",
    "tests/ports/test_passages.py",
    "tests/ports/test_fhir_passages.py",
    "tests/ports/test_files_passages.py",
    "tests/attacks/test_dump.py",
    "tests/real/",
)
"""The files that take longest, begun first: one begun last would leave the other processes idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the rest as they were; within a file nothing moves."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: next((ranks[name] for name in LONGEST if item.nodeid.startswith(name)), len(LONGEST))
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Name, last of all, every test that was skipped, under the reason it was."""
    yield
    skipped: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[reason.removeprefix("Skipped: ")].append(report.nodeid)
    if not skipped:
        return
    terminalreporter.section("not tested here", sep="-", yellow=True)
    for reason, names in sorted(skipped.items()):
        terminalreporter.write_line(f"{reason} ({len(names)})", bold=True)
        for name in sorted(names):
            terminalreporter.write_line(f"    {name}")
