"""Whatever bytes somebody's log holds, they are judged: garbage is a finding, not the end."""

from datetime import date
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Consequence
from ledger.domain.base import PUBLIC
from ledger.domain.registry import EVENTS
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Corrupt
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import FINDINGS_MAX, Findings
from ledger.monitor.following import Follower
from ledger.privacy.commitments import public_entry
from tests.ledger.monitor.forging import changed, entries_of, entry_of
from tests.support.ledgers import House, a_study_ledger, statement
from tests.support.world import PROVIDER

PUBLIC_TOPICS = sorted(topic for topic, one in EVENTS.items() if one.PRIVACY is PUBLIC)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A published ledger of public records only."""
    house = a_study_ledger(tmp_path_factory.mktemp("following"))
    house.publish()
    return house


@pytest.fixture(scope="module")
def entries(house: House) -> list[bytes]:
    """Its entries."""
    return entries_of(house)


def followed(entries: list[bytes]) -> Follower:
    """Follow these entries from the first."""
    follower = Follower(Findings())
    for position, entry in enumerate(entries, 1):
        follower.take(position, entry)
    return follower


def codes(follower: Follower) -> list[str]:
    """Return the codes that were found."""
    return [one.code for one in follower.findings.found]


def test_every_public_record_counts(entries: list[bytes]) -> None:
    """A ledger's own records are followed without a finding."""
    follower = followed(entries)

    assert codes(follower) == []
    assert follower.register.position == len(entries)


@given(data=st.data())
@settings(max_examples=100)
def test_one_changed_byte_is_a_finding_or_nothing_at_all(data, entries: list[bytes]) -> None:
    """Wherever it is changed, the look goes on, and the register takes nothing from what does not hold."""
    place = data.draw(st.integers(0, len(entries) - 1))
    entry = bytearray(entries[place])
    at = data.draw(st.integers(0, len(entry) - 1))
    entry[at] ^= data.draw(st.integers(1, 255))

    follower = followed([*entries[:place], bytes(entry), *entries[place + 1 :]])

    # Its instant is nobody's statement: only the order of instants shows.
    instant = 1 <= at < 9
    assert codes(follower) or instant


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=5)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(topic=st.sampled_from(PUBLIC_TOPICS), data=st.data())
@settings(max_examples=200)
def test_fields_of_any_kind_end_nothing(topic, data, entries: list[bytes]) -> None:
    """A record of the right shape with values of any kind, and any statement, is refused with a code."""
    fields = data.draw(st.lists(VALUES, min_size=len(EVENTS[topic].OPEN), max_size=len(EVENTS[topic].OPEN)))
    said = data.draw(st.none() | st.lists(VALUES, min_size=6, max_size=6) | VALUES)
    as_of, ruleset_id = data.draw(st.integers(-1, 20)), data.draw(st.sampled_from(["MC-2026", "x", ""]))
    state = msgpack.packb([[1, as_of, ruleset_id, *fields], said], use_bin_type=True)
    stream = parse_entry(entries[1])
    assert stream is not None
    forged = public_entry(2**61, stream.stream, data.draw(st.integers(0, 3)), topic, state)

    follower = followed([*entries, forged])

    assert len(codes(follower)) == 1
    assert follower.register.position == len(entries)


@given(st.binary(max_size=80))
def test_any_bytes_are_an_entry_or_refused(data) -> None:
    """Of bytes nobody thought of, those that are no entry are refused as such."""
    try:
        parse_entry(data)
    except Corrupt as error:
        assert error.code.startswith("entry-")  # noqa: PT017 - they may also be an entry


def test_a_decision_that_disregards_what_was_there_is_found(entries: list[bytes]) -> None:
    """Whoever says to have decided before another's record came, and is recorded after it, did not look."""
    last = parse_entry(entries[-1])
    assert last is not None
    stale = entry_of(changed(last.event(len(entries)), as_of=1), last.recorded_at_us)

    assert codes(followed([*entries[:-1], stale])) == ["stale-ruling"]


def test_rows_of_one_submission_do_not_disregard_each_other(tmp_path: Path) -> None:
    """Decided together, each sees the ones before it although all were read for at one size."""
    house = a_study_ledger(tmp_path)
    said = [
        statement(
            "organisation.registered", number=number, kind="pte", name={"en": "x"}, valid_from="2020-01-01"
        )
        for number in (95010, 95011, 95012)
    ]
    house.must(REGISTRAR, said)
    house.must(REGISTRAR, [{**said[0].said, "number": 95013}])
    house.publish()

    assert codes(followed(entries_of(house))) == []


def test_findings_are_counted_beyond_a_thousand() -> None:
    """A log of garbage fills no memory with findings."""
    follower = followed([b"garbage"] * (FINDINGS_MAX + 5))

    assert (len(follower.findings.found), follower.findings.more) == (FINDINGS_MAX, 5)


def test_status_digests_follow_each_other_by_version(tmp_path: Path) -> None:
    """A digest that is left out, or told twice, is found by the version of the next."""
    house = a_study_ledger(tmp_path)
    for number in range(3):
        fields = {
            "issuer": PROVIDER,
            "status_list": 1,
            "bits_sha256": bytes([number]) * 32,
            "as_at": house.size(),
        }
        house.ledger.note([Consequence(public_id("status_list", PROVIDER, 1), StatusListChanged, fields)])
    house.publish()
    entries = entries_of(house)

    assert codes(followed(entries)) == []
    assert codes(followed([*entries[:-2], b"\x01" + bytes(32), entries[-1]])) == ["version"]
    assert codes(followed([*entries, entries[-1]])) == ["version"]
    assert followed(entries).status_lists == {(PROVIDER, 1): bytes([2]) * 32}


# ------------------------------------------------------------------ said once, recorded once


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A log in which an accreditation was granted and has ended, and then is granted once more.

    The last record repeats the regulator's first grant, well decided, and said by nobody anew.
    """
    house = a_study_ledger(tmp_path_factory.mktemp("ended"))
    end = statement(
        "accreditation.ended", provider=PROVIDER, code="6022", ended_on="2026-11-20", reason="withdrawn"
    )
    house.must(REGISTRAR, [end])
    house.publish()
    entries = entries_of(house)
    parsed = [(position, parse_entry(entry)) for position, entry in enumerate(entries, 1)]
    (granted,) = (one.event(at) for at, one in parsed if one and one.topic == "accreditation.granted")
    again = changed(granted, as_of=len(entries), originator_version=granted.originator_version + 2)
    last = parsed[-1][1]
    assert last is not None
    return [*entries, entry_of(again, last.recorded_at_us)]


def test_what_was_said_once_is_not_recorded_twice(ended: list[bytes]) -> None:
    """An operator who records an old signed statement again, after it was undone, is found."""
    follower = followed(ended)

    assert codes(follower) == ["said-twice"]
    assert not follower.register.accreditations[PROVIDER, "6022"].grants[-1].on(date(2026, 11, 22))


def test_a_follower_that_was_restored_knows_what_was_said(ended: list[bytes]) -> None:
    """Records that are taken in again after a restart count as said; a fork forgets none of them."""
    first = Follower(Findings())
    for position, entry in enumerate(ended[:-1], 1):
        first.restore(position, entry)
    follower = first.fork()

    follower.take(len(ended), ended[-1])

    assert codes(follower) == ["said-twice"]
