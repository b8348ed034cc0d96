"""Resumable uploads, tus 1.0 (https://tus.io/protocols/resumable-upload): core, creation, creation-defer-length, checksum, termination.

    POST   /api/v1/<chamber>/uploads                       Upload-Metadata: migration, name; Upload-Length or Upload-Defer-Length
    HEAD   /api/v1/<chamber>/uploads/<migration>/<name>    how far it is
    PATCH  ...                                             more octets at that offset; the last ones make it whole
    DELETE ...                                             give it up

An ASGI application of its own, before Django: octets go from the connection to the disk without being gathered anywhere. Every file is the intake's to
judge. What is unfinished goes with its migration (`passage.keeping`), so that no date of its own is told.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from django.db import close_old_connections

from ecluse.adapters.contracts import LARGEST as LARGEST_CONTRACT
from ecluse.base.refusal import Fault, Refusal
from ecluse.doors.api.answers import refused, status_of
from ecluse.doors.api.limits import Buckets
from ecluse.doors.api.session import Sessions
from ecluse.passage.custody import CHUNK, size_of
from ecluse.passage.intake import Coming, Intake, Sent
from ecluse.passage.parcel import LARGEST
from ecluse.people.machine import MachineAccount

__all__ = ["Front", "Uploading"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY: Final = 2 << 20
"""Octets of the largest request that is not an upload."""
MOST_CONTRACT: Final = LARGEST_CONTRACT + (64 << 10)
"""Octets of the form by which the console takes a contract, the one page that takes a file."""
MOST_CHECKED: Final = 8 << 20
"""Octets of the largest piece that comes with its checksum: it is held until that is seen to hold."""
VERSION: Final = "1.0.0"
SHUT: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer that Django does not give."""
_PATH: Final = re.compile(r"/api/v1/([^/]{1,40})/uploads(?:/([^/]{1,80})/([^/]{1,100}))?")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_OPTIONS: Final = {
    "Tus-Resumable": VERSION,
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,creation-defer-length,checksum,termination",
    "Tus-Max-Size": str(LARGEST),
    "Tus-Checksum-Algorithm": "sha256,sha1",
}
_STATUS: Final = {
    "intake/offset": 409,
    "intake/busy": 423,
    "intake/too-large": 413,
    "intake/quota": 413,
    "api/checksum": 460,  # of the protocol's checksum extension
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, admitted."""

    machine: MachineAccount
    intake: Intake
    migration: str
    name: str
    headers: dict[str, str] = field(repr=False)
    address: str

    @property
    def sent(self) -> Sent:
        """Who sends, for the ledger."""
        return Sent(self.machine.site, "https", self.address)

    def number(self, name: str) -> int | None:
        """A header's whole number. Raises Refusal `api/malformed`."""
        text = self.headers.get(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise Refusal("api/malformed", what=name)
        return int(text)


class Uploading:
    """The uploads' endpoint. `find` gives the intake of a chamber."""

    def __init__(self, *, find: Callable[[str], Intake], sessions: Sessions) -> None:
        self._find, self._sessions = find, sessions
        self._calls = Buckets(rate=200, burst=2_000)

    def takes(self, path: str) -> bool:
        """Whether a path is an upload's."""
        return _PATH.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Every refusal is JSON with its code."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            status, told = await self._answer(scope, headers, receive)
            body = b""
        except (Refusal, Fault) as said:
            status, told = _STATUS.get(said.code) or status_of(said), {"Content-Type": "application/json"}
            body = json.dumps(refused(said), ensure_ascii=False).encode()
            if status == 401:
                told["WWW-Authenticate"] = "Bearer"
        told = {
            "Tus-Resumable": VERSION,
            "Content-Length": str(len(body)),
            **SHUT,
            **told,
        }
        listed = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(
        self, scope: Scope, headers: dict[str, str], receive: Receive
    ) -> tuple[int, dict[str, str]]:
        method = scope["method"]
        if method == "OPTIONS":
            return 204, dict(_OPTIONS)
        asked = await asyncio.to_thread(self._admitted, scope, headers)
        if headers.get("tus-resumable") != VERSION:
            raise Refusal("api/version", expected=VERSION)
        if method == "PATCH":
            return await self._patch(asked, receive)
        plain = {"POST": self._create, "HEAD": self._look, "DELETE": self._drop}
        return await asyncio.to_thread(plain[method], asked)

    def _admitted(self, scope: Scope, headers: dict[str, str]) -> _Asked:
        """Raises Refusal `session/needed`, `api/too-many`, `chamber/unknown`, `migration/unknown`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refusal("session/needed")
        try:
            machine = self._sessions.admitted(token)
        finally:
            close_old_connections()  # Django does so at the end of its own requests; this is none of them
        if not self._calls.allows(machine.key):
            raise Refusal("api/too-many")
        match = _PATH.fullmatch(scope["path"])
        if match is None or match[1] != machine.chamber:
            raise Refusal("chamber/unknown")
        creates = scope["method"] == "POST"
        if scope["method"] not in ("POST", "HEAD", "PATCH", "DELETE") or creates == bool(match[2]):
            raise Refusal("api/unknown")
        told = _metadata(headers.get("upload-metadata", ""))
        migration, name = (told.get("migration", ""), told.get("name", "")) if creates else match.group(2, 3)
        if machine.migration not in ("", migration):
            raise Refusal("migration/unknown", where="-")
        address = (scope.get("client") or ("-",))[0]
        return _Asked(machine, self._find(match[1]), migration, name, headers, address)

    def _create(self, asked: _Asked) -> tuple[int, dict[str, str]]:
        """A new upload, or the one begun before: its offset is told."""
        length = asked.number("upload-length")
        if (length is None) == (asked.headers.get("upload-defer-length") != "1"):
            raise Refusal("api/malformed", what="upload-length")
        with asked.intake.begin(asked.migration, asked.name, sent=asked.sent, length=length) as coming:
            size = coming.size
            if coming.length == 0:
                coming.finish()
        where = f"/api/v1/{asked.machine.chamber}/uploads/{asked.migration}/{asked.name}"
        return 201, {"Location": where, "Upload-Offset": str(size)}

    def _look(self, asked: _Asked) -> tuple[int, dict[str, str]]:
        """How far an upload is; whole where the file is in custody. Raises Refusal `vault/absent`."""
        found = asked.intake.progress(asked.migration, asked.name)
        if found is None:
            size = size_of(asked.intake.chamber.custody, asked.migration, asked.name)
            return 200, {"Upload-Offset": str(size), "Upload-Length": str(size)}
        told = {"Upload-Defer-Length": "1"} if found.length is None else {"Upload-Length": str(found.length)}
        return 200, {"Upload-Offset": str(found.size), **told}

    def _drop(self, asked: _Asked) -> tuple[int, dict[str, str]]:
        if not asked.intake.drop(asked.migration, asked.name, sent=asked.sent):
            raise Refusal("vault/absent", where=f"{asked.migration}/{asked.name}")
        return 204, {}

    async def _patch(self, asked: _Asked, receive: Receive) -> tuple[int, dict[str, str]]:
        """More octets; the last ones make it whole. Cut in the middle, what came is kept, and nobody is answered."""
        if asked.headers.get("content-type") != "application/offset+octet-stream":
            raise Refusal("api/malformed", what="content-type")
        offset, length = asked.number("upload-offset"), asked.number("upload-length")
        if offset is None:
            raise Refusal("api/malformed", what="upload-offset")
        if asked.intake.progress(asked.migration, asked.name) is None:
            return await asyncio.to_thread(self._again, asked, offset)
        coming = await asyncio.to_thread(asked.intake.begin, asked.migration, asked.name, sent=asked.sent)
        try:
            if offset != coming.size:
                raise Refusal("intake/offset", where=asked.name, got=offset, expected=coming.size)
            if "upload-checksum" in asked.headers:
                whole = await _checked(receive, asked.headers["upload-checksum"])
                await asyncio.to_thread(coming.append, offset, (whole,))
            else:
                await _streamed(receive, coming)
            end = coming.length if length is None else length
            size = coming.size
            if end is not None and size > end:
                raise Refusal("intake/too-large", where=asked.name, got=size, expected=end)
            if size == end:
                await asyncio.to_thread(coming.finish)
        finally:
            await asyncio.to_thread(coming.close)
        return 204, {"Upload-Offset": str(size)}

    def _again(self, asked: _Asked, offset: int) -> tuple[int, dict[str, str]]:
        """A piece for what is whole already: its answer was lost. Raises Refusal `vault/absent`, `intake/offset`."""
        size = size_of(asked.intake.chamber.custody, asked.migration, asked.name)
        raise Refusal("intake/offset", where=asked.name, got=offset, expected=size)


class Front:
    """What stands before the rest of the exchange's pages: uploads go to their endpoint, and nothing else is longer than `MOST_BODY`."""

    def __init__(self, rest: Asgi, uploading: Uploading, *, ready: Callable[[], None]) -> None:
        self._rest, self._uploading, self._ready = rest, uploading, ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"] == "/health":
            await _send(send, 200, {"status": "up"})
        elif scope["type"] == "http" and scope["path"] == "/ready":
            await _send(send, *await asyncio.to_thread(self._readiness))
        elif scope["type"] == "http" and self._uploading.takes(scope["path"]):
            await self._uploading(scope, receive, send)
        elif scope["type"] == "http" and _declared(scope) > (most := _most(scope)):
            await _send(send, 413, refused(Refusal("api/too-large", most=most)))
        else:
            await self._rest(scope, _bounded(receive, _most(scope)), send)

    def _readiness(self) -> tuple[int, dict[str, Any]]:
        """Whether it can serve now; why not is for the host's own eyes, and is not said here."""
        try:
            self._ready()
        except Exception:  # noqa: BLE001 - whatever it is, it cannot serve
            return 503, {"status": "not ready"}
        finally:
            close_old_connections()
        return 200, {"status": "ready"}


async def _send(send: Send, status: int, told: dict[str, Any]) -> None:
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **SHUT,
    }
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


def _most(scope: Scope) -> int:
    return MOST_CONTRACT if scope.get("path", "").endswith("/contract/") else MOST_BODY


def _declared(scope: Scope) -> int:
    text = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"0")
    return int(text) if text.isdigit() and len(text) < 16 else MOST_CONTRACT + 1


