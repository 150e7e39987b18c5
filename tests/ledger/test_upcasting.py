"""A class whose fields changed: what was recorded before keeps its bytes, and is read in today's words.

Source: LEDGER.md 3 (class version first), 6; the library's upcasting.
"""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from ledger import mapper, rulings
from ledger.application import Consequence
from ledger.audit import sealed
from ledger.domain.base import LEDGER, Created, LedgerAggregate, PrivateEvent, PublicEvent
from ledger.domain.registry import EVENTS
from ledger.errors import Corrupt
from ledger.ids import public_id
from ledger.log.merkle import leaf_hash
from ledger.mapper import claims_shown, private_state, unseal, with_sealed_fields
from ledger.monitor.entries import parse_entry
from ledger.receipts import award_receipt, prove
from ledger.store.readback import StatementLeaves, entry_of, records
from tests.support.ledgers import House, a_ledger

NOTICE, REMARK = public_id("trial.notice", 1), public_id("trial.remark", 1)


class _GoesOn:
    """Begins a stream, or goes on with it."""

    def mutate(self, aggregate: Any) -> Any:
        """Return the aggregate after this event."""
        begun = super().mutate(None) if aggregate is None else None
        return begun or PublicEvent.mutate(self, aggregate)  # type: ignore[arg-type]

    def apply(self, aggregate: Any) -> None:
        """Keep the fields of this event."""
        aggregate.seen = [*getattr(aggregate, "seen", []), self]


class NoticeV1(_GoesOn, Created, PublicEvent):
    """A public fact as it was first recorded: one number, and a text."""

    TOPIC, AUTHORITY, CONSEQUENCE = "trial.noticed", False, True
    OPEN = ("number", "note")

    number: int
    note: str


class Notice(_GoesOn, Created, PublicEvent):
    """The same in its second version: the note is a list, and who noticed is told."""

    TOPIC, AUTHORITY, CONSEQUENCE = "trial.noticed", False, True
    class_version, FORMER = 2, (NoticeV1,)
    OPEN = ("notes", "number", "by")

    notes: tuple[str, ...]
    number: int
    by: str | None

    @staticmethod
    def upcast_v1_v2(values: dict[str, Any]) -> None:
        """One note is a list of one; nobody said who noticed."""
        values["notes"] = (values.pop("note"),)
        values["by"] = None


class RemarkV1(_GoesOn, Created, PrivateEvent):
    """A private fact as it was first recorded: what it shows is in the words of that time."""

    TOPIC, SUBJECT, CONSEQUENCE = "trial.remarked", LEDGER, True
    OPEN, SEALED, SHOWS = ("number",), ("remark",), ("remark",)

    number: int
    remark: str

    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return the remark."""
        return (("remark", self.remark),)


class RemarkV2(_GoesOn, Created, PrivateEvent):
    """The second version, between: a number in words."""

    TOPIC, SUBJECT, CONSEQUENCE = "trial.remarked", LEDGER, True
    class_version = 2
    OPEN, SEALED, SHOWS = ("words",), ("remark",), ("remark",)

    words: str
    remark: str


class Remark(_GoesOn, Created, PrivateEvent):
    """The third: what is sealed has two fields, and other claims are shown."""

    TOPIC, SUBJECT, CONSEQUENCE = "trial.remarked", LEDGER, True
    class_version, FORMER = 3, (RemarkV1, RemarkV2)
    OPEN, SEALED, SHOWS = ("words",), ("first", "rest"), ("first", "rest")

    words: str
    first: str
    rest: str

    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return both parts."""
        return (("first", self.first), ("rest", self.rest))

    @staticmethod
    def upcast_v1_v2(values: dict[str, Any]) -> None:
        """Numbers become words."""
        values["words"] = f"number {values.pop('number')}"

    @staticmethod
    def upcast_sealed_v1_v2(_values: dict[str, Any]) -> None:
        """What is sealed stayed as it was."""

    @staticmethod
    def upcast_v2_v3(_values: dict[str, Any]) -> None:
        """What is open stayed as it was."""

    @staticmethod
    def upcast_sealed_v2_v3(values: dict[str, Any]) -> None:
        """One text becomes two."""
        values["first"], _, values["rest"] = values.pop("remark").partition(" ")


class Trial(LedgerAggregate):
    """What both begin."""

    TOPIC = "trial"
    BEGINS = (Notice, Remark)


def program_knows(*classes: type) -> None:
    """Let the program know these event classes in the place of those of the same topic."""
    EVENTS.update({cls.TOPIC: cls for cls in classes})
    mapper._layout.cache_clear()
    mapper._layout_in.cache_clear()


@pytest.fixture
def house(tmp_path, monkeypatch) -> Iterator[House]:
    """A ledger in which both were recorded by a program of their first versions, and that is over."""
    with monkeypatch.context() as patch:
        patch.setattr(sealed, "_PRIVATE", sealed._PRIVATE | {b"trial.remarked"})
        possible = rulings._is_possible
        patch.setattr(
            rulings, "_is_possible", lambda event, *rest: type(event) is Notice or possible(event, *rest)
        )
        for topic in ("trial.noticed", "trial.remarked"):
            patch.setitem(EVENTS, topic, None)
        program_knows(NoticeV1, RemarkV1)
        made = a_ledger(tmp_path / "ledger")
        made.ledger.note(
            [
                Consequence(NOTICE, NoticeV1, {"number": 7, "note": "seen"}),
                Consequence(
                    REMARK, RemarkV1, {"number": 7, "remark": "well done", "subject": made.ledger.subject}
                ),
            ]
        )
        made.publish()
        program_knows(Notice, Remark)
        made.reopen()
        yield made
        made.close()
    mapper._layout.cache_clear()
    mapper._layout_in.cache_clear()


