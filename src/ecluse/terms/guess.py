"""Where the fields of the vocabulary probably stand in a system, from its profile.

Decides by names (lexicon.toml), by what values are, and by keys; each guess says how sure it is and why. A secret is never guessed at. What
is written of it is `draft`'s, what is kept of it a person's.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Final

from ecluse.base.words import say
from ecluse.terms.profile import ColumnProfile, Profile, TableProfile
from ecluse.terms.secrets import compressed
from ecluse.terms.vocabulary import Field, Kind, Vocabulary

__all__ = ["Guess", "KindGuess", "Missed", "Road", "Why", "guesses"]

LEAST: Final = 0.5
"""Below this confidence nothing is proposed."""

DEEPEST: Final = 3
"""Foreign keys followed from a kind's own table."""


@dataclass(frozen=True, slots=True)
class Road:
    """How a table is reached from a kind's own: each step is (alias, table, pairs of joined column and outer column)."""

    table: str
    steps: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()

    @property
    def alias(self) -> str:
        """The alias of the table at its end; none for the kind's own."""
        return self.steps[-1][0] if self.steps else ""


@dataclass(frozen=True, slots=True)
class Why:
    """A reason: a sentence of the catalogue (`mapping.why_<key>`) and what fills it; names of columns and kinds of values only."""

    key: str
    values: tuple[tuple[str, str], ...] = ()

    def text(self, language: str) -> str:
        """The reason in words."""
        return say(f"mapping.why_{self.key}", language, **dict(self.values))


NAME: Final = Why("name")


@dataclass(frozen=True, slots=True)
class Missed:
    """One field for which nothing is proposed: how sure the best column was (0 where there was none), and why it is not proposed."""

    field: Field
    confidence: float
    why: Why


@dataclass(frozen=True, slots=True)
class Guess:
    """One field's proposed column: where, how sure (0 to 1), and why."""

    field: Field
    road: Road
    column: ColumnProfile
    confidence: float
    why: Why

    @property
    def name(self) -> str:
        """The column as a mapping writes it."""
        return f"{self.road.alias}.{self.column.name}" if self.road.alias else self.column.name


@dataclass(slots=True)
class KindGuess:
    """One kind's proposed table, the fields found, and those missed: together, every field of the kind."""

    kind: Kind
    table: TableProfile
    confidence: float
    fields: dict[str, Guess] = field(default_factory=dict)
    missed: dict[str, Missed] = field(default_factory=dict)


@cache
def _lexicon() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))


# --- guessing ---------------------------------------------------------------------------------------------------------


def guesses(profile: Profile, *, vocabulary: Vocabulary) -> dict[str, KindGuess]:
    """For each kind that this system seems to hold: its table, and for each field found, its column."""
    chosen = {kind.name: found for kind in vocabulary.kinds.values() if (found := _table(kind, profile))}
    tables = {name: found.table.name for name, found in chosen.items()}
    for found in chosen.values():
        roads = _roads(found.table, profile)
        taken: dict[str, Field] = {}
        proposals = sorted(
            _proposals(found.kind, roads, profile, tables), key=lambda guess: -guess.confidence
        )
        for guess in proposals:
            if guess.confidence < LEAST:
                break
            if guess.field.name not in found.fields and guess.name not in taken:
                found.fields[guess.field.name] = guess
                taken[guess.name] = guess.field
        found.missed = {
            target.name: _missed(target, proposals, taken)
            for target in found.kind.fields.values()
            if target.name not in found.fields
        }
    return {name: found for name, found in chosen.items() if "id" in found.fields}


def _missed(target: Field, proposals: list[Guess], taken: dict[str, Field]) -> Missed:
    """Why nothing is proposed for this field: its best column is another field's, is too unsure, or there is none."""
    best = next((guess for guess in proposals if guess.field == target), None)
    if best is None:
        wanted = _lexicon()["find"].get(target.kind, {}).get(target.name, [])
        return Missed(target, 0.0, Why("none_values", (("wanted", wanted[0]),)) if wanted else Why("none"))
    said = (("column", best.name), ("percent", f"{best.confidence:.0%}"))
    if best.name in taken:
        return Missed(target, best.confidence, Why("taken", (*said, ("field", taken[best.name].path))))
    return Missed(target, best.confidence, Why("unsure", said))


def _table(kind: Kind, profile: Profile) -> KindGuess | None:
    """The table whose name and columns fit best; a name that fits, or four fields at least, are needed."""
    best: KindGuess | None = None
    words: list[str] = _lexicon()[kind.name]["tables"]
    for table in profile.tables.values():
        named = _fit(compressed(table.name.rpartition(".")[2]), words)
        own = {
            guess.field.name
            for guess in _proposals(kind, [Road(table.name)], profile, {})
            if guess.confidence >= 0.7
        }
        share = len(own - {"id"}) / max(len(kind.fields) - 1, 1)
        score = 0.6 * named + 0.4 * min(share * 1.5, 1.0)
        if (named or len(own) >= 4) and (best is None or score > best.confidence):
            best = KindGuess(kind, table, score)
    return best


