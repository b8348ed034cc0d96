"""Chance that depends only on a seed, a stream's name and a position: never on the order in which things are drawn.

Decides how a position becomes a number, so that any slice of an invented laboratory can be made alone and is always the same, whatever
the size of the batches. It knows nothing of laboratories. Not for cryptography.

The mixing function is splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Draws", "Floats", "Index", "Mask"]

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.uint64]

STEP: Final = np.uint64(0x9E3779B97F4A7C15)
FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
SECOND: Final = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Draws:
    """All the chance of one invented laboratory: the streams are independent of each other."""

    seed: int

    def bits(self, stream: str, at: Index) -> Bits:
        """64 bits for each position of a stream."""
        mixed = at.astype(np.uint64) * STEP + np.uint64(self._key(stream))
        mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND
        return mixed ^ (mixed >> np.uint64(31))

    def below(self, stream: str, at: Index, bound: int | Index) -> Index:
        """A whole number from 0 to `bound` - 1 for each position; `bound` is at most 2**31, the same or one for each position."""
        top = (self.bits(stream, at) >> np.uint64(32)) * np.asarray(bound).astype(np.uint64)
        return (top >> np.uint64(32)).astype(np.int64)

    def chance(self, stream: str, at: Index, share: float) -> Mask:
        """True for about this share of the positions."""
        return (self.bits(stream, at) >> np.uint64(11)) < np.uint64(round(share * 2**53))

    def uniform(self, stream: str, at: Index) -> Floats:
        """A number in [0, 1) for each position."""
        return (self.bits(stream, at) >> np.uint64(11)).astype(np.float64) / 2**53

    def bell(self, stream: str, at: Index) -> Floats:
        """A number near 0, of variance 1 and never beyond 3.5, for each position: the sum of four 16-bit parts of its bits."""
        bits = self.bits(stream, at)
        parts = sum(
            ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64) for shift in (0, 16, 32, 48)
        )
        return np.asarray((parts / 0xFFFF - 2.0) * math.sqrt(3.0))

    def weighted(self, stream: str, at: Index, weights: Floats) -> Index:
        """The rank of one of the weights for each position, in proportion."""
        edges = np.cumsum(weights) / np.sum(weights)
        return np.minimum(np.searchsorted(edges, self.uniform(stream, at), side="right"), len(weights) - 1)

    def subset(self, stream: str, at: Index, *, total: int, count: int) -> Mask:
        """True for exactly `count` of the positions 0 to `total` - 1: an affine permutation of them, cut at `count`."""
        if total < 2:
            return np.full(at.shape, count > 0)
        key = self._key(stream)
        factor = 1 + key % (total - 1)
        while math.gcd(factor, total) != 1:
            factor = 1 + factor % (total - 1)
        shifted = at.astype(np.uint64) * np.uint64(factor) + np.uint64(key >> 40)
        return shifted % np.uint64(total) < np.uint64(count)

    def _key(self, stream: str) -> int:
        digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big")
