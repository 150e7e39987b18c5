"""What a restore lets come back: beyond the newest checkpoint only what could have come through the door.

Nothing vouches for such entries but themselves, and whoever holds the anchor's disk can put some there.

Source: LEDGER.md 2 (keys by position), 5 (`restore --accept-lost`), 7 (rulings re-run).
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.client.statements import Statement
from api.client.submission import organisation_id
from ledger.clock import civil_date, instant
from ledger.domain.base import Act, Said
from ledger.domain.status_list import StatusList, StatusListChanged
from ledger.domain.tail import Tail, TailLost
from ledger.errors import Corrupt
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.mapper import store_public
from ledger.monitor.entries import parse_entry
from ledger.policy import law
from ledger.restore import restore
from ledger.store.anchor import Anchor
from tests.ledger.monitor.forging import changed, entry_of
from tests.ledger.test_restore_refused import _with_tail as with_tail
from tests.support.ledgers import PROVIDER_KEY, House, people, received, statement
from tests.support.rollbacks import RolledBack, a_rolled_back_ledger, put_back, study, take_copy
from tests.support.world import ORIGIN, PROVIDER

PRIVATE_LOST = 15  # of three learners: registered, enrolled, two results, awarded
GRANTED = "organisation.role_granted"


@pytest.fixture
def lost(tmp_path: Path) -> RolledBack:
    """A ledger behind its anchor; the minute in which that was noticed has passed."""
    made = a_rolled_back_ledger(tmp_path)
    made.house.clock.advance(timedelta(minutes=1))
    return made


def refused(lost: RolledBack, change: Callable[[list[bytes]], None], words: str) -> None:
    """Put other entries at the anchor's place: nothing of them is taken in, and the sentence says which."""
    with_tail(lost.house, change)
    at = Anchor(lost.house.files.anchor, ORIGIN).read().size

    with pytest.raises(Corrupt, match=f"entry {at} at the anchor's place: .*{words}") as found:
        restore(lost.house.ledger, accept_lost=True)

    assert found.value.code == "anchor"
    assert lost.house.size() == lost.stored
    assert not lost.house.files.out.exists()


def saying(house: House, label: str, said: Statement, **fields: Any) -> Callable[[list[bytes]], None]:
    """Append a record of a role granted to an organisation, said with a key that counts."""
    submission = received(house.build(label, [said]))
    row, token = submission.rows[0], submission.token

    def change(entries: list[bytes]) -> None:
        parsed = list(map(parse_entry, entries))
        at, template = next((at, one) for at, one in reversed(list(enumerate(parsed, 1))) if one)
        carried = Said(None, 0, row.salt, row.statement, jws=token, size=1)
        stream = organisation_id(fields.pop("organisation"))
        version = max(one.version for one in parsed if one and one.stream == stream) + 1
        event = changed(
            template.event(at),
            **{"said": carried, "originator_id": stream, "originator_version": version, **fields},
        )
        entries.append(entry_of(event, template.recorded_at_us))

    return change


def role(organisation: int, name: str) -> Statement:
    """Return that an organisation gets a role."""
    return statement(GRANTED, organisation=organisation, role=name, valid_from="2018-08-22")


def test_a_role_that_somebody_grants_itself_does_not_come_back(lost):
    """Signed with a key that counts, and no rule lets a provider say it: the door would have refused."""
    said = role(PROVIDER, "developer")
    last = lost.published

    refused(
        lost,
        saying(lost.house, PROVIDER_KEY, said, organisation=PROVIDER, role="developer", as_of=last),
        "the rules refuse it",
    )


def test_a_record_that_says_something_else_than_its_statement_does_not_come_back(lost):
    """The registrar said provider; the record has it as developer."""
    refused(
        lost,
        saying(
            lost.house,
            REGISTRAR,
            role(96002, "provider"),
            organisation=96002,
            role="developer",
            as_of=lost.published,
        ),
        "make something else of it: role",
    )


def test_a_decision_without_regard_to_what_was_recorded_does_not_come_back(lost):
    """The same statement, decided as the register stood before the last records about it."""
    refused(
        lost,
        saying(lost.house, REGISTRAR, role(96002, "provider"), organisation=96002, as_of=lost.stored),
        "register that had changed meanwhile",
    )


