"""Reading a script: lines of words, then the files it brings along."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_SECTION = re.compile(r"-- (\S+) --")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrt\\]))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


class BadScript(Exception):
    """A script that cannot be read; says file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do or to check. `words` are as written: variables are not yet filled in."""

    number: int  # from 1, as an editor counts
    negated: bool
    words: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script: its lines in order, and its files by relative name."""

    name: str
    lines: tuple[Line, ...]
    files: Mapping[str, str] = field(default_factory=dict)


def read_script(path: Path) -> Script:
    """Return the script in a file; BadScript where it cannot be read."""
    return parse_script(path.name, path.read_text(encoding="utf-8"))


def parse_script(name: str, text: str) -> Script:
    """Return the script in a text.

    Args:
        name: what failures call it.
        text: lines of commands, then sections that begin with `-- file name --`.

    Raises:
        BadScript: unbalanced quotes, nothing to do, a file named twice or outside the folder.
    """
    numbered = list(enumerate(text.splitlines(), start=1))
    first_section = next((i for i, (_, row) in enumerate(numbered) if _SECTION.fullmatch(row)), len(numbered))
    lines = tuple(_lines(name, numbered[:first_section]))
    if not lines:
        raise BadScript(f"{name}: nothing to do")
    return Script(name, lines, _files(name, numbered[first_section:]))


def _lines(name: str, numbered: list[tuple[int, str]]) -> list[Line]:
    lines = []
    rows = iter(numbered)
    for number, row in rows:
        text = row.strip()
        while text.endswith("\\"):
            text = text[:-1].rstrip() + " " + next(rows, (0, ""))[1].strip()
        if not text or text.startswith("#"):
            continue
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise BadScript(f"{name}:{number}: {text}: {error}") from error
        negated = words[0] == "!"
        if negated and len(words) == 1:
            raise BadScript(f"{name}:{number}: `!` stands before something")
        lines.append(Line(number, negated, tuple(words[negated:]), text))
    return lines


def _files(name: str, numbered: list[tuple[int, str]]) -> dict[str, str]:
    files: dict[str, str] = {}
    current = ""
    for number, row in numbered:
        section = _SECTION.fullmatch(row)
        if section is None:
            files[current] += row + "\n"
            continue
        current = section[1]
        parts = PurePosixPath(current)
        if parts.is_absolute() or ".." in parts.parts:
            raise BadScript(f"{name}:{number}: {current} lies outside the script's folder")
        if current in files:
            raise BadScript(f"{name}:{number}: {current} stands here twice")
        files[current] = ""
    return files


def expand(word: str, variables: Mapping[str, str]) -> str:
    """Return a word with `$NAME` and `${NAME}` filled in; a `$` before anything else stays.

    Raises:
        KeyError: no such variable; names it.
    """
    return _VARIABLE.sub(lambda match: variables[match[1] or match[2]], word)


def unescape(word: str) -> str:
    r"""Return a word with `\n`, `\r`, `\t`, `\\` and `\uXXXX` as the characters they stand for."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else _ESCAPED[match[2]], word)
