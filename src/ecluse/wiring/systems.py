"""Which connector serves which address: the one table of systems that can be a source or a target."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ecluse.adapters.connectors.files.address import format_named, parse_files
from ecluse.adapters.connectors.sql.address import Address, parse_address, password_from, refuse_password
from ecluse.base.refusal import Refusal
from ecluse.wiring.fhir import FHIR, check_fhir, fhir_source, fhir_target
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.formats import Secret, format_of, unheld, writable
from ecluse.wiring.gnuhealth import SCHEMES as GNUHEALTH
from ecluse.wiring.gnuhealth import check_gnuhealth, gnuhealth_source, gnuhealth_target

if TYPE_CHECKING:
    from ecluse.passage.extract import Source
    from ecluse.passage.load import Target

__all__ = ["check_address", "check_replacing", "open_source", "open_target"]


def check_address(url: str) -> None:
    """An address that can be read, of a system that is known, and that shows no password. Raises Refusal `address/...`, `files/...`, `fhir/...`, `gnuhealth/...`."""
    if url.startswith(FHIR):
        check_fhir(url)
    elif url.startswith(GNUHEALTH):
        check_gnuhealth(url)
    elif format_named(url):
        format_of(parse_files(url))
    else:
        _address(url, None)


def open_source(
    url: str, *, password_file: Path | None = None, scratch: Path | None = None, secret: Secret = unheld, site: SiteFolder | None = None,
) -> Source:  # fmt: skip
    """The system at `url` as a source. Raises Refusal `address/...`, `files/...`, Fault `address/not-reached` when used.

    `scratch`: the folder in which an encrypted scratch may lie, for what must be read whole before it answers. `secret`: gives what keys the ids
    made for records that have none; `site`: whose source it is, for what its own line kept.
    """
    if url.startswith(FHIR):
        return fhir_source(url, token_file=password_file, scratch=scratch)
    if url.startswith(GNUHEALTH):
        return gnuhealth_source(url, password_file=password_file, scratch=scratch)
    if format_named(url):
        return _files_source(url, scratch, secret, site)
    return _database(_address(url, password_file), scratch)


def open_target(url: str, *, password_file: Path | None = None) -> Target:
    """The system at `url` as a target. Raises as `open_source`, and Refusal `address/only-a-source` for what is never written."""
    if url.startswith(FHIR):
        return fhir_target(url, token_file=password_file)
    if url.startswith(GNUHEALTH):
        return gnuhealth_target(url, password_file=password_file)
    if format_named(url):
        from ecluse.adapters.connectors.files.target import FilesTarget

        place = parse_files(url)
        fmt = writable(place)
        assert place.path is not None
        return FilesTarget(fmt, place.path)
    address = _address(url, password_file)
    if address.dialect == "sqlite":
        from ecluse.adapters.connectors.sql.write_sqlite import SqliteTarget

        return SqliteTarget(address)
    if address.dialect == "postgres":
        from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget

        return PostgresTarget(address)
    if address.dialect in ("tsql", "oracle", "firebird"):
        raise Refusal("address/only-a-source", got=address.dialect)
    from ecluse.adapters.connectors.sql.write_mariadb import MariadbTarget

    return MariadbTarget(address)


def check_replacing(url: str) -> None:
    """A target that can take rows anew (the cut-over night). Raises Refusal `gnuhealth/no-replacing`, before anything is read for it."""
    if url.startswith(GNUHEALTH):
        raise Refusal("gnuhealth/no-replacing")


def _database(address: Address, scratch: Path | None) -> Source:
    if address.dialect == "sqlite":
        from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource

        return SqliteSource(address)
    if address.dialect == "postgres":
        from ecluse.adapters.connectors.sql.read_postgres import PostgresSource

        return PostgresSource(address)
    if address.dialect == "tsql":
        from ecluse.adapters.connectors.sql.read_sqlserver import SqlserverSource

        return SqlserverSource(address)
    if address.dialect == "oracle":
        from ecluse.adapters.connectors.sql.read_oracle import OracleSource

        return OracleSource(address)
    if address.dialect == "firebird":
        from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource

        return FirebirdSource(address, scratch=scratch)
    from ecluse.adapters.connectors.sql.read_mariadb import MariadbSource

    return MariadbSource(address)


def _files_source(url: str, scratch: Path | None, secret: Secret, site: SiteFolder | None) -> Source:
    from ecluse.adapters.connectors.files.folder import one_stream
    from ecluse.adapters.connectors.files.source import FilesSource
    from ecluse.adapters.connectors.files.target import published

    place = parse_files(url)
    fmt, path = format_of(place, secret=secret), place.path
    if path is None:
        return FilesSource(fmt, lambda: one_stream(sys.stdin.buffer), scratch=scratch)
    if site is not None:
        from ecluse.wiring.line import kept_in

        if opened := kept_in(site, path):
            return FilesSource(fmt, lambda: opened(published(path)), scratch=scratch)
    return FilesSource(fmt, lambda: published(path), scratch=scratch)


def _address(url: str, password_file: Path | None) -> Address:
    refuse_password(url)
    address = parse_address(url)
    return address.with_password(password_from(password_file, address)) if password_file else address
