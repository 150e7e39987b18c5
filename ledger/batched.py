"""Going through many things a few at a time: what `itertools.batched` does from Python 3.12 on."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def batched(things: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of `size` things each, the last one perhaps shorter; no more than one is held."""
    rest = iter(things)
    while some := list(islice(rest, size)):
        yield some
