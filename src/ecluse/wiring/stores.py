"""Where a chamber's ledger and parcels lie past one machine: PostgreSQL and an S3 server, as `exchange.toml` names them, or the chamber's own folder.

    [postgresql]
    url = "postgresql://ecluse@db.example/ecluse"    # no password in it
    password_file = "postgresql.pgpass"               # libpq's own form, mode 0600
    [objects]
    endpoint = "https://s3.example"
    bucket = "sas"
    region = "fr-par"
    country = "FR"                                     # where the server stands
    credentials = "s3.toml"                            # access_key and secret_key, mode 0600

Each laboratory has a schema and a prefix of its own. The accounts and the unfinished uploads stay in the exchange's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ecluse.adapters.records import SqliteRecords
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.chamber import Chamber
from ecluse.passage.custody import Vault
from ecluse.passage.keeping import check_country, countries_named
from ecluse.proof.ledger import Records

__all__ = ["ObjectStore", "PostgresStore", "custody_of", "records_of", "unfit"]


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """Where the ledgers lie. `password_file` is relative to the exchange's folder; none where the server trusts this account."""

    url: str
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where the parcels lie. `credentials` is relative to the exchange's folder; `country` is an ISO 3166-1 code."""

    endpoint: str
    bucket: str
    region: str
    credentials: str
    country: str = "FR"


def records_of(store: PostgresStore | None, *, home: Path, chamber: str) -> Records:
    """The records of a chamber's ledger. Raises Refusal `ledger/address`, `settings/secret-open`, Fault `ledger/away`."""
    if store is None:
        return SqliteRecords(home / "chambers" / chamber / "ledger.sqlite")
    from ecluse.adapters.records_postgres import PostgresRecords

    passfile = home / store.password_file if store.password_file else None
    # A chamber's name has no underscore, so that two names never give one schema.
    return PostgresRecords(store.url, schema=f"chamber_{chamber.replace('-', '_')}", passfile=passfile)


def custody_of(store: ObjectStore | None, *, home: Path, chamber: str) -> Vault:
    """A chamber's vault. Raises Refusal `vault/endpoint`, `vault/endpoint-plain`, `vault/credentials`, `settings/secret-open`."""
    if store is None:
        return DiskVault(home / "chambers" / chamber / "custody")
    from ecluse.adapters.objects.place import ObjectPlace
    from ecluse.adapters.objects.vault import ObjectVault

    place = ObjectPlace(store.endpoint, store.bucket, store.region, home / store.credentials)
    return ObjectVault(place, prefix=chamber)


def unfit(store: ObjectStore | None, chamber: Chamber, *, language: str, probe: bool) -> Iterator[str]:
    """Why the parcels of this chamber may not be kept there: the country; with `probe`, the account, or a server that would replace what is kept."""
    if store is None:
        return
    from ecluse.adapters.objects.vault import ObjectVault

    try:
        check_country(store.country, named=countries_named(chamber))
        if probe and isinstance(chamber.custody, ObjectVault):
            chamber.custody.check()
    except (Refusal, Fault) as said:
        yield said.message(language)