def test_a_statement_does_not_come_back_twice(tmp_path):
    """A role was granted and ended; the granting is put there once more, with its own signature."""
    made = a_rolled_back_ledger(tmp_path, private=False, public=False)
    house = made.house
    house.organisation(96001)
    house.must(REGISTRAR, [role(96001, "provider")])
    granted_at = house.size()
    take_copy(house, tmp_path / "granted")
    house.clock.advance(timedelta(minutes=1))
    ended = {"organisation": 96001, "role": "provider", "ended_on": "2026-11-21"}
    house.must(REGISTRAR, [statement("organisation.role_ended", **ended)])
    house.publish()
    lost = RolledBack(house, granted_at, house.size(), [])
    put_back(house, tmp_path / "granted")
    house.clock.advance(timedelta(minutes=1))

    def again(entries: list[bytes]) -> None:
        parsed = list(map(parse_entry, entries))
        first, newest = parsed[granted_at - 1], parsed[-1]
        event = changed(first.event(granted_at), originator_version=newest.version + 1, as_of=len(entries))
        entries.append(entry_of(event, newest.recorded_at_us))

    refused(lost, again, "recorded already")


def _consequence(begin: Any, kind: Any, stream: UUID, **fields: Any) -> Any:
    def change(entries: list[bytes]) -> None:
        at_us = max(one.recorded_at_us for one in map(parse_entry, entries) if one)
        day = civil_date(at_us)
        act = Act(len(entries), law.rules_on(day).id, day, instant(at_us))
        (event,) = begin(kind, stream, act, **fields).collect_events()
        entries.append(store_public(event).entry(at_us))

    return change


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bits_sha256": b"xx"}, "not what the ledger can have recorded"),
        ({"as_at": 10**9}, "not what the ledger can have recorded"),
        ({"status_list": 2}, "not what the ledger can have recorded"),
    ],
)
def test_a_digest_that_the_ledger_cannot_have_recorded_does_not_come_back(lost, fields, words):
    """Two bytes of digest, bits of a time to come, the stream of another list."""
    held = {"issuer": PROVIDER, "status_list": 1, "bits_sha256": bytes(32), "as_at": 1, **fields}
    stream = public_id("status_list", PROVIDER, 1)

    refused(lost, _consequence(StatusList.begin, StatusListChanged, stream, **held), words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "tells of 1 lost records where 15 were lost"),
        ({"lost": PRIVATE_LOST, "root": bytes(32)}, "a tree that is not this log's"),
        ({"lost": PRIVATE_LOST, "last_before": 1}, "not what the ledger can have recorded"),
    ],
)
def test_a_loss_that_never_was_does_not_come_back(lost, fields, words):
    """How many were lost, from which tree, and up to where: an account of it is exact."""
    fields = dict(fields)
    anchored = Anchor(lost.house.files.anchor, ORIGIN).read()
    first, last = lost.stored + 1, lost.published - fields.pop("last_before", 0)
    held = {"first": first, "last": last, "root": anchored.root, "lost": 1, **fields}

    refused(lost, _consequence(Tail.begin, TailLost, public_id("tail", first, last), **held), words)


def test_a_loss_that_was_accounted_for_comes_back(tmp_path):
    """Restored, published, and rolled back to the same copy: the second restore takes the account in."""
    made = a_rolled_back_ledger(tmp_path)
    made.house.clock.advance(timedelta(minutes=1))
    first = restore(made.house.ledger, accept_lost=True)
    made.house.publish()
    put_back(made.house, tmp_path / "copy")
    made.house.clock.advance(timedelta(minutes=1))

    second = restore(made.house.ledger, accept_lost=True)
    made.house.publish()

    assert (first.told_at, second.told_at) == (made.published + 1, made.published + 2)
    assert made.house.audit().faults == []


def test_a_copy_that_holds_what_the_log_calls_lost_is_refused(tmp_path):
    """A restore from the older of two copies gave records up; later the newer copy is put back, with them."""
    house = a_rolled_back_ledger(tmp_path, private=False, public=False).house
    made = RolledBack(house, house.size(), 0, people(1))
    study(made)
    house.publish()
    take_copy(house, tmp_path / "newer")
    put_back(house, tmp_path / "copy")
    house.clock.advance(timedelta(minutes=1))
    told_at = restore(house.ledger, accept_lost=True).told_at
    house.publish()
    put_back(house, tmp_path / "newer")
    house.clock.advance(timedelta(minutes=1))

    with pytest.raises(Corrupt, match=f"entry {told_at} .* the database holds 5 of them: put a copy back"):
        restore(house.ledger, accept_lost=True)
