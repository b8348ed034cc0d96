"""Our programs, read into memory once and forked for each command of a session.

A session types dozens of commands, and reading the libraries again for each took three quarters of its time. A command is still a process of its
own, given what a shell gives it: words, folder, variables, three streams, signals, and an exit code in return. `bin` holds the programs to put first
on the path: each asks the warm process for a fork and stays in its place.

What this hides, a library that is not found when a command starts by itself, `tests/doors` and `tests/house/test_wheel.py` look at.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["warm"]

PROGRAMS: Final = {"ecluse": "ecluse.doors.cli", "ecluse-verify": "ecluse.doors.verify"}
"""Each program and the module whose `main` it is (`[project.scripts]`)."""

STAND_IN: Final = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    given = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(asked, [len(given).to_bytes(4, "big")], [0, 1, 2])
    asked.sendall(given)
    answer = asked.makefile("rb")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(child, number))
    child = int(answer.readline())
    ended = int(answer.readline())
if ended < 0:
    signal.signal(-ended, signal.SIG_DFL)
    os.kill(os.getpid(), -ended)
os._exit(ended)
"""
"""A program that is a few milliseconds long: it hands over all it was given, and ends as its fork ends."""


@contextmanager
def warm(folder: Path) -> Iterator[Path]:
    """The folder of programs, while the process behind them is alive. It ends with this one, however that ends."""
    address, programs = folder / "warm.sock", folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        file = programs / name
        file.write_text(STAND_IN.format(python=sys.executable, address=str(address)))
        file.chmod(0o755)
    command = [sys.executable, "-m", "tests.transcripts.warm", str(address)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while not address.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert address.exists(), "the warm process did not start"
        yield programs


def serve(address: str) -> None:
    """Fork for each program that asks, until standard input ends."""
    read_all()
    gc.freeze()  # what is read for good is not looked at, so not copied, in each fork
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{address}.new")
        listening.listen(16)
        Path(f"{address}.new").rename(address)
        while True:
            ready, _, _ = select.select([0, listening], [], [])
            if 0 in ready:
                return
            asked, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                keep(asked)
            asked.close()


def read_all() -> None:
    """What commands import when they run, but for what only an exchange does."""
    for name in ("ecluse.wiring.workspace", "ecluse.wiring.demonstration", "ecluse.wiring.inspection"):
        importlib.import_module(name)
    for folder in (
        "ecluse.doors.cli",
        "ecluse.passage",
        "ecluse.adapters.connectors",
        "ecluse.adapters.containers",
    ):
        for module in pkgutil.walk_packages(importlib.import_module(folder).__path__, f"{folder}."):
            with suppress(ImportError):  # a driver that this machine has not: its command says so
                importlib.import_module(module.name)


def keep(asked: socket.socket) -> None:
    """Run one program in a fork of this fork, tell its process and then how it ended. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(asked, 4, 3)
    words, folder, variables = json.loads(exactly(asked, int.from_bytes(size, "big")))
    child = os.fork()
    if child == 0:
        asked.close()
        become(words, folder, variables, streams)
    for stream in streams:
        os.close(stream)  # a pipe must end when the program does
    asked.sendall(f"{child}\n".encode())
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(BrokenPipeError):
        asked.sendall(f"{ended}\n".encode())
    os._exit(0)


def become(words: list[str], folder: str, variables: dict[str, str], streams: list[int]) -> None:
    """Be the program: its words, its folder, its variables, its streams. Never returns."""
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
    os.closerange(3, 256)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    sys.argv = words
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the process's own
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    ended: object = 0
    try:
        importlib.import_module(PROGRAMS[Path(words[0]).name]).main()
    except SystemExit as left:
        ended = left.code or 0
    except BaseException:  # noqa: BLE001 - as Python does with what nobody caught
        traceback.print_exc()
        ended = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    # Not `sys.exit`: the libraries would wait there for threads of theirs that a fork has not.
    os._exit(ended if isinstance(ended, int) else 1)


def exactly(asked: socket.socket, size: int) -> bytes:
    """So many octets of what is asked."""
    read = bytearray()
    while len(read) < size and (more := asked.recv(size - len(read))):
        read += more
    return bytes(read)


if __name__ == "__main__":
    serve(sys.argv[1])
