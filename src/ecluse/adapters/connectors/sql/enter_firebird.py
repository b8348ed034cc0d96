"""How Firebird is entered: by the official driver and Firebird's own library, in one read-only snapshot.

Decides the terms of a connection and what a complaint of the driver means, by its numbers. Outside this machine the wire is encrypted and
the password proves both sides (SRP); a server older than 3.0 can do neither, and is then not entered: a tunnel makes it near.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.enter_servers import CONNECT_SECONDS, driver
from ecluse.base.refusal import Fault, Refusal

__all__ = ["enter_firebird", "said"]

MODULE: Final = "firebird.driver"
NEAR: Final = f"ConnectionTimeout = {CONNECT_SECONDS}"
FAR: Final = f"{NEAR}\nWireCrypt = Required\nAuthClient = Srp256, Srp"
"""What the address cannot say otherwise (firebird.conf: WireCrypt, AuthClient)."""
CUT: Final = frozenset({335544721, 335544726, 335544727, 335544741, 335544856, 335544528})
CHANGED: Final = frozenset({335544580, 335544578})
DENIED: Final = frozenset({335544352})
TEXT: Final = frozenset({335544849, 335544565})
"""Firebird's numbers (iberror.h): the connection ended; a table or a column is not known; the account may not; a text is not of its set."""


@contextmanager
def enter_firebird(address: Address) -> Iterator[Any]:
    """A transaction of the driver, SNAPSHOT and READ: every statement sees one moment, and none writes.

    Raises Fault `address/not-reached`, Refusal `address/driver-absent`.
    """
    firebird = driver(MODULE)
    config = _terms(firebird, address)
    try:
        connection = firebird.connect(config.name, user=address.account, password=address.password or "")
    except firebird.Error:
        raise Fault("address/not-reached", where=str(address)) from None
    except Exception:
        if firebird.fbapi.has_api():
            raise
        raise Refusal("address/driver-absent", got="libfbclient", expected="libfbclient2 (apt)") from None
    try:
        reading = firebird.tpb(firebird.Isolation.SNAPSHOT, access_mode=firebird.TraAccessMode.READ)
        transaction = connection.transaction_manager(reading)
        transaction.begin()
        yield transaction
    finally:
        with suppress(firebird.Error):  # of a connection that was cut, nothing is left to close
            connection.close()


def _terms(firebird: Any, address: Address) -> Any:
    """The driver's own description of the place, which it keeps by name; no password stands in it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = f"{host}/{address.port}:{address.database}"
    config = firebird.driver_config.get_database(place) or firebird.driver_config.register_database(place)
    config.dsn.value, config.charset.value, config.sql_dialect.value = place, "UTF8", 3
    config.config.value = NEAR if address.near else FAR
    return config


@contextmanager
def said(where: str) -> Iterator[None]:
    """The server's complaints as ours, by their numbers: their texts may hold values."""
    try:
        yield
    except UnicodeDecodeError:
        raise Refusal("source/encoding", where=where, got="Firebird") from None
    except Exception as error:
        if not type(error).__module__.startswith("firebird."):
            raise
        numbers = frozenset(getattr(error, "gds_codes", None) or ())
        if numbers & CUT:
            raise Fault("source/connection-cut", where=where, got=type(error).__name__) from None
        if numbers & DENIED:
            raise Refusal("source/not-permitted", where=where) from None
        if numbers & CHANGED:
            raise Refusal("source/changed", where=where) from None
        if numbers & TEXT:
            raise Refusal("source/encoding", where=where, got="Firebird") from None
        raise Fault("source/not-read", where=where, got=f"{type(error).__name__} {max(numbers, default='')}".strip()) from None  # fmt: skip
