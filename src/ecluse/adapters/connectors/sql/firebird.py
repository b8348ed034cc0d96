"""How Firebird is spoken to: its dialect for sqlglot, its types, and its values as exact text.

Decides how a column is asked for and how what comes back is written; it opens nothing. Texts are asked for as their own octets and decoded
here by the character set that their column declares: the server's own conversion cuts at 8,191 characters and names no column when it fails.
Blocks of text are converted by the server, which breaks the connection when asked for their octets (3.0.11); those that declare no set are not.
By Firebird's Language Reference (types, CAST, character sets); run on 3.0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from sqlglot import exp, generator
from sqlglot.dialects.dialect import Dialect

from ecluse.adapters.connectors.sql.charsets import NONE, codec_of
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn, TypeFamily

__all__ = ["Firebird", "asked", "native_of", "some_rows", "written"]

_BLOCK: Final = "BLOB SUB_TYPE TEXT"
_CHARSET: Final = " CHARACTER SET "
_WIDTHS: Final = {"UTF8": 4, "UNICODE_FSS": 3}
"""Octets of a character in the two sets that need more than one."""
_DIGITS: Final = {7: 4, 8: 9, 16: 18, 26: 38, 27: 15}
_NAMED: Final = {14: "CHAR", 37: "VARCHAR"}
_DOUBLE: Final = 27
_BLOB: Final = 261
_PLAIN: Final[dict[int, tuple[str, TypeFamily]]] = {
    7: ("SMALLINT", "integer"), 8: ("INTEGER", "integer"), 16: ("BIGINT", "integer"), 26: ("INT128", "integer"),
    10: ("FLOAT", "float"), _DOUBLE: ("DOUBLE PRECISION", "float"), 24: ("DECFLOAT(16)", "decimal"), 25: ("DECFLOAT(34)", "decimal"),
    12: ("DATE", "date"), 13: ("TIME", "time"), 35: ("TIMESTAMP", "datetime"), 23: ("BOOLEAN", "flag"),
    28: ("TIME WITH TIME ZONE", "other"), 29: ("TIMESTAMP WITH TIME ZONE", "other"),
}  # fmt: skip
"""By RDB$FIELD_TYPE. A DATE of a database in dialect 1 is a TIMESTAMP, and says so here."""


class Firebird(Dialect):
    """The few words of Firebird's SQL that reading needs; sqlglot has none of its own. Names are quoted, which wants a client in dialect 3."""

    class Generator(generator.Generator):
        """VARBINARY is a text of octets, BLOB a block of them; a limit is ROWS, which every version since 2.0 knows."""

        def datatype_sql(self, expression: exp.DataType) -> str:
            """See `Generator`."""
            if expression.this == exp.DataType.Type.VARBINARY:
                return f"VARCHAR({self.expressions(expression, flat=True)}) CHARACTER SET OCTETS"
            if expression.this == exp.DataType.Type.BLOB:
                return "BLOB SUB_TYPE BINARY"
            return super().datatype_sql(expression)

        def limit_sql(self, expression: exp.Limit, top: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002 - sqlglot's signature
            """See `Generator`."""
            return f"{self.seg('ROWS')} {self.sql(expression, 'expression')}"


def native_of(
    number: int, sub_type: int, scale: int, *, signs: int, octets: int, charset: str, dimensions: int
) -> tuple[str, TypeFamily, int | None]:
    """A type as Firebird writes it, its family and its length, from the numbers of RDB$FIELDS. An array, and what is not listed, is `other`."""
    if dimensions:
        return "ARRAY", "other", None
    if number in _NAMED:
        name = _NAMED[number]
        if charset == "OCTETS":
            return f"{name}({octets}){_CHARSET}{charset}", "bytes", None
        return f"{name}({signs}){_CHARSET}{charset}", "text", signs
    if number == _BLOB:
        told = sub_type == 1 and charset != "OCTETS"
        return (f"{_BLOCK}{_CHARSET}{charset}" if told else "BLOB"), ("text" if told else "bytes"), None
    if scale and number in _DIGITS:  # in dialect 1 the wide ones are binary numbers, whatever they declare
        return f"NUMERIC({_DIGITS[number]},{-scale})", "float" if number == _DOUBLE else "decimal", None
    return *_PLAIN.get(number, (f"TYPE {number}", "other")), None


def asked(column: CatalogueColumn, *, where: str) -> exp.Expr:
    """The expression that gives a column's value whole. Raises Refusal `source/type-not-read` for a type that nothing here writes exactly."""
    tree = exp.column(column.name, quoted=True)
    charset = _charset(column)
    if column.family == "other" or (charset and codec_of(charset) is None):
        raise Refusal("source/type-not-read", where=where, got=column.native)
    if column.family != "text":
        return tree
    if column.native.startswith(_BLOCK):
        return exp.Cast(this=tree, to=exp.DataType(this=exp.DataType.Type.BLOB)) if charset == NONE else tree
    width = str((column.length or 0) * _WIDTHS.get(charset, 1))
    kind = exp.DataType(this=exp.DataType.Type.VARBINARY, expressions=[exp.Literal.number(width)])
    return exp.alias_(exp.Cast(this=tree, to=kind), column.name, quoted=True)


def some_rows(table: str, columns: Sequence[exp.Expr], *, rows: int = 0, share: float = 1.0) -> exp.Select:
    """SELECT these of a table; of each row with so much of a chance, and no more than so many."""
    tree = exp.select(*columns).from_(exp.to_identifier(table, quoted=True))
    if share < 1:
        tree = tree.where(exp.LT(this=exp.Rand(), expression=exp.Literal.number(f"{share:.6f}")))
    return tree.limit(rows) if rows else tree


def written(values: Sequence[Any], column: CatalogueColumn, *, unsaid: str, where: str) -> pa.Array:
    """A column's values as exact text, or octets. `unsaid`: the character set of what declares none.

    Raises Refusal `source/charset` for octets that the character set does not write; in what declares none, only ASCII is sure.
    """
    if column.family == "bytes":
        return pa.array(values, pa.binary())
    if column.family == "text":
        declared = _charset(column)
        charset = unsaid if declared == NONE and unsaid else declared
        return _decoded(values, charset, where=where)
    text = _texts(column)
    return pa.array([None if value is None else text(value) for value in values], pa.string())


def _decoded(values: Sequence[Any], charset: str, *, where: str) -> pa.Array:
    codec = codec_of(charset) or "ascii"
    try:
        texts = [value.decode(codec) if isinstance(value, bytes) else value for value in values]
        return pa.array(texts, pa.string())
    except UnicodeError:
        raise Refusal("source/charset", where=where, got=charset) from None


def _charset(column: CatalogueColumn) -> str:
    return column.native.partition(_CHARSET)[2] if column.family == "text" else ""


def _texts(column: CatalogueColumn) -> Callable[[Any], str]:
    scale = int(column.native.rpartition(",")[2].rstrip(")")) if column.native.startswith("NUMERIC") else 0

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, float):
            return _number(value, scale)
        if isinstance(value, Decimal):
            return format(value, "f") if value.is_finite() else str(value)
        if isinstance(value, datetime):
            return value.isoformat(sep=" ", timespec="microseconds")[:-2]  # ten-thousandths: all that is kept
        return value.isoformat(timespec="microseconds")[:-2] if isinstance(value, time) else str(value)

    return text


def _number(value: float, scale: int) -> str:
    """The shortest text that reads back the same; with the decimals that the column declares, and whole without any, where that loses nothing."""
    for text in (f"{value:.{scale}f}",) if abs(value) < 1e16 else ():
        if float(text) == value:
            return text
    return repr(value)
