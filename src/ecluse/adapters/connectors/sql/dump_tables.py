"""The tables of a dump: their columns from CREATE TABLE, which of them the plan reads, and their rows as batches of just those.

Decides how a dump's values become the texts that the live system would give (PostgreSQL's t is "true", a time with a zone is told in UTC),
and what a dump cannot give exactly, which is refused. It keeps no row: `scratch` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.csv as pc
import sqlglot
from pyarrow import compute
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ecluse.adapters.connectors.sql.dump_text import Flavour
from ecluse.adapters.connectors.sql.dump_values import Octets
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn, CatalogueTable, TypeFamily

__all__ = ["DumpTable", "copied", "created", "inserted", "picked"]

# A statement that it does not understand it would show whole, and a damaged dump has rows inside what looks like one.
sqlglot.logger.disabled = True

_FAMILIES: Final[tuple[tuple[str, TypeFamily], ...]] = (
    ("BLOB", "bytes"), ("BYTEA", "bytes"), ("BINARY", "bytes"), ("BOOL", "flag"), ("DATETIME", "datetime"), ("TIMESTAMP", "datetime"),
    ("DATE", "date"), ("INTERVAL", "other"), ("INT", "integer"), ("DECIMAL", "decimal"), ("NUMERIC", "decimal"), ("FLOAT", "float"),
    ("DOUBLE", "float"), ("REAL", "float"), ("TIME", "time"),
)  # fmt: skip
"""The first of these words found in a type tells its family; else it is text."""


@dataclass
class DumpTable:
    """One table of a dump. `order`: its columns as the dump writes them; `kept`: those the plan reads; `rows`: how many were seen."""

    name: str
    columns: dict[str, CatalogueColumn]
    wanted: frozenset[str] = frozenset()
    rows: int = 0
    kept: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.kept = tuple(name for name in self.columns if name in self.wanted)

    @property
    def catalogue(self) -> CatalogueTable:
        """As the rest of Écluse knows a table."""
        return CatalogueTable(self.name, dict(self.columns))

    @property
    def shape(self) -> pa.Schema:
        """The kept columns: octets where the table says so, else text."""
        return pa.schema(
            [
                pa.field(name, pa.binary() if self.columns[name].family == "bytes" else pa.string())
                for name in self.kept
            ]
        )


def created(statement: bytes, *, flavour: Flavour) -> tuple[str, dict[str, CatalogueColumn]] | None:
    """The table that a CREATE TABLE makes, "schema.table" in PostgreSQL; None when the statement is not understood."""
    try:
        tree = sqlglot.parse_one(
            statement.decode("utf-8"), read=flavour, error_level=sqlglot.ErrorLevel.RAISE
        )
    except (
        SqlglotError,
        UnicodeDecodeError,
        RecursionError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):
        # Of what is no SQL at all, the parser raises whatever it stumbles over.
        return None
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        return None
    table = tree.this.this
    name = f"{table.db}.{table.name}" if table.db else str(table.name)
    columns = {}
    for part in tree.this.expressions:
        if isinstance(part, exp.ColumnDef | exp.Identifier):  # SQLite lets a column have no type
            kind = part.args.get("kind")
            native = kind.sql(dialect=flavour).lower() if kind else ""
            columns[part.name] = CatalogueColumn(part.name, _family(native, flavour), native)
    return name, columns


def _family(native: str, flavour: Flavour) -> TypeFamily:
    if flavour == "mysql" and native == "tinyint(1)":
        return "flag"
    return next((family for word, family in _FAMILIES if word in native.upper()), "text")


# --- COPY ---------------------------------------------------------------------------------------------------------------


def copied(lines: list[bytes], names: Sequence[str], table: DumpTable, *, line: int) -> pa.RecordBatch:
    """Lines of COPY's text format (PostgreSQL, COPY, "Text Format") as the kept columns."""
    block = b"".join(lines)
    try:
        read = pc.read_csv(
            pa.BufferReader(block),
            read_options=pc.ReadOptions(column_names=list(names), block_size=len(block) + 1, use_threads=False),
            parse_options=pc.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            convert_options=pc.ConvertOptions(
                include_columns=list(table.kept), column_types=dict.fromkeys(names, pa.string()), null_values=["\\N"], strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise Refusal("source/encoding", where=table.name, got=f"line {line}") from None
        raise Refusal(
            "source/dump-truncated", where=line, got=f"a line of {table.name} has not its columns"
        ) from None
    arrays = [_copied_column(read.column(name).combine_chunks(), table.columns[name]) for name in table.kept]
    return pa.RecordBatch.from_arrays(arrays, schema=table.shape)


_COPY_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_TRUTH: Final = {"t": "true", "f": "false"}


def _copied_column(column: pa.Array, known: CatalogueColumn) -> pa.Array:
    if known.family == "bytes":
        return pa.array([_bytea(text, "\\\\x") for text in column.to_pylist()], pa.binary())
    if known.family == "flag":
        return pa.array(
            [None if text is None else _TRUTH.get(text, text) for text in column.to_pylist()], pa.string()
        )
    if _zoned(known):
        return pa.array([_in_utc(text) for text in column.to_pylist()], pa.string())
    if compute.any(compute.match_substring(column, "\\")).as_py():
        return pa.array(
            [None if text is None else _unescaped(text) for text in column.to_pylist()], pa.string()
        )
    return column


def _zoned(known: CatalogueColumn) -> bool:
    return "timestamptz" in known.native or "with time zone" in known.native


def _bytea(text: str | None, prefix: str) -> bytes | None:
    if text is None:
        return None
    if not text.startswith(prefix):
        raise Refusal(
            "source/dump-unreadable",
            where="COPY",
            got="bytea in the escape format; dump with bytea_output = hex",
        )
    return bytes.fromhex(text.removeprefix(prefix))


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(.)", lambda found: _COPY_ESCAPES.get(found[1], found[1]), text, flags=re.DOTALL)


def _in_utc(text: str | None) -> str | None:
    """A time with a zone, told as a session in UTC would write it; infinity as it is."""
    if text is None or "infinity" in text:
        return text
    try:
        told = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise Refusal(
            "source/dump-unreadable", where="COPY", got="a time with a zone before year 1 or after 9999"
        ) from None
    micro = f".{told.microsecond:06}".rstrip("0") if told.microsecond else ""
    return told.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0") + micro + "+00"


# --- INSERT -------------------------------------------------------------------------------------------------------------


def inserted(rows: Sequence[Sequence[bytes | None]], table: DumpTable) -> pa.RecordBatch:
    """Rows of the kept columns, in their order, as a batch. Raises Refusal `source/encoding`, `source/octets-as-text`."""
    columns = list(zip(*rows, strict=True))
    arrays = [_inserted_column(values, table, name) for name, values in zip(table.kept, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=table.shape)


def _inserted_column(values: Sequence[bytes | None], table: DumpTable, name: str) -> pa.Array:
    known = table.columns[name]
    if known.family == "bytes":
        return pa.array(
            [_bytea(None if value is None else value.decode("ascii"), "\\x") for value in values]
            if known.native == "bytea"
            else values,
            pa.binary(),
        )
    if any(isinstance(value, Octets) for value in values):
        raise Refusal("source/octets-as-text", where=f"{table.name}.{name}", got=name)
    try:
        texts = pa.array(values, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise Refusal("source/encoding", where=f"{table.name}.{name}", got="the dump") from None
    return pa.array([_in_utc(text) for text in texts.to_pylist()], pa.string()) if _zoned(known) else texts


def picked(
    rows: Iterator[Sequence[bytes | None]], places: Sequence[int], width: int, *, line: int
) -> Iterator[list[bytes | None]]:
    """The kept values of each row. Raises Refusal `source/dump-truncated` when a row has not its columns."""
    for row in rows:
        if len(row) != width:
            raise Refusal("source/dump-truncated", where=line, got="a row has not its columns")
        yield [row[place] for place in places]
