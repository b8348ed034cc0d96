"""What one process took: wall seconds, processor seconds and the most memory it held, its children's included (« peak resident set »).

On a machine that does other things as well, wall seconds say little: processor seconds, the database server's included, say what the work costs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Failed", "Spent", "processor", "run"]


class Failed(Exception):
    """A program that a bench started ended badly; the message ends with what it wrote."""


STARTER = """
import os, sys, time
began = time.monotonic()
_, status, used = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
seconds = time.monotonic() - began
print()
print(seconds, used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""`wait4` counts a program's memory as the largest of it and of the children that it waited for."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall `seconds`; `cpu`: the processor's seconds, those of `server` included; `memory` in MB (10^6 octets); `said`: the last line the
    process wrote, when it is JSON.
    """

    seconds: float
    cpu: float
    memory: float
    said: dict[str, Any] = field(default_factory=dict)


def processor(server: int) -> float:
    """The processor's seconds of a server and of all it started, so far (proc(5)); 0 where there is no server."""
    if not server:
        return 0.0
    ticks = sum(_ticks(server, ended=True))
    for child in Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            ticks += sum(_ticks(int(child), ended=False))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int, *, ended: bool) -> list[int]:
    """In user mode and in the kernel; then the same of the children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return [int(ticks) for ticks in fields[11 : 15 if ended else 13]]


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, server: int = 0) -> Spent:
    """Run a program to its end. `server`: the process of the database server it works on.

    A small process starts it: the kernel counts what the starting process holds as the first memory of the started one.
    """
    before = processor(server)
    with tempfile.TemporaryFile() as written:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", STARTER, *command], stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}, check=False,
        )  # fmt: skip
        written.seek(0)
        *lines, counted = written.read().decode("utf-8", "replace").splitlines() or [""]
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n" + "\n".join(lines[-15:]))
    seconds, memory, own = map(float, counted.split())
    last = next((line for line in reversed(lines) if line), "")
    said = json.loads(last) if last.startswith("{") else {}
    return Spent(seconds, own + processor(server) - before, memory * 1024 / 1e6, said)


def python(*words: str) -> list[str]:
    """A module of ours in a new interpreter."""
    return [sys.executable, "-m", *words]
