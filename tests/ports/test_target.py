"""The contract of a target (`ecluse.passage.load.Target`): run by SQLite, PostgreSQL, MariaDB and the memory fake alike."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from tests.ports.targets import MARK, PERSON, Opened, given, open_postgres_target, opened, person


def refused(on: Opened, *tables: TableRows, replace: bool = False) -> tuple[str, str]:
    """The table and the reason of the refusal; nothing of the batch, its mark included, may be there afterwards."""
    before = {table: on.rows(table) for table in ("people", "tubes", "bills", "words")}
    with pytest.raises(RowsRefused) as said:
        on.target.write(tables, mark=Mark("m", 99, "patient", 1), replace=replace)
    assert {table: on.rows(table) for table in before} == before
    assert Mark("m", 99, "patient", 1) not in on.target.marks("m")
    assert said.value.__cause__ is None
    assert said.value.__context__ is None or said.value.__suppress_context__
    return said.value.values["where"], said.value.values["reason"]


# --- what is written ---------------------------------------------------------------------------------------------------


def test_rows_are_written_with_their_mark(on: Opened) -> None:
    """What is written is there value for value, in tables that refer to each other, and the batch's mark with it."""
    on.target.write(
        [given("people", PERSON), given("tubes", {"id": "t", "person": "1", "volume": 5})], mark=MARK
    )
    assert on.rows("people") == [PERSON]
    assert on.rows("tubes") == [{"id": "t", "person": "1", "volume": 5}]
    assert on.again().marks("m") == [MARK]


def test_a_column_not_given_is_left_to_the_database(on: Opened) -> None:
    """Columns that a batch does not name stay absent."""
    on.target.write([given("people", {"id": "1", "name": "ANNE"})], mark=MARK)
    assert on.rows("people") == [dict.fromkeys(PERSON) | {"id": "1", "name": "ANNE"}]


def test_the_catalogue_says_what_the_tables_are(on: Opened) -> None:
    """The target's own catalogue knows its columns, its key and its foreign keys."""
    tables = on.target.catalogue().tables
    assert tables["people"].primary_key == ("id",)
    assert [column.family for column in tables["people"].columns.values()] == [
        "text", "text", "date", "datetime", "float", "integer", "flag", "bytes", "text",
    ]  # fmt: skip
    assert tables["tubes"].foreign_keys[0].parent == "people"


