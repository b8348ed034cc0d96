"""SSH keys of an exchange (« autorité de certification SSH »): its host key, and the authority that certifies a person's key for a few hours.

    exchange/ssh/  host.key  authority.key      Ed25519, 0600; neither opens a parcel

A certificate is given after a second factor in the console, for at most eight hours; its serial is what the door looks up at each login, so that ending it
is one row changed. Nothing is certified that SSH no longer trusts (DSA, RSA under 3072 bits). Decides how keys and certificates are made, not who may have one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import asyncssh
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ecluse.base.refusal import Refusal

__all__ = ["LONGEST", "Issued", "Serials", "SshAuthority", "SshKeys", "read_public_key"]

LONGEST: Final = timedelta(hours=8)
"""How long a certificate lives at most."""
_EARLY: Final = timedelta(minutes=1)
"""Clocks differ: it holds from a little before it is made."""
_TYPES: Final = frozenset(
    {
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
    }
)
_LEAST_RSA: Final = 3072


class Serials(Protocol):
    """The register of certificates, which is also their revocation list."""

    def issue(
        self, login: str, *, fingerprint: str, chambers: Sequence[str], at: datetime, until: datetime
    ) -> int:
        """Note a new certificate, durably; its serial, never given before."""
        ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as OpenSSH reads it (`key-cert.pub`), its serial and its end."""

    certificate: str
    serial: int
    until: datetime


class SshKeys:
    """Both keys in a folder, made at the first asking. Raises Refusal `door/passphrase-file-open` for a key that others can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def host(self) -> asyncssh.SSHKey:
        """What the door proves to be itself with."""
        return self._key("host.key")

    def authority(self) -> asyncssh.SSHKey:
        """What signs certificates."""
        return self._key("authority.key")

    def _key(self, name: str) -> asyncssh.SSHKey:
        file = self._folder / name
        if not file.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh"))
                out.flush()
                os.fsync(out.fileno())
            partial.replace(file)
        if file.stat().st_mode & 0o077:
            raise Refusal("door/passphrase-file-open", where=name, got=oct(file.stat().st_mode & 0o777))
        return asyncssh.import_private_key(file.read_bytes())


class SshAuthority:
    """The exchange's certificate authority."""

    def __init__(self, key: asyncssh.SSHKey, serials: Serials) -> None:
        self._key, self._serials = key, serials

    def issue(
        self, login: str, public_key: str, *, chambers: Sequence[str], at: datetime, until: datetime
    ) -> Issued:
        """Certify that this key is this login's until then. Raises Refusal `ssh/key-refused`, `ssh/too-long`."""
        if not at < until <= at + LONGEST:
            raise Refusal("ssh/too-long", got=str(until - at), expected=str(LONGEST))
        key = read_public_key(public_key)
        serial = self._serials.issue(
            login, fingerprint=key.get_fingerprint(), chambers=chambers, at=at, until=until
        )
        made = self._key.generate_user_certificate(
            key,
            key_id=f"{login}.{serial}",
            serial=serial,
            principals=[f"{login}.{serial}"],
            valid_after=int((at - _EARLY).timestamp()),
            valid_before=int(until.timestamp()),
            permit_x11_forwarding=False,
            permit_agent_forwarding=False,
            permit_port_forwarding=False,
            permit_pty=False,
            permit_user_rc=False,
        )
        return Issued(made.export_certificate("openssh").decode().strip(), serial, until)


def read_public_key(line: str) -> asyncssh.SSHKey:
    """A key to be enrolled or certified. Raises Refusal `ssh/key-refused`: no key, more than one line, a sort that is no longer trusted, a private key."""
    text = line.strip()
    if len(text) > 4096 or "\n" in text or "-cert-v0" in text or text.partition(" ")[0] not in _TYPES:
        raise Refusal("ssh/key-refused")
    try:
        key = asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError):
        raise Refusal("ssh/key-refused") from None
    public = key.pyca_key
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA:
        raise Refusal("ssh/key-refused")
    return key
