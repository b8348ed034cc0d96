"""Every session of the manual is run as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts import runner

SESSIONS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("file", SESSIONS, ids=lambda file: file.stem)
def test_a_session_goes_as_the_manual_shows_it(file: Path) -> None:
    """Each command of the session prints what the manual shows, and ends with the exit code it shows."""
    session = runner.read(file.read_text("utf-8"))
    assert session.title, "a session begins by saying what it shows"
    if missing := runner.absent(session):
        pytest.skip(f"{missing[0]}: not installed")
    runner.run(session)
