"""A real GNU Health 5 for tests: its own server, in a process of its own, on a copy of an empty database. It dies with the one that started it.

To get it, once (GPL-3.0-or-later, outside this repository and its environment; the empty database is made at the first test, half a minute):
    python3 -m venv ~/.cache/ecluse-judges/gnuhealth/venv
    ~/.cache/ecluse-judges/gnuhealth/venv/bin/pip install gnuhealth==5.0.6 gnuhealth-lab==5.0.4
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PLACE = Path.home() / ".cache" / "ecluse-judges" / "gnuhealth"
PASSWORD = "a-password-of-tests"
DATABASE = "gh"
SECONDS = 30


@dataclass
class GnuHealth:
    """A server that listens on the loopback address, asked by another road than ours."""

    port: int
    process: subprocess.Popen[bytes]
    _session: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """As an address of Écluse."""
        return f"gnuhealth+http://admin@127.0.0.1:{self.port}/{DATABASE}"

    def ask(self, model: str, verb: str, *given: Any) -> Any:
        """What a model answers. Fails the test where it refuses."""
        if not self._session:
            number, key = self._post("common.db.login", "admin", {"password": PASSWORD})
            self._session = base64.b64encode(f"admin:{number}:{key}".encode()).decode()
        return self._post(f"model.{model}.{verb}", *given, {"active_test": False})

    def count(self, model: str, *domain: Any) -> int:
        """How many records meet a domain."""
        return int(self.ask(model, "search_count", list(domain)))

    def _post(self, method: str, *given: Any) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": given}).encode()
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Authorization"] = f"Session {self._session}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{DATABASE}/", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        assert "error" not in told, told
        return told["result"]


def password_file(folder: Path) -> Path:
    """The account's password, as the settings want it."""
    file = folder / "gnuhealth.password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    return file


@contextmanager
def gnuhealth(folder: Path) -> Iterator[GnuHealth]:
    """A server with nobody in it, and the type of lab test that reports are written under; skipped where it cannot be had."""
    if not (PLACE / "venv" / "bin" / "trytond").is_file():
        pytest.skip(
            f"GNU Health is not installed: python3 -m venv {PLACE}/venv && {PLACE}/venv/bin/pip install gnuhealth==5.0.6 gnuhealth-lab==5.0.4"
        )
    folder.mkdir(exist_ok=True)
    shutil.copy(_template(), folder / f"{DATABASE}.sqlite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PLACE / "venv" / "bin" / "trytond"), "-c", str(_settings(folder, port))]
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            server = GnuHealth(port, process)
            _wait(server)
            server.ask(
                "gnuhealth.lab.test_type", "create", [{"name": "Reprise", "code": "ECLUSE", "product_id": 1}]
            )
            yield server
        finally:
            process.kill()


def _wait(server: GnuHealth) -> None:
    until = time.monotonic() + SECONDS
    while True:
        try:
            server.ask("res.user", "search_count", [])
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until, "GNU Health did not start"
            time.sleep(0.2)
        else:
            return


def _settings(folder: Path, port: int = 0) -> Path:
    file = folder / "trytond.conf"
    file.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return file


def _template() -> Path:
    """An empty GNU Health with its laboratory, made once."""
    made = PLACE / "empty-5.0.6.sqlite"
    if not made.exists():
        building = PLACE / f"building-{os.getpid()}"
        building.mkdir()
        (building / f"{DATABASE}.sqlite").touch()
        (building / "password").write_text(PASSWORD)
        program = str(PLACE / "venv" / "bin" / "trytond-admin")
        subprocess.run(
            [program, "-c", str(_settings(building)), "-d", DATABASE, "--email", "a@example.org", "-u", "health_lab", "--activate-dependencies"],
            env={"TRYTONPASSFILE": str(building / "password")}, check=True, capture_output=True,
        )  # fmt: skip
        (building / f"{DATABASE}.sqlite").rename(made)
        shutil.rmtree(building)
    return made
