"""What was found of a table that its file does not say itself, in words: how it is encoded, cut and headed, how it writes dates and decimals.

Decides the sentences, and on what each rests. Encoding, separator, quotes and head are the reader's; dates and decimals are seen in the profile's sample, and
no reader goes by them: a mapping says how a date is written, and a number leaves as it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ecluse.doors.cli.speak import Voice
from ecluse.terms.profile import TableProfile

__all__ = ["decisions"]

_ENCODED: Final = re.compile(r"(.+) \((\w+)[^)]*\)")
_WORDED: Final = {
    "separator": ("tab", "semicolon", "pipe", "comma", "none"),
    "quote": ("double", "single", "none"),
}
"""Decisions whose values are mostly a few words, each with a sentence's part of its own; else the sign itself."""
_DECIMAL: Final = re.compile(r"[+-]?9+(?:\{\d+\})?([.,])9+(?:\{\d+\})?")
_MOST: Final = 4


def decisions(voice: Voice, table: TableProfile, decided: Mapping[str, str]) -> list[str]:
    """A line for each decision, in the reader's order; then what the sample shows of dates and decimals."""
    return [*(_line(voice, name, value) for name, value in decided.items()), *_seen(voice, table)]


def _line(voice: Voice, name: str, value: str) -> str:
    if name == "encoding" and (found := _ENCODED.fullmatch(value)):
        return voice.phrase(
            "decided_encoding", encoding=found[1], why=voice.phrase(f"decided_why_{found[2]}")
        )
    if name == "header":
        return voice.phrase("decided_header" if value != "none" else "decided_no_header")
    if value in _WORDED.get(name, ()):
        return voice.phrase(f"decided_{name}", found=voice.phrase(f"decided_{name}_{value}"))
    return voice.phrase(f"decided_{name}", found=value)


def _seen(voice: Voice, table: TableProfile) -> Iterator[str]:
    formats: dict[str, list[str]] = {}
    marks: dict[str, list[str]] = {}
    for column in table.columns.values():
        date = column.finding("date")
        if date is not None and date.detail:
            formats.setdefault(date.detail, []).append(f"{column.name} ({100 * date.share:.0f} %)")
            continue
        counts: Counter[str] = Counter()
        for form, times in column.shapes:
            if found := _DECIMAL.fullmatch(form):
                counts[found[1]] += times
        for mark, times in counts.items():
            marks.setdefault(mark, []).append(f"{column.name} ({voice.number(times)})")
    for layout, columns in formats.items():
        yield voice.phrase("decided_dates", layout=layout, columns=_few(columns))
    for mark, columns in marks.items():
        yield voice.phrase("decided_comma" if mark == "," else "decided_point", columns=_few(columns))


def _few(columns: list[str]) -> str:
    return ", ".join([*columns[:_MOST], *(["..."] if len(columns) > _MOST else [])])
