"""The publisher and its witnesses: k of n, whatever the others do.

Source: LEDGER.md 5 (publisher step 6); C2SP tlog-witness, tlog-policy.
"""

import re
import shutil
import threading
from datetime import timedelta

import pytest

from ledger.cosigning import (
    AHEAD,
    ANSWER_MAX_BYTES,
    BAD_ANSWER,
    COSIGNED,
    OTHER_HISTORY,
    REFUSED,
    UNREACHABLE,
    Reply,
    policy_of_log,
)
from ledger.errors import Malformed
from ledger.log.add_checkpoint import SIZE_TYPE, parse_add_checkpoint
from ledger.log.note import format_signature, parse_note
from ledger.log.policy import format_policy, parse_policy
from ledger.log.proof import parse_proof
from ledger.publisher import latest
from ledger.receipts import prove
from tests.support.ledgers import a_ledger, open_house, people
from tests.support.witnessing import Network, changed, dead, honest, witnessed_publisher

W1, W2, W3 = (f"https://w{place}.example" for place in (1, 2, 3))


@pytest.fixture
def house(tmp_path):
    """A founded ledger; its clock stands still."""
    made = a_ledger(tmp_path / "ledger")
    yield made
    made.close()


@pytest.fixture
def network(tmp_path, house):
    """Three honest witnesses that watch its log."""
    made = Network(tmp_path / "witnesses", house, 3)
    yield made
    made.close()


def grow(house, first=500):
    """Record something more, a minute later."""
    house.clock.advance(timedelta(minutes=1))
    house.register(*people(3, first=first))


def signers(note):
    """Return the names under a note, each once."""
    return sorted({one.name for one in parse_note(note.encode()).signatures})


def states(publisher):
    """Return what became of each witness, by host."""
    return {one.url.removeprefix("https://").split(".")[0]: one.state for one in publisher.cosigning.states()}


# ------------------------------------------------------------------ what comes of it


def test_all_witnesses_cosign_and_the_note_is_served_with_their_lines(house, network):
    """At the anchor's place and to readers: the log's two signatures, then two of each witness; all hold."""
    publisher = witnessed_publisher(house, network, enough=2)

    published = publisher.publish()

    served = publisher.served()
    assert served.state == "witnessed"
    assert (house.files.anchor / "checkpoint").read_text() == served.note
    assert served.note.startswith(published.note)
    assert len(parse_note(served.note.encode()).signatures) == 8
    assert len(publisher.policy.check(parse_note(served.note.encode()))) == 6


def test_the_checkpoints_row_stays_as_it_was_signed(house, network):
    """The chain of checkpoints is of notes without cosignatures."""
    publisher = witnessed_publisher(house, network, enough=2)

    published = publisher.publish()

    assert latest(house.ledger.store.database.reader) == published
    assert signers(published.note) == ["ledger.example/log"]


def test_two_of_three_are_enough_when_one_is_dead(house, network):
    """The dead one is named, and published is what the others have seen."""
    network.answers[W3] = dead
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert publisher.served().state == "witnessed"
    assert signers(publisher.served().note) == ["ledger.example/log", "w1.example", "w2.example"]
    assert states(publisher) == {"w1": COSIGNED, "w2": COSIGNED, "w3": UNREACHABLE}


def test_one_dead_and_one_lying_leave_too_few(house, network):
    """Published all the same, and not witnessed; the lie is not kept."""
    network.answers[W2] = changed(network.answers[W1], lambda body: body)  # another witness's lines
    network.answers[W3] = dead
    publisher = witnessed_publisher(house, network, enough=2)

    published = publisher.publish()

    assert published.size == house.size()
    assert publisher.served().state == "published"
    assert signers(publisher.served().note) == ["ledger.example/log", "w1.example"]
    assert states(publisher) == {"w1": COSIGNED, "w2": BAD_ANSWER, "w3": UNREACHABLE}


