"""Parts of bounded size, sums that subtract, a statement that says counts only, and a reconciliation that finds what changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.passage import rows as cutting
from ecluse.passage.erase import Keys, Place, erase
from ecluse.passage.extract import _changed
from ecluse.passage.reconcile import Outcome, Reconciliation, Side, check_reconciled, reconcile
from ecluse.passage.rows import body_of, pieces_of, read_body
from ecluse.passage.statement import KindStatement, Statement
from ecluse.passage.tally import Analytes, Group, Salts, Sums, Tally, total
from tests.documents import AT
from tests.sites import CHECKSUM, MemoryKeys, MemoryVault, Tripwire

SALTS = Salts(1, 2)
NAMES = ("id", "code", "unit", "value", "version", "visibility", "validated_at")


def results(*rows: dict[str, Any]) -> pa.RecordBatch:
    plain = {
        "code": "NA",
        "unit": "mmol/L",
        "value": "140",
        "version": "1",
        "visibility": "visible",
        "validated_at": "2024-01-01",
        "_site": "A",
        "_month": "2024-01",
    }
    return pa.RecordBatch.from_pydict(
        {
            name: pa.array([(plain | row).get(name) for row in rows], pa.string())
            for name in (*NAMES, "_site", "_month")
        }
    )


# --- parts ----------------------------------------------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were() -> None:
    """A body holds its rows exactly, whatever follows it, and says how many."""
    batch = results({"id": "1"}, {"id": "2", "value": None})
    assert (
        read_body(body_of([batch, batch.slice(1)]) + bytes(100), rows=3, where="x")[0].to_pylist()
        == batch.to_pylist()
    )
    with pytest.raises(Refusal, match="parcel/body-malformed"):
        read_body(body_of([batch]), rows=3, where="x")
    assert read_body(body_of([batch.slice(0, 0)]), rows=0, where="x") == []


@settings(max_examples=80)
@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_body_is_refused_and_never_crashes(place: int, octet: int) -> None:
    """Any octet changed, or any end cut off: the rows are refused, or are still as many texts as were said."""
    body = bytearray(body_of([results({"id": "1"}, {"id": "2"})]))
    body[place % len(body)] = octet
    for octets in (bytes(body), bytes(body[:place])):
        try:
            assert sum(batch.num_rows for batch in read_body(octets, rows=2, where="x")) == 2
        except Refusal as refusal:
            assert refusal.code == "parcel/body-malformed"  # noqa: PT017 - either is right


def test_parts_are_of_bounded_size() -> None:
    """Many small batches are gathered, large ones cut in halves, one huge row stands alone, and nothing makes no part."""
    small = results(*({"id": str(number)} for number in range(1000)))
    most = cutting.ROWS_A_PART // 1000
    parts = list(pieces_of(iter([small] * (most + 1))))
    assert [sum(batch.num_rows for batch in part) for part in parts] == [most * 1000, 1000]
    huge = results({"id": "1", "value": "x" * (cutting.OCTETS_A_PART + 1)}, {"id": "2"}, {"id": "3"})
    parts = list(pieces_of(iter([huge, small.slice(0, 0)])))
    assert [row["id"] for part in parts for batch in part for row in batch.to_pylist()] == ["1", "2", "3"]
    assert [sum(batch.num_rows for batch in part) for part in parts] == [1, 2]
    assert list(pieces_of(iter([]))) == []


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("2026-11-23 10:00:00", True), ("2026-11-23T10:00", True), ("2026-11-23", True), ("2026-11-22 00:00:00", True), ("2026-11-21 23:59:59", False),
        ("2020-01-01", False), (None, True), ("", True), ("20200101", True), ("01/12/2020", True), ("infinity", True),
    ],
)  # fmt: skip
def test_in_doubt_a_row_has_changed(text: str | None, sent: bool) -> None:
    """A day's margin covers a system's own civil time and a bare day; what is absent or no ISO date is sent again."""
    assert _changed(pa.array([text], pa.string()), since=AT).to_pylist() == [sent]


# --- sums -----------------------------------------------------------------------------------------------------------------------------------

sums = st.builds(Sums, st.integers(0, 10**6), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
tallies = st.dictionaries(
    st.builds(Group, st.sampled_from("AB"), st.sampled_from(["2024-01", "-"])), sums, max_size=4
).map(Tally)


@given(tallies, tallies)
def test_what_is_added_can_be_taken_away(left: Tally, right: Tally) -> None:
    """Adding then taking away gives what was there; totals add up; lines are read back equal."""
    both = Tally(dict(left.groups))
    both.add(right.groups)
    assert both.without(right.groups).groups == {
        group: it for group, it in left.groups.items() if it != Sums()
    }
    assert both.total == left.total.plus(right.total)
    assert total(both.groups.values()) == both.total
    assert Tally.from_lines(both.lines()) == both
    assert Tally.from_lines(json.loads(json.dumps(both.lines()))) == both


@given(
    st.lists(
        st.sampled_from([{"id": "1"}, {"id": "2", "value": "<0,1"}, {"id": "3", "_site": "B"}]), max_size=8
    ),
    st.integers(0, 8),
)
def test_sums_do_not_depend_on_how_rows_come(rows: list[dict[str, Any]], cut: int) -> None:
    """In any order and cut into any batches, the same rows give the same sums; another salt gives others."""
    whole, parts = Tally(), Tally()
    whole.add(CHECKSUM.sums(results(*rows), salts=SALTS))
    for piece in (rows[::-1][:cut], rows[::-1][cut:]):
        parts.add(CHECKSUM.sums(results(*piece), salts=SALTS))
    assert whole == parts
    if rows:
        assert CHECKSUM.sums(results(*rows), salts=Salts(3, 2)) != CHECKSUM.sums(results(*rows), salts=SALTS)


def test_results_are_counted_by_code_and_unit() -> None:
    """How many, how many without a value, how many censored; a kind without codes counts nothing."""
    analytes = Analytes()
    for _ in range(2):
        analytes.add(
            results({"value": "<0,1"}, {"value": None}, {"value": " ≥ 5"}, {"code": None, "unit": None})
        )
    assert analytes.lines == {("NA", "mmol/L"): (6, 2, 4), ("", ""): (2, 0, 0)}
    analytes.add(results({}).drop_columns(["unit"]))
    assert len(analytes.lines) == 2


# --- statement and reconciliation ---------------------------------------------------------------------------------------------------------------

ROWS = (
    {"id": "1"},
    {"id": "2", "value": "<0,1"},
    {"id": "3", "value": "<0,5"},
    {"id": "4", "_month": "2024-02"},
    {"id": "5", "unit": "g/L"},
)


def side(*rows: dict[str, Any]) -> Side:
    made = Side()
    made.sums.add(CHECKSUM.sums(results(*rows), salts=SALTS))
    made.analytes.add(results(*rows))
    return made


def stated(*rows: dict[str, Any]) -> Statement:
    held = side(*rows)
    kind = KindStatement(
        ("id",), held.sums, held.analytes, Counter({("period", Group("A", "2019-01")): 3, ("site", Group("B", "-")): 1}), Counter({"id: x": 2}), Counter(HIV=1)
    )  # fmt: skip
    return Statement("2026", CHECKSUM.method, SALTS, "", {"result": kind})


def compared(*rows: dict[str, Any], of: tuple[dict[str, Any], ...] = ROWS, **more: Any) -> Reconciliation:
    given_ = {"before": {}, "rejected": {}, "reasons": {}, "method": CHECKSUM.method} | more
    return reconcile(stated(*of), target={"result": side(*rows)}, **given_)


def test_a_statement_is_read_back_equal() -> None:
    """What was stated is what is decoded; how many rows were seen is what moved, stayed and was rejected."""
    statement = stated(*ROWS)
    assert Statement.decode(statement.encode()) == statement
    kind = statement.kinds["result"]
    assert (kind.moved, kind.seen, kind.by_rule) == (5, 11, {"period": 3, "site": 1})


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kinds":{"x":{}}}',
        b'{"kinds":{},"salts":["x","y"]}',
        b'{"kinds":{},"salts":["1"]}',
    ],
)
def test_a_malformed_statement_is_refused(octets: bytes) -> None:
    """What does not decode is refused."""
    with pytest.raises(Refusal, match=r"parcel/statement-malformed|sign/json-malformed"):
        Statement.decode(octets)


def test_two_equal_sides_are_reconciled() -> None:
    """Nothing is unexplained, every check examined something and passed, and each group is told with what was excluded."""
    found = compared(*reversed(ROWS))
    check_reconciled(found)
    assert [(check.name, check.outcome, check.examined) for check in found.kinds[0].checks] == [
        ("rows", Outcome.PASSED, 5), ("values", Outcome.PASSED, 5), ("analytes", Outcome.PASSED, 5),
    ]  # fmt: skip
    assert found.groups == (
        ("result", "A", "2019-01", 0, 3, 0), ("result", "A", "2024-01", 4, 0, 0), ("result", "A", "2024-02", 1, 0, 0), ("result", "B", "-", 0, 1, 0),
    )  # fmt: skip
    assert json.loads(found.encode())["unexplained"] == 0


def swapped(rows: list[dict[str, Any]]) -> None:
    rows[1]["value"], rows[2]["value"] = rows[2]["value"], rows[1]["value"]


HARMS: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "a unit": lambda rows: rows[0].update(unit="g/L"), "a <": lambda rows: rows[1].update(value="0,1"),
    "a date": lambda rows: rows[0].update(validated_at="2024-01-02"), "a version": lambda rows: rows[0].update(version="2"),
    "a visibility": lambda rows: rows[0].update(visibility="hidden"), "an empty for an absent": lambda rows: rows[0].update(value=""),
    "a month": lambda rows: rows[0].update(_month="2024-02"), "a lost row": lambda rows: rows.pop(0), "a doubled row": lambda rows: rows.append(rows[0]),
    "a lost and a doubled row": lambda rows: rows.__setitem__(0, rows[1]), "a swapped value": swapped,
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_every_change_is_found(harm: str) -> None:
    """A changed value, a lost row, a doubled one, two values swapped: unexplained, a check failed, exit code 4."""
    rows = [dict(row) for row in ROWS]
    HARMS[harm](rows)
    found = compared(*rows)
    assert found.unexplained > 0
    assert found.failed
    with pytest.raises(Refusal, match="reconcile/unexplained") as said:
        check_reconciled(found)
    assert said.value.exit == 4


def test_what_was_there_before_and_what_was_rejected_are_taken_away() -> None:
    """The target's own rows and the rejected ones are subtracted; codes are then not compared, and that check says so."""
    own = {"id": "9", "code": "K"}
    found = compared(*ROWS, own, before={"result": side(own).sums})
    assert (found.unexplained, found.kinds[0].loaded, found.kinds[0].checks[2].outcome) == (
        0,
        5,
        Outcome.SKIPPED,
    )
    found = compared(
        *ROWS[1:], rejected={"result": side(ROWS[0]).sums}, reasons={"result": Counter({"facts: unique": 1})}
    )
    assert (found.unexplained, found.kinds[0].rejected_at_target, found.failed) == (
        0,
        {"facts: unique": 1},
        (),
    )
    changed = compared(*ROWS, own | {"unit": "g/L"}, before={"result": side(own).sums})
    assert changed.unexplained > 0


