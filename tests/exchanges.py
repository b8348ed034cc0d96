"""An exchange as a host runs it: `ecluse serve` in a process of its own, made on free ports of this machine, stopped at the end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Running", "free_port", "running"]

ECLUSE = [sys.executable, "-u", str(Path(sys.executable).with_name("ecluse"))]
WAITED = 60.0  # seconds that a busy machine is given


def free_port() -> int:
    """A port of the loopback network that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Running:
    """A served exchange. `url` ends with a slash; `link` is its first person's."""

    home: Path
    url: str
    link: str
    port: int
    process: subprocess.Popen[str]

    def type(self, *words: str) -> dict[str, Any]:
        """A host's command on the same folder, while it is served; its JSON."""
        done = subprocess.run(
            [*ECLUSE, "--home", str(self.home), *words, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Serve the same folder again."""
        self.process, _ = _started(self.home, [])


@contextmanager
def running(home: Path) -> Iterator[Running]:
    """A new exchange, served as long as the block lasts."""
    port = free_port()
    words = ["--init", "--name", "localhost", "--host", "Hébergeur Exemple", "--person", "Ada Lenoir"]
    words += ["--email", "ada@example.org", "--https-port", str(port), "--sftp-port", str(free_port())]
    process, told = _started(home, words)
    served = Running(home, told["url"], told["link"], port, process)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(WAITED) == 0


def _started(home: Path, words: list[str]) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    out = home / "serve.out"
    home.mkdir(parents=True, exist_ok=True)
    command = [*ECLUSE, "--home", str(home), "--language", "fr", "serve"]
    with out.open("w") as told:
        process = subprocess.Popen(
            [*command, *words, "--json"],
            stdout=told,
            stderr=subprocess.STDOUT,
            text=True,
        )
    end = time.monotonic() + WAITED
    while time.monotonic() < end and process.poll() is None:
        if (text := out.read_text()).endswith("}\n"):
            found: dict[str, Any] = json.loads(text)
            return process, found
        time.sleep(0.1)
    process.kill()
    process.wait()
    raise AssertionError(out.read_text())
