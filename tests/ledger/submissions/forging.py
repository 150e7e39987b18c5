"""Submissions that no honest client makes: one thing wrong at a time, everything else right."""

import json
from collections.abc import Mapping
from typing import Any

from api.client.jose import Signer, b64url, canonical, read_json, sign_jws, unb64url
from api.client.submission import TYP, Submission
from ledger.deciding.batch import Outcome
from ledger.statements import read_submission
from tests.support.ledgers import House
from tests.support.world import ORIGIN

Lines = list[bytes]


def lines_of(submission: Submission) -> Lines:
    """Return the body as lines without their ends."""
    return submission.body().splitlines()


def send(house: House, lines: Lines) -> list[Outcome]:
    """Read and submit lines, as the doors do."""
    return house.ledger.submit(read_submission(lines, origin=ORIGIN))


def with_token(lines: Lines, token: str) -> Lines:
    """Return the lines under another token."""
    return [json.dumps({"submission": token}).encode(), *lines[1:]]


def token_of(lines: Lines) -> str:
    """Return the signed token of the first line."""
    return str(json.loads(lines[0])["submission"])


def resigned(lines: Lines, signer: Signer, changes: Mapping[str, Any]) -> Lines:
    """Return the lines with members of the signed payload changed (None: left out), signed again."""
    payload = read_json(unb64url(token_of(lines).split(".")[1]))
    payload |= changes
    kept = {name: value for name, value in payload.items() if value is not None}
    return with_token(lines, sign_jws(signer, canonical(kept), TYP))


def with_header(lines: Lines, signer: Signer, header: Any) -> Lines:
    """Return the lines under a token whose header is this value or these bytes, honestly signed over it."""
    _, payload, _ = token_of(lines).split(".")
    text = header if isinstance(header, bytes) else canonical(header)
    signing_input = f"{b64url(text)}.{payload}"
    return with_token(lines, f"{signing_input}.{b64url(signer.sign(signing_input.encode()))}")


def with_members(line: bytes, **changes: Any) -> bytes:
    """Return a statement's line with members of the line changed (None: left out)."""
    members = {**json.loads(line), **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()
