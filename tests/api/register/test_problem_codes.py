"""The table of problem codes: every code that the source can answer with, and no other."""

import ast
import re
from pathlib import Path

from api.register.problem_codes import groups
from ledger.policy.findings import CATALOGUE
from tests.support.tree import package_modules

# Codes that Starlette's own errors get from their status.
OF_STATUSES = {"not-found", "method-not-allowed", "not-acceptable"}
# Their findings go into a report, never into an answer.
REPORTING = {"audit", "monitor", "rulings.py", "asking.py", "served.py"}
PROBLEMS = ("Problem", "problem", "answer", "__init__")


def test_every_code_is_explained_and_none_is_left_over():
    """A new code asks for a line in `api/register/problem_codes.py`; a removed one takes it along."""
    explained = [one.code for group in groups() for one in group.codes]
    explained += [place for group in groups() for place in group.places]

    assert len(explained) == len(set(explained))
    assert set(explained) == codes_in_source() | OF_STATUSES | CATALOGUE.keys()


def test_every_code_is_explained_in_whole_sentences():
    """Each says what it means; what a rule fills in stands in brackets."""
    for group in groups():
        assert group.heading
        assert group.note.endswith(".")
        for one in group.codes:
            assert one.meaning[0].isupper() or one.meaning[0] == "["
            assert one.meaning.endswith(".")
            assert not re.search(r"(?<!\{)\{\w+\}(?!\})|\{\{", one.meaning)


def test_the_finding_of_a_row_says_how_to_fix_it(site):
    """The line of E601 carries message and fix."""
    line = next(one for group in groups() for one in group.codes if one.code == "E601")

    assert line.status == "row refused"
    assert "Post the missing results first." in line.meaning
    assert site.get("/problems").text.count('id="E601"') == 1


def codes_in_source() -> set[str]:
    """Return the codes of errors that a door can meet: class attributes, `code=…`, and problems."""
    found: set[str] = set()
    for path in package_modules():
        if "client" not in path.parts and REPORTING.isdisjoint(path.parts):
            found |= codes_in(path)
    return found


def codes_in(path: Path) -> set[str]:
    """Return the codes that one module gives to errors."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            found |= {text for word in node.keywords if word.arg == "code" and (text := _text(word.value))}
            if _name(node.func) in PROBLEMS:
                found |= {
                    text for argument in node.args[1:3] if (text := _text(argument)) and " " not in text
                }
        elif isinstance(node, ast.ClassDef):
            found |= {
                text
                for one in node.body
                if isinstance(one, ast.Assign)
                and _name(one.targets[0]) == "code"
                and (text := _text(one.value))
            }
    return found


def _name(node: ast.expr) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
