"""From canonical records to a target's own tables: one batch of a kind becomes the rows of each table its mapping owns.

Decides, from the mapping and the target's catalogue alone, which column gets what: a field through its reading turned round, the system's own
dictionary looked up backwards, a constant, or the value the joined row needs. What cannot be written exactly is rejected with its reason. It writes nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Refusal
from ecluse.passage.canonical import ARROW, parsed, raw_text
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable
from ecluse.terms.mapping import BASE, Column, Join, KindMapping, Reading, Writing
from ecluse.terms.vocabulary import Kind

__all__ = ["Lookup", "TableRows", "Writer", "Written", "too_long"]

Lookup = Callable[[str, str, str], dict[str, str]]
"""`Target.lookup`: (table, key column, value column) -> {key text: value text}."""

FAMILY: Final[dict[str, pa.DataType]] = {
    "text": pa.string(),
    "decimal": pa.string(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.string(),
    "flag": pa.bool_(),
    "bytes": pa.binary(),
    "float": pa.float64(),
    "other": pa.string(),
}
"""The Arrow type of a column handed to a target, by the family of its own type."""

_SHAPES: Final = {
    "integer": r"^-?(0|[1-9]\d{0,17})$",
    "decimal": r"^-?\d+(\.\d+)?$",
    "flag": r"^(true|false|1|0)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "datetime": r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d{1,6})?)?$",
    "float": r"^-?(\d{1,15}(\.\d{1,15})?|Infinity)$",
}
"""What a text must look like to be a value of each family; `canonical.parsed` says whether it exists."""


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows for one table. `rows`: columns named as the table's, Arrow type by the column's family (text, decimal: string; integer:
    int64; date: date32; datetime: timestamp[us]; flag: bool; bytes: binary; float: float64). `key`: the columns that tell a row apart.
    """

    table: str
    rows: pa.RecordBatch
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A batch ready for a target. `tables` in an order that foreign keys allow; `rejected`: the canonical rows that cannot be written, with `_reason`."""

    tables: tuple[TableRows, ...]
    records: pa.RecordBatch
    rejected: pa.RecordBatch


class Writer:
    """Turns the canonical batches of one kind into table rows of one target."""

    def __init__(self, kind: Kind, mapping: KindMapping, catalogue: Catalogue, lookup: Lookup) -> None:
        self.kind, self.mapping, self.catalogue, self.lookup = kind, mapping, catalogue, lookup
        self._dictionaries: dict[tuple[str, str, str], dict[str, str]] = {}
        owned = [join for join in mapping.joins if join.role == "owned"]
        tables = [(BASE, mapping.table), *((join.alias, join.table) for join in owned)]
        self.aliases = _in_order(tables, catalogue, _written_columns(mapping))
        self.owned = owned
        self.needed = frozenset(join.alias for join in owned if _needed(join, mapping, catalogue))
        """The owned tables that another row's foreign key points at: a person of whom nothing is known is still that patient's person."""

    def write(self, batch: pa.RecordBatch) -> Written:
        """The batch's rows for each table. A row of which one value cannot be told exactly is rejected whole."""
        reason = pa.nulls(batch.num_rows, pa.string())
        texts, reason = self._columns(batch, reason)
        typed: dict[Column, pa.Array] = {}
        for column, text in texts.items():
            typed[column], bad = _typed(text, self._catalogue_column(column))
            reason = _because(reason, bad, f"{column.name}: cannot-be-written")
        keep = pc.is_null(reason)
        whole = reason.null_count == batch.num_rows
        records = batch if whole else batch.filter(keep)
        rejected = batch.slice(0, 0) if whole else batch.filter(pc.invert(keep))
        rejected = rejected.append_column("_reason", reason.drop_null())
        if not whole:
            typed = {column: values.filter(keep) for column, values in typed.items()}
        return Written(self.tables(typed), records, rejected)

    def tables(self, typed: dict[Column, pa.Array]) -> tuple[TableRows, ...]:
        """The typed columns by table; the row of an owned join that holds nothing of its own is not written, unless a foreign key needs it."""
        tables = []
        for alias, name in self.aliases:
            columns = {column.name: values for column, values in typed.items() if column.alias == alias}
            if not columns:
                continue
            rows = pa.RecordBatch.from_pydict(columns)
            told = [column for column in self._told if column.alias == alias]
            if alias != BASE and told and alias not in self.needed:
                own = [pc.is_valid(typed[column]) for column in told if column in typed]
                if not own:
                    continue
                rows = rows.filter(reduce(pc.or_, own))
            table = self.catalogue.tables[name]
            tables.append(TableRows(name, rows, self._key(alias, table, columns)))
        return tuple(tables)

    @property
    def _told(self) -> list[Column]:
        """The columns that fields other than the record's links fill."""
        linked = {
            column
            for join in self.owned
            for joined, outer in join.on
            for column in (Column(join.alias, joined), outer)
        }
        return [
            column
            for reading in self.mapping.fields.values()
            if (column := reading.column) and column not in linked
        ]

    def _key(self, alias: str, table: CatalogueTable, columns: dict[str, pa.Array]) -> tuple[str, ...]:
        if table.primary_key and set(table.primary_key) <= columns.keys():
            return table.primary_key
        if alias == BASE:
            return tuple(column.name for column in self.mapping.fields["id"].columns)
        return tuple(joined for join in self.owned if join.alias == alias for joined, _ in join.on)

    def _catalogue_column(self, column: Column) -> CatalogueColumn:
        return self.catalogue.column(
            self.mapping.alias_table(column.alias), column.name, where=f"{self.kind.name}: {column}"
        )

    def _columns(self, batch: pa.RecordBatch, reason: pa.Array) -> tuple[dict[Column, pa.Array], pa.Array]:
        """Every column to write, as exact text (or already typed where nothing is to be changed)."""
        columns: dict[Column, pa.Array] = {}
        for name, reading in self.mapping.fields.items():
            column = reading.column
            if column is None or name not in batch.schema.names:
                continue
            values = batch.column(name)
            if column.alias in dict(self.aliases):
                columns[column], bad = self._told_values(values, reading, name)
                reason = _because(reason, bad, f"{name}: not-in-mapping")
                continue
            found = self._looked_up(values, column, columns)
            if found is not None:
                columns[found[0]] = found[1]
                reason = _because(
                    reason, pc.and_(pc.is_valid(values), pc.is_null(found[1])), f"{name}: unknown-in-target"
                )
        self._fill_constants(batch, columns)
        reason = self._fill_fields(batch, columns, reason)
        self._link(columns)
        return columns, reason

    def _told_values(self, values: pa.Array, reading: Reading, name: str) -> tuple[pa.Array, pa.Array | None]:
        field = self.kind.fields[name]
        column = reading.column
        same = column is not None and FAMILY[self._catalogue_column(column).family] == ARROW[field.type]
        if same and not (reading.values or reading.absent or reading.format or reading.trim):
            return values, None
        return raw_text(values, reading, field)

    def _looked_up(
        self, values: pa.Array, column: Column, columns: dict[Column, pa.Array]
    ) -> tuple[Column, pa.Array] | None:
        """The link column of a catalogue join, found backwards from the joined value; the first field that tells it is enough."""
        join = next((join for join in self.mapping.joins if join.alias == column.alias), None)
        if join is None or join.role != "catalogue" or len(join.on) != 1:
            return None
        joined, outer = join.on[0]
        if outer in columns:
            return None
        dictionary = self._dictionary(join, column.name, joined)
        if not dictionary:
            raise Refusal("target/dictionary-empty", where=f"{join.table}.{column.name}")
        place = pc.index_in(values, value_set=pa.array(list(dictionary), pa.string()))
        return outer, pa.array(list(dictionary.values()), pa.string()).take(place)

    def _dictionary(self, join: Join, key: str, value: str) -> dict[str, str]:
        asked = (join.table, key, value)
        if asked not in self._dictionaries:
            self._dictionaries[asked] = self.lookup(*asked)
        return self._dictionaries[asked]

    def _fill_constants(self, batch: pa.RecordBatch, columns: dict[Column, pa.Array]) -> None:
        """What the mapping's conditions and constants say."""
        rows = batch.num_rows
        for where in (*self.mapping.where, *(where for join in self.owned for where in join.where)):
            if len(where.among) == 1:
                columns.setdefault(where.column, pa.repeat(pa.scalar(where.among[0], pa.string()), rows))
        for writing in self.mapping.writes:
            if writing.field is None:
                columns[writing.column] = pa.repeat(pa.scalar(writing.constant, pa.string()), rows)

    def _fill_fields(
        self, batch: pa.RecordBatch, columns: dict[Column, pa.Array], reason: pa.Array
    ) -> pa.Array:
        """The fields that the mapping writes a second time, each by its rule. What is no number has no offset: its row is rejected."""
        for writing in self.mapping.writes:
            if writing.field is None or writing.field not in batch.schema.names:
                continue
            values, bad = self._made(batch.column(writing.field), writing)
            reason = _because(reason, bad, f"{writing.column.name}: cannot-be-written")
            columns[writing.column] = values
        return reason

    def _link(self, columns: dict[Column, pa.Array]) -> None:
        """What links the owned rows to the record's own."""
        for join in self.owned:
            for joined, outer in join.on:
                here = Column(join.alias, joined)
                if outer in columns:
                    columns.setdefault(here, columns[outer])
                elif here in columns:
                    columns[outer] = columns[here]

    def _made(self, values: pa.Array, writing: Writing) -> tuple[pa.Array, pa.Array | None]:
        """What a rule writes of a field's values, with a mask of those it cannot tell."""
        if writing.plus:
            numbers, bad = parsed(values.cast(pa.string()), r"^(0|[1-9]\d{0,14})$", pa.int64())
            return pc.add(numbers, writing.plus).cast(pa.string()), bad
        if writing.format is not None:
            return raw_text(values, Reading(format=writing.format), self.kind.fields[writing.field or ""])
        if writing.number is not None:
            number = pc.match_substring_regex(values.cast(pa.string()), r"^-?\d+(\.\d+)?$")
            return pc.if_else(number, writing.number, pa.scalar(writing.text, pa.string())), None
        return values, None


