"""Intake (« réception »): the one way by which octets come into a chamber, whatever the door.

    with intake.begin(migration, name, sent=sent, length=None) as coming:     # a new upload, or one cut before, alone until closed
        coming.append(coming.size, blocks)                                    # its new size
        coming.finish()                                                       # whole: in custody; else Refusal, and what is durable stays

An upload is unfinished and resumable, or whole in custody; killed anywhere it is one of the two. Only a parcel's own files come in, sealed (`blind`), for a
migration that awaits them, within the quota; the first file that contradicts the manifest is refused by name. What came and what was refused is an entry of
the ledger (`arrivals`). Nothing here can open a parcel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.arrivals import AT_START, Arrivals, Kept, Sent
from ecluse.passage.blind import (
    LONGEST_HEADER,
    check_begins_sealed,
    check_header,
    check_listed,
    check_part_size,
    final_name,
    largest,
    line_of,
    manifest_in,
)
from ecluse.passage.chamber import Chamber
from ecluse.passage.custody import digest_of, hashed, size_of
from ecluse.passage.parcel import MANIFEST, PartLine
from ecluse.passage.uploads import Progress, Upload, Uploads
from ecluse.proof.canonical import LIMIT

__all__ = ["QUOTA", "Arrivals", "Coming", "Intake", "Kept", "Progress", "Sent"]

QUOTA: Final = 1 << 40
"""Octets that a chamber keeps at most, unless its host says otherwise."""


@dataclass(slots=True)
class _Moving:
    """What is under way in this process: final names, and the sizes of kept files, which never change."""

    busy: set[tuple[str, str]] = field(default_factory=set)
    sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Intake:
    """One chamber's intake. `quota`: octets that it keeps at most, unfinished uploads included; judged as each upload begins."""

    arrivals: Arrivals
    uploads: Uploads
    quota: int = QUOTA
    _moving: _Moving = field(default_factory=_Moving, init=False, repr=False, compare=False)

    @property
    def chamber(self) -> Chamber:
        """Whose intake it is."""
        return self.arrivals.chamber

    def begin(
        self, migration: str, name: str, *, sent: Sent, length: int | None = None, fresh: bool = False
    ) -> Coming:
        """An upload at its end so far: a new one, or one cut before (from its start when `fresh`). Close it, or use it as a context.

        `name` may be a name that clients use until a file is whole. Raises Refusal `intake/name`, `intake/too-large`, `intake/quota`, `intake/length`,
        `vault/exists` (a kept file of another length), `migration/unknown`, `chamber/takes-none`; Fault `intake/busy`.
        """
        size = length or 0
        try:
            final = final_name(name)
            self.chamber.check_takes(migration)
            self._check_length(migration, final, length)
            room = self._room(migration, name, size)
        except Refusal as refusal:
            self.arrivals.note_refused(refusal, migration, size=size, sent=sent)
            raise
        key = (migration, final)
        with self._moving.lock:
            if key in self._moving.busy:
                raise Fault("intake/busy", where=f"{migration}/{final}")
            self._moving.busy.add(key)
        try:
            upload = self.uploads.open(migration, name, length=length, fresh=fresh)
        except BaseException:
            self._moving.busy.discard(key)
            raise
        return Coming(self, upload, migration=migration, final=final, sent=sent, room=room)

    def progress(self, migration: str, name: str) -> Progress | None:
        """How far an unfinished upload is; None when there is none."""
        final_name(name)
        return self.uploads.found(migration, name)

    def unfinished(self, migration: str) -> dict[str, int]:
        """The unfinished uploads of a migration by name, with their octets so far."""
        found = {name: self.uploads.found(migration, name) for name in self.uploads.names(migration)}
        return {name: progress.size for name, progress in found.items() if progress is not None}

    def kept(self, migration: str) -> dict[str, int]:
        """The files of a migration in custody by name, with their sizes."""
        custody, sizes = self.chamber.custody, self._moving.sizes
        names = custody.names(migration)
        for name in names:
            if (migration, name) not in sizes:
                sizes[migration, name] = size_of(custody, migration, name)
        return {name: sizes[migration, name] for name in names}

    def drop(self, migration: str, name: str, *, sent: Sent) -> bool:
        """Give up an unfinished upload; whether there was one. Raises Fault `intake/busy` while it comes."""
        if self.progress(migration, name) is None:
            return False
        with self.begin(migration, name, sent=sent) as coming:
            coming.drop()
        return True

    def erase(self, migration: str) -> int:
        """Remove a migration's parcel with the leftovers of its uploads; how many files went. What the ledger says of it is the caller's."""
        self._moving.sizes = {key: size for key, size in self._moving.sizes.items() if key[0] != migration}
        return self.uploads.erase(migration) + self.chamber.custody.erase(migration)

    def settle(self) -> list[Kept]:
        """At every start: finish what was whole when the exchange was stopped, and note what came and was not yet noted; what was finished.

        What is not whole waits for its sender.
        """
        kept = []
        for migration in self.uploads.folders():
            for name in self.uploads.names(migration):
                with suppress(Refusal, Fault):  # another file's trouble is not this one's
                    self.chamber.check_takes(migration)
                    with self.begin(migration, name, sent=AT_START) as coming:
                        if coming.is_whole():
                            kept.append(coming.finish())
        self.arrivals.settle()
        return kept

    def let_go(self, migration: str, final: str) -> None:
        """An upload is no longer under way."""
        with self._moving.lock:
            self._moving.busy.discard((migration, final))

    def _check_length(self, migration: str, final: str, length: int | None) -> None:
        if length is None:
            return
        if length > largest(final):
            raise Refusal("intake/too-large", where=final, got=length, expected=largest(final))
        if self.kept(migration).get(final, length) != length:
            raise Refusal("vault/exists", where=f"{migration}/{final}")

    def _room(self, migration: str, name: str, size: int) -> int:
        """Octets that may still come as this upload, its own so far included. Raises Refusal `intake/quota`."""
        used = 0
        for folder in self.chamber.custody.folders():
            used += sum(self.kept(folder).values())
        for folder in self.uploads.folders():
            for each in self.uploads.names(folder):
                found = None if (folder, each) == (migration, name) else self.uploads.found(folder, each)
                used += max(found.size, found.length or 0) if found else 0
        if used + size > self.quota:
            raise Refusal("intake/quota", where=name, got=used + size, expected=self.quota)
        return self.quota - used


