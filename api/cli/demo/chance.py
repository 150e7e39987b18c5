"""Chance that comes out the same everywhere: one seed, one sequence, whatever the version of Python."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    """Draws from `Random.random`, the one generator whose sequence Python promises to keep."""

    def __init__(self, seed: str) -> None:
        self._next = Random(seed).random  # noqa: S311 - invented data, not a secret

    def below(self, limit: int) -> int:
        """Return a number from 0 to limit - 1."""
        return int(self._next() * limit)

    def between(self, lowest: int, highest: int) -> int:
        """Return a number from lowest to highest, both possible."""
        return lowest + self.below(highest - lowest + 1)

    def happens(self, share: float) -> bool:
        """Return True in that share of cases."""
        return self._next() < share

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.below(len(items))]

    def pick_by(self, weights: dict[str, int]) -> str:
        """Return one of the names, each as often as its weight says."""
        at = self.below(sum(weights.values()))
        for name, weight in weights.items():
            at -= weight
            if at < 0:
                return name
        raise AssertionError("the draw is below the sum of the weights")
