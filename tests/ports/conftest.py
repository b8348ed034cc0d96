"""A small system, empty, in each of the places where a target can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import started
from tests.object_servers import ObjectServer, seaweedfs
from tests.ports.targets import KINDS, Opened, database, opened


@pytest.fixture(params=KINDS)
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:
        yield from opened(request.param, stack, database(request.param, request, tmp_path))


@pytest.fixture(params=KINDS[1:3])
def on_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:
        yield from opened(request.param, stack, database(request.param, request, tmp_path))


@pytest.fixture(params=KINDS[:3])
def on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:
        yield from opened(request.param, stack, database(request.param, request, tmp_path))


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """A private S3 server for the whole run; the test is skipped where there is none to start."""
    with ExitStack() as stack:
        yield started(seaweedfs(), stack)
