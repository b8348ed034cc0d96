"""From raw text to canonical values and back: exact, or rejected with its reason; never changed."""
# ruff: noqa: DTZ001 - a laboratory's civil time has no zone

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.passage.canonical import Converted, canonical, raw_text, site_names
from ecluse.terms.mapping import BASE, Column, KindMapping, Reading
from ecluse.terms.plan import Slice
from ecluse.terms.vocabulary import Field, vocabulary

HERE = (Column(BASE, "C"),)


def convert(kind: str, fields: dict[str, Reading], rows: list[dict[str, Any]], **more: Any) -> Converted:
    known = vocabulary().kinds[kind].fields
    batch = pa.RecordBatch.from_pydict(
        {
            name: pa.array(
                [row.get(name) for row in rows], pa.binary() if known[name].type == "bytes" else pa.string()
            )
            for name in fields
        }
        | {name: pa.array([row.get(name, "-") for row in rows], pa.string()) for name in ("_site", "_month")}
        | {
            name: pa.array([row.get(name) for row in rows], pa.string())
            for name in ("_withheld", "_changed")
            if any(name in row for row in rows)
        }
    )
    piece = Slice(kind, KindMapping(kind, "T", fields), fields, site=more.get("site"))
    return canonical(batch, piece, vocabulary=vocabulary(), lost=more.get("lost", {}))


def one(path: str, raw: str | None, **how: Any) -> Any:
    """The canonical value of one raw text, or the reason why there is none."""
    kind, _, name = path.partition(".")
    found = convert(kind, {name: Reading(columns=HERE, **how)}, [{name: raw}])
    if found.rejected.num_rows:
        assert found.moved.num_rows == 0
        return found.rejected.column("_reason")[0].as_py()
    return found.moved.column(name)[0].as_py()


DATE, TIME = "date-not-readable", "date-not-readable"


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2024-02-29", date(2024, 2, 29)), ("2000-02-29", date(2000, 2, 29)), ("1900-02-29", None), ("2023-02-29", None), ("2024-02-30", None),
        ("0000-00-00", None), ("0000-01-01", None), ("0001-01-01", date(1, 1, 1)), ("9999-12-31", date(9999, 12, 31)), ("10000-01-01", None),
        ("2024-00-10", None), ("2024-13-01", None), ("2024-1-1", None), ("24-01-01", None), ("2024/01/01", None), ("20240101", None),
        ("2024-01-01 00:00:00", date(2024, 1, 1)), ("2024-01-01T00:00:00", date(2024, 1, 1)), ("2024-01-01 00:00:00.0000000", date(2024, 1, 1)),
        ("2024-01-01 00:00:01", None), ("2024-01-01 00:00", None), ("0044-03-15 BC", None), ("-0044-03-15", None), ("infinity", None),
        ("-infinity", None), ("", None), (" 2024-01-01", None), ("2024-01-01 ", None), ("2024-01-01\n", None), ("2024-01-01\x00", None),
        ("٢٠٢٤-٠١-٠١", None), ("2024-01-01Z", None), ("1582-10-10", date(1582, 10, 10)), ("1200-02-29", date(1200, 2, 29)),
    ],
)  # fmt: skip
def test_a_date_is_a_day_that_exists_or_is_rejected(raw: str, day: date | None) -> None:
    """A day of the calendar is read; what only resembles one is rejected, never brought to the nearest."""
    assert one("patient.birth_date", raw) == (day or f"birth_date: {DATE}")


