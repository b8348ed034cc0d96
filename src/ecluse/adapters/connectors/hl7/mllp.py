"""HL7 v2 live: MLLP over TLS, both ends known by their certificates. A listener, and a sender.

Decides that a message is acknowledged only once it is kept (`kept`), that a sender takes nothing for delivered before its acknowledgement and sends
nothing again after it, and that there is no line without TLS and none without the peer's certificate: not even on the machine itself. The address and the files come from the wiring.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import stat
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ecluse.adapters.connectors.hl7.frames import LARGEST
from ecluse.adapters.connectors.hl7.kept import Keep
from ecluse.adapters.connectors.hl7.line import (
    Acknowledged,
    Answer,
    Broken,
    Frames,
    acknowledged,
    acknowledgements,
    control_of,
    framed,
    receipt,
)
from ecluse.base.refusal import Fault, Refusal

__all__ = ["Delivered", "Journal", "Listener", "Peer", "Sender", "tls"]

_CHUNK: Final = 1 << 16
_HELD: Final = 4 * LARGEST
"""Octets of unfinished messages held for all lines together."""
_IN_A_ROW: Final = 100
"""A receiver that rejects so many messages one after another wants none of them."""
_DELIVERED: Final = ("AA", "CA")
_REJECTED: Final = ("AR", "CR")


def tls(*, certificate: Path, key: Path, peers: Path, server: bool) -> ssl.SSLContext:
    """TLS 1.2 or later, our certificate, and only peers whose certificate `peers` (PEM) vouches for.

    Raises Refusal `hl7/certificate-unreadable`, and `hl7/key-readable` where others than its owner can read the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key, password=_none)
        context.load_verify_locations(peers)
        readable = key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except (OSError, ssl.SSLError, ValueError):
        names = ", ".join(file.name for file in (certificate, key, peers))
        raise Refusal("hl7/certificate-unreadable", where=names) from None
    if readable:
        raise Refusal("hl7/key-readable", where=key.name)
    return context


def _none() -> str:
    raise ValueError("a key with a password is not asked for")


# --- listening ----------------------------------------------------------------------------------------------------------------------------


class Listener:
    """Takes messages on one address until it is closed. `now` gives MSH-7 of what it answers; `wait`: seconds that a peer may be silent within a
    frame; `idle`: seconds that a line may stand unused; `most`: lines open at once; `held`: octets of unfinished messages for all of them.
    """

    def __init__(
        self, *, tls: ssl.SSLContext, keep: Keep, now: Callable[[], str], wait: float = 30.0, idle: float = 3600.0, most: int = 64, held: int = _HELD,
    ) -> None:  # fmt: skip
        if tls.verify_mode is not ssl.CERT_REQUIRED:
            raise ValueError("a line without the peer's certificate")
        self._tls, self._keep, self._now = tls, keep, now
        self._wait, self._idle, self._most, self._most_held = wait, idle, most, held
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._in_hand: set[asyncio.Task[list[bytes]]] = set()
        self._held: dict[Frames, int] = {}
        self.counts: Counter[str] = Counter()
        """Messages "kept", "same-id" (kept, under a control id that another bears), "again" (kept before), "refused", "not-kept"; lines "broken", "crowded"."""

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
        try:
            while octets := await asyncio.wait_for(
                reader.read(_CHUNK), self._wait if frames.begun else self._idle
            ):
                for message in frames.feed(octets):
                    work = asyncio.create_task(self._answered(message))
                    self._in_hand.add(work)
                    work.add_done_callback(self._in_hand.discard)
                    for answer in await asyncio.shield(work):
                        writer.write(framed(answer))
                    await asyncio.wait_for(writer.drain(), self._wait)
                self._held[frames] = frames.held
                if sum(self._held.values()) > self._most_held:
                    self.counts["crowded"] += 1
                    return
        finally:
            self._held.pop(frames, None)

    async def _answered(self, message: bytes) -> list[bytes]:
        """The acknowledgements: AA is written here, and here alone, after the message is kept."""
        found, answer = receipt(message)
        if answer.code == "AA":
            try:
                self.counts[await asyncio.to_thread(self._keep.keep, message)] += 1
            except (Fault, Refusal, OSError):
                answer = Answer("AE", "not-kept")
                self.counts["not-kept"] += 1
        else:
            self.counts["refused"] += 1
        return acknowledgements(message, found, answer, number=self.counts.total(), at=self._now())


