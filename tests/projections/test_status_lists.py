"""Status lists: a digest in the log whenever bits change, and no bits served that are not published."""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.client.verify.list_records import ListRecords
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Corrupt, Unavailable
from ledger.ids import public_id
from ledger.monitor.source import folder
from ledger.monitor.statuses import Served
from ledger.monitor.watching import Watch
from ledger.standing import Standings
from projections.exports.status_list import VALID_FOR, StatusBits
from projections.status_lists import StatusLists
from tests.ledger.monitor.forging import trusted
from tests.projections.exports.world import proof_holds
from tests.projections.office import Office, an_office
from tests.support.ledgers import statement
from tests.support.world import ANA, BEN, PROVIDER, a_result, an_award, an_enrolment

LIST = (PROVIDER, 1)


def served(office: Office) -> dict[str, Any]:
    """Return the list as it is served."""
    data = office.issuer.status_list(*LIST)
    assert data is not None
    return dict(json.loads(data))


def revoked_on_old_views(office: Office) -> None:
    """Revoke Ana's award, and put back the views of before."""
    office.views.close()
    old = office.house.files.views.read_bytes()
    office.reopen_views()
    office.revoke_award(ANA)
    office.turn()
    office.views.close()
    for path in office.house.files.folder.glob("views.sqlite-*"):
        path.unlink()
    office.house.files.views.write_bytes(old)
    office.reopen_views()


def bits_of(document: dict[str, Any]) -> StatusBits:
    """Return the bits of a served list."""
    return StatusBits.decoded(document["credentialSubject"]["encodedList"])


def index(office: Office, human: Any) -> int:
    """Return whose bit it is."""
    return int(office.held(human).awards[0].status_index)


def published_digest(office: Office) -> bytes:
    """Return the digest of the newest record about the list that a checkpoint covers."""
    checkpoint = office.publisher.served()
    assert checkpoint is not None
    found = [event for at, event in office.records(StatusListChanged.TOPIC) if at <= checkpoint.size]
    return bytes(found[-1].bits_sha256)


def submission_kid(office: Office) -> str:
    """Return the thumbprint of the key with which the provider spoke."""
    return office.house.signer("95001.submission").thumbprint


# ------------------------------------------------------------------ recording


def test_a_list_that_opens_is_on_record(office):
    """Its first record: whose list, which, the digest of clear bits, and up to where that holds."""
    (event,) = office.changes()

    assert (event.issuer, event.status_list) == LIST
    assert event.bits_sha256 == sha256(bytes(16_384)).digest()
    assert event.originator_id == public_id("status_list", *LIST)
    assert event.as_at < office.house.size()


def test_nothing_is_recorded_while_no_bit_changes(office):
    """Turn after turn, award after award, process after process: the log stays as it is."""
    office.house.organisation(95009, "provider")
    office.turn()
    size = office.house.size()
    office.reopen()

    assert [office.turn() for _ in range(3)] == [0, 0, 0]
    assert (office.house.size(), len(office.changes())) == (size, 1)


def test_every_change_of_bits_is_one_record(office):
    """Two revocations, seen one after the other: two digests, each that of the bits as at then."""
    at = [index(office, who) for who in (ANA, BEN)]
    digests = [StatusBits(at[:number]).digest() for number in (0, 1, 2)]

    for who in (ANA, BEN):
        office.revoke_award(who)
        assert office.turn() == 1

    assert [event.bits_sha256 for event in office.changes()] == digests
    assert [event.originator_version for event in office.changes()] == [1, 2, 3]
    assert office.house.audit().ok


def test_changes_that_come_together_are_one_record(office):
    """What was never served needs no digest."""
    office.revoke_award(ANA)
    office.revoke_award(BEN)

    assert office.turn() == 1
    assert len(office.changes()) == 2


def test_what_the_views_do_not_have_yet_is_for_the_next_time(office):
    """A digest says up to which position its bits go: that of the views."""
    office.revoke_award(ANA)

    early = office.issuer.status_lists.record_changes()
    late = office.turn()

    assert (early, late) == (0, 1)
    assert office.changes()[-1].as_at == office.house.size() - 1


