"""The Merkle tree of RFC 6962: roots, inclusion and consistency, from leaves, nodes or a frontier.

A complete subtree of 2**level leaves that starts at leaf index × 2**level is *node (level, index)*.
Proofs are made from any source of nodes: memory, tiles, a database.

Source: RFC 9162 §2.1 (the same hashes as RFC 6962 §2.1).
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from ledger.errors import Corrupt, ProofShapeError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return H(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return H(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; of none, H("")."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    """Return the level above; an odd last node rises unchanged."""
    above = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above


class MemoryTree:
    """A tree held in memory, level by level: for a submission's statements, and for tests."""

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        self._levels = [list(leaf_hashes)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def root(self) -> bytes:
        """Return the root."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def inclusion_path(self, index: int) -> list[bytes]:
        """Return the sibling hashes of a leaf, leaf first; IndexError when there is no such leaf."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} of {self.size}")
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return path


class Frontier:
    """The roots of the complete subtrees that make up a tree: enough to append and to know the root."""

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        self.size = size
        self._nodes = list(nodes)  # largest subtree first: one for each bit of size

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Frontier":
        """Return the frontier that `to_bytes` wrote; Corrupt when it is not one of `size` leaves."""
        if size < 0 or len(data) != HASH_BYTES * size.bit_count():
            raise Corrupt(f"this is not the frontier of {size} leaves", code="frontier")
        return cls(size, [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])

    @classmethod
    def from_nodes(cls, size: int, node: Node) -> "Frontier":
        """Return the frontier of a tree whose nodes can be asked for."""
        return cls(size, _complete_subtrees(size, node))

    def to_bytes(self) -> bytes:
        """Return the nodes, joined, largest subtree first."""
        return b"".join(self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size, nodes = self.size, self._nodes
        while size & 1:
            leaf = sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add many leaf hashes."""
        for leaf in leaf_hashes:
            self.append(leaf)

    def root(self) -> bytes:
        """Return the root of everything appended."""
        return _fold(self._nodes)


def _complete_subtrees(size: int, node: Node) -> list[bytes]:
    nodes, done = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append(node(level, done >> level))
            done += 1 << level
    return nodes


def _fold(nodes: Sequence[bytes]) -> bytes:
    if not nodes:
        return EMPTY_ROOT
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def root_at(size: int, node: Node) -> bytes:
    """Return the root of the first `size` leaves of a tree whose nodes can be asked for."""
    return _fold(_complete_subtrees(size, node))


# ------------------------------------------------------------------ proofs are made


def inclusion_path(index: int, size: int, node: Node) -> list[bytes]:
    """Return the inclusion path of a leaf in the tree of `size` leaves (PATH of RFC 9162 §2.1.3.1).

    Requires 0 <= index < size; IndexError otherwise.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of {size}")
    return _path(index, 0, size, node)


def _path(index: int, first: int, size: int, node: Node) -> list[bytes]:
    if size == 1:
        return []
    split = _split(size)
    if index < split:
        return [*_path(index, first, split, node), _range_root(first + split, size - split, node)]
    return [*_path(index - split, first + split, size - split, node), _range_root(first, split, node)]


def consistency_path(old_size: int, new_size: int, node: Node) -> list[bytes]:
    """Return the proof that the first `old_size` leaves are the beginning of the larger tree.

    Requires 0 < old_size <= new_size; IndexError otherwise. Equal sizes need no nodes.

    Source: RFC 9162 §2.1.4.1 (PROOF, SUBPROOF).
    """
    if not 0 < old_size <= new_size:
        raise IndexError(f"sizes {old_size} and {new_size}")
    return _subproof(old_size, 0, new_size, node, whole=True)


def _subproof(old: int, first: int, size: int, node: Node, *, whole: bool) -> list[bytes]:
    if old == size:
        return [] if whole else [_range_root(first, size, node)]
    split = _split(size)
    if old <= split:
        left = _subproof(old, first, split, node, whole=whole)
        return [*left, _range_root(first + split, size - split, node)]
    right = _subproof(old - split, first + split, size - split, node, whole=False)
    return [*right, _range_root(first, split, node)]


def _split(size: int) -> int:
    """Return the largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(first: int, size: int, node: Node) -> bytes:
    """Return the root of `size` leaves from `first`, which is a multiple of the power of two above size."""
    nodes, done = [], first
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append(node(level, done >> level))
            done += 1 << level
    return _fold(nodes)


# ------------------------------------------------------------------ proofs are checked


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the tree root that an inclusion path leads to.

    Args:
        leaf: 32 bytes; the entry already hashed under prefix 0x00.
        index: place of the leaf, counted from 0; below size.
        size: number of leaves in the tree.
        path: sibling hashes of 32 bytes, leaf first, root last.

    Returns:
        32 bytes, for the caller to compare with a root it already trusts.

    Raises:
        ProofShapeError: the path cannot belong to this index and size.

    Source: RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        raise ProofShapeError(f"leaf {index} is not in a tree of {size}", code="inclusion-index")
    _check_hashes((leaf, *path))
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofShapeError("the inclusion path is too long", code="inclusion-long")
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        place >>= 1
        last >>= 1
    if last:
        raise ProofShapeError("the inclusion path is too short", code="inclusion-short")
    return root


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in the tree with that root; ProofShapeError when it is not."""
    if inclusion_root(leaf, index, size, path) != root:
        raise ProofShapeError("the inclusion path leads to another root", code="inclusion-root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the tree of `old_size` leaves is the beginning of the tree of `new_size`.

    Requires 0 < old_size <= new_size.

    Raises:
        ProofShapeError: it is not, or the path cannot belong to these sizes.

    Source: RFC 9162 §2.1.4.2.
    """
    if not 0 < old_size <= new_size:
        raise ProofShapeError(
            f"there is no consistency proof from {old_size} to {new_size}", code="consistency-sizes"
        )
    _check_hashes((old_root, new_root, *path))
    if old_size == new_size:
        if path or old_root != new_root:
            raise ProofShapeError("equal sizes need equal roots and an empty path", code="consistency-equal")
        return
    if not path:
        raise ProofShapeError("the consistency path is empty", code="consistency-empty")
    # A complete older tree is itself a node of the newer one, and left out of the path.
    nodes = list(path) if old_size & (old_size - 1) else [old_root, *path]
    if _consistency_roots(old_size, new_size, nodes) != (old_root, new_root):
        raise ProofShapeError("the consistency path does not join these two roots", code="consistency-root")


def _consistency_roots(old_size: int, new_size: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of both trees; the nodes begin with the last complete subtree of the older."""
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ProofShapeError("the consistency path is too long", code="consistency-long")
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        place >>= 1
        last >>= 1
    if last:
        raise ProofShapeError("the consistency path is too short", code="consistency-short")
    return old, new


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofShapeError("a hash is not 32 bytes", code="hash-size")
