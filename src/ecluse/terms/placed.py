"""Where each statement of a TOML file stands, and what is remarked beside it.

Decides lines only: a parsed document has forgotten them, and whoever mends a file needs them. A statement is found by parsing ever more lines until
they are one, so nothing here knows TOML's grammar but `tomllib`. It reads what is well formed; a file that is not has one mistake, `tomllib`'s own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Path", "Placed", "placed"]

Path = tuple[str | int, ...]
"""Keys from the outside in; the place of a table in a list of tables is its number, from 0."""

LONGEST: Final = 400
"""Lines that one statement may take."""


@dataclass(frozen=True, slots=True)
class Placed:
    """`lines`: the line of every key and table, from 1; `remarks`: the comment at the end of its line; `head`: the comment the file begins with."""

    lines: Mapping[Path, int]
    remarks: Mapping[Path, str]
    head: str

    def line(self, path: Path) -> int:
        """The line of this path, else of the nearest table around it; 1 for the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def placed(text: str) -> Placed:
    """Every statement of a well-formed TOML text."""
    lines: dict[Path, int] = {}
    remarks: dict[Path, str] = {}
    counted: dict[Path, int] = {}
    around: Path = ()
    for number, statement in _statements(text):
        content = tomllib.loads(statement)
        found = (
            _opened(content, counted, again=statement.startswith("[[")) if statement.startswith("[") else None
        )
        if found is not None:
            around = found
            paths = [around, *([around[:-1]] if isinstance(around[-1], int) else [])]
        else:
            paths = [around + path for path in _paths(content)]
        for path in paths:
            lines.setdefault(path, number)
        if said := _remark(statement):
            remarks |= dict.fromkeys(paths, said)
    return Placed(lines, remarks, _head(text))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header and each `key = value`, with the line it begins on."""
    rows = text.splitlines()
    place = 0
    while place < len(rows):
        length = 1
        while (
            not _whole("\n".join(rows[place : place + length]))
            and length < LONGEST
            and place + length < len(rows)
        ):
            length += 1
        statement = "\n".join(rows[place : place + length]).strip()
        if statement and not statement.startswith("#") and _whole(statement):
            yield place + 1, statement
        place += length


def _whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _opened(content: Any, counted: dict[Path, int], *, again: bool) -> Path:
    """The table that a header opens; in a list of tables, the next one (`again`), else the last."""
    path: Path = ()
    while content:
        [(key, content)] = content.items()
        path = (*path, key)
        if isinstance(content, list):
            counted[path] = counted.get(path, -1) + again
            content = content[0]
        if path in counted:
            path = (*path, counted[path])
    return path


def _paths(content: Any, path: Path = ()) -> Iterator[Path]:
    """Every key that one statement sets."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield (*path, key)
            yield from _paths(value, (*path, key))


def _remark(statement: str) -> str:
    """The comment at the end: what follows the first # without which the rest means the same."""
    meant = tomllib.loads(statement)
    place = statement.find("#")
    while place >= 0:
        if _whole(statement[:place]) and tomllib.loads(statement[:place]) == meant:
            return statement[place:].lstrip("# ").strip()
        place = statement.find("#", place + 1)
    return ""


def _head(text: str) -> str:
    """The comment lines before anything else."""
    rows = []
    for row in text.splitlines():
        if not row.startswith("#"):
            break
        rows.append(row.removeprefix("#").removeprefix(" "))
    return "\n".join(rows)
