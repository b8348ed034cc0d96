"""The public Merkle proof vectors (transparency-dev/merkle): every inclusion and consistency file."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.proof.tree import verify_consistency, verify_inclusion
from tests.vectors import judges

FOLDER = judges.SHARED / "merkle" / "testdata"
INCLUSION = sorted((FOLDER / "inclusion").rglob("*.json"))
CONSISTENCY = sorted((FOLDER / "consistency").rglob("*.json"))


def name_of(path: Path) -> str:
    """The vector's name inside the set."""
    return str(path.relative_to(FOLDER))


def octets(text: str | None) -> bytes:
    """The vector's base64, where nothing is written as null."""
    return b64decode(text or "")


@pytest.mark.skipif(
    not FOLDER.exists(), reason="the Merkle vectors are absent: ../shared/data/vectors/merkle"
)
def test_all_vectors_are_here() -> None:
    """The whole public set of 196 files is judged, not a selection."""
    assert len(INCLUSION) + len(CONSISTENCY) == 196


def verdict(check: Callable[[], None]) -> str | None:
    """The code with which a proof is refused, None when it holds."""
    try:
        check()
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("path", INCLUSION, ids=name_of)
def test_inclusion_is_judged_as_published(path: Path) -> None:
    """Each public inclusion proof holds or is refused, as its authors say."""
    vector = json.loads(path.read_text())
    leaf, root = octets(vector["leafHash"]), octets(vector["root"])
    proof = [octets(each) for each in vector["proof"] or []]
    said = verdict(
        lambda: verify_inclusion(
            leaf, index=vector["leafIdx"], size=vector["treeSize"], proof=proof, root=root
        )
    )
    assert said == ("ledger/inclusion-not-proved" if vector["wantErr"] else None)


@pytest.mark.parametrize("path", CONSISTENCY, ids=name_of)
def test_consistency_is_judged_as_published(path: Path) -> None:
    """Each public consistency proof holds or is refused, as its authors say."""
    vector = json.loads(path.read_text())
    old_root, new_root = octets(vector["root1"]), octets(vector["root2"])
    proof = [octets(each) for each in vector["proof"] or []]
    said = verdict(
        lambda: verify_consistency(
            old=vector["size1"], new=vector["size2"], proof=proof, old_root=old_root, new_root=new_root
        )
    )
    assert said == ("ledger/consistency-not-proved" if vector["wantErr"] else None)
