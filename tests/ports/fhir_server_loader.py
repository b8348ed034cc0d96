"""A load into a FHIR server in a process of its own, to be killed: `python -m tests.ports.fhir_server_loader URL [PART]`.

Loads part after part as `passage.load` does, behind what the server's marks say is there; in part PART, after two transactions, it says so and waits.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing

import pyarrow as pa

from ecluse.adapters.connectors.fhir.address import parse_server
from ecluse.adapters.connectors.fhir.server_write import FhirServerTarget
from ecluse.passage.load import Mark, TableRows
from tests.ports.fhir_servers import TOKEN

PARTS = 2
ROWS = 130


class Pausing(FhirServerTarget):
    """A target that stops for ever before a third transaction of a part."""

    pausing = False
    sent = 0

    def _transact(self, entries: Sequence[bytes], *, where: str) -> None:
        self.sent += 1
        if self.pausing and self.sent == 3:
            sys.stdout.write("middle\n")
            sys.stdout.flush()
            time.sleep(600)
        super()._transact(entries, where=where)


def part(number: int, *, start: int) -> TableRows:
    ids = [f"{number}-{row}" for row in range(start, ROWS)]
    return TableRows(
        "patient", pa.RecordBatch.from_pydict({"id": ids, "birth_name": ["ANNE"] * len(ids)}), ("id",)
    )


def load(url: str, *, pause: int | None = None) -> None:
    """Write what the marks do not cover."""
    with closing(Pausing(parse_server(url), token=TOKEN)) as target:
        _load(target, pause)


def _load(target: Pausing, pause: int | None) -> None:
    done = {mark.part: mark.records for mark in target.marks("m")}
    for number in range(PARTS):
        start = done.get(number, 0)
        if start < ROWS:
            target.pausing, target.sent = number == pause, 0
            target.write([part(number, start=start)], mark=Mark("m", number, "patient", ROWS - start, start))


if __name__ == "__main__":
    load(sys.argv[1], pause=int(sys.argv[2]))
