"""The reference engine: a source over plain Python rows, that runs a plan slowly and plainly (architecture, section 5).

Written from the rules in `terms.plan` and from nothing else: no SQL, one row at a time, joins as dictionaries. What it decides is what the fast
engines must decide; the generative test holds them equal for any rows. Tests use it as a source like another. It is no target.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final

import pyarrow as pa

from ecluse.base.refusal import Refusal
from ecluse.passage.canonical import MONTH, NOWHERE, SITE
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.mapping import BASE, Column, Join, KindMapping, Reading, Where
from ecluse.terms.plan import ALL, Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = ["MemorySource", "Row"]

Row = Mapping[str, object]
"""One row of a table: column name to value (text, number, date, datetime, bool, bytes, or None)."""

_BATCH: Final = 10_000
_WIDTHS: Final = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%f": 6}
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]([0-9]{2}).*)?", re.DOTALL)
"""An ISO date, alone or followed by a time: of the time, only that it begins as one. The field's own conversion judges the rest."""
_PEOPLE: Final = ("patient", "prescriber", "request")
"""Parents that a row is about or under, rather than made of: their codes, if any, are not the row's own."""


class MemorySource:
    """`passage.extract.Source` over `tables`, which may change between two snapshots but not under one."""

    def __init__(self, catalogue: Catalogue, tables: Mapping[str, Sequence[Row]]) -> None:
        self._catalogue, self._tables = catalogue, tables

    def catalogue(self) -> Catalogue:
        """The catalogue it was given."""
        return self._catalogue

    def privileges(self) -> frozenset[Privilege]:
        """None: there is no account."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[_Snapshot]:
        """A copy of every row, as they are now."""
        yield _Snapshot(
            self._catalogue, {name: [dict(row) for row in rows] for name, rows in self._tables.items()}
        )


class _Snapshot:
    """`passage.extract.Snapshot` over one copy."""

    def __init__(self, catalogue: Catalogue, tables: Mapping[str, Sequence[Row]]) -> None:
        self._catalogue, self._tables = catalogue, tables
        self._runs: dict[int, tuple[Plan, _Run]] = {}

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """Every code not classified of the rows within period and sites, whether or not their kind leaves."""
        kind, _, name = path.partition(".")
        run, known = self._run(plan), plan.classified.get(path, frozenset())
        seen: Counter[str] = Counter()
        for seat in run.seats(plan.mapping.kinds[kind]):
            code = seat.written(name)
            if code is not None and code not in known and not run.outside(seat):
                seen[code] += 1
        return dict(seen)

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """Every row once, under the first rule that keeps it."""
        run = self._run(plan)
        counted = Counter(
            (run.rule(seat, piece), *run.group(seat, piece)) for seat in run.seats(piece.mapping)
        )
        return iter([Count(*place, rows) for place, rows in sorted(counted.items())])

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """The rows that leave, as raw batches."""
        run = self._run(plan)
        leaving = [seat for seat in run.seats(piece.mapping) if not run.rule(seat, piece)]
        for start in range(0, len(leaving), _BATCH):
            yield _batch(run, piece, leaving[start : start + _BATCH])

    def _run(self, plan: Plan) -> _Run:
        if id(plan) not in self._runs:
            self._runs[id(plan)] = plan, _Run(plan, self._catalogue, self._tables)
        return self._runs[id(plan)][1]


@dataclass(frozen=True, eq=False, slots=True)
class _Seat:
    """One row of a kind, with the rows joined to it, by alias; a join that finds nothing seats nothing."""

    kind: KindMapping
    rows: Mapping[str, Row]

    def at(self, column: Column) -> object:
        """The raw value of a column."""
        return self.rows.get(column.alias, {}).get(column.name)

    def raw(self, reading: Reading) -> object:
        """The first present of the reading's columns, or its constant."""
        present = (value for column in reading.columns if (value := self.at(column)) is not None)
        return next(present, reading.constant)

    def told(self, reading: Reading) -> str | None:
        """The text, trimmed; None where it is absent."""
        text = _text(self.raw(reading))
        if text is None:
            return None
        text = text.rstrip(" ") if reading.trim else text
        return None if text in reading.absent else text

    def read(self, reading: Reading) -> str | None:
        """The canonical text; None where it is absent or not in the reading's values."""
        text = self.told(reading)
        return dict(reading.meanings).get(text) if text is not None and reading.values else text

    def written(self, name: str) -> str | None:
        """The canonical text of a mapped field; what is not in the reading's values, as it stands."""
        text = self.told(self.kind.fields[name])
        return None if text is None else dict(self.kind.fields[name].meanings).get(text, text)

    def value(self, name: str) -> str | None:
        """The canonical text of a mapped field; None where it is not mapped."""
        return self.read(self.kind.fields[name]) if name in self.kind.fields else None


