"""docs/architecture.md knows the house as it stands: whoever looks for a module finds what it is for."""

import re
import tomllib

import pytest

from tests.support.tree import ROOT

PAGE = ROOT / "docs" / "architecture.md"


def floors() -> dict[str, list[str]]:
    """Return the modules that import-linter has a place for, of each of the three floors.

    Names in parentheses have a place and are not there yet.
    """
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    return {
        floor: [name for layer in one["layers"] for name in layer.split(" | ") if not name.startswith("(")]
        for one in contracts
        for floor in one.get("containers", ())
    }


@pytest.mark.parametrize("floor", ["ledger", "projections", "api"])
def test_every_module_is_named_with_its_floor(floor: str) -> None:
    """A new module asks for a few words about it, where its floor is described."""
    page = PAGE.read_text("utf-8")
    section = re.search(
        rf"^\*\*{floor}\*\*, from the top:(.*?)(?=^\*\*|^## |\Z)", page, re.DOTALL | re.MULTILINE
    )
    assert section is not None

    missing = [name for name in floors()[floor] if f"`{name}`" not in section[1]]

    assert floors()[floor]
    assert not missing
