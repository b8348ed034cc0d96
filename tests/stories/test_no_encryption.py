"""Finding: files lay unencrypted on a server open to anyone. Here nothing but sealed parts ever stands outside the two systems."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage import outbound
from ecluse.proof.unseal import new_identity, unseal
from tests.workspaces import carried, ended, laboratory, start

COLUMNS = ("NOMNAI", "PRENOM", "NSS", "MEL", "TELPOR", "COMM1")


def values(database: Path) -> set[bytes]:
    """Personal values of the old system, long enough not to be met by chance."""
    with sqlite3.connect(database) as old:
        found = {
            str(value)
            for row in old.execute(f"SELECT {', '.join(COLUMNS)} FROM PATIENT")
            for value in row
            if value
        }
    return {value.encode() for value in found if len(value) >= 8}


def files(home: Path) -> Iterator[Path]:
    """Every file of the workspace but the two systems themselves."""
    return (
        file
        for file in home.rglob("*")
        if file.is_file() and not file.name.startswith(("old.sqlite", "new.sqlite"))
    )


def leaks(home: Path) -> list[str]:
    markers = values(home / "old.sqlite")
    assert len(markers) > 50
    return [
        file.name
        for file in files(home)
        for octets in [file.read_bytes()]
        if any(marker in octets for marker in markers)
    ]


def test_no_value_stands_in_clear_at_any_moment_of_a_passage(tmp_path: Path) -> None:
    """After each step, no file of either site or of the exchange holds one value of a patient in clear."""
    _, ready = laboratory(tmp_path, patients=80)
    name, by = start(ready), ready.cast.ids["engineer"]
    assert leaks(tmp_path) == []
    ready.course.extract(name, by=by)
    assert leaks(tmp_path) == []
    outbound.deposit(ready.source, name, by=by)
    assert leaks(tmp_path) == []
    ready.course.run(name, by=by)
    assert leaks(tmp_path) == []
    ready.course.reconcile(name, by=by)
    assert leaks(tmp_path) == []


def test_nobody_but_the_recipient_opens_a_part(tmp_path: Path) -> None:
    """Another key than the certified recipient's opens no part in custody."""
    _, ready = laboratory(tmp_path)
    name = carried(ready)
    stranger, _ = new_identity()
    parts = [part for part in ready.target.custody.names(name) if part.endswith(".age")]
    assert len(parts) > 5
    for part in parts:
        with ready.target.custody.open(name, part) as file, pytest.raises(Refusal) as refused:
            b"".join(unseal(file, identities=[stranger]))
        assert refused.value.code == "seal/not-for-you"


def test_the_exchange_holds_no_key_that_opens_anything(tmp_path: Path) -> None:
    """Nothing in the exchange's folder is a recipient's private key: only the ledger's own signing key lies there."""
    _, ready = laboratory(tmp_path)
    carried(ready)
    exchange = tmp_path / "exchange"
    assert sorted(
        entry.name for entry in exchange.iterdir() if not entry.name.startswith("ledger.sqlite")
    ) == ["custody", "documents", "log.key"]
    assert len((exchange / "log.key").read_bytes()) == 32


def test_folders_and_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """No file of a site is readable by another account of the machine."""
    _, ready = laboratory(tmp_path)
    ended(ready)
    sites = [tmp_path / "laboratory-old", tmp_path / "laboratory-new", tmp_path / "exchange"]
    assert [site.name for site in sites if site.stat().st_mode & 0o077] == []
    keys = [
        file
        for site in sites
        for file in site.rglob("*")
        if file.suffix in (".age", ".key") or file.parent.name == "keys"
    ]
    assert len(keys) > 8
    assert [file.name for file in keys if file.is_file() and file.stat().st_mode & 0o077] == []
