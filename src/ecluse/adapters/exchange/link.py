"""One machine's link to its chamber: a session opened with the agent's key, requests tried again when the world fails, refusals raised as they were said.

What is tried again is what a fault cut, never what a rule refused. An answer is read up to a limit, and one that the API does not describe is a fault: nothing
of it is shown, for it may hold anything.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from ecluse.adapters.exchange.place import ExchangePlace
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.canonical import LIMIT, Json, canonical_json, strict_json
from ecluse.proof.keys import SigningKey
from ecluse.proof.note import NoteKey
from ecluse.proof.sign import sign_document

__all__ = ["ANSWER", "Answer", "Link"]

ANSWER: Final = 4 * LIMIT
"""Octets of the largest answer."""
_WAITS: Final = (0.1, 0.3, 1.0, 3.0, 5.0)
"""Seconds between tries: about ten in all, then the person is told and runs the same command again later."""
_LONGEST_VALUE: Final = 300
_SESSION_OVER: Final = "session/needed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: a status below 300, headers by lower-case name, octets."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Json:
        """Its JSON. Raises Fault `link/answer`."""
        try:
            return strict_json(self.body, limit=ANSWER)
        except Refusal:
            raise Fault("link/answer") from None


class Link:
    """The link of the machine whose key is `key`. Threads may share it; requests go one after the other."""

    def __init__(
        self, place: ExchangePlace, *, key: SigningKey, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.place = place
        self._key, self._wait = key, wait
        self._connection: http.client.HTTPSConnection | None = None
        self._token = ""
        self._lock = threading.RLock()

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str | int] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request within the session. Raises what the exchange refused, Fault `link/not-reached` (retry), Fault `link/answer`."""
        where = "/".join(quote(step, safe=":") for step in ("", "api", "v1", self.place.chamber, *path))
        if query:
            where += f"?{urlencode(query)}"
        with self._lock:
            try:
                return self._admitted(method, where, body, headers or {})
            except Refusal as refusal:
                if refusal.code != _SESSION_OVER:
                    raise
                self._token = ""  # fifteen minutes are over, or the exchange was started anew
                return self._admitted(method, where, body, headers or {})

    def open(self) -> NoteKey:
        """Open a session; the key that signs this chamber's ledger, as the exchange says it. Raises Refusal `session/refused`."""
        with self._lock:
            where = f"/api/v1/{self.place.chamber}"
            asked = self._tried("POST", f"{where}/challenge", b"", {}).json()
            challenge = asked.get("challenge") if isinstance(asked, dict) else None
            payload = canonical_json(
                {"challenge": str(challenge), "chamber": self.place.chamber, "exchange": self.place.host}
            )
            signed = strict_json(sign_document(payload, type="session", keys=[self._key]))
            body = canonical_json({"key": self._key.public.encode(), "envelope": signed})
            json = {"Content-Type": "application/json"}
            match self._tried("POST", f"{where}/session", body, json).json():
                case {"token": str(token), "log": str(log)} if len(token) < 1_000 and token.isascii():
                    self._token = token
                    return NoteKey.parse(log)
        raise Fault("link/answer")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __del__(self) -> None:
        if connection := getattr(self, "_connection", None):
            connection.close()

    def _admitted(self, method: str, where: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if not self._token:
            self.open()
        return self._tried(method, where, body, {"Authorization": f"Bearer {self._token}", **headers})

    def _tried(self, method: str, where: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        for pause in (*_WAITS, None):
            try:
                return self._once(method, where, body, headers)
            except Fault as fault:
                if pause is None or not fault.retry or fault.code == "ledger/concurrent":
                    raise
                self._wait(pause)
        raise AssertionError  # the last try returned or raised

    def _once(self, method: str, where: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        kept = self._connection is not None
        if self._connection is None:
            self._connection = self.place.connect()
        try:
            self._connection.request(method, where, body=body or None, headers=dict(headers))
            response = self._connection.getresponse()
            declared = response.length or 0  # read(n) takes a cut for an end
            octets = response.read(ANSWER + 1)
            if len(octets) < min(declared, ANSWER + 1):
                raise http.client.IncompleteRead(b"", declared)
        except (OSError, http.client.HTTPException):
            self.close()
            if kept and method in (
                "GET",
                "HEAD",
            ):  # a connection that was kept too long says nothing of the exchange
                return self._once(method, where, body, headers)
            raise Fault("link/not-reached", where=self.place.host) from None
        if len(octets) > ANSWER:
            self.close()
            raise Fault("link/answer")
        if response.will_close:
            self.close()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, octets
        )
        if answer.status >= 300:
            raise _said(answer, method)
        return answer


def _said(answer: Answer, method: str) -> Refusal | Fault:
    """What the exchange said no with, if it is a line of our own table with its blanks filled; else a fault that shows nothing."""
    try:
        told: Any = strict_json(answer.body) if method != "HEAD" else {"code": "link/answer", "values": {}}
        code, values = str(told["code"]), dict(told["values"])
        plain = {
            str(name): value if isinstance(value, int) else str(value)[:_LONGEST_VALUE]
            for name, value in values.items()
        }
        fault = answer.status in (423, 429, 503) or code == "ledger/concurrent"
        said = Fault(code, **plain) if fault else Refusal(code, **plain)
        for language in said.rule.text:
            said.message(language), said.hint(language)
    except (Refusal, KeyError, TypeError, ValueError, IndexError, AttributeError):
        return Fault("link/answer") if answer.status < 500 else Fault("link/not-reached", where="-")
    return said