@pytest.mark.parametrize(
    ("raw", "instant"),
    [
        ("2024-02-29 23:59:59.999999", datetime(2024, 2, 29, 23, 59, 59, 999999)), ("2024-02-29T08:00", datetime(2024, 2, 29, 8)),
        ("2024-02-29 08:00:00+00", datetime(2024, 2, 29, 8)), ("2024-02-29 08:00:00+00:00", datetime(2024, 2, 29, 8)),
        ("2024-02-29T08:00:00Z", datetime(2024, 2, 29, 8)), ("2024-02-29", datetime(2024, 2, 29)), ("2024-02-29 08:00:00+01", None),
        ("2024-02-29 24:00:00", None), ("2024-02-29 23:60:00", None), ("2016-12-31 23:59:60", None), ("2024-02-30 08:00:00", None),
        ("2024-02-29 08:00:00.1234567", None), ("2024-02-29 8:00:00", None), ("2024-02-29 08", None), ("infinity", None), ("0000-00-00 00:00:00", None),
        ("2024-03-31 02:30:00", datetime(2024, 3, 31, 2, 30)), ("1969-12-31 23:59:59.5", datetime(1969, 12, 31, 23, 59, 59, 500000)),
    ],
)  # fmt: skip
def test_an_instant_is_exact_to_the_microsecond_or_rejected(raw: str, instant: datetime | None) -> None:
    """A civil time is read as it stands, in the hour that summer time skips too; a seventh digit or another zone is rejected."""
    assert one("request.time", raw) == (instant or f"time: {TIME}")


@pytest.mark.parametrize(
    ("format", "raw", "day"),
    [
        ("%Y%m%d", "20240229", date(2024, 2, 29)), ("%Y%m%d", "20230229", None), ("%Y%m%d", "2024229", None), ("%Y%m%d", "202402290", None),
        ("%Y%m%d", "-2240229", None), ("%Y%m%d", "2O240229", None), ("%d/%m/%Y", "29/02/2024", date(2024, 2, 29)), ("%d/%m/%Y", "29-02-2024", None),
        ("%d/%m/%Y", "31/04/2024", None), ("%d.%m.%Y", "01x02x2024", None), ("le %d, %m %Y", "le 01, 02 2024", date(2024, 2, 1)),
        ("%Y-%m-%d %H:%M", "9920-02-27 00:00", date(9920, 2, 27)), ("%Y-%m-%d %H:%M", "9920-02-27 00:01", None),
        ("%Y%m%d%H%M%S", "20240229000000", date(2024, 2, 29)), ("%Y%m%d%H%M%S", "20240229000001", None), ("é%Y%m%d", "é20240229", date(2024, 2, 29)),
    ],
)  # fmt: skip
def test_a_format_is_followed_to_the_letter(format: str, raw: str, day: date | None) -> None:
    """A fixed-width date has its digits and its separators where the format says, or is rejected."""
    assert one("patient.birth_date", raw, format=format) == (day or f"birth_date: {DATE}")


def test_a_formatted_time_keeps_its_microseconds() -> None:
    """%f is six digits, wherever the format has them."""
    assert one("request.time", "29022024 235959,000001", format="%d%m%Y %H%M%S,%f") == datetime(
        2024, 2, 29, 23, 59, 59, 1
    )


@pytest.mark.parametrize(
    ("path", "raw", "how", "value"),
    [
        ("patient.birth_date", "00000000", {"format": "%Y%m%d", "absent": ("00000000",)}, None),
        ("patient.birth_date", "00000000  ", {"format": "%Y%m%d", "absent": ("00000000",), "trim": True}, None),
        ("patient.birth_name", "ANNE  ", {"trim": True}, "ANNE"), ("patient.birth_name", "ANNE\t", {"trim": True}, "ANNE\t"),
        ("patient.birth_name", " ", {}, " "), ("patient.birth_name", "", {}, ""), ("patient.birth_name", None, {}, None),
        ("patient.birth_name", "a\x00b", {}, "a\x00b"), ("patient.birth_name", "é🩸", {}, "é🩸"),
        ("patient.sex", "2 ", {"values": (("1", "M"), ("2", "F")), "trim": True}, "F"),
        ("patient.sex", "2 ", {"values": (("1", "M"), ("2", "F"))}, "sex: value-not-in-mapping"),
        ("patient.sex", "9", {"values": (("1", "M"),), "absent": ("9",)}, None), ("patient.sex", "X", {}, "sex: code-not-in-vocabulary"),
        ("patient.sex", "m", {}, "sex: code-not-in-vocabulary"), ("patient.id", "", {}, "id: identifier-missing"),
        ("patient.id", None, {}, "id: identifier-missing"), ("patient.id", "0", {"absent": ("0",)}, "id: identifier-missing"),
        ("request.urgent", "t", {}, True), ("request.urgent", "0", {}, False), ("request.urgent", None, {}, None),
        ("request.urgent", "oui", {}, "urgent: flag-not-readable"), ("request.urgent", "O", {"values": (("O", "true"), ("N", "false"))}, True),
        ("result.version", "-12", {}, -12), ("result.version", "012", {}, "version: integer-not-readable"),
        ("result.version", "1.0", {}, "version: integer-not-readable"), ("result.version", "9" * 19, {}, "version: integer-not-readable"),
        ("result.version", "+1", {}, "version: integer-not-readable"), ("result.version", "999999999999999999", {}, 10**18 - 1),
        ("result.visibility", None, {}, "hidden"), ("result.visibility", "secret", {}, "secret"),
        ("result.visibility", "?", {}, "visibility: code-not-in-vocabulary"), ("document.content", b"\x00\xff", {}, b"\x00\xff"),
    ],
)  # fmt: skip
def test_a_value_is_read_as_its_mapping_says(path: str, raw: Any, how: dict[str, Any], value: Any) -> None:
    """Trim, absent, values, then the vocabulary's type: each exact, or the row is rejected under the field's name."""
    assert one(path, raw, **how) == value


