"""A fresh machine: `make` sets itself up, and says in words what it lacks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest


def venv(root: Path, folder: Path, program: Path | str) -> subprocess.CompletedProcess[str]:
    """Run the script that makes a virtual environment."""
    return subprocess.run(
        ["sh", "house/venv.sh", program, folder], cwd=root, capture_output=True, text=True, check=False
    )


def pretend(place: Path, lines: str) -> Path:
    """A program named python that does as `lines` say."""
    program = place / "python"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (None, "was not found"),
        ('case "$2" in *version_info*) exit 1;; esac; echo Python 3.9.2', "is Python 3.9.2"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3-venv"),
        ('case "$1" in -m) echo no room; exit 1;; esac', "no room"),
    ],
    ids=["absent", "old", "no-venv", "fails"],
)
def test_a_machine_that_lacks_something_is_told_what(
    root: Path, tmp_path: Path, lines: str | None, said: str
) -> None:
    """Without Python 3.11 or its venv, the set-up stops with a sentence that says what to install, and leaves nothing half made."""
    program = pretend(tmp_path, lines) if lines else tmp_path / "python"
    done = venv(root, tmp_path / "made", program)
    assert done.returncode == 1
    assert said in done.stderr
    assert "  do: " in done.stderr
    assert not (tmp_path / "made").exists()


def test_every_verb_of_make_is_explained(root: Path) -> None:
    """`make` alone lists each verb with what it does."""
    makefile = (root / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"^  make (\w+) +\S", said, re.MULTILINE) == phony[1].split()
