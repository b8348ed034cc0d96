"""An exchange reached over a real network of this machine: an HTTPS server in a thread, and a proxy between that cuts, counts and lets through.

The proxy speaks CONNECT, as a laboratory's does: agents ask it for `sas.example:8443`, and it leads them to the server of the test.
"""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ecluse.adapters.exchange.link import Link
from ecluse.adapters.exchange.place import ExchangePlace
from ecluse.proof.keys import SigningKey

HOST = "sas.example"


class Cutting:
    """A CONNECT proxy to `port`. `cut_after`: octets after which each further one of `cuts` connections is dropped, in the middle of whatever it carries."""

    def __init__(self, port: int) -> None:
        self.port, self.cuts, self.cut_after, self.dropped = port, 0, 0, 0
        self.up = self.down = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                if not (more := client.recv(4096)):
                    return
                asked += more
            assert asked.startswith(b"CONNECT ")
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                self._pump(client, server)

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        carried = 0
        while True:
            ready, _, _ = select.select([client, server], [], [], 60)
            for one in ready:
                block = one.recv(65536)
                if not block:
                    return
                carried += len(block)
                if self.cuts and carried > self.cut_after:
                    self.cuts -= 1
                    self.dropped += 1
                    return
                if one is client:
                    self.up += len(block)
                    server.sendall(block)
                else:
                    self.down += len(block)
                    client.sendall(block)


@contextmanager
def https(served: Any) -> Iterator[tuple[int, str]]:
    """The exchange of this process served by HTTPS in a thread: its port, and the SHA-256 of its certificate."""
    import uvicorn
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from django.core.asgi import get_asgi_application

    from ecluse.doors.api.mount import front
    from ecluse.doors.serving import tls
    from ecluse.wiring.starting import make_certificate

    if not (served.settings.home / served.settings.https.certificate).exists():
        make_certificate(served.settings, at=served.clock())
    certificate = x509.load_pem_x509_certificate(
        (served.settings.home / served.settings.https.certificate).read_bytes()
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            front(get_asgi_application()), http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
            timeout_graceful_shutdown=1, ssl_context_factory=lambda _config, _default: tls(served),
        )
    )  # fmt: skip
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1], hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    server.should_exit = True
    thread.join(5)


def link(proxy: Cutting, certificate: str, *, chamber: str, key: SigningKey) -> Link:
    """The link of a machine, through the proxy, which tries again without waiting long."""
    place = ExchangePlace.parse(f"https://{HOST}:8443/{chamber}", proxy=proxy.url, certificate=certificate)
    return Link(place, key=key, wait=lambda seconds: time.sleep(seconds / 20))
