"""What every snapshot of a SQL source answers besides rows, from the one way it has of asking: unclassified codes and census.

Decides how answers become `Count`s and that the census counts each row exactly once. Each connector gives `ask`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from ecluse.adapters.connectors.sql.columns import Dialect
from ecluse.adapters.connectors.sql.query import census_query, codes_query, count_query
from ecluse.base.refusal import Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.plan import Plan, Slice

__all__ = ["Ask", "census", "unclassified"]

Ask = Callable[[exp.Select, str], Sequence[Sequence[object]]]
"""Runs one statement to its end: (tree, what is read, for messages) -> rows."""


def unclassified(
    plan: Plan, path: str, *, ask: Ask, catalogue: Catalogue, dialect: Dialect
) -> dict[str, int]:
    """Every canonical code seen at `path` within the instruction and not classified, with its number of rows; a code not in the reading's values, as it is."""
    kind, _, field = path.partition(".")
    reading, known = plan.mapping.kinds[kind].fields[field], plan.classified.get(path, frozenset())
    named = dict(reading.meanings)
    seen: dict[str, int] = {}
    for code, rows in ask(codes_query(plan, path, catalogue, dialect), path):
        if code is None or code in reading.absent:
            continue
        canonical = named.get(str(code), str(code))
        if canonical not in known:
            seen[canonical] = seen.get(canonical, 0) + int(str(rows))
    return seen


def census(plan: Plan, piece: Slice, *, ask: Ask, catalogue: Catalogue, dialect: Dialect) -> Iterator[Count]:
    """Every row once, under the rule that keeps it. Raises Refusal `source/join-multiplies` when the counts do not add up to the table's."""
    lines = ask(census_query(plan, piece, catalogue, dialect), piece.kind)  # Oracle has no "": it says NULL
    counts = [
        Count("" if rule is None else str(rule), str(site), str(month), int(str(rows)))
        for rule, site, month, rows in lines
    ]
    counted = sum(count.rows for count in counts)
    ((answer,),) = ask(count_query(piece, catalogue, dialect), piece.kind)
    held = int(str(answer))
    if counted != held:
        raise Refusal("source/join-multiplies", where=piece.kind, expected=held, got=counted)
    yield from counts