def stored(house: House) -> list[Any]:
    """Return the newest two records, as they lie in the file."""
    size = house.size()
    return list(records(house.ledger.store.database.reader, size - 1, size))


def test_what_was_recorded_before_keeps_its_bytes_and_its_place_in_the_tree(house):
    """The stored state makes the entry of then, the entry the leaf; nothing is written by reading it."""
    before = stored(house)

    house.ledger.get_many([NOTICE, REMARK])
    house.reopen()

    assert stored(house) == before
    leaves = StatementLeaves(house.ledger.store.database.reader)
    for record in before:
        assert entry_of(record, leaves.of(record)) == record.entry
        assert leaf_hash(record.entry) == record.leaf


def test_old_records_are_replayed_in_todays_words(house):
    """Step by step from the version they were stored under, and new ones follow in the same stream."""
    remarked = {"words": "number 8", "first": "still", "rest": "well", "subject": house.ledger.subject}
    house.ledger.note(
        [
            Consequence(NOTICE, Notice, {"notes": ("a", "b"), "number": 8, "by": "somebody"}, follows=1),
            Consequence(REMARK, Remark, remarked, follows=1),
        ]
    )

    held = house.ledger.get_many([NOTICE, REMARK])

    notices, remarks = held[NOTICE].seen, held[REMARK].seen
    assert [type(one) for one in (*notices, *remarks)] == [Notice, Notice, Remark, Remark]
    assert [(one.notes, one.number, one.by) for one in notices] == [
        (("seen",), 7, None),
        (("a", "b"), 8, "somebody"),
    ]
    assert [one.words for one in remarks] == ["number 7", "number 8"]
    house.publish()
    assert house.audit().faults == []


def test_what_is_sealed_is_opened_in_todays_words_and_shows_what_it_committed_to(house):
    """Its claims are those of its own version: the receipt of then is the receipt of now."""
    remark = stored(house)[1]
    key = house.ledger.vault.keys([house.ledger.subject])[house.ledger.subject]
    event = house.ledger.mapper.to_domain_event(remark.event)

    hidden = unseal(remark.event, key)
    whole = with_sealed_fields(event, hidden)

    assert (whole.words, whole.first, whole.rest) == ("number 7", "well", "done")
    assert hidden.stored == {"remark": "well done"}
    assert claims_shown(whole, hidden) == (("remark", "well done"),)
    publisher = house.publisher()
    receipt = award_receipt(
        prove(house.ledger.store, publisher.tree, remark.position), key, house.ledger.mapper
    )
    assert b"well done" in _extra(receipt)
    assert b'"first"' not in _extra(receipt)


def test_an_audit_holds_each_record_to_the_version_it_was_stored_under(house, monkeypatch):
    """Clean through the upcasters; a version that the class never had is a finding, with and without keys."""
    assert house.audit().faults == []
    assert house.audit(with_keys=False).faults == []

    monkeypatch.setattr(Notice, "FORMER", ())
    monkeypatch.setattr(Remark, "FORMER", (RemarkV2,))
    mapper._layout_in.cache_clear()

    found = {one.where for one in house.audit(with_keys=False).faults if one.code == "fields"}
    assert found == {f"record {one.position}" for one in stored(house)}


def test_a_monitor_reads_entries_of_every_version(house, monkeypatch):
    """And refuses one that is of none."""
    notice = stored(house)[0]

    assert parse_entry(notice.entry).topic == "trial.noticed"

    monkeypatch.setattr(Notice, "FORMER", ())
    with pytest.raises(Corrupt, match="fields of its class"):
        parse_entry(notice.entry)


def test_a_record_of_a_newer_program_is_not_guessed_at(house):
    """Under an older program the record cannot be read, and the sentence says why."""
    house.ledger.note([Consequence(NOTICE, Notice, {"notes": ("a",), "number": 8, "by": None}, follows=1)])
    program_knows(NoticeV1, RemarkV1)

    with pytest.raises(Corrupt, match="of a newer program"):
        house.ledger.get_many([NOTICE])

    program_knows(Notice, Remark)


def test_no_version_is_left_out():
    """Every class declares each version before its own, under its own topic, privacy and subject."""
    for cls in {*EVENTS.values(), Notice, Remark}:
        assert [one.class_version for one in cls.FORMER] == list(range(1, cls.class_version))
        for former in cls.FORMER:
            assert (former.TOPIC, former.PRIVACY, former.SUBJECT) == (cls.TOPIC, cls.PRIVACY, cls.SUBJECT)
            assert (former.AUTHORITY, former.CONSEQUENCE) == (cls.AUTHORITY, cls.CONSEQUENCE)


def test_a_private_state_says_its_version_first(house):
    """Version 1 is what the bytes say, whatever the program knows."""
    opened = private_state(stored(house)[1].state).open_bytes[mapper.SALT_BYTES :]

    assert mapper.unpack(opened)[0] == 1


def _extra(receipt: str) -> bytes:
    line = next(one for one in receipt.splitlines() if one.startswith("extra "))
    return base64.b64decode(line.removeprefix("extra "))
