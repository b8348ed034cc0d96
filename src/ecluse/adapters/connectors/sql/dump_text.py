"""A full SQL dump as a stream: its statements one after the other, and its COPY lines.

Decides where a statement ends in the three families of dumps (pg_dump plain, mysqldump and mariadb-dump, sqlite3 .dump), and that a dump that
does not say its own last word is cut. It reads bytes once, never back, and holds one statement at a time. It decides nothing about tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from ecluse.base.refusal import Refusal

__all__ = ["Flavour", "Reader"]

Flavour = Literal["postgres", "mysql", "sqlite"]

LARGEST: Final = 1 << 30
"""A statement longer than this is refused: it could not be held."""

_MARKS: Final = (
    (b"-- PostgreSQL database dump\n", "postgres"), (b"-- MariaDB dump", "mysql"), (b"-- MySQL dump", "mysql"),
    (b"PRAGMA foreign_keys=OFF", "sqlite"),
)  # fmt: skip
"""What the first lines of a dump say it is."""

_LAST_WORDS: Final[dict[str, bytes]] = {
    "postgres": b"-- PostgreSQL database dump complete",
    "mysql": b"-- Dump completed",
}

_STOPS: Final[dict[str, re.Pattern[bytes]]] = {
    "postgres": re.compile(rb"'|\"|;|--|/\*|\$\w*\$"),
    "mysql": re.compile(rb"'|\"|`|;|--(?=\s)|#|/\*"),
    "sqlite": re.compile(rb"'|\"|`|;|--|/\*"),
}
_CLOSES: Final[dict[bytes, re.Pattern[bytes]]] = {
    b"'": re.compile(rb"'"), b'"': re.compile(rb'"'), b"`": re.compile(rb"`"), b"/*": re.compile(rb"\*/"),
    b"\\'": re.compile(rb"(?:[^'\\]++|\\.)*+'", re.DOTALL),  # a string with backslashes
    b'\\"': re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL),
}  # fmt: skip


class Reader:
    """The statements of a dump. `line` is where it stands, for messages; a value never is. `first`: its first line, where it was read already."""

    def __init__(self, stream: BinaryIO, *, first: bytes = b"") -> None:
        self._stream = stream
        self._ahead: list[bytes] = []
        self.line = 0
        self.finished = False
        self._held: list[bytes] = []  # the pieces of the statement that is not ended yet
        self._size = 0
        self._inside = b""  # the quote or comment that is open
        self._mark = b";"
        self.flavour: Flavour = self._recognised(first)

    def statements(self) -> Iterator[bytes]:
        """Each statement, without its end mark. Raises Refusal `source/dump-truncated`, `source/dump-unreadable`."""
        while line := self._next():
            if self._held or self._inside or not self._aside(line):
                yield from self._cut(line)
        if self._held or self._inside or not self.finished:
            raise Refusal("source/dump-truncated", where=self.line, got="no end mark")

    def _cut(self, line: bytes) -> Iterator[bytes]:
        """The statements that end in this line; what is left of it is held."""
        start = 0
        while (end := self._end(line, start)) is not None:
            self._held.append(line[start : end - len(self._mark)])
            statement, start = b"".join(self._held).strip(), end
            unfinished = self.flavour == "sqlite" and _open_trigger(statement)
            self._held = [statement, b";"] if unfinished else []
            if statement and not unfinished:
                yield statement
        rest = line[start:]
        if self._held or rest.strip():
            self._held.append(rest)
        if self._size > LARGEST:
            raise Refusal("source/dump-unreadable", where=self.line, got="a statement of more than 1 GiB")
        self._size = self._size + len(rest) if self._held else 0

    def copied(self) -> Iterator[list[bytes]]:
        r"""The lines of the COPY block that begins here, in lists of about 8 MiB, up to its end mark `\.`."""
        lines: list[bytes] = []
        size = 0
        while line := self._next():
            if line in (b"\\.\n", b"\\.\r\n"):
                yield lines
                return
            lines.append(line)
            size += len(line)
            if size > 8 << 20:
                yield lines
                lines, size = [], 0
        raise Refusal("source/dump-truncated", where=self.line, got="inside COPY")

    def _next(self) -> bytes:
        line = self._ahead.pop(0) if self._ahead else self._stream.readline(LARGEST)
        if line:
            self.line += 1
            if len(line) >= LARGEST:
                raise Refusal("source/dump-unreadable", where=self.line, got="a line of 1 GiB")
        return line

    def _recognised(self, first: bytes) -> Flavour:
        for place in range(20):
            line = first if first and place == 0 else self._stream.readline(LARGEST)
            self._ahead.append(line)
            for mark, flavour in _MARKS:
                if line.replace(b"\r\n", b"\n").startswith(mark):
                    return flavour  # type: ignore[return-value]
        raise Refusal(
            "source/dump-unreadable", where=1, got="no head of pg_dump, mariadb-dump or sqlite3 .dump"
        )

    def _aside(self, line: bytes) -> bool:
        """Whether a line between statements is none: blank, a comment, a command to psql or mysql. The dump's last word is a comment."""
        last = _LAST_WORDS.get(self.flavour)
        if last and line.startswith(last):
            self.finished = True
        if self.flavour == "mysql" and line[:10].upper() == b"DELIMITER ":
            self._mark = line[10:].strip()
            if not self._mark:
                raise Refusal("source/dump-unreadable", where=self.line, got="a DELIMITER that names none")
            return True
        return (
            not line.strip()
            or line.startswith(b"--")
            or (self.flavour == "postgres" and line.startswith(b"\\"))
        )

    def _end(self, line: bytes, place: int) -> int | None:
        """Where the statement ends in this line, past its mark; None: not here, and `_inside` is what stays open."""
        while True:
            if self._inside:
                closing = _closing(self._inside, line, place)
                if closing is None:
                    return None
                place, self._inside = closing, b""
            found = _STOPS[self.flavour].search(line, place)
            if found is None or found.group() in (b"--", b"#"):
                return None
            place, token = found.end(), found.group()
            if token != b";":
                self._inside = self._opened(line, found.start(), token)
            elif line.startswith(self._mark, found.start()):
                return found.start() + len(self._mark)

    def _opened(self, line: bytes, at: int, token: bytes) -> bytes:
        """The quote that opens here, marked with a backslash where backslashes escape: always in MariaDB, in E'...' in PostgreSQL."""
        if self.flavour == "mysql":
            escaped = token in (b"'", b'"')
        else:
            escaped = (
                self.flavour == "postgres"
                and token == b"'"
                and bool(re.search(rb"(?<!\w)[eE]\Z", line[max(0, at - 2) : at]))
            )
        return b"\\" + token if escaped else token


def _closing(inside: bytes, line: bytes, place: int) -> int | None:
    """Where what is open closes. A string with backslashes is matched from its start, so that an escaped quote does not close it."""
    pattern = _CLOSES.get(inside) or re.compile(re.escape(inside))
    found = pattern.match(line, place) if inside[:1] == b"\\" else pattern.search(line, place)
    return found.end() if found else None


def _open_trigger(statement: bytes) -> bool:
    """SQLite's triggers hold statements: theirs ends with END."""
    return bool(re.match(rb"CREATE\s+(?:TEMP\w*\s+)?TRIGGER\b", statement, re.IGNORECASE)) and not re.search(
        rb"\bEND\Z", statement, re.IGNORECASE
    )