class _Run:
    """One plan on one copy: who refers to whom, and by which rule a row stays."""

    def __init__(self, plan: Plan, catalogue: Catalogue, tables: Mapping[str, Sequence[Row]]) -> None:
        self.plan, self._catalogue, self._tables = plan, catalogue, tables
        self._seats: dict[str, list[_Seat]] = {}
        self._order = list(vocabulary().special)
        self._category = {
            path: {code: category for category, codes in lines for code in codes}
            for path, lines in plan.excluded.items()
        }
        self._kept_back = any(self._category.values())

    # --- rows and their joins

    def seats(self, kind: KindMapping) -> list[_Seat]:
        """The rows of a kind that meet the mapping's `where`, in the table's order."""
        if kind.kind not in self._seats:
            table = self._catalogue.table(kind.table, where=kind.kind)
            finders = [(join, self._finder(join)) for join in kind.joins]
            seated = (self._seat(kind, row, finders) for row in self._tables.get(table.name, []))
            self._seats[kind.kind] = [
                seat for seat in seated if all(_meets(seat.at(it.column), it) for it in kind.where)
            ]
        return self._seats[kind.kind]

    def _finder(self, join: Join) -> dict[tuple[object, ...], list[Row]]:
        """The joined table's rows, by what they are joined on."""
        found: dict[tuple[object, ...], list[Row]] = defaultdict(list)
        for row in self._tables.get(self._catalogue.table(join.table, where=join.alias).name, []):
            if all(_meets(row.get(it.column.name), it) for it in join.where):
                found[tuple(_joined(row.get(name), join) for name, _ in join.on)].append(row)
        return found

    def _seat(
        self,
        kind: KindMapping,
        row: Row,
        finders: Sequence[tuple[Join, Mapping[tuple[object, ...], list[Row]]]],
    ) -> _Seat:
        rows: dict[str, Row] = {BASE: row}
        for join, found in finders:
            key = tuple(_joined(rows.get(outer.alias, {}).get(outer.name), join) for _, outer in join.on)
            there = [] if None in key else found.get(key, [])
            if len(there) > 1:
                raise Refusal("source/join-multiplies", where=kind.kind, expected=1, got=len(there))
            if there:
                rows[join.alias] = there[0]
        return _Seat(kind, rows)

    def _by_id(self, kind: str) -> Mapping[str, list[_Seat]]:
        found: dict[str, list[_Seat]] = defaultdict(list)
        if kind in self.plan.mapping.kinds:
            for seat in self.seats(self.plan.mapping.kinds[kind]):
                if (name := seat.value("id")) is not None:
                    found[name].append(seat)
        return found

    @cached_property
    def _requests(self) -> Mapping[str, list[_Seat]]:
        return self._by_id("request")

    @cached_property
    def _parents(self) -> dict[str, Mapping[str, list[_Seat]]]:
        return {kind: self._by_id(kind) for kind in self.plan.mapping.kinds if kind not in _PEOPLE}

    def request(self, seat: _Seat) -> _Seat | None:
        """The request a row belongs to: itself, or the one it names."""
        if seat.kind.kind == "request":
            return seat
        there = self._requests.get(seat.value("request") or "", [])
        if len(there) > 1:
            raise Refusal("source/join-multiplies", where=seat.kind.kind, expected=1, got=len(there))
        return there[0] if there else None

    # --- site and date

    def _scoped(self, seat: _Seat, name: str) -> tuple[_Seat, Reading] | None:
        """Where the row's `site` or `date` is read: in its own scope where that gives both, else in its request."""
        own = {"site": seat.kind.site, "date": seat.kind.date}
        reading = own[name]
        if (
            reading is not None
            and None not in own.values()
            and not (seat.kind.kind == "request" and _both(seat.kind))
        ):
            return seat, reading
        request = self.request(seat)
        return (request, request.kind.fields[name]) if request is not None and _both(request.kind) else None

    def site(self, seat: _Seat) -> str | None:
        """The canonical site, if it can be told."""
        at = self._scoped(seat, "site")
        return at[0].read(at[1]) if at else None

    def day(self, seat: _Seat) -> date | None:
        """The request's date, if it can be told."""
        at = self._scoped(seat, "date")
        return _day(at[0].read(at[1]), at[1].format) if at else None

    def group(self, seat: _Seat, piece: Slice) -> tuple[str, str]:
        """The raw site and the month, as the census and the batches give them."""
        if piece.populated:
            return NOWHERE, NOWHERE
        at = self._scoped(seat, "site")
        raw = _text(at[0].raw(at[1])) if at else None
        day = self.day(seat)
        return NOWHERE if raw is None else raw, f"{day.year:04d}-{day.month:02d}" if day else NOWHERE

    # --- the rules, in their order

    def rule(self, seat: _Seat, piece: Slice) -> str:
        """The first rule by which the row stays; "" when it leaves."""
        if self.plan.read_back:
            return ""
        if piece.populated:
            return self._populated(seat)
        return (
            self.outside(seat) or self._special(seat, piece) or ("" if self._in_sample(seat) else "rehearsal")
        )

    def outside(self, seat: _Seat) -> str:
        """Rules 1 to 3."""
        site, day = self.site(seat), self.day(seat)
        if site is None or day is None:
            return "scope/unknown"
        if not self.plan.start <= day <= self.plan.end:
            return "period"
        return "" if site in self.plan.sites else "site"

    def _populated(self, seat: _Seat) -> str:
        """Rules 4 and 7, for patients and prescribers."""
        name = seat.value("id")
        if name is None or name not in self._population[seat.kind.kind]:
            return "population"
        return "" if not self.plan.rehearse or name in self._sampled[seat.kind.kind] else "rehearsal"

    def _special(self, seat: _Seat, piece: Slice) -> str:
        """Rules 5 and 6."""
        category = self._first(self._codes_of(seat))
        if category:
            return f"category/{category}"
        withheld = self._of_request(seat) if piece.container else ""
        return f"container/{withheld}" if withheld else ""

    def _codes_of(self, seat: _Seat) -> Iterator[str]:
        """The excluded categories of the row's own code and of those of the rows it belongs to."""
        kind = vocabulary().kinds[seat.kind.kind]
        if kind.classified and (category := self._excluded(seat)):
            yield category
        for field in kind.parents:
            if field.parent in self._parents and (name := seat.value(field.name)) is not None:
                for parent in self._parents[field.parent].get(name, []):
                    yield from self._codes_of(parent)

    def _excluded(self, seat: _Seat) -> str:
        """The category not named that the row's own code carries."""
        classified = vocabulary().kinds[seat.kind.kind].classified
        code = seat.value(classified.name) if classified else None
        if classified is None or code is None:
            return ""
        return self._category.get(classified.path, {}).get(code, "")

    def _first(self, categories: Iterator[str] | set[str]) -> str:
        return min(categories, key=self._order.index, default="")

    @cached_property
    def _held(self) -> dict[str, set[str]]:
        """By request, the categories not named that any of its tests or acts carries."""
        held: dict[str, set[str]] = defaultdict(set)
        for kind in self.plan.tests:
            for seat in self.seats(kind):
                request, category = seat.value("request"), self._excluded(seat)
                if request is not None and category:
                    held[request].add(category)
        return held

    def _of_request(self, seat: _Seat) -> str:
        """The first category not named that the row's whole request holds; `ALL` where that cannot be computed."""
        name = "id" if seat.kind.kind == "request" else "request"
        if self.plan.containers or (self._kept_back and name not in seat.kind.fields):
            return ALL
        return self._first(self._held.get(seat.value(name) or "", set()))

    def withheld(self, seat: _Seat, piece: Slice) -> str | None:
        """The category that keeps the row's free texts back."""
        if self.plan.read_back or not piece.free_texts:
            return None
        request = self.plan.mapping.kinds.get("request")
        if (
            seat.kind.kind != "patient"
            or self.plan.containers
            or request is None
            or "patient" not in request.fields
        ):
            return self._of_request(seat) or None
        name = seat.value("id")
        requests = [it for same in self._requests.values() for it in same if it.value("patient") == name]
        return (
            self._first(
                {category for it in requests for category in self._held.get(it.value("id") or "", set())}
            )
            or None
        )

    # --- population and sample

    @cached_property
    def _within(self) -> list[_Seat]:
        return [seat for same in self._requests.values() for seat in same if not self.outside(seat)]

    @cached_property
    def _population(self) -> dict[str, set[str | None]]:
        patients = {seat.value("patient") for seat in self._within}
        return {"patient": patients, "prescriber": self._prescribers(patients)}

    @cached_property
    def _sampled(self) -> dict[str, set[str | None]]:
        """The first patients within, by their number as text, and their prescribers."""
        patients = sorted(name for name in self._population["patient"] if name is not None)
        chosen: set[str | None] = set(patients[: self.plan.rehearse])
        return {"patient": chosen, "prescriber": self._prescribers(chosen)}

    def _prescribers(self, patients: set[str | None]) -> set[str | None]:
        """Those that the requests of these patients name, and these patients' treating doctors where that field is taken."""
        named = {seat.value("prescriber") for seat in self._within if seat.value("patient") in patients}
        taken = self.plan.slice("patient")
        if taken is not None and "doctor" in taken.fields:
            named |= {
                seat.value("doctor")
                for seat in self.seats(taken.mapping)
                if seat.value("id") in patients - {None}
            }
        return named

    def _in_sample(self, seat: _Seat) -> bool:
        request = self.request(seat)
        return not self.plan.rehearse or (
            request is not None and request.value("patient") in self._sampled["patient"]
        )


