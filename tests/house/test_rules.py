"""House rules that no linter knows."""

import ast
import re

import pytest

from tests.support.tree import ROOT, package_modules, project_files

LINES_MAX = 500
# A longer file is one deep idea, and here stands which.
LONG: dict[str, str] = {
    "ledger/policy/findings.py": "one table: every finding with its sentence and how to fix it",
}

# Written in two halves, so that this file holds none of them.
MACHINE = re.compile(
    "|".join(
        [
            "/wo" + r"rk/(main|shared|\.)",
            "/ro" + "ot/",
            "/ho" + r"me/\w",
            "/Us" + r"ers/\w",
            "/fa" + "rm/",
            "/opt/" + "(pypi|wheels)",
            "/t" + "mp/(build|uvt)",
            "sub" + "agent",
            "before" + "-stop",
        ]
    )
)
REGISTRY = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.(org|com)", "proxy.go" + "lang"])
)


def names(paths):
    """Return paths as a reader of the repository writes them, for readable test names."""
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


@pytest.mark.parametrize("path", names(path for path in project_files("*.py") if path.stat().st_size))
def test_a_module_opens_with_its_sentence(path):
    """Every module says in its first sentence what its place in the tree is; only nothing needs none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert docstring, "no docstring"
    assert re.search(r"[.:!?]$", docstring.split("\n\n")[0]), "its first paragraph is no sentence"


def test_no_file_is_two_ideas():
    """A module past 500 lines is listed with the reason why it has no seam, and no other is listed."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in package_modules()
    }

    long = {name: length for name, length in lengths.items() if length > LINES_MAX}

    assert long.keys() == LONG.keys(), f"longer than {LINES_MAX} lines: {long}; listed: {sorted(LONG)}"
    assert all(LONG.values())


def test_nothing_tells_of_the_machine_it_was_written_on():
    """No file names a folder of a developer's machine, or a package registry outside the lock file."""
    found = []
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # fonts and images
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE.search(line) or (name != "uv.lock" and REGISTRY.search(line)):
                found.append(f"{name}:{number}: {line.strip()[:100]}")

    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", names(path for path in package_modules() if "client" in path.parts))
def test_the_client_kit_names_its_own_parts_relatively(path):
    """The kit is also published alone, under another name: it never says `api`."""
    imported = [
        name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.split(".")[0] in ("api", "projections", "ledger")
    ]

    assert not imported


def _imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def test_every_switched_off_lint_rule_says_why():
    """Each rule that pyproject.toml ignores stands on a line of its own with its reason."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]

    rules = re.findall(r'^  "([A-Z]+\d*)",(.*)$', lint, re.MULTILINE)

    assert len(rules) > 10
    assert [rule for rule, rest in rules if not re.match(r" +# \w", rest)] == []


def test_decisions_are_numbered_and_complete():
    """Pages in docs/decisions are numbered without gaps, and say what a reader will look for."""
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.match(rf"# {int(page.name[:4])}\. \w", text), page.name
        for heading in ("## Question", "## Choices", "## Decision", "## What it costs"):
            assert heading in text, f"{page.name} has no {heading}"
