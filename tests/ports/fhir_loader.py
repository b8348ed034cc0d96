"""A load into a FHIR folder in a process of its own, to be killed: `python -m tests.ports.fhir_loader FOLDER [PART]`.

Writes part after part; in part PART, when its first lines are on the disk, it says so and waits for ever.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pyarrow as pa

from ecluse.adapters.connectors.fhir import write as write_fhir
from ecluse.adapters.connectors.fhir.address import parse_folder
from ecluse.adapters.connectors.fhir.elements import Row
from ecluse.adapters.connectors.fhir.write import FhirTarget
from ecluse.passage.load import Mark, TableRows

PARTS = 3
ROWS = write_fhir.CHUNK + 100


class Pausing(FhirTarget):
    """A target that stops for ever between the first chunk of a part and the rest."""

    pausing = False
    chunks = 0

    def _tell_subjects(self, change: write_fhir.Change, rows: list[Row]) -> None:  # type: ignore[override]
        self.chunks += 1
        if self.pausing and self.chunks == 2:
            sys.stdout.write("middle\n")
            sys.stdout.flush()
            time.sleep(600)
        super()._tell_subjects(change, rows)


def part(number: int) -> TableRows:
    ids = [f"{number}-{row}" for row in range(ROWS)]
    return TableRows(
        "patient", pa.RecordBatch.from_pydict({"id": ids, "birth_name": ["ANNE"] * ROWS}), ("id",)
    )


def load(folder: Path, *, pause: int | None = None) -> int:
    """Write the parts that are not marked; how many were."""
    target = Pausing(parse_folder(f"fhir+file://{folder}"))
    done = {mark.part for mark in target.marks("m")}
    for number in range(PARTS):
        if number not in done:
            target.pausing, target.chunks = number == pause, 0
            target.write([part(number)], mark=Mark("m", number, "patient", ROWS))
    return PARTS - len(done)


if __name__ == "__main__":
    load(Path(sys.argv[1]), pause=int(sys.argv[2]))
