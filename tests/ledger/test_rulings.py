"""Public records judged again from the log alone: what was rightly said and decided holds, nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.client.submission import organisation_id
from ledger.application import Consequence
from ledger.clock import FixedClock, microseconds
from ledger.domain.access import AccessDayClosed
from ledger.domain.base import Said
from ledger.domain.forgetting import ForgettingCounted
from ledger.domain.register import Register
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.encoding.strict_json import b64url, canonical, parse
from ledger.errors import Corrupt
from ledger.founding import REGISTRAR
from ledger.ids import public_id, uuid7
from ledger.keys.signer import MemorySigner, Signer, jws_read, jws_sign
from ledger.log.merkle import MemoryTree
from ledger.mapper import LedgerMapper
from ledger.privacy.commitments import statement_leaf
from ledger.rulings import check_public_ruling, check_who_said
from ledger.statements import SUBMISSION_TYP
from tests.support.ledgers import House, a_ledger, a_study_ledger, registration_of, statement
from tests.support.world import MIDDAY, ORIGIN, PROVIDER, REGULATOR

Event = Any


class Follower:
    """The public records of a ledger, each with the register as it stood before it."""

    def __init__(self, house: House) -> None:
        mapper = LedgerMapper.for_reading()
        self.records: list[tuple[int, int, Event, Register]] = []
        self.register = Register()
        for notification in house.ledger.store.select_notifications(1, 1000):
            event = mapper.to_domain_event(notification)
            self.records.append((notification.id, notification.recorded_at_us, event, self.register.fork()))
            if type(event).AUTHORITY:
                self.register.apply(event, notification.id)

    def newest(self) -> tuple[int, int, Event, Register]:
        """Return the newest record."""
        return self.records[-1]


def judge(position: int, recorded_at_us: int, event: Event, register: Register) -> None:
    """Ask both questions, as whoever reads a log does."""
    if not type(event).CONSEQUENCE:
        check_who_said(event.said, type(event).TOPIC, position, register)
    check_public_ruling(event, event.said, position, recorded_at_us, register)


def changed(event: Event, **values: Any) -> Event:
    """Return a copy of an event with other values: what a ledger that lies would have stored."""
    copy = object.__new__(type(event))
    object.__setattr__(copy, "__dict__", {**vars(event), **values})
    return copy


def code_of(position: int, recorded_at_us: int, event: Event, register: Register) -> str:
    """Return the code of what is found."""
    with pytest.raises(Corrupt) as found:
        judge(position, recorded_at_us, event, register)
    return found.value.code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A ledger in which every kind of public record but the newest two was made."""
    house = a_study_ledger(tmp_path_factory.mktemp("rulings"))
    house.key("95001.keys", PROVIDER, "keys")
    spare = MemorySigner.generate()
    house.must("95001.keys", [registration_of(spare, PROVIDER, "submission")])
    registered_at = house.size()
    house.organisation(95002, "provider", "developer")
    key = {"organisation": PROVIDER, "kid": spare.thumbprint}
    said = [
        statement("key.retired", **key, from_="2026-11-22"),
        statement("key.revoked", **key, reason="lost", suspected_from=registered_at + 1),
    ]
    house.must("95001.keys", said)
    product = {"code": "6022", "version": 1}
    said = [
        statement("microcredential.reviewed", **product, reviewed_on="2026-02-10", outcome="continue"),
        statement(
            "microcredential.status_set", **product, status="expiring", from_="2026-06-01", cause="replaced"
        ),
        statement(
            "accreditation.ended", provider=PROVIDER, code="6022", ended_on="2026-06-30", reason="surrendered"
        ),
        statement("organisation.role_ended", organisation=95002, role="developer", ended_on="2026-06-30"),
    ]
    house.must(REGISTRAR, said)
    fields = {"issuer": PROVIDER, "status_list": 1, "bits_sha256": bytes(32), "as_at": house.size()}
    house.ledger.note([Consequence(public_id("status_list", PROVIDER, 1), StatusListChanged, fields)])
    forgotten = {"level": 1, "learners": 1, "records": 2}
    house.ledger.note([Consequence(public_id("forgetting", 1), ForgettingCounted, forgotten)])
    closed = {"day": date(2026, 11, 21), "rows": 2, "root": bytes(32)}
    house.ledger.note([Consequence(public_id("access", date(2026, 11, 21)), AccessDayClosed, closed)])
    last = house.size()
    lost = {"first": 3, "last": last, "root": bytes(32), "lost": 1}
    house.ledger.note([Consequence(public_id("tail", 3, last), TailLost, lost)])
    return house


