"""Every mistake of a mapping with the line it stands on, not only the first: what a person who edits the file wants to see.

Decides nothing that `mapping` does not: each part of the file is read alone by the same verbs, and what they refuse is collected. With a catalogue,
tables and columns that the system does not have are mistakes too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.mapping import BASE, HEAD, KindMapping, parse_kind, parse_mapping
from ecluse.terms.placed import Path, Placed, placed
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Mistake", "mistakes"]

_MANY: Final = ("fields", "write", "without", "scope")
"""Tables of which each key is read alone."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: its line, where in words (`patient.sex`), and what is wrong, as a refusal would say it."""

    line: int
    where: str
    refusal: Refusal


def mistakes(
    payload: bytes, *, vocabulary: Vocabulary, catalogue: Catalogue | None = None
) -> tuple[Mistake, ...]:
    """What is wrong with a mapping, by line; nothing if `parse_mapping` reads it and every name in it exists in `catalogue`, where one is given."""
    text = payload.decode("utf-8", "replace")
    try:
        source = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return (_unreadable(text, error),)
    where = placed(text)
    found = list(_of_file(source, where, vocabulary))
    for name, content in source.items():
        if name in vocabulary.kinds:
            found += _of_kind(name, content, where, vocabulary, catalogue)
    if not found:
        found += _of_whole(payload, vocabulary)
    return tuple(sorted(found, key=lambda one: (one.line, one.where)))


def _unreadable(text: str, error: Exception) -> Mistake:
    """TOML itself is broken: one mistake, where the reader stopped. Its message may quote the file, so only the place is kept."""
    place = re.search(r"at line (\d+), column (\d+)", str(error))
    line = int(place[1]) if place else max(len(text.splitlines()), 1)
    got = f"TOML: line {line}" + (f", column {place[2]}" if place else "")
    return Mistake(line, "file", Refusal("mapping/unreadable", where="file", got=got))


