"""The tree: the published proofs, and agreement with the definition at every size up to 300."""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Corrupt, ProofShapeError
from ledger.log.merkle import (
    EMPTY_ROOT,
    Frontier,
    MemoryTree,
    consistency_path,
    inclusion_path,
    inclusion_root,
    leaf_hash,
    node_hash,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.log.plain_tree import PlainTree, leaves
from tests.support.vectors import published, published_cases

SIZE_MAX = 300
LEAVES = leaves(SIZE_MAX)
PLAIN = PlainTree(LEAVES)
SIZES = st.integers(1, SIZE_MAX)

# README of the vectors: its roots are not 32 bytes, so a strict verifier refuses it.
NOT_HASHES = "sizes-are-equal-one-and-proof-is-empty.json"


# ------------------------------------------------------------------ published vectors


def _b64(text: str) -> bytes:
    return base64.b64decode(text)


def _hashes(texts: list[str] | None) -> list[bytes]:
    return [_b64(text) for text in texts or []]


def _refused(path: Path, case: dict[str, Any]) -> bool:
    return bool(case["wantErr"]) or path.name == NOT_HASHES


@pytest.mark.parametrize("path", published_cases("tlog/merkle/inclusion", "**/*.json"))
def test_published_inclusion_proofs(path):
    """Every published inclusion proof holds, and every corruption of one is refused."""
    case = json.loads(path.read_text())
    proof = (_b64(case["leafHash"]), case["leafIdx"], case["treeSize"], _hashes(case["proof"]))

    if _refused(path, case):
        with pytest.raises(ProofShapeError):
            verify_inclusion(*proof, _b64(case["root"]))
    else:
        verify_inclusion(*proof, _b64(case["root"]))


@pytest.mark.parametrize("path", published_cases("tlog/merkle/consistency", "**/*.json"))
def test_published_consistency_proofs(path):
    """Every published consistency proof holds, and every corruption of one is refused."""
    case = json.loads(path.read_text())
    roots = (_b64(case["root1"]), _b64(case["root2"]))
    proof = (case["size1"], case["size2"], *roots, _hashes(case["proof"]))

    if _refused(path, case):
        with pytest.raises(ProofShapeError):
            verify_consistency(*proof)
    else:
        verify_consistency(*proof)


def test_proofs_of_another_implementation_are_ours():
    """The proofs that a Go implementation made for sizes up to 600 are those made here, node for node."""
    cases = json.loads(published("tlog/generated/go-interop.json").read_text())["Proofs"]
    plain = PlainTree(leaves(max(case["Size"] for case in cases)))

    for case in cases:
        size, index, old_size = case["Size"], case["Index"], case["From"]
        leaf = leaf_hash(case["Leaf"].encode())
        assert root_at(size, plain.node) == _b64(case["Root"])
        assert root_at(old_size, plain.node) == _b64(case["FromRoot"])
        assert inclusion_path(index, size, plain.node) == _hashes(case["Inclusion"])
        assert consistency_path(old_size, size, plain.node) == _hashes(case["Consistency"])
        verify_inclusion(leaf, index, size, _hashes(case["Inclusion"]), _b64(case["Root"]))
        verify_consistency(
            old_size, size, _b64(case["FromRoot"]), _b64(case["Root"]), _hashes(case["Consistency"])
        )
    assert len(cases) == 48


# RFC 6962 test data, as Certificate Transparency implementations carry it.
def test_hashes_of_the_standard():
    """An empty tree, an empty leaf and an inner node are hashed under their own prefixes."""
    empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == empty_leaf
    assert node_hash(b"L", b"R") == sha256(b"\x01LR").digest()
    assert leaf_hash(b"\x01LR") != node_hash(b"L", b"R")


# ------------------------------------------------------------------ agreement with the definition


def test_every_root_is_that_of_the_definition():
    """A list, a frontier, a memory tree and a source of nodes give the defined root at every size."""
    frontier = Frontier()
    for size in range(SIZE_MAX + 1):
        root = PLAIN.root(size)
        assert frontier.size == size
        assert frontier.root() == root_of(LEAVES[:size]) == MemoryTree(LEAVES[:size]).root() == root
        assert root_at(size, PLAIN.node) == root
        if size < SIZE_MAX:
            frontier.append(LEAVES[size])


def test_every_inclusion_path_is_that_of_the_definition():
    """For every leaf of every size up to 300 the path is the defined one and leads to the root."""
    for size in range(1, SIZE_MAX + 1):
        tree, root = MemoryTree(LEAVES[:size]), PLAIN.root(size)
        for index in range(size):
            path = PLAIN.path(index, 0, size)
            assert tree.inclusion_path(index) == path
            assert inclusion_path(index, size, PLAIN.node) == path
            assert inclusion_root(LEAVES[index], index, size, path) == root


def test_every_consistency_path_is_that_of_the_definition():
    """For every pair of sizes up to 300 the path is the defined one and joins the two roots."""
    for new_size in range(1, SIZE_MAX + 1):
        for old_size in range(1, new_size + 1):
            path = consistency_path(old_size, new_size, PLAIN.node)
            assert path == PLAIN.proof(old_size, new_size)
            verify_consistency(old_size, new_size, PLAIN.root(old_size), PLAIN.root(new_size), path)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70), st.data())