def _batch(run: _Run, piece: Slice, seats: Sequence[_Seat]) -> pa.RecordBatch:
    fields = vocabulary().kinds[piece.kind].fields
    kept = [run.withheld(seat, piece) for seat in seats]
    columns: dict[str, pa.Array] = {}
    for name, reading in piece.fields.items():
        raw = [
            None if held and name in piece.free_texts else seat.raw(reading)
            for seat, held in zip(seats, kept, strict=True)
        ]
        of_bytes = fields[name].type == "bytes"
        columns[name] = (
            pa.array([_octets(it) for it in raw], pa.binary())
            if of_bytes
            else pa.array(map(_text, raw), pa.string())
        )
    groups = [run.group(seat, piece) for seat in seats]
    columns[SITE] = pa.array([site for site, _ in groups], pa.string())
    columns[MONTH] = pa.array([month for _, month in groups], pa.string())
    if piece.mapping.changed is not None:
        columns["_changed"] = pa.array([_text(seat.at(piece.mapping.changed)) for seat in seats], pa.string())
    if piece.free_texts:
        columns["_withheld"] = pa.array(kept, pa.string())
    return pa.RecordBatch.from_pydict(columns)


# --- values ---------------------------------------------------------------------------------------------------------------------------


def _text(value: object) -> str | None:
    """A value as exact text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, bytes):
        raise Refusal("source/octets-as-text", where="a text", got="octets")
    return str(value)


def _both(kind: KindMapping) -> bool:
    return {"site", "date"} <= kind.fields.keys()


def _octets(value: object) -> bytes | None:
    text = value if isinstance(value, bytes) else _text(value)
    return text.encode() if isinstance(text, str) else text


def _joined(value: object, join: Join) -> object:
    return _text(value) if join.text else value


def _meets(value: object, where: Where) -> bool:
    return _text(value) in where.among if where.among else (value is not None) is where.present


def _day(text: str | None, layout: str | None) -> date | None:
    """The day in a date text, strictly in its format (ISO where there is none); None when there is no such day."""
    if text is None:
        return None
    if layout is None:
        match = _ISO.fullmatch(text)
        found = (
            {}
            if match is None
            else dict(zip(("%Y", "%m", "%d", "%H"), match.groups(default="0"), strict=True))
        )
    else:
        match = re.fullmatch(_pattern(layout), text)
        found = {} if match is None else {f"%{name}": part for name, part in match.groupdict().items()}
    year, month, day, hour, minute, second = (
        int(found.get(it, "0")) for it in ("%Y", "%m", "%d", "%H", "%M", "%S")
    )
    try:
        return datetime(year, month, day, hour, minute, second).date()  # noqa: DTZ001 - a civil date has no zone
    except ValueError:
        return None


def _pattern(layout: str) -> str:
    pieces = re.split(r"(%[A-Za-z])", layout)
    return "".join(
        f"(?P<{it[1:]}>[0-9]{{{_WIDTHS[it]}}})" if it in _WIDTHS else re.escape(it) for it in pieces
    )
