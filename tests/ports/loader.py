"""A load in a process of its own, to be killed: `python -m tests.ports.loader KIND URL PART PAUSE` (the url on standard input).

Writes part after part, each of people then tubes; in part PAUSE, between the two tables, it says so and waits for ever.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, overload

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.write_mariadb import MariadbTarget
from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget
from ecluse.adapters.connectors.sql.write_sqlite import SqliteTarget
from ecluse.passage.load import Mark, TableRows
from tests.ports.targets import given

ROWS = 500
PARTS = 4


class Pausing(Sequence[TableRows]):
    """The tables of a part; before the second one, waits to be killed."""

    def __init__(self, tables: Sequence[TableRows]) -> None:
        self.tables = tables

    def __len__(self) -> int:
        return len(self.tables)

    @overload
    def __getitem__(self, place: int) -> TableRows: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[TableRows]: ...
    def __getitem__(self, place: Any) -> Any:
        return self.tables[place]

    def __iter__(self) -> Iterator[TableRows]:
        yield self.tables[0]
        sys.stdout.write("middle\n")
        sys.stdout.flush()
        time.sleep(600)


def part(number: int) -> list[TableRows]:
    people = [{"id": f"{number}-{row}", "name": "ANNE"} for row in range(ROWS)]
    tubes = [{"id": f"{number}-{row}", "person": f"{number}-{row}", "volume": 5} for row in range(ROWS)]
    return [given("people", *people), given("tubes", *tubes)]


def load(target: Any, *, pause: int | None = None) -> int:
    """Write the parts that are not marked; how many were."""
    done = {mark.part for mark in target.marks("m")}
    for number in range(PARTS):
        if number not in done:
            tables: Sequence[TableRows] = Pausing(part(number)) if number == pause else part(number)
            target.write(tables, mark=Mark("m", number, "request", ROWS))
    return PARTS - len(done)


if __name__ == "__main__":
    kinds: dict[str, Any] = {"sqlite": SqliteTarget, "postgres": PostgresTarget, "mysql": MariadbTarget}
    load(kinds[sys.argv[1]](parse_address(sys.stdin.readline().strip())), pause=int(sys.argv[2]))
