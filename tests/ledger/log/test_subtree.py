"""Subtrees: the published proofs, and agreement with the definition for every subtree of small trees."""

import base64
import json
from pathlib import Path

import pytest

from ledger.errors import ProofShapeError
from ledger.log.subtree import is_subtree, verify_subtree_consistency, verify_subtree_inclusion
from tests.ledger.log.plain_tree import PlainTree, leaves
from tests.support.vectors import published_cases

SIZE_MAX = 40
PLAIN = PlainTree(leaves(SIZE_MAX))


def _hashes(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or []]


@pytest.mark.parametrize("path", published_cases("tlog/merkle/subtreeinclusion", "**/*.json"))
def test_published_subtree_inclusion_proofs(path: Path) -> None:
    """Every published proof that a leaf is in a subtree holds, and every corruption of one is refused."""
    case = json.loads(path.read_text())
    leaf, root = _hashes([case["leafHash"], case["root"]])
    proof = (leaf, case["leafIdx"], case["start"], case["end"], _hashes(case["proof"]), root)

    if case["wantErr"]:
        with pytest.raises(ProofShapeError):
            verify_subtree_inclusion(*proof)
    else:
        verify_subtree_inclusion(*proof)


@pytest.mark.parametrize("path", published_cases("tlog/merkle/subtreeconsistency", "**/*.json"))
def test_published_subtree_consistency_proofs(path: Path) -> None:
    """Every published proof that a subtree is part of a tree holds, and every corruption is refused."""
    case = json.loads(path.read_text())
    part, whole = _hashes([case["root1"], case["root2"]])
    proof = (case["start"], case["end"], case["size"], part, whole, _hashes(case["proof"]))
    # An empty subtree says nothing about any tree, and a root that is not 32 bytes is none: refused here.
    refused = case["wantErr"] or case["start"] == case["end"] or {len(part), len(whole)} != {32}

    if refused:
        with pytest.raises(ProofShapeError):
            verify_subtree_consistency(*proof)
    else:
        verify_subtree_consistency(*proof)


def subtrees(size: int) -> list[tuple[int, int]]:
    """Return every subtree of the tree of that size."""
    return [(start, end) for end in range(1, size + 1) for start in range(end) if is_subtree(start, end)]


def plain_proof(start: int, end: int, first: int, size: int, *, known: bool) -> list[bytes]:
    """Return SUBTREE_SUBPROOF as the draft defines it, word for word and slow."""
    count = size - first
    if (start, end) == (first, size):
        return [] if known else [PLAIN.range_root(first, size)]
    k = 1
    while k * 2 < count:
        k *= 2
    middle = first + k
    if end <= middle:
        return [*plain_proof(start, end, first, middle, known=known), PLAIN.range_root(middle, size)]
    if start >= middle:
        return [*plain_proof(start, end, middle, size, known=known), PLAIN.range_root(first, middle)]
    # The subtree spans both: all of the left one is its own.
    return [*plain_proof(middle, end, middle, size, known=False), PLAIN.range_root(first, middle)]


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_every_subtree_of_a_small_tree_is_proven(size: int) -> None:
    """The slow definition's proof joins every subtree to the tree, and no changed one does."""
    root = PLAIN.root(size)
    for start, end in subtrees(size):
        part, path = PLAIN.range_root(start, end), plain_proof(start, end, 0, size, known=True)

        verify_subtree_consistency(start, end, size, part, root, path)

        for wrong in ([*path, bytes(32)], path[1:], [bytes(32), *path[1:]]):
            if wrong != path:
                with pytest.raises(ProofShapeError):
                    verify_subtree_consistency(start, end, size, part, root, wrong)


def test_a_checkpoint_is_the_subtree_that_begins_with_the_first_leaf() -> None:
    """From 0, subtree proofs are those of RFC 9162."""
    for size in range(1, SIZE_MAX + 1):
        for old in range(1, size + 1):
            path = PLAIN.proof(old, size)
            verify_subtree_consistency(0, old, size, PLAIN.root(old), PLAIN.root(size), path)


def test_a_subtree_begins_where_one_of_its_length_can() -> None:
    """As the draft defines it: at a multiple of the power of two that is not below its length."""
    for start in range(SIZE_MAX):
        for end in range(SIZE_MAX + 1):
            ceiling = next((1 << bits for bits in range(8) if 1 << bits >= end - start), 1)
            assert is_subtree(start, end) == (start < end and start % ceiling == 0)
