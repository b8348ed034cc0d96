"""A plan as SQL: the rows that leave, the census of all rows, the codes seen; and the columns a plan reads.

Decides the statements, as trees: no text is pasted, every name is looked up in the catalogue and quoted, and the values of documents are
bound where the driver binds (SQLite, DuckDB), else typed literals escaped for the dialect (PostgreSQL, MariaDB, SQL Server, Oracle). It opens no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from sqlglot import exp

from ecluse.adapters.connectors.sql import oracle, tsql
from ecluse.adapters.connectors.sql.columns import BOUND, TABLE, Dialect, Names, fails, no, word
from ecluse.adapters.connectors.sql.relations import ID, Frame, seen, subquery
from ecluse.adapters.connectors.sql.rules import COUNTED, NOWHERE, REQUEST, Counted, Rule, Rules, Scope
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = [
    "Query",
    "census_query",
    "codes_query",
    "columns_read",
    "count_query",
    "octets",
    "render",
    "rows_query",
]

SAID: Final[dict[str, Callable[[exp.Expr], exp.Expr]]] = {"tsql": tsql.said, "oracle": oracle.said}
"""The systems that have no truth values: the same tree, in their own words."""
CHANGED, MONTH, SITE, WITHHELD = "_changed", "_month", "_site", "_withheld"
RULE, ROWS = "rule", "rows"


class Query(NamedTuple):
    """A statement, and the values to bind by name."""

    sql: str
    values: dict[str, str]


def octets(piece: Slice) -> frozenset[str]:
    """The fields of a slice that hold octets, not text."""
    fields = vocabulary().kinds[piece.kind].fields
    return frozenset(name for name in piece.fields if fields[name].type == "bytes")


def rows_query(plan: Plan, piece: Slice, catalogue: Catalogue, dialect: Dialect) -> exp.Select:
    """The rows that leave, as `passage.extract.Snapshot` says. Raises Refusal `mapping/...-absent`, `source/octets-as-text`."""
    names = Names(catalogue, dialect)
    rules, frame = Rules(plan, names), Frame(names, piece.mapping)
    keeping = rules.of(piece, frame)
    withheld = rules.withheld(piece, frame)
    outputs: dict[str, exp.Expr] = {}
    documents, fields = octets(piece), vocabulary().kinds[piece.kind].fields
    for name, reading in piece.fields.items():
        binary = name in documents
        read = frame.value(reading, octets=binary)
        tree = names.leaving(
            read, octets=binary, where=f"{piece.kind}.{name}", typed="" if documents else fields[name].type
        )
        if withheld is not None and name in piece.free_texts:
            tree = exp.Case().when(withheld.leave.copy(), tree, copy=False)
        outputs[name] = tree
    scope = None if piece.populated else rules.scope(frame)
    outputs |= _place(scope, names, certain=not plan.read_back, native=True)
    if piece.mapping.changed:
        changed = frame.column(piece.mapping.changed)
        outputs[CHANGED] = names.text(changed.tree, changed.column)
    if withheld is not None:
        outputs[WITHHELD] = withheld.category
    elif piece.free_texts:
        outputs[WITHHELD] = _nothing(dialect)
    return frame.select(outputs, *(rule.leaves for rule in keeping if not rule.implied))


def census_query(plan: Plan, piece: Slice, catalogue: Catalogue, dialect: Dialect) -> exp.Select:
    """Every row that meets the mapping's `where`, under the first rule that keeps it ("" if none): rule, site, month, number of rows.

    Rows are first counted by what the other rules say of each and by its request (or its own site and date); rules 1 to 3, of which each
    asks a dozen questions of a text, then judge these groups.
    """
    names = Names(catalogue, dialect)
    rules, frame = Rules(plan, names), Frame(names, piece.mapping)
    others = _first_rule(rules.others(piece, frame), word(""))
    counted = Counted({}, None) if piece.populated else rules.counted(frame)
    groups = _grouped(frame.select({RULE: others, **counted.by}), exp.Count(this=exp.Star()))
    placing = [] if piece.populated else rules.placing(counted.scope)
    outputs = {
        RULE: _first_rule(placing, seen(COUNTED, RULE)),
        **_place(counted.scope, names, certain=False),
        ROWS: seen(COUNTED, ROWS),
    }
    judged = exp.select(*(exp.alias_(tree, name, quoted=True) for name, tree in outputs.items())).from_(
        subquery(groups, COUNTED), copy=False
    )
    if counted.requests is not None:
        on = exp.EQ(this=seen("_request", ID), expression=seen(COUNTED, REQUEST))
        judged = judged.join(subquery(counted.requests, "_request"), on=on, join_type="left", copy=False)
    return _grouped(judged, exp.Sum(this=seen("_rows", ROWS)), of=(RULE, SITE, MONTH))


def count_query(piece: Slice, catalogue: Catalogue, dialect: Dialect) -> exp.Select:
    """How many rows the census must count: those that meet the mapping's `where`, reached without what the rules look up."""
    return Frame(Names(catalogue, dialect), piece.mapping).select({ROWS: exp.Count(this=exp.Star())})


