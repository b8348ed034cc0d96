"""What could not be tested on a machine is named, by test and by reason, at the end of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_skipped_tests_are_named_last(root: Path, tmp_path: Path) -> None:
    """A run ends by naming every skipped test under its reason, after the failures; then comes pytest's own count."""
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef server(): pytest.skip('MariaDB: install it')\n"
        "def test_one(server): pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_two(server, n): pass\n"
        "@pytest.mark.skip(reason='no terminal')\ndef test_three(): pass\n"
        "def test_four(): assert False\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.rstrip().splitlines()
    assert "not tested here" in lines[-8]
    assert lines[-7:-1] == [
        "MariaDB: install it (3)",
        "    test_some.py::test_one",
        "    test_some.py::test_two[1]",
        "    test_some.py::test_two[2]",
        "no terminal (1)",
        "    test_some.py::test_three",
    ]
    assert lines[-1].startswith("1 failed, 4 skipped")
    assert done.returncode == 1
