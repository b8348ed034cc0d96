"""The keystore on a disk: identities that open what was sealed to them, and that do not come back."""

from __future__ import annotations

import io
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from ecluse.adapters.keystore import Keystore
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.seal import seal
from ecluse.proof.unseal import Identity, unseal

MIGRATION = "migration/2026-1"


def test_an_identity_opens_what_was_sealed_to_it(tmp_path: Path) -> None:
    """The public half that is given seals, and the identity kept opens, also after the keystore is opened anew."""
    recipient = Keystore(tmp_path / "keys").create(MIGRATION)
    out = io.BytesIO()
    seal([b"pli"], to=[recipient], out=out)
    identity = Keystore(tmp_path / "keys").identity(MIGRATION)
    assert b"".join(unseal(io.BytesIO(out.getvalue()), identities=[identity])) == b"pli"


def test_a_migration_has_one_identity(tmp_path: Path) -> None:
    """Making a second identity for the same migration is refused, and names tells which are held."""
    keys = Keystore(tmp_path / "keys")
    keys.create(MIGRATION)
    keys.create("migration/2026-2")
    with pytest.raises(Refusal, match="already-held"):
        keys.create(MIGRATION)
    assert keys.names() == [MIGRATION, "migration/2026-2"]


def test_everything_kept_is_private(tmp_path: Path) -> None:
    """Folder and files are their owner's only, and no file holds the seed in clear."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    seed = keys.identity(MIGRATION).seed
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert seed not in path.read_bytes()


def test_a_keystore_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """One file or the folder readable by another account, and nothing is given out until it is mended."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    file = next(folder.glob("*.kek"))
    file.chmod(0o644)
    with pytest.raises(Refusal, match="store-readable"):
        keys.identity(MIGRATION)
    with pytest.raises(Refusal, match="store-readable"):
        Keystore(folder)
    file.chmod(0o600)
    assert isinstance(keys.identity(MIGRATION), Identity)


def test_a_destroyed_identity_is_gone(tmp_path: Path) -> None:
    """After destruction neither row nor key file is there, the other identities stay, and doing it again does nothing."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    keys.create("migration/2026-2")
    wrapped = (
        sqlite3.connect(folder / "identities.sqlite")
        .execute("select wrapped from identities where name = ?", (MIGRATION,))
        .fetchone()[0]
    )
    keys.destroy(MIGRATION)
    keys.destroy(MIGRATION)
    with pytest.raises(Refusal, match="not-held"):
        keys.identity(MIGRATION)
    assert keys.names() == ["migration/2026-2"]
    assert len(list(folder.glob("*.kek"))) == 1
    assert wrapped not in (folder / "identities.sqlite").read_bytes()
    assert isinstance(keys.identity("migration/2026-2"), Identity)


def test_a_key_file_restored_alone_opens_nothing(tmp_path: Path) -> None:
    """A key file put back from a backup, without its row, opens nothing, and is reported and destroyed at the next start."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    file = next(folder.glob("*.kek"))
    backup = file.read_bytes()
    keys.destroy(MIGRATION)
    file.write_bytes(backup)
    file.chmod(0o600)
    with pytest.raises(Refusal, match="not-held"):
        keys.identity(MIGRATION)
    assert Keystore(folder).bury([MIGRATION]) == [MIGRATION]
    assert not file.exists()


def test_a_row_restored_alone_opens_nothing(tmp_path: Path) -> None:
    """A row whose key file was overwritten or cut opens nothing."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    for octets in (bytes(32), b""):
        next(folder.glob("*.kek")).write_bytes(octets)
        with pytest.raises(Refusal, match="not-held"):
            keys.identity(MIGRATION)


def test_a_keystore_restored_whole_is_buried_again(tmp_path: Path) -> None:
    """A whole keystore put back after destruction is found alive by its tombstone, destroyed again and reported; the others stay."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    keys.create("migration/2026-2")
    shutil.copytree(folder, tmp_path / "backup")
    keys.destroy(MIGRATION)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    risen = Keystore(folder)
    assert risen.bury([MIGRATION, "migration/never"]) == [MIGRATION]
    assert risen.names() == ["migration/2026-2"]
    assert risen.bury([MIGRATION]) == []


def test_a_destruction_that_does_not_hold_is_told(tmp_path: Path) -> None:
    """When the row comes back while it is destroyed, destruction is not attested: the fault says so."""
    folder = tmp_path / "keys"
    keys = Keystore(folder)
    keys.create(MIGRATION)
    with sqlite3.connect(folder / "identities.sqlite") as db:
        db.execute("create table copy (name text, wrapped blob)")
        db.execute("insert into copy select * from identities")
        db.execute(
            "create trigger risen after delete on identities begin insert into identities select * from copy; end"
        )
    with pytest.raises(Fault, match="still-opens"):
        keys.destroy(MIGRATION)
