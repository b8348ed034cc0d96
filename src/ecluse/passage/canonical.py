"""From a source's raw text to canonical values, a batch at a time: exact, or the row is rejected with its reason, never changed.

Decides how one reading (trim, absent, values, format) and one vocabulary type apply to a column of text, and back again for a writer.
It does not decide which rows leave. It works on Arrow columns so that five million rows take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.passage.containers import Contents
from ecluse.terms.mapping import DIRECTIVES, Reading, layout
from ecluse.terms.plan import Slice
from ecluse.terms.vocabulary import Field, Vocabulary

__all__ = ["ARROW", "MONTH", "NOWHERE", "SITE", "Converted", "canonical", "parsed", "raw_text", "site_names"]

SITE: Final = "_site"
MONTH: Final = "_month"
NOWHERE: Final = "-"

ARROW: Final[dict[str, pa.DataType]] = {
    "text": pa.string(),
    "code": pa.string(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "integer": pa.int64(),
    "flag": pa.bool_(),
    "bytes": pa.binary(),
}
"""How each type of the vocabulary travels in a parcel."""

_CALENDAR: Final = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001 - civil times have no zone
_TRUE: Final = pa.array(["t", "true", "TRUE", "True", "1"])
_FALSE: Final = pa.array(["f", "false", "FALSE", "False", "0"])
_YEAR: Final = r"(\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)"
"""Years 1 to 9999: ISO 8601 has a year 0, most systems have not, and what they mean by it is nothing."""
_DATE: Final = rf"^{_YEAR}-\d{{2}}-\d{{2}}$"
_DATETIME: Final = rf"^{_YEAR}-\d{{2}}-\d{{2}}([ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d{{1,6}})?)?)?$"
_MIDNIGHT: Final = r"^(.{10})[ T]00:00:00(\.0+)?$"
_INTEGER: Final = r"^-?(0|[1-9]\d{0,17})$"


@dataclass(frozen=True, slots=True)
class Converted:
    """One raw batch converted. `moved`: the canonical fields, `_site`, `_month`. `rejected`: the raw rows whole, with a `_reason` column
    ("field: why"). `withheld`: how many moved rows had free text kept back, by category.
    """

    moved: pa.RecordBatch
    rejected: pa.RecordBatch
    withheld: dict[str, int]


def canonical(
    raw: pa.RecordBatch,
    piece: Slice,
    *,
    vocabulary: Vocabulary,
    lost: dict[str, set[str]],
    contents: Contents | None = None,
) -> Converted:
    """The batch in canonical types. A row with one unreadable value is rejected whole: half a record would be a silent loss.

    `contents`: its documents as they may leave, where they were opened. `lost` holds, by kind, the ids of the rows rejected before, and takes in those rejected here: a row that refers to one goes with it.
    """
    kind = vocabulary.kinds[piece.kind]
    columns: dict[str, pa.Array] = {}
    reason = pa.nulls(raw.num_rows, pa.string())
    for name, reading in piece.fields.items():
        values, bad, why = _field(raw.column(name), reading, kind.fields[name])
        columns[name] = values
        parent = kind.fields[name].parent
        reason = _because(reason, bad, f"{name}: {why}")
        if parent and lost.get(parent):
            orphan = pc.is_in(values, value_set=pa.array(sorted(lost[parent]), pa.string()))
            reason = _because(reason, orphan, f"{name}: parent-rejected")
    if contents is not None:
        columns |= contents.columns
        reason = pc.coalesce(reason, contents.reason)
    columns[SITE] = site_names(raw.column(SITE), piece)
    columns[MONTH] = raw.column(MONTH)
    if "_changed" in raw.schema.names:
        columns["_changed"] = raw.column("_changed")
    moved = pa.RecordBatch.from_pydict(columns)
    if reason.null_count == raw.num_rows:
        return Converted(moved, _with_reason(raw.slice(0, 0), reason.slice(0, 0)), _withheld(raw))
    keep = pc.is_null(reason)
    dropped = pc.invert(keep)
    if "id" in columns:
        lost_ids = columns["id"].filter(dropped).drop_null().to_pylist()
        lost.setdefault(piece.kind, set()).update(lost_ids)
    return Converted(
        moved.filter(keep),
        _with_reason(raw.filter(dropped), reason.filter(dropped)),
        _withheld(raw.filter(keep)),
    )


def _because(reason: pa.Array, bad: pa.Array | None, why: str) -> pa.Array:
    if bad is None or not pc.any(bad).as_py():
        return reason
    return pc.if_else(pc.and_(pc.is_null(reason), bad), why, reason)


def site_names(raw: pa.Array, piece: Slice) -> pa.Array:
    """The canonical sites of raw ones, "-" where there is none."""
    return _valued(raw, piece.site or Reading())[0].fill_null(NOWHERE)


def _withheld(raw: pa.RecordBatch) -> dict[str, int]:
    if "_withheld" not in raw.schema.names:
        return {}
    counts = pc.value_counts(raw.column("_withheld").drop_null())
    return {line["values"]: line["counts"] for line in counts.to_pylist()}


def _with_reason(raw: pa.RecordBatch, reason: pa.Array) -> pa.RecordBatch:
    return raw.append_column("_reason", reason)


# --- one column -----------------------------------------------------------------------------------------------------------------------


def _field(raw: pa.Array, reading: Reading, field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    """The canonical column, a mask of the rows that could not be read (null: none), and why."""
    if field.type == "bytes":
        return raw.cast(pa.binary()), None, ""
    text, unmapped = _valued(raw, reading)
    values, bad, why = _READERS[field.type](text, reading, field)
    if unmapped is not None and pc.any(unmapped).as_py():
        return values, unmapped if bad is None else pc.or_(bad, unmapped), "value-not-in-mapping"
    if field.name == "id":
        missing = pc.or_(pc.is_null(values), pc.equal(pc.fill_null(values, ""), ""))
        return values, missing, "identifier-missing"
    if field.name == "visibility":
        # Absent visibility is read as hidden: nothing not known to be visible may become so (law-and-laboratory 6, requirement 15).
        values = values.fill_null("hidden")
    return values, bad, why


def _valued(raw: pa.Array, reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    """Trim, absent, then the value table; with a mask of the values the table does not hold."""
    text = raw
    if reading.trim:
        text = pc.utf8_rtrim(text, characters=" ")
    if reading.absent:
        text = pc.if_else(
            pc.is_in(text, value_set=pa.array(reading.absent, pa.string())),
            pa.scalar(None, pa.string()),
            text,
        )
    if not reading.values:
        return text, None
    raws, canonicals = zip(*reading.values, *reading.also, strict=True)
    place = pc.index_in(text, value_set=pa.array(raws, pa.string()))
    return pa.array(canonicals, pa.string()).take(place), pc.and_(pc.is_null(place), pc.is_valid(text))


def _text(text: pa.Array, _reading: Reading, _field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    return text, None, ""


def _code(text: pa.Array, _reading: Reading, field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    known = pc.is_in(text, value_set=pa.array(field.codes, pa.string()))
    return text, pc.and_(pc.is_valid(text), pc.invert(known)), "code-not-in-vocabulary"


def _flag(text: pa.Array, _reading: Reading, _field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    true, false = pc.is_in(text, value_set=_TRUE), pc.is_in(text, value_set=_FALSE)
    values = pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))
    return values, pc.and_(pc.is_valid(text), pc.is_null(values)), "flag-not-readable"


def _integer(text: pa.Array, _reading: Reading, _field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    return (*parsed(text, _INTEGER, pa.int64()), "integer-not-readable")


def _date(text: pa.Array, reading: Reading, _field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    if pa.types.is_date(text.type):
        return (*_of_the_calendar(text), "date-not-readable")
    iso = pc.replace_substring_regex(_iso(text, reading), _MIDNIGHT, r"\1")
    return (*parsed(iso, _DATE, pa.date32()), "date-not-readable")


def _datetime(text: pa.Array, reading: Reading, _field: Field) -> tuple[pa.Array, pa.Array | None, str]:
    if pa.types.is_timestamp(text.type):
        return (*_of_the_calendar(text), "date-not-readable")
    iso = pc.replace_substring_regex(_iso(text, reading), r"(\+00(:00)?|Z)$", "")
    return (*parsed(iso, _DATETIME, pa.timestamp("us")), "date-not-readable")


_READERS: Final[dict[str, Callable[[pa.Array, Reading, Field], tuple[pa.Array, pa.Array | None, str]]]] = {
    "text": _text,
    "code": _code,
    "flag": _flag,
    "integer": _integer,
    "date": _date,
    "datetime": _datetime,
}


def _of_the_calendar(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Dates or times that the source gave as such, with a mask of those that no ISO text of four digits tells (infinite, before Christ)."""
    first, last = (pa.scalar(day, pa.timestamp("us")).cast(values.type) for day in _CALENDAR)
    bad = pc.fill_null(pc.or_(pc.less(values, first), pc.greater(values, last)), fill_value=False)
    return pc.if_else(bad, pa.scalar(None, values.type), values), bad