TEXTS = [
    "", " ", "trailing  ", "  leading", "NULL", "\\N", "\\.", "a\n\\.\nb", 'quote"d', "it's", "back\\slash", "tab\tline\r\nreturn\n", "%s %(a)s {x} ?",
    "é \u00e9 e\u0301", "🩸👩🏽‍⚕️", "\u200b\ufeff\u202e", "\x01\x1a\x7f", ",;|", "0012", "1e5", "x" * 10_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
def test_a_text_is_exact(on: Opened, text: str) -> None:
    """Empty is not absent; blanks, quotes, escapes, emoji, controls and 10 MB come back as they were, by the binary road and by the text one."""
    on.target.write(
        [given("people", person(note=text)), given("bills", {"id": "1", "amount": "1.00", "note": text})],
        mark=MARK,
    )
    assert on.rows("people")[0]["note"] == text
    assert on.rows("bills")[0]["note"] == text


def test_an_absent_value_is_absent(on: Opened) -> None:
    """A null of every family is a NULL, and '' beside it is not."""
    absent = dict.fromkeys(PERSON) | {"id": "1", "name": ""}
    on.target.write(
        [
            given("people", absent | {"id": "0"}, absent),
            given("bills", {"id": "1", "amount": None, "photo": None, "note": ""}),
        ],
        mark=MARK,
    )
    assert on.rows("people") == [absent | {"id": "0"}, absent]
    assert on.rows("bills") == [{"id": "1", "amount": None, "photo": None, "seen": None, "note": ""}]


def test_a_nul_in_a_text_is_kept_or_refused(on: Opened) -> None:
    """A NUL byte is a text like another where the database can hold it; PostgreSQL cannot, and the row is refused."""
    rows = (
        given("people", person(note="a\x00b")),
        given("bills", {"id": "1", "amount": "1", "note": "a\x00b"}),
    )
    if on.dialect == "postgres":
        assert refused(on, rows[0]) == ("people", "type")
        assert refused(on, rows[1]) == ("bills", "type")
        return
    on.target.write(rows, mark=MARK)
    assert on.rows("people")[0]["note"] == on.rows("bills")[0]["note"] == "a\x00b"


@pytest.mark.parametrize(
    "photo",
    [b"", bytes(range(256)), b"'\\\"\x00%s\n", bytes(range(256)) * 40_000],
    ids=["none", "all", "quotes", "10MB"],
)
def test_bytes_are_exact(on: Opened, photo: bytes) -> None:
    """All 256 bytes, none, and 10 MB of them come back as they were."""
    on.target.write(
        [given("people", person(photo=photo)), given("bills", {"id": "1", "amount": "1.00", "photo": photo})],
        mark=MARK,
    )
    assert on.rows("people")[0]["photo"] == photo
    assert on.rows("bills")[0]["photo"] == photo


@pytest.mark.parametrize(
    "born",
    [
        date(1, 1, 1),
        date(1582, 10, 10),
        date(1899, 12, 31),
        date(1970, 1, 1),
        date(2000, 2, 29),
        date(9999, 12, 31),
    ],
)
def test_a_date_is_exact(on: Opened, born: date) -> None:
    """Dates from year 1 to 9999 come back as they were."""
    on.target.write([given("people", person(born=born))], mark=MARK)
    assert on.rows("people")[0]["born"] == born


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2026-03-29T02:30:00", "2026-10-25T02:30:00.000001",
        "9999-12-31T23:59:59.999999",
    ],
)  # fmt: skip
def test_a_civil_time_is_never_shifted(on: Opened, text: str) -> None:
    """A time without zone comes back to the microsecond, in the hour that summer time skips and in the one it repeats too."""
    seen = datetime.fromisoformat(text)
    on.target.write(
        [given("people", person(seen=seen)), given("bills", {"id": "1", "amount": "1.00", "seen": seen})],
        mark=MARK,
    )
    assert on.rows("people")[0]["seen"] == on.rows("bills")[0]["seen"] == seen


