"""Text that no spreadsheet takes for a formula, and back: exact both ways.

Decides the rule, the same for every table we write and CSV first (CWE-1236, "formula injection"): a cell that a program would calculate, and an
empty text, which a cell cannot tell from nothing, are written behind an apostrophe; so is a text that begins with one. Plain numbers stay as
they are: -1,5 calculates nothing. Reading takes the apostrophe off again. Only files of our own are read so: in anybody else's, an apostrophe is a
letter like another.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MARK", "harmless", "restored"]

MARK: Final = "'"

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", MARK)
"""What a spreadsheet may begin to calculate at, in Excel, LibreOffice and their kin, full-width forms included."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{1,40})?")


def harmless(text: str) -> str:
    """The cell that stands for this text."""
    if text and not text.startswith(_DANGEROUS):
        return text
    return text if _NUMBER.fullmatch(text) else MARK + text


def restored(cell: str) -> str:
    """The text that a cell of ours stands for."""
    return cell[1:] if cell.startswith(MARK) else cell
