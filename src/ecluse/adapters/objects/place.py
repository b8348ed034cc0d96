"""Where an object vault is, and the account it is spoken to with.

Decides what address may be spoken to at all: TLS, or this very machine. The account lies in a file that only its owner reads, never in an argument, an
address or the environment:

    access_key = "..."
    secret_key = "..."
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ecluse.adapters.private import check_private
from ecluse.base.refusal import Refusal

__all__ = ["Account", "ObjectPlace", "check_endpoint", "read_account"]

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of an S3 server; never shown."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """A bucket (« compartiment ») of a server: `endpoint` without a path, as `https://s3.example`; `credentials`: the account's file."""

    endpoint: str
    bucket: str
    region: str
    credentials: Path

    @property
    def address(self) -> SplitResult:
        """The endpoint's parts. Raises Refusal `vault/endpoint`, `vault/endpoint-plain`."""
        return check_endpoint(self.endpoint)

    def check(self) -> None:
        """Every part can be what it says. Raises Refusal `vault/endpoint`, `vault/endpoint-plain`."""
        check_endpoint(self.endpoint)
        if not (_BUCKET.fullmatch(self.bucket) and _REGION.fullmatch(self.region)):
            raise Refusal("vault/endpoint", got=f"{self.bucket}, {self.region}")


def check_endpoint(endpoint: str) -> SplitResult:
    """The address, which is TLS unless it is this machine's own. Raises Refusal `vault/endpoint`, `vault/endpoint-plain`."""
    parts = urlsplit(endpoint)
    try:
        port = parts.port
    except ValueError:
        port = 0
    # An address never holds an account: it is shown in pages and messages.
    whole = (
        parts.hostname
        and port != 0
        and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    )
    if parts.scheme not in ("http", "https") or not whole:
        raise Refusal("vault/endpoint", got=parts.hostname or "?")
    if parts.scheme == "http" and not _loopback(str(parts.hostname)):
        raise Refusal("vault/endpoint-plain", where=parts.hostname)
    return parts


def read_account(file: Path) -> Account:
    """The account in a file. Raises Refusal `vault/credentials`, `settings/secret-open` when others can read it."""
    try:
        check_private(file)
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        raise Refusal("vault/credentials", where=file.name) from None
    if set(told) != {"access_key", "secret_key"} or not all(
        isinstance(it, str) and it for it in told.values()
    ):
        raise Refusal("vault/credentials", where=file.name)
    return Account(**told)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: only a resolver knows what it stands for, and that can change
        return False