def _roads(table: TableProfile, profile: Profile) -> list[Road]:
    """The table itself, and every table reached by foreign keys, nearest first, each once."""
    roads, seen = [Road(table.name)], {table.name}
    for road in roads:
        if len(road.steps) == DEEPEST:
            continue
        for link in profile.tables[road.table].foreign_keys:
            if link.parent in seen or link.parent not in profile.tables:
                continue
            seen.add(link.parent)
            alias = compressed(link.parent) + str(len(roads))
            outer = [f"{road.alias}.{column}" if road.alias else column for column in link.columns]
            pairs = tuple(zip(link.parent_columns, outer, strict=True))
            roads.append(Road(link.parent, (*road.steps, (alias, link.parent, pairs))))
    return roads


def _proposals(kind: Kind, roads: list[Road], profile: Profile, tables: dict[str, str]) -> list[Guess]:
    """Every column that may be a field of this kind, with its confidence, however small."""
    found = []
    for road in roads:
        table = profile.tables[road.table]
        for column in table.columns.values():
            if column.secret:
                continue
            for target in kind.fields.values():
                confidence, why = _confidence(target, table, column, own=not road.steps, tables=tables)
                confidence -= 0.08 * len(road.steps)
                if confidence > 0:
                    found.append(Guess(target, road, column, round(confidence, 2), why))
    return found


BARE: Final = frozenset({
    "status", "statut", "etat", "comment", "commentaire", "note", "version", "revision", "code", "label", "libelle", "value", "valeur", "name", "nom",
    "description", "flag", "flags", "count", "total", "image", "priority", "id",
})  # fmt: skip
"""Names so common that in a joined table they speak of that table, not of the record."""

TELLING: Final = frozenset({"nir", "email", "rpps", "document"})
"""What tells a field by itself, whatever the column's name."""


def _confidence(
    target: Field, table: TableProfile, column: ColumnProfile, *, own: bool, tables: dict[str, str]
) -> tuple[float, Why]:
    """How sure this column is this field, and why."""
    named = _fit(compressed(column.name), _lexicon()[target.kind][target.name])
    if target.name == "id":
        return (0.97, Why("key")) if own and table.primary_key == (column.name,) else (0.0, NAME)
    if target.parent:
        return _as_parent(target, table, column, named=named, own=own, parent=tables.get(target.parent, ""))
    if not own and compressed(column.name) in BARE:
        return 0.0, NAME
    if target.type in ("date", "datetime") and column.family in ("date", "datetime"):
        return (
            (min(named + 0.1, 0.99), Why("name_type", (("type", column.native),))) if named else (0.0, NAME)
        )
    return _as_value(target, column, named=named, own=own)


def _as_parent(
    target: Field, table: TableProfile, column: ColumnProfile, *, named: float, own: bool, parent: str
) -> tuple[float, Why]:
    """A reference: by its foreign key to the parent's table, else by its name. To its own kind, by both."""
    refers = any(link.columns == (column.name,) and link.parent == parent for link in table.foreign_keys)
    if refers and (named or target.parent != target.kind):
        return 0.98, Why("refers", (("table", parent),))
    return (0.75 * named, NAME) if own else (0.0, NAME)


def _as_value(target: Field, column: ColumnProfile, *, named: float, own: bool) -> tuple[float, Why]:
    """A value: by its name, more when the values are what is looked for, less when they are something else."""
    wanted = _lexicon()["find"].get(target.kind, {}).get(target.name, [])
    finding = next((found for found in column.findings if found.what in wanted), None)
    seen = (("percent", f"{finding.share:.0%}"), ("what", finding.what)) if finding else ()
    if finding and named:
        return min(0.8 * named + 0.2 * finding.share, 0.99), Why("name_values", seen)
    if finding and own and finding.what in TELLING:
        return 0.55, Why("values", seen)
    if wanted and column.distinct:
        return 0.6 * named, Why("name_only", (("wanted", wanted[0]),))
    return 0.9 * named, NAME


def _fit(name: str, patterns: list[str]) -> float:
    """1 for the most telling pattern, a little less for each that follows; 0 when none fits."""
    rank = next((rank for rank, pattern in enumerate(patterns) if fnmatchcase(name, pattern)), None)
    return 0.0 if rank is None else max(1.0 - 0.04 * rank, 0.6)
