"""How SQL Server says what the other systems say: exact texts by type, and the statements' trees put into T-SQL's own words.

Decides the words only; the rules are those of every system. Three habits of T-SQL shape them: it has no truth values, so a condition stands
only where a condition may; its `=`, IN, DISTINCT and GROUP BY take 'A' and 'A ' for the same text whatever the collation, so each text is
compared with one more sign after it; a plain literal is in the database's code page, so each is N'...'. By Microsoft's documentation (CAST and
CONVERT, "Transact-SQL constants", "Trailing blanks"); compiled and parsed back, never run on a server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from ecluse.terms.catalogue import CatalogueColumn, TypeFamily

__all__ = ["BINARY", "FAMILIES", "exact", "key", "said", "text"]

BINARY: Final = "Latin1_General_100_BIN2"
"""The collation that compares code unit by code unit, known since SQL Server 2008."""
MARK: Final = "."
"""What follows each compared text, so that no blank is its last sign."""
_WIDEST: Final = 4_000
_STYLES: Final = {
    "money": 2, "smallmoney": 2, "float": 3, "real": 3, "date": 23, "datetime": 121, "smalldatetime": 121, "datetime2": 121,
    "datetimeoffset": 121, "time": 121,
}  # fmt: skip
"""CONVERT's styles: four decimals and no comma; 17 (or 9) digits, which lose nothing; ISO 8601 with all the digits the type keeps."""
FAMILIES: Final[dict[str, TypeFamily]] = {
    "char": "text", "varchar": "text", "nchar": "text", "nvarchar": "text", "text": "text", "ntext": "text", "sysname": "text",
    "uniqueidentifier": "text", "xml": "text", "tinyint": "integer", "smallint": "integer", "int": "integer", "bigint": "integer",
    "decimal": "decimal", "numeric": "decimal", "money": "decimal", "smallmoney": "decimal", "float": "float", "real": "float", "date": "date",
    "datetime": "datetime", "smalldatetime": "datetime", "datetime2": "datetime", "time": "time", "bit": "flag", "binary": "bytes",
    "varbinary": "bytes", "image": "bytes", "timestamp": "bytes", "rowversion": "bytes",
}  # fmt: skip
"""By sys.types.name. What is not listed (datetimeoffset, sql_variant, geography, hierarchyid...) is `other`."""


def text(tree: exp.Expr, column: CatalogueColumn) -> exp.Expr:
    """The exact text of a column, in Unicode, by the style that loses nothing."""
    base = column.native.partition("(")[0].lower()
    if base in _STYLES:
        return exp.Convert(this=_wide(64), expression=tree, style=_number(_STYLES[base]))
    if FAMILIES.get(base) in ("integer", "decimal", "flag") or base == "uniqueidentifier":
        return exp.Cast(this=tree, to=_wide(64))
    return exp.Cast(this=tree, to=_wide(column.length))


def exact(tree: exp.Expr) -> exp.Expr:
    """A text compared sign by sign."""
    if isinstance(tree, exp.Collate):
        return tree
    return exp.Collate(this=_bracketed(tree), expression=exp.var(BINARY))


def key(tree: exp.Expr) -> exp.Expr:
    """A text as a key: the mark stands after it in every place where it is a key."""
    return _marked(exact(tree))


def said(tree: exp.Expr) -> exp.Expr:
    """The statement in T-SQL's own words. The tree given is left as it was."""
    tree = tree.copy()
    for node in reversed(list(tree.walk(bfs=True))):
        new = _reworded(node)
        if new is not node:
            node.replace(new)
    return tree


def _reworded(node: exp.Expr) -> exp.Expr:
    for kind, reword in _WORDS:
        if isinstance(node, kind):
            return reword(node)
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Null):
        node.set("this", exp.Cast(this=exp.null(), to=_wide(64)))
    if isinstance(node, exp.Group):
        _lengths_too(node)
    return node


def _text_or_number(node: exp.Literal) -> exp.Expr:
    return _national(node.name) if node.is_string else node


