"""One reader, fuzzed for so many seconds in a process of its own: `python -m fuzz.one NAME SECONDS CORPUS FOUND`.

Decides what atheris (libFuzzer for Python) is told: our own code is instrumented, with the two libraries in Python alone that read documents, an input that takes ten seconds or two
gigabytes is a failure as an exception is, and what made a failure is kept in FOUND. Exits with 3 where the reader is not in this tree.
"""

# ruff: noqa: T201 - it speaks to the one who runs make

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import atheris

OURS: Final = ["ecluse", "pypdf", "openpyxl"]

with atheris.instrument_imports(include=OURS):
    from fuzz.readers import Absent, readers

ABSENT: Final = 3
LONGEST: Final = 8192
SLOWEST: Final = 10
LARGEST: Final = 2048


def main(name: str, seconds: str, corpus: Path, found: Path) -> int:
    """Fuzz until the time is over; libFuzzer then ends the process with its own code: 0, or 77 where something failed."""
    reader = next(it for it in readers() if it.name == name)
    try:
        with atheris.instrument_imports(include=OURS):
            judge = reader.make()
        seeds = list(reader.seeds())
    except Absent as absent:
        print(f"not in this tree: {absent}")
        return ABSENT
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
        judge(seed)
    atheris.Setup(
        [
            "fuzz", str(corpus), f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}", f"-rss_limit_mb={LARGEST}",
            f"-artifact_prefix={found}/{name}-", "-print_final_stats=1", "-verbosity=1",
        ],
        judge,
    )  # fmt: skip
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
