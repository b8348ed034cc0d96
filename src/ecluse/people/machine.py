"""Machine accounts (« compte de machine »): which agent may speak to the exchange, for which chamber, and under which site's name.

Decides what an account is; who may enrol or end one is a person's act in the console, after a second factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ecluse.proof.keys import VerifyKey

__all__ = ["MachineAccount", "Machines"]


@dataclass(frozen=True, slots=True)
class MachineAccount:
    """One machine account that lives: its key, the `site` whose acts it may append, its chamber, and its migration where it is bound to one."""

    key: VerifyKey
    site: str
    chamber: str
    migration: str = ""


class Machines(Protocol):
    """The machine accounts of an exchange (`adapters.accounts`)."""

    def enrolled(self, key: str) -> MachineAccount | None:
        """The living account of a key (as `VerifyKey.encode` writes it); None once it is ended."""
        ...
