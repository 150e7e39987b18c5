"""How records stand: by the key behind their submission, at their positions, asked in batches."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.operations.custody import suspects
from ledger import standing
from ledger.database import IN_LIST_MAX
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.enrolment import AssessmentPassed
from ledger.founding import REGISTRAR
from ledger.keys.keyring import ANNULLED, REAFFIRMED, SUSPECT, VALID
from ledger.restore import restore
from tests.ledger.test_consequences import a_list_change
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, registration_of, statement
from tests.support.rollbacks import put_back, take_copy
from tests.support.world import PROVIDER, REGULATOR, a_result

SECOND = "95001.second"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger where 95001 has two submission keys."""
    made = a_study_ledger(tmp_path)
    made.key(SECOND, PROVIDER)
    yield made
    made.close()


def kid_of(house: House, label: str) -> str:
    """Return the thumbprint of a key."""
    return house.signer(label).thumbprint


def revoked(house: House, label: str, since: int | None, organisation: int = PROVIDER) -> str:
    """Revoke a key from a position on, and return its thumbprint."""
    kid = kid_of(house, label)
    said = statement("key.revoked", organisation=organisation, kid=kid, reason="stolen", suspected_from=since)
    house.must(REGISTRAR, [said])
    return kid


def settled(house: House, word: str, kid: str, first: int, last: int) -> None:
    """Reaffirm or annul."""
    house.must(REGISTRAR, [statement(f"key.{word}", organisation=PROVIDER, kid=kid, first=first, last=last)])


def queries(house: House, work: Callable[[], object]) -> list[str]:
    """Return every statement that a piece of work runs."""
    ran: list[str] = []
    reader = house.ledger.store.database.reader
    reader.set_trace_callback(ran.append)
    try:
        work()
    finally:
        reader.set_trace_callback(None)
    return ran


def everything(house: House) -> list[int]:
    """Return every position."""
    return list(range(1, house.size() + 1))


def test_while_no_key_is_suspected_everything_is_valid(house):
    """And nothing has to be asked."""
    standings, positions = house.ledger.standings(), everything(house)

    ran = queries(house, lambda: standings.of(positions))

    assert standings.of(positions) == dict.fromkeys(positions, VALID)
    assert ran == []


def test_a_key_that_was_revoked_and_never_suspected_leaves_everything_valid(house):
    """It was lost, not stolen."""
    house.register(*people(1))
    house.enrol(*people(1))
    revoked(house, PROVIDER_KEY, None)

    assert set(house.ledger.standings().of(everything(house)).values()) == {VALID}


def test_records_stand_by_the_key_that_signed_them(house):
    """Two keys of one provider, in turns: only what the stolen one signed from there on is suspect."""
    learners = people(4)
    house.register(*learners)
    positions = [
        house.enrol(one, label=(PROVIDER_KEY, SECOND)[number % 2])[0].position
        for number, one in enumerate(learners)
    ]
    kid = revoked(house, PROVIDER_KEY, positions[1])

    found = house.ledger.standings().of(everything(house))

    assert [found[at] for at in positions] == [VALID, VALID, SUSPECT, VALID]
    assert [at for at, state in found.items() if state != VALID] == [positions[2]]
    assert house.ledger.standings().signed_by(kid, positions) == {positions[0], positions[2]}


@pytest.mark.parametrize("back", [0, 1])
def test_the_border_is_the_position_itself(house, back):
    """Suspected from a record's own position: it is suspect; from the one after it: it is not."""
    learners = people(1)
    house.register(*learners)
    (outcome,) = house.enrol(*learners)
    revoked(house, PROVIDER_KEY, outcome.position + back)

    assert house.ledger.standings().of([outcome.position]) == {outcome.position: (SUSPECT, VALID)[back]}


def test_one_submission_can_stand_on_both_sides(house):
    """Rows of one submission are told apart by their positions; settling takes in first and last."""
    learners = people(6)
    house.register(*learners)
    at = [one.position for one in house.enrol(*learners)]
    kid = revoked(house, PROVIDER_KEY, at[1])
    settled(house, "reaffirmed", kid, at[1], at[2])
    settled(house, "annulled", kid, at[4], at[4])

    found = house.ledger.standings().of(at)

    assert [found[one] for one in at] == [VALID, REAFFIRMED, REAFFIRMED, SUSPECT, ANNULLED, SUSPECT]
    assert house.audit().ok


def test_a_key_of_the_founding_can_be_suspect(house):
    """The registrar's first key is in no `key.registered`: its records are judged like all others."""
    house.key("95000.next", REGULATOR, "keys", "submission")
    since = house.size() + 1
    house.listing("6100")
    said = statement(
        "key.revoked",
        organisation=REGULATOR,
        kid=kid_of(house, REGISTRAR),
        reason="stolen",
        suspected_from=since,
    )
    house.must("95000.next", [said])

    found = house.ledger.standings().of(everything(house))

    assert [at for at, state in found.items() if state != VALID] == [since]
    assert found[since] == SUSPECT
    assert house.audit().ok


def test_what_rests_on_no_statement_is_valid(house):
    """The ledger's own consequences are under the checkpoint's signature, whoever lost a key."""
    house.register(*people(1))
    since = house.size() + 1
    (position,) = house.ledger.note([a_list_change(bytes(32))])
    house.enrol(*people(1))
    revoked(house, PROVIDER_KEY, since)

    assert house.ledger.standings().of([position, position + 1]) == {position: VALID, position + 1: SUSPECT}


