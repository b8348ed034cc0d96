"""One GNU Health server asked by JSON-RPC: a session, calls of its models, and its refusals told by a short list of reasons.

Decides what is asked again (readings, when the connection was cut; a writing never: who wrote it may have been heard) and what a refusal means. Every
call asks for English, for Tryton says why it refuses only in words; they name values, so none of them is kept. No redirection is followed and no proxy of
the environment used.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from ecluse.adapters.connectors.gnuhealth.address import GnuHealthAddress
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import RowsRefused

__all__ = ["PAGE", "Server", "Values"]

Values = dict[str, Any]
"""A record of GNU Health: field name to value, as JSON-RPC gives it."""
Side = Literal["source", "target"]

PAGE: Final = 500
"""Records asked for at a time."""
SECONDS: Final = 300
TRIES: Final = 4
LARGEST: Final = 256 << 20
CONTEXT: Final = {"language": "en", "active_test": False}
_WORDS: Final = (
    ("is required for field", "not-null"), ("must be unique", "unique"), ("already exists", "unique"), ("already assigned", "unique"),
    ("don't exist", "foreign-key"), ("not one of the allowed", "type"), ("is too long", "too-long"), ("maximum size", "too-long"),
    ("exceeds", "too-long"), ("is not valid", "check"), ("Wrong date", "check"), ("domain", "check"),
)  # fmt: skip
"""What Tryton 7 and GNU Health 5 say when they refuse, by its meaning; the rest is `other`."""
_FORBIDDEN: Final = ("You are not allowed", "access the model", "access the field")


class _SessionOver(Exception):
    """The server has forgotten the session: what was asked was not done."""


class Server:
    """The database at `address`. `side` names the faults: `source/...` or `target/...`."""

    def __init__(self, address: GnuHealthAddress, *, side: Side) -> None:
        self.address, self._side = address, side
        self._connection: http.client.HTTPConnection | None = None
        self._session: str | None = None
        self.account = 0
        """The number of the account (`res.user`), once it has entered."""

    def close(self) -> None:
        """Let go of the connection; the session ends by itself."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def enter(self) -> None:
        """Begin a session, unless there is one. Raises Fault and Refusal for a closed door."""
        if self._session is not None:
            return
        address = self.address
        given = [address.account, {"password": address.password or ""}]
        answer = self._asked("common.db.login", given, where=address.database, again=True)
        if not isinstance(answer, list) or len(answer) < 2:
            raise self._closed(address.database)
        self.account = int(answer[0])
        said = f"{address.account}:{answer[0]}:{answer[1]}"
        self._session = base64.b64encode(said.encode()).decode("ascii")

    def read(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, most: int | None = None
    ) -> list[Values]:
        """The records of `model` that meet `domain`, in the order of their numbers."""
        given = [list(domain), 0, most, [["id", "ASC"]], list(fields)]
        found: list[Values] = self._called(model, "search_read", given, again=True)
        return found

    def pages(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> Iterator[list[Values]]:
        """The same, page by page: each begins behind the last number of the one before."""
        last = 0
        while page := self.read(model, [*domain, ["id", ">", last]], fields, most=PAGE):
            yield page
            last = page[-1]["id"]

    def among(self, model: str, field: str, values: Sequence[Any], fields: Sequence[str]) -> list[Values]:
        """The records whose `field` is one of `values`."""
        found: list[Values] = []
        for start in range(0, len(values), PAGE):
            found += self.read(model, [[field, "in", list(values[start : start + PAGE])]], fields)
        return found

    def last(self, model: str) -> int:
        """The highest number of a record of `model`; 0 where there is none."""
        found = self._called(model, "search", [[], 0, 1, [["id", "DESC"]]], again=True)
        return int(found[0]) if found else 0

    def create(self, model: str, rows: Sequence[Values]) -> list[int]:
        """New records, all or none; their numbers. Raises RowsRefused."""
        return list(self._called(model, "create", [list(rows)])) if rows else []

    def write(self, model: str, numbers: Sequence[int], values: Values) -> None:
        """The same values for these records. Raises RowsRefused."""
        if numbers:
            self._called(model, "write", [list(numbers), values])

    def remove(self, model: str, numbers: Sequence[int]) -> None:
        """Take records out. Raises RowsRefused."""
        if numbers:
            self._called(model, "delete", [list(numbers)])

    # --- asking -------------------------------------------------------------------------------------------------------------------

    def _called(self, model: str, verb: str, given: list[Any], *, again: bool = False) -> Any:
        self.enter()
        method, asked = f"model.{model}.{verb}", [*given, CONTEXT]
        try:
            return self._asked(method, asked, where=model, again=again)
        except _SessionOver:
            self._session = None
            self.enter()
            return self._asked(method, asked, where=model, again=again)

    def _asked(self, method: str, given: list[Any], *, where: str, again: bool) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": given}).encode()
        for attempt in range(TRIES):
            try:
                status, octets = self._once(body)
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not again or attempt == TRIES - 1 or isinstance(error, ssl.SSLCertVerificationError):
                    raise Fault(
                        f"{self._side}/connection-cut", where=where, got=type(error).__name__
                    ) from None
        if status == 401 and self._session is not None:
            raise _SessionOver(where)
        if status in (401, 403):
            raise self._closed(where)
        answer = _decoded(octets) if status == 200 else None
        if answer is None:
            raise self._broken(where, got=f"HTTP {status}")
        if "error" in answer:
            raise self._refused(answer["error"], where=where)
        return answer.get("result")

    def _once(self, body: bytes) -> tuple[int, bytes]:
        connection = self._connected()
        headers = {"Content-Type": "application/json", "User-Agent": "ecluse"}
        if self._session is not None:
            headers["Authorization"] = f"Session {self._session}"
        connection.request("POST", f"/{self.address.database}/", body, headers)
        response = connection.getresponse()
        octets = response.read(LARGEST + 1)
        if len(octets) > LARGEST:
            raise http.client.HTTPException
        return response.status, octets

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self.address.host, self.address.port
            self._connection = (
                http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
                if self.address.secure
                else http.client.HTTPConnection(host, port, timeout=SECONDS)
            )
        return self._connection

    def _refused(self, error: Any, *, where: str) -> Exception:
        """What an error of JSON-RPC is: rows refused, a right that lacks, or a server that fails. Its words stay here."""
        name = error[0] if isinstance(error, list) and error else ""
        words = json.dumps(error[1:], ensure_ascii=False) if isinstance(error, list) else ""
        if any(some in words for some in _FORBIDDEN):
            return self._closed(where)
        if name in ("UserError", "UserWarning") and self._side == "target":
            reason = next((reason for some, reason in _WORDS if some in words), "other")
            return RowsRefused("target/rows-refused", where=where, reason=reason)
        return self._broken(where, got=name if name.isidentifier() else "error")

    def _broken(self, where: str, *, got: str) -> Fault:
        return Fault("target/failed" if self._side == "target" else "source/not-read", where=where, got=got)

    def _closed(self, where: str) -> Fault | Refusal:
        if self._side == "target":
            return Fault("target/not-allowed", where=where)
        return Refusal("source/not-permitted", where=where)


def _decoded(octets: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
