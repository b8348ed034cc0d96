"""SSH as far as SFTP needs it: who may come in, with hardened algorithms alone, throttled and bounded; no shell, no command, no forwarding, no scp.

Whoever is unknown learns nothing: no banner names the product, and an unknown login fails as a known one does. The accounts are looked up again while
people are in: who is no longer admitted is put out.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import asyncssh

from ecluse.base.refusal import Fault
from ecluse.doors.sftp.admitted import Admissions, Admitted, Recognised, let_in, used
from ecluse.doors.sftp.files import Files
from ecluse.doors.sftp.throttle import Limits, Throttle
from ecluse.doors.sftp.tree import Tree
from ecluse.passage.acts import DOOR_ENTERED, DOOR_REFUSED
from ecluse.passage.arrivals import Sent
from ecluse.passage.intake import Intake

__all__ = ["Listening", "serve"]

DOOR: Final = "sftp"
_VERSION: Final = "SFTP"
"""What a client sees before it logs in: SSH-2.0-SFTP."""
_KEX: Final = ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
_CIPHERS: Final = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com")
_MACS: Final = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com")
_SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_TRIES: Final = 6
"""Keys that one connection may offer."""
LET_GO: Final = 5.0
"""Seconds after which a session whose connection is gone is let go, if it was not."""


async def serve(
    *,
    address: str,
    port: int,
    host_key: asyncssh.SSHKey,
    authority: asyncssh.SSHKey,
    admissions: Admissions,
    intakes: Callable[[str], Intake],
    language: str = "fr",
    limits: Limits | None = None,
) -> Listening:
    """Open the door; port 0 takes a free one. `authority`: the public key of the exchange's certificates. Raises Fault `exchange/port-taken`."""
    door = _Door(admissions, intakes, authority, language, limits or Limits())
    try:
        acceptor = await asyncssh.listen(
            address,
            port,
            server_factory=lambda: _Server(door),
            server_host_keys=[host_key],
            sftp_factory=door.session,
            sftp_version=3,
            allow_scp=False,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            x509_trusted_certs=None,
            server_version=_VERSION,
            kex_algs=list(_KEX),
            encryption_algs=list(_CIPHERS),
            mac_algs=list(_MACS),
            signature_algs=list(_SIGNATURES),
            compression_algs=None,
            login_timeout=door.limits.login,
            keepalive_interval=30,
            keepalive_count_max=3,
            config=None,
        )
    except OSError:
        raise Fault("exchange/port-taken", where=address, got=port) from None
    return Listening(acceptor, door)


class Listening:
    """The open door."""

    def __init__(self, acceptor: asyncssh.SSHAcceptor, door: _Door) -> None:
        self._acceptor, self._door = acceptor, door
        self._watch = asyncio.create_task(door.look_again())

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._acceptor.get_port()

    def end(self, login: str) -> int:
        """Put out whoever is in under this login; how many connections ended."""
        return self._door.put_out(login)

    def close(self) -> None:
        """Take nobody any more and put out who is in; their uploads wait to be gone on with."""
        self._watch.cancel()
        self._acceptor.close()
        self._door.put_out(None)

    async def wait_closed(self) -> None:
        """Once everything is let go."""
        with suppress(asyncio.CancelledError):
            await self._watch
        await self._acceptor.wait_closed()
        await self._door.empty.wait()


