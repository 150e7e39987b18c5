"""Rows that were made to hurt: each is answered by itself, and never stops its neighbours."""

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger.deciding.batch import ACCEPTED, HELD, REJECTED, Outcome
from ledger.encoding.strict_json import b64url, canonical_plain
from ledger.founding import REGISTRAR
from ledger.ids import uuid7
from ledger.keys.signer import ED25519, jws_sign
from ledger.log.merkle import MemoryTree
from ledger.privacy.commitments import statement_leaf, who_digest
from ledger.statements import SUBMISSION_TYP, ReceivedSubmission, read_submission
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, registration_of, statement
from tests.support.world import ANA, ORIGIN, PROVIDER, an_enrolment, identity


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger in which 95001 may deliver 6022."""
    made = a_study_ledger(tmp_path)
    yield made
    made.close()


def enrolment(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Ana's enrolment as JSON members and identity columns, with changes."""
    said = {name: str(value) for name, value in an_enrolment(ANA).items() if name not in ("by", "who")}
    who = {name: str(value) for name, value in an_enrolment(ANA)["who"].items()}
    return {"type": "learner.enrolled", "v": 1, **said, **changes}, who


def as_sent(house: House, *rows: bytes | tuple[Mapping[str, Any], Mapping[str, Any]]) -> ReceivedSubmission:
    """Sign rows that the kit would refuse to send."""
    lines, leaves = [], []
    for row in rows:
        salt, who_salt = secrets.token_bytes(32), secrets.token_bytes(32)
        line = {"salt": b64url(salt)}
        if isinstance(row, bytes):
            text = row
        else:
            said, who = row[0], canonical_plain(row[1])
            text = json.dumps({**said, "who": b64url(who_digest(who_salt, who))}, ensure_ascii=False).encode()
            line |= {"who": who.decode(), "who_salt": b64url(who_salt)}
        leaves.append(statement_leaf(salt, text))
        lines.append(json.dumps({**line, "statement": text.decode()}).encode())
    claims = {
        "v": 1,
        "iss": str(house.speakers[PROVIDER_KEY]),
        "aud": ORIGIN,
        "jti": str(uuid7(house.clock.now_us())),
        "iat": house.clock.now_us() // 1_000_000,
        "mode": "row_by_row",
        "n": len(rows),
        "root": b64url(MemoryTree(leaves).root()),
    }
    token = jws_sign(house.signer(PROVIDER_KEY), json.dumps(claims).encode(), SUBMISSION_TYP)
    return read_submission([json.dumps({"submission": token}).encode(), *lines], origin=ORIGIN)


def told(outcomes: list[Outcome]) -> list[tuple[str, list[str]]]:
    """Return status and codes of every row."""
    return [(one.status, [found.code for found in one.findings]) for one in outcomes]


def test_an_unknown_member_may_have_any_name(house):
    """A member whose name is not NFC is refused like every unknown one; the row behind it is recorded."""
    house.register(ANA)
    odd = {"e\u0301": 1}
    sent = as_sent(house, enrolment(**odd), enrolment())

    first = told(house.ledger.submit(sent))
    again = told(house.ledger.submit(sent))

    assert first == again == [(REJECTED, ["E901"]), (ACCEPTED, [])]


@pytest.mark.parametrize("text", [b"[" * 15_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000])
def test_a_statement_may_be_nested_as_deep_as_it_likes(house, text):
    """A statement nested beyond every limit is a row that cannot be read, not a fault of the submission."""
    house.register(ANA)

    outcomes = told(house.ledger.submit(as_sent(house, text, enrolment())))

    assert outcomes == [(REJECTED, ["E901"]), (ACCEPTED, [])]


@pytest.mark.parametrize("version", [True, 1.0, "1", 2, None])
def test_version_1_is_the_number_1(house, version):
    """What merely equals 1 in some language is not version 1."""
    house.register(ANA)

    assert told(house.ledger.submit(as_sent(house, enrolment(v=version)))) == [(REJECTED, ["E901"])]


def test_who_is_born_in_the_last_year_there_is_is_refused(house):
    """A birthday beyond the calendar cannot be looked for: the row is refused, whoever posts it."""
    born = statement("learner.registered", who={**identity(ANA), "date_of_birth": "9999-12-31"})

    assert told(house.post(PROVIDER_KEY, [born])) == [(REJECTED, ["E811", "E106"])]
    assert told(house.post(REGISTRAR, [born])) == [(REJECTED, ["E106"])]


def test_a_review_in_the_last_year_there_is_is_refused(house):
    """A due date beyond the calendar is never computed: the review has not happened yet."""
    review = statement(
        "microcredential.reviewed",
        code="6022",
        version=1,
        reviewed_on="9999-06-01",
        outcome="continue",
        next_due="9999-12-31",
    )

    assert told(house.post(REGISTRAR, [review])) == [(REJECTED, ["E502"])]


def test_a_key_signs_nothing_after_the_row_that_retires_it(house):
    """Rows behind the retirement of the signing key are refused: audit would find them for ever."""
    old = house.key("95001.keys", PROVIDER, "keys")
    before, after = (house.keystore.create(label, ED25519) for label in ("95001.before", "95001.after"))
    retired = statement("key.retired", organisation=PROVIDER, kid=old.thumbprint, from_="2026-11-22")

    outcomes = house.post(
        "95001.keys",
        [registration_of(before, PROVIDER, "keys"), retired, registration_of(after, PROVIDER, "keys")],
    )

    assert told(outcomes) == [(ACCEPTED, []), (ACCEPTED, []), (REJECTED, ["E909"])]
    assert house.audit().ok


def test_a_refused_registration_leaves_nothing_to_match_by(house):
    """Who was first registered with a wrong birth date is matched by the right one that was accepted."""
    wrong = statement("learner.registered", who={**identity(ANA), "date_of_birth": "2025-01-01"})
    assert told(house.post(REGISTRAR, [wrong])) == [(REJECTED, ["E106"])]

    house.register(ANA)

    said = an_enrolment(ANA)
    by_birth = statement(
        "learner.enrolled", **{**said, "who": {**said["who"], "date_of_birth": "2001-02-03"}}
    )
    by_wrong = statement(
        "learner.enrolled", **{**said, "who": {**said["who"], "date_of_birth": "2025-01-01"}}
    )
    assert told(house.post(PROVIDER_KEY, [by_wrong])) == [(HELD, ["E104"])]
    assert told(house.post(PROVIDER_KEY, [by_birth])) == [(ACCEPTED, [])]
