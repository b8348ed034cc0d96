"""Every session of the manual is run as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transcripts import runner
from tests.transcripts.warm import warm

SESSIONS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Our programs, read into memory once for all sessions."""
    with warm(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.mark.parametrize("file", SESSIONS, ids=lambda file: file.stem)
def test_a_session_goes_as_the_manual_shows_it(file: Path, programs: Path) -> None:
    """Each command of the session prints what the manual shows, and ends with the exit code it shows."""
    session = runner.read(file.read_text("utf-8"))
    assert session.title, "a session begins by saying what it shows"
    if missing := runner.absent(session):
        pytest.skip(f"{missing[0]}: not installed")
    runner.run(session, programs=programs)
