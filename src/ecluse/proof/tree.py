"""The Merkle tree under the ledger: one root for all entries, and short proofs that one is in it or that it only grew.

RFC 6962 section 2.1, verified as in RFC 9162 sections 2.1.3.2 and 2.1.4.2. Hashes are SHA-256; an interior node is named by its level and
its place in that level, and any proof is read off such complete nodes. This module decides whether a proof holds; it stores nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from ecluse.base.refusal import Refusal

__all__ = [
    "EMPTY_ROOT",
    "Frontier",
    "Node",
    "NodeAt",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "nodes_of",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

HASH: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Node: TypeAlias = tuple[int, int, bytes]
"""Level (0 for leaves), place in the level, hash."""
NodeAt: TypeAlias = Callable[[int, int], bytes]
"""The hash of the complete node at a level and a place."""


def leaf_hash(leaf: bytes) -> bytes:
    """MTH of one entry: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """MTH of two subtrees: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: what is needed to append in O(log n) and to know the root. Holds at most 64 hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != HASH for peak in peaks):
            raise Refusal("ledger/frontier-malformed", got=len(peaks), size=size)
        self.size = size
        self._peaks = list(peaks)

    @classmethod
    def of_tree(cls, at: NodeAt, size: int) -> Frontier:
        """The edge of a stored tree of `size` leaves."""
        return cls(size, [at(level, place) for level, place in _peaks(size)])

    @classmethod
    def from_bytes(cls, octets: bytes) -> Frontier:
        """From `to_bytes`. Raises Refusal `ledger/frontier-malformed`."""
        peaks = [octets[start : start + HASH] for start in range(8, len(octets), HASH)]
        return cls(int.from_bytes(octets[:8]) if len(octets) >= 8 else -1, peaks)

    def to_bytes(self) -> bytes:
        """The size in 8 octets, then the peaks from left to right."""
        return self.size.to_bytes(8) + b"".join(self._peaks)

    def append(self, leaf: bytes) -> list[Node]:
        """Adds a leaf's hash; gives the nodes that it completed, the leaf first."""
        place, level = self.size, 0
        done: list[Node] = [(0, place, leaf)]
        while place & 1:
            place, level = place >> 1, level + 1
            leaf = node_hash(self._peaks.pop(), leaf)
            done.append((level, place, leaf))
        self._peaks.append(leaf)
        self.size += 1
        return done

    def root(self) -> bytes:
        """The root of the tree so far."""
        peaks = reversed(self._peaks)
        whole = next(peaks, EMPTY_ROOT)
        for peak in peaks:
            whole = node_hash(peak, whole)
        return whole


def nodes_of(leaves: Sequence[bytes]) -> NodeAt:
    """The complete nodes over leaf hashes held in memory."""
    frontier = Frontier()
    nodes = {(level, place): value for leaf in leaves for level, place, value in frontier.append(leaf)}
    return lambda level, place: nodes[level, place]


def root(at: NodeAt, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _range_hash(at, 0, size) if size else EMPTY_ROOT


def inclusion_proof(at: NodeAt, index: int, size: int) -> list[bytes]:
    """PATH of RFC 6962: the proof that leaf `index` is in the tree of `size` leaves."""
    if not 0 <= index < size:
        raise Refusal("ledger/inclusion-not-proved", why="no such leaf")
    return list(_path(at, index, 0, size))


def consistency_proof(at: NodeAt, old: int, new: int) -> list[bytes]:
    """PROOF of RFC 6962: that the tree of `new` leaves begins with the tree of `old` leaves, `old` at least 1."""
    if not 0 < old <= new:
        raise Refusal("ledger/consistency-not-proved", why=f"no proof leads from size {old} to size {new}")
    return list(_subproof(at, old, 0, new, known=True))


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Returns only when the leaf hash `leaf` is at `index` in the tree of `size` and `root`. Raises `ledger/inclusion-not-proved`."""
    if not 0 <= index < size or len(leaf) != HASH:
        raise Refusal("ledger/inclusion-not-proved", why="no such leaf")
    place, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refusal("ledger/inclusion-not-proved", why="the proof is too long")
        if place & 1 or place == last:
            value = node_hash(sibling, value)
            place, last = _up_to_a_right_child(place, last)
        else:
            value = node_hash(value, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Refusal("ledger/inclusion-not-proved", why="the proof is too short")
    _same(value, root, "ledger/inclusion-not-proved")


def verify_consistency(
    *, old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Returns only when the tree (`new`, `new_root`) begins with the tree (`old`, `old_root`). Raises `ledger/consistency-not-proved`.

    Nothing follows from an empty tree: a proof from size 0 is refused.
    """
    code = "ledger/consistency-not-proved"
    if not 0 < old <= new:
        raise Refusal(code, why=f"no proof leads from size {old} to size {new}")
    if old == new:
        if proof:
            raise Refusal(code, why="the proof is too long")
        _same(old_root, new_root, code)
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise Refusal(code, why="the proof is too short")
    place, last = _drop_ones(old - 1, new - 1)
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refusal(code, why="the proof is too long")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            place, last = _up_to_a_right_child(place, last)
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Refusal(code, why="the proof is too short")
    _same(first, old_root, code)
    _same(second, new_root, code)


def _range_hash(at: NodeAt, start: int, end: int) -> bytes:
    """MTH of leaves start..end: one complete node, or a complete left part and the rest. `start` is a multiple of that part's size."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return at(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_hash(at, start, middle), _range_hash(at, middle, end))


def _path(at: NodeAt, index: int, start: int, end: int) -> Iterator[bytes]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _path(at, index, start, middle)
        yield _range_hash(at, middle, end)
    else:
        yield from _path(at, index, middle, end)
        yield _range_hash(at, start, middle)


def _subproof(at: NodeAt, old: int, start: int, end: int, *, known: bool) -> Iterator[bytes]:
    """SUBPROOF of RFC 6962 for the leaves start..end, of which `old` is an end inside; `known` when the verifier has this node."""
    if old == end:
        if not known:
            yield _range_hash(at, start, end)
        return
    middle = start + _split(end - start)
    if old <= middle:
        yield from _subproof(at, old, start, middle, known=known)
        yield _range_hash(at, middle, end)
    else:
        yield from _subproof(at, old, middle, end, known=False)
        yield _range_hash(at, start, middle)


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    """Level and place of the complete nodes on the right edge, from left to right."""
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, (size >> level) - 1


def _up_to_a_right_child(place: int, last: int) -> tuple[int, int]:
    """Where only left edges follow, climb until the node is somebody's right child, or the root's left edge."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _drop_ones(place: int, last: int) -> tuple[int, int]:
    while place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _same(got: bytes, expected: bytes, code: str) -> None:
    if not hmac.compare_digest(got, expected):
        raise Refusal(code, why="the hashes do not lead to this root")
