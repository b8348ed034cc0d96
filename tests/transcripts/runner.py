"""Terminal sessions as text: how one is read, run and compared.

Decides what a line of a session means (README.md beside this file) and when what was printed is what was promised. It does not decide what is
promised: that is the session's own text.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Session", "Step", "Unlike", "Unreadable", "absent", "alike", "read", "run"]

SECONDS: Final = 120


class Unreadable(Exception):
    """A line of a session means nothing where it stands."""


class Unlike(Exception):
    """A command did not do what its session says; the message shows both."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command: the line it starts on, its words, the output and the exit code expected."""

    line: int
    command: str
    output: tuple[str, ...]
    exit: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One file: what it shows, the programs it needs, its commands."""

    title: str
    needs: tuple[str, ...]
    steps: tuple[Step, ...]


def read(text: str) -> Session:
    """The session that `text` holds. Raises `Unreadable` on an exit code or a continuation with no command, or no command at all."""
    title: list[str] = []
    needs: list[str] = []
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("$ "):
            steps.append(Step(line=number, command=line[2:], output=()))
        elif not steps and line.startswith("needs: "):
            needs += line.removeprefix("needs: ").replace(",", " ").split()
        elif not steps and line.startswith(("> ", "? ")):
            raise Unreadable(f"line {number}: no command above")
        elif not steps:
            title.append(line)
        else:
            steps[-1] = following(steps[-1], line, number)
    if not steps:
        raise Unreadable("no command: a line that starts with `$ `")
    return Session(" ".join(" ".join(title).split()), tuple(needs), tuple(steps))


def following(step: Step, line: str, number: int) -> Step:
    """`step` with one more line of its session."""
    if line.startswith("> ") and not step.output:
        return Step(step.line, f"{step.command}\n{line[2:]}", (), step.exit)
    if line.startswith("? "):
        if not line[2:].strip().isdigit():
            raise Unreadable(f"line {number}: an exit code is a number")
        return Step(step.line, step.command, step.output, int(line[2:]))
    return Step(step.line, step.command, (*step.output, line), step.exit)


def run(session: Session, *, programs: Path | None = None) -> None:
    """Run every command of a session, in a fresh folder. Raises `Unlike` at the first that does not do as it says.

    `programs`: a folder to put first on the path (`warm`); by default our own programs are those that are installed.
    """
    with tempfile.TemporaryDirectory(prefix="ecluse-session-") as folder:
        place = Path(folder) / "session"
        place.mkdir()
        for step in session.steps:
            exit_code, printed = execute(
                step.command, place=place, memory=Path(folder) / "memory", programs=programs
            )
            if exit_code != step.exit or not alike(trimmed(step.output), trimmed(printed)):
                raise Unlike(difference(step, exit_code, printed))


def execute(command: str, *, place: Path, memory: Path, programs: Path | None) -> tuple[int, list[str]]:
    """Run one command where the last one left the session. Returns its exit code and the lines it printed."""
    # The shell writes down, as it ends, what the next one starts from: its folder and what it exported.
    program = f'[ -e "{memory}" ] && . "{memory}"\ntrap \'{{ export -p; printf "cd %q\\n" "$PWD"; }} >"{memory}"\' EXIT\n{command}\n'
    done = subprocess.run(
        ["bash", "-c", program],
        cwd=place,
        env=surroundings(place, programs),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").splitlines()


def surroundings(place: Path, programs: Path | None) -> dict[str, str]:
    """What a command finds around it: our own programs first on the path, no home but the session, no colour."""
    ours = f"{programs}:" if programs else ""
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "PATH": f"{ours}{Path(sys.executable).parent}:{system}",
        "HOME": str(place),
        "LANG": "fr_FR.UTF-8",
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "TZ": "UTC",
    }


def absent(session: Session) -> list[str]:
    """The programs that a session needs and that are not here."""
    return [name for name in session.needs if not shutil.which(name)]


# --- checks -----------------------------------------------------------------------------------------------------------


def alike(expected: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether what was printed is what was expected, `[..]` and `[...]` standing for anything."""
    if not expected:
        return not printed
    if expected[0] == "[...]":
        return any(alike(expected[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and same(expected[0], printed[0]) and alike(expected[1:], printed[1:])


def same(expected: str, printed: str) -> bool:
    """Whether one line is as expected."""
    pattern = ".*".join(re.escape(part) for part in expected.split("[..]"))
    return re.fullmatch(pattern, printed) is not None


def trimmed(lines: Sequence[str]) -> list[str]:
    """Lines without the spaces at their ends, nor the blank ones at the end."""
    kept = [line.rstrip() for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def difference(step: Step, exit_code: int, printed: Sequence[str]) -> str:
    """Both sides, for a person to compare."""
    expected = "\n".join(trimmed(step.output)) or "(nothing)"
    got = "\n".join(trimmed(printed)) or "(nothing)"
    return f"line {step.line}: $ {step.command}\n--- expected, exit {step.exit}\n{expected}\n--- printed, exit {exit_code}\n{got}"
