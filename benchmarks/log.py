"""The tree: what an append adds to it, and what reading it back costs, beside hashing alone."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from benchmarks.harness import Benchmark, Stopwatch
from ledger.log.merkle import Frontier, MemoryTree, leaf_hash, verify_inclusion

ENTRIES = 200_000
PROOFS = 20_000
ENTRY_BYTES = 33  # of a private record


def _entries(number: int) -> Iterator[bytes]:
    return (index.to_bytes(ENTRY_BYTES, "big") for index in range(number))


def hashing(_folder: Path, watch: Stopwatch) -> int:
    """Hash every entry twice, which is the least a tree of them takes."""
    entries = list(_entries(ENTRIES))
    with watch:
        for entry in entries:
            sha256(sha256(entry).digest()).digest()
    return ENTRIES


def frontier(_folder: Path, watch: Stopwatch) -> int:
    """Hash every entry to a leaf and add it to a frontier, in batches of 1 000 as a submission does."""
    entries = list(_entries(ENTRIES))
    edge = Frontier()
    with watch:
        for start in range(0, ENTRIES, 1_000):
            edge.extend([leaf_hash(entry) for entry in entries[start : start + 1_000]])
            edge.root()
    assert edge.size == ENTRIES
    return ENTRIES


def inclusion(_folder: Path, watch: Stopwatch) -> int:
    """Verify inclusion proofs in a tree of as many leaves."""
    tree = MemoryTree([leaf_hash(entry) for entry in _entries(PROOFS)])
    root = tree.root()
    proofs = [(index, tree.inclusion_path(index)) for index in range(PROOFS)]
    leaves = [leaf_hash(entry) for entry in _entries(PROOFS)]
    with watch:
        for index, path in proofs:
            verify_inclusion(leaves[index], index, PROOFS, path, root)
    return PROOFS


BENCHMARKS = (
    Benchmark("two hashes an entry", "entries", hashing),
    Benchmark("leaf and frontier", "entries", frontier, beside="two hashes an entry"),
    Benchmark("inclusion verified", "proofs", inclusion),
)
