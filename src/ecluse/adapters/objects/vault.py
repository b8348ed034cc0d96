"""A vault on a server that speaks S3, through obstore: whole or absent, never replaced, and erased with all that a listing hides.

A small file is created by one conditional request. A larger one comes in pieces under a name of its own, and is put in its place by a conditional copy
within the server; what it came in as is removed with every version of it. Erasing removes all versions, delete markers and unfinished uploads, and looks
again. Names are of the same short alphabet as on a disk, so that no key is ever built from anything else. The account's file is read once, when the vault
is opened.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import chain
from typing import Any, BinaryIO, Final, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from ecluse.adapters.objects.asked import Asked, Left
from ecluse.adapters.objects.place import ObjectPlace, read_account
from ecluse.base.refusal import Fault, Refusal

__all__ = ["ObjectVault"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
SMALL: Final = 8 << 20
"""Octets that go in one request; also the length of a piece, the least that S3 takes being 5 MiB."""
AT_ONCE: Final = 2
"""Pieces of one file under way together: an upload holds no more memory than these."""
_TRIES: Final = 3
_WAIT: Final = timedelta(seconds=20)


class ObjectVault:
    """`passage.custody.Vault` under `<prefix>/` of a bucket: one prefix for each chamber, or a bucket each."""

    def __init__(self, place: ObjectPlace, *, prefix: str) -> None:
        if not _NAME.fullmatch(prefix):
            raise Refusal("vault/name")
        place.check()
        account = read_account(place.credentials)
        self._prefix = prefix
        self._asked = Asked(place)
        self._store = S3Store(
            place.bucket,
            endpoint=place.endpoint,
            region=place.region,
            access_key_id=account.access_key,
            secret_access_key=account.secret_key,
            virtual_hosted_style_request=False,
            copy_if_not_exists="multipart",
            conditional_put="etag",
            client_options={
                "allow_http": place.address.scheme == "http",  # this machine alone: `check_endpoint`
                "connect_timeout": "5s",
                "timeout": "60s",
            },
            retry_config={"max_retries": _TRIES, "retry_timeout": _WAIT},
        )

    def put(self, folder: str, name: str, octets: Iterable[bytes]) -> int:
        """See `Vault.put`. Raises too Refusal `vault/credentials-refused`, Fault `vault/away` (retry)."""
        key = self._key(folder, name)
        pieces = iter(octets)
        first = _first(pieces)
        if len(first) <= SMALL:
            with _told(folder, name):
                obstore.put(self._store, key, first, mode="create")
            return len(first)
        counted = _Counted(chain((first,), pieces))
        aside = f"{self._key(folder)}/.{name}.{secrets.token_hex(8)}.partial"
        try:
            with _told(folder, name):
                obstore.put(self._store, aside, counted, chunk_size=SMALL, max_concurrency=AT_ONCE)
                obstore.copy(self._store, aside, key, overwrite=False)
        finally:
            with suppress(Fault, Refusal):  # what is left of it goes with the folder
                self._remove(aside)
        return counted.octets

    def open(self, folder: str, name: str) -> BinaryIO:
        """See `Vault.open`."""
        with _told(folder, name):
            found = obstore.open_reader(self._store, self._key(folder, name), buffer_size=SMALL)
        return cast("BinaryIO", io.BufferedReader(_Read(found, folder, name), io.DEFAULT_BUFFER_SIZE))

    def names(self, folder: str) -> list[str]:
        """See `Vault.names`."""
        with _told(folder, ""):
            found = obstore.list_with_delimiter(self._store, self._key(folder))["objects"]
        names = (it["path"].removeprefix(f"{self._key(folder)}/") for it in found)
        return sorted(name for name in names if _NAME.fullmatch(name))

    def folders(self) -> list[str]:
        """See `Vault.folders`."""
        with _told("", ""):
            found = obstore.list_with_delimiter(self._store, self._prefix)["common_prefixes"]
        return sorted(it.rstrip("/").rpartition("/")[2] for it in found)

    def erase(self, folder: str) -> int:
        """See `Vault.erase`. Counts versions and unfinished uploads; raises Refusal `erase/survived` when something is still there after."""
        return self._remove(f"{self._key(folder)}/")

    def check(self) -> None:
        """The server keeps what this vault promises, tried on a folder of its own. Raises Refusal `vault/server-unfit`, and as `put`."""
        folder = f"probe-{secrets.token_hex(8)}"
        key = self._key(folder, "a")
        self._asked.left(key)
        try:
            self.put(folder, "a", (b"1",))
            self._check_refused(
                "If-None-Match (PutObject)", lambda: obstore.put(self._store, key, b"2", mode="create")
            )
            obstore.put(self._store, f"{key}.partial", b"2")
            self._check_refused(
                "If-None-Match (CompleteMultipartUpload)",
                lambda: obstore.copy(self._store, f"{key}.partial", key, overwrite=False),
            )
        finally:
            self.erase(folder)

    def _check_refused(self, what: str, attempt: Any) -> None:
        with suppress(AlreadyExistsError):
            attempt()
            raise Refusal("vault/server-unfit", what=what)

    def _remove(self, prefix: str) -> int:
        """Remove all that is under a prefix, and look again until there is nothing, or nothing goes any more."""
        gone, before = 0, None
        while left := self._asked.left(prefix):
            if left == before:
                raise Refusal("erase/survived", where=prefix.strip("/"), what=left[0].kind)
            for it in left:
                self._asked.remove(it)
            gone += sum(it.kind != "marker" for it in left)
            before = left
        if prefix.endswith(
            "/"
        ):  # some servers (SeaweedFS) keep an empty folder; a version that is not there is no marker on any
            self._asked.remove(Left("version", prefix, "null"))
        return gone

    def _key(self, *parts: str) -> str:
        if not all(_NAME.fullmatch(part) for part in parts):
            raise Refusal("vault/name")
        return "/".join((self._prefix, *parts))


@contextmanager
def _told(folder: str, name: str) -> Iterator[None]:
    """What the server says, in our words; its own hold addresses."""
    try:
        yield
    except AlreadyExistsError:
        raise Refusal("vault/exists", where=f"{folder}/{name}") from None
    except FileNotFoundError:
        raise Refusal("vault/absent", where=f"{folder}/{name}") from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise Refusal("vault/credentials-refused") from None
    except BaseError as error:
        if "403 Forbidden" in str(error):  # what obstore makes of it where a listing is refused
            raise Refusal("vault/credentials-refused") from None
        raise Fault("vault/away") from None


def _first(pieces: Iterator[bytes]) -> bytes:
    """The first octets: all of them, or more than go in one request."""
    first = bytearray()
    for piece in pieces:
        first += piece
        if len(first) > SMALL:
            break
    return bytes(first)


class _Counted:
    """Pieces, and how many octets they held."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self.octets = pieces, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.octets += len(piece)
            yield piece


class _Read(io.RawIOBase):
    """An object read piece by piece."""

    def __init__(self, found: Any, folder: str, name: str) -> None:
        self._found, self._folder, self._name = found, folder, name

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: a recipient goes on where it was cut."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        with _told(self._folder, self._name):
            return int(self._found.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`. Raises Refusal `vault/absent` when it was erased meanwhile, Fault `vault/away`."""
        with _told(self._folder, self._name):
            octets = memoryview(self._found.read(len(buffer)))
        buffer[: len(octets)] = octets
        return len(octets)
