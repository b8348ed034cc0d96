"""The command line and the manual agree: every verb is documented, every state is drawn."""

from __future__ import annotations

from importlib import import_module, util
from pathlib import Path
from typing import Any

import pytest

MANUAL = Path("docs/reference/commands.md")
STATES = Path("docs/reference/states.md")


def walk(group: Any, words: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every command of a command line, as its words and its help."""
    if hasattr(group, "commands"):
        return [one for name, below in sorted(group.commands.items()) for one in walk(below, (*words, name))]
    return [] if group.hidden else [(" ".join(words), group.help or "")]


def door(root: Path, manual: Path) -> Any:
    """The command line, once it and its manual exist."""
    if not util.find_spec("ecluse.doors.cli"):
        pytest.skip("the command line is still to be written: ecluse.doors.cli")
    if not (root / manual).exists():
        pytest.skip(f"the manual of the command line is still to be written: {manual}")
    return import_module("typer.main").get_command(import_module("ecluse.doors.cli").app)


def test_every_command_is_documented(root: Path) -> None:
    """Every command has its help and its place in the manual."""
    commands = walk(door(root, MANUAL))
    manual = (root / MANUAL).read_text("utf-8")
    assert commands
    assert [words for words, said in commands if not said or f"ecluse {words}" not in manual] == []


def test_every_state_is_in_the_diagram(root: Path) -> None:
    """Every state of a migration stands in the page that is drawn from its table."""
    if not util.find_spec("ecluse.passage.migration") or not (root / STATES).exists():
        pytest.skip(f"the diagram of states is still to be written: {STATES}")
    states = [state.name for state in import_module("ecluse.passage.migration").State]
    page = (root / STATES).read_text("utf-8")
    assert states
    assert [state for state in states if state not in page] == []
