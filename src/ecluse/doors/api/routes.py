"""What a machine may ask of its chamber, and how: the session, the ledger, the documents, the custody; with the OpenAPI 3.1 that says so.

Each route finds the chamber of the machine's account and calls one of its verbs; a name of another chamber's answers exactly as one that is not there.
Octets come in elsewhere (`uploads`). Django must be configured before this module is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Final

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, NinjaAPI, Router, Schema
from ninja.errors import HttpError, ValidationError
from ninja.params.functions import Path, Query
from ninja.security import HttpBearer

from ecluse.base.refusal import Fault, Refusal
from ecluse.doors.api.answers import refused, status_of
from ecluse.doors.api.limits import Buckets
from ecluse.doors.api.session import Sessions
from ecluse.passage.acts import EXCHANGE_ACTS
from ecluse.passage.chamber import Chamber
from ecluse.passage.custody import CHUNK, digest_of
from ecluse.passage.keeping import ENDED, Keeps, sweep
from ecluse.people.machine import MachineAccount
from ecluse.proof.canonical import LIMIT, canonical_json
from ecluse.proof.encoding import to_base64
from ecluse.proof.ledger import Row

__all__ = ["build"]

MOST_ROWS: Final = 500
MOST_HEADS: Final = 100
NAME: Final = r"^[a-z0-9][a-z0-9.-]{0,79}$"
ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
DIGEST: Final = r"^sha256:[0-9a-f]{64}$"
LARGEST: Final = (1 << 53) - 1
"""The largest whole number that every JSON reader holds exactly (RFC 8259)."""
_RANGE: Final = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})")

Find = Callable[[str], Chamber]


class Asked(HttpRequest):
    """A request whose session was admitted."""

    auth: MachineAccount


class ChallengeGiven(Schema):
    """A challenge, which holds for a minute and once."""

    challenge: str


class SessionAsked(Schema):
    """The machine's key and the DSSE envelope, of type `session`, in which it signed the challenge, the chamber and the exchange's name."""

    key: str = Field(max_length=100)
    envelope: dict[str, Any]


class SessionGiven(Schema):
    """An opaque token for `Authorization: Bearer`, and until when it holds."""

    token: str
    until: datetime
    site: str
    log: str


class EntryRow(Schema):
    """One entry as it is stored, in base64; salt and body are null once forgotten."""

    leaf: str
    salt: str | None
    body: str | None


class Rows(Schema):
    """Entries in order."""

    rows: list[EntryRow]


class EntryAsked(Schema):
    """An act to append. `expected`: how many entries the ledger had when it was decided."""

    act: str = Field(pattern=ID)
    by: str = Field(pattern=ID)
    subject: str = Field(pattern=ID)
    body: dict[str, Any]
    expected: int = Field(ge=0, le=LARGEST)


class Size(Schema):
    """How many entries the ledger has."""

    size: int


class Proof(Schema):
    """Hashes in base64 (RFC 9162)."""

    proof: list[str]


class Heads(Schema):
    """Signed heads with their cosignatures, from the largest tree down."""

    heads: list[str]


class Names(Schema):
    """Names, sorted."""

    names: list[str]


class Erased(Schema):
    """How many files went."""

    files: int


class Told(Schema):
    """A refusal or a fault: its code, its values, and its sentence in French and English."""

    code: str
    values: dict[str, Any]
    message: dict[str, str]


SAYS_NO: Final = {frozenset({400, 401, 403, 404, 405, 409, 412, 413, 416, 422, 429, 503}): Told}


def build(
    *, find: Find, uploads: Callable[[str], Keeps | None], sessions: Sessions, exchange: str, version: str
) -> NinjaAPI:
    """The API over the chambers that `find` gives, and their unfinished uploads. Raises nothing that is not told as JSON."""
    api = NinjaAPI(
        title=f"Écluse, {exchange}",
        version=version,
        urls_namespace="api-v1",
        docs_url=None,
        openapi_url=None,
        auth=_Bearer(sessions),
    )
    api.exception_handler(Refusal)(lambda request, said: _tell(api, request, said))
    api.exception_handler(Fault)(lambda request, said: _tell(api, request, said))
    api.exception_handler(ValidationError)(
        lambda request, error: _tell(api, request, Refusal("api/malformed", what=_where(error)))
    )
    api.exception_handler(HttpError)(
        lambda request, _: _tell(api, request, Refusal("api/malformed", what="-"))
    )
    api.exception_handler(Http404)(lambda request, _: _tell(api, request, Refusal("api/unknown")))

    @api.get("/openapi.json", include_in_schema=False)
    def described(request: HttpRequest) -> HttpResponse:
        del request
        return HttpResponse(
            json.dumps(api.get_openapi_schema(), default=str), content_type="application/json"
        )

    api.add_router("", _doorstep(sessions, find))
    api.add_router("", _ledger(find))
    api.add_router("", _documents(find))
    api.add_router("", _custody(find, uploads))
    return api


class _Bearer(HttpBearer):
    """The session's token, looked up at every call; and how often one machine may call."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions
        self._calls = Buckets(rate=200, burst=2_000)

    def __call__(self, request: HttpRequest) -> Any:
        """Raises Refusal `session/needed`, `api/too-many`."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refusal("session/needed")
        return self.authenticate(request, token)

    def authenticate(self, request: HttpRequest, token: str) -> MachineAccount:
        """See `HttpBearer`."""
        del request
        found = self._sessions.admitted(token)
        if not self._calls.allows(found.key):
            raise Refusal("api/too-many")
        return found


def _doorstep(sessions: Sessions, find: Find) -> Router:
    """What answers before a session."""
    router, knocks = Router(tags=["session"], auth=None), Buckets(rate=10, burst=600)

    def knock(request: HttpRequest) -> None:
        if not knocks.allows(request.META.get("REMOTE_ADDR", "")):
            raise Refusal("api/too-many")

    @router.post(
        "/{chamber}/challenge",
        response={200: ChallengeGiven, **SAYS_NO},
        summary="Ask for a challenge to sign",
    )
    def challenge(request: HttpRequest, chamber: str) -> dict[str, str]:
        del chamber  # every name is answered alike
        knock(request)
        return {"challenge": sessions.challenge()}

    @router.post(
        "/{chamber}/session",
        response={200: SessionGiven, **SAYS_NO},
        summary="Open a session of fifteen minutes",
    )
    def session(request: HttpRequest, chamber: str, asked: SessionAsked) -> dict[str, Any]:
        knock(request)
        try:
            envelope = canonical_json(asked.envelope)
        except Refusal:
            raise Refusal("session/refused") from None
        token, until = sessions.open(envelope, key=asked.key, chamber=chamber)
        log = find(chamber).ledger.log.encode()
        return {"token": token, "until": until, "site": sessions.admitted(token).site, "log": log}

    return router


def _ledger(find: Find) -> Router:
    """The shared ledger: read, proved, appended to, cosigned."""
    router = Router(tags=["ledger"])

    @router.get(
        "/{chamber}/ledger/checkpoint", response=SAYS_NO, summary="The newest head, a C2SP signed note"
    )
    def checkpoint(request: Asked, chamber: str) -> HttpResponse:
        return _text(_theirs(request, chamber, find).ledger.checkpoint())

    @router.get(
        "/{chamber}/ledger/heads",
        response={200: Heads, **SAYS_NO},
        summary="The newest head and the cosigned ones",
    )
    def heads(request: Asked, chamber: str, start: int = Query(0, ge=0, le=LARGEST)) -> dict[str, Any]:
        held = islice(_theirs(request, chamber, find).ledger.checkpoints(), start, start + MOST_HEADS)
        return {"heads": [note.decode() for note in held]}

    @router.get(
        "/{chamber}/ledger/entries", response={200: Rows, **SAYS_NO}, summary="Entries from a number on"
    )
    def entries(request: Asked, chamber: str, since: int = Query(0, ge=0, le=LARGEST)) -> dict[str, Any]:
        return {"rows": [_row(row) for row in _page(_theirs(request, chamber, find), since)]}

    @router.post("/{chamber}/ledger/entries", response={200: Size, **SAYS_NO}, summary="Append one act")
    def append(request: Asked, chamber: str, asked: EntryAsked) -> dict[str, int]:
        into = _theirs(request, chamber, find)
        _check_theirs(request.auth, asked)
        size = into.record(
            asked.act, by=asked.by, subject=asked.subject, body=asked.body, expected=asked.expected
        )
        return {"size": size}

    @router.get(
        "/{chamber}/ledger/consistency",
        response={200: Proof, **SAYS_NO},
        summary="That one tree begins with another",
    )
    def consistency(
        request: Asked,
        chamber: str,
        old: int = Query(..., ge=0, le=LARGEST),
        new: int = Query(..., ge=0, le=LARGEST),
    ) -> dict[str, Any]:
        proof = _theirs(request, chamber, find).ledger.consistency(old, new)
        return {"proof": [to_base64(part) for part in proof]}

    @router.post(
        "/{chamber}/ledger/cosignatures",
        response={204: None, **SAYS_NO},
        summary="Keep a head that a witness cosigned",
    )
    def cosign(request: Asked, chamber: str) -> HttpResponse:
        _theirs(request, chamber, find).ledger.keep(_octets(request))
        return HttpResponse(status=204)

    return router


def _documents(find: Find) -> Router:
    """Signed documents, by the digest of what was signed."""
    router = Router(tags=["documents"])

    @router.get("/{chamber}/documents/{digest}", response=SAYS_NO, summary="A signed document's envelope")
    def get(request: Asked, chamber: str, digest: str = Path(..., pattern=DIGEST)) -> HttpResponse:
        envelope = _theirs(request, chamber, find).documents.get(digest)
        return HttpResponse(envelope, content_type="application/json")

    @router.put(
        "/{chamber}/documents/{digest}",
        response={204: None, **SAYS_NO},
        summary="Keep a signed document; its signatures only grow",
    )
    def put(request: Asked, chamber: str, digest: str = Path(..., pattern=DIGEST)) -> HttpResponse:
        _theirs(request, chamber, find).keep_document(_octets(request), digest=digest)
        return HttpResponse(status=204)

    return router


def _custody(find: Find, uploads: Callable[[str], Keeps | None]) -> Router:
    """Sealed parcels: listed, read, erased."""
    router = Router(tags=["custody"])

    @router.get(
        "/{chamber}/custody",
        response={200: Names, **SAYS_NO},
        summary="The migrations of which something is kept",
    )
    def folders(request: Asked, chamber: str) -> dict[str, Any]:
        kept = _theirs(request, chamber, find).custody.folders()
        return {"names": [name for name in kept if request.auth.migration in ("", name)]}

    @router.get(
        "/{chamber}/custody/{migration}", response={200: Names, **SAYS_NO}, summary="The files kept of one"
    )
    def names(request: Asked, chamber: str, migration: str = Path(..., pattern=NAME)) -> dict[str, Any]:
        return {"names": _of_migration(request, chamber, migration, find).custody.names(migration)}

    @router.get(
        "/{chamber}/custody/{migration}/{name}/digest",
        response=SAYS_NO,
        summary="The SHA-256 and size of a file",
    )
    def digest(
        request: Asked,
        chamber: str,
        migration: str = Path(..., pattern=NAME),
        name: str = Path(..., pattern=NAME),
    ) -> HttpResponse:
        sha256, size = digest_of(_of_migration(request, chamber, migration, find).custody, migration, name)
        return HttpResponse(canonical_json({"sha256": sha256, "size": size}), content_type="application/json")

    @router.get(
        "/{chamber}/custody/{migration}/{name}",
        response=SAYS_NO,
        summary="A sealed file, or a range of its octets",
    )
    def read(
        request: Asked,
        chamber: str,
        migration: str = Path(..., pattern=NAME),
        name: str = Path(..., pattern=NAME),
    ) -> StreamingHttpResponse:
        into = _of_migration(request, chamber, migration, find)
        into.check_gives(migration)
        return _ranged(request.headers.get("Range", ""), into.custody.open(migration, name))

    @router.delete(
        "/{chamber}/custody/{migration}",
        response={200: Erased, **SAYS_NO},
        summary="Erase a parcel accepted or stopped",
    )
    def erase(request: Asked, chamber: str, migration: str = Path(..., pattern=NAME)) -> dict[str, int]:
        into = _of_migration(request, chamber, migration, find)
        state = into.migration(migration).state
        if state not in ENDED:
            raise Refusal("chamber/keeps", where=migration, got=state.value)
        files = len(into.custody.names(migration))
        sweep(into, uploads=uploads(chamber), by=request.auth.site)
        return {"files": files}

    return router


def _theirs(request: Asked, chamber: str, find: Find) -> Chamber:
    """The machine's chamber. Raises Refusal `chamber/unknown` for every other name."""
    if request.auth.chamber != chamber:
        raise Refusal("chamber/unknown")
    return find(chamber)