def _of_file(source: dict[str, Any], where: Placed, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """The head, and kinds that the vocabulary does not have."""
    head = source.get("mapping", {})
    if (
        not isinstance(head, dict)
        or not isinstance(head.get("system"), str)
        or type(head.get("version")) is not int
    ):
        refusal = Refusal("mapping/unreadable", where="[mapping]", got="system and version are needed")
        yield Mistake(where.line(("mapping",)), "mapping", refusal)
    for key in head if isinstance(head, dict) else ():
        if key not in HEAD:
            refusal = Refusal(
                "mapping/unknown-key", where="mapping", got=key[:60], known=", ".join(sorted(HEAD))
            )
            yield Mistake(where.line(("mapping", key)), f"mapping.{key[:60]}", refusal)
    for name in source:
        if name != "mapping" and name not in vocabulary.kinds:
            refusal = Refusal("vocabulary/unknown-kind", got=name[:60], known=", ".join(vocabulary.kinds))
            yield Mistake(where.line((name,)), name[:60], refusal)


def _of_whole(payload: bytes, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """What only the whole file shows: its size, its encoding."""
    try:
        parse_mapping(payload, vocabulary=vocabulary)
    except Refusal as refusal:
        yield Mistake(1, "file", refusal)


def _of_kind(
    name: str, content: object, where: Placed, vocabulary: Vocabulary, catalogue: Catalogue | None
) -> Iterator[Mistake]:
    """Every part of a kind that is refused alone, else what is refused of the kind as a whole; then what the system does not have."""
    try:
        kind: KindMapping | None = parse_kind(name, content, vocabulary)
    except Refusal as refusal:
        guilty = dict(_of_parts(name, content, where, vocabulary)) if isinstance(content, dict) else {}
        yield from guilty.values() or [Mistake(where.line((name,)), name, refusal)]
        kind = _sound(name, content, guilty, where, vocabulary) if isinstance(content, dict) else None
    if catalogue is not None and kind is not None:
        assert isinstance(content, dict)
        places = {
            join["as"]: place
            for place, join in enumerate(content.get("join", []))
            if isinstance(join, dict) and "as" in join
        }
        yield from _absent(kind, places, where, catalogue)


def _sound(
    name: str, content: dict[str, Any], guilty: Mapping[Path, Mistake], where: Placed, vocabulary: Vocabulary
) -> KindMapping | None:
    """The kind without its guilty parts, nor what falls with them; None if nothing is left that can be read."""
    while guilty:
        content = _without(content, guilty)
        try:
            return parse_kind(name, content, vocabulary)
        except Refusal:
            guilty = dict(_of_parts(name, content, where, vocabulary))
    return None


def _without(content: dict[str, Any], guilty: Mapping[Path, Mistake]) -> dict[str, Any]:
    """The same without these parts."""
    kept: dict[str, Any] = {}
    for key, value in content.items():
        if (key,) in guilty:
            continue
        if key in _MANY and isinstance(value, dict):
            kept[key] = {one: line for one, line in value.items() if (key, one) not in guilty}
        elif key == "join" and isinstance(value, list):
            kept[key] = [join for place, join in enumerate(value) if (key, place) not in guilty]
        else:
            kept[key] = value
    return kept


def _of_parts(
    name: str, content: dict[str, Any], where: Placed, vocabulary: Vocabulary
) -> Iterator[tuple[Path, Mistake]]:
    """Each part that is refused alone, with its path."""
    joins = content.get("join", [])
    stubs = [
        {"table": "x", "as": join["as"], "on": {"x": "x"}}
        for join in (joins if isinstance(joins, list) else [])
        if isinstance(join, dict) and isinstance(join.get("as"), str) and join["as"] not in ("", BASE)
    ]
    unique = list({stub["as"]: stub for stub in stubs}.values())
    for path, part in _parts(content):
        alone: dict[str, Any] = {"table": "x", "fields": {"id": "x"}, "join": unique}
        if path[0] == "join" and isinstance(part, list):
            [own] = part
            beside = [stub for stub in unique if not (isinstance(own, dict) and stub["as"] == own.get("as"))]
            alone["join"] = [*beside, own]
        elif path[0] == "fields" and isinstance(part, dict):
            alone["fields"] = alone["fields"] | part
        else:
            alone[str(path[0])] = part
        try:
            parse_kind(name, alone, vocabulary)
        except Refusal as refusal:
            yield path, Mistake(where.line((name, *path)), _said(name, path), refusal)


def _parts(content: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Each part that can be read alone, with its path in the kind."""
    for key, value in content.items():
        if key in _MANY and isinstance(value, dict):
            for one, line in value.items():
                yield (key, one), {one: line}
        elif key == "join" and isinstance(value, list):
            for number, join in enumerate(value):
                yield (key, number), [join]
        else:
            yield (key,), value


def _said(name: str, path: Path) -> str:
    """A path in words: `patient.sex`, `patient.join 2`."""
    if path[0] == "fields" and len(path) > 1:
        return f"{name}.{path[1]}"
    if path[0] == "join" and len(path) > 1:
        return f"{name}.join {int(path[1]) + 1}"
    return ".".join(map(str, (name, *path)))


def _absent(
    kind: KindMapping, places: Mapping[str, int], where: Placed, catalogue: Catalogue
) -> Iterator[Mistake]:
    """Tables and columns that the system does not have; of an absent table, no column is looked for."""
    gone: set[str] = set()
    tables: list[tuple[str, str, Path]] = [(BASE, kind.table, ("table",))]
    tables += [(join.alias, join.table, ("join", places[join.alias])) for join in kind.joins]
    for alias, table, path in tables:
        try:
            catalogue.table(table, where=kind.kind)
        except Refusal as refusal:
            gone.add(alias)
            yield Mistake(where.line((kind.kind, *path)), _said(kind.kind, path), refusal)
    for path, columns in _named(kind, places):
        for column in columns:
            if column.alias in gone:
                continue
            try:
                catalogue.column(kind.alias_table(column.alias), column.name, where=f"{kind.kind}: {column}")
            except Refusal as refusal:
                yield Mistake(where.line((kind.kind, *path)), _said(kind.kind, path), refusal)


def _named(kind: KindMapping, places: Mapping[str, int]) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Every column that each part names."""
    for name, reading in kind.fields.items():
        yield ("fields", name), reading.columns
    for name, scope in (("site", kind.site), ("date", kind.date)):
        if scope is not None:
            yield ("scope", name), scope.columns
    for join in kind.joins:
        yield ("join", places[join.alias]), KindMapping(kind.kind, kind.table, {}, joins=(join,)).columns
    for condition in kind.where:
        yield ("where",), (condition.column,)
    if kind.changed is not None:
        yield ("changed",), (kind.changed,)
    for writing in kind.writes:
        yield ("write", str(writing.column)), (writing.column,)
