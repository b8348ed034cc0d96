"""Two engines, one plan: for any rows and any instruction, the reference engine and the SQL one agree, and both do what was signed.

Nothing unnamed leaves and nothing named is lost: what must leave is worked out a third time here, from tables that say what each raw value means.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.passage.extract import Snapshot, Source
from ecluse.terms.plan import Plan, Slice, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.generative.old_systems import (
    CATEGORY,
    DATES,
    END,
    LINKS,
    SITES,
    START,
    Old,
    Tables,
    cases,
    fixed,
    sources,
)

Row = tuple[tuple[str, Any], ...]


def leaving(snapshot: Snapshot, plan: Plan, piece: Slice) -> Counter[Row]:
    """Every row that leaves, as a multiset of (column, raw value)."""
    return Counter(
        tuple(sorted(row.items())) for batch in snapshot.rows(plan, piece) for row in batch.to_pylist()
    )


def answers(source: Source, plan: Plan) -> Iterator[tuple[str, Any]]:
    """All that an engine says of a plan."""
    with source.snapshot() as snapshot:
        for path in plan.classified:
            yield path, snapshot.unclassified(plan, path)
            yield f"{path} all", snapshot.unclassified(replace(plan, classified={}), path)
        for piece in plan.slices:
            yield (
                f"{piece.kind} census",
                Counter({tuple(count[:3]): count.rows for count in snapshot.census(plan, piece)}),
            )
            yield f"{piece.kind} rows", leaving(snapshot, plan, piece)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(cases())
def test_both_engines_read_everything_back(case: tuple[Old, Tables, Plan]) -> None:
    """Reading a target back, no rule applies: both engines give every row of every kind."""
    _, tables, asked = case
    plan = read_back(
        records={piece.kind: tuple(piece.fields) for piece in asked.slices},
        instruction="",
        mapping=asked.mapping,
        vocabulary=vocabulary(),
    )
    with tempfile.TemporaryDirectory() as folder:
        slow, fast = sources(folder, tables)
        told = dict(answers(slow, plan))
        assert told == dict(answers(fast, plan))
    for piece in plan.slices:
        assert told[f"{piece.kind} rows"].total() == len(Meant(*case).rows(piece.kind))


class Meant:
    """What the signed plan means for these rows, read off tables of meanings: no date is parsed here and no rule looked up."""

    def __init__(self, system: Old, tables: Tables, plan: Plan) -> None:
        self.system, self.tables, self.plan = system, tables, plan
        self.refused = {category for codes in plan.excluded.values() for category, _ in codes}
        self.requests = {row["NUM"]: row for row in tables["REQ"]}

    def rows(self, kind: str) -> list[dict[str, Any]]:
        table = {
            "prescriber": "PRESC",
            "patient": "PAT",
            "request": "REQ",
            "result": "RES",
            "isolate": "ISO",
            "document": "PDF",
            "invoice": "ACTE",
        }[kind]
        return [row for row in self.tables[table] if kind != "patient" or row["KIND"] in ("P", "Q")]

    def within(self, row: dict[str, Any] | None) -> bool:
        """The row's own site and day are named."""
        if row is None:
            return False
        site, day = SITES[self.system.site][row["SITE"]], DATES[self.system.format][row["DAT"]]
        return site is not None and site in self.plan.sites and day is not None and START <= day <= END

    def reveals(self, row: dict[str, Any]) -> str | None:
        act = "COD" in row
        code = self.system.codes(act=act)[row["COD" if act else "ANA"]]
        category = CATEGORY.get(code or "")
        return category if category in self.refused else None

    def held(self, request: str | None) -> set[str]:
        tests = [*self.tables["RES"], *self.tables["ACTE"]]
        return {
            category
            for row in tests
            if request is not None and row["REQ"] == request and (category := self.reveals(row))
        }

    def leaves(self, kind: str, row: dict[str, Any]) -> bool:
        request = row if kind == "request" else self.requests.get(row.get("REQ"))
        if kind in ("patient", "prescriber"):
            return row["NUM"] in (self.patients if kind == "patient" else self.prescribers)
        if not self.within(row if kind == "result" and self.system.own else request):
            return False
        if kind in ("result", "invoice"):
            return not self.reveals(row)
        if kind == "isolate":
            return not any(
                self.reveals(result) for result in self.tables["RES"] if result["NUM"] == row["RES"]
            )
        piece = self.plan.slice(kind)
        return piece is None or "content" not in piece.fields or not self.held(row["REQ"])

    @property
    def patients(self) -> set[Any]:
        return {self.whose(row) for row in self.requests.values() if self.within(row)} - {None}

    def whose(self, request: dict[str, Any]) -> str | None:
        """Whose request it is."""
        return LINKS[self.system.link][request["PAT"]]

    @property
    def prescribers(self) -> set[Any]:
        named = {row["PRESC"] for row in self.requests.values() if self.within(row)}
        taken = self.plan.slice("patient")
        treated = (
            [row for row in self.rows("patient") if row["NUM"] in self.patients]
            if taken and "doctor" in taken.fields
            else []
        )
        return named | {row["DOC"] for row in treated}

    def cells(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        """Every field that could be named, with what must leave of it."""
        if kind == "prescriber":
            return {"id": row["NUM"], "family_name": row["NOM"]}
        if kind == "patient":
            city = next(
                (it["VILLE"] for it in self.tables["ADR"] if it["PAT"] == row["NUM"] and it["RANG"] == "1"),
                None,
            )
            mine = {name for name, request in self.requests.items() if self.whose(request) == row["NUM"]}
            comment = None if any(map(self.held, mine)) else row["COM"]
            return {
                "id": row["NUM"],
                "birth_name": row["NOM"],
                "city": city,
                "doctor": row["DOC"],
                "comment": comment,
            }
        if kind == "request":
            info = None if self.held(row["NUM"]) else row["INFO"]
            cells = {
                "patient": row["PAT"],
                "prescriber": row["PRESC"],
                "site": row["SITE"],
                "date": row["DAT"],
                "clinical_info": info,
            }
        elif kind == "result":
            comment = None if self.held(row["REQ"]) else row["COM"]
            cells = {
                "code": row["ANA"],
                "value": row["COM"] if row["VAL"] is None else row["VAL"],
                "comment": comment,
            }
        elif kind == "isolate":
            cells = {"result": row["RES"], "organism": row["GERME"]}
        elif kind == "document":
            cells = {"content": row["CONTENU"]}
        else:
            cells = {"act": row["COD"], "quantity": None if row["QTE"] is None else str(row["QTE"])}
        return {"id": row["NUM"], "request": row.get("REQ"), **cells}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(cases())
def test_nothing_unnamed_leaves_and_nothing_named_is_lost(case: tuple[Old, Tables, Plan]) -> None:
    """Both engines say the same; what leaves is exactly the named cells of the rows within the instruction; every row is counted once."""
    system, tables, plan = case
    with tempfile.TemporaryDirectory() as folder:
        slow, fast = (dict(answers(source, plan)) for source in sources(folder, tables))
    assert slow == fast
    meant = Meant(system, tables, plan)
    for piece in plan.slices:
        census, gone = fast[f"{piece.kind} census"], fast[f"{piece.kind} rows"]
        leaves = sum(rows for (rule, _, _), rows in census.items() if not rule)
        sampled = sum(rows for (rule, _, _), rows in census.items() if rule == "rehearsal")
        expected = Counter(
            tuple(
                sorted(
                    (name, value)
                    for name, value in meant.cells(piece.kind, row).items()
                    if name in piece.fields
                )
            )
            for row in meant.rows(piece.kind)
            if meant.leaves(piece.kind, row)
        )
        named: Counter[Row] = Counter()
        for row, rows in gone.items():
            named[tuple(cell for cell in row if not cell[0].startswith("_"))] += rows
        assert not named - expected
        assert (leaves, leaves + sampled, census.total()) == (
            gone.total(),
            expected.total(),
            len(meant.rows(piece.kind)),
        )


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(cases(), st.sampled_from([1, 2]))
def test_a_rehearsal_takes_whole_patients_and_no_more(case: tuple[Old, Tables, Plan], most: int) -> None:
    """A rehearsal's rows are among those of the whole run, and those of its requests belong to as many patients at most as were asked."""
    _, tables, plan = case
    with tempfile.TemporaryDirectory() as folder:
        slow, _ = sources(folder, tables)
        for piece in plan.slices:
            with slow.snapshot() as snapshot:
                few, whole = (leaving(snapshot, replace(plan, rehearse=it), piece) for it in (most, 0))
            assert not few - whole
            if piece.kind == "patient":
                assert len({dict(row)["id"] for row in few}) <= most
            if piece.kind == "request" and "patient" in piece.fields:
                assert len({dict(row)["patient"] for row in few}) <= most


@pytest.mark.parametrize("number", [0, 1])
def test_a_request_number_that_stands_twice_is_refused(number: int, tmp_path: Path) -> None:
    """Whose result it is cannot be told: both engines refuse rather than give it twice."""
    request = {"NUM": "D1", "PAT": "P1", "PRESC": None, "SITE": "NORD", "DAT": "2024-01-10", "INFO": None}
    tables: Tables = {"REQ": [request, request], "RES": [{"NUM": "R1", "REQ": "D1", "ANA": "NA"}]}
    plan = fixed("result")
    with (
        sources(str(tmp_path), tables)[number].snapshot() as snapshot,
        pytest.raises(Refusal, match="source/join-multiplies"),
    ):
        list(snapshot.census(plan, plan.slices[0]))


def test_a_join_that_finds_two_rows_shows(tmp_path: Path) -> None:
    """A join that would make two patients of one is refused by the reference engine; the SQL one gives more rows than it counted, which step 5 refuses."""
    address = {"PAT": "P1", "VILLE": "Auray", "RANG": "1"}
    tables = {"PAT": [{"NUM": "P1", "KIND": "P"}], "ADR": [address, address]}
    asked = fixed("patient")
    plan = read_back(
        records={"patient": ("id", "city")}, instruction="", mapping=asked.mapping, vocabulary=vocabulary()
    )
    slow, fast = sources(str(tmp_path), tables)
    with slow.snapshot() as snapshot, pytest.raises(Refusal, match="source/join-multiplies"):
        list(snapshot.census(plan, plan.slices[0]))
    with fast.snapshot() as snapshot:
        counted = sum(count.rows for count in snapshot.census(plan, plan.slices[0]))
        assert (counted, leaving(snapshot, plan, plan.slices[0]).total()) == (1, 2)


def test_a_snapshot_does_not_see_what_changes_after_it(tmp_path: Path) -> None:
    """Rows that change under the reference engine's snapshot are not seen by it, and are by the next."""
    tables = {"PAT": [{"NUM": "P1", "KIND": "P"}]}
    source, _ = sources(str(tmp_path), tables)
    plan = read_back(
        records={"patient": ("id",)},
        instruction="",
        mapping=fixed("patient").mapping,
        vocabulary=vocabulary(),
    )
    with source.snapshot() as snapshot:
        tables["PAT"][0]["NUM"] = "P2"
        tables["PAT"].append({"NUM": "P3", "KIND": "P"})
        assert [row["id"] for batch in snapshot.rows(plan, plan.slices[0]) for row in batch.to_pylist()] == [
            "P1"
        ]
    with source.snapshot() as snapshot:
        assert [row["id"] for batch in snapshot.rows(plan, plan.slices[0]) for row in batch.to_pylist()] == [
            "P2",
            "P3",
        ]
