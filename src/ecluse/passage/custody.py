"""Custody (« dépôt ») of sealed parcels: where they are kept, blind, for days.

Decides how a parcel moves whole from one vault to another and what a vault must promise. It cannot open a parcel: this module never reaches
`proof.unseal`, which the import contracts hold for the exchange.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from os import SEEK_END
from typing import BinaryIO, Final, Protocol, runtime_checkable

from ecluse.base.refusal import Fault, Refusal

__all__ = ["CHUNK", "Tells", "Vault", "blocks_of", "carry", "digest_of", "hashed", "size_of"]

CHUNK: Final = 1 << 20


class Vault(Protocol):
    """A vault (« coffre »): folders of sealed files, named by Écluse, never by a person or a system."""

    def put(self, folder: str, name: str, octets: Iterable[bytes]) -> int:
        """Keep a new file durably and whole, or not at all; its size. Raises Refusal `vault/exists`, Fault `vault/disk-full`."""
        ...

    def open(self, folder: str, name: str) -> BinaryIO:
        """The file for reading, from anywhere in it. Raises Refusal `vault/absent`."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if the folder is not there."""
        ...

    def folders(self) -> list[str]:
        """The folders, sorted."""
        ...

    def erase(self, folder: str) -> int:
        """Remove a folder with all it holds, leftovers of broken writes too; how many files went. A folder not there is 0."""
        ...


@runtime_checkable
class Tells(Protocol):
    """A vault of another machine, which tells a file's digest rather than send it to be hashed here. What it tells is believed of nothing but a resumption."""

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        """The SHA-256 (hex) and size of a kept file."""
        ...


def digest_of(vault: Vault, folder: str, name: str) -> tuple[str, int]:
    """The SHA-256 (hex) and size of a kept file. Raises Refusal `vault/absent`, Fault `vault/unreadable`."""
    return hashed(vault.open(folder, name))


def hashed(file: BinaryIO) -> tuple[str, int]:
    """The SHA-256 (hex) and size of what is left of a file, which is then closed. Raises Fault `vault/unreadable`."""
    digest, size = hashlib.sha256(), 0
    for block in blocks_of(file):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def size_of(vault: Vault, folder: str, name: str) -> int:
    """The size of a kept file. Raises Refusal `vault/absent`."""
    with vault.open(folder, name) as file:
        return file.seek(0, SEEK_END)


def blocks_of(file: BinaryIO) -> Iterable[bytes]:
    """A file's octets from where it stands to its end, then closed. Raises Fault `vault/unreadable`."""
    with file:
        try:
            while block := file.read(CHUNK):
                yield block
        except OSError:
            raise Fault("vault/unreadable") from None


def carry(folder: str, *, names: Iterable[str], origin: Vault, to: Vault) -> int:
    """Copy these files of a folder from one vault to another; files already there with the same content are left. Octets carried.

    Interrupted, it is simply called again. Raises Refusal `vault/exists` when a file of another content stands there.
    """
    present = set(to.names(folder))
    carried = 0
    for name in names:
        if name in present:
            there = to.digest(folder, name) if isinstance(to, Tells) else digest_of(to, folder, name)
            if digest_of(origin, folder, name) != there:
                raise Refusal("vault/exists", where=f"{folder}/{name}")
            continue
        carried += to.put(folder, name, blocks_of(origin.open(folder, name)))
    return carried
