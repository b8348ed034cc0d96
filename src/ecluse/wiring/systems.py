"""Which connector serves which address: the one table of systems that can be a source or a target."""

from __future__ import annotations

from pathlib import Path

from ecluse.adapters.connectors.sql.address import Address, parse_address, password_from, refuse_password
from ecluse.passage.extract import Source
from ecluse.passage.load import Target

__all__ = ["open_source", "open_target"]


def open_source(url: str, *, password_file: Path | None = None) -> Source:
    """The system at `url` as a source. Raises Refusal `address/...`, Fault `address/not-reached` when used."""
    if url.startswith("fhir+file://"):
        from ecluse.adapters.connectors.fhir.address import parse_folder
        from ecluse.adapters.connectors.fhir.read import FhirSource

        return FhirSource(parse_folder(url))
    address = _address(url, password_file)
    if address.dialect == "sqlite":
        from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource

        return SqliteSource(address)
    if address.dialect == "postgres":
        from ecluse.adapters.connectors.sql.read_postgres import PostgresSource

        return PostgresSource(address)
    from ecluse.adapters.connectors.sql.read_mariadb import MariadbSource

    return MariadbSource(address)


def open_target(url: str, *, password_file: Path | None = None) -> Target:
    """The system at `url` as a target. Raises as `open_source`."""
    if url.startswith("fhir+file://"):
        from ecluse.adapters.connectors.fhir.address import parse_folder
        from ecluse.adapters.connectors.fhir.write import FhirTarget

        return FhirTarget(parse_folder(url))
    address = _address(url, password_file)
    if address.dialect == "sqlite":
        from ecluse.adapters.connectors.sql.write_sqlite import SqliteTarget

        return SqliteTarget(address)
    if address.dialect == "postgres":
        from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget

        return PostgresTarget(address)
    from ecluse.adapters.connectors.sql.write_mariadb import MariadbTarget

    return MariadbTarget(address)


def _address(url: str, password_file: Path | None) -> Address:
    refuse_password(url)
    address = parse_address(url)
    return address.with_password(password_from(password_file, address)) if password_file else address
