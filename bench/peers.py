"""What people use today, each started as its own manual advises, between the same two databases on the same server.

Decides the commands. None of them filters, seals or reconciles; a program that is not on the machine is named, and not run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from urllib.parse import urlsplit

from bench.tables import COLUMNS
from bench.timing import Spent, python, run

__all__ = ["Peer", "Place", "postgres_peers"]

TABLES = tuple(COLUMNS)


@dataclass(frozen=True, slots=True)
class Place:
    """Two databases: by the socket for programs of the same machine, by the network for those that know no socket; a folder to write in."""

    source: str
    target: str
    source_network: str
    target_network: str
    folder: Path
    server: int
    """The process of the server that holds both."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to move the three tables. `lacking` says what is not installed, or is empty; `again`: how often to run it, of which the median counts."""

    name: str
    go: Callable[[Place], Spent]
    lacking: str = ""
    again: int = 1


def postgres_peers() -> Iterator[Peer]:
    psql = "" if shutil.which("psql") else "psql"
    yield Peer("COPY TO | COPY FROM, text", lambda place: _copy(place, "text"), psql, again=3)
    yield Peer("COPY TO | COPY FROM, binary", lambda place: _copy(place, "binary"), psql, again=3)
    yield Peer("pg_dump -Fc | pg_restore", _dump, "" if shutil.which("pg_restore") else "pg_restore")
    yield Peer("sling", _sling, "" if _sling_program() else "sling-linux-amd64")
    yield Peer("dlt (pyarrow)", _dlt, "" if util.find_spec("dlt") else "dlt")


def _copy(place: Place, form: str) -> Spent:
    lines = [
        f'psql -q -X "{place.source}" -c "COPY {table} TO STDOUT (FORMAT {form})" | psql -q -X "{place.target}" -c "COPY {table} FROM STDIN (FORMAT {form})"'
        for table in TABLES
    ]
    return run(["bash", "-o", "pipefail", "-ec", "\n".join(lines)], server=place.server)


def _dump(place: Place) -> Spent:
    """Whole tables: the primary keys are made once the rows are in, as pg_restore does by itself."""
    named = " ".join(f"-t {table}" for table in TABLES)
    line = f'pg_dump -Fc {named} -d "{place.source}" | pg_restore --clean --if-exists --no-owner --no-acl -d "{place.target}"'
    return run(["bash", "-o", "pipefail", "-ec", line], server=place.server)


def _sling_program() -> Path | None:
    found = util.find_spec("sling_linux_amd64")
    places = list(found.submodule_search_locations or []) if found else []
    programs = [Path(place) / "bin" / "sling-linux-amd64" for place in places]
    return next((program for program in programs if program.is_file()), None)


def _sling(place: Place) -> Spent:
    """Into the tables that are there, emptied first (truncate); one stream, its default."""
    program = str(_sling_program())
    ends = [f"{url}?sslmode=disable" for url in (place.source_network, place.target_network)]
    lines = [
        f'"{program}" run --src-conn "{ends[0]}" --src-stream public.{table} --tgt-conn "{ends[1]}" --tgt-object public.{table} --mode truncate'
        for table in TABLES
    ]
    home = {
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "SLING_HOME_DIR": str(place.folder / "sling"),
        "SLING_LOADED_AT_COLUMN": "FALSE",
    }
    return run(["bash", "-ec", "\n".join(lines)], environment=home, server=place.server)


def _dlt(place: Place) -> Spent:
    assert urlsplit(place.source_network).scheme == "postgresql"
    return run(
        python("bench.with_dlt", place.source_network, place.target_network, str(place.folder / "dlt")),
        environment={"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"},
        server=place.server,
    )
