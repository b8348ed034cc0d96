"""Canonical records into a target's tables: exact or rejected, each batch with its mark, resumed wherever it was cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import placed
from ecluse.passage.rejects import masked
from ecluse.passage.writing import Writer
from ecluse.proof.unseal import new_identity
from ecluse.terms.catalogue import Catalogue, ForeignKey
from ecluse.terms.vocabulary import vocabulary
from tests.unit.passage.desk import (
    MAPPING,
    TABLES,
    Desk,
    Picky,
    Twins,
    column,
    doctors,
    mapping,
    part,
    patients,
    table,
    writer,
)

# --- writing ------------------------------------------------------------------------------------------------------------------------------


def test_a_record_becomes_the_rows_of_its_tables() -> None:
    """Owned tables, parents first; a dictionary looked up backwards; constants, conditions, offsets, copies and links filled in."""
    written = writer().write(
        patients(
            {
                "id": "7",
                "birth_name": "ANNE",
                "sex": "M",
                "birth_date": date(984, 2, 29),
                "city": "Auray",
                "comment": "61.5",
            }
        )
    )
    assert [it.table for it in written.tables] == ["persons", "people"]
    assert written.tables[0].rows.to_pylist() == [
        {
            "number": "7",
            "name": "ANNE",
            "sex": "H",
            "born": "29/02/0984",
            "weight": 61.5,
            "doctor": None,
            "role": "patient",
        }
    ]
    assert written.tables[1].rows.to_pylist() == [
        {"number": "7", "town": 2, "kind": "P", "state": "A", "line": 107, "copy": "ANNE"}
    ]
    assert [it.key for it in written.tables] == [("number",), ("number",)]
    assert written.rejected.num_rows == 0


def test_an_owned_row_that_would_hold_nothing_is_not_written_unless_it_is_pointed_at() -> None:
    """A record of which an owned table would hold only the link makes no row there, none of its fields being known or named, unless a foreign key needs it."""
    unknown, text = patients({"id": "7"}), MAPPING.replace(b', absent = [""]', b"")
    loose = replace(TABLES.tables["people"], foreign_keys=())
    apart = writer(text, Catalogue("memory", {**TABLES.tables, "people": loose})).write(unknown)
    assert {it.table: it.rows.num_rows for it in apart.tables} == {"persons": 0, "people": 1}
    unnamed = writer(text, Catalogue("memory", {**TABLES.tables, "people": loose})).write(
        unknown.select(["id"])
    )
    assert [it.table for it in unnamed.tables] == ["people"]
    tied = writer(text).write(unknown)
    assert {it.table: it.rows.num_rows for it in tied.tables} == {"persons": 1, "people": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"birth_name": "AUBERT"}, "name: cannot-be-written"), ({"city": "Brest"}, "city: unknown-in-target"), ({"sex": "U"}, "sex: not-in-mapping"),
        ({"comment": "lourd"}, "weight: cannot-be-written"), ({"comment": "1e5"}, "weight: cannot-be-written"), ({"id": "P7"}, "line: cannot-be-written"),
        ({"id": "007"}, "line: cannot-be-written"), ({"comment": "nan"}, "weight: cannot-be-written"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_exactly_is_rejected_whole(row: dict[str, Any], reason: str) -> None:
    """A text too long, a word the dictionary lacks, a value the mapping lacks, a number that is none: the row stays, with its reason."""
    written = writer().write(patients({"id": "1"}, {"id": "2"} | row))
    assert written.records.column("id").to_pylist() == ["1"]
    assert written.rejected.column("_reason").to_pylist() == [reason]
    assert all(it.rows.num_rows == 1 for it in written.tables)


FAMILIES = {
    "date": ["2024-02-29", "2024-02-30", "29/02/2024", "MARKER"], "datetime": ["2024-02-29 10:00:00", "2024-02-29", "2024-02-29 25:00:00", "MARKER"],
    "flag": ["true", "0", "t", "MARKER"], "integer": ["12", "012", "9" * 19, "MARKER"], "decimal": ["12.50", "1e5", "1,5", "MARKER"],
    "float": ["0.1", "1e400", "MARKER"], "bytes": ["octets", None], "time": ["10:00"], "other": ["x"],
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_its_column_cannot_hold_is_rejected_and_never_shown(family: str) -> None:
    """Whatever the column's type, what is not of it rejects the row: no error carries the value."""
    tables = dict(TABLES.tables)
    tables["persons"] = table(
        "persons", *(column(it) for it in ("number", "name", "sex", "born", "role", "doctor", "weight"))
    )
    tables["people"] = table(
        "people",
        column("number"),
        column("copy", family),
        column("state"),
        column("line"),
        column("kind"),
        column("town", "integer"),
    )
    texts = FAMILIES[family]
    written = writer(catalogue=Catalogue("memory", tables)).write(
        patients(*({"id": str(place), "birth_name": it} for place, it in enumerate(texts)))
    )
    good = {"date": 1, "datetime": 2, "flag": 2, "integer": 1, "decimal": 1, "float": 1}
    assert written.records.num_rows == good.get(family, len(texts))
    assert written.rejected.column("_reason").to_pylist() == ["copy: cannot-be-written"] * (
        len(texts) - good.get(family, len(texts))
    )


