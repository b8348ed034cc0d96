"""FHIR R4 systems: a folder of NDJSON or a live server, as a source and as a target. The password file of a server holds its token, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ecluse.base.refusal import Refusal

if TYPE_CHECKING:
    from ecluse.passage.extract import Source
    from ecluse.passage.load import Target

__all__ = ["FHIR", "check_fhir", "fhir_source", "fhir_target"]

FHIR: Final = ("fhir+file:", "fhir+https:", "fhir+http:")
"""How such addresses begin."""


def check_fhir(url: str) -> None:
    """An address that can be read and holds no token. Raises Refusal `fhir/...`."""
    from ecluse.adapters.connectors.fhir.address import is_folder, parse_folder, parse_server

    if is_folder(url):
        parse_folder(url)
    else:
        parse_server(url)


def fhir_source(url: str, *, token_file: Path | None = None, scratch: Path | None = None) -> Source:
    """The folder or server at `url`. Raises Refusal `fhir/...`, `address/password-...`."""
    from ecluse.adapters.connectors.fhir.address import is_folder, parse_folder, parse_server
    from ecluse.adapters.connectors.fhir.folder import MANIFEST
    from ecluse.adapters.connectors.fhir.format import FhirFormat
    from ecluse.adapters.connectors.files.folder import Listing, listed, one_stream
    from ecluse.adapters.connectors.files.source import FilesSource

    if is_folder(url):
        from ecluse.adapters.connectors.fhir.read import FhirSource

        folder = parse_folder(url)
        if folder.is_stream:
            return FilesSource(FhirFormat(folder.zone), lambda: one_stream(sys.stdin.buffer), scratch=scratch)

        def resources() -> Listing:
            """All but the listing of a Bulk Data export, which names them and holds no resource."""
            listing = listed(folder.path)
            kept = tuple(file for file in listing.files if file.name != MANIFEST)
            listing.left["manifest"] += len(listing.files) - len(kept)
            return Listing(kept, listing.left)

        return FhirSource(folder, FilesSource(FhirFormat(folder.zone), resources, scratch=scratch).snapshot)
    from ecluse.adapters.connectors.fhir.server import Server
    from ecluse.adapters.connectors.fhir.server_read import FhirServerSource, server_files

    address = parse_server(url)
    server = Server(address, token=_token(token_file), side="source")
    files = FilesSource(FhirFormat(address.zone), lambda: Listing(server_files(server)), scratch=scratch)
    return FhirServerSource(server, files.snapshot)


def fhir_target(url: str, *, token_file: Path | None = None) -> Target:
    """The folder or server at `url`. Raises as `fhir_source`."""
    from ecluse.adapters.connectors.fhir.address import is_folder, parse_folder, parse_server

    if is_folder(url):
        from ecluse.adapters.connectors.fhir.write import FhirTarget

        folder = parse_folder(url)
        if folder.is_stream:
            raise Refusal("fhir/address-unreadable")
        return FhirTarget(folder)
    from ecluse.adapters.connectors.fhir.server_write import FhirServerTarget

    return FhirServerTarget(parse_server(url), token=_token(token_file))


def _token(file: Path | None) -> str | None:
    from ecluse.adapters.connectors.fhir.address import token_from

    return token_from(file) if file else None
