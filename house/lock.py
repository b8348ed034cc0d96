"""Chooses the versions of everything that is installed, and hashes them: `make lock`.

Decides the options; pip-tools decides the versions, keeping those already chosen unless a list forbids them. To take newer ones, remove
a line (or the file) and run it again. The lists name no place to download from: that is the machine's own setting.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from house import ROOT

__all__ = ["compile_all"]

LISTS: Final = {
    "requirements/lock.txt": ["--extra", "exchange", "pyproject.toml", "requirements/lock.in"],
    "requirements/dev.txt": ["requirements/dev.in"],
    "requirements/bench.txt": ["requirements/bench.in"],
    "requirements/fuzz.txt": ["requirements/fuzz.in"],
}
OPTIONS: Final = [
    "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header", "--no-emit-index-url",
    "--no-emit-find-links", "--no-emit-trusted-host", "--no-emit-options",
]  # fmt: skip


def compile_all() -> int:
    """Compile each list from its sources, in order: the later ones are held to the first. Returns the first failure's exit code."""
    for target, sources in LISTS.items():
        if not (ROOT / sources[-1]).exists():
            continue
        print(f"compiling {target}")
        command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, "--output-file", target, *sources]
        done = subprocess.run(command, cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    return 0
