"""The mapping (« table de correspondance »): one system described in the canonical vocabulary, by a file a person can read.

The mapping is the program: source reading, target writing, reading back and the documentation all come from it. It decides where a
field stands and how its raw value becomes the canonical one; it does not decide what leaves (the instruction does).

    [mapping]
    system = "old"
    version = 1

    [patient]
    table = "PATIENT"
    where = { TYPE = "P" }                            # rows of another kind in the same table are not patients
    fields.id = "NUMPAT"                              # a column of the table
    fields.sex = { column = "SEXE", values = { "1" = "M", "2" = "F" }, absent = ["9"] }
    fields.birth_date = { column = "DATNAI", format = "%Y%m%d", absent = ["00000000"] }
    fields.city = "a.VILLE"                           # a column of a joined table
    [[patient.join]]
    table = "ADRESSE"
    as = "a"
    on = { NUMPAT = "NUMPAT" }                        # joined column = column of the table, or "alias.column"
    role = "owned"                                    # owned: part of the record, a writer fills it; catalogue: looked up; context: only read

    [result]
    scope = { site = "SITE", date = { column = "DATDOS", format = "%Y%m%d" } }   # else reached through the request
    changed = "DATMAJ"                                # when a row last changed, for the cut-over night
    write = { STATUT = { constant = "V" } }           # what a writer must fill besides the fields
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.vocabulary import Vocabulary

__all__ = [
    "BASE",
    "Column",
    "Join",
    "KindMapping",
    "Mapping",
    "Reading",
    "Where",
    "Writing",
    "check_mapping",
    "parse_mapping",
]

BASE: Final = "base"
"""The alias of a kind's own table, in every query made from a mapping."""

LARGEST: Final = 1 << 20
DIRECTIVES: Final = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%f": 6}
"""The date directives a format may use, with their width: a fixed-width text can be re-ordered by position, exactly, in any SQL."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column seen from a kind: `alias` is `BASE` or a join's name."""

    alias: str
    name: str

    def __str__(self) -> str:
        return self.name if self.alias == BASE else f"{self.alias}.{self.name}"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a raw value becomes a field: the first present of `columns` (or `constant`), then trim, absent, values, format, in that order.

    `absent`: raw texts that mean "nothing"; a writer writes the first one. `values`: raw text to canonical text, both ways; a raw
    text not listed is a rejected row. `format`: a fixed-width date text (`DIRECTIVES`).
    """

    columns: tuple[Column, ...] = ()
    constant: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    format: str | None = None
    absent: tuple[str, ...] = ()
    trim: bool = False

    @property
    def column(self) -> Column | None:
        """The one column, where there is exactly one."""
        return self.columns[0] if len(self.columns) == 1 else None


@dataclass(frozen=True, slots=True)
class Where:
    """`column` is one of `among`; or, with `among` empty, is present or not."""

    column: Column
    among: tuple[str, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """A table beside a kind's own, at most one row of it for each: `on` pairs (joined column, column it equals), as text if `text`."""

    alias: str
    table: str
    on: tuple[tuple[str, Column], ...]
    where: tuple[Where, ...] = ()
    role: Literal["owned", "catalogue", "context"] = "context"
    text: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """What a writer puts in a column that no field's reading fills: a field's value (a number, then, `plus` an offset), or a constant."""

    column: Column
    field: str | None = None
    constant: str | None = None
    plus: int = 0


@dataclass(frozen=True, slots=True)
class KindMapping:
    """One record kind in one system."""

    kind: str
    table: str
    fields: dict[str, Reading]
    joins: tuple[Join, ...] = ()
    where: tuple[Where, ...] = ()
    site: Reading | None = None
    date: Reading | None = None
    changed: Column | None = None
    writes: tuple[Writing, ...] = ()

    def alias_table(self, alias: str) -> str:
        """The table that `alias` names. Raises Refusal `mapping/alias-unknown`."""
        if alias == BASE:
            return self.table
        for join in self.joins:
            if join.alias == alias:
                return join.table
        raise Refusal("mapping/alias-unknown", where=self.kind, got=alias)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column this kind reads, once, in a stable order."""
        seen: dict[Column, None] = {}
        readings = [*self.fields.values(), *(reading for reading in (self.site, self.date) if reading)]
        for reading in readings:
            seen.update(dict.fromkeys(reading.columns))
        for join in self.joins:
            for joined, outer in join.on:
                seen.update({Column(join.alias, joined): None, outer: None})
            seen.update(dict.fromkeys(where.column for where in join.where))
        seen.update(dict.fromkeys(where.column for where in self.where))
        if self.changed:
            seen[self.changed] = None
        return tuple(seen)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One system: its kinds in the vocabulary's order, and the digest of the exact bytes they were read from."""

    system: str
    version: int
    digest: str
    kinds: dict[str, KindMapping] = field(default_factory=dict)


