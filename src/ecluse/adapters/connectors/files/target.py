"""A folder of messages as a target: records are gathered in a register, and published as files when they are all there.

Decides when (before gate 2 closes, and again after a run that was killed), what does not fit (the format says so, record by record), and what
is left in the end: the messages alone. A later migration into the same folder begins by reading them back into a new register.
What counts is what a reader of the files sees: reconciliation reads the files, never the register.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.connectors.files.folder import Listing, listed
from ecluse.adapters.connectors.files.format import Fact, Format, Seen, Unread
from ecluse.adapters.connectors.files.publish import MESSAGES, publish, text
from ecluse.adapters.connectors.files.register import (
    REGISTER,
    STATE,
    create_register,
    is_whole,
    loose_links,
    quoted,
    tables_of,
    unpublished,
)
from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.write_sqlite import SqliteTarget
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.code_map import CodeMap

# ruff: noqa: S608 - the only names pasted into a statement are the catalogue's, quoted

__all__ = ["FilesTarget", "published"]

_OURS: Final = ".ecluse-target"
"""Says that the folder is a target, and of which format; it stays."""
_REASONS: Final = frozenset({"not-null", "unique", "foreign-key", "check", "too-long", "type", "other"})
_ASKED: Final = 500
"""Ids asked for in one statement."""


def published(path: Path) -> Listing:
    """What a reader of this place sees: a target's messages, or any other folder's files. Raises Refusal `files/not-published`, `files/absent`."""
    if not (path / _OURS).is_file():
        return listed(path)
    if unpublished(path):
        raise Refusal("files/not-published", where=path.name)
    return listed(path / MESSAGES) if (path / MESSAGES).exists() else Listing(())


class FilesTarget(SqliteTarget):
    """A `passage.load.Target` in the folder at `path`, made where it is not there. `tables`: those of the format, unless a test has its own.

    Raises Refusal `files/not-ours`; Fault `files/damaged`, `target/...`.
    """

    def __init__(self, fmt: Format, path: Path, *, tables: Catalogue | None = None) -> None:
        self._fmt, self._path = fmt, path
        self._tables = tables or tables_of(fmt)
        self._links = {} if tables else loose_links(fmt)
        _claim(path, fmt)
        if not is_whole(path):
            create_register(path, self._tables, self._told())
        super().__init__(Address("sqlite", path=path / REGISTER))
        self._open, self._settled = True, False
        self._code_map = CodeMap({})

    def use_code_map(self, known: CodeMap) -> None:
        """See `passage.code_map.Coded`: it is for the files published from now on, whole, whatever stood in the older ones."""
        self._code_map = known

    def close(self) -> None:
        """Publish what is not yet published, and let go of the register; once all is settled, it is removed."""
        if not self._open:
            return
        self._open = False
        try:
            self.publish()
            over = self._settled and not self._connection.execute("SELECT 1 FROM ecluse_load").fetchone()
        finally:
            super().close()
        if over:
            (self._path / REGISTER).unlink()

    def publish(self) -> None:
        """The files show all that is in the register; nothing is done where they do. Raises Fault `target/disk-full`, `target/failed`."""
        ((written, done),) = self._connection.execute(f"SELECT written, published FROM {STATE}")
        if written != done:
            publish(self._path, self._fmt, self._connection, self._tables, self._code_map)
            self._connection.execute(f"UPDATE {STATE} SET published = ?", (written,))

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """As the port says; a record that the format cannot give back exactly is refused."""
        for given in tables:
            self._check_fits(given)
            self._check_links(given)
        self._changing()
        super().write(tables, mark=mark, replace=replace)

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """As the port says."""
        self._changing()
        super().remove(tables, mark=mark)

    def settle(self, migration: str) -> None:
        """Forget this migration's marks. With the last of them the register goes, when the folder is let go of."""
        super().settle(migration)
        self._settled = True

    def _told(self) -> Iterator[Fact | Seen | Unread]:
        """What the folder's own messages tell."""
        messages = self._path / MESSAGES
        for file in listed(messages).files if messages.exists() else ():
            with file.open() as stream:
                yield from self._fmt.read(stream, name=file.place)

    def _check_fits(self, given: TableRows) -> None:
        for row in given.rows.to_pylist():
            reason = self._fmt.unfit(given.table, {name: text(value) for name, value in row.items()})
            if reason is not None:
                reason = reason if reason in _REASONS else "type"
                raise RowsRefused("target/rows-refused", where=given.table, reason=reason)

    def _check_links(self, given: TableRows) -> None:
        """A link to a parent of a kind that is there at all leads to one: else reading back would find a parent more than was sent."""
        for column, parent in self._links.get(given.table, ()):
            if column in given.rows.schema.names and self._holds_any(parent):
                named = given.rows.column(column).drop_null().unique().to_pylist()
                if any(self._absent(parent, named[at : at + _ASKED]) for at in range(0, len(named), _ASKED)):
                    raise RowsRefused("target/rows-refused", where=given.table, reason="foreign-key")

    def _holds_any(self, table: str) -> bool:
        return self._connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").fetchone() is not None

    def _absent(self, table: str, ids: Sequence[Any]) -> bool:
        key, places = quoted(self._tables.tables[table].primary_key[0]), ", ".join("?" * len(ids))
        asked = f"SELECT count(*) FROM {quoted(table)} WHERE {key} IN ({places})"
        ((found,),) = self._connection.execute(asked, tuple(ids))
        return bool(found != len(ids))

    def _changing(self) -> None:
        """Note, before the change itself, that the files will have to follow: noted in vain, they are written once more."""
        self._connection.execute(f"UPDATE {STATE} SET written = written + 1")


def _claim(path: Path, fmt: Format) -> None:
    """The folder is ours and of this format, or empty and made so."""
    mark = path / _OURS
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if not mark.exists():
            if any(path.iterdir()):
                raise Refusal("files/not-ours", where=path.name)
            handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(fmt.name)
        elif mark.read_text("ascii") not in ("", fmt.name):
            raise Refusal("files/not-ours", where=path.name)
    except OSError as error:
        raise Fault("target/failed", where=path.name, got=type(error).__name__) from None