def test_an_empty_dictionary_is_refused() -> None:
    """A target whose dictionary was not filled is refused by name, rather than every row."""
    made = Writer(
        vocabulary().kinds["patient"], mapping().kinds["patient"], TABLES, lambda _table, _key, _value: {}
    )
    with pytest.raises(Refusal, match="target/dictionary-empty"):
        made.write(patients({"id": "1"}))


def test_a_table_without_its_key_is_told_apart_by_the_records_own() -> None:
    """Where the primary key is not written, the record's id or its link tells rows apart; tables that refer to each other keep the mapping's order."""
    tables = {
        name: table(
            name,
            *it.columns.values(),
            key=("rowid",),
            links=(ForeignKey(("number",), "persons" if name == "people" else "people", ("number",)),),
        )
        for name, it in TABLES.tables.items()
    }
    written = writer(catalogue=Catalogue("memory", tables)).write(patients({"id": "1", "birth_name": "A"}))
    assert [(it.table, it.key) for it in written.tables] == [
        ("people", ("number",)),
        ("persons", ("number",)),
    ]


# --- loading --------------------------------------------------------------------------------------------------------------------------------


numbers = st.lists(st.integers(1, 40).map(str), unique=True, min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(numbers, st.sets(st.integers(1, 40).map(str), max_size=4), st.integers(0, 6))
def test_a_load_cut_anywhere_is_resumed(names: list[str], refused: set[str], writes: int) -> None:
    """Whatever rows the target refuses and wherever it is cut, run again the load ends with every other row once, each refused one sealed once."""
    picky = Picky(*refused, writes=writes)
    desk = Desk(picky)
    batch = patients(*({"id": name} for name in names))
    try:
        first = desk.loader().load(part(1, "patient", batch, cut=len(names) // 2))
    except ConnectionError:
        picky.writes = 10**9
        first = -1
    again = desk.loader().load(part(1, "patient", batch))
    assert first == -1 or again == 0
    assert desk.people == sorted(set(names) - refused)
    assert sum(desk.reasons.values()) == len(set(names) & refused)
    assert sum(mark.records for mark in picky.marks("m")) == len(set(names) - refused)


def side_by_side(desk: Desk) -> list[tuple[int, int]]:
    """Two parts of doctors and six of patients, the last refused row of each rejected: (part, records written)."""
    parts = [part(number, "prescriber", doctors(f"D{number}")) for number in (1, 2)]
    parts += [
        part(n, "patient", patients({"id": f"{n}"}, {"id": f"{n}0", "doctor": f"D{n % 2 + 1}"}))
        for n in range(3, 9)
    ]
    done = desk.loader().put_all((placed(it), it.header) for it in parts)
    return [(header.number, written) for header, written in done]


def test_parts_of_a_kind_are_written_side_by_side() -> None:
    """Where the target can, two parts go at once, and it is the same load: each part once, parents before children, refused rows sealed, in order."""
    twins = Twins("40", "7")
    desk = Desk(twins)
    assert side_by_side(desk) == [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2), (6, 2), (7, 1), (8, 2)]
    assert desk.people == sorted({f"{n}{x}" for n in range(3, 9) for x in ("", "0")} - {"40", "7"})
    assert sum(desk.reasons.values()) == 2
    assert twins.hands == 1
    assert [written for _, written in side_by_side(desk)] == [0] * 8


def test_a_target_that_takes_one_connection_is_loaded_by_one() -> None:
    """An account that may not connect twice loads all the same."""
    desk = Desk(Twins(most=1))
    assert sum(written for _, written in side_by_side(desk)) == 14
    assert len(desk.people) == 12


def test_a_batch_that_gave_way_is_tried_once_more() -> None:
    """What the target refused because of the batch beside is written at the second try; twice is a fault, and so is any other."""
    assert sum(written for _, written in side_by_side(Desk(Twins(busy=1)))) == 14
    for wrong in (Twins(busy=99), Twins(busy=1, fault="target/disk-full")):
        with pytest.raises(Fault, match=wrong.fault):
            side_by_side(Desk(wrong))
        assert wrong.hands == 1


def test_a_parents_rejection_takes_its_children_along() -> None:
    """A patient of a rejected doctor is sealed, not written; the statement is no record."""
    desk = Desk()
    desk.target.tables["doctors"].append({"id": "D1", "name": "TAKEN"})
    loader = desk.loader()
    assert loader.load(part(1, "prescriber", doctors("D1", "D2"))) == 1
    batch = patients(
        {"id": "1", "doctor": "D1"},
        {"id": "2", "doctor": "D2"},
        {"id": "3"},
        {"id": "4", "birth_name": "TOOLONG"},
    )
    assert loader.load(part(2, "patient", batch)) == 2
    assert loader.load(part(3, "", batch, role="statement")) == 0
    assert loader.unload(part(3, "", batch, role="statement")) == 0
    assert desk.people == ["2", "3"]
    assert desk.reasons == {"doctors: unique": 1, "doctor: parent-rejected": 1, "name: cannot-be-written": 1}
    assert desk.loader().unload(part(2, "patient", batch)) == 2
    assert desk.people == []
    assert desk.loader().unload(part(2, "patient", batch)) == 0
    assert [row["name"] for row in desk.target.tables["doctors"]] == ["TAKEN", "AAA"]


def test_what_can_no_longer_be_told_is_not_half_taken_out() -> None:
    """Where the target's dictionary has lost a value since the load, the rollback is refused whole, marks and rows stay; mended, it goes through."""
    desk = Desk()
    batch = patients({"id": "1", "city": "Vannes"}, {"id": "2", "city": "Auray"})
    assert desk.loader().load(part(1, "patient", batch)) == 2
    auray = desk.target.tables["towns"].pop()
    with pytest.raises(Refusal, match="load/rollback-not-told") as said:
        desk.loader().unload(part(1, "patient", batch))
    assert said.value.values == {"where": "patient", "got": 1, "why": "city: unknown-in-target"}
    assert desk.people == ["1", "2"]
    assert [mark.records for mark in desk.target.marks("m")] == [2]
    desk.target.tables["towns"].append(auray)
    assert desk.loader().unload(part(1, "patient", batch)) == 2
    assert desk.people == []


def test_too_many_rejected_rows_stop_the_load() -> None:
    """More than a thousand rejected rows, and more than a tenth of those seen, are a wrong mapping."""
    before = {f"before-{number}" for number in range(1000)}
    wrong = [{"id": str(number), "birth_name": "TOOLONG"} for number in range(2)]
    right = [{"id": str(number)} for number in range(2, 11_020)]
    loader = Desk().loader()
    loader.lost["patient"] = set(before)
    with pytest.raises(Refusal, match="load/too-many-rejected"):
        loader.load(part(1, "patient", patients(*wrong)))
    loader = Desk().loader()
    loader.lost["patient"] = set(before)
    assert loader.load(part(1, "patient", patients(*wrong, *right))) == 11_018


def test_a_cut_over_replaces() -> None:
    """With `replace`, a row that is there takes the new values."""
    desk = Desk()
    desk.loader().load(part(1, "prescriber", doctors("D1")))
    other = desk.loader(replace=True)
    other.migration = "m2"
    other.done = {}
    other.load(part(1, "prescriber", doctors("D1").set_column(1, "family_name", pa.array(["NEW"]))))
    assert desk.target.tables["doctors"] == [{"id": "D1", "name": "NEW"}]


def test_rejected_rows_are_kept_once_and_seen_masked() -> None:
    """The same rows met again are not sealed twice; an engineer sees a shape."""
    desk = Desk()
    rows = patients({"id": "1"}).append_column("_reason", pa.array(["x: y"]))
    for _ in range(2):
        desk.rejects.put("patient", rows, place="0001")
    assert desk.rejects.count == 1
    with pytest.raises(Refusal, match="seal/not-for-you"):
        list(desk.rejects.read([new_identity()[0]]))
    assert masked("Élodie 12/03 @é\x00") == "AAAAAA 99/99 ?A?"
    assert masked("x" * 30) == "A" * 23 + "…"


def test_a_rejected_rows_field_is_seen_by_its_shape() -> None:
    """For a reason that blames a text of the row, up to three different shapes; for a table's own reason, or a date's, none."""
    desk = Desk()
    names = ("ANNE", "JEAN", None, "A-1", "B 22")
    rows = patients(*({"id": str(place), "birth_name": name} for place, name in enumerate(names)))
    why = ["birth_name: bad"] * 4 + ["people: check"]
    desk.rejects.put("patient", rows.append_column("_reason", pa.array(why)), place="0001.0000000.5")
    (kept,) = desk.rejects.read([desk.identity])
    assert kept.shapes == {"birth_name: bad": ("AAAA", "NULL", "A-9")}
    assert (kept.part, kept.reasons) == (1, {"birth_name: bad": 4, "people: check": 1})
