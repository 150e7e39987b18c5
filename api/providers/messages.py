"""What providers are answered: outcomes as JSON, in words that say what to do.

Source: SPEC.md 6; DOMAIN.md 7.2 (reply).
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ledger.batched import batched
from ledger.deciding.batch import Outcome
from ledger.encoding.strict_json import b64url
from ledger.errors import Unavailable
from ledger.policy.findings import Finding, fix, sentence
from ledger.statements import Row
from ledger.store.sqlite import LedgerRecorder

ROWS_AT_ONCE = 1_000  # made together, and sent on before the next are made
LARGE_ANSWERS_MAX = 4  # with more rows than that, at the same time: what is decided of each is held
Take = Callable[[int], None]  # asks for a place for an answer of so many rows


def finding_json(found: Finding) -> dict[str, Any]:
    """Return a finding with its sentences."""
    return {
        "code": found.code,
        "severity": found.severity,
        "column": found.column,
        "rule": found.rule,
        "message": sentence(found),
        "fix": fix(found),
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a submission is answered.

    head: everything but the rows. rows: makes them, one object for each row, in input order.
    count: how many rows there are. done: whether everything is decided.
    """

    head: dict[str, Any]
    rows: Callable[[], Iterable[dict[str, Any]]]
    count: int
    done: bool

    @property
    def is_small(self) -> bool:
        """Whether it may be made as a whole."""
        return self.count <= ROWS_AT_ONCE

    @property
    def body(self) -> dict[str, Any]:
        """The whole answer at once."""
        return {**self.head, "rows": list(self.rows())}

    def as_json(self) -> Iterator[bytes]:
        """Yield the whole answer as JSON in parts; its memory is that of one part."""
        yield _text(self.head)[:-1] + b',"rows":['
        between = b""
        for some in batched(self.rows(), ROWS_AT_ONCE):
            yield between + b",".join(map(_text, some))
            between = b","
        yield b"]}"


class LargeAnswers:
    """Lets a few answers with many rows be made at the same time: each holds its place until it is sent."""

    def __init__(self, places: int = LARGE_ANSWERS_MAX) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def turn(self) -> Iterator[Take]:
        """Yield what asks for a place, which is given back at the end.

        It raises Unavailable (`busy`) where there is none left; a small answer needs none.
        """
        taken = False

        def take(rows: int) -> None:
            nonlocal taken
            if taken or rows <= ROWS_AT_ONCE:
                return
            if not self._places.acquire(blocking=False):
                raise Unavailable("too many large answers are being sent: ask again in a moment", code="busy")
            taken = True

        try:
            yield take
        finally:
            if taken:
                self._places.release()


def unbounded(_rows: int) -> None:
    """Give a place to any answer: a command makes one at a time."""


def outcomes_json(
    store: LedgerRecorder, outcomes: Iterable[Outcome], references: Iterator[str | None]
) -> Iterator[dict[str, Any]]:
    """Yield one object for each row, numbered from 1.

    Args:
        store: to read the leaf hashes of what was recorded, for many rows at once.
        outcomes: in input order, from the first row on.
        references: the providers' own row references, in the same order; none beyond their end.
    """
    for some in batched(outcomes, ROWS_AT_ONCE):
        leaves = store.leaves_at([one.position for one in some if one.position is not None])
        for outcome in some:
            yield {
                "row": outcome.row + 1,
                "row_ref": next(references, None),
                "status": outcome.status,
                "findings": [finding_json(found) for found in outcome.findings],
                "position": outcome.position,
                "leaf_hash": b64url(leaves[outcome.position][0]) if outcome.position in leaves else None,
                "award": str(outcome.award) if outcome.award else None,
            }


def answer_head(
    submission: str,
    organisation: int | str,
    counted: Mapping[str, int],
    *,
    done: bool,
    acknowledgement: str | None,
    state: str,
) -> dict[str, Any]:
    """Return an answer to a submission but for its rows; `state` is durable, published or witnessed."""
    return {
        "submission": submission,
        "organisation": organisation,
        "status": "committed" if done else "processing",
        "state": state,
        "counts": dict(counted),
        "acknowledgement": acknowledgement,
    }


def as_json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield outcomes as JSON Lines, in input order, many lines at a time."""
    for some in batched(rows, ROWS_AT_ONCE):
        yield b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in some)


def references(rows: Iterable[Row]) -> Iterator[str | None]:
    """Yield the provider's own reference of each row, None where it has none."""
    return map(_row_ref, rows)


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _row_ref(row: Row) -> str | None:
    if row.who is None:
        return None
    try:
        found = json.loads(row.who).get("row_ref")
    except (ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