def _of_migration(request: Asked, chamber: str, migration: str, find: Find) -> Chamber:
    found = _theirs(request, chamber, find)
    if request.auth.migration not in ("", migration):
        raise Refusal("migration/unknown", where=migration)
    return found


def _check_theirs(machine: MachineAccount, asked: EntryAsked) -> None:
    """An act that a machine may append. Raises Refusal `chamber/not-theirs` for the exchange's own, `migration/unknown` for another migration's."""
    if asked.act.startswith(EXCHANGE_ACTS):
        raise Refusal("chamber/not-theirs", act=asked.act)
    named = (asked.subject, asked.body.get("migration"))
    if machine.migration and machine.migration not in named and asked.subject != machine.site:
        raise Refusal("migration/unknown", where=asked.subject)


def _page(chamber: Chamber, since: int) -> list[Row]:
    """As many rows as one answer holds: at least one, if there is any."""
    page: list[Row] = []
    left = LIMIT
    for row in islice(chamber.ledger.rows(since=since), MOST_ROWS):
        left -= len(row.leaf) + len(row.body or b"")
        if page and left < 0:
            break
        page.append(row)
    return page


def _row(row: Row) -> dict[str, str | None]:
    salt, body = (None if it is None else to_base64(it) for it in (row.salt, row.body))
    return {"leaf": to_base64(row.leaf), "salt": salt, "body": body}