def test_a_row_of_the_targets_own_that_changed_is_found() -> None:
    """In a month where nothing was carried, a changed row is still one too many."""
    own = {"id": "9", "_month": "1999-01"}
    found = compared(*ROWS, own | {"value": "x"}, before={"result": side(own).sums})
    assert found.unexplained == 1


def test_a_check_that_examined_nothing_is_skipped() -> None:
    """With no row on either side nothing passed; with a row too many at the target, it failed."""
    assert {check.outcome for check in compared(of=()).kinds[0].checks} == {Outcome.SKIPPED}
    assert compared({"id": "1"}, of=()).failed == ("result: rows", "result: analytes")
    assert (
        reconcile(stated(), target={}, before={}, rejected={}, reasons={}, method=CHECKSUM.method).unexplained
        == 0
    )


def test_a_side_that_knows_no_site_is_compared_as_a_whole() -> None:
    """Where one side cannot tell site and month, all rows are one group."""
    blind = [row | {"_site": "-", "_month": "-"} for row in ROWS]
    assert compared(*blind).unexplained == 0
    assert compared(*blind[1:]).unexplained == 1
    assert compared(*ROWS, of=tuple(blind)).unexplained == 0


def test_sums_of_another_method_are_not_compared() -> None:
    """Two versions that hash otherwise refuse to compare."""
    with pytest.raises(Refusal, match="reconcile/another-method"):
        compared(*ROWS, method="other")


