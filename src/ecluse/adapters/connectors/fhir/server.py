"""One FHIR server over HTTP: asked, waited for, and asked again where that is safe; its pages followed on its own origin only.

Decides what is tried again (a server that is busy, 429 and 5xx of a gateway, after the time it asks for; a connection that was cut), for how long, and
what an answer may weigh. Everything asked here may be asked twice: reads, and transactions of PUT and DELETE with ids of our own. No redirection is
followed and no proxy of the environment used: the token goes to the address given and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode, urljoin, urlsplit

from ecluse.adapters.clock import Clock, SystemClock
from ecluse.adapters.connectors.fhir.address import ServerAddress
from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.base.refusal import Fault, Refusal

__all__ = ["PAGE", "Answer", "Server"]

JSON: Final = "application/fhir+json"
PAGE: Final = 500
"""Resources asked for at a time; a server may give fewer."""
SECONDS: Final = 120
"""To wait for one answer: a large transaction takes a server that long."""
TRIES: Final = 8
LONGEST_WAIT: Final = 60.0
LARGEST: Final = 512 << 20
BUSY: Final = frozenset({429, 502, 503, 504})

Side = Literal["source", "target"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, octets, and whether they are FHIR JSON."""

    status: int
    octets: bytes
    fhir: bool

    @property
    def good(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.status < 300

    def element(self, decode: Callable[[str], Any] = json.loads) -> Element:
        """The resource answered; an empty one where it is none."""
        try:
            value = decode(self.octets.decode())
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class Server:
    """The server at `address`. `side` names the faults: `source/...` or `target/...`."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        token: str | None,
        side: Side,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address, self._side, self._sleep = address, side, sleep
        self._clock = clock or SystemClock()
        self._headers = {"Accept": JSON, "User-Agent": "ecluse"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None
        self.waited = 0.0
        """Seconds spent waiting for the server's answers."""

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self, path: str, query: Mapping[str, str] | None = None, *, where: str) -> Answer:
        """What stands at `path` below the base. Raises Fault and Refusal as `_asked`."""
        asked = f"{self.address.base}/{path}" + (f"?{urlencode(query)}" if query else "")
        return self._asked("GET", asked, None, where=where)

    def transact(self, bundle: bytes, *, where: str) -> Answer:
        """A Bundle of PUT and DELETE with our ids, which may be sent twice. Raises as `_asked`."""
        return self._asked("POST", self.address.base or "/", bundle, where=where)

    def pages(
        self, kind: str, query: Mapping[str, str], *, decode: Callable[[str], Any], where: str
    ) -> Iterator[list[Element]]:
        """The resources of a search, page by page. Raises as `_asked`, and Refusal `fhir/link-elsewhere`, Fault `.../connection-cut`."""
        path = f"{self.address.base}/{kind}?{urlencode(query)}"
        seen = {path}
        while True:
            answer = self._asked("GET", path, None, where=where)
            bundle = answer.element(decode)
            entries = bundle.get("entry", [])
            if not answer.good or bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
                raise self._broken(where, got=f"HTTP {answer.status}")
            yield [
                entry["resource"]
                for entry in entries
                if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
                and entry["resource"].get("resourceType") == kind
            ]  # fmt: skip
            after = self._next(bundle)
            if after is None:
                return
            if after in seen:
                raise self._broken(where, got="a page that comes back")
            seen.add(after)
            path = after

    def _next(self, bundle: Element) -> str | None:
        links = bundle.get("link")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
                said = urlsplit(urljoin(f"{self.address.origin}{self.address.base}/", link["url"]))
                if f"{said.scheme}://{said.netloc}" != self.address.origin:
                    raise Refusal("fhir/link-elsewhere", where=str(self.address))
                return said.path + (f"?{said.query}" if said.query else "")
        return None

    # --- asking -------------------------------------------------------------------------------------------------------------------

    def _asked(self, method: str, path: str, body: bytes | None, *, where: str) -> Answer:
        """The answer, after as many tries as it takes. Raises Fault `.../connection-cut`, `.../busy` or `source/not-read`, and what a closed door says."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer, pause = self._once(method, path, body, where=where)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if last or isinstance(error, ssl.SSLCertVerificationError):
                    raise self._fault("connection-cut", where, got=type(error).__name__) from None
                self._sleep(_backoff(attempt))
                continue
            if answer.status in (401, 403):
                raise self._closed(where)
            if answer.status not in BUSY:
                return answer
            if last:
                break
            self._sleep(min(pause, LONGEST_WAIT) if pause is not None else _backoff(attempt))
        raise self._fault("busy" if self._side == "target" else "not-read", where, got="busy")

    def _once(self, method: str, path: str, body: bytes | None, *, where: str) -> tuple[Answer, float | None]:
        started = time.perf_counter()
        connection = self._connected()
        headers = self._headers | ({"Content-Type": JSON} if body is not None else {})
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        octets = response.read(LARGEST + 1)
        if len(octets) > LARGEST:
            self.close()
            raise self._broken(where, got="answer too large")
        self.waited += time.perf_counter() - started
        fhir = "json" in (response.getheader("Content-Type") or "")
        return Answer(response.status, octets, fhir), self._pause(response.getheader("Retry-After"))

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self.address.host, self.address.port or None
            self._connection = (
                http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
                if self.address.secure
                else http.client.HTTPConnection(host, port, timeout=SECONDS)
            )
        return self._connection

    def _pause(self, said: str | None) -> float | None:
        """How long the server asks to wait: seconds, or until a date (RFC 9110, 10.2.3)."""
        if said is None:
            return None
        if said.strip().isdecimal():
            return float(said[:9])
        try:
            return max(0.0, (parsedate_to_datetime(said) - self._clock.now()).total_seconds())
        except (ValueError, TypeError):
            return None

    def _fault(self, code: str, where: str, *, got: str) -> Fault:
        return Fault(f"{self._side}/{code}", where=where, got=got)

    def _broken(self, where: str, *, got: str) -> Fault:
        return self._fault("failed" if self._side == "target" else "not-read", where, got=got)

    def _closed(self, where: str) -> Fault | Refusal:
        if self._side == "target":
            return Fault("target/not-allowed", where=where)
        return Refusal("source/not-permitted", where=where)


def _backoff(attempt: int) -> float:
    """Half a second, doubled each time, with chance so that many do not come back at once."""
    return min(LONGEST_WAIT, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
