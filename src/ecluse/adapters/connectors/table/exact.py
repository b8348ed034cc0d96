"""The one text of a value that a file holds as a number, a date or a truth: what is read is told exactly, or not at all.

Decides how numbers (no exponent, the shortest digits that read back the same), dates (ISO 8601), truths and Arrow's types are written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.terms.catalogue import TypeFamily

__all__ = ["arrow_family", "arrow_text", "date_text", "number_text"]


def number_text(number: float) -> str:
    """A number without exponent: the shortest decimal text that is this number (IEEE 754), "12" and not "12.0"."""
    if isinstance(number, int):
        return str(number)
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - what is no number is not itself
        return str(number)
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")


def date_text(value: dt.date | dt.time | dt.timedelta, *, day_only: bool = False) -> str:
    """ISO 8601, with a blank before the hour; a duration as hours, minutes, seconds. `day_only`: a midnight is no hour."""
    if isinstance(value, dt.datetime):
        if day_only and value.time() == dt.time():
            return value.date().isoformat()
        return value.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        sign, micro = (
            ("-" if value < dt.timedelta() else ""),
            round(abs(value) / dt.timedelta(microseconds=1)),
        )
        seconds, fraction = divmod(micro, 1_000_000)
        told = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{told}.{fraction:06}".rstrip("0") if fraction else told
    return value.isoformat()


# --- Arrow --------------------------------------------------------------------------------------------------------------

_ZEROS: Final = r"\.0+$"
_MORE_ZEROS: Final = r"(\.\d*[1-9])0+$"


def arrow_family(kind: pa.DataType) -> TypeFamily:
    """The family of an Arrow type; `other` for what is no single value (lists, structures, maps, unions, intervals)."""
    if pa.types.is_dictionary(kind):
        return arrow_family(kind.value_type)
    for test, family in _FAMILIES:
        if test(kind):
            return family
    return "other"


_FAMILIES: Final[tuple[tuple[Callable[[pa.DataType], bool], TypeFamily], ...]] = (
    (pa.types.is_boolean, "flag"), (pa.types.is_integer, "integer"), (pa.types.is_floating, "float"), (pa.types.is_decimal, "decimal"),
    (pa.types.is_date, "date"), (pa.types.is_timestamp, "datetime"), (pa.types.is_time, "time"), (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"), (pa.types.is_string_view, "text"), (pa.types.is_null, "text"), (pa.types.is_binary, "bytes"),
    (pa.types.is_large_binary, "bytes"), (pa.types.is_binary_view, "bytes"), (pa.types.is_fixed_size_binary, "bytes"),
)  # fmt: skip


def arrow_text(column: pa.Array) -> pa.Array:
    """A column as text, or as octets where it holds octets."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    family = arrow_family(column.type)
    if family == "bytes":
        return column.cast(pa.binary())
    if family in ("float", "decimal"):
        return _number_column(column)
    if family in ("datetime", "time"):
        return _time_column(column)
    if pa.types.is_date64(column.type):
        column = column.cast(pa.date32())
    return column.cast(pa.string())


def _number_column(column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        single = column.type == pa.float32()
        if pa.types.is_float16(column.type):
            column = column.cast(pa.float32())
        if not single:
            return pa.array(
                [None if value is None else number_text(value) for value in column.to_pylist()], pa.string()
            )
        column = column.cast(pa.string())  # a single's shortest digits are not its double's
    else:
        column = column.cast(pa.string())
    if not pc.any(pc.match_substring(column, "e", ignore_case=True)).as_py():
        return column
    return pa.array([text if text is None else _spelled(text) for text in column.to_pylist()], pa.string())


def _spelled(text: str) -> str:
    return format(Decimal(text), "f") if text[-1:].isdigit() else text


def _time_column(column: pa.Array) -> pa.Array:
    zone = getattr(column.type, "tz", None)
    if zone is not None:
        column = column.cast(pa.timestamp(column.type.unit))  # Arrow keeps UTC under a zone
    text = column.cast(pa.string())
    text = pc.replace_substring_regex(pc.replace_substring_regex(text, _ZEROS, ""), _MORE_ZEROS, r"\1")
    return pc.binary_join_element_wise(text, "+00", "") if zone is not None else text