# --- erasing ---------------------------------------------------------------------------------------------------------------------------------------


def test_keys_go_before_files_and_twice_is_nothing() -> None:
    """Keys are destroyed first, whatever the order of the places; a second time counts nothing."""
    vault, keys = MemoryVault(), MemoryKeys(Tripwire())
    vault.put("m", "a", [b"x"])
    keys.create("m")
    places = [Place("s", "parcel", vault=vault, folder="m"), Place("s", "key", keys=keys, folder="m")]
    assert [(it.method, it.count) for it in erase(places, at=AT)] == [
        ("key-destroyed", 1),
        ("files-deleted", 1),
    ]
    assert [(it.method, it.count) for it in erase(places, at=AT + timedelta(days=1))] == [
        ("key-destroyed", 0),
        ("files-deleted", 0),
    ]


class Undead(MemoryKeys):
    def destroy(self, name: str) -> None:
        return


class Sticky(MemoryVault):
    def erase(self, folder: str) -> int:
        return 0


def test_what_survives_is_refused() -> None:
    """A key that is still alive or a folder that is still there gives no certificate."""
    keys: Keys = Undead(Tripwire())
    keys.create("m")  # type: ignore[attr-defined]
    vault = Sticky()
    vault.put("m", "a", [b"x"])
    for place in (Place("s", "key", keys=keys, folder="m"), Place("s", "parcel", vault=vault, folder="m")):
        with pytest.raises(Refusal, match="erase/survived"):
            erase([place], at=AT)


class Whispering(MemoryVault):
    """Lists nothing after an erasure, and still gives every file that is asked for by its name."""

    def open(self, folder: str, name: str) -> BinaryIO:
        return BytesIO(b"x")


def test_a_file_that_can_still_be_read_is_refused_though_no_list_shows_it() -> None:
    """The certificate rests on a read that fails, not on the vault's word: a file that still opens has survived."""
    vault = Whispering()
    vault.put("m", "a", [b"x"])
    with pytest.raises(Refusal, match="erase/survived"):
        erase([Place("s", "parcel", vault=vault, folder="m")], at=AT)
    assert vault.names("m") == []
