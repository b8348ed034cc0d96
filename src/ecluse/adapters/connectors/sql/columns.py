"""How a column is named and read as exact text, in each dialect of SQL.

Decides the expression for a column's raw text (compared octet by octet, whatever the column's collation), for its key (compared as the
system compares keys) and for the value that leaves. Names are looked up in the catalogue and always quoted. It decides no rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from sqlglot import exp

from ecluse.adapters.connectors.sql import oracle, tsql
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn
from ecluse.terms.mapping import Reading

__all__ = [
    "NATIVE",
    "Dialect",
    "Names",
    "Value",
    "absent",
    "among",
    "both",
    "either",
    "fails",
    "listed",
    "no",
    "number",
    "present",
    "value",
    "word",
]

Dialect = Literal["sqlite", "postgres", "mysql", "duckdb", "tsql", "oracle"]
SPACED: Final = ("postgres", "tsql", "oracle")
"""Where "schema.table" names a table out of the account's own schema."""

BOUND: Final = "bound"
TABLE: Final = "table"
"""Marks on a tree's nodes: a literal that comes from a document, to be bound where the driver can; the table a column belongs to."""

_ONE_TEXT: Final = ("smallint", "integer", "bigint", "boolean")
NATIVE: Final = {"date": "date", "timestamp without time zone": "datetime"}
"""PostgreSQL's types that the vocabulary's own hold, whatever the zone."""
_PADDED: Final = ("char(", "character(", "character (", "bpchar")


@dataclass(frozen=True, slots=True)
class Value:
    """An expression with what is known of it: the one column it comes from, if it is one, and how the mapping reads it."""

    tree: exp.Expr
    column: CatalogueColumn | None
    reading: Reading

    def through(self, alias: str, name: str) -> Value:
        """The same value, seen as column `name` of the subquery `alias`."""
        return Value(exp.column(name, table=alias, quoted=True), self.column, self.reading)

    def written(self, names: Names) -> Value:
        """The same value, as the exact text that it is: no column of its own any more."""
        return Value(names.raw(self), None, self.reading)

    @property
    def padded(self) -> bool:
        """Whether the column is of fixed width: its trailing blanks tell no two keys apart."""
        native = self.column.native.lower() if self.column else ""
        return native in ("char", "character") or native.startswith(_PADDED)

    @property
    def kinship(self) -> tuple[str, bool]:
        """What two keys must share to be compared as they stand."""
        return (self.column.family if self.column else "text", self.padded)


