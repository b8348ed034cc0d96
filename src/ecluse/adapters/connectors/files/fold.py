"""Facts told many times, folded into one record each, in the scratch; and what became of every one of them.

Decides what later facts do to earlier ones: the last value present of each field wins, "" empties, `gone` removes what was told before it.
Only the columns that the plan reads are put down; of the others, and of the kinds the plan does not name, nothing but a count remains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from ecluse.adapters.connectors.files.format import Fact
from ecluse.adapters.connectors.sql.scratch import Scratch, said
from ecluse.base.refusal import Refusal
from ecluse.passage.account import Facts

# ruff: noqa: S608 - the only names pasted into a statement are the catalogue's, quoted

__all__ = ["TableFold"]

HELD_FACTS: Final = 8_192
HELD_OCTETS: Final = 8 << 20
_ORDER: Final = "_order"
_GONE: Final = "_gone"
_AGAIN: Final = "_told_again"
_CUTS: Final = "_last_gone"


@dataclass(slots=True)
class TableFold:
    """One kind's facts on their way into the scratch. `key`: the column that holds the record's id; `octets`: the columns that hold octets.

    `exact`: our own files are read back, where an empty text was written as one and is not the order to empty a field.
    """

    name: str
    key: str
    columns: tuple[str, ...]
    octets: frozenset[str]
    scratch: Scratch
    exact: bool = False
    told: int = 0
    _emptied: set[str] = field(default_factory=set)
    _held: list[tuple[str | bytes | int | bool | None, ...]] = field(default_factory=list)
    _held_octets: int = 0

    def __post_init__(self) -> None:
        if self.columns:
            self.scratch.create(self.name, self._shape())

    def take(self, fact: Fact) -> None:
        """One more fact. Raises Refusal `source/encoding`, `source/octets-as-text`."""
        self.told += 1
        if not self.columns:
            return
        values = [self._value(name, fact) for name in self.columns]
        self._held.append((*values, self.told, fact.gone))
        self._held_octets += sum(len(value) for value in values if value)
        if len(self._held) >= HELD_FACTS or self._held_octets >= HELD_OCTETS:
            self._write()

    def end(self) -> Facts:
        """Fold, and say what became of the facts."""
        if not self.columns:
            return Facts(told=self.told, unnamed=self.told)
        self._write()
        with said(self.name):
            gone, never_told, superseded = self._fold()
            for column in sorted(self._emptied):
                self._empty(column)
            ((records,),) = self._ask(f"SELECT count(*) FROM {_quoted(self.name)}")
        return Facts(told=self.told, records=records, superseded=superseded, gone=gone, never_told=never_told)

    def _value(self, name: str, fact: Fact) -> str | bytes | None:
        value = fact.row.get(name)
        if value is None:
            return None
        if not value and not self.exact:
            self._emptied.add(name)
        if name in self.octets:
            return value.encode() if isinstance(value, str) else value
        if isinstance(value, bytes):
            raise Refusal("source/octets-as-text", where=f"{self.name}.{name}", got=name)
        return value

    def _write(self) -> None:
        if not self._held:
            return
        columns = zip(*self._held, strict=True)
        try:
            arrays = [
                pa.array(values, field.type) for values, field in zip(columns, self._shape(), strict=True)
            ]
        except UnicodeEncodeError:
            raise Refusal("source/encoding", where=self.name, got="lone surrogates") from None
        with said(self.name):
            self.scratch.append(self.name, pa.RecordBatch.from_arrays(arrays, schema=self._shape()))
        self._held, self._held_octets = [], 0

    def _shape(self) -> pa.Schema:
        fields = [
            pa.field(name, pa.binary() if name in self.octets else pa.string()) for name in self.columns
        ]
        return pa.schema([*fields, pa.field(_ORDER, pa.int64()), pa.field(_GONE, pa.bool_())])

    # --- the fold itself, on the records told more than once only: most documents are told once, and stay where they are -----------------

    def _fold(self) -> tuple[int, int, int]:
        """Facts gone, records gone of which nothing was ever told, facts superseded."""
        table, key = _quoted(self.name), _quoted(self.key)
        several = f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1 OR bool_or({_GONE})"
        self._do(f"CREATE TABLE {_AGAIN} AS SELECT * FROM {table} WHERE {key} IN ({several})")
        self._do(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {_AGAIN})")
        self._do(
            f"CREATE TABLE {_CUTS} AS SELECT {key} AS _id, coalesce(max({_ORDER}) FILTER (WHERE {_GONE}), 0) AS _cut, "
            f"bool_or(NOT {_GONE}) AS _told FROM {_AGAIN} GROUP BY {key}"
        )
        joined = f"{_AGAIN} JOIN {_CUTS} ON {key} = _id"
        after = f"{_ORDER} > _cut"
        ((gone, left, records),) = self._ask(
            f"SELECT count(*) FILTER (WHERE NOT {after}), count(*) FILTER (WHERE {after}), "
            f"count(DISTINCT {key}) FILTER (WHERE {after}) FROM {joined}"
        )
        ((never_told,),) = self._ask(f"SELECT count(*) FROM {_CUTS} WHERE NOT _told")
        lasts = ", ".join(
            name if name == key else f"arg_max({name}, {_ORDER})" for name in map(_quoted, self.columns)
        )
        self._do(
            f"INSERT INTO {table} SELECT {lasts}, max({_ORDER}), false FROM {joined} WHERE {after} GROUP BY {key}"
        )
        self._do(f"DROP TABLE {_AGAIN}")
        self._do(f"DROP TABLE {_CUTS}")
        return gone, never_told, left - records

    def _empty(self, column: str) -> None:
        name = _quoted(column)
        nothing = "''::BLOB" if column in self.octets else "''"
        self._do(f"UPDATE {_quoted(self.name)} SET {name} = NULL WHERE {name} = {nothing}")

    def _do(self, statement: str) -> None:
        self.scratch.connection.execute(statement)

    def _ask(self, statement: str) -> list[tuple[int, ...]]:
        return self.scratch.connection.execute(statement).fetchall()


def _quoted(name: str) -> str:
    """A name of the catalogue, never a value."""
    return '"' + name.replace('"', '""') + '"'
