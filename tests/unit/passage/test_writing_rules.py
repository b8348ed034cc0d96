"""What a writer makes of the mapping's own rules: offsets, dates of another format, numbers told from texts, dictionaries looked up once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from ecluse.passage.canonical import canonical
from ecluse.passage.writing import Writer, Written
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, TypeFamily
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary

HEAD = '[mapping]\nsystem = "s"\nversion = 1\n'
FAMILIES: dict[str, TypeFamily] = {"LOW": "float", "HIGH": "float", "NUMBER": "integer", "TEST": "decimal"}


def written(
    kind: str, lines: str, columns: dict[str, Any], *, lookups: list[tuple[str, str, str]] | None = None
) -> Written:
    """A batch through the mapping of one kind, whose tables have every column as text unless FAMILIES says."""
    mapping = parse_mapping((HEAD + lines).encode(), vocabulary=vocabulary()).kinds[kind]
    named = (*mapping.columns, *(writing.column for writing in mapping.writes))
    tables = {
        name: CatalogueTable(
            name,
            {column.name: CatalogueColumn(column.name, FAMILIES.get(column.name, "text"), "") for column in named if mapping.alias_table(column.alias) == name},
        )
        for name in {mapping.alias_table(column.alias) for column in named}
    }  # fmt: skip

    def lookup(table: str, key: str, value: str) -> dict[str, str]:
        if lookups is not None:
            lookups.append((table, key, value))
        return {"Sodium": "11", "Potassium": "12"}

    writer = Writer(vocabulary().kinds[kind], mapping, Catalogue("memory", tables), lookup)
    return writer.write(pa.RecordBatch.from_pydict(columns))


def test_a_date_is_written_a_second_time_in_another_format() -> None:
    """The same date stands as a date where it is a field, and as a text of its format where a rule asks for it."""
    lines = '[patient]\ntable = "P"\nfields.id = "ID"\nfields.birth_date = "BORN"\nwrite = { SAID = { field = "birth_date", format = "%d/%m/%Y" } }'
    batch = {"id": ["1", "2"], "birth_date": pa.array([date(1984, 2, 29), None])}
    assert written("patient", lines, batch).tables[0].rows.column("SAID").to_pylist() == ["29/02/1984", None]


def test_a_number_is_told_from_a_text() -> None:
    """A rule writes one constant beside decimal numbers, another beside all else, and nothing beside nothing."""
    lines = '[result]\ntable = "R"\nfields.id = "ID"\nfields.value = "VAL"\nwrite = { TYPE = { field = "value", number = "N", text = "A" } }'
    values = ["5.10", "-3", "<0.1", "", "1e5", None]
    rows = written("result", lines, {"id": list("abcdef"), "value": pa.array(values)}).tables[0].rows
    assert rows.column("TYPE").to_pylist() == ["N", "N", "A", "A", "A", None]


def test_an_offset_needs_a_number() -> None:
    """A row whose id is no number has no offset: it is rejected with the column's name, the others are written."""
    lines = '[patient]\ntable = "P"\nfields.id = "ID"\nwrite = { NUMBER = { field = "id", plus = 100 } }'
    result = written("patient", lines, {"id": ["7", "A7"]})
    assert result.tables[0].rows.column("NUMBER").to_pylist() == [107]
    assert result.rejected.column("_reason").to_pylist() == ["NUMBER: cannot-be-written"]


def test_the_first_field_that_tells_a_link_is_enough() -> None:
    """Where two fields are read of one dictionary row, the first tells which row it is, and only it is looked up."""
    lines = """[result]
table = "R"
fields.id = "ID"
fields.code = "t.CODE"
fields.label = "t.LABEL"
[[result.join]]
table = "TESTS"
as = "t"
on = { ID = "TEST" }
role = "catalogue"
"""
    asked: list[tuple[str, str, str]] = []
    result = written(
        "result", lines, {"id": ["1", "2"], "code": ["Sodium", "Lithium"], "label": ["x", "y"]}, lookups=asked
    )
    assert asked == [("TESTS", "CODE", "ID")]
    assert result.tables[0].rows.column("TEST").to_pylist() == ["11"]
    assert result.rejected.column("_reason").to_pylist() == ["code: unknown-in-target"]


@pytest.mark.parametrize(
    ("text", "said"), [("5.1", 5.1), ("10", 10.0), ("-0.25", -0.25), (None, float("-inf"))]
)
def test_a_double_takes_what_it_gives_back(text: str | None, said: float) -> None:
    """A number whose shortest digits are the text itself is written as a double; nothing as the infinity that the mapping reads as nothing."""
    lines = '[result]\ntable = "R"\nfields.id = "ID"\nfields.range_low = { column = "LOW", absent = ["-Infinity"] }'
    batch = {"id": ["1"], "range_low": pa.array([text], pa.string())}
    assert written("result", lines, batch).tables[0].rows.column("LOW").to_pylist() == [said]