def parsed(text: pa.Array, shape: str, to: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """The column parsed, strictly, with a mask of what is not of this shape or, as 2020-02-30, does not exist. No value is ever shown."""
    shaped = pc.fill_null(pc.match_substring_regex(text, shape), fill_value=True)
    good = pc.if_else(shaped, text, pa.scalar(None, pa.string()))
    try:
        return good.cast(to), pc.invert(shaped)
    except pa.ArrowInvalid:  # found one by one, among the distinct values only
        distinct = pc.unique(good).drop_null()
        exists = pa.array([_parses(value, to) for value in distinct], pa.bool_())
        fine = pc.fill_null(pc.is_in(good, value_set=distinct.filter(exists)), fill_value=False)
        values = pc.if_else(fine, good, pa.scalar(None, pa.string())).cast(to)
        return values, pc.and_(pc.is_valid(text), pc.invert(fine))


def _parses(value: pa.Scalar, to: pa.DataType) -> bool:
    try:
        value.cast(to)
    except pa.ArrowInvalid:
        return False
    return True


def _iso(text: pa.Array, reading: Reading) -> pa.Array:
    """A fixed-width date text re-ordered into ISO by position; a text of another length is left alone, and so refused by its shape."""
    if reading.format is None:
        return text
    places = layout(reading.format, where="")
    width = len(_sample(reading.format))

    def part(directive: str) -> pa.Array:
        start, length = places[directive]
        return pc.utf8_slice_codeunits(text, start, start + length)

    parts = [pc.binary_join_element_wise(part("%Y"), part("%m"), part("%d"), "-")]
    if "%H" in places:
        # The format says that a clock without seconds is whole: at midnight such a time is a day, as with seconds.
        clock = [part(it) if it in places else pa.scalar("00") for it in ("%H", "%M", "%S")]
        parts.append(pc.binary_join_element_wise(*clock, ":"))
    iso = pc.binary_join_element_wise(*parts, " ") if len(parts) > 1 else parts[0]
    if "%f" in places:
        iso = pc.binary_join_element_wise(iso, part("%f"), ".")
    literal = pc.equal(_blanked(text, places), _blanked(pa.array([_sample(reading.format)]), places)[0])
    right = pc.and_(pc.equal(pc.utf8_length(text), width), literal)
    return pc.if_else(right, iso, pc.binary_join_element_wise(text, "?", ""))


def _sample(format: str) -> str:
    sample = format
    for directive, width in DIRECTIVES.items():
        sample = sample.replace(directive, "0" * width)
    return sample


def _blanked(text: pa.Array, places: dict[str, tuple[int, int]]) -> pa.Array:
    """The text with its digits' places blanked: what is left are the separators, which must be the format's."""
    for start, length in places.values():
        text = pc.utf8_replace_slice(text, start, start + length, "0" * length)
    return text


# --- and back -------------------------------------------------------------------------------------------------------------------------


def raw_text(values: pa.Array, reading: Reading, field: Field) -> tuple[pa.Array, pa.Array | None]:
    """The raw text a writer puts so that `canonical` would read `values` back; with a mask of the values that cannot be told so.

    The inverse of the reading: format, values, absent. A canonical value that the reading would take for "absent" cannot be written.
    """
    if field.type == "bytes":
        return values, None
    text, bad = _written(values, reading, field)
    if reading.values:
        raws, canonicals = zip(*reading.values, strict=True)
        place = pc.index_in(text, value_set=pa.array(canonicals, pa.string()))
        bad = _either(bad, pc.and_(pc.is_null(place), pc.is_valid(text)))
        text = pa.array(raws, pa.string()).take(place)
    if reading.absent:
        taken = pc.fill_null(
            pc.is_in(text, value_set=pa.array(reading.absent, pa.string())), fill_value=False
        )
        taken = pc.and_(taken, pc.is_valid(text))
        bad = _either(bad, taken)
        text = text.fill_null(reading.absent[0])
    if reading.trim:
        trimmed = pc.not_equal(pc.utf8_rtrim(text, characters=" "), text)
        bad = _either(bad, pc.fill_null(trimmed, fill_value=False))
    return text, bad


def _written(values: pa.Array, reading: Reading, field: Field) -> tuple[pa.Array, pa.Array | None]:
    if field.type == "flag":
        return pc.if_else(values, "true", "false"), None
    if field.type in ("date", "datetime") and reading.format is not None:
        return _formatted(values.cast(pa.timestamp("us")).cast(pa.string()), reading.format)
    return values.cast(pa.string()), None


_ISO_PLACES: Final = {
    "%Y": (0, 4),
    "%m": (5, 7),
    "%d": (8, 10),
    "%H": (11, 13),
    "%M": (14, 16),
    "%S": (17, 19),
    "%f": (20, 26),
}
"""Where each directive's digits stand in "2026-11-23 18:00:00.000000"."""


def _formatted(iso: pa.Array, format: str) -> tuple[pa.Array, pa.Array | None]:
    """The instant in a fixed-width format, by position; with a mask of those of which the format would drop something."""
    pieces = [
        pc.utf8_slice_codeunits(iso, *_ISO_PLACES[piece]) if piece in _ISO_PLACES else pa.scalar(piece)
        for piece in re.split("(%[A-Za-z])", format)
        if piece
    ]
    bad = None
    for directive, (start, end) in _ISO_PLACES.items():
        if directive not in format:
            dropped = pc.not_equal(pc.utf8_slice_codeunits(iso, start, end), "0" * (end - start))
            bad = _either(bad, pc.fill_null(dropped, fill_value=False))
    return pc.binary_join_element_wise(*pieces, ""), bad


def _either(left: pa.Array | None, right: pa.Array) -> pa.Array:
    return right if left is None else pc.or_(left, right)
