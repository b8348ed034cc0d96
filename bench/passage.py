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
    """Seconds from the start to the parcel deposited, to the last row loaded, to all rows reconciled; the processor's seconds until then;
    each side's most memory, in MB.
    """

    sealed: float
    loaded: float
    reconciled: float
    cpu: dict[str, float]
    source_memory: float
    target_memory: float
    rows: int


def passage(source_url: str, target_url: str, *, server: int = 0) -> Passed:
    """One passage between two databases of `server`; the source is filled, the target's tables are made anew. What prepares it is not timed."""
    home = Path(tempfile.mkdtemp(prefix="ecluse-bench-"))
    try:
        name, person = stage(home, source_url=source_url, target_url=target_url)
        words = (str(home), name, person, str(server))
        source = run(python("bench.side", "source", *words), server=server)
        target = run(python("bench.side", "target", *words), server=server)
    finally:
        shutil.rmtree(home)
    reconciling = target.said["steps"]["reconciled"] - target.said["steps"]["loaded"]
    whole = source.seconds + target.seconds
    reconciling_cpu = target.said["cpu"]["reconciled"] - target.said["cpu"]["loaded"]
    cpu = source.cpu + target.cpu
    return Passed(
        source.seconds, whole - reconciling, whole,
        {"sealed": source.cpu, "loaded": cpu - reconciling_cpu, "reconciled": cpu},
        source.memory, target.memory, target.said["rows"],
    )  # fmt: skip
