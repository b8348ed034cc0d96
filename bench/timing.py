"""What one process took: wall seconds and the most memory it held, its children's included (« peak resident set »)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Failed", "Spent", "run"]


class Failed(Exception):
    """A program that a bench started ended badly; the message ends with what it wrote."""


STARTER = """
import os, sys, time
began = time.monotonic()
_, status, used = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
seconds = time.monotonic() - began
print()
print(seconds, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""`wait4` counts a program's memory as the largest of it and of the children that it waited for."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall `seconds`; `memory` in MB (10^6 octets); `said`: the last line the process wrote, when it is JSON."""

    seconds: float
    memory: float
    said: dict[str, Any] = field(default_factory=dict)


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a program to its end.

    A small process starts it: the kernel counts what the starting process holds as the first memory of the started one.
    """
    with tempfile.TemporaryFile() as written:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", STARTER, *command], stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}, check=False,
        )  # fmt: skip
        written.seek(0)
        *lines, counted = written.read().decode("utf-8", "replace").splitlines() or [""]
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n" + "\n".join(lines[-15:]))
    seconds, memory = counted.split()
    last = next((line for line in reversed(lines) if line), "")
    return Spent(float(seconds), float(memory) * 1024 / 1e6, json.loads(last) if last.startswith("{") else {})


def python(*words: str) -> list[str]:
    """A module of ours in a new interpreter."""
    return [sys.executable, "-m", *words]
