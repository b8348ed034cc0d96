"""FHIR R4: resources a second into files and out of them, and into a live server and out of it, beside how long that server itself worked.

Decides which side waits: of the seconds of an exchange, those that the server spent on our requests, by its own count, and those that were ours. Run
by itself: `python -m bench.fhir [RESULTS]`, since the server must be fetched by hand (tests/ports/fhir_servers.py).
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bench.asked import Asked, Table
from ecluse.adapters.connectors.fhir.address import parse_folder, parse_server
from ecluse.adapters.connectors.fhir.format import FhirFormat
from ecluse.adapters.connectors.fhir.server import Server
from ecluse.adapters.connectors.fhir.server_read import FhirServerSource
from ecluse.adapters.connectors.fhir.server_write import FhirServerTarget
from ecluse.adapters.connectors.fhir.write import FhirTarget, fhir_mapping
from ecluse.adapters.connectors.files.format import Fact
from ecluse.passage.load import Mark, TableRows, Target
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.fhir_servers import TOKEN, Medplum, available, medplum

RESULTS = 5_000
"""The memory server goes through all its resources at each search: more would measure that."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way: so many resources in so many seconds, of which the server worked so many."""

    way: str
    resources: int
    seconds: float
    server: float | None = None

    def __str__(self) -> str:
        told = f"{self.way:<44} {self.resources:>8,} {self.resources / self.seconds:>10,.0f}/s {self.seconds:>7.2f} s"
        if self.server is None:
            return told
        share = 100 * self.server / self.seconds
        return (
            f"{told}   server {self.server:.2f} s ({share:.0f} %): {'we wait' if share > 50 else 'it waits'}"
        )


def rows(number: int) -> TableRows:
    """Invented results of one request each, as a laboratory has them."""
    count = range(number)
    columns = {
        "id": [f"R{n}" for n in count], "request": [f"D{n // 10}" for n in count], "code": ["2951-2"] * number, "label": ["Sodium"] * number,
        "value": [f"{n % 100}.{n % 10}0" for n in count], "unit": ["mmol/L"] * number, "range_low": ["135"] * number,
        "range_high": ["145"] * number, "status": ["validated"] * number, "visibility": ["visible"] * number,
    }  # fmt: skip
    return TableRows("result", pa.RecordBatch.from_pydict(columns), ("id",))


def timed(way: str, number: int, done: Callable[[], object], server: Medplum | None = None) -> Line:
    """How long it takes, and how long of it the server works."""
    before = server.ill()["busy"] if server else 0.0
    started = time.perf_counter()
    done()
    seconds = time.perf_counter() - started
    return Line(way, number, seconds, server.ill()["busy"] - before if server else None)


def written(target: Target, number: int) -> None:
    target.write([rows(number)], mark=Mark("bench", 1, "result", number))


def told(path: Path) -> int:
    """The facts of every file of the folder, by the road of any server's export."""
    found = 0
    for file in sorted(path.glob("*.ndjson")):
        with file.open("rb") as stream:
            found += sum(isinstance(it, Fact) for it in FhirFormat().read(stream, name="1"))
    return found


def decoded(path: Path) -> int:
    """What json alone takes for the same lines: the floor of any reader in Python."""
    return sum(
        1 for file in path.glob("*.ndjson") for line in io.BytesIO(file.read_bytes()) if json.loads(line)
    )


def back(server: Medplum) -> int:
    """Every result, read back from the server."""
    records = {"result": tuple(vocabulary().kinds["result"].fields)}
    plan = read_back(records=records, instruction="", mapping=fhir_mapping(), vocabulary=vocabulary())
    asked = Server(parse_server(server.url), token=TOKEN, side="source")
    with FhirServerSource(asked).snapshot() as snapshot:
        return sum(batch.num_rows for batch in snapshot.rows(plan, plan.slices[0]))


def lines(number: int) -> Iterator[Line]:
    """Every way, once: into a folder and out of it, then into a server and out of it, if there is one."""
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        path = Path(folder) / "fhir"
        many = number * 10
        target = FhirTarget(parse_folder(f"fhir+file://{path}"))
        yield timed("written to a folder", many, lambda: written(target, many))
        yield timed("json.loads of its lines", many, lambda: decoded(path))
        yield timed("told of its lines, as of anybody's", many, lambda: told(path))
    if not available():
        return
    with medplum() as server, closing(FhirServerTarget(parse_server(server.url), token=TOKEN)) as sent:
        yield timed("sent to a server, 50 to a transaction", number, lambda: written(sent, number), server)
        yield timed("read back from it", number, lambda: back(server), server)


def exchange(asked: Asked) -> Table:
    """Resources a second, and which side waits."""
    table = Table(
        "FHIR R4",
        "Invented results of one laboratory; ten times as many for the folder as for the server, which keeps them in memory.",
        ["way", "resources", "seconds", "resources / s", "of which the server worked"],
    )
    for line in lines(asked.results or RESULTS):
        worked = "-" if line.server is None else f"{100 * line.server / line.seconds:.0f} %"
        pace = round(line.resources / line.seconds)
        table.rows.append([line.way, line.resources, round(line.seconds, 2), pace, worked])
    if not available():
        table.not_run.append(
            "a live server: Medplum's is not there (tests/ports/fhir_servers.py says how to get it)"
        )
    return table


def main(number: int) -> None:
    """Every way, once, on this machine as it is."""
    for line in lines(number):
        print(line, flush=True)
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