def test_annulled_awards_count_as_revoked(office):
    """Only those: what is suspect or reaffirmed keeps its bit clear."""
    ana, ben = (office.held(who).awards[0].position for who in (ANA, BEN))
    office.revoke(submission_kid(office), min(ana, ben))
    suspect = (office.turn(), bits_of(served(office)).count())
    office.settle("reaffirmed", submission_kid(office), ben, ben)
    reaffirmed = (office.turn(), bits_of(served(office)).count())

    office.settle("annulled", submission_kid(office), ana, ana)
    changed = office.turn()

    assert (suspect, reaffirmed, changed) == ((0, 0), (0, 0), 1)
    assert bits_of(served(office)) == StatusBits([index(office, ANA)])
    assert office.house.audit().ok


def test_an_award_that_is_revoked_and_annulled_is_one_bit(office):
    """Set once: annulling what was revoked changes no bit, and nothing is recorded."""
    at = office.held(ANA).awards[0].position
    office.revoke_award(ANA)
    office.turn()
    fresh = office.house.keystore.create("95001.other")
    assert fresh.thumbprint != submission_kid(office)
    office.revoke(submission_kid(office), at)
    office.settle("annulled", submission_kid(office), at, at)

    assert office.turn() == 0
    assert bits_of(served(office)).count() == 1


def test_lists_of_others_are_left_alone(office):
    """Two providers, one revocation: one record, on the stream of the one."""
    other_learner = BEN
    office.house.organisation(95002, "provider")
    office.house.key("95002.submission", 95002)
    office.house.key("95002.credential", 95002, "credential")
    office.house.listing("6100")
    office.house.accredited(95002, "6100")
    enrolment = {"enrolment_ref": "SECOND-1"}

    def of_other(members: dict[str, Any]) -> dict[str, Any]:
        return {**members, "who": {**members["who"], **enrolment}}

    office.house.must(
        "95002.submission", [statement("learner.enrolled", **of_other(an_enrolment(other_learner, "6100")))]
    )
    office.house.must(
        "95002.submission",
        [
            statement("assessment.passed", **of_other(a_result(other_learner, outcome, "6100")))
            for outcome in ("LO1", "LO2")
        ],
    )
    office.house.must(
        "95002.submission",
        [statement("microcredential.awarded", **of_other(an_award(other_learner, "6100")))],
    )
    opened = office.turn()
    office.revoke_award(ANA)

    assert (opened, office.turn()) == (1, 1)
    assert [(event.issuer, event.status_list) for event in office.changes()] == [LIST, (95002, 1), LIST]


# ------------------------------------------------------------------ two processes


def test_two_processes_that_see_one_change_record_it_once(office, monkeypatch):
    """Both found the digest old: whoever comes second finds the stream moved, and has nothing to add."""
    office.revoke_award(ANA)
    other = office.beside()
    for one in (office, other):
        one.views.catch_up()
    real = type(office.house.ledger).note

    def late(self: Any, consequences: Any) -> Any:
        monkeypatch.undo()
        other.issuer.status_lists.record_changes()
        return real(self, consequences)

    monkeypatch.setattr(type(office.house.ledger), "note", late)
    mine = office.issuer.status_lists.record_changes()
    other.close()

    assert mine == 0
    assert len(office.changes()) == 2
    assert [office.turn(), office.turn()] == [0, 0]
    assert bits_of(served(office)) == StatusBits([index(office, ANA)])
    assert office.house.audit().ok


def test_a_process_that_is_behind_takes_no_change_back(office, monkeypatch):
    """It has read older bits than those recorded meanwhile: they must not be the newest on record."""
    at = [index(office, who) for who in (ANA, BEN)]
    office.revoke_award(ANA)
    office.views.catch_up()
    other = office.beside()
    real = type(office.house.ledger).note

    def late(self: Any, consequences: Any) -> Any:
        monkeypatch.undo()
        office.revoke_award(BEN)
        other.turn()
        return real(self, consequences)

    monkeypatch.setattr(type(office.house.ledger), "note", late)
    office.issuer.status_lists.record_changes()
    office.publisher.publish()
    other.close()

    assert bits_of(served(office)) == StatusBits(at)
    assert [event.as_at for event in office.changes()] == sorted(event.as_at for event in office.changes())
    assert office.house.audit().ok


# ------------------------------------------------------------------ serving


