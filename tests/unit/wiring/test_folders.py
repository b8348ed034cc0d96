"""A site's folder: its machine's certificate, renewed before or after it has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SigningKey
from ecluse.wiring.folders import SiteFolder

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
YEARS = timedelta(days=730)


@pytest.fixture
def made(tmp_path: Path) -> tuple[SiteFolder, SigningKey]:
    folder = SiteFolder(tmp_path / "laboratory")
    return folder, folder.create(passphrase="twelve letters", at=NOON, work_factor=2)


def test_a_machines_certificate_ends_and_is_renewed(made: tuple[SiteFolder, SigningKey]) -> None:
    """Past two years the machine's key is refused; renewed, the same key holds again, for all the time from its first day on."""
    folder, root = made
    key = folder.agent_key(root=folder.root, at=NOON)
    late = NOON + YEARS
    with pytest.raises(Refusal, match="key/cert-expired"):
        folder.agent_key(root=folder.root, at=late)
    renewed = folder.renew_agent(root=root, at=late)
    assert (renewed.not_before, renewed.not_after) == (NOON, late + YEARS)
    for at in (NOON, late, late + YEARS - timedelta(seconds=1)):
        assert folder.agent_key(root=folder.root, at=at) == key == folder.agent().public
    with pytest.raises(Refusal, match="key/cert-expired"):
        folder.agent_key(root=folder.root, at=late + YEARS)


def test_the_certificate_that_holds_longest_is_the_one_used(made: tuple[SiteFolder, SigningKey]) -> None:
    """However many there are, and in whatever order they were made, the newest is used; the others stay beside it."""
    folder, root = made
    for months in (20, 10, 15):
        folder.renew_agent(root=root, at=NOON + timedelta(days=30 * months))
    held, envelope = folder.agent_certificate(root=folder.root)
    assert held.not_after == NOON + timedelta(days=600) + YEARS
    assert envelope in [file.read_bytes() for file in folder.path.glob("agent-*.cert")]
    assert len(list(folder.path.glob("agent*.cert"))) == 4


def test_a_certificate_by_another_root_is_not_believed(made: tuple[SiteFolder, SigningKey]) -> None:
    """A machine certified by a stranger's root, or by none, is no machine of this site."""
    folder, _ = made
    with pytest.raises(Refusal, match="sign/"):
        folder.agent_certificate(root=SigningKey.new().public)
    (folder.path / "agent.cert").unlink()
    with pytest.raises(Refusal, match="settings/site-absent"):
        folder.agent_key(root=folder.root, at=NOON)