# --- reading the file ---------------------------------------------------------------------------------------------------------------

_KIND_KEYS: Final = {"table", "fields", "join", "where", "scope", "changed", "write"}
_READING_KEYS: Final = {"column", "first", "constant", "values", "format", "absent", "trim"}
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def parse_mapping(payload: bytes, *, vocabulary: Vocabulary) -> Mapping:
    """The mapping in these bytes. Raises Refusal `mapping/unreadable`, `mapping/unknown-key`, `vocabulary/unknown-field`..."""
    if len(payload) > LARGEST:
        raise Refusal("mapping/unreadable", where="file", got=f"{len(payload)} bytes")
    try:
        source = tomllib.loads(payload.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal("mapping/unreadable", where="file", got=type(error).__name__) from None
    head = _keys(source.pop("mapping", {}), {"system", "version", "note"}, where="mapping")
    if not isinstance(head.get("system"), str) or not isinstance(head.get("version"), int):
        raise Refusal("mapping/unreadable", where="[mapping]", got="system and version are needed")
    for name in source:
        if name not in vocabulary.kinds:
            raise Refusal("vocabulary/unknown-kind", got=name, known=", ".join(vocabulary.kinds))
    kinds = {name: _kind(name, source[name], vocabulary) for name in vocabulary.kinds if name in source}
    return Mapping(head["system"], head["version"], "sha256:" + hashlib.sha256(payload).hexdigest(), kinds)


def _kind(name: str, source: dict[str, Any], vocabulary: Vocabulary) -> KindMapping:
    _keys(source, _KIND_KEYS, where=name)
    fields = source.get("fields", {})
    for key in fields:
        vocabulary.field(f"{name}.{key}")
    if "table" not in source or "id" not in fields:
        raise Refusal("mapping/unreadable", where=name, got="table and fields.id are needed")
    scope = _keys(source.get("scope", {}), {"site", "date"}, where=f"{name}.scope")
    kind = KindMapping(
        kind=name,
        table=_text(source["table"], where=f"{name}.table"),
        fields={
            key: _reading(fields[key], where=f"{name}.{key}")
            for key in vocabulary.kinds[name].fields
            if key in fields
        },
        joins=tuple(_join(line, where=f"{name}.join") for line in source.get("join", [])),
        where=_wheres(source.get("where", {}), alias=BASE, where=f"{name}.where"),
        site=_reading(scope["site"], where=f"{name}.scope.site") if "site" in scope else None,
        date=_reading(scope["date"], where=f"{name}.scope.date") if "date" in scope else None,
        changed=_column(source["changed"], where=f"{name}.changed") if "changed" in source else None,
        writes=tuple(_writing(key, line, name, vocabulary) for key, line in source.get("write", {}).items()),
    )
    for column in (*kind.columns, *(writing.column for writing in kind.writes)):
        kind.alias_table(column.alias)
    return kind


def _reading(source: object, *, where: str) -> Reading:
    if isinstance(source, str):
        return Reading(columns=(_column(source, where=where),))
    line = _keys(source, _READING_KEYS, where=where)
    if sum(key in line for key in ("column", "first", "constant")) != 1:
        raise Refusal("mapping/unreadable", where=where, got="one of column, first, constant is needed")
    columns = [line["column"]] if "column" in line else line.get("first", [])
    values = line.get("values", {})
    if len(set(values.values())) != len(values):
        raise Refusal("mapping/values-not-one-to-one", where=where)
    if "format" in line:
        layout(line["format"], where=where)
    return Reading(
        columns=tuple(_column(column, where=where) for column in columns),
        constant=_text(line["constant"], where=where) if "constant" in line else None,
        values=tuple(
            (_text(raw, where=where), _text(canonical, where=where)) for raw, canonical in values.items()
        ),
        format=line.get("format"),
        absent=tuple(_text(text, where=where, empty=True) for text in line.get("absent", [])),
        trim=line.get("trim") is True,
    )


def layout(format: str, *, where: str) -> dict[str, tuple[int, int]]:
    """Where each directive of a fixed-width date format stands: {"%Y": (start, width)}. Raises Refusal `mapping/date-format`."""
    places: dict[str, tuple[int, int]] = {}
    position = index = 0
    while index < len(format):
        directive = format[index : index + 2]
        if directive in DIRECTIVES and directive not in places:
            places[directive] = (position, DIRECTIVES[directive])
            position += DIRECTIVES[directive]
            index += 2
        elif format[index] == "%":
            raise Refusal("mapping/date-format", where=where, got=format)
        else:
            position += 1
            index += 1
    if not {"%Y", "%m", "%d"} <= places.keys():
        raise Refusal("mapping/date-format", where=where, got=format)
    return places


def _join(source: object, *, where: str) -> Join:
    line = _keys(source, {"table", "as", "on", "where", "role", "text"}, where=where)
    alias = _text(line.get("as", ""), where=where)
    role = line.get("role", "context")
    if alias == BASE or role not in ("owned", "catalogue", "context") or not line.get("on"):
        raise Refusal(
            "mapping/unreadable", where=f"{where} {alias}", got="as, on and a known role are needed"
        )
    return Join(
        alias=alias,
        table=_text(line.get("table"), where=where),
        on=tuple(
            (_text(joined, where=where), _column(outer, where=where)) for joined, outer in line["on"].items()
        ),
        where=_wheres(line.get("where", {}), alias=alias, where=where),
        role=role,
        text=line.get("text") is True,
    )


def _wheres(source: object, *, alias: str, where: str) -> tuple[Where, ...]:
    if not isinstance(source, dict):
        raise Refusal("mapping/unreadable", where=where, got="a table of column = value is needed")
    return tuple(_where(name, line, alias=alias, where=where) for name, line in source.items())


def _where(name: str, source: object, *, alias: str, where: str) -> Where:
    column = _column(name, where=where)
    column = Column(alias, column.name) if column.alias == BASE else column
    if isinstance(source, dict):
        return Where(column, present=_keys(source, {"present"}, where=where).get("present") is True)
    among = source if isinstance(source, list) else [source]
    if not among:
        raise Refusal("mapping/unreadable", where=where, got="an empty list matches nothing")
    return Where(column, among=tuple(_text(text, where=where, empty=True) for text in among))


def _writing(name: str, source: object, kind: str, vocabulary: Vocabulary) -> Writing:
    where = f"{kind}.write.{name}"
    line = _keys(source, {"field", "constant", "plus"}, where=where)
    plus = line.get("plus", 0)
    if ("field" in line) == ("constant" in line) or not isinstance(plus, int):
        raise Refusal("mapping/unreadable", where=where, got="one of field, constant is needed")
    if "field" in line:
        vocabulary.field(f"{kind}.{line['field']}")
    constant = _text(line["constant"], where=where, empty=True) if "constant" in line else None
    return Writing(_column(name, where=where), field=line.get("field"), constant=constant, plus=plus)


def _column(source: object, *, where: str) -> Column:
    alias, dot, name = _text(source, where=where).partition(".")
    return Column(alias, name) if dot else Column(BASE, alias)


def _text(source: object, *, where: str, empty: bool = False) -> str:
    if isinstance(source, str) and (_NAME.fullmatch(source) or (empty and not source)):
        return source
    raise Refusal("mapping/unreadable", where=where, got="a short text is needed")


def _keys(source: object, known: set[str], *, where: str) -> dict[str, Any]:
    if not isinstance(source, dict):
        raise Refusal("mapping/unreadable", where=where, got="a table is needed")
    for key in source:
        if key not in known:
            raise Refusal("mapping/unknown-key", where=where, got=key, known=", ".join(sorted(known)))
    return source


# --- checks ---------------------------------------------------------------------------------------------------------------------------


def check_mapping(mapping: Mapping, catalogue: Catalogue) -> None:
    """Every table and column the mapping names exists. Raises Refusal `mapping/table-absent` or `mapping/column-absent`."""
    for kind in mapping.kinds.values():
        catalogue.table(kind.table, where=kind.kind)
        for column in (*kind.columns, *(writing.column for writing in kind.writes)):
            catalogue.column(kind.alias_table(column.alias), column.name, where=f"{kind.kind}: {column}")
