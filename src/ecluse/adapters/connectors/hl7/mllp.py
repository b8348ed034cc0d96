"""HL7 v2 live: MLLP over TLS, both ends known by their certificates. A listener, and a sender.

Decides that a message is acknowledged only once it is kept (`kept`), that a sender takes nothing for delivered before its acknowledgement and sends
nothing again after it, and that there is no line without TLS and none without the peer's certificate. The address and the files come from the wiring.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ecluse.adapters.connectors.hl7.kept import Keep
from ecluse.adapters.connectors.hl7.line import (
    Answer,
    Broken,
    Frames,
    acknowledged,
    acknowledgement,
    control_of,
    framed,
    receipt,
)
from ecluse.base.refusal import Fault, Refusal

__all__ = ["Delivered", "Journal", "Listener", "Peer", "Sender", "tls"]

_CHUNK: Final = 1 << 16
_DELIVERED: Final = ("AA", "CA")
_REJECTED: Final = ("AR", "CR")


def tls(*, certificate: Path, key: Path, peers: Path, server: bool) -> ssl.SSLContext:
    """TLS 1.2 or later, our certificate, and only peers whose certificate `peers` (PEM) vouches for. Raises Refusal `hl7/certificate-unreadable`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key, password=_none)
        context.load_verify_locations(peers)
    except (OSError, ssl.SSLError, ValueError):
        raise Refusal("hl7/certificate-unreadable", where=f"{certificate}, {key}, {peers}") from None
    return context


def _none() -> str:
    raise ValueError("a key with a password is not asked for")


# --- listening ----------------------------------------------------------------------------------------------------------------------------


class Listener:
    """Takes messages on one address until it is closed. `now` gives MSH-7 of what it answers; `wait`: seconds that a peer may be silent within a
    frame; `idle`: seconds that a line may stand unused; `most`: lines open at once.
    """

    def __init__(
        self, *, tls: ssl.SSLContext, keep: Keep, now: Callable[[], str], wait: float = 30.0, idle: float = 3600.0, most: int = 64
    ) -> None:  # fmt: skip
        if tls.verify_mode is not ssl.CERT_REQUIRED:
            raise ValueError("a line without the peer's certificate")
        self._tls, self._keep, self._now = tls, keep, now
        self._wait, self._idle, self._most = wait, idle, most
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._in_hand: set[asyncio.Task[bytes]] = set()
        self.counts: Counter[str] = Counter()
        """Messages "kept", "again" (kept before), "refused", "not-kept"; lines "broken", "crowded"."""

    async def open(self, host: str, port: int) -> int:
        """Begins to listen; the port, where 0 was asked. Raises OSError where the address is taken."""
        self._server = await asyncio.start_server(
            self._line, host, port, ssl=self._tls, ssl_handshake_timeout=self._wait
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Takes no more lines and ends those that are open. A message in hand is kept or not; unacknowledged, its peer sends it again."""
        if self._server:
            self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, *self._in_hand, return_exceptions=True)
        if self._server:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), self._wait)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            if len(self._lines) > self._most:
                self.counts["crowded"] += 1
            else:
                await self._messages(reader, writer)
        except Broken:
            self.counts["broken"] += 1
        except (OSError, asyncio.CancelledError, TimeoutError, ssl.SSLError):
            pass  # the peer went, or we close: what is not acknowledged, the peer sends again
        finally:
            self._lines.discard(task)
            writer.close()

    async def _messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        while octets := await asyncio.wait_for(
            reader.read(_CHUNK), self._wait if frames.begun else self._idle
        ):
            for message in frames.feed(octets):
                work = asyncio.create_task(self._answered(message))
                self._in_hand.add(work)
                work.add_done_callback(self._in_hand.discard)
                writer.write(framed(await asyncio.shield(work)))
                await asyncio.wait_for(writer.drain(), self._wait)

    async def _answered(self, message: bytes) -> bytes:
        """The acknowledgement: AA is written here, and here alone, after the message is kept."""
        found, answer = receipt(message)
        if answer.code == "AA":
            try:
                new = await asyncio.to_thread(self._keep.keep, message)
                self.counts["kept" if new else "again"] += 1
            except (Fault, Refusal, OSError):
                answer = Answer("AE", "not-kept")
                self.counts["not-kept"] += 1
        else:
            self.counts["refused"] += 1
        return acknowledgement(message, found, answer, number=self.counts.total(), at=self._now())


# --- sending ------------------------------------------------------------------------------------------------------------------------------


class Journal(Protocol):
    """What has been acknowledged, remembered from one run to the next."""

    def has(self, control: str) -> bool:
        """Whether the message of this control id was acknowledged."""
        ...

    def note(self, control: str) -> None:
        """Remember it, durably."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: where it listens, by what certificate it is known (`name`, else `host`), how long and how often it is waited for."""

    host: str
    port: int
    tls: ssl.SSLContext = field(repr=False)
    name: str = ""
    wait: float = 30.0
    attempts: int = 5
    pause: float = 1.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the messages given: acknowledged now, and before."""

    sent: int
    before: int


class Sender:
    """Sends one message after another, each until it is acknowledged."""

    def __init__(
        self, peer: Peer, journal: Journal, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._peer, self._journal, self._sleep = peer, journal, sleep
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, messages: Iterable[bytes]) -> Delivered:
        """All of them, in order. Raises Refusal `hl7/rejected`, Fault `hl7/not-acknowledged`: those before it are delivered, and remembered so."""
        sent = before = 0
        try:
            for number, message in enumerate(messages, start=1):
                control = control_of(message)
                if not control:
                    raise Refusal("hl7/rejected", where=self._where, number=number, got="MSH-10")
                if self._journal.has(control):
                    before += 1
                    continue
                await self._delivered(message, control, number)
                self._journal.note(control)
                sent += 1
        finally:
            self._hang_up()
        return Delivered(sent, before)

    @property
    def _where(self) -> str:
        return f"{self._peer.host}:{self._peer.port}"

    async def _delivered(self, message: bytes, control: str, number: int) -> None:
        why = ""
        for attempt in range(self._peer.attempts):
            if attempt:
                await self._sleep(min(60.0, self._peer.pause * 2 ** (attempt - 1)))
            try:
                code = await asyncio.wait_for(self._exchanged(message, control), self._peer.wait)
            except (OSError, TimeoutError, Broken, ssl.SSLError, asyncio.IncompleteReadError) as error:
                why = type(error).__name__
                self._hang_up()
                continue
            if code in _DELIVERED:
                return
            if code in _REJECTED:
                raise Refusal("hl7/rejected", where=self._where, number=number, got=code)
            why = code
        raise Fault(
            "hl7/not-acknowledged", where=self._where, number=number, attempts=self._peer.attempts, why=why
        )

    async def _exchanged(self, message: bytes, control: str) -> str:
        """MSA-1 of the answer to this message; an answer to another, that comes late, is not taken for it."""
        if self._line is None:
            self._line = await asyncio.open_connection(
                self._peer.host, self._peer.port, ssl=self._peer.tls, server_hostname=self._peer.name or self._peer.host
            )  # fmt: skip
        reader, writer = self._line
        writer.write(framed(message))
        await writer.drain()
        frames = Frames()
        while octets := await reader.read(_CHUNK):
            for answer in frames.feed(octets):
                said = acknowledged(answer)
                if said and said.control == control and said.code in (*_DELIVERED, *_REJECTED, "AE", "CE"):
                    return said.code
        raise ConnectionError("closed")

    def _hang_up(self) -> None:
        if self._line:
            self._line[1].close()
            self._line = None
