"""The protocol's verbs over what an account sees (`tree`): put and get with resume, list, look; all that would change anything else is refused or does nothing.

A file is put under its own name, or under the one that a client gives it until it is whole, and then renamed. It comes in by `passage.intake`, which judges
it. Nothing here opens a path: a handle is an upload or a kept file. What a client must not do is answered with a reason, in the exchange's language.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import BinaryIO, Final, NoReturn, TypeVar

import asyncssh
from asyncssh import SFTPAttrs, SFTPName
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import say
from ecluse.doors.sftp.tree import Entry, Missing, Place, Tree, place_of
from ecluse.passage.acts import CUSTODY_READ
from ecluse.passage.arrivals import Sent
from ecluse.passage.blind import final_name
from ecluse.passage.intake import Coming

__all__ = ["Files"]

T = TypeVar("T")
_FOLDER: Final = 0o040700
_KEPT: Final = 0o100400
_GOING: Final = 0o100600
_MOST_AHEAD: Final = 8 << 20
"""Octets that may come before those they follow: clients that write several blocks at once do not keep them in order."""
_ABSENT: Final = frozenset({"vault/absent", "migration/unknown", "chamber/unknown"})


class Files(asyncssh.SFTPServer):
    """One session. `said`: who it is, for the ledger; `wait`: how long to wait after so many octets; `over`: called once all is let go."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel[bytes],
        tree: Tree,
        *,
        said: Sent,
        wait: Callable[[int], float],
        over: Callable[[Files], None],
        language: str,
    ) -> None:
        super().__init__(channel)
        self._tree, self._said, self._wait, self._over, self._language = tree, said, wait, over, language
        self._open: set[_Going | _Given] = set()

    # --- looking -------------------------------------------------------------------------------------------------------------------------

    def realpath(self, path: bytes) -> bytes:
        """The one way to write it; what does not exist is written too, as clients ask for a place before they make it."""
        with suppress(Missing):
            return place_of(path).path.encode()
        raise asyncssh.SFTPNoSuchFile("")

    async def stat(self, path: bytes) -> SFTPAttrs:
        """What is there."""
        return _attributes(await self._work(lambda: self._tree.entry(place_of(path))))

    async def lstat(self, path: bytes) -> SFTPAttrs:
        """The same: there are no links."""
        return await self.stat(path)

    async def fstat(self, file_obj: object) -> SFTPAttrs:
        """How far an open file is."""
        assert isinstance(file_obj, _Going | _Given)
        return _attributes(file_obj.entry())

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """A folder's lines."""
        for name in (b".", b".."):
            yield SFTPName(name, attrs=_attributes(Entry(name.decode(), folder=True)))
        for entry in await self._work(lambda: self._tree.entries(place_of(path))):
            yield SFTPName(entry.name.encode(), attrs=_attributes(entry))

    def format_user(self, uid: int | None) -> str:
        """Nobody's name."""
        return "-"

    def format_group(self, gid: int | None) -> str:
        """No group's name."""
        return "-"

    # --- getting and putting -------------------------------------------------------------------------------------------------------------

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        """A kept file to read, or an upload to write at its end. What the client asks of the file's attributes is not heard."""
        writes = pflags & (FXF_WRITE | FXF_APPEND)
        if writes and pflags & FXF_READ:
            self._no("sftp.both_ways")
        opens = self._begin if writes else self._give
        opened = await self._work(lambda: opens(place_of(path), pflags))
        self._open.add(opened)
        return opened

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Octets of a kept file."""
        if not isinstance(file_obj, _Given):
            self._no("sftp.both_ways")
        octets = (
            file_obj.read(offset, size)
            if file_obj.at_hand
            else await self._work(lambda: file_obj.read(offset, size))
        )
        await self._slow(len(octets))
        return octets

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Octets of an upload, at its end."""
        if not isinstance(file_obj, _Going):
            self._no("sftp.both_ways")
        try:
            file_obj.write(offset, data)
        except (Refusal, Fault) as said:
            raise self._told(said) from None
        await self._slow(len(data))
        return len(data)

    async def close(self, file_obj: object) -> None:
        """A read file is let go; an upload under its own name is judged and kept if it is whole, else waits to be gone on with."""
        assert isinstance(file_obj, _Going | _Given)
        self._open.discard(file_obj)
        cut = self.channel.is_closing()
        await self._work(lambda: file_obj.close(cut=cut))

    async def exit(self) -> None:
        """Whatever its client left open is let go."""
        for left in list(self._open):
            self._open.discard(left)
            with suppress(asyncssh.SFTPError):
                await self._work(lambda left=left: left.close(cut=True))  # type: ignore[misc]
        self._over(self)

    async def fsync(self, file_obj: object) -> None:
        """Nothing: an upload is durable once closed."""

    # --- what clients need around it -----------------------------------------------------------------------------------------------------

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """The end of an upload that came under a client's name for the unfinished: to its own name, in its own folder."""
        await self._work(lambda: self._finish(place_of(oldpath), place_of(newpath)))

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """The same: what is kept is not replaced either way."""
        await self.rename(oldpath, newpath)

    async def remove(self, path: bytes) -> None:
        """Give up an unfinished upload; what is kept stays."""
        await self._work(lambda: self._drop(place_of(path)))

    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Nothing where the folder is there; no other is made."""
        with suppress(asyncssh.SFTPNoSuchFile):
            if (await self._work(lambda: self._tree.entry(place_of(path)))).folder:
                return
        self._no("sftp.no_folder")

    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Nothing changes: rights and times are heard and forgotten; another size is refused."""
        entry = await self._work(lambda: self._tree.entry(place_of(path)))
        self._same_size(entry, attrs)

    async def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """The same."""
        await self.setstat(path, attrs)

    async def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """The same, of an open file."""
        assert isinstance(file_obj, _Going | _Given)
        self._same_size(file_obj.entry(), attrs)

    async def rmdir(self, path: bytes) -> None:
        """Refused: a migration ends by its erasure."""
        self._no("sftp.no_folder")

    async def readlink(self, path: bytes) -> bytes:
        """Refused: there are no links."""
        self._no("sftp.no_link")

    async def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Refused: there are no links."""
        self._no("sftp.no_link")

    async def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Refused: there are no links."""
        self._no("sftp.no_link")

    async def statvfs(self, path: bytes) -> NoReturn:
        """Refused: how much room a host has is not a sender's."""
        raise asyncssh.SFTPOpUnsupported("")

    async def fstatvfs(self, file_obj: object) -> NoReturn:
        """The same."""
        raise asyncssh.SFTPOpUnsupported("")

    # --- in a thread ---------------------------------------------------------------------------------------------------------------------

    def _begin(self, place: Place, pflags: int) -> _Going:
        if not self._tree.who.sends:
            raise _Denied("sftp.no_sending")
        intake = self._tree.file(place)
        known = place.name in intake.unfinished(place.migration) or place.name in intake.kept(place.migration)
        if not known and not pflags & FXF_CREAT:
            raise Missing
        if known and pflags & FXF_EXCL:
            raise _Denied("sftp.exists")
        fresh = bool(pflags & FXF_TRUNC)
        coming = intake.begin(place.migration, place.name, sent=self._said, fresh=fresh)
        return _Going(coming, place.name, at_end=bool(pflags & FXF_APPEND))

    def _give(self, place: Place, pflags: int) -> _Given:
        if not self._tree.who.reads:
            raise _Denied("sftp.no_reading")
        intake = self._tree.file(place)
        chamber = intake.chamber
        chamber.check_gives(place.migration)
        file = chamber.custody.open(place.migration, place.name)
        try:
            size = file.seek(0, os.SEEK_END)
            body: dict[str, object] = {"file": place.name, "size": size}
            intake.arrivals.record(CUSTODY_READ, place.migration, self._said, body)
        except BaseException:
            file.close()
            raise
        return _Given(file, Entry(place.name, folder=False, size=size))

    def _finish(self, old: Place, new: Place) -> None:
        intake = self._tree.file(old)
        own = new.migration == old.migration and new.name == final_name(old.name) != old.name
        if (
            own
            and new.name in intake.kept(old.migration)
            and intake.progress(old.migration, old.name) is None
        ):
            return  # it was whole, and was kept meanwhile (`Intake.settle`)
        if not own or old.name not in intake.unfinished(old.migration):
            raise _Denied("sftp.no_rename")
        with intake.begin(old.migration, old.name, sent=self._said) as coming:
            coming.finish()

    def _drop(self, place: Place) -> None:
        intake = self._tree.file(place)
        if intake.drop(place.migration, place.name, sent=self._said):
            return
        if place.name in intake.kept(place.migration):
            raise _Denied("sftp.kept")
        raise Missing

    # --- answers -------------------------------------------------------------------------------------------------------------------------

    async def _work(self, verb: Callable[[], T]) -> T:
        """Run what may wait for a disk in a thread, and say what it says as the protocol does."""
        try:
            return await asyncio.to_thread(verb)
        except Missing:
            raise asyncssh.SFTPNoSuchFile("") from None
        except _Denied as denied:
            self._no(denied.phrase)
        except (Refusal, Fault) as said:
            raise self._told(said) from None

    async def _slow(self, octets: int) -> None:
        if seconds := self._wait(octets):
            await asyncio.sleep(seconds)

    def _same_size(self, entry: Entry, attrs: SFTPAttrs) -> None:
        if attrs.size is not None and attrs.size != entry.size:
            self._no("sftp.no_size")

    def _no(self, phrase: str) -> NoReturn:
        raise asyncssh.SFTPPermissionDenied(say(phrase, self._language))

    def _told(self, said: Refusal | Fault) -> asyncssh.SFTPError:
        if said.code in _ABSENT:
            return asyncssh.SFTPNoSuchFile("")
        text = f"{said.code}: {said.message(self._language)} {said.hint(self._language)}"
        return asyncssh.SFTPFailure(text) if isinstance(said, Fault) else asyncssh.SFTPPermissionDenied(text)


