"""One process that serves an exchange: HTTPS for people and agents, SFTP beside it, on one event loop.

Decides how the doors are put together and how they end; what each lets in is its own. TLS 1.3 alone: no older version, hence none of its ciphers.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from django.core.asgi import get_asgi_application

from ecluse.adapters.ssh_keys import SshKeys
from ecluse.base.refusal import Fault
from ecluse.doors.api.mount import front
from ecluse.doors.sftp import Listening
from ecluse.doors.sftp import serve as serve_sftp
from ecluse.doors.sftp.people import People
from ecluse.wiring.console import forget
from ecluse.wiring.exchange import Exchange
from ecluse.wiring.housekeeping import keep_house

__all__ = ["ended_house", "keep_house", "serve", "tls"]

MOST_CONNECTIONS = 2_000
KEPT_ALIVE = 15  # seconds
HOUSE = 60  # seconds between two rounds of housekeeping
LAST_WORDS = 10  # seconds that requests under way are given at the end


def serve(served: Exchange, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once both doors are open. Raises Fault `exchange/port-taken`."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(served, ready))


def tls(served: Exchange) -> ssl.SSLContext:
    """The server's side of TLS 1.3."""
    home, door = served.settings.home, served.settings.https
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(home / door.certificate, home / door.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _serve(served: Exchange, ready: Callable[[], None]) -> None:
    keep_house(served)  # before a door opens: a restored backup serves nothing that was to be erased
    server, beside = _https(served, ready), await _sftp(served)
    house = asyncio.create_task(_keep_house(served))
    house.add_done_callback(lambda _: server.handle_exit(signal.SIGTERM, None))
    try:
        await server.serve()
    except SystemExit:  # uvicorn's way of saying that it cannot listen
        door = served.settings.https
        raise Fault("exchange/port-taken", where=door.address, got=door.port) from None
    finally:
        await ended_house(house)
        beside.close()
        await beside.wait_closed()


def _https(served: Exchange, ready: Callable[[], None]) -> _Server:
    door = served.settings.https
    return _Server(
        uvicorn.Config(
            front(get_asgi_application()),
            host=door.address,
            port=door.port,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEPT_ALIVE,
            timeout_graceful_shutdown=LAST_WORDS,
            ssl_context_factory=lambda _config, _default: tls(served),
        ),
        ready,
    )


async def _sftp(served: Exchange) -> Listening:
    keys, door = SshKeys(served.settings.home / "ssh"), served.settings.sftp
    return await serve_sftp(
        address=door.address,
        port=door.port,
        host_key=keys.host(),
        authority=keys.authority(),
        admissions=People(served),
        intakes=served.intake,
        language=served.settings.language,
    )


async def ended_house(house: asyncio.Task[None]) -> None:
    """Housekeeping is over; what ended it before its time is raised: an exchange whose erasures stopped does not go on serving."""
    house.cancel()
    with suppress(asyncio.CancelledError):
        await house


async def _keep_house(served: Exchange) -> None:
    """Every minute: what may no longer be kept is erased, whether or not anybody comes in."""
    while True:
        await asyncio.to_thread(forget)
        await asyncio.sleep(HOUSE)
        await asyncio.to_thread(keep_house, served)


class _Server(uvicorn.Server):
    """uvicorn, which says when it is open."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the service, and that is no failure: uvicorn's own would raise the signal again once all is shut."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            self._ready()


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
