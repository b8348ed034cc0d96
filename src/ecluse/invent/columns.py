"""Whole columns of text made at once, without a Python loop over their rows.

Decides how numbers and small tables of texts become Arrow columns. It knows nothing of laboratories.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ecluse.invent.draws import Index, Mask

__all__ = ["DigitMatrix", "absent", "dates", "digits", "fixed", "joined", "matrix", "pick", "timestamps"]

DigitMatrix = npt.NDArray[np.uint8]


def digits(values: Index, width: int) -> DigitMatrix:
    """Each number as `width` ASCII digits, in a matrix of one line a number; higher digits are dropped."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((values[:, None] // powers) % 10 + ord("0")).astype(np.uint8)


def matrix(texts: Sequence[str]) -> DigitMatrix:
    """ASCII texts of one width, in a matrix of one line a text."""
    return np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).reshape(len(texts), -1)


def fixed(*parts: DigitMatrix) -> pa.Array:
    """A column of fixed-width ASCII texts: the lines of the matrices, side by side."""
    lines = np.ascontiguousarray(np.concatenate(parts, axis=1))
    offsets = np.arange(0, lines.size + 1, lines.shape[1], dtype=np.int32)
    return pa.StringArray.from_buffers(len(lines), pa.py_buffer(offsets), pa.py_buffer(lines))


def pick(pool: pa.Array, at: Index, *, where: Mask | None = None) -> pa.Array:
    """The texts of the pool at these ranks; null where `where` is false."""
    return pool.take(pa.array(at, mask=None if where is None else ~where))


def absent(column: pa.Array, *, where: Mask) -> pa.Array:
    """The column with nulls put where `where` is true."""
    return pc.if_else(pa.array(where), pa.scalar(None, column.type), column)


def joined(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    """Texts side by side; a null part is left out with its separator."""
    texts = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, separator, null_handling="skip")


def timestamps(seconds: Index, *, where: Mask | None = None) -> pa.Array:
    """Seconds since 1970 as timestamps without zone, in microseconds; null where `where` is false."""
    return pa.array(seconds * 1_000_000, mask=None if where is None else ~where).cast(pa.timestamp("us"))


def dates(days: Index, layout: str) -> DigitMatrix:
    """Days since 1970 as text in a matrix: `layout` is "YYYYMMDD", "YYMMDD" or "DD/MM/YYYY"."""
    moment = days.astype("datetime64[D]")
    months = moment.astype("datetime64[M]")
    year = moment.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (moment - months).astype(np.int64) + 1
    if layout == "DD/MM/YYYY":
        slash = np.full((len(days), 1), ord("/"), dtype=np.uint8)
        return np.concatenate((digits(day, 2), slash, digits(month, 2), slash, digits(year, 4)), axis=1)
    return np.concatenate(
        (digits(year, 4 if layout == "YYYYMMDD" else 2), digits(month, 2), digits(day, 2)), axis=1
    )
