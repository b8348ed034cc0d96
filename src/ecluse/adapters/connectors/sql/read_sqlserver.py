"""SQL Server as a source: one SNAPSHOT transaction, rows streamed, every value as the text that CONVERT writes.

Decides that a database which keeps no versions of its rows is not read, and what a complaint of the driver means. Compiled and parsed
back, with a fake at the driver's boundary; never run on a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.describe_sqlserver import describe_sqlserver, privileges_sqlserver
from ecluse.adapters.connectors.sql.enter_servers import open_sqlserver
from ecluse.adapters.connectors.sql.read_server import ServerSnapshot
from ecluse.base.refusal import Fault, Refusal
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["SqlserverSource"]

CUT: Final = frozenset({"ClosedConnectionError", "InterfaceError", "OperationalError"})
"""What python-tds raises where the connection has ended; besides, the system's own errors of a socket."""
_VERSIONS: Final = "SELECT [snapshot_isolation_state] FROM [sys].[databases] WHERE [database_id] = DB_ID()"
"""1: ALLOW_SNAPSHOT_ISOLATION is on (sys.databases)."""


class SqlserverSource:
    """Implements `passage.extract.Source` for the database at `address`. `enter` opens a DB-API connection in autocommit."""

    def __init__(self, address: Address, *, enter: Callable[[Address], Any] = open_sqlserver) -> None:
        self.address = address
        self._enter = enter
        self._first: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """The database's tables. Raises Fault `address/not-reached`, Refusal `address/driver-absent`."""
        with closing(self._enter(self.address)) as connection, _said("the tables"):
            self._first = describe_sqlserver(connection, self.address.schemas)
            return self._first

    def privileges(self) -> frozenset[Privilege]:
        """What the account may do."""
        with closing(self._enter(self.address)) as connection, _said("the privileges"):
            return privileges_sqlserver(connection)

    @contextmanager
    def snapshot(self) -> Iterator[ServerSnapshot]:
        """One consistent view. Raises Fault `address/not-reached`, Refusal `source/no-snapshot` where the database allows none."""
        with closing(self._enter(self.address)) as connection:
            with _said("the tables"), closing(connection.cursor()) as cursor:
                cursor.execute(_VERSIONS)
                state = cursor.fetchall()
                if [tuple(line) for line in state] != [(1,)]:
                    raise Refusal(
                        "source/no-snapshot", where=self.address.database, got="ALLOW_SNAPSHOT_ISOLATION"
                    )
                cursor.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
                cursor.execute("BEGIN TRANSACTION")
                catalogue = describe_sqlserver(connection, self.address.schemas)
            yield ServerSnapshot(connection, catalogue, self._first or catalogue, "tsql", _said)


@contextmanager
def _said(where: str) -> Iterator[None]:
    """The driver's complaints as ours, by their class alone (PEP 249): their texts may hold values."""
    try:
        yield
    except UnicodeDecodeError:
        raise Refusal("source/encoding", where=where, got="SQL Server") from None
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(("pytds", "OpenSSL")):
            raise
        name = type(error).__name__
        cut = isinstance(error, OSError) or name in CUT
        code = "source/connection-cut" if cut else "source/not-read"
        raise Fault(code, where=where, got=name) from None
