"""What the ledger itself records: no statement, one transaction, on the stream as it stands then."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.application import DECIDE_TRIES, Consequence, Ledger
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.credential import AWARD, CredentialIssued
from ledger.domain.status_list import StatusListChanged
from ledger.errors import LedgerError, Stale, Unavailable
from ledger.ids import public_id
from tests.support.ledgers import House, a_study_ledger, open_house
from tests.support.world import ANA, PROVIDER


def a_list_change(digest: bytes, number: int = 1, follows: int | None = None) -> Consequence:
    """Return that a status list of 95001 has other bits."""
    fields = {"issuer": PROVIDER, "status_list": number, "bits_sha256": digest, "as_at": 1}
    return Consequence(public_id("status_list", PROVIDER, number), StatusListChanged, fields, follows)


def an_issuing(learner: UUID, digest: str = "00" * 32, stream: int = 7) -> Consequence:
    """Return that a credential was signed."""
    fields = {
        "subject": learner,
        "kind": AWARD,
        "award": UUID(int=1),
        "issuer": "did:web:x",
        "kid": "kid",
        "document_sha256": digest,
    }
    return Consequence(UUID(int=stream), CredentialIssued, fields)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A ledger where Ana is registered."""
    made = a_study_ledger(tmp_path)
    made.register(ANA)
    yield made
    made.close()


def learner(house: House) -> UUID:
    """Return Ana's id."""
    return house.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id


def rows(house: House, positions: Any) -> list[tuple[Any, ...]]:
    """Return (topic, version, submission, row) of records."""
    reader = house.ledger.store.database.reader
    query = "SELECT topic, version, submission, row FROM record WHERE position = ?"
    return [reader.execute(query, (at,)).fetchone() for at in positions]


def test_a_consequence_rests_on_no_submission(house):
    """Public and private: positions in order, submission and row empty, and the audit agrees."""
    positions = house.ledger.note([a_list_change(bytes(32)), an_issuing(learner(house))])

    assert list(positions) == [house.size() - 1, house.size()]
    assert rows(house, positions) == [
        ("status_list.changed", 1, None, None),
        ("credential.issued", 1, None, None),
    ]
    house.publish()
    assert house.audit().ok
    assert house.audit(with_keys=False).ok


def test_a_stream_goes_on_where_it_stands(house):
    """Several of one stream in one call, and one in the next: versions 1, 2, 3."""
    both = house.ledger.note([a_list_change(bytes(32)), a_list_change(bytes([1]) * 32)])
    house.reopen()
    third = house.ledger.note([a_list_change(bytes([2]) * 32)])

    assert [row[1] for row in rows(house, (*both, *third))] == [1, 2, 3]
    (held,) = house.ledger.get_many([public_id("status_list", PROVIDER, 1)]).values()
    assert (held.bits_sha256, held.version) == (bytes([2]) * 32, 3)
    assert house.audit().ok


def test_nothing_to_note_is_nothing(house):
    """No record, no empty transaction."""
    size = house.size()

    assert list(house.ledger.note([])) == []
    assert house.size() == size


def test_all_of_them_or_none(house):
    """One that cannot be sealed takes the others with it: the learner's key is not in the vault."""
    size = house.size()

    with pytest.raises(Unavailable) as caught:
        house.ledger.note([a_list_change(bytes(32)), an_issuing(UUID(int=12345))])

    assert caught.value.code == "vault"
    assert house.size() == size


def test_only_consequences_can_be_noted(house):
    """An award is its provider's word: no way leads around a statement."""
    with pytest.raises(AssertionError):
        house.ledger.note([Consequence(UUID(int=5), MicrocredentialAwarded, {})])


def test_when_writing_has_stopped_nothing_is_noted(house):
    """A rollback was found: the ledger's own records stop too, under the code of the fault."""
    house.ledger.fault = LedgerError("rolled back", code="rollback")

    with pytest.raises(Unavailable) as caught:
        house.ledger.note([a_list_change(bytes(32))])

    assert caught.value.code == "rollback"


@pytest.mark.parametrize("follows", [0, None])
def test_what_follows_the_stream_as_it_stands_is_noted(house, follows):
    """Nothing is there yet, and that is what it was concluded from; or it does not matter."""
    assert house.ledger.note([a_list_change(bytes(32), follows=follows)])


@pytest.mark.parametrize("follows", [0, 2])
def test_what_follows_from_something_else_is_stale(house, follows):
    """Somebody has noted something meanwhile, or what it saw is not there: nothing is recorded."""
    house.ledger.note([a_list_change(bytes(32))])
    size = house.size()

    with pytest.raises(Stale):
        house.ledger.note(
            [a_list_change(bytes([1]) * 32, number=2), a_list_change(bytes(32), follows=follows)]
        )
    assert house.size() == size
    assert house.ledger.note([a_list_change(bytes([1]) * 32, follows=1)])


def test_another_process_that_was_first_is_gone_after(house, monkeypatch):
    """Between reading the stream and writing, another process notes: ours goes on after it."""
    other = open_house(house.files.folder, house.clock)
    real, calls = Ledger.save_events, []

    def late(self: Ledger, *args: Any) -> Any:
        if not calls:
            calls.append(1)
            other.ledger.note([a_list_change(bytes([9]) * 32)])
        return real(self, *args)

    monkeypatch.setattr(Ledger, "save_events", late)
    positions = house.ledger.note([a_list_change(bytes([1]) * 32)])
    other.close()

    assert rows(house, positions)[0][:2] == ("status_list.changed", 2)
    assert house.audit().ok


def test_another_process_that_is_always_first_ends_in_words(house, monkeypatch):
    """After some attempts: Unavailable `busy`, and nothing of ours is recorded."""
    calls = []

    def never(_self: Ledger, *_args: Any) -> Any:
        calls.append(1)
        raise Stale("somebody was first")

    monkeypatch.setattr(Ledger, "save_events", never)
    with pytest.raises(Unavailable) as caught:
        house.ledger.note([a_list_change(bytes(32))])

    assert caught.value.code == "busy"
    assert len(calls) == DECIDE_TRIES


def test_many_threads_note_at_once(house):
    """Each is recorded once, on one stream without a gap."""
    ready = threading.Barrier(8)

    def note(number: int) -> int:
        ready.wait()
        return house.ledger.note([a_list_change(bytes([number]) * 32)])[0]

    with ThreadPoolExecutor(8) as threads:
        positions = list(threads.map(note, range(8)))

    assert len(set(positions)) == 8
    assert sorted(row[1] for row in rows(house, positions)) == list(range(1, 9))
    assert house.audit().ok


def test_a_private_consequence_says_nothing_in_clear(house):
    """The digest of a document is sealed: neither database nor its WAL has it."""
    digest = "ab" * 32
    house.ledger.note([an_issuing(learner(house), digest)])
    content = b"".join(path.read_bytes() for path in house.files.folder.glob("ledger.sqlite*"))

    assert b"did:web:x" in content  # who signed is open
    assert digest.encode() not in content
    assert bytes.fromhex(digest) not in content
