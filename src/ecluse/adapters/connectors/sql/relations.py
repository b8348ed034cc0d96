"""One record kind as a SELECT: its table, the joins it needs and no other, its condition; and the sets of keys the rules look up.

Decides how a kind's rows are reached and how keys meet. Sets of keys are joined, distinct, with LEFT JOINs: every planner hashes those,
where it may run a subquery again for each row. It decides no rule: `rules` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sqlglot import exp

from ecluse.adapters.connectors.sql.columns import Names, Value, absent, among, both, present, value
from ecluse.terms.catalogue import CatalogueColumn
from ecluse.terms.mapping import BASE, Column, Join, KindMapping, Mapping, Reading, Where
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ID", "Frame", "Keys", "distinct", "seen", "subquery"]

ID: Final = "id"


@dataclass(frozen=True)
class Keys:
    """How the keys of each record kind are compared in one system: as they stand where every column that holds one has the same type."""

    names: Names
    mapping: Mapping

    @cached_property
    def _plain(self) -> dict[str, bool]:
        kinships: dict[str, set[tuple[str, bool]]] = {}
        odd: set[str] = set()
        for domain, kind, reading in self._readings():
            frame = Frame(self.names, kind)
            read = frame.value(reading)
            kinships.setdefault(domain, set()).add(read.kinship)
            if read.column is None or reading.trim or reading.values:
                odd.add(domain)
        return {domain: len(kin) == 1 and domain not in odd for domain, kin in kinships.items()}

    def _readings(self) -> Iterator[tuple[str, KindMapping, Reading]]:
        for name, kind in self.mapping.kinds.items():
            for known in vocabulary().kinds[name].fields.values():
                domain = name if known.name == ID else known.parent
                if domain and known.name in kind.fields and self._visible(kind, kind.fields[known.name]):
                    yield domain, kind, kind.fields[known.name]

    def _visible(self, kind: KindMapping, reading: Reading) -> bool:
        """Whether this account sees the columns: one held to the plan does not see those that the plan leaves alone."""
        tables = self.names.catalogue.tables
        places = [(kind.alias_table(column.alias), column.name) for column in reading.columns]
        return all(table in tables and name in tables[table].columns for table, name in places)

    def of(self, read: Value, domain: str) -> exp.Expr:
        """The value as a key of `domain`, a record kind."""
        return self.names.key(read, plain=self._plain.get(domain, False))


@dataclass
class Frame:
    """A SELECT over one kind, under construction: it remembers which of the mapping's joins were needed."""

    names: Names
    kind: KindMapping
    joins: list[exp.Join] = field(default_factory=list)
    _used: dict[str, None] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the mapping places this field."""
        return name in self.kind.fields

    def field(self, name: str) -> Value:
        """The field's value."""
        return self.value(self.kind.fields[name])

    def value(self, reading: Reading, *, octets: bool = False) -> Value:
        """What a reading reads: one column, the first present of several, or a constant."""
        if reading.constant is not None:
            return Value(value(reading.constant), None, reading)
        trees = []
        for column in reading.columns:
            tree, known = self._column(column)
            if len(reading.columns) == 1:
                return Value(tree, known, reading)
            bare = octets or self.names.dialect == "sqlite"
            trees.append(tree if bare else self.names.text(tree, known))
        return Value(exp.Coalesce(this=trees[0], expressions=trees[1:]), None, reading)

    def column(self, column: Column) -> Value:
        """One column, read as it is."""
        return self.value(Reading(columns=(column,)))

    def left(self, inner: exp.Select, alias: str, *on: tuple[str, exp.Expr]) -> None:
        """LEFT JOIN a subquery, where its columns equal these."""
        met = [exp.EQ(this=exp.column(name, table=alias, quoted=True), expression=tree) for name, tree in on]
        self.joins.append(exp.Join(this=subquery(inner, alias), side="LEFT", on=both(*met)))

    def select(self, outputs: dict[str, exp.Expr], *conditions: exp.Expr) -> exp.Select:
        """SELECT these, of the rows that meet the mapping's condition and these."""
        wheres = [self._condition(line) for line in self.kind.where]  # first: a condition may need a join
        joins = [self._join(join) for join in self._needed()]
        columns = [exp.alias_(tree, name, quoted=True, copy=False) for name, tree in outputs.items()]
        query = exp.select(*columns).from_(
            self.names.table(self.kind.table, BASE, where=self.kind.kind), copy=False
        )
        query.set("joins", [*joins, *self.joins])
        conditions = (*wheres, *(condition for condition in conditions if condition != exp.true()))
        return query.where(*conditions, copy=False) if conditions else query

    def _column(self, column: Column) -> tuple[exp.Column, CatalogueColumn]:
        if column.alias != BASE:
            self._used[column.alias] = None
        table = self.kind.alias_table(column.alias)
        return self.names.column(table, column.name, column.alias, where=f"{self.kind.kind}: {column}")

    def _needed(self) -> list[Join]:
        """The joins used, and those these lean on, in the mapping's order."""
        needed = set(self._used)
        for join in reversed(self.kind.joins):
            if join.alias in needed:
                needed |= {outer.alias for _, outer in join.on}
        return [join for join in self.kind.joins if join.alias in needed]

    def _join(self, join: Join) -> exp.Join:
        met = []
        for joined, outer in join.on:
            left, right = self.column(Column(join.alias, joined)), self.column(outer)
            plain = left.kinship == right.kinship and not join.text
            met.append(
                exp.EQ(this=self.names.key(left, plain=plain), expression=self.names.key(right, plain=plain))
            )
        table = self.names.table(join.table, join.alias, where=f"{self.kind.kind}: {join.alias}")
        return exp.Join(
            this=table, side="LEFT", on=both(*met, *(self._condition(line) for line in join.where))
        )

    def _condition(self, line: Where) -> exp.Expr:
        read = self.column(line.column)
        if line.among:
            return among(self.names.key_text(read), line.among)
        return present(read.tree) if line.present else absent(read.tree)


def subquery(query: exp.Select | exp.Union, alias: str) -> exp.Subquery:
    """The query under an alias."""
    return query.subquery(exp.to_identifier(alias, quoted=True), copy=False)


def distinct(query: exp.Select | exp.Union) -> exp.Select:
    """The keys `id` of a query, each once, none absent."""
    found = seen("_keys", ID)
    return (
        exp.select(found)
        .distinct(copy=False)
        .from_(subquery(query, "_keys"), copy=False)
        .where(present(found), copy=False)
    )


def seen(alias: str, name: str) -> exp.Column:
    """Column `name` of the subquery `alias`."""
    return exp.column(name, table=alias, quoted=True)
