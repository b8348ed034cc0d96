"""Samples that a person may see beside a mapping, of which none says whom it is about (« exemples masqués »).

Decides what is shown: of a field that is a person's (identity, contact, national number, professional, free text, document), shapes only; of others, values that
the profile shows (seen five times at least, no person's column), else shapes. A shape seen fewer than five times is not shown either.
"""

from __future__ import annotations

from typing import Final

from ecluse.terms.profile import LEAST_SEEN, ColumnProfile
from ecluse.terms.vocabulary import Field

__all__ = ["PRIVATE", "samples"]

PRIVATE: Final = frozenset({"ID", "CT", "NIR", "PRO", "FREE", "DOC"})
"""Categories of which no value is shown, not even a frequent one: a frequent name is somebody's too."""

MOST: Final = 3


def samples(field: Field, column: ColumnProfile) -> tuple[tuple[str, int], ...]:
    """At most three samples with the times each was seen, the most frequent first; none of a secret."""
    if column.secret is not None:
        return ()
    open_ = column.frequent if not field.categories & PRIVATE else ()
    shown = [(text, times) for text, times in open_ if times >= LEAST_SEEN and text.strip()]
    return tuple((shown or [one for one in column.shapes if one[0].strip()])[:MOST])
