"""The two invented systems' tables, rendered for each database."""

from __future__ import annotations

import sqlite3

import pytest

from ecluse.invent.catalogue import analyses
from ecluse.invent.relations import System
from ecluse.invent.systems import NEW, OLD
from ecluse.terms.code_map.units import dimensions, named_property, property_dimension


@pytest.mark.parametrize("system", [OLD, NEW], ids=lambda system: system.name)
def test_sqlite_accepts_every_table_with_its_keys_and_references(system: System) -> None:
    """SQLite creates every table of both systems, and finds no reference to a table or key that is missing."""
    with sqlite3.connect(":memory:") as database:
        for statement in system.create("sqlite"):
            database.execute(statement)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        made = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert made == {table.name for table in system.tables}


@pytest.mark.parametrize("system", [OLD, NEW], ids=lambda system: system.name)
def test_every_table_stands_after_the_tables_it_refers_to(system: System) -> None:
    """A table refers only to tables before it or to itself, so that filling in order breaks no reference."""
    seen: set[str] = set()
    for table in system.tables:
        seen.add(table.name)
        names = {column.name for column in table.columns}
        assert {reference.table for reference in table.references} <= seen
        assert {reference.column for reference in table.references} | {table.key} <= names
        assert all(reference.key == system.table(reference.table).key for reference in table.references)


def test_the_two_systems_share_no_table_name() -> None:
    """No table of the new system has a name of the old one, whatever the case: a mapping is really needed."""
    assert not {table.name.lower() for table in OLD.tables} & {table.name.lower() for table in NEW.tables}


@pytest.mark.parametrize(
    ("loinc", "measured"),
    [
        ("14682-9", "Moles/volume"),  # creatinine
        ("22664-7", "Moles/volume"),  # urea
        ("14749-6", "Moles/volume"),  # glucose
        ("14631-6", "Moles/volume"),  # bilirubin
        ("29760-6", "Moles/volume"),  # conjugated bilirubin
        ("718-7", "Mass/volume"),  # haemoglobin
        ("2951-2", "Moles/volume"),  # sodium
    ],
)
def test_the_dictionary_states_each_loinc_code_beside_a_unit_that_it_measures(
    loinc: str, measured: str
) -> None:
    """Moles per volume beside µmol/L, never beside mg/L: a laboratory's dictionary is of today, and its older results are of another code."""
    (test,) = [one for one in analyses() if one.loinc == loinc]
    assert test.scales is not None
    assert dimensions(test.scales[1].unit) == {property_dimension(named_property(measured))}
