"""The ledger's signed acknowledgement: what it says it has recorded, and where.

Source: LEDGER.md 3 (the immediate answer is a JWS by the receipt key).
"""

from collections.abc import Mapping
from typing import Any

from .errors import Malformed, Refused
from .jose import b64url, open_jws, read_json
from .submission import Submission

TYP = "achievement-receipt+jws"


def check_acknowledgement(
    jws: str, receipt_jwk: Mapping[str, Any], submission: Submission | None = None
) -> dict[str, Any]:
    """Return what an acknowledgement says, after checking the ledger's signature on it.

    Args:
        jws: the compact JWS of an answer.
        receipt_jwk: public receipt key of the ledger, from a source you trust.
        submission: what it should be about; not compared when None.

    Returns:
        The signed members, among them `rows`: [row from 1, position, leaf hash] of what is recorded.

    Raises:
        Malformed: not such a token.
        Refused: signed by another key, changed, or about other statements.
    """
    said = read_json(open_jws(jws, receipt_jwk, TYP))
    if not isinstance(said, dict):
        raise Malformed("an acknowledgement is a JSON object")
    if submission is not None:
        about = {"submission": str(submission.jti), "n": len(submission), "root": b64url(submission.root)}
        if any(said.get(name) != value for name, value in about.items()):
            raise Refused("the acknowledgement is about another submission")
    return said
