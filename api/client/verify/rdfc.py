"""RDFC-1.0: the one order and naming of an RDF dataset, within a stated amount of work.

Written here rather than taken from PyLD, because a verifier reads what strangers send: PyLD has no
limit to its work (one poison graph holds a processor for hours), and leaves control characters as
they are where the standard escapes them. The tests compare both on everything we can get.

A quad is four N-Quads terms as text: subject, predicate, object, graph; the graph is "" for the
default graph. A term that begins with `_:` is a blank node.

Source: RDF Dataset Canonicalization (W3C Recommendation, 21 May 2024) §4, §7.1.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from typing import TypeAlias

from ..errors import Malformed

Quad: TypeAlias = tuple[str, str, str, str]
Issued: TypeAlias = dict[str, str]  # old name to new name, in the order of issue

WORK_MAX = 60_000
_PLACES = ((0, "s"), (2, "o"), (3, "g"))


def canonical_nquads(quads: Iterable[Quad], *, work_max: int = WORK_MAX) -> str:
    """Return the canonical N-Quads of a dataset.

    Args:
        quads: terms already in canonical N-Quads form, blank nodes under any names.
        work_max: how many steps of the deep comparison (Hash N-Degree Quads) may be taken.

    Returns:
        Sorted lines, each ending in a line feed; "" for an empty dataset.

    Raises:
        Malformed: telling the blank nodes apart would take more work than that.
    """
    dataset = set(quads)
    names = _Naming(dataset, work_max).names()
    return "".join(sorted(_line(quad, names) for quad in dataset))


class _Naming:
    """The canonicalization state of one dataset."""

    def __init__(self, dataset: set[Quad], work_max: int) -> None:
        self.quads_of: defaultdict[str, list[Quad]] = defaultdict(list)
        for quad in dataset:
            for node in {quad[place] for place, _ in _PLACES if quad[place].startswith("_:")}:
                self.quads_of[node].append(quad)
        self.work_left = work_max
        self.canonical: Issued = {}
        self.first_hashes: dict[str, str] = {}

    def names(self) -> Issued:
        """Return the canonical name of every blank node. Source: §4.4.3."""
        by_hash: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.quads_of:
            by_hash[self.first_hash(node)].append(node)
        for _, nodes in sorted(by_hash.items()):
            if len(nodes) == 1:
                _issue(self.canonical, nodes[0], "_:c14n")
        for _, nodes in sorted(by_hash.items()):
            if len(nodes) > 1:
                self._name_alike(nodes)
        return self.canonical

    def _name_alike(self, nodes: Sequence[str]) -> None:
        """Name nodes whose own quads look the same, by what surrounds them."""
        unnamed = [node for node in nodes if node not in self.canonical]
        results = [self.deep_hash(node, {node: "_:b0"}) for node in unnamed]
        for _, issued in sorted(results, key=lambda result: result[0]):
            for node in issued:
                _issue(self.canonical, node, "_:c14n")

    def first_hash(self, node: str) -> str:
        """Hash the quads that name a node, itself as `_:a` and others as `_:z`. Source: §4.6."""
        if node not in self.first_hashes:
            lines = [_line(quad, _Seen(node)) for quad in self.quads_of[node]]
            self.first_hashes[node] = _hash("".join(sorted(lines)))
        return self.first_hashes[node]

    def related_hash(self, related: str, quad: Quad, issued: Issued, position: str) -> str:
        """Hash how a node stands to another. Source: §4.7."""
        name = self.canonical.get(related) or issued.get(related) or self.first_hash(related)
        predicate = "" if position == "g" else quad[1]
        return _hash(position + predicate + name)

    def deep_hash(self, node: str, issued: Issued) -> tuple[str, Issued]:
        """Hash a node by everything it is tied to, and name that on the way. Source: §4.8."""
        related = self._related(node, issued)
        parts = []
        for shared_hash, nodes in sorted(related.items()):
            path, issued = self._shortest_path(nodes, issued)
            parts += [shared_hash, path]
        return _hash("".join(parts)), issued

    def _related(self, node: str, issued: Issued) -> dict[str, list[str]]:
        related: defaultdict[str, list[str]] = defaultdict(list)
        for quad in self.quads_of[node]:
            for place, position in _PLACES:
                term = quad[place]
                if term.startswith("_:") and term != node:
                    self._spend()
                    related[self.related_hash(term, quad, issued, position)].append(term)
        return related

    def _shortest_path(self, nodes: list[str], issued: Issued) -> tuple[str, Issued]:
        """Try the nodes in every order and keep the least path. Source: §4.8.3 step 5."""
        best: tuple[str, Issued] | None = None
        for order in permutations(nodes):
            self._spend()
            tried = self._path(order, dict(issued), best[0] if best else "")
            if tried is not None and (best is None or tried[0] < best[0]):
                best = tried
        assert best is not None  # the first order is never given up: there is nothing to beat yet
        return best

    def _path(self, order: Sequence[str], issued: Issued, chosen: str) -> tuple[str, Issued] | None:
        """Return the path of one order and what it named; None once it cannot beat the chosen one."""
        path, unnamed = "", []
        for node in order:
            if node in self.canonical:
                path += self.canonical[node]
            else:
                if node not in issued:
                    unnamed.append(node)
                path += _issue(issued, node, "_:b")
            if _worse(path, chosen):
                return None
        for node in unnamed:
            deep, issued_there = self.deep_hash(node, issued)
            path += f"{_issue(issued, node, '_:b')}<{deep}>"
            issued = issued_there
            if _worse(path, chosen):
                return None
        return path, issued

    def _spend(self) -> None:
        self.work_left -= 1
        if self.work_left < 0:
            raise Malformed(
                "its parts are too alike to be told apart in reasonable time", code="too-much-work"
            )


class _Seen:
    """How every blank node looks from one of them."""

    def __init__(self, node: str) -> None:
        self.node = node

    def __getitem__(self, other: str) -> str:
        return "_:a" if other == self.node else "_:z"


def _line(quad: Quad, names: Issued | _Seen) -> str:
    return " ".join(_named(quad, names)) + " .\n"


def _named(quad: Quad, names: Issued | _Seen) -> Iterator[str]:
    for term in quad:
        if term:
            yield names[term] if term.startswith("_:") else term


def _issue(issued: Issued, node: str, prefix: str) -> str:
    if node not in issued:
        issued[node] = f"{prefix}{len(issued)}"
    return issued[node]


def _worse(path: str, chosen: str) -> bool:
    return bool(chosen) and len(path) >= len(chosen) and path > chosen


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
