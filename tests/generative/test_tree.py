"""The tree against RFC 6962's own words: roots, every proof of small trees, and any proof that was touched."""

from __future__ import annotations

import hashlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.proof.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root,
    verify_consistency,
    verify_inclusion,
)

MOST = 40
LEAVES = [leaf_hash(bytes([number])) for number in range(MOST)]


def published_root(entries: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it, recursion and all."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(
        b"\x01" + published_root(entries[:split]) + published_root(entries[split:])
    ).digest()


@given(entries=st.lists(st.binary(max_size=40), max_size=70))
def test_roots_are_as_the_rfc_defines(entries: list[bytes]) -> None:
    """The root is the RFC's for any entries, whether grown leaf by leaf or read off stored nodes."""
    leaves = [leaf_hash(entry) for entry in entries]
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    at = nodes_of(leaves)
    assert frontier.root() == root(at, len(leaves)) == published_root(entries)
    assert Frontier.of_tree(at, len(leaves)).root() == frontier.root()
    assert Frontier.from_bytes(frontier.to_bytes()).root() == frontier.root()


def test_every_inclusion_proof_holds() -> None:
    """Every leaf of every tree up to 40 leaves is proved to be in it, and at no other place."""
    at = nodes_of(LEAVES)
    for size in range(1, MOST + 1):
        top = root(at, size)
        for index in range(size):
            proof = inclusion_proof(at, index, size)
            verify_inclusion(LEAVES[index], index=index, size=size, proof=proof, root=top)
            with pytest.raises(Refusal):
                verify_inclusion(
                    LEAVES[index], index=(index + 1) % (size + 1), size=size, proof=proof, root=top
                )


def test_every_consistency_proof_holds() -> None:
    """Every tree up to 40 leaves is proved to begin with every smaller one, and with no other."""
    at = nodes_of(LEAVES)
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            proof = consistency_proof(at, old, new)
            verify_consistency(old=old, new=new, proof=proof, old_root=root(at, old), new_root=root(at, new))
            with pytest.raises(Refusal):
                verify_consistency(
                    old=old, new=new, proof=proof, old_root=LEAVES[-1], new_root=LEAVES[0][::-1]
                )


@given(size=st.integers(2, MOST), bit=st.integers(0, 255), draw=st.randoms(use_true_random=False))
def test_a_touched_proof_is_refused(size: int, bit: int, draw: Random) -> None:
    """One bit flipped in a proof, one hash more or one less, and the proof is refused."""
    at = nodes_of(LEAVES)
    index = draw.randrange(size)
    proof = inclusion_proof(at, index, size)
    place = draw.randrange(len(proof))
    flipped = (int.from_bytes(proof[place]) ^ 1 << bit).to_bytes(32)
    for touched in ([*proof[:place], flipped, *proof[place + 1 :]], proof[:-1], [*proof, LEAVES[0]]):
        with pytest.raises(Refusal):
            verify_inclusion(LEAVES[index], index=index, size=size, proof=touched, root=root(at, size))


def test_nothing_follows_from_an_empty_tree() -> None:
    """No proof is made or taken from size 0, to a smaller tree, or for a leaf that is not there."""
    at = nodes_of(LEAVES)
    for old, new in ((0, 3), (0, 0), (4, 3)):
        with pytest.raises(Refusal, match="consistency-not-proved"):
            consistency_proof(at, old, new)
        with pytest.raises(Refusal, match="consistency-not-proved"):
            verify_consistency(old=old, new=new, proof=[], old_root=EMPTY_ROOT, new_root=EMPTY_ROOT)
    with pytest.raises(Refusal, match="inclusion-not-proved"):
        inclusion_proof(at, 3, 3)
    with pytest.raises(Refusal, match="too short"):
        verify_consistency(old=3, new=5, proof=[], old_root=EMPTY_ROOT, new_root=EMPTY_ROOT)


@pytest.mark.parametrize(
    "octets", [b"", b"\x00" * 7, (3).to_bytes(8) + bytes(32), (1).to_bytes(8) + bytes(31)]
)
def test_a_frontier_that_lacks_hashes_is_refused(octets: bytes) -> None:
    """A stored edge with fewer or shorter hashes than its size asks is refused."""
    with pytest.raises(Refusal, match="frontier-malformed"):
        Frontier.from_bytes(octets)
