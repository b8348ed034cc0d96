"""Whether rows fit a table exactly, asked before the database is: databases round, pad, cut blanks and turn NaN to nothing in silence.

Decides what would be *changed* by being written, per dialect, and refuses it; what the database refuses by itself (a number too large, a
broken key) is left to it. Computed on whole Arrow columns; never looks at one value in Python unless the type leaves no choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Refusal
from ecluse.passage.load import RowsRefused, TableRows
from ecluse.passage.writing import too_long
from ecluse.terms.catalogue import CatalogueColumn, CatalogueTable

__all__ = ["check_fit", "check_keys"]

MARIADB_TEXT_BYTES: Final = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215}
"""MariaDB cuts blanks beyond these in silence, whatever its mode (MariaDB, "TEXT")."""

SQLITE_DIGITS: Final = 15
"""A decimal text is kept by SQLite as a 64-bit float: exactly, up to this many digits (SQLite, "Datatypes", 3.3)."""


def check_fit(table: CatalogueTable, given: TableRows, *, dialect: str) -> None:
    """Refuse rows that this table would keep otherwise than they are given.

    Raises Refusal `mapping/column-absent`; RowsRefused with reason `too-long` or `type`.
    """
    for name in given.rows.schema.names:
        if name not in table.columns:
            raise Refusal("mapping/column-absent", where="target", got=f"{table.name}.{name}")
        column, values = table.columns[name], given.rows.column(name)
        if values.null_count == len(values):
            continue
        for reason, changes in _RULES:
            if changes(column, values, dialect):
                raise RowsRefused("target/rows-refused", where=table.name, reason=reason)


def check_keys(given: TableRows) -> None:
    """Refuse a key that is absent or stands twice among rows that replace others: which of the two would stay is nobody's choice.

    Raises RowsRefused with reason `not-null` or `unique`.
    """
    keys = given.rows.select(list(given.key))
    if any(column.null_count for column in keys.columns):
        raise RowsRefused("target/rows-refused", where=given.table, reason="not-null")
    if (
        pa.Table.from_batches([keys]).group_by(list(given.key), use_threads=False).aggregate([]).num_rows
        != keys.num_rows
    ):
        raise RowsRefused("target/rows-refused", where=given.table, reason="unique")


# --- what would be changed ---------------------------------------------------------------------------------------------

_Changes = Callable[[CatalogueColumn, pa.Array, str], bool]


def _cut(column: CatalogueColumn, values: pa.Array, dialect: str) -> bool:
    """A text longer than its column: refused by none of the three when what is beyond is blank."""
    if not pa.types.is_string(values.type):
        return False
    most = MARIADB_TEXT_BYTES.get(column.native) if dialect == "mysql" else None
    if most is not None:
        return bool(pc.max(pc.binary_length(values)).as_py() > most)
    if column.length is None:
        return False
    if column.native.startswith(("char(", "character(")):
        values = pc.utf8_rtrim(values, characters=" ")
    beyond = too_long(values, column.length)
    return beyond is not None and bool(pc.any(beyond).as_py())


def _padded(column: CatalogueColumn, values: pa.Array, dialect: str) -> bool:
    """Bytes shorter than a fixed-width BINARY(n), which fills up with zeros."""
    found = re.fullmatch(r"binary\((\d+)\)", column.native)
    if dialect != "mysql" or not found or not pa.types.is_binary(values.type):
        return False
    return bool(pc.min(pc.binary_length(values)).as_py() < int(found.group(1)))


def _rounded(column: CatalogueColumn, values: pa.Array, dialect: str) -> bool:
    """A decimal text with more figures than the column keeps."""
    if column.family != "decimal" or not pa.types.is_string(values.type):
        return False
    if dialect == "sqlite":
        figures = pc.utf8_length(pc.replace_substring_regex(values, r"^[-+]?0*|\D", ""))
        return bool(pc.max(figures).as_py() > SQLITE_DIGITS)
    found = re.search(r"\((\d+)(?:,(-?\d+))?\)", column.native)
    if not found:
        return False
    scale = max(int(found.group(2) or 0), 0)
    beyond = pc.match_substring_regex(values, rf"[eE]|\.\d{{{scale}}}\d*[1-9]")
    return bool(pc.any(beyond).as_py())


def _shortened(column: CatalogueColumn, values: pa.Array, dialect: str) -> bool:
    """A time of day with a finer fraction than the column keeps."""
    if column.family != "datetime" or not pa.types.is_timestamp(values.type) or dialect == "sqlite":
        return False
    found = re.search(r"\((\d)\)", column.native)
    digits = int(found.group(1)) if found else (0 if dialect == "mysql" else 6)
    microseconds = values.cast(pa.int64())
    step = 10 ** (6 - digits)
    return bool(pc.any(pc.not_equal(pc.multiply(pc.divide(microseconds, step), step), microseconds)).as_py())


def _not_a_float(column: CatalogueColumn, values: pa.Array, dialect: str) -> bool:
    """NaN where there is none (SQLite makes it NULL), -0.0 where its sign is lost, and a double in a single-precision column."""
    if not pa.types.is_float64(values.type):
        return False
    numbers = values.drop_null().to_numpy(zero_copy_only=False)
    if dialect in ("sqlite", "mysql") and (
        np.isnan(numbers).any() or (np.signbit(numbers) & (numbers == 0)).any()
    ):
        return True
    if dialect == "mysql" and np.isinf(numbers).any():
        return True
    if column.native not in ("real", "float") and not column.native.startswith("float("):
        return False
    with np.errstate(over="ignore"):
        return not np.array_equal(numbers.astype(np.float32).astype(np.float64), numbers, equal_nan=True)


_RULES: Final[tuple[tuple[str, _Changes], ...]] = (
    ("too-long", _cut),
    ("type", _padded),
    ("type", _rounded),
    ("type", _shortened),
    ("type", _not_a_float),
)
