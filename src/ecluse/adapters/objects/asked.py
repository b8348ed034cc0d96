"""The four requests of S3 that obstore does not know: what is left of a folder (versions, delete markers, unfinished uploads), and its removal.

A listing of objects shows none of these, so an erasure proved by it alone would be no proof. Requests are signed as AWS Signature Version 4 says, by
the standard library; its published examples are in the tests. Everything else goes through obstore.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.objects.place import Account, ObjectPlace, read_account
from ecluse.adapters.xml import Element, Malformed, local, parse_xml
from ecluse.base.refusal import Fault, Refusal

__all__ = ["Asked", "Left", "signed"]

Pairs = Sequence[tuple[str, str]]
NOW: Final = SystemClock().now
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_WAIT: Final = 30.0  # seconds for an answer
_KINDS: Final[Mapping[str, Literal["version", "marker", "upload"]]] = {
    "Version": "version",
    "DeleteMarker": "marker",
    "Upload": "upload",
}


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that is still there: a version of an object, a delete marker, or an upload that was never finished."""

    kind: Literal["version", "marker", "upload"]
    key: str
    id: str


class Asked:
    """The requests, to one bucket. One connection for each: they are few."""

    def __init__(self, place: ObjectPlace, *, clock: Callable[[], datetime] = NOW) -> None:
        self._place, self._clock = place, clock
        self._account = read_account(place.credentials)
        self._tls = ssl.create_default_context() if place.address.scheme == "https" else None

    def left(self, prefix: str) -> list[Left]:
        """What is there under a prefix, the first thousand of each kind: asked again once these are gone, it tells the next ones.

        Raises Refusal `vault/credentials-refused`, Fault `vault/away`.
        """
        versions = self._ask("GET", "", [("prefix", prefix), ("versions", "")])
        uploads = self._ask("GET", "", [("prefix", prefix), ("uploads", "")])
        return [it for octets in (versions, uploads) for it in _parsed(octets) if it.key.startswith(prefix)]

    def remove(self, it: Left) -> None:
        """Remove one for good. What is gone already is no error. Raises as `left`."""
        query = ("uploadId", it.id) if it.kind == "upload" else ("versionId", it.id)
        self._ask("DELETE", it.key, [query])

    def _ask(self, method: str, key: str, query: Pairs) -> bytes:
        address = self._place.address
        path = f"/{self._place.bucket}" + (f"/{key}" if key else "")
        target = f"{quote(path)}?{_query(query)}"
        headers = {
            "host": address.netloc,
            "x-amz-date": f"{self._clock():%Y%m%dT%H%M%SZ}",
            "x-amz-content-sha256": _NOTHING,
        }
        headers["authorization"] = signed(
            method, path, query, headers, account=self._account, region=self._place.region
        )
        host, port = str(address.hostname), address.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_WAIT, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(host, port, timeout=_WAIT)
        )
        try:
            connection.request(method, target, headers=headers)
            answer = connection.getresponse()
            octets = answer.read()
        except (OSError, http.client.HTTPException):
            raise Fault("vault/away") from None
        finally:
            connection.close()
        return _answered(answer.status, octets, deleting=method == "DELETE")


def signed(
    method: str, path: str, query: Pairs, headers: Mapping[str, str], *, account: Account, region: str
) -> str:
    """The Authorization header of a request without a body (AWS Signature Version 4, "Authenticating Requests: Using the Authorization Header")."""
    names = ";".join(sorted(headers))
    request = "\n".join(
        [
            method,
            quote(path),
            _query(query),
            "".join(f"{name}:{headers[name]}\n" for name in sorted(headers)),
            names,
            headers["x-amz-content-sha256"],
        ]
    )
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{account.secret_key}".encode()
    for word in (*scope.split("/"), text):
        key = hmac.digest(key, word.encode(), "sha256")
    return f"AWS4-HMAC-SHA256 Credential={account.access_key}/{scope},SignedHeaders={names},Signature={key.hex()}"


def _query(pairs: Pairs) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(pairs))


def _answered(status: int, octets: bytes, *, deleting: bool) -> bytes:
    if status in (200, 204) or (deleting and status == http.client.NOT_FOUND):
        return octets
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        raise Refusal("vault/credentials-refused")
    if status == http.client.NOT_FOUND:
        raise Refusal("vault/no-bucket")
    raise Fault("vault/away")


def _parsed(octets: bytes) -> Iterator[Left]:
    try:
        root = parse_xml(octets)
    except Malformed:
        raise Fault("vault/away") from None
    for element in root:
        kind = _KINDS.get(local(element))
        if kind is not None:
            told = {local(below): _text(below) for below in element}
            yield Left(
                kind, told.get("Key", ""), told.get("UploadId" if kind == "upload" else "VersionId", "")
            )


def _text(element: Element) -> str:
    return element.text or ""