def _never_or_always(node: exp.Boolean) -> exp.Expr:
    return exp.EQ(this=_number(1), expression=_number(1 if node.this else 0))


def _length(node: exp.Length) -> exp.Expr:
    """Of the octets, two for each: LEN does not count the last blanks."""
    octets = exp.Anonymous(this="DATALENGTH", expressions=[node.this])
    return exp.Div(this=octets, expression=_number(2), typed=True)


def _trimmed(node: exp.Trim) -> exp.Expr:
    return exp.Anonymous(this="RTRIM", expressions=[node.this])


def _truth(node: exp.Coalesce) -> exp.Expr:
    """COALESCE(condition, FALSE), under a NOT, as a condition: 1 = CASE WHEN condition THEN 1 ELSE 0 END."""
    if not isinstance(node.parent, exp.Not):
        return node
    case = exp.Case().when(node.this, _number(1), copy=False).else_(_number(0))
    return exp.EQ(this=_number(1), expression=case)


def _compared(node: exp.EQ | exp.NEQ | exp.In) -> exp.Expr:
    """A comparison with texts, each side with its mark; one of numbers or of keys as it stands."""
    if isinstance(node, exp.In):
        if not any(map(_is_text, node.expressions)):
            return node
        return exp.In(this=_marked(node.this), expressions=[_marked(each) for each in node.expressions])
    if not (_is_text(node.this) or _is_text(node.expression)):
        return node
    return type(node)(this=_marked(node.this), expression=_marked(node.expression))


_WORDS: Final[tuple[tuple[Any, Callable[[Any], exp.Expr]], ...]] = (
    (exp.Literal, _text_or_number),
    (exp.Boolean, _never_or_always),
    (exp.Coalesce, _truth),
    (exp.Length, _length),
    (exp.Trim, _trimmed),
    (exp.EQ | exp.NEQ | exp.In, _compared),
)


def _lengths_too(group: exp.Group) -> None:
    """Texts are grouped by their lengths too: equal but for blanks, and as long, is equal."""
    if isinstance(group.parent, exp.Select) and group.parent.find(exp.Count):
        lengths = [exp.Anonymous(this="DATALENGTH", expressions=[each.copy()]) for each in group.expressions]
        group.set("expressions", [*group.expressions, *lengths])


def _is_text(node: exp.Expr) -> bool:
    """Whether a node is a text literal, already reworded."""
    return isinstance(node, exp.National) or (isinstance(node, exp.Paren) and isinstance(node.this, exp.Add))


def _marked(tree: exp.Expr) -> exp.Expr:
    if isinstance(tree, exp.National):
        return _national(tree.name + MARK)
    return exp.Add(this=_bracketed(tree), expression=_national(MARK))


def _national(value: str) -> exp.Expr:
    """N'...'. A backslash that ends a line would be taken out with it ("Backslash (line continuation)"): the text is cut between the two."""
    pieces = (
        value.replace("\\\r", "\\\0\r").replace("\\\n", "\\\0\n").split("\0") if "\\" in value else [value]
    )
    tree: exp.Expr = exp.National(this=pieces[0])
    for piece in pieces[1:]:
        tree = exp.Add(this=tree, expression=exp.National(this=piece))
    return exp.Paren(this=tree) if len(pieces) > 1 else tree


def _wide(length: int | None) -> exp.DataType:
    """NVARCHAR of this many signs; of any number where none is known or it is past what a bounded text holds."""
    size = length if length and 0 < length <= _WIDEST else None
    param = exp.DataTypeParam(this=_number(size) if size else exp.var("MAX"))
    return exp.DataType(this=exp.DataType.Type.NVARCHAR, expressions=[param])


def _bracketed(tree: exp.Expr) -> exp.Expr:
    return tree if isinstance(tree, exp.Column | exp.Func | exp.Paren | exp.Collate) else exp.Paren(this=tree)


def _number(count: int) -> exp.Literal:
    return exp.Literal(this=str(count), is_string=False)
