"""The import contracts can fail: each is broken on purpose in a copy of the code, and seen to be."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# For each contract, files written over a copy of the code, and what the refusal must name.
PLANTS: dict[str, list[tuple[dict[str, str], str]]] = {
    "floors": [
        ({"base/planted.py": "import ecluse.proof"}, "ecluse.base.planted"),
        ({"proof/planted.py": "import ecluse.terms"}, "ecluse.proof.planted"),
        ({"people/planted.py": "import ecluse.terms"}, "ecluse.people.planted"),
        ({"terms/planted.py": "import ecluse.passage"}, "ecluse.terms.planted"),
        ({"passage/planted.py": "import ecluse.adapters"}, "ecluse.passage.planted"),
        ({"inspection/planted.py": "import ecluse.invent"}, "ecluse.inspection.planted"),
        ({"passage/planted.py": "import ecluse.inspection"}, "ecluse.passage.planted"),
        ({"invent/planted.py": "import ecluse.adapters"}, "ecluse.invent.planted"),
        ({"adapters/planted.py": "import ecluse.wiring"}, "ecluse.adapters.planted"),
        ({"wiring/planted.py": "import ecluse.doors"}, "ecluse.wiring.planted"),
        ({"stray/__init__.py": ""}, "stray"),
    ],
    "subject": [
        ({"base/planted.py": "import sqlite3"}, "sqlite3"),
        ({"proof/planted.py": "import socket"}, "socket"),
        ({"people/planted.py": "import psycopg"}, "psycopg"),
        ({"terms/planted.py": "import typer"}, "typer"),
        ({"passage/planted.py": "import duckdb"}, "duckdb"),
        ({"passage/planted.py": "import a_new_library"}, "a_new_library"),
    ],
    "connectors": [
        ({"adapters/connectors/planted/__init__.py": "import ecluse.adapters.connectors.sql"}, "planted -> ecluse.adapters.connectors.sql"),
        ({"adapters/connectors/hl7/planted.py": "import ecluse.adapters.connectors.files.source"}, "hl7.planted -> ecluse.adapters.connectors.files.source"),
        ({"adapters/connectors/hl7/planted.py": "import ecluse.adapters.connectors.sql.scratch"}, "hl7.planted -> ecluse.adapters.connectors.sql.scratch"),
        ({"adapters/connectors/files/planted.py": "import ecluse.adapters.connectors.sql.read_postgres"}, "files.planted -> ecluse.adapters.connectors.sql.read_postgres"),
    ],
    "blind-exchange": [
        ({"passage/custody.py": "from ecluse.proof import unseal"}, "ecluse.proof.unseal"),
        ({"proof/seal.py": "from ecluse.proof import planted", "proof/planted.py": "from ecluse.proof import unseal"}, "planted"),
        ({"proof/__init__.py": "from ecluse.proof import unseal"}, "ecluse.proof.seal -> ecluse.proof -> ecluse.proof.unseal"),
        ({"adapters/vaults.py": "import ecluse.adapters.connectors.sql"}, "ecluse.adapters.vaults -> ecluse.adapters.connectors"),
        ({"wiring/exchange.py": "from ecluse.proof import unseal"}, "ecluse.wiring.exchange -> ecluse.proof.unseal"),
    ],
    "offline-verifier": [
        ({"doors/verify.py": "import pyarrow"}, "pyarrow"),
        ({"doors/verify.py": "from ecluse.base import planted", "base/planted.py": "import mnemonic"}, "mnemonic"),
        ({"doors/verify.py": "import ecluse.adapters"}, "ecluse.adapters"),
    ],
}  # fmt: skip
CASES = [pytest.param(contract, plant, name, id=f"{contract}-{n}") for contract, plants in PLANTS.items() for n, (plant, name) in enumerate(plants)]  # fmt: skip


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of the code and of its contracts."""
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "house", tmp_path / "house", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def lint(place: Path, contract: str) -> tuple[int, str]:
    """Judge the code in `place` by one contract: import-linter's exit code, and all that it wrote on one line."""
    lines = f"import sys; sys.path[:0] = [{str(place / 'src')!r}, {str(place)!r}]; from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", lines, "--contract", contract, "--no-cache"],
        cwd=place, env={"COLUMNS": "500"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(("contract", "plant", "name"), CASES)
def test_a_violation_is_caught(copy: Path, contract: str, plant: dict[str, str], name: str) -> None:
    """Each import contract catches a violation planted for it, and names the culprit."""
    for path, code in plant.items():
        file = copy / "src" / "ecluse" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{file.read_text('utf-8') if file.exists() else ''}\n{code}\n", "utf-8")
    exit_code, said = lint(copy, contract)
    assert exit_code == 1, said
    assert "BROKEN" in said
    assert name in said


def test_a_promise_about_a_renamed_module_is_caught(copy: Path) -> None:
    """A contract whose subject was renamed away does not pass for want of anything to check."""
    (copy / "src" / "ecluse" / "proof" / "unseal.py").rename(copy / "src" / "ecluse" / "proof" / "opened.py")
    exit_code, said = lint(copy, "blind-exchange")
    assert (exit_code, "names no module of ours" in said) == (1, True), said


def test_every_contract_has_its_violation(root: Path) -> None:
    """No import contract stands in the configuration without a violation that it is seen to catch."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert {contract["id"] for contract in contracts} == set(PLANTS)
