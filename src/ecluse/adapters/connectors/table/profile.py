"""The profile of tables in files: a sample of each table drawn evenly as it is read once, and the keys that nobody declared, found.

Decides what is taken for a key: the first column, leading or named as one, that no row leaves empty and no two rows share, counted over all rows; and
what refers to it: a column of another table, of the same name or named after the table, all of whose sampled values stand in the key. They are
guesses for a first mapping, and a person's to judge. The sample goes to `terms.profile`, which keeps counts; nothing is written down.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.adapters.connectors.files.format import File, Rows
from ecluse.adapters.connectors.table.formats import TablesInFiles
from ecluse.terms.catalogue import Catalogue, CatalogueTable, ForeignKey
from ecluse.terms.profile import Profile, profile_table
from ecluse.terms.secrets import compressed

__all__ = ["Budget", "profile_tables"]

CELL: Final = 4_096
"""Characters or octets kept of one value: enough to recognise it."""
LEADING: Final = 3
"""A key stands among the first columns, if its name does not say that it is one."""

_KEY_WORDS: Final = ("id", "num", "no", "code", "cle", "key", "ref", "identifiant", "identifier")


@dataclass(frozen=True, slots=True)
class Budget:
    """What reading may cost: `rows` kept of a table, `seconds` in all; what is not reached in time is named in the profile."""

    rows: int = 10_000
    seconds: float = 300.0


@dataclass(slots=True)
class _Drawn:
    """One table as it goes by: its rows counted, some of them kept (algorithm R, Vitter 1985), the hashes of what may be keys."""

    table: CatalogueTable
    kept: list[tuple[object, ...]] = field(default_factory=list)
    rows: int = 0
    hashes: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def take(self, batch: pa.RecordBatch, most: int, chance: random.Random) -> None:
        """One more batch."""
        for name in list(self.hashes):
            self._hash(name, batch.column(name))
        wanted: list[tuple[int, int]] = []  # place in the batch, place among the kept
        for place in range(batch.num_rows):
            number = self.rows + place
            where = number if number < most else chance.randint(0, number)
            if where < most:
                wanted.append((place, where))
        self.rows += batch.num_rows
        if wanted:
            taken = batch.take(pa.array([place for place, _ in wanted]))
            columns = [[_short(value) for value in column.to_pylist()] for column in taken.columns]
            for row, (_, where) in zip(zip(*columns, strict=True), wanted, strict=True):
                if where < len(self.kept):
                    self.kept[where] = row
                else:
                    self.kept.append(row)

    def _hash(self, name: str, column: pa.Array) -> None:
        if column.null_count:
            del self.hashes[name]
            return
        values = np.fromiter((hash(value) for value in column.to_pylist()), np.int64, len(column))
        if len(np.unique(values)) != len(values):
            del self.hashes[name]
            return
        self.hashes[name].append(values)

    def key(self) -> tuple[str, np.ndarray] | None:
        """The first column that tells every row apart, and the hashes of its values."""
        for name, parts in self.hashes.items():
            values = np.concatenate(parts) if parts else np.empty(0, np.int64)
            if len(values) == self.rows > 0 and len(np.unique(values)) == len(values):
                return name, values
        return None


def profile_tables(
    files: Sequence[File], *, system: str, budget: Budget = Budget()
) -> tuple[Profile, Catalogue]:
    """The profile of these files, and their catalogue with the keys found. Raises Refusal `table/...`."""
    tables = TablesInFiles()
    known = tables.catalogue(files)
    readable = {
        name: [column.name for column in table.columns.values() if column.family != "other"]
        for name, table in known.tables.items()
    }
    drawn = {
        name: _Drawn(_only(table, readable[name]), hashes={column: [] for column in _may_be_keys(table)})
        for name, table in known.tables.items()
    }
    until, late = time.monotonic() + budget.seconds, ""
    chance = random.Random(1)  # noqa: S311 - which rows are shown is no secret, and the same twice
    for given in tables.rows(files, readable):
        if isinstance(given, Rows):
            drawn[given.table].take(given.batch, budget.rows, chance)
            late = given.table
            if time.monotonic() > until:
                break
    else:
        late = ""
    catalogue = Catalogue(known.dialect, _with_keys(known, drawn, late))
    profiles = {
        name: profile_table(catalogue.tables[name], rows=it.rows, sample=_sampled(it))
        for name, it in drawn.items()
        if not (late and it.rows == 0)
    }
    skipped = tuple(name for name in drawn if name not in profiles or name == late)
    return Profile(system, known.dialect, profiles, skipped, tables.account(files)), catalogue


def _only(table: CatalogueTable, columns: Sequence[str]) -> CatalogueTable:
    return CatalogueTable(table.name, {name: table.columns[name] for name in columns})


def _sampled(drawn: _Drawn) -> dict[str, Sequence[object]]:
    columns = list(zip(*drawn.kept, strict=True)) or [()] * len(drawn.table.columns)
    return dict(zip(drawn.table.columns, columns, strict=True))


def _short(value: object) -> object:
    return value[:CELL] if isinstance(value, str | bytes) else value


# --- keys that nobody declared --------------------------------------------------------------------------------------------


def _may_be_keys(table: CatalogueTable) -> list[str]:
    """Columns worth counting: the first ones, and those named as keys are."""
    names = [
        column.name for column in table.columns.values() if column.family in ("text", "integer", "decimal")
    ]
    return [
        name for place, name in enumerate(names) if place < LEADING or compressed(name).startswith(_KEY_WORDS)
    ]


def _with_keys(known: Catalogue, drawn: dict[str, _Drawn], late: str) -> dict[str, CatalogueTable]:
    keys = {name: found for name, it in drawn.items() if name != late and (found := it.key())}
    return {
        name: CatalogueTable(
            name,
            dict(table.columns),
            (keys[name][0],) if name in keys else (),
            tuple(_links(drawn[name], keys)),
        )
        for name, table in known.tables.items()
    }


def _links(child: _Drawn, keys: dict[str, tuple[str, np.ndarray]]) -> list[ForeignKey]:
    found = []
    own = keys.get(child.table.name, ("",))[0]
    for place, column in enumerate(child.table.columns):
        values = {hash(row[place]) for row in child.kept if row[place] is not None}
        if not values or column == own:
            continue
        for parent, (key, held) in keys.items():
            if parent == child.table.name or not _named_alike(column, key, parent):
                continue
            if np.isin(np.fromiter(values, np.int64, len(values)), held).all():
                found.append(ForeignKey((column,), parent, (key,)))
                break
    return found


def _named_alike(column: str, key: str, parent: str) -> bool:
    """The same name as the key, or a name that holds the parent's own."""
    name, table = compressed(column), compressed(parent.rpartition("/")[2])
    stem = table.removesuffix("s")
    return name == compressed(key) or (len(stem) >= 3 and stem in name)