def test_what_is_served_is_what_is_published(office):
    """Revoked, folded, recorded: the old list. Published: the new one."""
    office.house.clock.advance(timedelta(minutes=1))
    before = served(office)
    office.revoke_award(ANA)
    revoked = served(office)
    office.views.catch_up()
    folded = served(office)
    office.issuer.status_lists.record_changes()
    recorded = served(office)

    office.publisher.publish()
    after = served(office)

    assert before == revoked == folded == recorded
    assert bits_of(before).count() == 0
    assert bits_of(after) == StatusBits([index(office, ANA)])
    assert bits_of(after).digest() == published_digest(office)
    assert proof_holds(after)


def test_a_list_that_is_not_published_yet_is_for_later(tmp_path):
    """Opened, but without a record, or with one that no checkpoint covers: Unavailable, not an empty list."""
    office = an_office(tmp_path / "ledger", turned=False)
    office.views.catch_up()
    office.publisher.publish()
    for record in (False, True):
        if record:
            office.issuer.status_lists.record_changes()
        with pytest.raises(Unavailable) as caught:
            office.issuer.status_list(*LIST)
        assert caught.value.code == "unpublished"
    assert office.issuer.status_lists.record(*LIST) is None

    office.publisher.publish()

    assert bits_of(served(office)).count() == 0
    office.close()


@pytest.mark.parametrize("which", [(PROVIDER, 2), (95999, 1), (0, 0)])
def test_there_is_no_such_list(office, which):
    """None, for the door to say so."""
    assert office.issuer.status_list(*which) is None
    assert office.issuer.status_lists.record(*which) is None


def test_a_list_is_signed_once_for_half_its_life(office):
    """The same bytes until then; then signed again, so that nobody ever gets one that is about to end."""
    first = office.issuer.status_list(*LIST)
    office.house.clock.advance(VALID_FOR / 2 - timedelta(seconds=1))
    still = office.issuer.status_list(*LIST)
    office.house.clock.advance(timedelta(seconds=1))

    later = office.issuer.status_list(*LIST)

    assert first == still != later
    assert bits_of(json.loads(first)) == bits_of(json.loads(later))
    assert len(office.changes()) == 1


def test_the_next_key_signs_at_once(office):
    """After a rotation the list is signed with the key that counts."""
    first, kid = served(office), office.key_in_use().thumbprint
    office.next_key()
    office.retire(kid)
    office.turn()

    second = served(office)

    assert second["proof"]["verificationMethod"] != first["proof"]["verificationMethod"]
    assert bits_of(second) == bits_of(first)
    assert proof_holds(second)


def test_views_that_are_behind_serve_no_older_bits(office):
    """An old copy of the views was put back: later, in words, never fewer revocations than published."""
    revoked_on_old_views(office)

    with pytest.raises(Unavailable) as caught:
        office.issuer.status_list(*LIST)
    office.views.catch_up()

    assert caught.value.code == "views"
    assert bits_of(served(office)) == StatusBits([index(office, ANA)])


def test_views_that_are_ahead_serve_the_published_bits(office):
    """Folded, not recorded: another process, which knows nothing of the old list, serves the old bits too."""
    office.revoke_award(ANA)
    office.views.catch_up()
    office.reopen()

    assert bits_of(served(office)).count() == 0
    assert bits_of(served(office)).digest() == published_digest(office)


def test_bits_that_are_not_those_on_record_are_not_served(office):
    """A bit was taken back in the views' file: Corrupt, not a list that forgives."""
    office.revoke_award(ANA)
    office.turn()
    with office.views._database.writing() as connection:
        (table,) = (
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name.startswith("status_")
        )
        connection.execute(f"UPDATE {table} SET revoked_at = NULL")  # noqa: S608 - a name from the schema
    office.issuer.status_lists = StatusLists(
        office.house.ledger, office.publisher, office.views, office.issuer.issuers
    )

    with pytest.raises(Corrupt) as caught:
        office.issuer.status_list(*LIST)

    assert caught.value.code == "status-list"


# ------------------------------------------------------------------ the proof beside it


def test_the_record_proves_the_bits(office):
    """The tlog-proof beside a list: entry, path and checkpoint of the record of just these bits."""
    office.revoke_award(ANA)
    office.turn()
    paper, bits = office.issuer.status_lists.record(*LIST), bits_of(served(office))
    records = ListRecords([paper.encode()], office.trust(), office.house.clock.now_us())

    known = records.in_force_at(PROVIDER, "1", bytes(bits._bits))
    other = records.in_force_at(PROVIDER, "1", bytes(16_384))

    assert known is not None
    assert other is None


# ------------------------------------------------------------------ how much is asked


