"""The sealed passage, timed: its two sides one after the other, each in a process of its own, as the two gates want it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.stage import stage
from bench.timing import python, run

__all__ = ["Passed", "passage"]


@dataclass(frozen=True, slots=True)
class Passed:
    """Seconds from the start to the parcel deposited, to the last row loaded, to all rows reconciled; each side's most memory, in MB."""

    sealed: float
    loaded: float
    reconciled: float
    source_memory: float
    target_memory: float
    rows: int


def passage(source_url: str, target_url: str) -> Passed:
    """One passage between the two databases; the source is filled, the target's tables are made anew. What prepares it is not timed."""
    home = Path(tempfile.mkdtemp(prefix="ecluse-bench-"))
    try:
        name, person = stage(home, source_url=source_url, target_url=target_url)
        source = run(python("bench.side", "source", str(home), name, person))
        target = run(python("bench.side", "target", str(home), name, person))
    finally:
        shutil.rmtree(home)
    reconciling = target.said["steps"]["reconciled"] - target.said["steps"]["loaded"]
    whole = source.seconds + target.seconds
    return Passed(
        source.seconds, whole - reconciling, whole, source.memory, target.memory, target.said["rows"]
    )
