"""The register of places that may hold personal data is complete: a new place asks for its line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.house import furnish
from api.settings import Settings
from ledger.access.rows import OWN
from ledger.database import connect
from ledger.files import LedgerFiles
from tests.support.ledgers import a_full_ledger, people
from tests.support.tree import ROOT

REGISTER = ROOT / "docs" / "personal-data.md"
# Calls by which bytes come to lie in a file.
_WRITES = frozenset(
    (
        "replace_file", "write_private", "write_text", "write_bytes", "mkstemp", "mkdtemp",
        "NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile", "copy2", "copyfile", "copytree",
        "Database", "connect",
    )
)  # fmt: skip
_WRITE_MODES = re.compile(r"[wax+]")
_WRITE_FLAGS = frozenset(("O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND"))
_SHADOW = re.compile(r"_\d+_(data|idx|content|docsize|config)$")
_INVENTED = ("api/cli/demo", "api/cli/drills")  # their people are made up


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the register."""
    text = REGISTER.read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section is not None, heading
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


# ------------------------------------------------------------------ columns


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ledger in which everything that there is was made."""
    place = tmp_path_factory.mktemp("places")
    house = a_full_ledger(place, people(1))
    furnished = furnish(house.ledger, Settings())
    furnished.catch_up()
    furnished.issuer.write_trust()
    (person,) = house.ledger.vault.people([people(1)[0].nsn]).values()
    made = furnished.issuer.export(person.learner_id, "json", reader=OWN)
    furnished.issuer.write(person.learner_id, made)
    furnished.issuer.close()
    furnished.views.close()
    house.close()
    return place


def columns_in(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Return (database, table) to its columns, of every database; views without their generation."""
    found = {}
    for path in sorted(folder.glob("*.sqlite")):
        connection = connect(path)
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            if _SHADOW.search(table):
                continue  # of a table for searching words, which is there itself
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            found[path.stem, re.sub(r"_\d+$", "", table)] = columns
        connection.close()
    return found


def test_every_column_of_every_table_is_in_the_register(folder: Path) -> None:
    """A new table or column does not come in before somebody has said what of a person it may hold."""
    registered = {
        (database.strip("`"), table.strip("`")): names_in(columns)
        for database, table, columns, *_ in rows_of("Databases")
    }

    assert registered == columns_in(folder)


def test_every_file_of_a_ledger_is_in_the_register(folder: Path) -> None:
    """By the names that `LedgerFiles` has for them, and by what lies there after work was done."""
    named = {name for name, made in vars(LedgerFiles).items() if isinstance(made, property)} - {"exists"}
    rows = rows_of("Files of a ledger")
    registered = {name for row in rows for name in names_in(row[0])}
    paths = [pattern for row in rows for pattern in names_in(row[1])]

    unknown = [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.relative_to(folder).match(pattern) for pattern in paths)
    ]

    assert registered == named
    assert unknown == []


# ------------------------------------------------------------------ who writes


def test_everybody_who_writes_a_file_is_in_the_register() -> None:
    """A function that begins to write somewhere asks for its line."""
    registered = {name for row in rows_of("Who writes files") for name in names_in(row[0])}

    assert registered == set(writers())


def writers() -> Iterator[str]:
    """Yield module and name of every function of ours in which something may be written to a file."""
    for floor in ("ledger", "projections", "api"):
        for path in sorted((ROOT / floor).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(_INVENTED):
                module = name.removesuffix(".py").replace("/", ".")
                yield from (
                    f"{module}.{function}"
                    for function in _writing(ast.parse(path.read_text(encoding="utf-8")))
                )


def _writing(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_writes, ast.walk(node))):
            yield node.name


def _writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "open":
        texts = [one.value for one in (*node.args, *(one.value for one in node.keywords)) if _is_text(one)]
        flags = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
        return any(len(text) <= 3 and _WRITE_MODES.search(text) for text in texts) or bool(
            flags & _WRITE_FLAGS
        )
    return name in _WRITES


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
