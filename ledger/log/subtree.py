"""Subtrees: a run of leaves that is, or could have been, one node of the tree; and the proofs about them.

A subtree of leaves start … end - 1 begins at a multiple of the smallest power of two that is not below
its length. A cosignature may be over one, and a checkpoint is the one that begins with the first leaf.

Source: draft-ietf-plants-merkle-tree-certs §4; C2SP tlog-cosignature.
"""

from collections.abc import Sequence

from ledger.errors import ProofShapeError
from ledger.log.merkle import HASH_BYTES, inclusion_root, node_hash


def is_subtree(start: int, end: int) -> bool:
    """Return whether leaves start … end - 1 make a subtree; none make none."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def verify_subtree_inclusion(
    leaf: bytes, index: int, start: int, end: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf is in the subtree with that root.

    Args:
        leaf: 32 bytes; the entry already hashed under prefix 0x00.
        index: place of the leaf in the tree, counted from 0.
        start: of the subtree's first leaf.
        end: one more than the place of its last.
        path: sibling hashes of 32 bytes, leaf first.
        root: 32 bytes, of the subtree.

    Raises:
        ProofShapeError: it is not, or these leaves make no subtree.
    """
    if not is_subtree(start, end):
        raise ProofShapeError(f"leaves {start} to {end} make no subtree", code="subtree-range")
    if inclusion_root(leaf, index - start, end - start, path) != root:
        raise ProofShapeError("the inclusion path leads to another root", code="inclusion-root")


def verify_subtree_consistency(
    start: int, end: int, size: int, subtree_root: bytes, root: bytes, path: Sequence[bytes]
) -> None:
    """Check that a subtree is part of the tree of `size` leaves.

    Args:
        start: of the subtree's first leaf.
        end: one more than the place of its last; at most size.
        size: number of leaves in the tree.
        subtree_root: 32 bytes.
        root: 32 bytes, of the tree.
        path: hashes of 32 bytes, lowest first.

    Raises:
        ProofShapeError: it is not, these leaves make no subtree of it, or the path cannot belong to them.
    """
    if not is_subtree(start, end) or end > size:
        raise ProofShapeError(f"leaves {start} to {end} make no subtree of {size}", code="subtree-range")
    if any(len(one) != HASH_BYTES for one in (subtree_root, root, *path)):
        raise ProofShapeError("a hash is not 32 bytes", code="hash-size")
    if _roots(start, end, size, subtree_root, path) != (subtree_root, root):
        raise ProofShapeError("the consistency path does not join these two roots", code="consistency-root")


def _roots(
    start: int, end: int, size: int, subtree_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the roots of subtree and tree that a path makes (§4.4.3 of the draft)."""
    first, last, top = start, end - 1, size - 1
    # 1 climb to the node that the path begins at: the subtree itself, or its last complete part
    while first != last and (last == top or last & 1):
        first, last, top = first >> 1, last >> 1, top >> 1
    nodes = list(path)
    if first != last and not nodes:
        raise ProofShapeError("the consistency path is empty", code="consistency-empty")
    part = whole = subtree_root if first == last else nodes.pop(0)
    # 2 climb to the root; what lies to the left of the subtree is part of the tree only
    for node in nodes:
        if top == 0:
            raise ProofShapeError("the consistency path is too long", code="consistency-long")
        if last & 1 or last == top:
            if first < last:
                part = node_hash(node, part)
            whole = node_hash(node, whole)
            while not last & 1:
                first, last, top = first >> 1, last >> 1, top >> 1
        else:
            whole = node_hash(whole, node)
        first, last, top = first >> 1, last >> 1, top >> 1
    if top:
        raise ProofShapeError("the consistency path is too short", code="consistency-short")
    return part, whole
