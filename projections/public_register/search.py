"""Asking the register: what is looked for, and a page of what was found.

Words are compared folded (no macrons, no case), so that `maori` finds `Māori`. Pages follow each
other by cursor: the last entry of a page says where the next one begins, whatever was listed
meanwhile.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.errors import Malformed

WORDS_MAX = 12
_CURSOR_SIZE_MAX_BYTES = 4096
_SILENT = frozenset("'’ʻ`")  # signs inside a word that many leave out


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; everything that is given must hold, on the day `on`.

    words: in title, purpose, outcomes and so on; the beginning of a word is enough.
    organisation: number or body code of its developer, or of a provider accredited that day.
    field: NZSCED code or the beginning of one, such as `04`.
    every_version: older versions too, not only the newest one listed by that day.
    after: the cursor of the page before.
    """

    on: date
    words: str = ""
    organisation: str | None = None
    level: int | None = None
    field: str | None = None
    status: str | None = None
    credits_min: int | None = None
    credits_max: int | None = None
    every_version: bool = False
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a page."""

    code: str
    version: int
    title: str
    level: int
    credits: int
    nzsced: str
    status: str
    developer: str
    developer_name: str
    listed_on: date
    providers: int  # how many may deliver it that day

    def as_json(self) -> dict[str, Any]:
        """Return the entry."""
        return {
            "code": self.code,
            "version": self.version,
            "title": self.title,
            "level": self.level,
            "credits": self.credits,
            "nzsced": self.nzsced,
            "status": self.status,
            "developer": {"reference": self.developer, "name": self.developer_name},
            "listed_on": self.listed_on.isoformat(),
            "providers": self.providers,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order: title hits first, then by title. `after` is None on the last page."""

    found: tuple[Found, ...]
    total: int
    after: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the page."""
        return {"total": self.total, "found": [one.as_json() for one in self.found], "after": self.after}


def fold(text: str) -> str:
    """Return a text as words are compared: no marks, no case, single spaces between letters and digits."""
    plain = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    kept = (char if char.isalnum() else " " for char in plain if char not in _SILENT)
    return " ".join("".join(kept).casefold().split())


def match(words: str) -> str:
    """Return the full-text query for words that must all be there, each at least as a beginning.

    What holds no letter and no digit becomes a query that finds nothing.
    """
    return " ".join(f'"{word}"*' for word in fold(words).split()[:WORDS_MAX]) or '""'


def cursor_of(key: tuple[int, str, str, int]) -> str:
    """Return the cursor after an entry: how well it fits, folded title, code, version."""
    return b64url(canonical(list(key)))


def cursor_key(cursor: str) -> tuple[int, str, str, int]:
    """Return what a cursor holds; Malformed when it is not one of ours."""
    try:
        rank, title, code, version = parse(unb64url(cursor), size_max_bytes=_CURSOR_SIZE_MAX_BYTES)
    except (Malformed, ValueError, TypeError) as error:
        raise Malformed(
            "this is no cursor of the register: begin at the first page", code="cursor"
        ) from error
    if (type(rank), type(title), type(code), type(version)) != (int, str, str, int):
        raise Malformed("this is no cursor of the register: begin at the first page", code="cursor")
    return rank, title, code, version