def queries(connection: Any, work: Any) -> list[str]:
    """Return every statement that a piece of work runs on a connection."""
    ran: list[str] = []
    connection.set_trace_callback(ran.append)
    try:
        work()
    finally:
        connection.set_trace_callback(None)
    return ran


def test_a_turn_asks_as_much_after_many_changes_as_after_one(office):
    """What was recorded long ago is not read again at every turn: neither queries nor rows grow."""
    ledger = office.house.ledger
    read_one = ledger.mapper.to_domain_event

    def looked(number: int) -> tuple[int, int]:
        office.house.organisation(number, "provider")  # so that there is something new to look at
        office.views.catch_up()
        seen: list[Any] = []
        ledger.mapper.to_domain_event = lambda stored: seen.append(stored) or read_one(stored)
        try:
            ran = queries(ledger.store.database.reader, office.issuer.status_lists.record_changes)
        finally:
            del ledger.mapper.to_domain_event
        return len(ran), len(seen)

    office.house.ledger.register()
    looked(95101)
    before = looked(95102)
    for who in (ANA, BEN):
        office.revoke_award(who)
        office.turn()

    ledger.register()
    assert looked(95103) == before


def test_a_turn_in_which_nothing_was_folded_asks_nothing(office):
    """The publisher's turn comes every few seconds, all day."""
    office.turn()

    assert queries(office.house.ledger.store.database.reader, office.issuer.status_lists.record_changes) == []


def test_views_that_are_behind_record_nothing(office):
    """An old copy of the views was put back: its older bits are not news."""
    revoked_on_old_views(office)

    recorded = office.issuer.status_lists.record_changes()

    assert (recorded, office.turn()) == (0, 0)
    assert bits_of(served(office)) == StatusBits([index(office, ANA)])


def test_annulments_are_read_once_for_all_lists(office, monkeypatch):
    """However many lists there are: the register as at a position is not replayed for each of them."""
    at = office.held(ANA).awards[0].position
    office.revoke(submission_kid(office), at)
    office.settle("annulled", submission_kid(office), at, at)
    office.views.catch_up()
    lists, asked = office.views.status.lists(), []
    monkeypatch.setattr(office.views.status, "lists", lambda: lists * 40)
    real = Standings.annulled
    monkeypatch.setattr(Standings, "annulled", lambda self, topic: asked.append(topic) or real(self, topic))

    office.issuer.status_lists._consequences(office.views.position())

    assert len(asked) == 1


# ------------------------------------------------------------------ as outsiders see it


def look(office: Office, state: Path) -> list[str]:
    """Return what a monitor finds that follows the log and fetches the lists as they are served."""

    def fetch(one: tuple[int, int]) -> Served:
        document = json.loads(office.issuer.status_list(*one) or b"")
        return Served(document["validFrom"], bits_of(document).digest())

    watch, log = Watch(state, trusted(office.house), frozenset()), folder(office.house.files.anchor)
    watch.advance(log)
    watch.judge_statuses(log, fetch)
    return [one.code for one in watch.result.findings.found]


def test_a_monitor_finds_nothing_wrong(office, tmp_path):
    """Opened, revoked, annulled, signed by the next key, read while a change waits to be published."""
    found = [look(office, tmp_path / "state")]
    office.revoke_award(ANA)
    office.views.catch_up()
    office.issuer.status_lists.record_changes()
    found.append(look(office, tmp_path / "state"))
    office.publisher.publish()
    found.append(look(office, tmp_path / "state"))
    at, kid = office.held(BEN).awards[0].position, office.key_in_use().thumbprint
    office.next_key()
    office.retire(kid)
    office.revoke(submission_kid(office), at)
    office.settle("annulled", submission_kid(office), at, at)
    office.turn()
    found.append(look(office, tmp_path / "state"))
    office.reopen()
    office.house.clock.advance(timedelta(days=3))
    found.append(look(office, tmp_path / "state"))

    assert found == [[]] * 5
    assert bits_of(served(office)).count() == 2


def test_two_lists_never_claim_one_moment(office):
    """Bits that change within a second: a moment is whole seconds, so the newer list is of the next one."""
    moments = [served(office)["validFrom"]]
    for who in (ANA, BEN):
        office.revoke_award(who)
        office.turn()
        moments.append(served(office)["validFrom"])
    office.house.clock.advance(timedelta(minutes=1))

    assert moments == sorted(set(moments))
    assert served(office)["validFrom"] == moments[-1]