def _bit(body):
    """Change one bit of the first signature."""
    note = parse_note(b"x\n\n" + body)
    first, *rest = note.signatures
    blob = first.blob[:-1] + bytes([first.blob[-1] ^ 1])
    return "".join(map(format_signature, (type(first)(first.name, first.key_id, blob), *rest))).encode()


LIES = {
    "bit-changed": _bit,
    "nothing": lambda _body: b"",
    "no-newline": lambda body: body[:-1],
    "not-utf-8": lambda body: b"\xff" + body,
    "garbage": lambda _body: b"<html>cosigned</html>\n",
    "another-note": lambda body: b"\nledger.example/log\n9\nAAAA\n\n" + body,
    "endless": lambda body: body * (ANSWER_MAX_BYTES // len(body) + 1),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_does_not_hold_is_kept_nowhere(house, network, lie):
    """Whatever a witness sends with status 200: publishing goes on, the others count."""
    network.answers[W2] = changed(network.answers[W2], LIES[lie])
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert publisher.served().state == "witnessed"
    assert signers(publisher.served().note) == ["ledger.example/log", "w1.example", "w3.example"]
    assert states(publisher)["w2"] == BAD_ANSWER


def test_lines_of_unknown_keys_are_ignored(house, network, tmp_path):
    """A witness may answer with keys that the policy does not name."""
    stranger = Network(tmp_path / "strangers", house, 1)
    network.answers[W2] = _with_lines_of(network.answers[W2], stranger.answers[W1])
    stranger.answers[W1] = honest(stranger.witnesses[W1])
    publisher = witnessed_publisher(house, network, enough=3)

    publisher.publish()

    assert publisher.served().state == "witnessed"
    assert len(parse_note(publisher.served().note.encode()).signatures) == 8
    stranger.close()


def _with_lines_of(answering, other):
    def answer(body):
        return Reply(200, "text/plain", other(body).body + answering(body).body)

    return answer


def test_a_cosignature_of_another_day_is_none(house, network):
    """The time in it bounds when records were made: a clock that is an hour off would accuse us."""
    witness = network.witnesses[W2]
    clock, witness._clock = witness._clock, _OtherClock(house.clock, 3600)
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert clock is house.clock
    assert states(publisher)["w2"] == BAD_ANSWER
    assert "w2.example" not in signers(publisher.served().note)


class _OtherClock:
    def __init__(self, clock, ahead_s):
        self._clock, self._ahead_us = clock, ahead_s * 1_000_000

    def now_us(self):
        return self._clock.now_us() + self._ahead_us


@pytest.fixture
def house_with_a_slow_witness(house, network):
    """The clock of the second witness is ten seconds slow; something was recorded just now."""
    network.witnesses[W2]._clock = _OtherClock(house.clock, -10)
    grow(house)
    return house


def test_a_cosignature_from_before_the_record_is_none(house_with_a_slow_witness, network):
    """Nobody can have seen a record before it was made: kept, it would spoil every audit from then on."""
    publisher = witnessed_publisher(house_with_a_slow_witness, network, enough=3)

    publisher.publish()

    (slow,) = [one for one in publisher.cosigning.states() if one.url == W2]
    assert (slow.state, slow.detail) == (
        BAD_ANSWER,
        "the cosignature is dated before the newest record that it covers",
    )
    assert "w2.example" not in signers(publisher.served().note)
    assert publisher.served().state == "published"
    assert house_with_a_slow_witness.audit().ok


def test_a_slow_witness_is_asked_again_and_then_counts(house_with_a_slow_witness, network):
    """Once its own clock has passed the record, its time is true enough, and the audit still agrees."""
    house = house_with_a_slow_witness
    publisher = witnessed_publisher(house, network, enough=3)
    publisher.publish()

    house.clock.advance(timedelta(seconds=9))
    publisher.publish()
    too_early = states(publisher)["w2"]
    house.clock.advance(timedelta(seconds=11))
    publisher.publish()

    assert too_early == BAD_ANSWER
    assert states(publisher)["w2"] == COSIGNED
    assert publisher.served().state == "witnessed"
    assert house.audit().ok


def test_a_cosignature_of_the_very_second_of_the_record_counts(house, network):
    """Times in cosignatures are whole seconds: the record may be up to one younger."""
    house.clock.advance(timedelta(microseconds=999_999 - house.clock.now_us() % 1_000_000))
    house.register(*people(3, first=500))
    publisher = witnessed_publisher(house, network, enough=3)

    publisher.publish()

    assert set(states(publisher).values()) == {COSIGNED}
    assert house.audit().ok


@pytest.mark.parametrize("status", [301, 403, 404, 500])
def test_a_status_that_is_no_cosignature_is_a_refusal(house, network, status):
    """Redirects are not followed, and a refusal is not asked again at once."""
    network.answers[W2] = lambda _body: Reply(status, "text/plain", b"")
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert states(publisher)["w2"] == REFUSED
    assert network.asked() == ["w1.example", "w2.example", "w3.example"]


def test_an_error_that_nobody_foresaw_is_the_witnesss_own(house, network):
    """Whatever the transport raises, it is one witness that gives nothing."""

    def broken(_body):
        raise ZeroDivisionError

    network.answers[W2] = broken
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert publisher.served().state == "witnessed"
    assert states(publisher)["w2"] == UNREACHABLE


# ------------------------------------------------------------------ what is sent


def test_nothing_is_sent_but_checkpoint_and_proof(house, network):
    """Read back, each request is exactly the old size, a proof from it, and the log's signed checkpoint."""
    publisher = witnessed_publisher(house, network, enough=3)
    first = publisher.publish()
    grow(house)
    network.sent.clear()

    second = publisher.publish()

    assert len(network.sent) == 3
    for url, body in network.sent:
        request = parse_add_checkpoint(body)
        assert url.endswith(".example/add-checkpoint")
        assert request.old_size == first.size
        assert list(request.proof) == publisher.tree.consistency(first.size, second.size)
        assert body.endswith(second.note.encode())


def test_a_witness_that_knows_another_size_is_asked_once_more(house, network):
    """It says which size it has seen; the proof is made from there."""
    publisher = witnessed_publisher(house, network, enough=3)
    publisher.publish()
    grow(house)
    publisher.publish()
    network.asked()
    with house.ledger.store.database.writing() as connection:
        connection.execute("DROP TRIGGER cosignature_is_never_deleted")
        connection.execute("DELETE FROM cosignature")
    grow(house, first=600)

    witnessed_publisher(house, network, enough=3).publish()

    assert network.asked() == sorted(["w1.example", "w2.example", "w3.example"] * 2)
    assert publisher.served().state == "witnessed"


def test_a_witness_that_never_agrees_is_asked_twice(house, network):
    """Two tries in a turn and no third."""
    network.answers[W1] = lambda _body: Reply(409, SIZE_TYPE, b"1\n")
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert network.asked().count("w1.example") == 2
    assert states(publisher)["w1"] == REFUSED


@pytest.mark.parametrize("body", [b"", b"1", b"01\n", b"-1\n", b"1e3\n", b"9" * 30 + b"\n", b"\xff\n"])
def test_a_size_that_is_none_is_a_bad_answer(house, network, body):
    """The size is a decimal number and a newline."""
    network.answers[W1] = lambda _body: Reply(409, SIZE_TYPE, body)
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert states(publisher)["w1"] == BAD_ANSWER
    assert network.asked().count("w1.example") == 1


def test_a_witness_that_has_seen_more_is_named(house, network):
    """It has cosigned what is not here: an old copy was put back, or two servers publish."""
    network.answers[W1] = lambda _body: Reply(409, SIZE_TYPE, b"1000\n")
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert states(publisher)["w1"] == AHEAD
    assert publisher.served().state == "witnessed"


def test_a_fork_under_the_real_key_is_found_by_its_witnesses(tmp_path, house, network):
    """Two copies of one ledger go their own ways: the second to publish gets no cosignature."""
    house.close()
    copied = _copy_of(house, tmp_path / "copy")
    house.reopen()
    publisher, forked = (witnessed_publisher(one, network, enough=2) for one in (house, copied))
    publisher.publish()
    grow(house)
    grow(copied, first=900)
    publisher.publish()

    forked.publish()

    assert publisher.served().state == "witnessed"
    assert forked.served().state == "published"
    assert set(states(forked).values()) == {OTHER_HISTORY}
    (kept,) = network.witnesses[W1].evidence()
    assert kept.kind == "split"
    assert kept.checkpoint.root == copied.ledger.store.head().root
    copied.close()


def _copy_of(house, folder):
    shutil.copytree(house.files.folder, folder)
    return open_house(folder, house.clock)


# ------------------------------------------------------------------ slow, late, again


def test_a_slow_witness_does_not_keep_the_quorum_waiting(house, network):
    """It is left behind when the others are enough, and its late answer counts at the next turn."""
    gate, answering = threading.Event(), network.answers[W3]

    def slow(body):
        gate.wait()
        return answering(body)

    network.answers[W3] = slow
    publisher = witnessed_publisher(house, network, enough=2, grace_s=0)
    publisher.publish()
    before = publisher.served()

    gate.set()
    for thread in threading.enumerate():
        if thread.name == "witness":
            thread.join()
    publisher.publish()

    assert before.state == "witnessed"
    assert "w3.example" not in signers(before.note)
    assert "w3.example" in signers(publisher.served().note)
    assert (house.files.anchor / "checkpoint").read_text() == publisher.served().note


def test_without_a_quorum_the_wait_ends(house, network):
    """The deadline passes with nobody's answer: published, not witnessed; one who is being asked waits."""
    gate, asked = threading.Event(), threading.Semaphore(0)

    def hanging(body):
        asked.release()
        gate.wait()
        return dead(body)

    network.answers.update(dict.fromkeys((W1, W2, W3), hanging))
    publisher = witnessed_publisher(house, network, enough=2, deadline_s=0)

    publisher.publish()
    for _ in network.answers:
        asked.acquire()
    publisher.publish()

    assert publisher.served().state == "published"
    assert len(network.sent) == 3
    gate.set()


def test_a_quorum_that_was_not_reached_is_tried_for_again(house, network):
    """At a later turn, for the same checkpoint, though the tree did not grow."""
    network.answers.update(dict.fromkeys((W2, W3), dead))
    publisher = witnessed_publisher(house, network, enough=2)
    first = publisher.publish()
    missing = publisher.served().state
    network.answers.update({url: honest(network.witnesses[url]) for url in (W2, W3)})
    house.clock.advance(timedelta(minutes=11))
    network.asked()

    second = publisher.publish()

    assert second == first
    assert (missing, publisher.served().state) == ("published", "witnessed")
    assert network.asked() == ["w2.example", "w3.example"]
    assert (house.files.anchor / "checkpoint").read_text() == publisher.served().note


def test_a_witness_that_fails_is_asked_less_and_less(house, network):
    """Not again at once, and after each failure only after twice the time."""
    network.answers.update(dict.fromkeys((W1, W2, W3), dead))
    publisher = witnessed_publisher(house, network, enough=2)
    asked = []
    for seconds in (0, 0, 5, 5, 5, 20):
        house.clock.advance(timedelta(seconds=seconds))
        publisher.publish()
        asked.append(len(network.asked()))

    assert asked == [3, 0, 3, 0, 3, 3]


def test_once_the_quorum_is_met_nobody_is_asked_again(house, network):
    """What was witnessed is witnessed."""
    publisher = witnessed_publisher(house, network, enough=2)
    publisher.publish()
    network.asked()

    publisher.publish()

    assert network.asked() == []


def test_a_new_start_asks_only_for_what_is_missing(house, network):
    """Cosignatures are durable; a crash between checkpoint and cosignatures is made good at the next turn."""
    crashed = witnessed_publisher(house, network, enough=2)

    def crash(name):
        if name == "inserted":
            raise ZeroDivisionError

    crashed.at_step = crash
    with pytest.raises(ZeroDivisionError):
        crashed.publish()
    nothing = network.asked()
    again = witnessed_publisher(house, network, enough=2)
    again.publish()

    assert nothing == []
    assert again.served().state == "witnessed"
    assert network.asked() == ["w1.example", "w2.example", "w3.example"]


# ------------------------------------------------------------------ proofs


def test_proofs_are_made_under_the_newest_witnessed_checkpoint(house, network):
    """A record that a witnessed checkpoint covers is proven under it; a newer one as published."""
    publisher = witnessed_publisher(house, network, enough=2)
    first = publisher.publish()
    network.answers.update(dict.fromkeys((W1, W2), dead))
    grow(house)
    second = publisher.publish()

    old, new = (
        prove(house.ledger.store, publisher.tree, position, publisher.policy)
        for position in (first.size, second.size)
    )

    assert (old.size, old.state) == (first.size, "witnessed")
    assert (new.size, new.state) == (second.size, "published")
    note = parse_note(parse_proof(old.proof()).checkpoint_note.encode())
    assert publisher.policy.check(note)


def test_without_witnesses_in_the_policy_nothing_is_witnessed(house):
    """As before there were witnesses: published is all there is."""
    publisher = house.publisher()
    publisher.publish()

    proven = prove(house.ledger.store, publisher.tree, 1, publisher.policy)

    assert (proven.state, publisher.served().state) == ("published", "published")
    assert format_policy(publisher.policy).endswith("quorum none\n")


def test_witnesses_that_nobody_needs_are_asked_all_the_same(house, network):
    """`quorum none` with witnesses in it: their lines are served, and what is published counts as that."""
    policy = network.policy(2).replace("quorum enough", "quorum none")
    network.policy = lambda _enough: policy
    publisher = witnessed_publisher(house, network, enough=2)

    publisher.publish()

    assert publisher.served().state == "published"
    assert len(parse_note(publisher.served().note.encode()).signatures) == 8


# ------------------------------------------------------------------ the policy of a log


def test_the_logs_own_keys_are_put_in(house, network, tmp_path):
    """A file of witnesses alone becomes a whole policy; with the keys in it, it stays what it is."""
    keys = house.ledger.founding.log_keys
    (tmp_path / "policy").write_text(network.policy(2))

    completed = policy_of_log(tmp_path / "policy", keys)
    (tmp_path / "policy").write_text(format_policy(completed))

    assert [str(log.key) for log in completed.logs] == list(keys)
    assert policy_of_log(tmp_path / "policy", keys) == completed == parse_policy(format_policy(completed))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda _text, _key: "quorum everybody\n", "not defined"),
        (lambda text, _key: text + "quorum none\n", "one quorum"),
        (lambda text, _key: text.replace("https://", "ftp://"), "begins with http"),
        (lambda text, _key: text.replace("https://", "https://user@"), "begins with http"),
        (lambda text, _key: re.sub(" https://w[12].example", "", text), "too few"),
        (lambda text, key: text.replace("quorum", f"log {key.replace('ledger', 'other')}\nquorum"), "key"),
        (lambda text, _key: text + "# caf\udce9\n", "UTF-8"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_a_sentence(house, network, tmp_path, change, why):
    """Malformed with the code `policy`, and the file's name."""
    keys = house.ledger.founding.log_keys
    text = change(network.policy(2), keys[0])
    (tmp_path / "policy").write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(Malformed, match=why) as refused:
        policy_of_log(tmp_path / "policy", keys)

    assert refused.value.code == "policy"
    assert "policy" in str(refused.value)
