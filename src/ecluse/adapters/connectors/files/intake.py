"""One reading of all the files of a source: the plan's columns into the scratch, everything else into the account.

Decides that each unit is counted under the one fate its format gives it, and again by the file's separators alone as its octets go by; and that what
could not be read is kept whole, apart. It knows
neither rules nor queries.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from ecluse.adapters.connectors.files.fold import TableFold
from ecluse.adapters.connectors.files.folder import Listing
from ecluse.adapters.connectors.files.format import Fact, Format, Rows, Seen, Tables, Unread
from ecluse.adapters.connectors.files.meter import Metered
from ecluse.adapters.connectors.sql.scratch import Scratch, said
from ecluse.passage.account import UNREAD, Account, Facts
from ecluse.terms.catalogue import Catalogue

__all__ = ["Intake", "UnreadUnits"]

HELD: Final = 8 << 20
_TABLE: Final = "_unread"
_SHAPE: Final = pa.schema([
    pa.field("place", pa.string()), pa.field("units", pa.string()), pa.field("raw", pa.binary()), pa.field("_reason", pa.string()),
    pa.field("_batch", pa.int64()),
])  # fmt: skip


class UnreadUnits:
    """What could not be read, in the scratch, in batches of bounded size."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._held: list[tuple[str, str, bytes, str, int]] = []
        self._octets = self._batches = 0
        scratch.create(_TABLE, _SHAPE)

    def take(self, unread: Unread) -> None:
        """Keep one more."""
        units = json.dumps(dict(unread.units), sort_keys=True)
        self._held.append((unread.place, units, unread.raw, unread.reason, self._batches))
        self._octets += len(unread.raw)
        if self._octets >= HELD:
            self.end()

    def end(self) -> None:
        """Write what is held."""
        if self._held:
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(zip(*self._held, strict=True), _SHAPE, strict=True)
            ]
            self._scratch.append(_TABLE, pa.RecordBatch.from_arrays(arrays, schema=_SHAPE))
            self._batches += 1
        self._held, self._octets = [], 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Place, units, octets and reason of each."""
        for number in range(self._batches):
            with said(_TABLE), self._scratch.connection.cursor() as cursor:
                cursor.execute("USE scratch")
                asked = f"SELECT * EXCLUDE (_batch) FROM {_TABLE} WHERE _batch = ? ORDER BY rowid"  # noqa: S608 - our own name
                table = cursor.execute(asked, [number]).to_arrow_table()
            yield from table.combine_chunks().to_batches()


@dataclass(slots=True)
class Intake:
    """Everything in `listing`, read once. `keys`: for each table of messages, the column of its record's id; `exact`: as in `TableFold`."""

    fmt: Format | Tables
    listing: Listing
    catalogue: Catalogue
    wanted: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, str]
    scratch: Scratch
    exact: bool = False
    unread: UnreadUnits = field(init=False)
    _measured: Counter[str] = field(default_factory=Counter)
    _units: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def run(self) -> Account:
        """Read, fold, and account. Raises Refusal `source/changed`, `source/encoding`; Fault `source/not-read`."""
        self.unread = UnreadUnits(self.scratch)
        facts = self._rows(self.fmt) if isinstance(self.fmt, Tables) else self._messages(self.fmt)
        self.unread.end()
        kept = {table: tuple(self.wanted.get(table, ())) for table in self.catalogue.tables}
        return Account(
            files=len(self.listing.files),
            left=dict(self.listing.left),
            units={name: dict(fates) for name, fates in self._units.items()},
            measured=dict(self._measured),
            facts=facts,
            decided=self.fmt.account(self.listing.files) if isinstance(self.fmt, Tables) else {},
            kept=kept,
            dropped={
                name: tuple(column for column in table.columns if column not in kept[name])
                for name, table in self.catalogue.tables.items()
            },
        )

    def _messages(self, fmt: Format) -> dict[str, Facts]:
        folds = {
            name: TableFold(
                name, self.keys[name], self._columns(name), self._octets(name), self.scratch, self.exact
            )
            for name in self.catalogue.tables
        }  # fmt: skip
        for file in self.listing.files:
            meter = fmt.meter()
            with file.open() as stream:
                metered = Metered(stream, meter)
                for told in fmt.read(metered.opened(), name=file.place):
                    if isinstance(told, Fact):
                        folds[told.kind].take(told)
                    else:
                        self._count(told)
                self._measured[meter.measures] += metered.total()
        return {name: fold.end() for name, fold in folds.items()}

    def _rows(self, fmt: Tables) -> dict[str, Facts]:
        rows: Counter[str] = Counter()
        for name in self.wanted:
            self.scratch.create(name, self._shape(name))
        wanted = {name: self._columns(name) for name in self.wanted}
        for told in fmt.rows(self.listing.files, wanted):
            if isinstance(told, Rows):
                rows[told.table] += told.batch.num_rows
                batch = told.batch.select(list(wanted[told.table])).cast(self._shape(told.table))
                with said(told.table):
                    self.scratch.append(told.table, batch)
            else:
                self._count(told)
        return {name: Facts(told=rows[name], records=rows[name]) for name in self.wanted}

    def _count(self, told: Seen | Unread) -> None:
        if isinstance(told, Seen):
            self._units[told.unit][told.fate] += told.times
            return
        for unit, times in told.units.items():
            self._units[unit][UNREAD + told.reason] += times
        self.unread.take(told)

    def _columns(self, table: str) -> tuple[str, ...]:
        """The columns kept: those wanted, and the id by which facts are told to be of the same record."""
        wanted = self.wanted.get(table, ())
        key = self.keys.get(table)
        return (key, *wanted) if wanted and key is not None and key not in wanted else tuple(wanted)

    def _octets(self, table: str) -> frozenset[str]:
        columns = self.catalogue.tables[table].columns.values()
        return frozenset(column.name for column in columns if column.family == "bytes")

    def _shape(self, table: str) -> pa.Schema:
        octets = self._octets(table)
        return pa.schema(
            [pa.field(name, pa.binary() if name in octets else pa.string()) for name in self._columns(table)]
        )
