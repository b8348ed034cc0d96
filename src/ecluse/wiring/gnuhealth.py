"""GNU Health, as a source and as a target. The password file of the settings holds its account's password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ecluse.adapters.connectors.gnuhealth.address import SCHEMES, parse_gnuhealth

if TYPE_CHECKING:
    from ecluse.passage.extract import Source
    from ecluse.passage.load import Target

__all__ = ["SCHEMES", "check_gnuhealth", "gnuhealth_source", "gnuhealth_target"]


def check_gnuhealth(url: str) -> None:
    """An address that can be read and holds no password. Raises Refusal `gnuhealth/...`, `address/password-in-sight`."""
    parse_gnuhealth(url)


def gnuhealth_source(url: str, *, password_file: Path | None = None, scratch: Path | None = None) -> Source:
    """The GNU Health at `url`. Raises Refusal `gnuhealth/...`, `address/password-...`."""
    from ecluse.adapters.connectors.files.folder import Listing
    from ecluse.adapters.connectors.files.source import FilesSource
    from ecluse.adapters.connectors.gnuhealth.server import Server
    from ecluse.adapters.connectors.gnuhealth.tables import GnuHealthTables, held

    server = Server(parse_gnuhealth(url).entered(password_file), side="source")
    return FilesSource(GnuHealthTables(), lambda: Listing(held(server)), scratch=scratch)


def gnuhealth_target(url: str, *, password_file: Path | None = None) -> Target:
    """The GNU Health at `url`. Raises as `gnuhealth_source`."""
    from ecluse.adapters.connectors.gnuhealth.server import Server
    from ecluse.adapters.connectors.gnuhealth.target import GnuHealthTarget

    return GnuHealthTarget(Server(parse_gnuhealth(url).entered(password_file), side="target"))