class Coming:
    """One upload under way. Not shared between threads."""

    def __init__(
        self, intake: Intake, upload: Upload, *, migration: str, final: str, sent: Sent, room: int
    ) -> None:
        self._intake, self._migration, self._final, self._upload = intake, migration, final, upload
        self._sent, self._room = sent, room
        self._looked = False
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Octets so far: where the next ones go."""
        return self._upload.size

    @property
    def length(self) -> int | None:
        """The declared length, if any."""
        return self._upload.length

    def append(self, offset: int, octets: Iterable[bytes]) -> int:
        """More octets at `offset`, which is its size; its new size. Durable once closed or finished.

        Raises Refusal `intake/offset` (nothing changed); `intake/too-large`, `intake/quota`, `intake/not-sealed`, `intake/other-recipient`,
        `seal/header-malformed` at once, noted, the upload gone; Fault `vault/disk-full`.
        """
        if offset != self.size:
            raise Refusal("intake/offset", where=self._final, got=offset, expected=self.size)
        with self._refusing():
            for block in octets:
                self._check_fits(self.size + len(block))
                if self.size == 0 and self._final != MANIFEST:
                    check_begins_sealed(bytes(block[:32]))
                self._upload.write(block)
                if not self._looked and self._final != MANIFEST and self.size >= LONGEST_HEADER:
                    check_header(self._first())
                    self._looked = True
        return self.size

    def is_whole(self) -> bool:
        """Whether it could be finished now, as far as its end tells: for those whose connection is cut, and never said that it was all."""
        try:
            if self._final == MANIFEST:
                manifest_in(self._first(), senders=self._intake.arrivals.senders)
            else:
                self._check_end()
        except Refusal:
            return False
        return self.length in (None, self.size)

    def finish(self) -> Kept:
        """Judge it and move it whole into custody, then close it; sent again with the same octets, it is there already.

        Raises Refusal `intake/incomplete`: what came stays, to be gone on with. Any other refusal is noted, and what came is gone: `intake/contradicted`,
        `parcel/...`, `sign/...`, `vault/exists`, `chamber/takes-none`, and those of `append`. Fault `vault/...`: what came stays.
        """
        intake, migration, name = self._intake, self._migration, self._final
        with self._refusing():
            intake.chamber.check_takes(migration)
            if self.length not in (None, self.size):
                raise Refusal("intake/incomplete", where=name, got=self.size)
            sha256, size = hashed(self._upload.read())
            if name == MANIFEST:
                intake.arrivals.check_manifest(migration, self._first())
            else:
                self._check_part(sha256)
            again = name in intake.chamber.custody.names(migration)
            if not again:
                self._upload.move(name, to=intake.chamber.custody)
            elif digest_of(intake.chamber.custody, migration, name) == (sha256, size):
                self._upload.drop()
            else:
                raise Refusal("vault/exists", where=f"{migration}/{name}")
        self.close()
        kept = Kept(migration, name, size, sha256, again)
        intake.arrivals.note_kept(kept, sent=self._sent)
        return kept

    def drop(self) -> None:
        """Give it up: its octets are gone."""
        self._upload.drop()
        self.close()

    def close(self) -> None:
        """Let it go, resumable: what came is durable. May be called again."""
        if self._open:
            self._open = False
            try:
                self._upload.close()
            finally:
                self._intake.let_go(self._migration, self._final)

    def _check_fits(self, size: int) -> None:
        most = largest(self._final) if self.length is None else self.length
        if size > most:
            raise Refusal("intake/too-large", where=self._final, got=size, expected=most)
        if size > self._room:
            raise Refusal("intake/quota", where=self._final, got=size, expected=self._room)

    def _check_end(self) -> PartLine | None:
        """The part's size is one that it can have, and the manifest's where it came; its line there."""
        manifest = self._intake.arrivals.manifest(self._migration)
        try:
            header = check_header(self._first())
        except Refusal as refusal:
            if refusal.code == "seal/header-malformed" and self.size < LONGEST_HEADER:
                raise Refusal("intake/incomplete", where=self._final, got=self.size) from None
            raise
        check_part_size(self._final, self.size, header=header)
        if manifest is None:
            return None
        line = line_of(manifest, self._final)
        if self.size < line.size:
            raise Refusal("intake/incomplete", where=self._final, got=self.size)
        return line

    def _check_part(self, sha256: str) -> None:
        line = self._check_end()
        if line is not None:
            check_listed(line, sha256=sha256, size=self.size)

    def _first(self) -> bytes:
        with self._upload.read() as file:
            return file.read(max(LONGEST_HEADER, LIMIT if self._final == MANIFEST else 0))

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """What is refused inside is noted and dropped, but for what its sender can go on with."""
        try:
            yield
        except Refusal as refusal:
            if refusal.code != "intake/incomplete":
                size = self.size
                self.drop()
                self._intake.arrivals.note_refused(refusal, self._migration, size=size, sent=self._sent)
            raise