def _ranged(asked: str, file: BinaryIO) -> StreamingHttpResponse:
    """A file from where the range begins to where it ends (RFC 9110 section 14), a piece at a time. Raises Refusal `api/range`."""
    size = file.seek(0, 2)
    match = _RANGE.fullmatch(asked)
    start = int(match[1]) if match else 0
    end = min(int(match[2]) + 1 if match and match[2] else size, size)
    if (asked and not match) or (match and not start < end):
        file.close()
        raise Refusal("api/range", got=size)
    response = StreamingHttpResponse(
        _pieces(file, start, end), status=206 if match else 200, content_type="application/octet-stream"
    )
    response["Content-Length"] = str(end - start)
    response["Accept-Ranges"] = "bytes"
    if match:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return response


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        file.seek(start)
        while start < end and (piece := await read(min(CHUNK, end - start))):
            start += len(piece)
            yield piece
    finally:
        file.close()


def _octets(request: HttpRequest) -> bytes:
    """The request's body. Raises Refusal `api/too-large`."""
    body: bytes = request.body
    if len(body) > LIMIT:
        raise Refusal("api/too-large", most=LIMIT)
    return body


def _text(octets: bytes) -> HttpResponse:
    return HttpResponse(octets, content_type="text/plain; charset=utf-8")


def _tell(api: NinjaAPI, request: HttpRequest, said: Refusal | Fault) -> HttpResponse:
    answer = api.create_response(request, refused(said), status=status_of(said))
    if answer.status_code == 401:
        answer["WWW-Authenticate"] = "Bearer"
    if answer.status_code in (429, 503):
        answer["Retry-After"] = "2"
    return answer


def _where(error: ValidationError) -> str:
    """Which parts of a request are not as the API says: their places, never what stood there."""
    places = (".".join(str(step) for step in each.get("loc", ()))[:80] for each in error.errors)
    return ", ".join(sorted(set(places)))[:400]
