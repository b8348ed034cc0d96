"""An SFTP door with invented accounts, open in this process for tests, and the keys of those who knock."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh

from ecluse.adapters.ssh_keys import Issued, SshAuthority, SshKeys
from ecluse.doors.sftp import Admitted, Limits, Listening, serve
from ecluse.passage.migration import Act
from ecluse.passage.parcel import MANIFEST
from ecluse.wiring.exchange import Exchange, write_exchange
from tests.chambers import AT, MIGRATION, draft, parcel

BODIES = (b"one" * 50_000, b"two", b"three" * 100_000)
FILES, LISTED = parcel(BODIES)
PARTS = sorted(FILES.keys() - {MANIFEST})
GENEROUS = Limits(burst=10_000, per_address=200, not_logged_in=200, failures=10_000, looked_again=0.2)
"""For tests that are not about the limits: all their clients come from one address."""


class Accounts:
    """`doors.sftp.Admissions` and `adapters.ssh_keys.Serials`, in this process."""

    def __init__(self) -> None:
        self.held: dict[str, Admitted] = {}
        self.certified: dict[int, tuple[str, tuple[str, ...], datetime]] = {}
        self.ended: set[int] = set()
        self.asked: list[str] = []

    def find(self, login: str) -> Admitted | None:
        self.asked.append(login)
        found = self.held.get(login)
        now = datetime.now(UTC)  # noqa: TID251 - as the certificates, which OpenSSH and asyncssh hold against the machine's clock
        live = {
            serial: chambers
            for serial, (whose, chambers, until) in self.certified.items()
            if whose == login and now < until and serial not in self.ended
        }
        return None if found is None else replace(found, certificates=live)

    def issue(
        self, login: str, *, fingerprint: str, chambers: Sequence[str], at: datetime, until: datetime
    ) -> int:
        self.certified[len(self.certified) + 1] = (login, tuple(chambers), until)
        return len(self.certified)


@dataclass(slots=True)
class Opened:
    """The door and its world. `keys`: a private key's file for each login; `known`: a known_hosts file."""

    home: Path
    exchange: Exchange
    accounts: Accounts
    authority: SshAuthority
    loop: asyncio.AbstractEventLoop
    listening: Listening
    keys: dict[str, Path] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.listening.port

    @property
    def known(self) -> Path:
        return self.home / "known_hosts"

    def enrol(self, login: str, **said: Any) -> Path:
        """A new account with a key of its own; where its private key is."""
        file = self.home / f"{login}.key"
        key = asyncssh.generate_private_key("ssh-ed25519")
        file.touch(mode=0o600)
        file.write_bytes(key.export_private_key("openssh"))
        line = key.export_public_key("openssh").decode()
        self.accounts.held[login] = Admitted(
            **{"id": login, "chambers": ("labo-a",), "keys": (line,), **said}
        )
        self.keys[login] = file
        return file

    def certify(self, login: str, **said: Any) -> tuple[Path, Issued]:
        """A new account without an enrolled key, and a certificate for a key of its own."""
        file = self.enrol(login, **said)
        line = self.accounts.held[login].keys[0]
        self.accounts.held[login] = replace(self.accounts.held[login], keys=())
        at = datetime.now(UTC)  # noqa: TID251 - as above
        issued = self.authority.issue(login, line, chambers=["labo-a"], at=at, until=at + timedelta(hours=1))
        Path(f"{file}-cert.pub").write_text(issued.certificate + "\n")
        return file, issued

    def options(self, login: str, *more: str) -> list[str]:
        """What OpenSSH's programs are told to come in as this login, and nothing of this machine's own settings."""
        words = ["-F", "none", "-o", f"UserKnownHostsFile={self.known}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]  # fmt: skip
        words += ["-o", "IdentityAgent=none", "-o", "ConnectTimeout=20"]
        key = self.keys.get(login)
        return [*words, *(["-i", str(key)] if key else []), *more]

    def sftp(self, login: str, batch: str, *more: str, folder: Path | None = None) -> Said:
        """OpenSSH's client runs these lines."""
        words = ["sftp", *self.options(login, *more), "-b", "-", "-P", str(self.port), f"{login}@127.0.0.1"]
        return run(words, stdin=batch, folder=folder or self.home)

    def entries(self, chamber: str = "labo-a") -> list[tuple[str, str, dict[str, Any]]]:
        """The ledger since the parcel was extracted: who, what, and its body."""
        events = self.exchange.chamber(chamber).events()
        first = max(event.seq for event in events if event.act == Act.EXTRACT.value)
        return [(event.by, event.act, dict(event.body)) for event in events[first + 1 :]]

    def noted(self, act: str, number: int, chamber: str = "labo-a") -> list[str]:
        """Who did this act, once it is noted so often, or some seconds later: what a stranger did is noted after they left."""
        for _ in range(100):
            found = [by for by, done, _ in self.entries(chamber) if done == act]
            if len(found) >= number:
                break
            time.sleep(0.05)
        return found

    def awaits(self, chamber: str) -> None:
        """Another chamber that awaits the parcel."""
        draft(self.exchange.create_chamber(chamber), LISTED)

    def deposit(self, chamber: str = "labo-a") -> None:
        """The whole parcel put in custody and deposited, as the source's agent does."""
        kept = self.exchange.chamber(chamber)
        for name, octets in FILES.items():
            kept.custody.put(MIGRATION, name, [octets])
        kept.record(Act.DEPOSIT.value, by="p-00e1", subject=MIGRATION, body={"manifest": LISTED.digest})


@dataclass(frozen=True, slots=True)
class Said:
    """How a program ended and what it said."""

    code: int
    out: str

    @property
    def well(self) -> bool:
        return self.code == 0


def run(words: Sequence[str], *, folder: Path, stdin: str = "", seconds: float = 60) -> Said:
    """A program to its end, both its outputs together."""
    done = subprocess.run(
        words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
        check=False, cwd=folder, env={"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return Said(done.returncode, done.stdout)


@contextmanager
def opened(
    home: Path, *, limits: Limits = GENEROUS, exchange: Exchange | None = None, language: str = "fr"
) -> Iterator[Opened]:
    """An exchange whose chamber labo-a awaits a parcel, its SFTP door open on a free port of 127.0.0.1 until the end."""
    if exchange is None:
        exchange = Exchange(
            write_exchange(home, name="sas.example", host="h", language="fr"), clock=lambda: AT
        )
        draft(exchange.create_chamber("labo-a"), LISTED)
    accounts, keys = Accounts(), SshKeys(home / "ssh")
    authority = SshAuthority(keys.authority(), accounts)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Listening:
        return await serve(
            address="127.0.0.1", port=0, host_key=keys.host(), authority=keys.authority(), admissions=accounts,
            intakes=exchange.intake, language=language, limits=limits,
        )  # fmt: skip

    async def stop(listening: Listening) -> None:
        listening.close()
        await listening.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        listening = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
        try:
            door = Opened(home, exchange, accounts, authority, loop, listening)
            host = keys.host().export_public_key("openssh").decode()
            door.known.write_text(f"[127.0.0.1]:{door.port} {host}")
            yield door
        finally:
            asyncio.run_coroutine_threadsafe(stop(listening), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@asynccontextmanager
async def connected(door: Opened, login: str) -> AsyncIterator[asyncssh.SFTPClient]:
    """An asyncssh client of this login."""
    connection = asyncssh.connect(
        "127.0.0.1", door.port, username=login, client_keys=[str(door.keys[login])], known_hosts=str(door.known), config=None, agent_path=None
    )  # fmt: skip
    async with connection as ssh, ssh.start_sftp_client() as sftp:
        yield sftp
