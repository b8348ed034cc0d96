"""How Oracle says what the other systems say: exact texts by type, and the statements' trees put into Oracle's own words.

Decides the words only; the rules are those of every system. Four habits of Oracle shape them: it has no truth values before 23; an empty
text is NULL, so "" is never compared with; a CHAR is compared without its blanks, so it is read as VARCHAR2; a list holds a thousand values.
Texts compare octet by octet because the session says so (`enter_oracle`). By Oracle's SQL Language Reference; compiled and parsed back,
never run on a server.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from sqlglot import exp

from ecluse.terms.catalogue import CatalogueColumn, TypeFamily

__all__ = ["DAY", "day", "family", "said", "sorted_text", "text"]

DAY: Final = "YYYY-MM-DD"
_NUMERIC: Final = "NLS_NUMERIC_CHARACTERS='.,'"
_MOST: Final = 1_000
"""Values in one list (ORA-01795)."""
_MOMENT: Final = "SYYYY-MM-DD HH24:MI:SS"
_FAMILIES: Final[dict[str, TypeFamily]] = {
    "CHAR": "text", "NCHAR": "text", "VARCHAR2": "text", "NVARCHAR2": "text", "VARCHAR": "text", "CLOB": "text", "NCLOB": "text",
    "FLOAT": "decimal", "BINARY_FLOAT": "float", "BINARY_DOUBLE": "float", "DATE": "datetime", "RAW": "bytes", "BLOB": "bytes",
    "BOOLEAN": "flag",
}  # fmt: skip


def family(native: str) -> TypeFamily:
    """The family of a type as ALL_TAB_COLUMNS and its numbers write it. LONG, BFILE, XMLTYPE, intervals, objects are `other`."""
    base = native.partition("(")[0]
    if base == "NUMBER":
        return "integer" if native.endswith(",0)") else "decimal"
    if base == "TIMESTAMP":
        return "datetime"
    return _FAMILIES.get(base, "other")


def text(tree: exp.Expr, column: CatalogueColumn) -> exp.Expr:
    """The exact text of a column, whatever the session's settings."""
    native = column.native
    base = native.partition("(")[0]
    if base in ("NUMBER", "FLOAT"):
        return _number_text(tree, whole=native.endswith(",0)"))
    if base in ("BINARY_FLOAT", "BINARY_DOUBLE"):  # 17 digits lose nothing of a double
        return _bare(exp.ToChar(this=tree, format=_word("9D9999999999999999EEEE"), nlsparam=_word(_NUMERIC)))
    if base in ("DATE", "TIMESTAMP"):
        fraction = "" if base == "DATE" else ".FF"
        zone = " TZH:TZM" if native.endswith(") WITH TIME ZONE") else ""
        return _bare(exp.ToChar(this=tree, format=_word(f"{_MOMENT}{fraction}{zone}")))
    if base == "CHAR":
        return exp.Cast(this=tree, to=_varchar(2_000))
    if base == "BOOLEAN":
        return exp.ToChar(this=tree)
    return tree


def day(written: str) -> exp.Expr:
    """A day, whatever the session's format."""
    return exp.Anonymous(this="TO_DATE", expressions=[_word(written), _word(DAY)])


def sorted_text(tree: exp.Expr) -> exp.Expr:
    """A key of any type as a text, to be put in order only."""
    return exp.ToChar(this=tree)


def said(tree: exp.Expr) -> exp.Expr:
    """The statement in Oracle's own words. The tree given is left as it was."""
    tree = tree.copy()
    for node in reversed(list(tree.walk(bfs=True))):
        new = _reworded(node)
        if new is not node:
            node.replace(new)
    return tree


def _reworded(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Boolean):
        return exp.EQ(this=_number(1), expression=_number(1 if node.this else 0))
    if isinstance(node, exp.Coalesce) and isinstance(node.parent, exp.Not):
        case = exp.Case().when(node.this, _number(1), copy=False).else_(_number(0))
        return exp.EQ(this=_number(1), expression=case)
    if isinstance(node, exp.In):
        return _listed(node)
    if isinstance(node, exp.Select) and not node.args.get("from_"):
        return node.from_(exp.Table(this=exp.to_identifier("DUAL", quoted=True)), copy=False)
    return node


def _listed(node: exp.In) -> exp.Expr:
    """A list without the empty text, which no Oracle value is, in parts of a thousand."""
    values = [each for each in node.expressions if not (isinstance(each, exp.Literal) and each.name == "")]
    if not values:
        return exp.EQ(this=_number(1), expression=_number(0))
    parts: list[exp.Expr] = [
        exp.In(this=node.this.copy(), expressions=values[start : start + _MOST])
        for start in range(0, len(values), _MOST)
    ]
    if len(parts) == 1:
        return parts[0]
    return exp.Paren(this=reduce(lambda left, right: exp.Or(this=left, expression=right), parts))


def _number_text(tree: exp.Expr, *, whole: bool) -> exp.Expr:
    """All digits and no more (TM9), with the zero that Oracle leaves out before the point."""
    digits = exp.ToChar(this=tree, format=_word("TM9"), nlsparam=_word(_NUMERIC))
    if whole:
        return digits
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=[digits, _word("^(-?)[.]"), _word("\\10.")])


def _bare(tree: exp.Expr) -> exp.Expr:
    """Without the blank that stands where a minus would."""
    return exp.Anonymous(this="LTRIM", expressions=[tree])


def _varchar(length: int) -> exp.DataType:
    return exp.DataType(this=exp.DataType.Type.VARCHAR, expressions=[exp.DataTypeParam(this=_number(length))])


def _word(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _number(count: int) -> exp.Literal:
    return exp.Literal(this=str(count), is_string=False)