def _because(reason: pa.Array, bad: pa.Array | None, why: str) -> pa.Array:
    if bad is None or not pc.any(bad).as_py():
        return reason
    return pc.if_else(pc.and_(pc.is_null(reason), pc.fill_null(bad, fill_value=False)), why, reason)


def _typed(values: pa.Array, column: CatalogueColumn) -> tuple[pa.Array, pa.Array | None]:
    """The text as the column's own type, with a mask of what that type cannot hold exactly."""
    to = FAMILY[column.family]
    if values.type == to and not pa.types.is_string(to):
        return values, None
    text = values if pa.types.is_binary(values.type) else values.cast(pa.string())
    if column.family in _SHAPES:
        written, bad = parsed(text, _SHAPES[column.family], to)
        if column.family == "float":  # "5.10" would come back "5.1"
            bad = pc.or_(bad, pc.fill_null(pc.not_equal(_shortest(written), text), fill_value=False))
        return written, bad
    bad = None
    if column.length is not None and column.family == "text":
        bad = too_long(text, column.length)
    return text.cast(to), bad


def too_long(text: pa.Array, most: int) -> pa.Array | None:
    """The texts of more than so many characters; None, without a look at any, where none has as many octets."""
    if (pc.max(pc.binary_length(text)).as_py() or 0) <= most:
        return None
    return pc.fill_null(pc.greater(pc.utf8_length(text), most), fill_value=False)


