"""The same invented people as CSV files and as FHIR resources: what leaves is the same parcel, row for row and sum for sum."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from ecluse.passage.tally import Salts, Tally
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.formats import shipped_mapping
from ecluse.wiring.laboratory import checksum
from tests.parcels import Parcel, batches_of, parcel_of
from tests.workspaces import Laboratory, start

SALTS: Final = Salts(7, 11)
"""Each site has its own; here both parcels are summed with the same."""


class Onward(Laboratory):
    """From files that a passage wrote to the invented laboratory's new system."""

    def __init__(self, home: Path, *, source_url: str, mapping: str) -> None:
        super().__init__(home, patients=0, seed=0, source_url=source_url)
        (home / "old.toml").write_text(shipped_mapping(mapping), encoding="utf-8")

    def invent(self) -> None:
        """Nobody: the files are there."""
        self.create_target()


class ToFiles(Laboratory):
    """The invented laboratory's old system to files. An empty text becomes an absent one first: of files, the two are read alike."""

    def __init__(self, home: Path, *, target_url: str, mapping: str) -> None:
        super().__init__(home, patients=60, seed=4, target_url=target_url)
        (home / "new.toml").write_text(shipped_mapping(mapping), encoding="utf-8")

    def invent(self) -> None:
        """The old system, each of its empty texts made absent."""
        super().invent()
        with closing(sqlite3.connect(self.home / "old.sqlite")) as old:
            for (table,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for (column,) in old.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall():
                    old.execute(f'UPDATE "{table}" SET "{column}" = NULL WHERE "{column}" = \'\'')
            old.commit()

    def create_target(self) -> None:
        """An empty folder."""
        Path(self.settings.target.url.partition("://")[2]).mkdir()


def carried(ready: Ready) -> str:
    """Carried and reconciled; nothing unexplained."""
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert result.account is None or result.account.unexplained == 0
    return name


def sums(ready: Ready, name: str) -> dict[str, list[list[str | int]]]:
    """The parcel's sums by kind, site and month, under salts of this file's own."""
    found: dict[str, Tally] = {}
    for kind, batch in batches_of(ready, name):
        found.setdefault(kind, Tally()).add(checksum().sums(batch, salts=SALTS))
    return {kind: tally.lines() for kind, tally in sorted(found.items())}


def through(home: Path, scheme: str, mapping: str) -> tuple[Parcel, dict[str, list[list[str | int]]]]:
    """The invented laboratory to files of one format, and those files onward: the second parcel, and its sums."""
    home.mkdir()
    url = f"{scheme}://{home}/files"
    carried(ToFiles(home / "out", target_url=url, mapping=mapping).ready())
    ready = Onward(home / "in", source_url=url, mapping=mapping).ready()
    name = carried(ready)
    return parcel_of(ready, name), sums(ready, name)


def test_csv_and_fhir_give_the_same_parcel(tmp_path: Path) -> None:
    """Two roads for the same people, one through CSV and one through FHIR: the same rows of every kind leave, and their sums are equal."""
    tables, tables_sums = through(tmp_path / "csv", "csv+file", "records")
    resources, resources_sums = through(tmp_path / "fhir", "fhir+file", "fhir-r4")
    assert tables == resources
    assert tables_sums == resources_sums
    assert len(tables["result"]) > 300
