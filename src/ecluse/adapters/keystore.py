"""The keystore (« trousseau »): one private identity for each migration, made to be destroyed.

An identity lies in a SQLite row, sealed by a random key of its own (KEK) that lies in a file of its own; without either there is nothing. Destroying
overwrites and unlinks that file, removes the row, and then tries to open what was there. This folder must be left out of backups; one
restored all the same is buried again at the next start. What this cannot promise: that a disk or a snapshot kept no copy (NIST SP 800-88r2).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ecluse.adapters.durable import to_disk
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.seal import Recipient
from ecluse.proof.unseal import Identity, new_identity

__all__ = ["Keystore"]

_KEK: Final = 32
_NONCE: Final = 12
_TABLE: Final = (
    "create table if not exists identities (name text primary key, wrapped blob not null) without rowid"
)


class Keystore:
    """The identities kept in `folder`, which is made private to its owner. Raises Refusal `key/store-readable` if others can read it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "identities.sqlite"
        self._file.touch(mode=0o600, exist_ok=True)
        self._check_private()
        with closing(self._connect()) as db:
            db.execute(_TABLE)

    def create(self, name: str) -> Recipient:
        """Makes the identity of migration `name`; gives its public half. Raises Refusal `key/already-held`."""
        identity, recipient = new_identity()
        kek, nonce = os.urandom(_KEK), os.urandom(_NONCE)
        wrapped = nonce + ChaCha20Poly1305(kek).encrypt(nonce, identity.seed, name.encode())
        with closing(self._connect()) as db:
            db.execute("begin immediate")  # two at once: the second must not overwrite the first one's KEK
            if db.execute("select 1 from identities where name = ?", (name,)).fetchone():
                db.execute("rollback")
                raise Refusal("key/already-held", where=name)
            self._write(self._kek_file(name), kek)
            db.execute("insert into identities values (?, ?)", (name, wrapped))
            db.execute("commit")
        return recipient

    def identity(self, name: str) -> Identity:
        """The private half. Raises Refusal `key/not-held` when it was destroyed or never made, `key/store-readable`."""
        self._check_private()
        identity = self._open(name, self._wrapped(name))
        if identity is None:
            raise Refusal("key/not-held", where=name)
        return identity

    def destroy(self, name: str) -> None:
        """Destroys the identity of `name`, and proves it by trying to open what was kept. Destroying what is not there does nothing.

        Raises Fault `key/still-opens` if it opens nevertheless.
        """
        wrapped, kek = self._wrapped(name), self._kek_file(name)
        if kek.exists():
            self._write(kek, os.urandom(_KEK))
            kek.unlink()
            to_disk(self._folder)
        with closing(self._connect()) as db:
            db.execute("delete from identities where name = ?", (name,))
            db.execute("vacuum")
        if self._open(name, wrapped) is not None or self._wrapped(name) is not None:
            raise Fault("key/still-opens", where=name)

    def names(self) -> list[str]:
        """Migrations whose identity is held."""
        with closing(self._connect()) as db:
            return [name for (name,) in db.execute("select name from identities order by name")]

    def bury(self, tombstones: Iterable[str]) -> list[str]:
        """Destroys again every identity whose destruction the ledger knows (`tombstones`); gives those found alive, for an alert."""
        dead = set(tombstones)
        risen = sorted(
            dead.intersection(self.names()) | {name for name in dead if self._kek_file(name).exists()}
        )
        for name in risen:
            self.destroy(name)
        return risen

    def _open(self, name: str, wrapped: bytes | None) -> Identity | None:
        kek = self._kek_file(name)
        if wrapped is None or not kek.exists():
            return None
        try:
            seed = ChaCha20Poly1305(kek.read_bytes()).decrypt(
                wrapped[:_NONCE], wrapped[_NONCE:], name.encode()
            )
        except (InvalidTag, ValueError):
            return None
        return Identity(seed)

    def _wrapped(self, name: str) -> bytes | None:
        with closing(self._connect()) as db:
            found = db.execute("select wrapped from identities where name = ?", (name,)).fetchone()
        return found[0] if found else None

    def _kek_file(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.kek"

    def _write(self, file: Path, octets: bytes) -> None:
        """In place and flushed: a new file would leave the old octets on the disk."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, octets)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        to_disk(self._folder)

    def _check_private(self) -> None:
        for path in (self._folder, *self._folder.iterdir()):
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Refusal("key/store-readable", where=path.name)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, isolation_level=None)
        connection.execute("pragma secure_delete = on")
        connection.execute("pragma synchronous = full")
        return connection