@dataclass(slots=True)
class _Door:
    """What every connection shares."""

    admissions: Admissions
    intakes: Callable[[str], Intake]
    authority: asyncssh.SSHKey
    language: str
    limits: Limits
    inside: set[_Server] = field(default_factory=set)
    sessions: set[Files] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    throttle: Throttle = field(init=False)
    decoy: str = field(init=False)
    authority_line: str = field(init=False)

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.limits)
        self.count()
        self.decoy = _line(asyncssh.generate_private_key("ssh-ed25519"))
        self.authority_line = _line(self.authority)

    def count(self) -> None:
        """Whether anybody or anything is left inside."""
        if self.inside or self.sessions:
            self.empty.clear()
        else:
            self.empty.set()

    def session(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        """One SFTP session of a connection that has logged in."""
        server = channel.get_connection().get_owner()
        assert isinstance(server, _Server)
        return server.session(channel)

    def put_out(self, login: str | None) -> int:
        """End every connection of a login, or all."""
        ended = [server for server in self.inside if login in (None, server.login)]
        for server in ended:
            server.end()
        return len(ended)

    async def look_again(self) -> None:
        """From time to time ask the accounts whether those inside still belong there."""
        while True:
            await asyncio.sleep(self.limits.looked_again)
            for login in {server.login for server in self.inside if server.entered}:
                found = await asyncio.to_thread(self.admissions.find, login)
                for server in [it for it in self.inside if it.entered and it.login == login]:
                    if not server.still(found):
                        server.end()


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, door: _Door) -> None:
        self._door = door
        self._taken = self.entered = False
        self._tries = itertools.count(1)
        self._sessions = 0
        self._files: set[Files] = set()
        self.login = self._address = self._by = ""
        self._found: Admitted | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Too many from there: closed before anything is said."""
        self._connection = conn
        self._address = str(conn.get_extra_info("peername")[0])
        self._taken = self._door.throttle.enter(self._address)
        if self._taken:
            self._door.inside.add(self)
            self._door.count()
        else:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Counted out; a known account that did not get in is noted."""
        if not self._taken:
            return
        door = self._door
        door.inside.discard(self)
        door.count()
        asyncio.get_running_loop().call_later(LET_GO, self._let_go)
        door.throttle.leave(self._address, known=self.entered)
        if self.login and not self.entered:
            door.throttle.fail(self._address)
            if self._found is not None and door.throttle.notes(self._address):
                asyncio.get_running_loop().run_in_executor(None, self._note, DOOR_REFUSED, "")

    async def begin_auth(self, username: str) -> bool:
        """Look the login up, known or not, and hold what it offers against the keys found."""
        self.login = username
        self._found = await asyncio.to_thread(self._door.admissions.find, username)
        door = self._door
        self._connection.set_authorized_keys(
            Recognised(
                username, self._found, authority=door.authority_line, decoy=door.decoy, offered=self._offered
            )
        )
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys alone."""
        return True

    def _offered(self) -> None:
        """A key that is not this login's: a few are borne, for people have several."""
        if next(self._tries) >= _TRIES:
            self.end()

    async def auth_completed(self) -> None:
        """In: noted in the ledger of every chamber it sees, before anything is done."""
        if self not in self._door.inside:
            return  # gone while it was looked at
        self._by = used(self._connection)
        self._found = let_in(self._found, self._by)
        self.entered = True
        self._door.throttle.known()
        await asyncio.to_thread(self._note, DOOR_ENTERED, self._by)

    def session(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        """A session's view of the chambers."""
        assert self._found is not None
        self._sessions += 1
        door = self._door
        if self._sessions > door.limits.sessions:
            raise asyncssh.ServiceNotAvailable("")
        files = Files(
            channel,
            Tree(self._found, door.intakes),
            said=Sent(self._found.id, DOOR, self._address),
            wait=lambda octets: door.throttle.wait(self._address, octets),
            over=self._over,
            language=door.language,
        )
        door.sessions.add(files)
        self._files.add(files)
        return files

    def _over(self, files: Files) -> None:
        self._files.discard(files)
        self._door.sessions.discard(files)
        self._door.count()

    def _let_go(self) -> None:
        """Where asyncssh's own end of a session was cut short."""
        for files in list(self._files):
            self._connection.create_task(files.exit())

    def still(self, found: Admitted | None) -> bool:
        """Whether what let it in still would, to the same."""
        now = let_in(found, self._by)
        if now is None or self._found is None:
            return False
        return replace(now, keys=(), certificates={}) == replace(self._found, keys=(), certificates={})

    def end(self) -> None:
        """Put it out."""
        self._connection.abort()

    def _note(self, act: str, key: str) -> None:
        assert self._found is not None
        sent = Sent(self._found.id, DOOR, self._address)
        for chamber in self._found.chambers:
            body: dict[str, object] = {"key": key} if key else {}
            self._door.intakes(chamber).arrivals.record(act, self._found.id, sent, body)


def _line(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key("openssh").decode().split()[:2])
