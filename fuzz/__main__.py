"""`python -m fuzz [SECONDS [NAME...]]`: every reader in turn, for so many seconds each, and what came of it.

Decides the order, that one failure does not keep the others from being run, and the exit code: 1 if any failed. A reader that is not in this tree
is named, and is no failure.
"""

# ruff: noqa: T201 - it speaks to the one who runs make

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from fuzz.readers import readers

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / ".corpus"
FOUND: Final = HERE / ".found"
_RUN: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERED: Final = re.compile(r"cov: (\d+)")
_MEMORY: Final = re.compile(r"stat::peak_rss_mb:\s*(\d+)")
_ABSENT: Final = 3
_MARGIN: Final = 120


class Outcome(NamedTuple):
    """How one reader did: `inputs` tried, `branches` of our code they reached, most memory; and the last lines said where it failed."""

    name: str
    inputs: str
    branches: str
    megabytes: str
    failed: str = ""


def main(seconds: int, names: list[str]) -> int:
    """Fuzz the named readers, or all. Returns 1 if any failed."""
    known = [reader.name for reader in readers()]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such reader: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    failed = False
    print(f"{'reader':<18}{'inputs':>10}{'branches':>10}{'MB':>6}   {seconds} s each")
    for name in names or known:
        outcome = _fuzzed(name, seconds)
        print(
            f"{name:<18}{outcome.inputs:>10}{outcome.branches:>10}{outcome.megabytes:>6}   {outcome.failed}",
            flush=True,
        )
        failed |= outcome.inputs == "FAILED"
    return int(failed)


def _fuzzed(name: str, seconds: int) -> Outcome:
    command = [sys.executable, "-m", "fuzz.one", name, str(seconds), str(CORPUS / name), str(FOUND)]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            timeout=seconds + _MARGIN,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, "FAILED", "-", "-", "it did not end")
    said = done.stdout + done.stderr
    if done.returncode == _ABSENT:
        return Outcome(name, "-", "-", "-", done.stdout.strip().splitlines()[-1])
    if done.returncode:
        FOUND.mkdir(parents=True, exist_ok=True)
        report = FOUND / f"{name}.txt"
        report.write_text(said, encoding="utf-8")
        return Outcome(name, "FAILED", "-", "-", f"see {report.relative_to(HERE.parent)}")
    return Outcome(name, _last(_RUN, said), _last(_COVERED, said), _last(_MEMORY, said))


def _last(pattern: re.Pattern[str], said: str) -> str:
    found = pattern.findall(said)
    return found[-1] if found else "?"


if __name__ == "__main__":
    seconds, *names = sys.argv[1:] or ["60"]
    sys.exit(main(int(seconds), names))