@pytest.fixture(scope="module")
def records(house: House) -> dict[str, tuple[int, int, Event, Register]]:
    """Return the newest record of every kind."""
    return {type(one[2]).TOPIC: one for one in Follower(house).records}


def test_every_public_record_holds(house: House) -> None:
    """What a ledger recorded rightly is found right, kind by kind, by whoever has the log only."""
    records = Follower(house).records

    for record in records:
        judge(*record)

    assert len({type(event).TOPIC for _, _, event, _ in records}) == 16


# ------------------------------------------------------------------ who said it


def spoken(
    signer: Signer, organisation: UUID, text: bytes, *, aud: str = ORIGIN, by: str | None = None
) -> Said:
    """Return what a record of one statement carries, signed anew."""
    salt = bytes(range(32))
    root = MemoryTree([statement_leaf(salt, text)]).root()
    payload = {
        "v": 1,
        "iss": str(organisation),
        "aud": aud,
        "jti": str(uuid7(microseconds(MIDDAY))),
        "iat": 1,
        "mode": "row_by_row",
        "n": 1,
        "root": b64url(root),
    }
    if by is not None:
        payload["by"] = by
    return Said(
        None, 0, salt, text, jws=jws_sign(signer, canonical(payload), SUBMISSION_TYP), size=1, path=()
    )


def _resigned(house: House, said: Said, label: str, number: int, **changes: Any) -> Said:
    return spoken(house.signer(label), organisation_id(number), said.statement, **changes)


def _text_changed(said: Said) -> Said:
    members = parse(said.statement, size_max_bytes=1 << 16)
    return replace(said, statement=canonical({**members, "ended_on": "2026-07-01"}))


def _payload_changed(said: Said) -> Said:
    head, _, signature = said.jws.split(".")
    payload = parse(jws_read(said.jws).payload, size_max_bytes=4096)
    return replace(said, jws=f"{head}.{b64url(canonical({**payload, 'iat': 2}))}.{signature}")


LIES: dict[str, tuple[str, Callable[[House, Said], Said | None]]] = {
    "nothing said": ("said-missing", lambda *_: None),
    "no salt": ("said-shape", lambda _, said: replace(said, salt=b"")),
    "row of another kind": ("said-shape", lambda _, said: replace(said, row="0")),  # type: ignore[arg-type]
    "path of texts": ("said-shape", lambda _, said: replace(said, path=("a" * 32,))),  # type: ignore[arg-type]
    "not a statement": ("said-shape", lambda _, said: replace(said, statement=b"[]")),
    "not a token": ("said-shape", lambda _, said: replace(said, jws="a.b")),
    "on somebody's behalf": (
        "said-shape",
        lambda house, said: _resigned(house, said, REGISTRAR, REGULATOR, by="somebody"),
    ),
    "another statement": ("said-path", lambda _, said: _text_changed(said)),
    "another place": ("said-path", lambda _, said: replace(said, row=(said.row + 1) % said.size)),
    "another count": ("said-path", lambda _, said: replace(said, size=said.size + 1)),
    "another path": ("said-path", lambda _, said: replace(said, path=said.path[:-1])),
    "payload changed": ("said-signature", lambda _, said: _payload_changed(said)),
    "another log": (
        "said-audience",
        lambda house, said: _resigned(house, said, REGISTRAR, REGULATOR, aud="elsewhere.example/log"),
    ),
    "a key for other purposes": (
        "said-key",
        lambda house, said: _resigned(house, said, "95001.keys", PROVIDER),
    ),
    "somebody else's key": (
        "said-key",
        lambda house, said: _resigned(house, said, REGISTRAR, PROVIDER),
    ),
    "a key nobody registered": (
        "said-key",
        lambda _, said: spoken(MemorySigner.generate(), organisation_id(REGULATOR), said.statement),
    ),
}