@pytest.mark.parametrize("visits", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_an_integer_is_exact(on: Opened, visits: int) -> None:
    """Integers are exact to 64 bits."""
    on.target.write([given("people", person(visits=visits))], mark=MARK)
    assert on.rows("people")[0]["visits"] == visits


@pytest.mark.parametrize("weight", [0.1, 1e-300, 1.7976931348623157e308, 5e-324, -0.0, math.inf, math.nan])
def test_a_float_is_exact_or_refused(on: Opened, weight: float) -> None:
    """A double comes back bit for bit, or its row is refused: never another number, never NULL."""
    unknown = {
        "sqlite": math.isnan(weight) or str(weight) == "-0.0",
        "mysql": not math.isfinite(weight) or str(weight) == "-0.0",
    }
    if unknown.get(on.dialect):
        assert refused(on, given("people", person(weight=weight))) == ("people", "type")
        return
    on.target.write([given("people", person(weight=weight))], mark=MARK)
    assert struct.pack("d", on.rows("people")[0]["weight"]) == struct.pack("d", weight)


@pytest.mark.parametrize("amount", ["0", "12.50", "-0.05", "9999999999.99"])
def test_a_decimal_is_exact(on: Opened, amount: str) -> None:
    """A decimal given as text keeps its value."""
    on.target.write([given("bills", {"id": "1", "amount": amount})], mark=MARK)
    stored = on.rows("bills")[0]["amount"]
    assert Decimal(str(stored)) == Decimal(amount)


@pytest.mark.parametrize("amount", ["0.125", "1e-3", "12345678901.99", "123456789012345.67", "twelve", "1,5"])
def test_a_decimal_that_would_be_rounded_is_refused(on_server: Opened, amount: str) -> None:
    """A figure too many is never rounded away, and a text that is no number is refused where the column is one."""
    assert refused(on_server, given("bills", {"id": "1", "amount": amount})) == ("bills", "type")


def test_sqlite_refuses_a_decimal_it_would_keep_as_another(tmp_path: Path) -> None:
    """Beyond 15 figures SQLite would keep the nearest float: refused; up to 15 it is exact."""
    with ExitStack() as stack:
        on = next(opened("sqlite", stack, f"sqlite:///{tmp_path}/target.db"))
        assert refused(on, given("bills", {"id": "1", "amount": "12345678901234567.89"})) == ("bills", "type")
        on.target.write([given("bills", {"id": "1", "amount": "0001234567890123.45"})], mark=MARK)
        assert Decimal(str(on.rows("bills")[0]["amount"])) == Decimal("1234567890123.45")


# --- what is refused ---------------------------------------------------------------------------------------------------


def test_a_row_without_a_required_value_is_refused(on: Opened) -> None:
    """A NULL where there must be a value refuses the whole batch."""
    assert refused(on, given("people", PERSON, person(id="2", name=None))) == ("people", "not-null")


def test_a_row_whose_key_is_there_is_refused(on: Opened) -> None:
    """A second row of the same key, in the batch or already there, refuses the whole batch."""
    on.target.write([given("people", PERSON)], mark=MARK)
    assert refused(on, given("people", person(id="2"), person(name="BETH"))) == ("people", "unique")
    assert refused(on, given("people", person(id="3"), person(id="3"))) == ("people", "unique")


def test_a_row_without_its_parent_is_refused(on: Opened) -> None:
    """A reference to nobody refuses the whole batch."""
    where, reason = refused(
        on, given("people", PERSON), given("tubes", {"id": "t", "person": "absent", "volume": 1})
    )
    assert (where, reason) == ("tubes", "foreign-key")


def test_a_text_too_long_is_refused_and_never_cut(on: Opened) -> None:
    """A text longer than its column is refused, blanks at its end included: no database may cut them in silence."""
    for name in ("x" * 21, "x" * 20 + " ", "🩸" * 21):
        assert refused(on, given("people", person(name=name))) == ("people", "too-long")
    on.target.write([given("people", person(name="🩸" * 20))], mark=MARK)
    assert on.rows("people")[0]["name"] == "🩸" * 20


def test_a_value_that_breaks_a_check_is_refused(on_disk: Opened) -> None:
    """A value that the table's own check refuses is refused."""
    row = {"id": "t", "person": "1", "volume": -5}
    assert refused(on_disk, given("people", PERSON), given("tubes", row)) == ("tubes", "check")


def test_a_number_beyond_its_column_is_refused(on_server: Opened) -> None:
    """A number too large for a small integer is refused, not clamped."""
    row = {"id": "t", "person": "1", "volume": 70_000}
    assert refused(on_server, given("people", PERSON), given("tubes", row)) == ("tubes", "type")


def test_a_table_or_column_that_is_absent_is_refused(on: Opened) -> None:
    """A table or a column that the target does not have is a refusal of the mapping, before anything is written."""
    with pytest.raises(Refusal, match="mapping/table-absent"):
        on.target.write([given("people", PERSON), given("nowhere", {"id": "1"})], mark=MARK)
    with pytest.raises(Refusal, match="mapping/column-absent"):
        on.target.write([given("people", PERSON), given("tubes", {"id": "1", "colour": "red"})], mark=MARK)
    assert (on.rows("people"), on.target.marks("m")) == ([], [])


def test_the_refusal_says_no_value(on_disk: Opened) -> None:
    """Neither the refusal nor what hangs on it holds a value of the row."""
    with pytest.raises(RowsRefused) as said:
        on_disk.target.write(
            [given("people", person(name="MARKER-NAME"), person(name="MARKER-NAME"))], mark=MARK
        )
    assert "MARKER" not in str(said.value) + repr(said.value.args) + repr(
        said.value.values
    ) + said.value.message("fr")


# --- marks -------------------------------------------------------------------------------------------------------------


def test_marks_are_those_of_one_migration_in_order(on: Opened) -> None:
    """Marks come back by part, only this migration's, and a new target knows none."""
    assert on.target.marks("m") == []
    for part, migration in ((2, "m"), (1, "m"), (1, "other")):
        on.target.write(
            [given("people", person(id=f"{migration}{part}"))], mark=Mark(migration, part, "patient", 1)
        )
    assert on.again().marks("m") == [Mark("m", 1, "patient", 1), Mark("m", 2, "patient", 1)]


def test_a_batch_is_never_written_twice(on: Opened) -> None:
    """A batch whose mark is there is refused, whether it writes or replaces, and its rows are not written again."""
    on.target.write([given("words", {"code": "NA", "label": "sodium"}, key=())], mark=MARK)
    for anew in (False, True):
        with pytest.raises(Refusal, match="target/batch-twice"):
            on.again().write(
                [given("words", {"code": "NA", "label": "sodium"}, key=("code",))], mark=MARK, replace=anew
            )
    assert len(on.rows("words")) == 1


def test_an_empty_batch_leaves_its_mark(on: Opened) -> None:
    """A part of which every record was rejected is still marked as done."""
    on.target.write([], mark=MARK)
    assert on.target.marks("m") == [MARK]


def test_batches_are_written_side_by_side(postgresql_url: str) -> None:
    """Two batches at once are both there; of two that hold the same keys in opposite orders one is there, and the other is refused or gave way."""
    with ExitStack() as stack:
        on = open_postgres_target(stack, postgresql_url)
        hands = [on.target, stack.enter_context(closing(on.target.beside()))]

        def write(hand: int, part: int, numbers: Iterable[int]) -> Fault | None:
            rows = given("people", *(person(id=str(number)) for number in numbers))
            try:
                hands[hand].write([rows], mark=Mark("m", part, "patient", rows.rows.num_rows))
            except Fault as fault:
                return fault
            return None

        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(write, (0, 1), (1, 2), (range(9), range(9, 99)))) == [None, None]
            orders = (range(100, 900), range(899, 99, -1))
            found = list(threads.map(write, (0, 1), (3, 4), orders))
        (said,) = (fault for fault in found if fault is not None)
        assert isinstance(said, RowsRefused) or said.code == "target/busy"
        assert len(on.rows("people")) == 99 + 800
        assert len(on.target.marks("m")) == 3


