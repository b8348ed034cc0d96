"""What the code may not use is refused by ruff with a sentence that teaches, and allowed only where the architecture says."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.reading import definitions, modules

SNIPPETS = {
    "os.environ": "import os\nprint(os.environ)",
    "os.environb": "import os\nprint(os.environb)",
    "os.getenv": "import os\nos.getenv('A')",
    "os.putenv": "import os\nos.putenv('A', 'B')",
    "datetime.datetime.now": "from datetime import datetime\ndatetime.now()",
    "datetime.datetime.utcnow": "import datetime\ndatetime.datetime.utcnow()",
    "datetime.datetime.today": "from datetime import datetime\ndatetime.today()",
    "datetime.date.today": "from datetime import date\ndate.today()",
    "time.time": "import time\ntime.time()",
    "unittest.mock": "from unittest import mock",
    "pytest.MonkeyPatch": "import pytest\npytest.MonkeyPatch()",
    "pickle": "import pickle",
    "marshal": "import marshal",
    "shelve": "import shelve",
    "random.random": "import random\nrandom.random()",
    "subprocess.getoutput": "import subprocess\nsubprocess.getoutput('a')",
    "tempfile.mktemp": "import tempfile\ntempfile.mktemp()",
    "logging": "import logging",
}


def judge(root: Path, *, path: str, code: str) -> dict[str, str]:
    """What ruff says of `code` if it stood at `path`: a rule's code and its sentence."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format",
        "json",
        "--stdin-filename",
        path,
        "-",
    ]
    done = subprocess.run(command, cwd=root, input=code, capture_output=True, text=True, check=False)
    return {one["code"]: one["message"] for one in json.loads(done.stdout)}


def test_every_ban_has_its_snippet(root: Path) -> None:
    """No ban stands in the configuration without code that it is seen to refuse."""
    assert set(SNIPPETS) == set(bans(root))


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_ban_refuses_and_teaches(root: Path, name: str) -> None:
    """Code that uses what is banned is refused on the floors of the subject, with the sentence that says what to do instead."""
    found = judge(root, path="src/ecluse/terms/planted.py", code=SNIPPETS[name])
    assert bans(root)[name]["msg"] in found.get("TID251", "")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/ecluse/wiring/laboratory.py", "os.environ"),
        ("src/ecluse/adapters/clock.py", "datetime.datetime.now"),
    ],
)
def test_a_ban_is_lifted_where_the_architecture_says(root: Path, path: str, name: str) -> None:
    """The environment is read in wiring, and the time is asked of the world in one adapter."""
    assert "TID251" not in judge(root, path=path, code=SNIPPETS[name])


@pytest.mark.parametrize(
    ("code", "rule"), [("eval(input())", "S307"), ("exec('a')", "S102"), ("print(1)", "T201")]
)
def test_what_runs_text_or_prints_is_refused(root: Path, code: str, rule: str) -> None:
    """Text is never run as code, and nothing but a door prints."""
    assert rule in judge(root, path="src/ecluse/terms/planted.py", code=code)


def test_no_test_patches_anything(root: Path) -> None:
    """No test replaces a piece of the program under its feet: it gives it another tool, through the port it already has."""
    patching = [
        f"{name}: {defined}"
        for name, tree in modules(root / "tests")
        for defined, node in definitions(tree)
        if not isinstance(node, ast.ClassDef)
        and {one.arg for one in node.args.args} & {"monkeypatch", "mocker"}
    ]
    assert patching == []


def bans(root: Path) -> dict[str, dict[str, str]]:
    """The table of bans."""
    lint = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    table: dict[str, dict[str, str]] = lint["flake8-tidy-imports"]["banned-api"]
    return table