@pytest.mark.parametrize("text", ["5.10", "3,5", "010", "<5", "", "-Infinity"])
def test_a_double_refuses_what_it_would_change(text: str) -> None:
    """A text that a double would give back otherwise is rejected: a last zero, a comma, a comparator, or the mapping's word for nothing."""
    lines = '[result]\ntable = "R"\nfields.id = "ID"\nfields.range_low = { column = "LOW", absent = ["-Infinity"] }'
    assert written("result", lines, {"id": ["1"], "range_low": [text]}).records.num_rows == 0


def test_a_text_that_is_only_read_is_read() -> None:
    """A raw text of `also` becomes its canonical text; one of neither list is a rejected row."""
    lines = '[result]\ntable = "R"\nfields.id = "ID"\nfields.status = { column = "S", values = { "6" = "validated" }, also = { "7" = "validated" } }'
    mapping = parse_mapping((HEAD + lines).encode(), vocabulary=vocabulary())
    plan = read_back(
        records={"result": ("id", "status")}, instruction="", mapping=mapping, vocabulary=vocabulary()
    )
    raw = pa.RecordBatch.from_pydict(
        {"id": ["1", "2", "3"], "status": ["6", "7", "8"], "_site": ["-"] * 3, "_month": ["-"] * 3}
    )
    converted = canonical(raw, plan.slices[0], vocabulary=vocabulary(), lost={})
    assert converted.moved.column("status").to_pylist() == ["validated", "validated"]
    assert converted.rejected.column("_reason").to_pylist() == ["status: value-not-in-mapping"]


def test_only_foreign_keys_that_are_filled_order_the_tables() -> None:
    """Two tables that refer to each other are written in the order of the reference that the mapping fills."""
    lines = '[result]\ntable = "R"\nfields.id = "ID"\nfields.status = "a.S"\nwrite = { A = { field = "id" } }\n[[result.join]]\ntable = "ANA"\nas = "a"\non = { ID = "A" }\nrole = "owned"\n'
    mapping = parse_mapping((HEAD + lines).encode(), vocabulary=vocabulary()).kinds["result"]
    text = {name: CatalogueColumn(name, "text", "") for name in ("ID", "A", "S", "CAUSE")}
    tables = {
        "R": CatalogueTable("R", text, ("ID",), (ForeignKey(("A",), "ANA", ("ID",)),)),
        "ANA": CatalogueTable("ANA", text, ("ID",), (ForeignKey(("CAUSE",), "R", ("ID",)),)),
    }
    writer = Writer(vocabulary().kinds["result"], mapping, Catalogue("memory", tables), lambda *_: {})
    assert [name for _, name in writer.aliases] == ["ANA", "R"]


LINKED = """[result]
table = "R"
fields.id = "ID"
fields.status = "a.S"
fields.request = "a.NUM"
fields.label = "t.LABEL"
where = { KIND = "R", STATE = ["V", "O"] }
[[result.join]]
table = "ANA"
as = "a"
on = { NUM = "A" }
role = "owned"
[[result.join]]
table = "TESTS"
as = "t"
on = { ID = "TEST" }
"""


def test_what_links_two_rows_is_written_on_both() -> None:
    """A field that stands in the owned row, and by which the record's row finds it, fills the column of both."""
    tables = written("result", LINKED, {"id": ["1"], "status": ["V"], "request": ["D1"]}).tables
    assert {it.table: it.rows.to_pylist() for it in tables} == {
        "R": [{"ID": "1", "A": "D1", "KIND": "R"}],
        "ANA": [{"NUM": "D1", "S": "V"}],
    }


def test_a_condition_that_leaves_a_choice_is_not_written() -> None:
    """A column that may hold several values is left to the target; one that can hold but one gets it."""
    (table, _) = written("result", LINKED, {"id": ["1"], "status": ["V"], "request": ["D1"]}).tables
    assert "STATE" not in table.rows.schema.names
    assert table.rows.column("KIND").to_pylist() == ["R"]


def test_a_row_of_which_nothing_is_carried_is_not_written() -> None:
    """Where the instruction names no field of an owned row, the table is left alone; so is one that the mapping only reads."""
    result = written("result", LINKED, {"id": ["1"], "label": ["Sodium"]})
    assert [(it.table, it.rows.schema.names) for it in result.tables] == [("R", ["ID", "KIND"])]