class _Denied(Exception):
    """A verb that this account, or anybody, may not use here; `phrase` is the reason's name in the catalogue."""

    def __init__(self, phrase: str) -> None:
        self.phrase = phrase
        super().__init__(phrase)


class _Going:
    """An upload under way, and the blocks that came before those they follow."""

    def __init__(self, coming: Coming, name: str, *, at_end: bool) -> None:
        self._coming, self._name, self._at_end = coming, name, at_end
        self._ahead: dict[int, bytes] = {}
        self._refused: Refusal | None = None

    def entry(self) -> Entry:
        """How far it is."""
        return Entry(self._name, folder=False, size=self._coming.size, unfinished=True)

    def write(self, offset: int, octets: bytes) -> None:
        """The next octets, or some that follow them. What was refused once stays refused, for a client sends many blocks before it listens."""
        if self._refused is not None:
            raise self._refused
        if self._at_end:
            offset = self._coming.size
        try:
            if (
                offset > self._coming.size
                and sum(map(len, self._ahead.values())) + len(octets) <= _MOST_AHEAD
            ):
                self._ahead[offset] = octets
                return
            self._coming.append(offset, (octets,))
            while self._ahead and (following := self._ahead.pop(self._coming.size, None)) is not None:
                self._coming.append(self._coming.size, (following,))
        except Refusal as refusal:
            self._refused = refusal
            raise

    def close(self, *, cut: bool) -> None:
        """Finish it if its name is its own and its client closed it, or it is whole; else it waits. Raises what `Coming.finish` does."""
        with self._coming as coming:
            own = final_name(self._name) == self._name
            if self._refused is None and not self._ahead and own and (not cut or coming.is_whole()):
                coming.finish()


class _Given:
    """A kept file that is read."""

    def __init__(self, file: BinaryIO, entry: Entry) -> None:
        self._file, self._entry = file, entry
        self.at_hand = isinstance(getattr(file, "raw", None), io.FileIO)

    def entry(self) -> Entry:
        """What it is."""
        return self._entry

    def seek(self, offset: int, whence: int) -> int:
        """Where data begin and end (lseek(2), SEEK_DATA and SEEK_HOLE), as some clients ask before they get: a sealed file has no holes."""
        if offset >= self._entry.size:
            raise OSError(errno.ENXIO, "")
        return offset if whence == os.SEEK_DATA else self._entry.size

    def read(self, offset: int, size: int) -> bytes:
        """Octets from anywhere in it; none at its end."""
        if self.at_hand:
            return os.pread(self._file.fileno(), size, offset)
        self._file.seek(offset)
        return self._file.read(size)

    def close(self, *, cut: bool) -> None:
        """Let it go."""
        self._file.close()


def _attributes(entry: Entry) -> SFTPAttrs:
    rights = _FOLDER if entry.folder else _GOING if entry.unfinished else _KEPT
    return SFTPAttrs(size=entry.size, uid=0, gid=0, permissions=rights, atime=0, mtime=0, nlink=1)
