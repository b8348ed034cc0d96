"""Unfinished uploads (« envois inachevés »): what a place that keeps them between two connections must promise.

They are beside custody and not in it: nothing here was judged, nothing here is given to anyone. Decides no more than the promises; `intake` judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ecluse.passage.custody import Vault

__all__ = ["Progress", "Upload", "Uploads"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Octets so far and the declared length, if any."""

    size: int
    length: int | None


class Upload(Protocol):
    """One unfinished file, held alone while it is open."""

    @property
    def length(self) -> int | None:
        """Its declared length, if any."""
        ...

    @property
    def size(self) -> int:
        """Octets so far."""
        ...

    def write(self, octets: bytes) -> None:
        """More octets at its end. Raises Fault `vault/disk-full`: what came before stays."""
        ...

    def read(self) -> BinaryIO:
        """What came so far, from its start; to be closed by the caller."""
        ...

    def move(self, name: str, *, to: Vault) -> None:
        """Durable, then in the vault as `name`, then no upload any more. Raises Refusal `vault/exists`, Fault `vault/disk-full`."""
        ...

    def drop(self) -> None:
        """No upload any more; its octets are gone."""
        ...

    def close(self) -> None:
        """Let it go: what was written is durable."""
        ...


class Uploads(Protocol):
    """Unfinished uploads, by migration and name."""

    def open(self, folder: str, name: str, *, length: int | None, fresh: bool) -> Upload:
        """The upload, begun if there was none; emptied when `fresh`. Raises Fault `intake/busy`, Refusal `intake/length`, `vault/name`."""
        ...

    def found(self, folder: str, name: str) -> Progress | None:
        """How far it is; None if there is none."""
        ...

    def names(self, folder: str) -> list[str]:
        """The unfinished uploads of a folder, sorted."""
        ...

    def folders(self) -> list[str]:
        """The folders with unfinished uploads, sorted."""
        ...

    def erase(self, folder: str) -> int:
        """Remove a folder's uploads; how many files went."""
        ...