def test_of_nothing_is_nothing(house):
    """No positions, no answers; what is not there yet counts as valid."""
    revoked(house, PROVIDER_KEY, house.size() + 1)
    beyond = house.size() + 50

    assert house.ledger.standings().of([]) == {}
    assert house.ledger.standings().of([beyond]) == {beyond: VALID}


# ------------------------------------------------------------------ how much is asked


def test_many_positions_are_one_question(house):
    """Hundreds of records: one query for their submissions, one for the signatures, and none again."""
    learners = people(60)
    house.register(*learners)
    at = [one.position for one in house.enrol(*learners)]
    at += [one.position for one in house.passed(*learners)]
    assert len(at) < IN_LIST_MAX
    revoked(house, PROVIDER_KEY, at[0])
    standings = house.ledger.standings()

    first = queries(house, lambda: standings.of(at))
    again = queries(house, lambda: standings.of(at))

    assert len(first) == 2
    assert len(again) == 1
    assert set(standings.of(at).values()) == {SUSPECT}


def test_only_what_can_be_suspect_is_looked_at(house):
    """Positions before the earliest suspicion are valid without a question."""
    house.register(*people(1))
    house.enrol(*people(1))
    revoked(house, PROVIDER_KEY, house.size() + 1)
    before, standings = list(range(1, house.size())), house.ledger.standings()

    assert queries(house, lambda: standings.of(before)) == []


# ------------------------------------------------------------------ annulled


@pytest.fixture
def annulled(house: House) -> tuple[House, list[Any], list[Any]]:
    """Six learners with awards; awards 2 to 4 annulled, 5 reaffirmed; and the positions of the awards."""
    learners = people(6)
    house.register(*learners)
    house.enrol(*learners)
    results = house.passed(*learners)
    awards = [one.position for one in house.award(*learners)]
    kid = revoked(house, PROVIDER_KEY, awards[0])
    settled(house, "annulled", kid, awards[1], awards[2])
    settled(house, "annulled", kid, awards[3], awards[3])
    settled(house, "reaffirmed", kid, awards[4], awards[4])
    return house, awards, results


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_annulled_records_of_a_topic_are_listed(annulled, monkeypatch, batch):
    """All of them once, whatever the batches; only that topic, only what was annulled."""
    house, awards, _ = annulled
    monkeypatch.setattr(standing, "_BATCH", batch)

    found = [one.id for one in house.ledger.standings().annulled(MicrocredentialAwarded.TOPIC)]

    assert found == awards[1:4]
    assert list(house.ledger.standings().annulled(AssessmentPassed.TOPIC)) == []


def test_annulled_positions_of_others_are_not_taken_along(house):
    """Between the thief's records somebody else's stand: a range annuls only what the key signed."""
    learners = people(3)
    house.register(*learners)
    house.enrol(*learners)
    at = []
    for number, one in enumerate(learners):
        said = [statement("assessment.passed", **a_result(one, "LO1"))]
        at.append(house.must((PROVIDER_KEY, SECOND)[number % 2], said)[0].position)
    kid = revoked(house, PROVIDER_KEY, at[0])
    settled(house, "annulled", kid, at[0], at[2])

    assert [one.id for one in house.ledger.standings().annulled(AssessmentPassed.TOPIC)] == [at[0], at[2]]
    assert [house.ledger.standings().of(at)[one] for one in at] == [ANNULLED, VALID, ANNULLED]


def test_two_stolen_keys_are_told_apart(house):
    """Each with its own positions; annulling one's leaves the other's suspect."""
    learners = people(2)
    house.register(*learners)
    (mine,), (theirs,) = house.enrol(learners[0]), house.enrol(learners[1], label=SECOND)
    first = revoked(house, PROVIDER_KEY, mine.position)
    revoked(house, SECOND, mine.position)
    settled(house, "annulled", first, mine.position, theirs.position)

    found = house.ledger.standings().of([mine.position, theirs.position])

    assert list(found.values()) == [ANNULLED, SUSPECT]


# ------------------------------------------------------------------ after a restore


def test_a_record_that_came_back_without_its_submission_stands_by_the_key_that_it_carries(tmp_path):
    """Most of the submission was refused, so not all of it is known: the record names its key by itself."""
    house = a_study_ledger(tmp_path / "ledger")
    house.key("keys", PROVIDER, "keys")
    house.publish()
    take_copy(house, tmp_path / "copy")
    house.clock.advance(timedelta(minutes=1))
    refused = statement("key.retired", organisation=PROVIDER, kid="A" * 43, from_="2026-11-22")
    fresh = registration_of(house.keystore.create("fresh"), PROVIDER, "submission")
    said = house.post("keys", [refused, fresh, refused, refused])
    house.publish()
    put_back(house, tmp_path / "copy")
    house.clock.advance(timedelta(minutes=1))
    restore(house.ledger, accept_lost=True)
    at = said[1].position

    kid = revoked(house, "keys", at)

    assert house.ledger.store.submissions_at([at]) == {}
    assert house.ledger.standings().of([at]) == {at: SUSPECT}
    assert house.ledger.standings().signed_by(kid, everything(house)) == {at}
    assert suspects(house.ledger, kid) == [(at, "key.registered")]
    assert house.audit().suspect == 1