@dataclass(frozen=True, slots=True)
class Names:
    """A catalogue and a dialect: every column of a query is looked up here."""

    catalogue: Catalogue
    dialect: Dialect

    def table(self, name: str, alias: str, *, where: str) -> exp.Table:
        """The table under an alias. Raises Refusal `mapping/table-absent`. "schema.table" names one out of the path, where there are schemas."""
        self.catalogue.table(name, where=where)
        space, dot, bare = name.partition(".") if self.dialect in SPACED else ("", "", name)
        return exp.Table(
            this=exp.to_identifier(bare if dot else name, quoted=True),
            db=exp.to_identifier(space, quoted=True) if dot else None,
            alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)),
        )

    def column(self, table: str, name: str, alias: str, *, where: str) -> tuple[exp.Column, CatalogueColumn]:
        """The column under its table's alias. Raises Refusal `mapping/column-absent`."""
        known = self.catalogue.column(table, name, where=where)
        tree = exp.column(known.name, table=alias, quoted=True)
        tree.meta[TABLE] = table
        return tree, known

    # --- the raw text, exactly ---------------------------------------------------------------------------------------

    def text(self, tree: exp.Expr, column: CatalogueColumn | None) -> exp.Expr:
        """The exact text of a column, as the system itself writes it."""
        tree = tree.copy()
        if self.dialect == "sqlite":
            return _cast(tree, "TEXT")
        if column is None or self.dialect == "duckdb":
            return tree
        if self.dialect == "postgres":
            return _postgres_text(tree, column)
        if self.dialect == "tsql":
            return tsql.text(tree, column)
        if self.dialect == "oracle":
            return oracle.text(tree, column)
        return _mysql_text(tree, column)

    def exact(self, tree: exp.Expr) -> exp.Expr:
        """A text compared and grouped octet by octet, whatever the column's own collation ignores."""
        collation = {
            "postgres": exp.to_identifier("C", quoted=True),
            "mysql": exp.var("utf8mb4_nopad_bin"),
            "sqlite": exp.var("BINARY"),
        }
        if self.dialect == "tsql" and not isinstance(tree, exp.Literal):
            return tsql.exact(tree)
        if self.dialect not in collation or isinstance(tree, exp.Literal):
            return tree
        return exp.Collate(this=_wrapped(tree), expression=collation[self.dialect])

    def raw(self, read: Value) -> exp.Expr:
        """The value's exact text, before trim, absent and values."""
        return self.exact(self.text(read.tree, read.column))

    def trimmed(self, read: Value) -> exp.Expr:
        """The value's exact text, after the reading's trim."""
        if not read.reading.trim:
            return self.raw(read)
        return self.exact(_rtrim(self.text(read.tree, read.column)))

    def known(self, read: Value) -> exp.Expr:
        """The value is there: neither NULL nor a text that means nothing, and in the reading's table where there is one."""
        text = self.trimmed(read)
        if read.reading.values:
            return among(text, [raw for raw, _ in read.reading.meanings if raw not in read.reading.absent])
        there = present(text)
        return both(there, no(among(text, read.reading.absent))) if read.reading.absent else there

    def one_of(self, read: Value, canonicals: Iterable[str]) -> exp.Expr:
        """The value, once canonical, is one of these."""
        wanted = list(canonicals)
        if read.reading.values:
            wanted = [raw for raw, canonical in read.reading.meanings if canonical in set(wanted)]
        return among(self.trimmed(read), [text for text in wanted if text not in read.reading.absent])

    def key(self, read: Value, *, plain: bool) -> exp.Expr:
        """The value as a key: as it stands if `plain`, else as text; the blanks that pad a fixed width are no part of it.

        What the reading takes for nothing is no key, and what it gives another meaning is a key by that meaning.
        """
        text = self.key_text(read)
        if read.reading.values:
            return self._met(self.exact(_meant(text, read.reading)))
        bare = plain and not read.reading.trim and not self._told_apart(read)
        tree = read.tree.copy() if bare else self._met(text)
        if not read.reading.absent:
            return tree
        return exp.Case().when(no(among(text.copy(), read.reading.absent)), tree, copy=False)

    def key_text(self, read: Value) -> exp.Expr:
        """The key as the text that a document's values are compared with."""
        text = self.text(read.tree, read.column)
        return self.exact(_rtrim(text) if self._padded(read) or read.reading.trim else text)

    def ordered(self, tree: exp.Expr, column: CatalogueColumn | None) -> exp.Expr:
        """A key of a subquery as a text to put in order."""
        if self.dialect == "tsql":
            return exp.Cast(this=tree.copy(), to=exp.DataType.build("NVARCHAR(MAX)", dialect="tsql"))
        return oracle.sorted_text(tree.copy()) if self.dialect == "oracle" else self.text(tree, column)

    def _met(self, text: exp.Expr) -> exp.Expr:
        """An exact text, as it is compared with other keys."""
        return tsql.key(text) if self.dialect == "tsql" else text

    def _padded(self, read: Value) -> bool:
        national = read.column is not None and read.column.native.lower().startswith("nchar(")
        return read.padded or (national and self.dialect in ("tsql", "oracle"))

    def _told_apart(self, read: Value) -> bool:
        """Whether the system, comparing the columns as they stand, would tell apart or confuse what are one text or two."""
        if self.dialect == "tsql":
            return read.column is not None and read.column.family in ("text", "other")
        return self._padded(read) and (
            self.dialect == "duckdb" or (self.dialect == "oracle" and not read.padded)
        )

    # --- what leaves -------------------------------------------------------------------------------------------------

    def leaving(self, read: Value, *, octets: bool, where: str, typed: str = "") -> exp.Expr:
        """The value that leaves: exact text, or octets. SQLite's leaves as it is stored: its reader writes the text. So do PostgreSQL's whole
        numbers and flags where `typed` names the field's type, and its dates and times where the field is just that.

        Raises Refusal `source/octets-as-text` when octets would have to be read as text.
        """
        tree, column = read.tree, read.column
        if octets:
            return self._octets(tree, column)
        if column is not None and column.family == "bytes" and self.dialect != "sqlite":
            raise Refusal("source/octets-as-text", where=where, got=column.name)
        bare = self.dialect == "sqlite" or (self.dialect == "postgres" and _as_it_is(read, typed))
        if bare or (self.dialect == "mysql" and column is not None and column.family == "text"):
            return tree.copy()
        return self.text(tree, column)

    def _octets(self, tree: exp.Expr, column: CatalogueColumn | None) -> exp.Expr:
        if (column is not None and column.family == "bytes") or self.dialect == "sqlite":
            return tree.copy()
        text = self.text(tree, column)
        if self.dialect in ("tsql", "oracle"):  # the driver's text, of which the reader makes UTF-8
            return text
        if self.dialect == "postgres":
            return exp.Anonymous(this="CONVERT_TO", expressions=[text, word("UTF8")])
        return (
            _cast(text, "BINARY")
            if self.dialect == "mysql"
            else exp.Anonymous(this="ENCODE", expressions=[text])
        )