def test_a_settled_migration_is_forgotten(on: Opened) -> None:
    """After acceptance the marks of that migration go, those of another stay, and the rows stay."""
    on.target.settle("never")
    on.target.write([given("people", PERSON)], mark=MARK)
    on.target.write([given("people", person(id="2"))], mark=Mark("other", 1, "patient", 1))
    on.target.settle("m")
    assert (on.target.marks("m"), len(on.target.marks("other")), len(on.rows("people"))) == ([], 1, 2)


# --- replacing, removing, looking up ------------------------------------------------------------------------------------


def test_replacing_takes_the_new_values_and_adds_what_is_new(on: Opened) -> None:
    """With replace, the row of that key takes the new values, its other columns stay, its children stay, and a new key is added."""
    on.target.write(
        [given("people", PERSON), given("tubes", {"id": "t", "person": "1", "volume": 5})], mark=MARK
    )
    news = given("people", {"id": "1", "name": "ANNA", "note": None}, {"id": "2", "name": "BETH", "note": ""})
    on.target.write([news], mark=Mark("m", 2, "patient", 2), replace=True)
    assert on.rows("people") == [
        person(name="ANNA", note=None),
        dict.fromkeys(PERSON) | {"id": "2", "name": "BETH", "note": ""},
    ]
    assert len(on.rows("tubes")) == 1


def test_replacing_tells_keys_apart_by_every_character(on: Opened) -> None:
    """'a', 'A' and 'a ' are three keys: replacing one never touches another."""
    on.target.write([given("people", person(id="a", name="ANNE"), person(id="A", name="BETH"))], mark=MARK)
    on.target.write(
        [given("people", person(id="A", name="CLEA"))], mark=Mark("m", 2, "patient", 1), replace=True
    )
    assert [row["name"] for row in on.rows("people")] == ["CLEA", "ANNE"]


