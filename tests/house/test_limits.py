"""docs/limits.md is complete and true: what waits or is kept has its line, and each number is the code's."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.support.tree import ROOT

PAGE = ROOT / "docs" / "limits.md"
FLOORS = ("ledger", "projections", "api")
# What makes a queue, or keeps things for later.
HOLDERS = frozenset(
    (
        "BoundedSemaphore", "LifoQueue", "OrderedDict", "PriorityQueue", "ProcessPoolExecutor", "Queue",
        "Semaphore", "SimpleQueue", "ThreadPoolExecutor", "cache", "cached_property", "deque", "lru_cache",
    )
)  # fmt: skip
_UNBOUNDED = re.compile(r"lru_cache\((maxsize=)?None\)|lru_cache\(\)")


def cells(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the page."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert section is not None, heading
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def bounds() -> list[tuple[str, float]]:
    """Return the constants of the page, by their dotted names, with what it says that they are."""
    return [
        (where.strip("`"), float(said.replace(" ", "")))
        for _, said, where, _ in cells("What is let in, and what waits")
    ]


@pytest.mark.parametrize(("name", "said"), bounds(), ids=[name for name, _ in bounds()])
def test_each_bound_is_that_of_the_code(name: str, said: float) -> None:
    """Whoever reads the page reads what the server does."""
    module, _, constant = name.rpartition(".")

    assert getattr(import_module(module), constant) == said


def test_every_queue_and_cache_is_on_the_page() -> None:
    """A new one asks for its line, with its bound; one that is gone takes it along."""
    listed = [tuple(re.findall(r"`([^`]+)`", row[0])) for row in cells("What is kept in memory")]

    assert len(listed) == len(set(listed))
    assert set(listed) == {(file, scope) for file, scope, _ in holders()}
    assert all(len(row) == 3 and all(row) for row in cells("What is kept in memory"))


def test_a_cache_that_forgets_says_how_many_it_keeps() -> None:
    """What is kept for ever says so: `cache`, for a closed set of names of ours."""
    assert [made for *_, made in holders() if _UNBOUNDED.search(made)] == []


def test_a_queue_that_is_new_would_be_seen() -> None:
    """Whether called, decorated, generic, or through its module."""
    code = """
class Door:
    def __init__(self):
        self.waiting: Queue[int] = queue.Queue[int]()
    @functools.cache
    def known(self): ...
@lru_cache
def kept(): ...
"""

    found = {(scope, made) for scope, made in in_tree(ast.parse(code), ())}

    assert found == {
        ("Door.__init__", "queue.Queue[int]()"),
        ("Door.known", "functools.cache"),
        ("kept", "lru_cache"),
    }


def holders() -> list[tuple[str, str, str]]:
    """Return (file, function or class, code) of everything that makes a queue or a cache."""
    paths = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
    return [
        (path.relative_to(ROOT).as_posix(), scope, made)
        for path in paths
        for scope, made in in_tree(ast.parse(path.read_text("utf-8")), ())
    ]


def in_tree(tree: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (function or class, code) of what makes a queue or a cache below a node."""
    for node in ast.iter_child_nodes(tree):
        inside = scope
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = (*scope, node.name)
            for one in node.decorator_list:
                if called(one) in HOLDERS:
                    yield ".".join(inside), ast.unparse(one)
        elif isinstance(node, ast.Call) and called(node) in HOLDERS and not is_decorator(tree, node):
            yield ".".join(scope), ast.unparse(node)
        yield from in_tree(node, inside)


def is_decorator(tree: ast.AST, node: ast.Call) -> bool:
    """Whether a call stands above a function, where it was seen already."""
    return node in getattr(tree, "decorator_list", ())


def called(node: ast.expr) -> str | None:
    """Return the last name of what is called or named."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