def test_a_frontier_may_be_put_down_and_taken_up_anywhere(leaf_hashes, data):
    """Written and read back between any two leaves, a frontier goes on to the same root."""
    at = data.draw(st.integers(0, len(leaf_hashes)))
    frontier = Frontier()
    frontier.extend(leaf_hashes[:at])

    again = Frontier.from_bytes(frontier.size, frontier.to_bytes())
    again.extend(leaf_hashes[at:])

    assert (again.size, again.root()) == (len(leaf_hashes), root_of(leaf_hashes))
    assert again.to_bytes() == Frontier.from_nodes(again.size, PlainTree(leaf_hashes).node).to_bytes()


@pytest.mark.parametrize(("size", "nodes"), [(0, 1), (1, 0), (3, 1), (3, 3), (4, 2), (-1, 1), (-3, 2)])
def test_a_frontier_of_another_size_is_corrupt(size, nodes):
    """A frontier has one node for each bit of its size: anything else was not written here."""
    with pytest.raises(Corrupt):
        Frontier.from_bytes(size, bytes(32) * nodes)
    with pytest.raises(Corrupt):
        Frontier.from_bytes(7, bytes(32 * 3 - 1))


# ------------------------------------------------------------------ every other proof is refused


@given(SIZES, st.data())
def test_another_index_size_or_leaf_is_refused(size, data):
    """An inclusion proof holds for its leaf, its index and its size, and for no other."""
    index = data.draw(st.integers(0, size - 1))
    path, root = PLAIN.path(index, 0, size), PLAIN.root(size)
    other_index = data.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
    other_leaf = data.draw(st.binary(min_size=32, max_size=32))

    for case in ((LEAVES[index], other_index, size), (other_leaf, index, size)):
        with pytest.raises(ProofShapeError):
            verify_inclusion(*case, path, root)
    with pytest.raises(ProofShapeError):
        verify_inclusion(LEAVES[index], index, size, path, PLAIN.root(size - 1))


def _mutations(path: list[bytes]) -> list[list[bytes]]:
    """Return every path with one node changed, left out, doubled, swapped, cut or added."""
    found = [[*path, bytes(32)], [bytes(32), *path]]
    for at, node in enumerate(path):
        found += [
            [*path[:at], bytes([node[0] ^ 1]) + node[1:], *path[at + 1 :]],
            [*path[:at], node[:-1], *path[at + 1 :]],
            [*path[:at], node + b"\x00", *path[at + 1 :]],
            [*path[:at], *path[at + 1 :]],
            [*path[:at], node, node, *path[at + 1 :]],
        ]
    found += [[*path[:at], path[at + 1], path[at], *path[at + 2 :]] for at in range(len(path) - 1)]
    return found


