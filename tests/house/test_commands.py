"""The command line and the manual agree: every verb is documented, every state is drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from ecluse.doors.cli import app
from ecluse.passage.migration import MigrationState

MANUAL = Path("docs/reference/commands.md")
STATES = Path("docs/reference/states.md")


def walk(group: Any, words: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every command of a command line, as its words and its help."""
    if hasattr(group, "commands"):
        return [one for name, below in sorted(group.commands.items()) for one in walk(below, (*words, name))]
    return [] if group.hidden else [(" ".join(words), group.help or "")]


def test_every_command_is_documented(root: Path) -> None:
    """Every command has its help and its place in the manual."""
    commands = walk(get_command(app))
    manual = (root / MANUAL).read_text("utf-8")
    assert commands
    assert [words for words, said in commands if not said or f"ecluse {words}" not in manual] == []


def test_every_state_is_in_the_diagram(root: Path) -> None:
    """Every state of a migration stands in the page that is drawn from its table."""
    page = (root / STATES).read_text("utf-8")
    assert len(MigrationState) == 11
    assert [state for state in MigrationState if not re.search(rf"--> {state.name}\b", page)] == []