def _shortest(numbers: pa.Array) -> pa.Array:
    """Doubles as databases write them: the shortest digits that tell them apart, "Infinity" in full."""
    text = numbers.cast(pa.string())
    return pc.replace_substring_regex(text, r"^(-?)inf$", r"\1Infinity")


def _written_columns(mapping: KindMapping) -> frozenset[Column]:
    """The columns that a writer may fill: a foreign key of any other stays empty, and asks for no order."""
    read = (reading.column for reading in mapping.fields.values())
    links = (
        column
        for join in mapping.joins
        for joined, outer in join.on
        for column in (Column(join.alias, joined), outer)
    )
    return frozenset((*filter(None, read), *(writing.column for writing in mapping.writes), *links))


def _needed(join: Join, mapping: KindMapping, catalogue: Catalogue) -> bool:
    """Whether what the join starts from refers to the joined row by a foreign key."""
    start = join.on[0][1].alias
    columns = {outer.name for _, outer in join.on}
    table = catalogue.table(mapping.alias_table(start), where=start)
    return any(key.parent == join.table and set(key.columns) == columns for key in table.foreign_keys)


def _in_order(
    tables: list[tuple[str, str]], catalogue: Catalogue, written: frozenset[Column]
) -> list[tuple[str, str]]:
    """The tables so that a row's parents come before it, by the foreign keys that are filled; ties keep the mapping's order."""
    left, ordered = list(tables), []
    while left:
        names = {name for _, name in left}
        free = [
            (alias, name)
            for alias, name in left
            if not any(
                key.parent in names
                and key.parent != name
                and all(Column(alias, column) in written for column in key.columns)
                for key in catalogue.table(name, where=alias).foreign_keys
            )
        ]
        for pair in free or left[:1]:
            ordered.append(pair)
            left.remove(pair)
    return ordered