def test_a_cell_of_ten_megabytes_is_kept() -> None:
    """A text of 10 MB is a text like another."""
    text = "é" * 5_000_000
    assert one("patient.comment", text) == text


def test_one_bad_value_rejects_its_whole_row_and_no_other() -> None:
    """The rejected row is kept raw and whole, with its first reason; the others are moved in their order."""
    fields = {"id": Reading(columns=HERE), "sex": Reading(columns=HERE), "birth_date": Reading(columns=HERE)}
    rows = [
        {"id": "1", "sex": "M", "birth_date": "2024-01-01", "_withheld": "HIV", "_changed": "x"},
        {"id": "2", "sex": "?", "birth_date": "?"},
        {"id": "3", "sex": "F"},
    ]
    lost: dict[str, set[str]] = {}
    found = convert("patient", fields, rows, lost=lost)
    assert found.moved.column("id").to_pylist() == ["1", "3"]
    assert found.moved.column("_changed").to_pylist() == ["x", None]
    assert found.withheld == {"HIV": 1}
    assert found.rejected.to_pylist() == [
        {"id": "2", "sex": "?", "birth_date": "?", "_site": "-", "_month": "-", "_withheld": None, "_changed": None, "_reason": "sex: code-not-in-vocabulary"}
    ]  # fmt: skip
    assert lost == {"patient": {"2"}}


def test_a_row_goes_with_its_rejected_parent() -> None:
    """A request of a rejected patient is rejected too, and so on down; one that names nobody is not."""
    fields = {"id": Reading(columns=HERE), "patient": Reading(columns=HERE)}
    lost = {"patient": {"2"}}
    found = convert(
        "request",
        fields,
        [{"id": "a", "patient": "2"}, {"id": "b", "patient": None}, {"id": "c", "patient": "1"}],
        lost=lost,
    )
    assert found.moved.column("id").to_pylist() == ["b", "c"]
    assert found.rejected.column("_reason").to_pylist() == ["patient: parent-rejected"]
    assert lost["request"] == {"a"}


def test_a_row_without_its_id_taken_is_rejected_alone() -> None:
    """Where the id is not among the fields, a rejected row has no name to lose."""
    lost: dict[str, set[str]] = {}
    found = convert("patient", {"sex": Reading(columns=HERE)}, [{"sex": "?"}], lost=lost)
    assert (found.rejected.num_rows, lost) == (1, {})


def test_sites_are_named_as_in_the_instruction() -> None:
    """Raw sites take their canonical name; what is unknown or absent is nowhere."""
    site = Reading(columns=HERE, values=(("1", "VANNES"),), absent=("0",))
    piece = Slice("request", KindMapping("request", "T", {}), {}, site=site)
    assert site_names(pa.array(["1", "0", "7", None]), piece).to_pylist() == ["VANNES", "-", "-", "-"]


# --- and back --------------------------------------------------------------------------------------------------------------------------

