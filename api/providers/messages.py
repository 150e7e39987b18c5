"""What providers are answered: outcomes as JSON, in words that say what to do.

Source: SPEC.md 6; DOMAIN.md 7.2 (reply).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from api.client.answers import counts
from ledger.deciding.batch import Outcome
from ledger.encoding.strict_json import b64url
from ledger.policy.findings import Finding, fix, sentence
from ledger.statements import Row
from ledger.store.sqlite import LedgerRecorder


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


def outcomes_json(
    store: LedgerRecorder, outcomes: Sequence[Outcome], rows: Sequence[Row] = ()
) -> list[dict[str, Any]]:
    """Return one object for each row, numbered from 1.

    Args:
        store: to read the leaf hashes of what was recorded.
        outcomes: in input order.
        rows: the statements, where they are at hand: for the providers' own row references.
    """
    leaves = store.leaves_at([outcome.position for outcome in outcomes if outcome.position is not None])
    return [
        {
            "row": outcome.row + 1,
            "row_ref": _row_ref(rows[outcome.row]) if rows else None,
            "status": outcome.status,
            "findings": [finding_json(found) for found in outcome.findings],
            "position": outcome.position,
            "leaf_hash": b64url(leaves[outcome.position][0]) if outcome.position in leaves else None,
            "award": str(outcome.award) if outcome.award else None,
        }
        for outcome in outcomes
    ]


def answer_json(
    submission: str,
    organisation: int | str,
    rows: Sequence[dict[str, Any]],
    *,
    done: bool,
    acknowledgement: str | None,
    state: str,
) -> dict[str, Any]:
    """Return the whole answer to a submission; `state` is durable, published or witnessed."""
    return {
        "submission": submission,
        "organisation": organisation,
        "status": "committed" if done else "processing",
        "state": state,
        "counts": counts(rows),
        "rows": list(rows),
        "acknowledgement": acknowledgement,
    }


def as_json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return outcomes as JSON Lines, in input order."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _row_ref(row: Row) -> str | None:
    if row.who is None:
        return None
    try:
        found = json.loads(row.who).get("row_ref")
    except (ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
