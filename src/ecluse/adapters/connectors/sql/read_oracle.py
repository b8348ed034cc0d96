"""Oracle as a source: one READ ONLY transaction, rows streamed, every value as the text that TO_CHAR writes.

Decides the terms of the view and what a complaint of the driver means, by its number. Compiled and parsed back, with a fake at the driver's
boundary; never run on a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.describe_oracle import describe_oracle, privileges_oracle
from ecluse.adapters.connectors.sql.enter_servers import open_oracle
from ecluse.adapters.connectors.sql.read_server import ServerSnapshot
from ecluse.base.refusal import Fault, Refusal
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["OracleSource"]

CUT: Final = frozenset(
    {"ORA-00028", "ORA-01012", "ORA-03113", "ORA-03114", "ORA-03135", "DPY-1001", "DPY-4011"}
)
CHANGED: Final = frozenset({"ORA-00904", "ORA-00942", "ORA-01466", "ORA-08103"})
DENIED: Final = frozenset({"ORA-01031", "ORA-41900"})
"""Oracle's and the driver's numbers: the connection ended; the structure changed under the view; the account may not."""


class OracleSource:
    """Implements `passage.extract.Source` for the service at `address`. `enter` opens a DB-API connection."""

    def __init__(self, address: Address, *, enter: Callable[[Address], Any] = open_oracle) -> None:
        self.address = address
        self._enter = enter
        self._first: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """The schema's tables. Raises Fault `address/not-reached`, Refusal `address/driver-absent`."""
        with closing(self._enter(self.address)) as connection, _said("the tables"):
            self._first = describe_oracle(connection, self.address.schemas)
            return self._first

    def privileges(self) -> frozenset[Privilege]:
        """What the account may do."""
        with closing(self._enter(self.address)) as connection, _said("the privileges"):
            return privileges_oracle(connection)

    @contextmanager
    def snapshot(self) -> Iterator[ServerSnapshot]:
        """One consistent view: every statement sees the moment of SET TRANSACTION, and none writes. Raises Fault `address/not-reached`."""
        with closing(self._enter(self.address)) as connection:
            with _said("the tables"), closing(connection.cursor()) as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                catalogue = describe_oracle(connection, self.address.schemas)
            yield ServerSnapshot(connection, catalogue, self._first or catalogue, "oracle", _said)


@contextmanager
def _said(where: str) -> Iterator[None]:
    """The server's complaints as ours, by their numbers: their texts may hold values."""
    try:
        yield
    except UnicodeDecodeError:
        raise Refusal("source/encoding", where=where, got="Oracle") from None
    except Exception as error:
        if not type(error).__module__.startswith("oracledb"):
            raise
        number = str(getattr(error.args[0], "full_code", "") if error.args else "")
        if number in CHANGED:
            raise Refusal("source/changed", where=where) from None
        if number in DENIED:
            raise Refusal("source/not-permitted", where=where) from None
        code = "source/connection-cut" if number in CUT else "source/not-read"
        raise Fault(code, where=where, got=f"{type(error).__name__} {number}".strip()) from None
