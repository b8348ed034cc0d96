"""How a text file of rows separates and quotes its cells, and whether its first row names them: found from its beginning.

Decides by what makes rows of one width; the first row, which is mostly names, weighs most, so that decimal commas are not taken for
separators. What is found is said; `tables.toml` can say otherwise.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["SEPARATORS", "Dialect", "find_dialect"]

SEPARATORS: Final = {"tab": "\t", "semicolon": ";", "pipe": "|", "comma": ","}
"""By the name the account gives them; in this order where two fit alike: decimal commas stand in files of semicolons, never the reverse."""

MOST: Final = 300
_FITTING: Final = 0.9
_NAME: Final = re.compile(r"[^\W\d][^\t;|\r\n]{0,119}")
_DATE: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`separator`: one character, "" where there is one column only. `quote`: one character, "" where nothing quotes. `header`: names first."""

    separator: str
    quote: str
    header: bool


def find_dialect(lines: Sequence[str]) -> Dialect:
    """The dialect of a file that begins with these lines (line ends kept)."""
    best, width = "", 0.0
    for separator in SEPARATORS.values():
        share = _fit(lines, separator)
        if share > width + 1e-9 and not (width >= _FITTING):
            best, width = separator, share
    rows = _rows(lines, best or ";")
    return Dialect(best, '"', _named(rows[0]) if rows else False)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows that this separator gives; one that it cannot make is a row of no cell."""
    reader = csv.reader(iter(lines), delimiter=separator, quotechar='"', strict=True)
    rows: list[list[str]] = []
    while len(rows) < MOST:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            rows.append([])
            continue
        if row:
            rows.append(row)
    return rows


def _fit(lines: Sequence[str], separator: str) -> float:
    """The share of rows as wide as the first row and as most; 0 when the first row is one cell, or none."""
    widths = [len(row) for row in _rows(lines, separator)]
    if not widths or widths[0] < 2:
        return 0.0
    common, times = Counter(widths).most_common(1)[0]
    return times / len(widths) if common == widths[0] else 0.1 * widths.count(widths[0]) / len(widths)


def _named(row: Sequence[str]) -> bool:
    """Whether this row may be names: each begins with a letter, and no two are alike but for being empty."""
    cells = [cell.strip() for cell in row]
    filled = [cell for cell in cells if cell]
    if not filled or len(filled) * 2 < len(cells):
        return False
    return all(_NAME.fullmatch(cell) and not _DATE.search(cell) for cell in filled)