@pytest.mark.parametrize(("code", "lie"), LIES.values(), ids=LIES)
def test_nobody_is_made_to_have_said_something(
    house: House,
    records: dict[str, tuple[int, int, Event, Register]],
    code: str,
    lie: Callable[[House, Said], Said | None],
) -> None:
    """A statement that was not said like this, by somebody who could, is found, with a code of its own."""
    position, recorded_at_us, event, register = records["organisation.role_ended"]

    found = code_of(position, recorded_at_us, changed(event, said=lie(house, event.said)), register)

    assert found == code


def test_what_was_said_is_not_something_else(records: dict[str, tuple[int, int, Event, Register]]) -> None:
    """A statement that stands under another topic is found."""
    position, recorded_at_us, event, register = records["organisation.role_ended"]
    other = records["accreditation.ended"][2].said

    assert code_of(position, recorded_at_us, changed(event, said=other), register) == "said-type"


def test_a_key_counts_from_its_own_position_to_its_end(house: House) -> None:
    """What a key said before it was registered, or after it was retired, it never said."""
    ending = MemorySigner.generate()
    house.must(REGISTRAR, [registration_of(ending, PROVIDER, "keys")])
    registered_at = house.size()
    early = Follower(house)
    house.must(
        REGISTRAR,
        [statement("key.retired", organisation=PROVIDER, kid=ending.thumbprint, from_="2026-11-22")],
    )
    late = Follower(house)
    text = canonical(dict(registration_of(MemorySigner.generate(), PROVIDER, "submission").said))
    said = spoken(ending, organisation_id(PROVIDER), text)

    for position, follower in ((registered_at, early), (house.size() + 1, late)):
        with pytest.raises(Corrupt) as found:
            check_who_said(said, "key.registered", position, follower.register)
        assert found.value.code == "said-key"

    check_who_said(said, "key.registered", registered_at + 1, early.register)


def test_a_ledger_is_founded_once_and_first(records: dict[str, tuple[int, int, Event, Register]]) -> None:
    """The founding holds at position 1 of an empty register only, and nothing else does there."""
    _, recorded_at_us, founding, empty = records["ledger.founded"]
    position, _, later, register = records["organisation.role_ended"]

    assert code_of(2, recorded_at_us, founding, empty) == "said-founding"
    assert code_of(position, recorded_at_us, founding, register) == "said-founding"
    assert code_of(1, recorded_at_us, later, Register()) == "said-founding"


# ------------------------------------------------------------------ what the rules make of it


@pytest.mark.parametrize(
    ("topic", "values", "said"),
    [
        ("organisation.registered", {"kind": "polytechnic"}, "kind"),
        ("organisation.role_granted", {"role": "ssb"}, "role"),
        ("organisation.role_ended", {"ended_on": date(2026, 7, 1)}, "ended_on"),
        ("key.registered", {"purposes": ("keys",)}, "purposes"),
        ("key.registered", {"organisation": public_id("organisation", 95002)}, "organisation"),
        ("key.revoked", {"suspected_from": None}, "suspected_from"),
        ("microcredential.registered", {"level": 9}, "level"),
        ("microcredential.registered", {"ruleset_id": "MC-2018"}, "ruleset_id"),
        ("accreditation.granted", {"versions": (1, 2)}, "versions"),
        ("accreditation.ended", {"originator_version": 7}, "version"),
        ("accreditation.ended", {"originator_id": UUID(int=1)}, "stream"),
        ("microcredential.reviewed", {"as_of": 10_000}, "after it was recorded"),
        ("microcredential.reviewed", {"reviewed_on": 7}, "other kinds"),
    ],
)
def test_what_was_recorded_is_what_the_rules_make_of_it(
    records: dict[str, tuple[int, int, Event, Register]], topic: str, values: dict[str, Any], said: str
) -> None:
    """A recorded value that the statement and the rules do not give is found, and named."""
    position, recorded_at_us, event, register = records[topic]

    with pytest.raises(Corrupt, match=said) as found:
        judge(position, recorded_at_us, changed(event, **values), register)
    assert found.value.code == "ruling"