def _as_it_is(read: Value, typed: str) -> bool:
    """Whether PostgreSQL may send the binary value: what it stands for has one text only, or is of the field's own type."""
    if not typed or read.column is None:
        return False
    plain = not (read.reading.format or read.reading.absent or read.reading.values or read.reading.trim)
    return read.column.native in _ONE_TEXT or (plain and NATIVE.get(read.column.native) == typed)


def _meant(text: exp.Expr, reading: Reading) -> exp.Expr:
    """What a text means by the reading's values; NULL where it is in none of them."""
    meant = exp.Case()
    for raw, canonical in reading.meanings:
        if raw not in reading.absent:
            meant = meant.when(among(text.copy(), [raw]), value(canonical), copy=False)
    return meant if meant.args.get("ifs") else exp.null()


def _postgres_text(tree: exp.Expr, column: CatalogueColumn) -> exp.Expr:
    native = column.native.lower()
    if native == "text" or native.startswith(("character varying", "varchar")):
        return tree
    if Value(tree, column, Reading()).padded:  # a cast would drop the blanks; concat writes what is stored
        written = exp.Anonymous(this="CONCAT", expressions=[tree])
        return exp.Case().when(present(tree), written, copy=False)
    return _cast(tree, "TEXT")


def _mysql_text(tree: exp.Expr, column: CatalogueColumn) -> exp.Expr:
    native = column.native.lower()
    if native.startswith("float"):  # six digits are shown; as a double all are
        tree = _cast(tree, "DOUBLE")
    elif native.startswith("bit"):
        tree = exp.Add(this=tree, expression=number(0))
    return exp.Cast(this=tree, to=exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.var("utf8mb4")))


# --- small trees ------------------------------------------------------------------------------------------------------


def word(text: str) -> exp.Literal:
    """A text of ours."""
    return exp.Literal.string(text)


def number(count: int) -> exp.Literal:
    """A number of ours."""
    return exp.Literal(this=str(count), is_string=False)


def value(text: str) -> exp.Literal:
    """A text of a signed document: bound where the driver can bind it."""
    tree = exp.Literal.string(text)
    tree.meta[BOUND] = True
    return tree


def among(tree: exp.Expr, texts: Iterable[str]) -> exp.Expr:
    """`tree` is one of these texts; of none, never."""
    values = [value(text) for text in texts]
    return exp.In(this=tree, expressions=values) if values else exp.false()


def listed(tree: exp.Expr, words: Iterable[str]) -> exp.Expr:
    """`tree` is one of these texts of ours."""
    return exp.In(this=tree, expressions=[word(text) for text in words])


def absent(tree: exp.Expr) -> exp.Expr:
    """`tree` is NULL."""
    return exp.Is(this=tree.copy(), expression=exp.null())


def present(tree: exp.Expr) -> exp.Expr:
    """`tree` is not NULL."""
    return no(absent(tree))


def no(condition: exp.Expr) -> exp.Expr:
    """The condition does not hold."""
    return exp.Not(this=exp.Paren(this=condition) if isinstance(condition, exp.Connector) else condition)


def both(*conditions: exp.Expr) -> exp.Expr:
    """All of these hold."""
    return exp.and_(*conditions, copy=False) if conditions else exp.true()


def fails(condition: exp.Expr) -> exp.Expr:
    """The condition is false, or cannot be told."""
    return no(exp.Coalesce(this=condition, expressions=[exp.false()]))


def either(*conditions: exp.Expr) -> exp.Expr:
    """One of these holds."""
    return exp.or_(*conditions, copy=False) if conditions else exp.false()


def _rtrim(tree: exp.Expr) -> exp.Expr:
    return exp.Trim(this=tree, position="TRAILING", expression=word(" "))


def _cast(tree: exp.Expr, to: str) -> exp.Expr:
    return exp.Cast(this=tree, to=_type(to).copy())


@cache
def _type(to: str) -> exp.DataType:
    """Parsed once: to read a type's name again for every column costs more than the rest of its cast."""
    return exp.DataType.build(to, dialect="mysql" if to in ("BINARY", "DOUBLE") else None)


def _wrapped(tree: exp.Expr) -> exp.Expr:
    return tree if isinstance(tree, exp.Column | exp.Cast | exp.Func) else exp.paren(tree)
