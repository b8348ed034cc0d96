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
    where = { TYPADR = "D", "base.TYPE" = "P" }       # of the joined table, or with "alias." of another one

    [result]
    scope = { site = "SITE", date = { column = "DATDOS", format = "%Y%m%d" } }   # else reached through the request
    changed = "DATMAJ"                                # when a row last changed, for the cut-over night
    fields.status = { column = "ETAT", values = { "V" = "validated" }, also = { "W" = "validated" } }    # also: read, never written
    write = { STATUT = { constant = "V" } }           # what a writer must fill besides the fields, from a field or a constant:
    # { field = "id", plus = 1000 }  { field = "date", format = "%d/%m/%Y" }  { field = "value", number = "N", text = "A" }
    without = { comment = "the system keeps none" }    # fields that are not taken, and why: for the reader; it changes nothing that is carried
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.vocabulary import Vocabulary

__all__ = [
    "BASE",
    "HEAD",
    "Column",
    "Join",
    "KindMapping",
    "Mapping",
    "Reading",
    "Where",
    "Writing",
    "check_mapping",
    "parse_kind",
    "parse_mapping",
]

BASE: Final = "base"
"""The alias of a kind's own table, in every query made from a mapping."""

HEAD: Final = frozenset({"system", "version", "note"})
"""What `[mapping]` may say."""

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
    text not listed is a rejected row. `also`: raw texts that are read as a canonical text too, which a writer never writes.
    `format`: a fixed-width date text (`DIRECTIVES`).
    """

    columns: tuple[Column, ...] = ()
    constant: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    format: str | None = None
    absent: tuple[str, ...] = ()
    trim: bool = False
    also: tuple[tuple[str, str], ...] = ()

    @property
    def column(self) -> Column | None:
        """The one column, where there is exactly one."""
        return self.columns[0] if len(self.columns) == 1 else None

    @property
    def meanings(self) -> tuple[tuple[str, str], ...]:
        """Every raw text that is read with what it means: `values`, then `also`."""
        return self.values + self.also


@dataclass(frozen=True, slots=True)
class Where:
    """`column` is one of `among`; or, with `among` empty, is present or not."""

    column: Column
    among: tuple[str, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """A table beside a kind's own, at most one row of it for each: `on` pairs (joined column, column it equals), as text if `text`.

    `where`: what its row must meet besides, of its own columns or another alias's.
    """

    alias: str
    table: str
    on: tuple[tuple[str, Column], ...]
    where: tuple[Where, ...] = ()
    role: Literal["owned", "catalogue", "context"] = "context"
    text: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """What a writer puts in a column that no field's reading fills: a field's value, or a constant.

    Of a field: `plus` an offset (a number, then); a date written by `format`; or one of two constants, `number` and `text`, as the
    value is a decimal number or not.
    """

    column: Column
    field: str | None = None
    constant: str | None = None
    plus: int = 0
    format: str | None = None
    number: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class KindMapping:
    """One record kind in one system. `without`: why a field is not taken, for the reader; it changes nothing that is read or written."""

    kind: str
    table: str
    fields: dict[str, Reading]
    joins: tuple[Join, ...] = ()
    where: tuple[Where, ...] = ()
    site: Reading | None = None
    date: Reading | None = None
    changed: Column | None = None
    writes: tuple[Writing, ...] = ()
    without: dict[str, str] = field(default_factory=dict)

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

_CLOCKS: Final = ([False] * 4, [True, True, False, False], [True, True, True, False], [True] * 4)
"""Which of %H %M %S %f a format may hold: none, or those of a whole time."""
_KIND_KEYS: Final = {"table", "fields", "join", "where", "scope", "changed", "write", "without"}
_READING_KEYS: Final = {"column", "first", "constant", "values", "also", "format", "absent", "trim"}
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def parse_mapping(payload: bytes, *, vocabulary: Vocabulary) -> Mapping:
    """The mapping in these bytes. Raises Refusal `mapping/unreadable`, `mapping/unknown-key`, `vocabulary/unknown-field`..."""
    if len(payload) > LARGEST:
        raise Refusal("mapping/unreadable", where="file", got=f"{len(payload)} bytes")
    try:
        source = tomllib.loads(payload.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("mapping/unreadable", where="file", got=type(error).__name__) from None
    head = _keys(source.pop("mapping", {}), HEAD, where="mapping")
    if not isinstance(head.get("system"), str) or type(head.get("version")) is not int:
        raise Refusal("mapping/unreadable", where="[mapping]", got="system and version are needed")
    for name in source:
        if name not in vocabulary.kinds:
            raise Refusal("vocabulary/unknown-kind", got=name, known=", ".join(vocabulary.kinds))
    kinds = {name: parse_kind(name, source[name], vocabulary) for name in vocabulary.kinds if name in source}
    return Mapping(head["system"], head["version"], "sha256:" + hashlib.sha256(payload).hexdigest(), kinds)


def parse_kind(name: str, source: object, vocabulary: Vocabulary) -> KindMapping:
    """One record kind from its parsed table. Raises Refusal `mapping/...`, `vocabulary/unknown-field`."""
    source = _table(source, where=name)
    _keys(source, _KIND_KEYS, where=name)
    fields = source.get("fields", {})
    if not isinstance(fields, dict):
        raise Refusal("mapping/unreadable", where=name, got="fields is a table")
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
        joins=tuple(
            _join(line, where=f"{name}.join") for line in _list(source.get("join", []), where=f"{name}.join")
        ),
        where=_wheres(source.get("where", {}), alias=BASE, where=f"{name}.where"),
        site=_reading(scope["site"], where=f"{name}.scope.site") if "site" in scope else None,
        date=_reading(scope["date"], where=f"{name}.scope.date") if "date" in scope else None,
        changed=_column(source["changed"], where=f"{name}.changed") if "changed" in source else None,
        writes=tuple(
            _writing(key, line, name, vocabulary)
            for key, line in _table(source.get("write", {}), where=f"{name}.write").items()
        ),
        without=_without(name, source.get("without", {}), fields, vocabulary),
    )
    if len({join.alias for join in kind.joins}) != len(kind.joins):
        raise Refusal("mapping/unreadable", where=f"{name}.join", got="two joins of one name")
    for column in (*kind.columns, *(writing.column for writing in kind.writes)):
        kind.alias_table(column.alias)
    return kind


def _without(kind: str, source: object, fields: dict[str, Any], vocabulary: Vocabulary) -> dict[str, str]:
    """Each field that is not taken, with its reason."""
    where = f"{kind}.without"
    told = {key: _text(reason, where=where) for key, reason in _table(source, where=where).items()}
    for key in told:
        vocabulary.field(f"{kind}.{key}")
        if key in fields:
            raise Refusal("mapping/unreadable", where=f"{where}.{key}", got="it is taken too")
    return told


def _reading(source: object, *, where: str) -> Reading:
    if isinstance(source, str):
        return Reading(columns=(_column(source, where=where),))
    line = _keys(source, _READING_KEYS, where=where)
    if sum(key in line for key in ("column", "first", "constant")) != 1:
        raise Refusal("mapping/unreadable", where=where, got="one of column, first, constant is needed")
    columns = [line["column"]] if "column" in line else _list(line.get("first", []), where=where)
    if not columns and "constant" not in line:
        raise Refusal("mapping/unreadable", where=where, got="a column is needed")
    values, also = _pairs(line.get("values", {}), where=where), _pairs(line.get("also", {}), where=where)
    canonicals = {canonical for _, canonical in values}
    if len(canonicals) != len(values) or dict(values).keys() & dict(also).keys():
        raise Refusal("mapping/values-not-one-to-one", where=where)
    if not {canonical for _, canonical in also} <= canonicals:
        raise Refusal("mapping/unreadable", where=where, got="also: a text that no value writes")
    if "format" in line:
        layout(_text(line["format"], where=where), where=where)
    return Reading(
        columns=tuple(_column(column, where=where) for column in columns),
        constant=_text(line["constant"], where=where) if "constant" in line else None,
        values=values,
        format=line.get("format"),
        absent=tuple(
            _text(text, where=where, empty=True) for text in _list(line.get("absent", []), where=where)
        ),
        trim=_flag(line.get("trim", False), where=where),
        also=also,
    )


def _pairs(source: object, *, where: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_text(raw, where=where, empty=True), _text(canonical, where=where))
        for raw, canonical in _table(source, where=where).items()
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
    # A part of the time without the one before it would be taken for another: hours and seconds read as hours and minutes.
    clock = [directive in places for directive in ("%H", "%M", "%S", "%f")]
    if not {"%Y", "%m", "%d"} <= places.keys() or clock not in _CLOCKS:
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
            (_text(joined, where=where), _column(outer, where=where))
            for joined, outer in _table(line["on"], where=where).items()
        ),
        where=_wheres(line.get("where", {}), alias=alias, where=where),
        role=role,
        text=_flag(line.get("text", False), where=where),
    )


def _wheres(source: object, *, alias: str, where: str) -> tuple[Where, ...]:
    return tuple(
        _where(name, line, alias=alias, where=where) for name, line in _table(source, where=where).items()
    )


def _where(name: str, source: object, *, alias: str, where: str) -> Where:
    column = _column(name, where=where) if "." in name else Column(alias, _text(name, where=where))
    if isinstance(source, dict):
        return Where(
            column, present=_flag(_keys(source, {"present"}, where=where).get("present"), where=where)
        )
    among = source if isinstance(source, list) else [source]
    if not among:
        raise Refusal("mapping/unreadable", where=where, got="an empty list matches nothing")
    return Where(column, among=tuple(_text(text, where=where, empty=True) for text in among))


def _writing(name: str, source: object, kind: str, vocabulary: Vocabulary) -> Writing:
    where = f"{kind}.write.{name}"
    line = _keys(source, {"field", "constant", "plus", "format", "number", "text"}, where=where)
    plus = line.get("plus", 0)
    if ("field" in line) == ("constant" in line) or type(plus) is not int:
        raise Refusal("mapping/unreadable", where=where, got="one of field, constant is needed")
    ways = sum(key in line for key in ("plus", "format", "number"))
    if ways > ("field" in line) or ("number" in line) != ("text" in line):
        raise Refusal(
            "mapping/unreadable",
            where=where,
            got="a field, and at most one of plus, format, number with text",
        )
    if "field" in line:
        vocabulary.field(f"{kind}.{line['field']}")
    if "format" in line:
        layout(_text(line["format"], where=where), where=where)
    said = {
        key: _text(line[key], where=where, empty=True)
        for key in ("constant", "number", "text")
        if key in line
    }
    return Writing(
        _column(name, where=where), field=line.get("field"), plus=plus, format=line.get("format"), **said
    )


def _column(source: object, *, where: str) -> Column:
    alias, dot, name = _text(source, where=where).partition(".")
    return Column(alias, name) if dot else Column(BASE, alias)


def _text(source: object, *, where: str, empty: bool = False) -> str:
    if isinstance(source, str) and (_NAME.fullmatch(source) or (empty and not source)):
        return source
    raise Refusal("mapping/unreadable", where=where, got="a short text is needed")


def _table(source: object, *, where: str) -> dict[str, Any]:
    if not isinstance(source, dict):
        raise Refusal("mapping/unreadable", where=where, got="a table is needed")
    return source


def _list(source: object, *, where: str) -> list[Any]:
    """A list: a text in its place would be taken letter by letter."""
    if not isinstance(source, list):
        raise Refusal("mapping/unreadable", where=where, got="a list is needed")
    return source


def _flag(source: object, *, where: str) -> bool:
    if not isinstance(source, bool):
        raise Refusal("mapping/unreadable", where=where, got="true or false is needed")
    return source


def _keys(source: object, known: AbstractSet[str], *, where: str) -> dict[str, Any]:
    table = _table(source, where=where)
    for key in table:
        if key not in known:
            raise Refusal("mapping/unknown-key", where=where, got=key, known=", ".join(sorted(known)))
    return table


# --- checks ---------------------------------------------------------------------------------------------------------------------------


def check_mapping(mapping: Mapping, catalogue: Catalogue) -> None:
    """Every table and column the mapping names exists. Raises Refusal `mapping/table-absent` or `mapping/column-absent`."""
    for kind in mapping.kinds.values():
        catalogue.table(kind.table, where=kind.kind)
        for column in (*kind.columns, *(writing.column for writing in kind.writes)):
            catalogue.column(kind.alias_table(column.alias), column.name, where=f"{kind.kind}: {column}")
