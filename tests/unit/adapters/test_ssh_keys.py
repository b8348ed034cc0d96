"""The exchange's SSH keys and its certificates of a few hours, read by OpenSSH itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from ecluse.adapters.ssh_keys import LONGEST, SshAuthority, SshKeys, read_public_key
from ecluse.base.refusal import Refusal

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Register:
    """`Serials`: what was issued."""

    def __init__(self) -> None:
        self.issued: list[tuple[str, str, tuple[str, ...]]] = []

    def issue(
        self, login: str, *, fingerprint: str, chambers: Sequence[str], at: datetime, until: datetime
    ) -> int:
        self.issued.append((login, fingerprint, tuple(chambers)))
        return 40 + len(self.issued)


def public(kind: str = "ssh-ed25519", **said: int) -> str:
    return asyncssh.generate_private_key(kind, **said).export_public_key("openssh").decode()


def test_keys_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    """Both keys are made at the first asking and are the same afterwards, 0600 in a folder 0700; opened to others they are refused."""
    keys = SshKeys(tmp_path / "ssh")
    host, authority = keys.host(), keys.authority()
    again = SshKeys(tmp_path / "ssh")
    assert (again.host(), again.authority()) == (host, authority)
    assert host != authority
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "ssh").iterdir()}
    assert modes == {"host.key": 0o600, "authority.key": 0o600}
    assert (tmp_path / "ssh").stat().st_mode & 0o777 == 0o700
    (tmp_path / "ssh" / "host.key").chmod(0o644)
    with pytest.raises(Refusal, match="door/passphrase-file-open"):
        again.host()


def test_a_certificate_says_whose_it_is_for_a_few_hours_and_allows_nothing_else(tmp_path: Path) -> None:
    """OpenSSH reads its serial, its one principal, its end, and no permission: no terminal, no forwarding."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("SFTP clients: OpenSSH is absent")
    register, key = Register(), public()
    authority = SshAuthority(SshKeys(tmp_path / "ssh").authority(), register)
    issued = authority.issue("p-00e1", key, chambers=["labo-a"], at=AT, until=AT + LONGEST)
    assert (issued.serial, issued.until) == (41, AT + LONGEST)
    assert register.issued == [("p-00e1", asyncssh.import_public_key(key).get_fingerprint(), ("labo-a",))]
    (tmp_path / "key-cert.pub").write_text(issued.certificate + "\n")
    told = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(tmp_path / "key-cert.pub")], capture_output=True, text=True, check=True, env={"TZ": "UTC"}
    ).stdout  # fmt: skip
    lines = [line.strip() for line in told.splitlines()]
    assert "Serial: 41" in lines
    assert "Valid: from 2026-11-28T11:59:00 to 2026-11-28T20:00:00" in lines
    assert lines[lines.index("Principals:") + 1] == "p-00e1.41"
    assert "Critical Options: (none)" in lines
    assert "Extensions: (none)" in lines


def test_a_certificate_does_not_live_longer(tmp_path: Path) -> None:
    """More than eight hours, or none, is refused, and no serial is used."""
    register = Register()
    authority = SshAuthority(SshKeys(tmp_path / "ssh").authority(), register)
    for until in (AT, AT - timedelta(hours=1), AT + LONGEST + timedelta(seconds=1)):
        with pytest.raises(Refusal, match="ssh/too-long"):
            authority.issue("p-00e1", public(), chambers=["labo-a"], at=AT, until=until)
    assert register.issued == []


def test_keys_that_are_no_longer_trusted_are_not_taken(tmp_path: Path) -> None:
    """DSA, a short RSA, a private key, a certificate, options before the key, two lines, and what is no key at all are refused."""
    private = asyncssh.generate_private_key("ssh-ed25519")
    certified = SshAuthority(SshKeys(tmp_path / "ssh").authority(), Register())
    wrong = [
        public("ssh-dss"),
        public("ssh-rsa", key_size=2048),
        private.export_private_key("openssh").decode(),
        certified.issue("p-00e1", public(), chambers=["a"], at=AT, until=AT + LONGEST).certificate,
        f"cert-authority {public()}",
        public() + public(),
        "ssh-ed25519 AAAA",
        "ssh-ed25519",
        "",
        "x" * 10_000,
    ]
    for line in wrong:
        with pytest.raises(Refusal, match="ssh/key-refused"):
            read_public_key(line)
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        assert read_public_key(public(kind)).get_algorithm() == kind
    assert read_public_key(public("ssh-rsa", key_size=3072))
