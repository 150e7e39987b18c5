"""The same submission again: the same answer, and nothing written. The same id for something else: refused.

Source: LEDGER.md 2 (same submission = same iss, jti, n, root, whatever the signature bytes).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger.application
from api.client.submission import Submission
from ledger.deciding.batch import Outcome
from ledger.errors import Reused, Unauthorised, Unavailable
from ledger.founding import REGISTRAR
from ledger.keys.signer import ES256
from tests.ledger.submissions.forging import lines_of, resigned, send, token_of
from tests.support.ledgers import (
    PROVIDER_KEY,
    House,
    a_study_ledger,
    people,
    received,
    registration_of,
    statement,
)
from tests.support.world import a_result, an_enrolment

LEARNERS = people(7)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A ledger with a provider that has an Ed25519 and a P-256 key, and learners."""
    made = a_study_ledger(tmp_path)
    made.key("95001.es256", 95001, alg=ES256)
    made.register(*LEARNERS)
    return made


def _everything(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the ledger database and of the jobs: what a repetition must leave alone."""
    found = {}
    for database in (house.ledger.store.database, house.ledger.jobs._database, house.ledger.vault._database):
        for (table,) in database.reader.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            rows = database.reader.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - of the schema
            found[table] = rows
    return found


def _mixed(house: House, label: str = PROVIDER_KEY) -> Submission:
    """Return a submission with rows that are accepted, rejected and unchanged."""
    (first, *rest) = LEARNERS
    said = [statement("learner.enrolled", **an_enrolment(one)) for one in LEARNERS[:4]]
    said.append(statement("learner.enrolled", **an_enrolment(rest[5], code="9999")))
    said.append(statement("learner.enrolled", **an_enrolment(first)))
    return house.build(label, said)


def _statuses(outcomes: list[Outcome]) -> list[str]:
    return [one.status for one in outcomes]


@pytest.mark.parametrize("label", [PROVIDER_KEY, "95001.es256"])
def test_the_same_again_gets_the_same_answer_and_writes_nothing(house: House, label: str) -> None:
    """Accepted, rejected and unchanged rows alike, at once and after a restart."""
    submission = _mixed(house, label)
    first = house.send(submission)
    assert _statuses(first) == ["accepted"] * 4 + ["rejected", "unchanged"]
    before = _everything(house)

    assert house.send(submission) == first
    house.reopen()
    assert house.send(submission) == first

    assert _everything(house) == before


def test_signed_again_it_is_the_same(house: House) -> None:
    """An ES256 signature is random: other bytes, the same submission."""
    submission = _mixed(house, "95001.es256")
    first = house.send(submission)
    again = resigned(lines_of(submission), house.signer("95001.es256"), {})
    assert token_of(again) != submission.jws
    before = _everything(house)

    assert send(house, again) == first

    assert _everything(house) == before


def test_a_key_that_was_retired_since_still_gets_its_answer(house: House) -> None:
    """What it signed while it counted is answered; something new by it is not."""
    submission, other = (
        _mixed(house),
        house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(LEARNERS[0]))]),
    )
    first = house.send(submission)
    kid = house.signer(PROVIDER_KEY).thumbprint
    house.must(REGISTRAR, [statement("key.retired", organisation=95001, kid=kid, from_="2026-11-22")])

    assert house.send(submission) == first
    with pytest.raises(Unauthorised):
        house.send(other)


def test_the_first_signature_stands_when_the_rest_comes_under_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop after the first chunk, then the client signs again: every record carries the first signature.

    Otherwise a public record would carry a token that the table of submissions does not know.
    """
    monkeypatch.setattr(ledger.application, "CHUNK_ROWS", 3)
    registrar = house.keystore.create("95000.es256", ES256)
    house.must(REGISTRAR, [registration_of(registrar, 95000, "submission")])
    house.speakers["95000.es256"] = house.speakers[REGISTRAR]
    said = [
        statement(
            "organisation.registered",
            number=96000 + number,
            kind="pte",
            name={"en": "N"},
            valid_from="2018-01-01",
        )
        for number in range(7)
    ]
    submission = house.build("95000.es256", said)
    _stopped_after_first_chunk(house, submission)
    size = house.size()

    outcomes = send(house, resigned(lines_of(submission), registrar, {"iat": 7}))

    assert _statuses(outcomes) == ["accepted"] * 7
    assert house.size() == size + 4
    assert house.audit().faults == []


def _stopped_after_first_chunk(house: House, submission: Submission) -> None:
    """Submit, and stop once the first chunk is durable and its outcomes are not."""

    class StopError(Exception):
        pass

    def stop(step: str) -> None:
        if step == "committed":
            raise StopError

    house.ledger.store.at_step = stop
    with pytest.raises(StopError):
        house.send(submission)
    house.ledger.store.at_step = lambda _step: None


def test_a_key_retired_between_two_chunks_signs_no_further_records(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys count by position: rows after the retirement answer E909, those before it stand, for good."""
    monkeypatch.setattr(ledger.application, "CHUNK_ROWS", 3)
    submission = house.build(
        PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(one)) for one in LEARNERS]
    )
    kid = house.signer(PROVIDER_KEY).thumbprint
    size = house.size()

    parts = house.ledger.submit_in_parts(received(submission))
    outcomes = list(next(parts))
    assert len(outcomes) == 3
    said = statement("key.retired", organisation=95001, kid=kid, from_="2026-11-22")
    house.must(REGISTRAR, [said])
    outcomes += [one for part in parts for one in part]

    assert [one.position is not None for one in outcomes[:3]] == [True] * 3
    assert {one.findings[0].code for one in outcomes[3:]} == {"E909"}
    assert house.size() == size + 4
    assert house.send(submission) == outcomes
    assert house.audit().faults == []


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said[:-1],
        lambda said: [*said, said[0]],
        lambda said: [said[1], said[0], *said[2:]],
        lambda said: said,  # the same words under new salts are another content: the root differs
    ],
    ids=["fewer rows", "more rows", "other order", "other salts"],
)
def test_the_same_id_with_other_content_is_refused(
    house: House, change: Callable[[list[Any]], list[Any]]
) -> None:
    """E908, and the ledger as it was; the first content still gets its answer."""
    said = [statement("learner.enrolled", **an_enrolment(one)) for one in LEARNERS]
    submission = house.build(PROVIDER_KEY, said)
    first = house.send(submission)
    before = _everything(house)

    with pytest.raises(Reused) as refused:
        house.send(house.build(PROVIDER_KEY, change(said), jti=submission.jti))

    assert refused.value.code == "E908"
    assert _everything(house) == before
    assert house.send(submission) == first


def test_the_same_id_of_two_organisations_is_two_submissions(house: House) -> None:
    """An id is the client's own: another organisation may draw the same."""
    submission = _mixed(house)
    house.send(submission)
    said = statement(
        "organisation.role_granted", organisation=95001, role="developer", valid_from="2018-08-22"
    )

    (outcome,) = house.must(REGISTRAR, [said], jti=submission.jti)

    assert outcome.status == "accepted"


def test_a_refused_submission_leaves_its_id_free(house: House) -> None:
    """A wrong-purpose key is refused before anything is kept; the same id posted rightly is new."""
    submission = _mixed(house)
    house.key("95001.credential", 95001, "credential")
    wrong = resigned(lines_of(submission), house.signer("95001.credential"), {})
    with pytest.raises(Unauthorised):
        send(house, wrong)

    assert _statuses(house.send(submission)) == ["accepted"] * 4 + ["rejected", "unchanged"]


def test_after_thirty_days_the_same_again_still_writes_no_record(house: House) -> None:
    """Outcomes are destroyed then; recorded rows are answered from their records."""
    submission = _mixed(house)
    first = house.send(submission)
    size = house.size()
    house.ledger.jobs.destroy_old(house.clock.now_us() + 31 * 86_400_000_000)

    again = house.send(submission)

    assert [one.position for one in again[:4]] == [one.position for one in first[:4]]
    assert _statuses(again) == _statuses(first)
    assert house.size() == size
    with pytest.raises(Reused):
        house.send(
            house.build(
                PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(LEARNERS[5]))], jti=submission.jti
            )
        )


@pytest.mark.parametrize("full", ["ledger", "vault", "jobs"])
def test_a_full_disk_is_unavailable_and_posting_again_completes(house: House, full: str) -> None:
    """Whichever of the three files cannot grow: nothing is half done, and it recovers by itself."""
    said = [statement("learner.enrolled", **an_enrolment(one)) for one in people(400, first=1000)]
    house.register(*people(400, first=1000))
    submission, size = house.build(PROVIDER_KEY, said), house.size()
    files = {"ledger": house.ledger.store.database, "vault": house.ledger.vault._database}
    writer = files.get(full, house.ledger.jobs._database)._writer
    assert writer is not None
    writer.execute(f"PRAGMA max_page_count = {writer.execute('PRAGMA page_count').fetchone()[0]}")

    with pytest.raises(Unavailable, match=full) as refused:
        house.send(submission)

    assert refused.value.code == "storage"
    assert house.size() == size + (400 if full == "jobs" else 0)
    assert house.audit().faults == []
    writer.execute("PRAGMA max_page_count = 1000000")
    assert _statuses(house.send(submission)) == ["accepted"] * 400
    assert house.size() == size + 400
    assert house.audit().faults == []
