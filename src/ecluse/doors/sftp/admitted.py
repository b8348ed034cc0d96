"""Who may come in by SSH, as the accounts tell: the Protocol that they implement, and the lines by which a login's keys are recognised.

A certificate is recognised by one of its principals, `<login>.<serial>`, which the exchange's authority put there: looked up at each login among the serials
that live, it is the revocation list. Decides nothing about passwords: there is none. An unknown login costs the same work as a known one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import asyncssh

__all__ = ["Admissions", "Admitted", "Recognised", "let_in", "principal", "used"]

_NOTHING: Final = "no-pty,no-port-forwarding,no-agent-forwarding,no-x11-forwarding"


@dataclass(frozen=True, slots=True)
class Admitted:
    """What one account may do here.

    `id`: as the ledger names it (`p-...`, or a machine's site). `chambers`: where it is admitted now. `migration`: the only one, for a machine bound to one.
    `keys`: its enrolled public keys, each OpenSSH's one line. `certificates`: those neither over nor ended, by serial, each with the chambers it opens.
    """

    id: str
    chambers: tuple[str, ...]
    sends: bool = False
    reads: bool = False
    migration: str = ""
    keys: tuple[str, ...] = ()
    certificates: Mapping[int, tuple[str, ...]] = field(default_factory=dict, hash=False)


class Admissions(Protocol):
    """The accounts, as this door asks for them. Called from any thread."""

    def find(self, login: str) -> Admitted | None:
        """The living account of this login name; None for anyone else."""
        ...


def principal(login: str, serial: int) -> str:
    """What a certificate says whose it is and which one it is."""
    return f"{login}.{serial}"


class Recognised(asyncssh.SSHAuthorizedKeys):
    """What proves to be a login: its keys, and the authority's certificates of its living serials; for an unknown one `decoy`, a key that nobody has.

    `offered`: called for each key offered that is none of them.
    """

    def __init__(
        self, login: str, found: Admitted | None, *, authority: str, decoy: str, offered: Callable[[], None]
    ) -> None:
        lines = [*_lines(login, found, authority)] if found else []
        super().__init__("\n".join(lines or [f"{_NOTHING} {decoy}"]))
        self._offered = offered

    def validate(
        self,
        key: asyncssh.SSHKey,
        client_host: str,
        client_addr: str,
        cert_principals: Sequence[str] | None = None,
        ca: bool = False,
    ) -> Mapping[str, Any] | None:
        """See `asyncssh.SSHAuthorizedKeys`."""
        found = super().validate(key, client_host, client_addr, cert_principals, ca)
        if found is None:
            self._offered()
        return found


def used(connection: asyncssh.SSHServerConnection) -> str:
    """By what the connection came in: the fingerprint of its key, or `certificate <serial>`."""
    environment = connection.get_key_option("environment")
    return str(environment.get("KEY")) if isinstance(environment, dict) else ""


def let_in(found: Admitted | None, by: str) -> Admitted | None:
    """What an account may do who came in so, as `used` writes it: a certificate opens its own chambers alone. None when that lets nobody in any more."""
    if found is None:
        return None
    for serial, chambers in found.certificates.items():
        if by == _certificate(serial):
            return replace(found, chambers=tuple(it for it in found.chambers if it in chambers))
    return found if by in {fingerprint for _, fingerprint in _keys(found)} else None


def _certificate(serial: int) -> str:
    return f"certificate {serial}"


def _lines(login: str, found: Admitted, authority: str) -> Iterator[str]:
    for line, fingerprint in _keys(found):
        yield f'{_NOTHING},environment="KEY={fingerprint}" {line}'
    for serial in found.certificates:
        said = f'principals="{principal(login, serial)}",environment="KEY={_certificate(serial)}"'
        yield f"cert-authority,{_NOTHING},{said} {authority}"


def _keys(found: Admitted) -> Iterator[tuple[str, str]]:
    """Each enrolled key without its comment, and its fingerprint; what is no key lets nobody in."""
    for line in found.keys:
        with suppress(asyncssh.KeyImportError):
            key = asyncssh.import_public_key(line)
            yield " ".join(key.export_public_key("openssh").decode().split()[:2]), key.get_fingerprint()