def test_what_the_rules_refuse_is_found(house: House) -> None:
    """A statement that its signer had no right to make is found although the signature holds."""
    follower = Follower(house)
    _, recorded_at_us, event, _ = next(
        one for one in follower.records if type(one[2]).TOPIC == "accreditation.granted"
    )
    own = _resigned(house, event.said, "95001.submission", PROVIDER)
    position = house.size() + 1
    check_who_said(own, "accreditation.granted", position, follower.register)

    with pytest.raises(Corrupt, match="the rules refuse it: E8") as found:
        check_public_ruling(changed(event, said=own), own, position, recorded_at_us, follower.register)
    assert found.value.code == "ruling"


def test_a_key_that_nobody_proved_to_hold_is_found(house: House) -> None:
    """A registration whose possession proof is another organisation's is found."""
    follower = Follower(house)
    signer = MemorySigner.generate()
    members = dict(registration_of(signer, 95002, "submission").said)
    said = spoken(
        house.signer(REGISTRAR), organisation_id(REGULATOR), canonical({**members, "organisation": PROVIDER})
    )
    _, recorded_at_us, event, _ = next(
        one for one in follower.records if type(one[2]).TOPIC == "key.registered"
    )

    with pytest.raises(Corrupt) as found:
        check_public_ruling(
            changed(event, said=said), said, house.size() + 1, recorded_at_us, follower.register
        )
    assert found.value.code == "ruling-possession"


def test_midnight_between_deciding_and_recording_is_no_fault(tmp_path: Path) -> None:
    """What the old rules decided a minute before midnight holds just after it, and not a day later."""
    before_midnight = datetime(2026, 1, 18, 10, 59, tzinfo=UTC)  # 23:59 in Auckland
    house = a_ledger(tmp_path, FixedClock(before_midnight))
    position, _, event, register = Follower(house).newest()
    house.close()

    judge(position, microseconds(before_midnight + timedelta(minutes=2)), event, register)

    late = microseconds(before_midnight + timedelta(days=1))
    assert code_of(position, late, event, register) == "ruling"


# ------------------------------------------------------------------ what the ledger records itself


@pytest.mark.parametrize(
    ("topic", "values"),
    [
        ("status_list.changed", {"bits_sha256": bytes(31)}),
        ("status_list.changed", {"issuer": 95002}),
        ("status_list.changed", {"status_list": "1"}),
        ("status_list.changed", {"as_at": 10_000}),
        ("status_list.changed", {"ruleset_id": "MC-2018"}),
        ("forgetting.counted", {"level": 2}),
        ("forgetting.counted", {"level": 3}),
        ("forgetting.counted", {"learners": 0}),
        ("forgetting.counted", {"learners": 3}),
        ("forgetting.counted", {"records": 10_000}),
        ("forgetting.counted", {"records": "2"}),
        ("access.day_closed", {"day": date(2026, 11, 20)}),
        ("access.day_closed", {"rows": 0}),
        ("access.day_closed", {"rows": "2"}),
        ("access.day_closed", {"root": bytes(31)}),
        ("access.day_closed", {"root": "text"}),
        ("tail.lost", {"first": 6}),
        ("tail.lost", {"last": 6}),
        ("tail.lost", {"lost": 1000}),
        ("tail.lost", {"root": "text"}),
    ],
)
def test_what_no_statement_stands_behind_is_at_least_possible(
    records: dict[str, tuple[int, int, Event, Register]], topic: str, values: dict[str, Any]
) -> None:
    """A status digest or a loss that cannot be one is found."""
    position, recorded_at_us, event, register = records[topic]

    assert code_of(position, recorded_at_us, changed(event, **values), register) == "ruling-consequence"


def test_the_ledger_records_nothing_in_anothers_name(
    records: dict[str, tuple[int, int, Event, Register]],
) -> None:
    """A statement under a record that needs none is found."""
    position, recorded_at_us, event, register = records["status_list.changed"]
    said = records["accreditation.ended"][2].said

    assert code_of(position, recorded_at_us, changed(event, said=said), register) == "ruling-consequence"