def test_replacing_by_its_key_alone_changes_nothing(on: Opened) -> None:
    """A row given by its key alone, without what its table requires, stays as it is."""
    on.target.write([given("people", PERSON)], mark=MARK)
    on.target.write([given("people", {"id": "1"})], mark=Mark("m", 2, "patient", 1), replace=True)
    assert on.rows("people") == [PERSON]


def test_replacing_several_rows_by_one_is_refused(on: Opened) -> None:
    """A key that several rows share is no key: nothing is replaced."""
    rows = [{"code": "NA", "label": "sodium"}, {"code": "NA", "label": "natrium"}]
    on.target.write([given("words", *rows, key=())], mark=MARK)
    with pytest.raises(Refusal, match="target/key-not-unique"):
        on.target.write(
            [given("words", {"code": "NA", "label": "Na+"}, key=("code",))],
            mark=Mark("m", 2, "patient", 1),
            replace=True,
        )
    assert sorted(row["label"] for row in on.rows("words")) == ["natrium", "sodium"]


def test_replacing_with_the_same_key_twice_or_absent_is_refused(on: Opened) -> None:
    """Which of two rows of one key would stay is nobody's choice; a key that is absent is none."""
    assert refused(on, given("people", person(name="A"), person(name="B")), replace=True) == (
        "people",
        "unique",
    )
    assert refused(on, given("people", person(id=None)), replace=True) == ("people", "not-null")


def test_removing_takes_out_the_rows_and_the_mark(on: Opened) -> None:
    """Removing, children first, leaves neither rows nor mark of that batch, and everything else."""
    on.target.write(
        [given("people", person(id="0"), PERSON), given("tubes", {"id": "t", "person": "1", "volume": 5})],
        mark=MARK,
    )
    on.target.write([given("people", person(id="2"))], mark=Mark("m", 2, "patient", 1))
    on.target.remove([given("tubes", {"id": "t"}), given("people", {"id": "0"}, {"id": "1"})], mark=MARK)
    assert ([row["id"] for row in on.rows("people")], on.rows("tubes"), on.target.marks("m")) == (
        ["2"],
        [],
        [Mark("m", 2, "patient", 1)],
    )
    on.target.write([given("people", PERSON)], mark=MARK)


def test_removing_what_is_not_marked_is_refused(on: Opened) -> None:
    """Rows that no mark of this batch vouches for are not taken out."""
    on.target.write([given("people", PERSON)], mark=MARK)
    with pytest.raises(Refusal, match="target/batch-absent"):
        on.target.remove([given("people", {"id": "1"})], mark=Mark("m", 2, "patient", 1))
    assert on.rows("people") == [PERSON]


def test_removing_a_parent_of_others_is_refused_whole(on: Opened) -> None:
    """A row to which others refer is not taken out, and the mark stays."""
    on.target.write(
        [given("people", PERSON), given("tubes", {"id": "t", "person": "1", "volume": 5})], mark=MARK
    )
    with pytest.raises(RowsRefused) as said:
        on.target.remove([given("people", {"id": "1"})], mark=MARK)
    assert said.value.values["reason"] == "foreign-key"
    assert (len(on.rows("people")), on.target.marks("m")) == (1, [MARK])


def test_a_dictionary_is_looked_up_as_text(on: Opened) -> None:
    """A table of words becomes {code: label}; an absent code or label is left out; two labels for a code are refused."""
    rows = [
        {"code": "K", "label": "potassium"},
        {"code": "NA", "label": "sodium"},
        {"code": None, "label": "x"},
        {"code": "Y", "label": None},
    ]
    on.target.write([given("words", *rows, key=())], mark=MARK)
    assert {code.rstrip(): label for code, label in on.target.lookup("words", "code", "label").items()} == {
        "K": "potassium",
        "NA": "sodium",
    }
    on.target.write(
        [given("words", {"code": "K", "label": "other"}, key=())], mark=Mark("m", 2, "patient", 1)
    )
    with pytest.raises(Refusal, match="target/lookup-ambiguous"):
        on.target.lookup("words", "code", "label")
    with pytest.raises(Refusal, match="mapping/column-absent"):
        on.target.lookup("words", "code", "absent")