# --- sending ------------------------------------------------------------------------------------------------------------------------------


class Journal(Protocol):
    """What has been acknowledged, remembered from one run to the next."""

    def has(self, message: bytes) -> bool:
        """Whether the message was acknowledged."""
        ...

    def note(self, message: bytes) -> None:
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


@dataclass(slots=True)
class Delivered:
    """What became of the messages given: acknowledged now (`sent`) and `before`; `rejected`, by MSA-1 and the code of table 0357.

    `certificate`: SHA-256 of the other end's (DER), "" where it was never reached.
    """

    sent: int = 0
    before: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    certificate: str = ""


class Sender:
    """Sends one message after another, each until it is answered. `delivered` tells how far it came, whatever ended it."""

    def __init__(
        self, peer: Peer, journal: Journal, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._peer, self._journal, self._sleep = peer, journal, sleep
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.delivered = Delivered()

    async def send(self, messages: Iterable[bytes]) -> Delivered:
        """All of them, in order. One that is rejected (AR, CR) is counted, and the next is sent: it will be tried again by the next run.

        Raises Refusal `hl7/rejected` where all are rejected, Fault `hl7/not-acknowledged`: those before it are delivered, and remembered so.
        """
        done, in_a_row = self.delivered, 0
        try:
            for number, message in enumerate(messages, start=1):
                if self._journal.has(message):
                    done.before += 1
                    continue
                said = await self._answer(message, number)
                if said.code in _DELIVERED:
                    self._journal.note(message)
                    done.sent, in_a_row = done.sent + 1, 0
                    continue
                word = f"{said.code} {said.reason}".rstrip()
                done.rejected[word] += 1
                in_a_row += 1
                if in_a_row == _IN_A_ROW:
                    raise Refusal("hl7/rejected", where=self._where, number=number, count=in_a_row, got=word)
        finally:
            self._hang_up()
        return done

    @property
    def _where(self) -> str:
        return f"{self._peer.host}:{self._peer.port}"

    async def _answer(self, message: bytes, number: int) -> Acknowledged:
        """What the other end says of a message in the end: delivered or rejected."""
        control, why = control_of(message), ""
        if not control:
            return Acknowledged("", "AR")  # nobody could answer to it
        for attempt in range(self._peer.attempts):
            if attempt:
                await self._sleep(min(60.0, self._peer.pause * 2 ** (attempt - 1)))
            try:
                said = await asyncio.wait_for(self._exchanged(message, control), self._peer.wait)
            except (OSError, TimeoutError, Broken, ssl.SSLError, asyncio.IncompleteReadError) as error:
                why = type(error).__name__
                self._hang_up()
                continue
            if said.code in (*_DELIVERED, *_REJECTED):
                return said
            why = said.code
        raise Fault(
            "hl7/not-acknowledged", where=self._where, number=number, attempts=self._peer.attempts, why=why
        )

    async def _exchanged(self, message: bytes, control: str) -> Acknowledged:
        """The answer to this message; an answer to another, that comes late, is not taken for it."""
        if self._line is None:
            self._line = await asyncio.open_connection(
                self._peer.host, self._peer.port, ssl=self._peer.tls, server_hostname=self._peer.name or self._peer.host
            )  # fmt: skip
            shown = self._line[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.delivered.certificate = hashlib.sha256(shown).hexdigest()
        reader, writer = self._line
        writer.write(framed(message))
        await writer.drain()
        frames = Frames()
        while octets := await reader.read(_CHUNK):
            for answer in frames.feed(octets):
                said = acknowledged(answer)
                if said and said.control == control and said.code in (*_DELIVERED, *_REJECTED, "AE", "CE"):
                    return said
        raise ConnectionError("closed")

    def _hang_up(self) -> None:
        if self._line:
            self._line[1].close()
            self._line = None
