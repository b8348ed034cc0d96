"""How a signed TOML document is read: strictly, from its exact bytes, and once.

Decides which bytes are a document at all, and gives its tables as `Table`s that account for every key: what is not asked for is refused. It does
not decide what a document means (agreement, instruction and codes do), nor who signed it (proof does).

Everything here runs after the signature verified, on the same bytes; it still takes nothing for granted, because drafts are read too.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, NoReturn, TypeVar

from ecluse.base.refusal import Refusal

__all__ = ["DIGEST", "LARGEST", "Table", "digest_of", "quoted", "read"]

LARGEST: Final = 1 << 20
"""The largest document that is read, in bytes."""

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
"""A digest as documents write it: the name of the function, then 64 lower-case hexadecimal digits."""

_PLACE: Final = re.compile(r"at line \d+, column \d+|at end of document")
_TWICE: Final = re.compile(r"overwrite|twice|[Dd]uplicate|immutable")
_DEEP: Final = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')\s*\.\s*){16}""")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_T = TypeVar("_T")


def digest_of(document: bytes) -> str:
    """The digest of a document's exact bytes (« empreinte »)."""
    return "sha256:" + hashlib.sha256(document).hexdigest()


def read(document: bytes, *, where: str) -> Table:
    """The document's outer table. `where` names the document in refusals.

    Raises Refusal `document/oversize`, `document/not-utf8`, `document/control-character`, `document/duplicate-key` or
    `document/not-toml`.
    """
    if len(document) > LARGEST:
        raise Refusal("document/oversize", where=where, got=len(document), expected=LARGEST)
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("document/not-utf8", where=where, got=error.start) from None
    _refuse_invisible(text, where=where)
    if _DEEP.search(text):
        raise Refusal("document/not-toml", where=where, got="too deep")
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise Refusal("document/not-toml", where=where, got="too deep") from None
    except ValueError as error:
        place = _PLACE.search(str(error))
        code = "document/duplicate-key" if _TWICE.search(str(error)) else "document/not-toml"
        raise Refusal(code, where=where, got=place.group() if place else "number out of range") from None
    for value in _strings(content):
        _refuse_invisible(value, where=where)
    return Table(content, where=where)


def _refuse_invisible(text: str, *, where: str) -> None:
    """Refuse characters that change what is read without showing: controls, bidirectional marks, zero widths, unassigned ones."""
    for line, content in enumerate(text.split("\n"), start=1):
        for character in content.removesuffix("\r"):
            if character != "\t" and unicodedata.category(character) in _INVISIBLE:
                raise Refusal(
                    "document/control-character", where=where, got=f"U+{ord(character):04X}", line=line
                )


def _strings(content: object) -> Iterator[str]:
    """Every key and text in a parsed document, without recursion: escapes may have made what the bytes did not show."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


@dataclass(slots=True)
class Table:
    """One table of a document. Each key is taken once, by its type; `end()` refuses what nobody took."""

    content: Mapping[str, Any]
    where: str
    taken: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """Where `key` of this table stands, for a refusal."""
        return f"{self.where}.{key}"

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self.content

    def text(self, key: str, *, least: int = 1) -> str:
        """A text of at least `least` characters, without the white space around it."""
        value = self._take(key, str, "a text").strip()
        if len(value) < least:
            self.refuse(key, f"a text of at least {least} characters")
        return value

    def exact(self, key: str) -> str:
        """A text that is compared with others byte for byte: not empty, and kept with the white space around it."""
        value = self._take(key, str, "a text")
        if not value:
            self.refuse(key, "a text of at least 1 character")
        return value

    def shaped(self, key: str, shape: re.Pattern[str]) -> str:
        """A text that matches `shape` whole."""
        value = self._take(key, str, "a text")
        if not shape.fullmatch(value):
            self.refuse(key, shape.pattern)
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words."""
        value = self._take(key, str, "a text")
        if value not in allowed:
            self.refuse(key, ", ".join(allowed))
        return value

    def integer(self, key: str, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`, both included. A flag is not a number."""
        value = self._take(key, int, "a whole number")
        if isinstance(value, bool) or not least <= value <= most:
            self.refuse(key, f"a whole number from {least} to {most}")
        return value

    def day(self, key: str) -> date:
        """A date without time."""
        value = self._take(key, date, "a date")
        if isinstance(value, datetime):
            self.refuse(key, "a date without time (2026-12-15)")
        return value

    def instant(self, key: str) -> datetime:
        """An instant with its offset (RFC 3339), given in UTC."""
        value = self._take(key, datetime, "an instant with its offset (2026-12-15T18:00:00Z)")
        if value.tzinfo is None:
            self.refuse(key, "an instant with its offset (2026-12-15T18:00:00Z)")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.refuse(key, "an instant within the years 1 to 9999 in UTC")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of non-empty texts, none twice. The list itself may be empty."""
        values = self._take(key, list, "a list of texts")
        if not all(isinstance(value, str) and value.strip() for value in values):
            self.refuse(key, "a list of texts")
        if len(set(values)) != len(values):
            raise Refusal(
                "document/duplicate-key",
                where=self.at(key),
                got=f"{len(values)} values, {len(set(values))} different",
            )
        return tuple(values)

    def table(self, key: str) -> Table:
        """A table inside this one."""
        return Table(self._take(key, dict, "a table"), where=self.at(key))

    def tables(self, key: str) -> tuple[Table, ...]:
        """The tables of `[[key]]`, none if the key is not written."""
        if not self.has(key):
            return ()
        values = self._take(key, list, "a list of tables")
        if not all(isinstance(value, dict) for value in values):
            self.refuse(key, "a list of tables")
        return tuple(
            Table(value, where=f"{self.at(key)}[{row}]") for row, value in enumerate(values, start=1)
        )

    def every_key(self) -> tuple[str, ...]:
        """All keys of the table, each then counted as taken."""
        self.taken.update(self.content)
        return tuple(self.content)

    def end(self) -> None:
        """Raise Refusal `document/unknown-key` for a key that nobody took."""
        for key in self.content:
            if key not in self.taken:
                raise Refusal(
                    "document/unknown-key",
                    where=self.where,
                    got=quoted(key),
                    expected=", ".join(sorted(self.taken)),
                )

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raise Refusal `document/bad-value` at `key`; the value itself is not repeated."""
        raise Refusal("document/bad-value", where=self.at(key), expected=expected)

    def _take(self, key: str, kind: type[_T], expected: str) -> _T:
        self.taken.add(key)
        if key not in self.content:
            raise Refusal("document/missing-key", where=self.where, got=key)
        value = self.content[key]
        if not isinstance(value, kind):
            self.refuse(key, expected)
        return value


def quoted(word: str) -> str:
    """A word of a document, short enough for one line of a message."""
    return word if len(word) <= 60 else f"{word[:57]}..."
