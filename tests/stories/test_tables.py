"""A laboratory whose system only exports files: the same instruction takes the same records from them as it would from its database."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecluse.passage.statement import Statement
from ecluse.wiring.systems import open_source
from tests.workspaces import laboratory, start

Write = Callable[[Path, Sequence[str], Sequence[Sequence[Any]]], None]


def as_csv(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """As such a system writes it: semicolons, a mark for UTF-8, nothing where there is nothing."""
    with path.with_suffix(".csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(names)
        writer.writerows([[None if isinstance(cell, bytes) else cell for cell in row] for row in rows])


def as_parquet(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Text and octets, each as it is."""
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    arrays = {
        name: pa.array(values, pa.binary())
        if any(isinstance(value, bytes) for value in values)
        else pa.array([None if value is None else str(value) for value in values], pa.string())
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), path.with_suffix(".parquet"))


def exported(database: Path, folder: Path, write: Write) -> Path:
    """One file for each table."""
    folder.mkdir()
    with closing(sqlite3.connect(database)) as old:
        for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = old.execute(f'SELECT * FROM "{name}"')
            write(folder / name, [column[0] for column in cursor.description], cursor.fetchall())
    return folder


def extracted(tmp_path: Path, write: Write) -> tuple[Statement, Statement]:
    """What leaves the live database, and what leaves its export, under one instruction."""
    home = tmp_path / "home"
    _, ready = laboratory(home, patients=80)
    by = ready.cast.ids["engineer"]
    live = ready.course.extract(start(ready), by=by)
    folder = exported(home / "old.sqlite", tmp_path / "export", write)
    course = replace(
        ready.course, source_system=lambda: open_source(f"table+file://{folder}", scratch=tmp_path)
    )
    return live, course.extract(start(ready), by=by)


def test_parquet_files_give_the_very_parcel_the_database_gives(tmp_path: Path) -> None:
    """The same instruction on the same base, read live and from its Parquet export: the same rows leave, sum for sum, and the same rows stay."""
    live, filed = extracted(tmp_path, as_parquet)
    for kind, statement in live.kinds.items():
        assert filed.kinds[kind].sums.lines() == statement.sums.lines(), kind
        assert filed.kinds[kind].excluded == statement.excluded, kind
        assert filed.kinds[kind].rejected == statement.rejected, kind


def test_csv_files_give_the_same_records(tmp_path: Path) -> None:
    """From CSV the same rows leave and stay, site by site and month by month, and sum for sum but for empty results: CSV cannot tell them from none."""
    live, filed = extracted(tmp_path, as_csv)
    for kind, statement in live.kinds.items():
        groups = [line[:3] for line in statement.sums.lines()]
        assert [line[:3] for line in filed.kinds[kind].sums.lines()] == groups, kind
        assert filed.kinds[kind].sums.lines() == statement.sums.lines() or kind == "result"
        assert filed.kinds[kind].excluded == statement.excluded, kind
        assert filed.kinds[kind].rejected == statement.rejected, kind