def codes_query(plan: Plan, path: str, catalogue: Catalogue, dialect: Dialect) -> exp.Select:
    """Each code of the classified field at `path` that is not classified, trimmed, among the rows within period and sites, with its number of rows."""
    kind, _, field = path.partition(".")
    names = Names(catalogue, dialect)
    frame = Frame(names, plan.mapping.kinds[kind])
    scope = Rules(plan, names).scope(frame)
    read = frame.field(field)
    known = names.one_of(read, sorted(plan.classified.get(path, ())))
    found = frame.select({"code": names.trimmed(read)}, no(known), scope.within() if scope else exp.false())
    return _grouped(found, exp.Count(this=exp.Star()))


def columns_read(plan: Plan, catalogue: Catalogue, dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """Every table and column that any statement of the plan reads, read off the statements themselves; in the catalogue's order."""
    read: dict[str, set[str]] = {}
    for tree in _statements(plan, catalogue, dialect):
        for column in tree.find_all(exp.Column):
            table = column.meta.get(TABLE)
            if table:
                read.setdefault(table, set()).add(column.name)
    order = catalogue.tables
    return {
        table: tuple(name for name in order[table].columns if name in read[table])
        for table in order
        if table in read
    }


def render(tree: exp.Expr, dialect: Dialect) -> Query:
    """The statement's text, and the values to bind."""
    values: dict[str, str] = {}

    def bound(node: exp.Expr) -> exp.Expr:
        if not (isinstance(node, exp.Literal) and node.meta.get(BOUND)):
            return node
        name = f"v{len(values)}"
        values[name] = node.name
        return exp.Placeholder(this=name)

    copied = dialect in ("sqlite", "duckdb")
    if copied:
        tree = tree.transform(bound)
    elif dialect in SAID:
        tree = SAID[dialect](tree)
    return Query(tree.sql(dialect=dialect, copy=not copied), values)


def _statements(plan: Plan, catalogue: Catalogue, dialect: Dialect) -> Iterator[exp.Select]:
    for piece in plan.slices:
        yield rows_query(plan, piece, catalogue, dialect)
        yield census_query(plan, piece, catalogue, dialect)
    for path in dict.fromkeys((*plan.excluded, *plan.classified)):
        yield codes_query(plan, path, catalogue, dialect)


def _first_rule(rules: list[Rule], last: exp.Expr) -> exp.Expr:
    """The name of the first rule that keeps a row, else `last`."""
    case = exp.Case()
    for rule in rules:
        case = case.when(fails(rule.leaves), rule.name, copy=False)
    return case.else_(last) if rules else last


def _grouped(query: exp.Select, count: exp.Expr, *, of: tuple[str, ...] = ()) -> exp.Select:
    """The rows of a query counted, by these of its columns (all of them, if none is named)."""
    groups = [seen("_rows", name) for name in of or query.named_selects]
    counted = exp.alias_(count, ROWS, quoted=True)
    return (
        exp.select(*groups, counted)
        .from_(subquery(query, "_rows"), copy=False)
        .group_by(*(group.copy() for group in groups))
    )


def _place(scope: Scope | None, names: Names, *, certain: bool, native: bool = False) -> dict[str, exp.Expr]:
    """The raw site and the month of a row, "-" where there is none; `certain`: only rows whose place is known are asked for.

    `native`: PostgreSQL sends the day, or NULL, and its reader writes the month out once for each day instead of once for each row.
    """
    if scope is None:
        return {SITE: word(NOWHERE), MONTH: word(NOWHERE)}
    site, month = names.raw(scope.site), scope.date.day() if native else None
    if certain:
        return {SITE: site, MONTH: month or scope.date.month()}
    known = exp.Case().when(scope.date.known(), month or scope.date.month(), copy=False)
    return {
        SITE: exp.Coalesce(this=site, expressions=[word(NOWHERE)]),
        MONTH: known if month else known.else_(word(NOWHERE)),
    }


def _nothing(dialect: Dialect) -> exp.Expr:
    return exp.Cast(
        this=exp.null(), to=exp.DataType.build("CHAR" if dialect == "mysql" else "TEXT", dialect=dialect)
    )