@given(SIZES, st.data())
def test_a_changed_inclusion_path_is_refused(size, data):
    """One node changed, left out, doubled, swapped or added, and the path leads nowhere."""
    index = data.draw(st.integers(0, size - 1))
    root = PLAIN.root(size)

    for path in _mutations(PLAIN.path(index, 0, size)):
        with pytest.raises(ProofShapeError):
            verify_inclusion(LEAVES[index], index, size, path, root)


@given(SIZES, st.data())
def test_a_changed_consistency_path_is_refused(new_size, data):
    """One node changed, left out, doubled, swapped or added, and the path joins nothing."""
    old_size = data.draw(st.integers(1, new_size))
    roots = (PLAIN.root(old_size), PLAIN.root(new_size))

    for path in _mutations(PLAIN.proof(old_size, new_size)):
        with pytest.raises(ProofShapeError):
            verify_consistency(old_size, new_size, *roots, path)


@given(st.integers(2, SIZE_MAX), st.data())
def test_consistency_with_another_tree_is_refused(new_size, data):
    """A tree in which one old leaf was changed is not a continuation, whichever root is shown for it."""
    old_size = data.draw(st.integers(1, new_size - 1))
    changed = data.draw(st.integers(0, old_size - 1))
    forged = PlainTree([*LEAVES[:changed], bytes(32), *LEAVES[changed + 1 :]])
    path = forged.proof(old_size, new_size)

    for old_root, new_root in (
        (PLAIN.root(old_size), forged.root(new_size)),
        (forged.root(old_size), PLAIN.root(new_size)),
        (PLAIN.root(new_size), PLAIN.root(old_size)),
    ):
        with pytest.raises(ProofShapeError):
            verify_consistency(old_size, new_size, old_root, new_root, path)


@pytest.mark.parametrize(("old_size", "new_size"), [(0, 0), (0, 1), (-1, 4), (5, 4), (2**70, 4)])
def test_sizes_without_a_consistency_proof_are_refused(old_size, new_size):
    """Nothing leads from an empty tree, and nothing leads backwards."""
    with pytest.raises(ProofShapeError):
        verify_consistency(old_size, new_size, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(IndexError):
        consistency_path(old_size, new_size, PLAIN.node)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4), (2**70, 4)])
def test_a_leaf_outside_the_tree_is_refused(index, size):
    """A leaf that the tree does not have has no path and no proof."""
    with pytest.raises(ProofShapeError):
        inclusion_root(LEAVES[0], index, size, [])
    with pytest.raises(IndexError):
        inclusion_path(index, size, PLAIN.node)
    with pytest.raises(IndexError):
        MemoryTree(LEAVES[:size]).inclusion_path(index)


@pytest.mark.parametrize("size_bytes", [0, 31, 33])
def test_what_is_no_hash_leads_nowhere(size_bytes):
    """A leaf or a node that is not 32 bytes has no root, not even one to compare."""
    for leaf, node in ((bytes(size_bytes), LEAVES[1]), (LEAVES[0], bytes(size_bytes))):
        with pytest.raises(ProofShapeError, match="32 bytes"):
            inclusion_root(leaf, 0, 2, [node])
    with pytest.raises(ProofShapeError):
        verify_inclusion(LEAVES[0], 0, 1, [], bytes(size_bytes))


def test_very_large_trees_are_checked_by_arithmetic_alone():
    """A proof in a tree of 2**62 leaves costs 62 hashes, not memory."""
    path = [bytes([level]) * 32 for level in range(62)]

    root = inclusion_root(LEAVES[0], 2**61 + 5, 2**62, path)

    verify_inclusion(LEAVES[0], 2**61 + 5, 2**62, path, root)
    with pytest.raises(ProofShapeError):
        verify_inclusion(LEAVES[0], 2**61 + 4, 2**62, path, root)