FIELDS = [vocabulary().field(path) for path in (
    "patient.birth_name", "patient.sex", "patient.birth_date", "request.time", "request.urgent", "result.version", "document.content",
)]  # fmt: skip
short = st.text(st.sampled_from("ab 0é\x00"), max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": short, "code": st.sampled_from(["M", "F", "U"]), "date": st.dates(),
    "datetime": st.datetimes() | st.datetimes().map(lambda at: at.replace(second=0, microsecond=0)), "flag": st.booleans(),
    "integer": st.integers(-(10**18) + 1, 10**18 - 1), "bytes": st.binary(max_size=4),
}  # fmt: skip
FORMATS = ["%Y%m%d", "%d/%m/%Y", "%Y-%m-%d %H:%M", "%d%m%Y%H%M%S", "%Y%m%d%H%M%S.%f"]


@st.composite
def readings(draw: st.DrawFn, field: Field) -> Reading:
    values: list[tuple[str, str]] = []
    if field.type in ("code", "text", "flag") and draw(st.booleans()):
        names = {"code": ["M", "F", "U"], "flag": ["true", "false"], "text": ["a", "b", "0"]}[field.type]
        raws = draw(st.lists(short, unique=True, min_size=1, max_size=len(names)))
        values = list(zip(raws, names, strict=False))
    layout = (
        draw(st.sampled_from(FORMATS)) if field.type in ("date", "datetime") and draw(st.booleans()) else None
    )
    absent = tuple(draw(st.lists(short | st.sampled_from(["00000000", "true", "1"]), max_size=2)))
    return Reading(columns=HERE, values=tuple(values), format=layout, absent=absent, trim=draw(st.booleans()))


@given(st.data())
def test_what_is_written_is_read_back_equal_or_flagged(data: st.DataObject) -> None:
    """For any reading and any canonical values: the raw text written reads back as the same value, unless it was flagged as unwritable."""
    field = data.draw(st.sampled_from(FIELDS))
    reading = data.draw(readings(field))
    values = data.draw(st.lists(VALUES[field.type] | st.none(), min_size=1, max_size=5))
    types: dict[str, pa.DataType] = {
        "date": pa.date32(), "datetime": pa.timestamp("us"), "flag": pa.bool_(), "integer": pa.int64(), "bytes": pa.binary(),
    }  # fmt: skip
    texts, bad = raw_text(pa.array(values, types.get(field.type, pa.string())), reading, field)
    flags = [False] * len(values) if bad is None else bad.to_pylist()
    assert None not in flags
    for value, text, flagged in zip(values, texts.to_pylist(), flags, strict=True):
        if not flagged:
            assert (
                one(
                    field.path,
                    text,
                    trim=reading.trim,
                    values=reading.values,
                    absent=reading.absent,
                    format=reading.format,
                )
                == value
            )


def test_a_time_that_its_format_would_cut_is_flagged() -> None:
    """Seconds are not dropped in silence because a target writes minutes."""
    at = datetime(2024, 2, 29, 10, 30, 15)
    field = vocabulary().field("request.time")
    times = pa.array([at, at - timedelta(seconds=15), None], pa.timestamp("us"))
    texts, bad = raw_text(times, Reading(columns=HERE, format="%Y%m%d%H%M"), field)
    assert bad.to_pylist() == [True, False, False]
    assert texts.to_pylist()[1:] == ["202402291030", None]


@pytest.mark.parametrize(
    ("kind", "name", "given"),
    [("patient", "birth_date", date(2024, 2, 29)), ("result", "validated_at", datetime(2024, 2, 29, 8))],
)
def test_a_date_given_as_such_is_taken_as_it_is(kind: str, name: str, given: date) -> None:
    """What the source's driver gives as a date or an instant is not written out and read again; what is absent stays absent."""
    dashes = pa.array(["-", "-"], pa.string())
    batch = pa.RecordBatch.from_pydict({name: pa.array([given, None]), "_site": dashes, "_month": dashes})
    fields = {name: Reading(columns=HERE)}
    piece = Slice(kind, KindMapping(kind, "T", fields), fields)
    found = canonical(batch, piece, vocabulary=vocabulary(), lost={})
    assert found.moved.column(name).to_pylist() == [given, None]
    assert found.rejected.num_rows == 0
