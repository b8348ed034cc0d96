"""The mapping's words for what a writer alone needs, and for texts that are read but never written."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.mapping import BASE, Column, Mapping, Where, Writing, parse_mapping
from ecluse.terms.vocabulary import vocabulary

HEAD = '[mapping]\nsystem = "s"\nversion = 1\n[result]\ntable = "R"\nfields.id = "ID"\n'


def parsed(lines: str) -> Mapping:
    return parse_mapping((HEAD + lines).encode(), vocabulary=vocabulary())


def test_a_raw_text_may_be_read_as_what_another_writes() -> None:
    """`also` lists raw texts that are read as a canonical text which `values` already writes."""
    reading = parsed(
        'fields.status = { column = "S", values = { "6" = "validated" }, also = { "7" = "validated", "" = "validated" } }'
    )
    assert reading.kinds["result"].fields["status"].also == (("7", "validated"), ("", "validated"))


@pytest.mark.parametrize(
    ("also", "code"),
    [
        ('{ "6" = "validated" }', "mapping/values-not-one-to-one"),
        ('{ "7" = "entered" }', "mapping/unreadable"),
        ('"7"', "mapping/unreadable"),
    ],
)
def test_what_also_says_never_contradicts_what_is_written(also: str, code: str) -> None:
    """A raw text that has its value already, or one read as a text that nothing writes, is refused."""
    with pytest.raises(Refusal, match=code):
        parsed(f'fields.status = {{ column = "S", values = {{ "6" = "validated" }}, also = {also} }}')


def test_a_rule_of_writing_is_read_with_its_one_way() -> None:
    """A column is written from a field as it is, with an offset, as a date of some format, or as one of two constants; or from a constant."""
    lines = """
[result.write]
A = { field = "id" }
B = { field = "id", plus = 5 }
C = { field = "validated_at", format = "%d/%m/%Y" }
D = { field = "value", number = "N", text = "" }
E = { constant = "" }
"""
    assert parsed(lines).kinds["result"].writes == (
        Writing(Column(BASE, "A"), field="id"),
        Writing(Column(BASE, "B"), field="id", plus=5),
        Writing(Column(BASE, "C"), field="validated_at", format="%d/%m/%Y"),
        Writing(Column(BASE, "D"), field="value", number="N", text=""),
        Writing(Column(BASE, "E"), constant=""),
    )


@pytest.mark.parametrize(
    "rule",
    [
        '{ field = "id", plus = 1, format = "%Y%m%d" }', '{ field = "id", number = "N" }', '{ field = "id", text = "A" }', '{ constant = "1", plus = 1 }',
        '{ constant = "1", number = "N", text = "A" }', '{ field = "id", plus = 1, number = "N", text = "A" }', '{ field = "id", constant = "1" }', "{ plus = 1 }",
        '{ field = "id", plus = true }',
    ],
)  # fmt: skip
def test_a_rule_of_writing_with_two_ways_or_half_a_way_is_refused(rule: str) -> None:
    """Two ways at once, a number without its text, or a way without a field, are refused when the file is read."""
    with pytest.raises(Refusal, match="mapping/unreadable"):
        parsed(f"write = {{ A = {rule} }}")


def test_a_date_that_is_not_of_fixed_width_is_refused() -> None:
    """The format of a written date obeys the same rule as that of a date read."""
    with pytest.raises(Refusal, match="mapping/date-format"):
        parsed('write = { A = { field = "validated_at", format = "%d %B" } }')


def test_a_join_may_depend_on_the_tables_own_row() -> None:
    """In a join's condition a bare name is the joined table's, "base.NAME" the kind's own table's, "alias.NAME" another's."""
    lines = """
[[result.join]]
table = "DICT"
as = "d"
on = { ID = "VAL" }
where = { ACTIVE = "Y", "base.TYPE" = "D", "d.LANG" = "fr" }
"""
    assert parsed(lines).kinds["result"].joins[0].where == (
        Where(Column("d", "ACTIVE"), ("Y",)),
        Where(Column(BASE, "TYPE"), ("D",)),
        Where(Column("d", "LANG"), ("fr",)),
    )
