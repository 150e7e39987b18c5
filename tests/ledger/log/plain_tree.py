"""The Merkle tree as RFC 9162 §2.1 defines it, word for word and slow: what clever code must agree with."""

from functools import cache
from hashlib import sha256


class PlainTree:
    """MTH, PATH and PROOF over a list of leaf hashes, by recursion."""

    def __init__(self, leaf_hashes: list[bytes]) -> None:
        self._leaves = leaf_hashes
        self.range_root = cache(self._range_root)

    def root(self, size: int) -> bytes:
        """Return MTH(D[0:size])."""
        return self.range_root(0, size)

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree of 2**level leaves from index × 2**level."""
        first, end = index << level, (index + 1) << level
        assert end <= len(self._leaves), "no proof may ask for a subtree that is not complete"
        return self.range_root(first, end)

    def _range_root(self, first: int, end: int) -> bytes:
        size = end - first
        if size == 0:
            return sha256(b"").digest()
        if size == 1:
            return self._leaves[first]
        k = largest_power_below(size)
        return sha256(b"\x01" + self.range_root(first, first + k) + self.range_root(first + k, end)).digest()

    def path(self, index: int, first: int, end: int) -> list[bytes]:
        """Return PATH(index, D[first:end]) of §2.1.3.1."""
        size = end - first
        if size == 1:
            return []
        k = largest_power_below(size)
        if index < k:
            return [*self.path(index, first, first + k), self.range_root(first + k, end)]
        return [*self.path(index - k, first + k, end), self.range_root(first, first + k)]

    def proof(self, old_size: int, new_size: int) -> list[bytes]:
        """Return PROOF(old_size, D[0:new_size]) of §2.1.4.1."""
        return self._subproof(old_size, 0, new_size, known=True)

    def _subproof(self, m: int, first: int, end: int, *, known: bool) -> list[bytes]:
        size = end - first
        if m == size:
            return [] if known else [self.range_root(first, end)]
        k = largest_power_below(size)
        if m <= k:
            return [*self._subproof(m, first, first + k, known=known), self.range_root(first + k, end)]
        return [*self._subproof(m - k, first + k, end, known=False), self.range_root(first, first + k)]


def largest_power_below(size: int) -> int:
    """Return the largest power of two smaller than `size`, which is above 1."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def leaves(count: int) -> list[bytes]:
    """Return `count` leaf hashes: of the entries `leaf-0`, `leaf-1` and so on."""
    return [sha256(b"\x00" + f"leaf-{number}".encode()).digest() for number in range(count)]
