"""What docs/formats may quote: the files of tests/vectors/formats/examples, as they are or taken apart."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ledger.domain.base import PUBLIC, LedgerEvent, codecs
from ledger.domain.registry import EVENTS
from tests.ledger.golden.files import read
from tests.support.tree import ROOT

DOCUMENTS = sorted((ROOT / "docs" / "formats").glob("*.md"))
EXAMPLES = ROOT / "tests" / "vectors" / "formats" / "examples"
ELLIPSIS = "…"
_WIDE = 96
_FENCE = re.compile(
    r"^```(?P<language>\w+) (?P<name>[\w.-]+)(?: (?P<part>[\w-]+))?\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def pretty(value: Any, indent: int = 0) -> str:
    """Return JSON that people read: what fits into a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= _WIDE or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(name)}: {pretty(one, indent + 2)}" for name, one in value.items()]
        opened, closed = "{", "}"
    else:
        lines = [f"{pad}{pretty(one, indent + 2)}" for one in value]
        opened, closed = "[", "]"
    return f"{opened}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closed}"


def _unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _jws(part: int) -> Callable[[bytes], str]:
    return lambda data: pretty(json.loads(_unb64url(data.decode().split(".")[part])))


def _submission(part: int) -> Callable[[bytes], str]:
    return lambda data: _jws(part)(json.loads(data.splitlines()[0])["submission"].encode())


def _row_two(data: bytes) -> str:
    return pretty(json.loads(data.splitlines()[1]))


def _extra(data: bytes) -> str:
    line = data.decode().splitlines()[1].removeprefix("extra ")
    return pretty(json.loads(base64.b64decode(line)))


def _members(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "\n".join(archive.namelist())


def _possession(part: int) -> Callable[[bytes], str]:
    def found(data: bytes) -> str:
        said = json.loads(json.loads(data)["statement"]["statement"])
        return _jws(part)(said["possession"].encode())

    return found


PARTS: dict[str, Callable[[bytes], str]] = {
    "extra": _extra,
    "header": _jws(0),
    "payload": _jws(1),
    "submission-header": _submission(0),
    "submission-payload": _submission(1),
    "row": _row_two,
    "members": _members,
    "possession-header": _possession(0),
    "possession-payload": _possession(1),
    "pretty": lambda data: pretty(json.loads(data)),
}


@cache
def example(name: str, part: str | None) -> str:
    """Return the text of an example, or of a part of it."""
    data = (EXAMPLES / name).read_bytes()
    return data.decode() if part is None else PARTS[part](data)


def quotes(text: str) -> list[tuple[str, str | None, str]]:
    """Return what a document quotes: file, part or None, and the quoted lines."""
    return [
        (found["name"], found["part"], found["body"])
        for found in _FENCE.finditer(text)
        if (EXAMPLES / found["name"]).exists()
    ]


def is_quoted(quoted: str, text: str) -> bool:
    """Return whether a quotation is the whole text, but for `…` in place of signs or of whole lines."""
    lines = quoted.rstrip("\n").split("\n")
    return re.fullmatch("".join(map(_pattern, lines)), text.rstrip("\n") + "\n") is not None


def _pattern(line: str) -> str:
    if line.strip() == ELLIPSIS:
        return r"(?:.*\n)*?"
    return ".*?".join(map(re.escape, line.split(ELLIPSIS))) + r"\n"


def record(topic: str) -> dict[str, Any]:
    """Return an example record, bytes as bytes."""
    found: dict[str, Any] = read(Path(EXAMPLES, f"record-{topic}.json"))
    return found


# ------------------------------------------------------------------ tables of fields


def field_tables() -> str:
    """Return the tables of every event class, as entries-and-records.md has them."""
    public = [_row_of(cls) for cls in EVENTS.values() if cls.PRIVACY == PUBLIC]
    private = [_row_of(cls) for cls in EVENTS.values() if cls.PRIVACY != PUBLIC]
    names = ["topic", "carries a statement", "open fields", "sealed fields", "shows"]
    return "\n".join(
        [
            *("### Public records", "", *_table(["topic", "carries a statement", "fields"], public)),
            "",
            *("### Private records", "", *_table(names, private)),
        ]
    )


def _table(names: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(row[: len(names)])} |" for row in (names, *rows)]
    return [lines[0], "|---" * len(names) + "|", *lines[1:]]


def _row_of(cls: type[LedgerEvent]) -> list[str]:
    parts = [_fields(cls, names) for names in (cls.OPEN, cls.SEALED)]
    return [f"`{cls.TOPIC}`", _carries(cls), *parts, _names(cls.SHOWS)]


def _carries(cls: type[LedgerEvent]) -> str:
    return "no" if cls.CONSEQUENCE else "yes"


def _fields(cls: type[LedgerEvent], names: tuple[str, ...]) -> str:
    found = [f"`{one.name}` {one.kind}{' or nil' if one.optional else ''}" for one in codecs(cls, names)]
    return ", ".join(found) or "–"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


if __name__ == "__main__":
    print(field_tables())  # noqa: T201