def _bounded(receive: Receive, most: int) -> Receive:
    """A body that says no length is cut where it passes the limit, as if its sender had left."""
    left = most

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                return {"type": "http.disconnect"}
        return message

    return bounded


async def _streamed(receive: Receive, coming: Coming) -> None:
    """The body to the upload, gathered only into blocks that are worth a write."""
    held: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            more = False
        else:
            held.append(message.get("body", b""))
            size += len(held[-1])
            more = message.get("more_body", False)
        if size >= CHUNK or not more:
            await asyncio.to_thread(coming.append, coming.size, held)
            held, size = [], 0


async def _checked(receive: Receive, told: str) -> bytes:
    """A whole body whose checksum holds. Raises Refusal `api/checksum`, `api/too-large`, `api/malformed`."""
    algorithm, _, expected = told.partition(" ")
    if algorithm not in ("sha256", "sha1"):
        raise Refusal("api/malformed", what="upload-checksum")
    held: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("api/checksum")
        held.append(message.get("body", b""))
        size += len(held[-1])
        more = message.get("more_body", False)
        if size > MOST_CHECKED:
            raise Refusal("api/too-large", most=MOST_CHECKED)
    whole = b"".join(held)
    digest = hashlib.new(algorithm, whole, usedforsecurity=False).digest()
    if base64.b64encode(digest).decode() != expected:
        raise Refusal("api/checksum")
    return whole


def _metadata(header: str) -> dict[str, str]:
    """Upload-Metadata: pairs of a key and base64, between commas. Raises Refusal `api/malformed`."""
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal("api/malformed", what="upload-metadata") from None
    return found
