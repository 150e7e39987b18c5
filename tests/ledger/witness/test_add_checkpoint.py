"""What a witness answers: every status of the specification, in its order.

Source: C2SP tlog-witness.
"""

from datetime import timedelta
from hashlib import sha256

import pytest

from ledger.clock import FixedClock
from ledger.errors import Absent, Malformed, Refusal, Unavailable
from ledger.log.add_checkpoint import BODY_MAX_BYTES, format_add_checkpoint
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.note import Note, format_note, parse_note
from ledger.log.signing import LogSigner
from tests.ledger.witness.logs import (
    NOON,
    NOON_S,
    ALog,
    a_witness,
    cosigned,
    ed25519_signer,
    mldsa_signer,
    seen_size,
)

LOG = ALog()


@pytest.fixture
def clock():
    """A clock that stands at noon until a test moves it."""
    return FixedClock(NOON)


@pytest.fixture
def witness(tmp_path, clock):
    """A witness with both keys that watches LOG and has seen nothing of it."""
    made = a_witness(tmp_path, LOG, clock=clock)
    yield made
    made.close()


# ------------------------------------------------------------------ 200


def test_the_first_checkpoint_is_cosigned_without_a_proof(witness):
    """200 with one line for each key, over exactly what the log signed, dated now."""
    answer = witness.add_checkpoint(LOG.request(0, 5))

    assert answer.content_type == "text/plain; charset=utf-8"
    assert cosigned(answer, LOG.note(5), witness) == [NOON_S, NOON_S]
    assert seen_size(witness) == 5


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4), (0, 1, 12), (4, 8), (7, 12)])
def test_what_follows_from_the_last_is_cosigned(witness, sizes):
    """Whatever the sizes, the empty tree among them."""
    old = 0
    for size in sizes:
        answer = witness.add_checkpoint(LOG.request(old, size))
        cosigned(answer, LOG.note(size), witness)
        old = size

    assert seen_size(witness) == sizes[-1]


def test_the_same_checkpoint_is_cosigned_again_with_a_newer_time(witness, clock):
    """Equal sizes and equal roots with an empty proof."""
    witness.add_checkpoint(LOG.request(0, 5))
    clock.advance(timedelta(minutes=3))

    answer = witness.add_checkpoint(LOG.request(5, 5))

    assert cosigned(answer, LOG.note(5), witness) == [NOON_S + 180, NOON_S + 180]


def test_asked_again_at_once_it_answers_the_same_lines(witness):
    """Nothing new is signed or written within one second."""
    first = witness.add_checkpoint(LOG.request(0, 5))

    again = witness.add_checkpoint(LOG.request(5, 5))

    assert again == first


def test_time_never_goes_back(witness, clock):
    """A clock that was set back does not make a newer checkpoint look older than the one before."""
    witness.add_checkpoint(LOG.request(0, 5))
    clock.advance(timedelta(hours=-2))

    answer = witness.add_checkpoint(LOG.request(5, 9))

    assert cosigned(answer, LOG.note(9), witness) == [NOON_S, NOON_S]


def test_one_signature_of_the_log_that_holds_is_enough(witness):
    """Signatures of unknown keys are ignored; one of a known key that does not hold counts for nothing."""
    note = parse_note(LOG.note(5).encode())
    ed25519, mldsa = note.signatures
    stranger = parse_note(ALog(seed=9).note(5).encode()).signatures[0]
    damaged = type(mldsa)(mldsa.name, mldsa.key_id, mldsa.blob[:-1] + bytes([mldsa.blob[-1] ^ 1]))
    text = format_note(Note(note.text, (stranger, damaged, ed25519))).decode()

    answer = witness.add_checkpoint(format_add_checkpoint(0, [], text))

    assert answer.status == 200
    kept = witness.checkpoint(_digest())
    assert [one.key_id for one in parse_note(kept.encode()).signatures][:1] == [ed25519.key_id]
    assert len(parse_note(kept.encode()).signatures) == 3


@pytest.mark.parametrize("kept", [0, 1])
def test_either_key_of_the_log_will_do(witness, kept):
    """Ed25519 alone, and ML-DSA-44 alone."""
    note = parse_note(LOG.note(5).encode())
    text = format_note(Note(note.text, (note.signatures[kept],))).decode()

    answer = witness.add_checkpoint(format_add_checkpoint(0, [], text))

    assert answer.status == 200


def test_a_new_key_of_a_log_counts_beside_the_old(tmp_path):
    """A log whose key was rotated is told to the witness by its new key."""
    old, new = ALog(seed=1, mldsa=False), ALog(seed=2, mldsa=False)
    witness = a_witness(tmp_path, old)
    before = witness.add_checkpoint(new.request(0, 5))
    witness.add_log(new.vkeys)

    after = witness.add_checkpoint(new.request(0, 5))

    assert (before.status, after.status) == (403, 200)
    witness.close()


def test_a_key_that_was_forgotten_counts_no_longer(tmp_path):
    """After a rotation only the new key is listened to, and what was seen is still what must follow."""
    old, new = ALog(seed=1), ALog(seed=2)
    witness = a_witness(tmp_path, old, new)
    assert witness.add_checkpoint(old.request(0, 5)).status == 200

    witness.forget_keys(old.vkeys)

    assert witness.add_checkpoint(old.request(5, 8)).status == 403
    assert witness.add_checkpoint(new.request(0, 8)).status == 409
    assert witness.add_checkpoint(new.request(5, 8)).status == 200
    witness.close()


def test_a_log_keeps_a_key(tmp_path):
    """The last one is not forgotten, nor one that was never told; then nothing is."""
    old, new = ALog(seed=1), ALog(seed=2, mldsa=False)
    witness = a_witness(tmp_path, old)

    for vkeys, error in ((old.vkeys, Refusal), ((*old.vkeys[:1], *new.vkeys), Absent), (("x",), Malformed)):
        with pytest.raises(error):
            witness.forget_keys(vkeys)

    (log,) = witness.logs()
    assert sorted(log.vkeys) == sorted(old.vkeys)
    witness.close()


# ------------------------------------------------------------------ 400


@pytest.mark.parametrize("old_size", [6, 12, 2**62])
def test_an_old_size_above_the_checkpoint_is_a_bad_request(witness, old_size):
    """400, whatever was seen before."""
    witness.add_checkpoint(LOG.request(0, 5))

    answer = witness.add_checkpoint(format_add_checkpoint(old_size, [], LOG.note(5)))

    assert answer.status == 400


def test_sixty_three_lines_of_proof_are_read_and_sixty_four_are_not(witness):
    """63 hashes that lead nowhere are 422, one more is 400."""
    witness.add_checkpoint(LOG.request(0, 5))

    answers = [
        witness.add_checkpoint(format_add_checkpoint(5, [bytes(32)] * lines, LOG.note(9))).status
        for lines in (63, 64)
    ]

    assert answers == [422, 400]


# ------------------------------------------------------------------ 403, 404, 413


def test_a_log_that_is_not_watched_is_not_found(witness):
    """404, whoever signed."""
    answer = witness.add_checkpoint(ALog("other.example/log").request(0, 5))

    assert answer.status == 404


def test_a_checkpoint_that_no_known_key_signed_is_forbidden(witness):
    """403, when the name is that of the log and the key is not; and nothing is kept of it."""
    answer = witness.add_checkpoint(ALog(seed=9).request(0, 5))

    assert answer.status == 403
    assert seen_size(witness) == 0
    assert witness.evidence() == []


def test_a_known_key_under_another_name_signs_nothing(witness):
    """403: a key counts with its name."""
    signer = LogSigner("elsewhere.example", ed25519_signer(1), mldsa_signer(1))
    note = parse_note(LOG.note(5).encode())
    blobs = [type(one)("elsewhere.example", one.key_id, one.blob) for one in note.signatures]

    answer = witness.add_checkpoint(
        format_add_checkpoint(0, [], format_note(Note(note.text, tuple(blobs))).decode())
    )

    assert signer.origin != LOG.origin
    assert answer.status == 403


def test_a_huge_body_is_refused_unread(witness):
    """413 beyond what sixteen signatures and a whole proof can need."""
    body = LOG.request(0, 5)

    answers = [
        witness.add_checkpoint(body + b"x" * BODY_MAX_BYTES).status,
        witness.add_checkpoint(body).status,
    ]

    assert answers == [413, 200]


# ------------------------------------------------------------------ 409


@pytest.mark.parametrize("old_size", [0, 4, 6])
def test_another_old_size_is_told_the_right_one(witness, old_size):
    """409 with the size in decimal, a newline, and a media type of its own without parameters."""
    witness.add_checkpoint(LOG.request(0, 5))

    answer = witness.add_checkpoint(LOG.request(old_size, 9))

    assert (answer.status, answer.content_type, answer.body) == (409, "text/x.tlog.size", b"5\n")
    assert seen_size(witness) == 5


def test_before_the_first_checkpoint_the_old_size_is_zero(witness):
    """409 for whoever believes that something was seen."""
    answer = witness.add_checkpoint(LOG.request(4, 9))

    assert (answer.status, answer.body) == (409, b"0\n")


def test_a_smaller_checkpoint_is_a_conflict(witness):
    """A log cannot be cosigned at a smaller size again: there is no old size that would do."""
    witness.add_checkpoint(LOG.request(0, 9))

    answers = [witness.add_checkpoint(LOG.request(old_size, 5)).status for old_size in (0, 5)]
    beyond = witness.add_checkpoint(format_add_checkpoint(9, [], LOG.note(5)))

    assert answers == [409, 409]
    assert beyond.status == 400


def test_another_root_at_the_same_size_is_a_conflict(witness):
    """409 when sizes are equal and roots are not, and both notes are kept as evidence."""
    witness.add_checkpoint(LOG.request(0, 5))
    fork = LOG.forked(at=3)

    answer = witness.add_checkpoint(fork.request(5, 5))

    assert answer.status == 409
    assert answer.content_type != "text/x.tlog.size"
    (found,) = witness.evidence()
    assert (found.kind, found.checkpoint) == ("split", fork.checkpoint(5))
    assert parse_note(found.note.encode()).text == parse_note(fork.note(5).encode()).text
    assert parse_note(found.seen_note.encode()).text == parse_note(LOG.note(5).encode()).text


def test_an_empty_tree_has_the_empty_root(witness):
    """A checkpoint of size 0 over any other root is a conflict; over the empty root it is cosigned."""
    wrong = format_add_checkpoint(0, [], LOG.note(0, root=bytes(32)))

    answers = [witness.add_checkpoint(wrong).status, witness.add_checkpoint(LOG.request(0, 0)).status]

    assert LOG.tree.root(0) == EMPTY_ROOT
    assert answers == [409, 200]
    assert [one.kind for one in witness.evidence()] == ["split"]


# ------------------------------------------------------------------ 422


def test_a_proof_that_leads_elsewhere_is_unprocessable(witness):
    """422 for a fork signed with the real key; what it signed is kept, and nothing is cosigned."""
    witness.add_checkpoint(LOG.request(0, 5))
    fork = LOG.forked(at=3)

    answer = witness.add_checkpoint(fork.request(5, 9))

    assert answer.status == 422
    assert seen_size(witness) == 5
    (found,) = witness.evidence()
    assert (found.kind, found.checkpoint, found.old_size) == ("no-proof", fork.checkpoint(9), 5)
    assert list(found.proof) == fork.proof(5, 9)


def test_a_fork_after_what_was_seen_is_no_fork(witness):
    """The witness has not seen the entries in which the two differ: the first who asks is cosigned."""
    witness.add_checkpoint(LOG.request(0, 5))

    answers = [
        witness.add_checkpoint(LOG.forked(at=7).request(5, 9)).status,
        witness.add_checkpoint(LOG.request(9, 12)).status,
    ]

    assert answers == [200, 422]


@pytest.mark.parametrize(("old_size", "size"), [(0, 5), (5, 5)])
def test_where_nothing_has_to_be_proven_the_proof_is_empty(witness, old_size, size):
    """422 for a proof from nothing, or to the same size."""
    if old_size:
        witness.add_checkpoint(LOG.request(0, old_size))

    answer = witness.add_checkpoint(format_add_checkpoint(old_size, [bytes(32)], LOG.note(size)))

    assert answer.status == 422


# ------------------------------------------------------------------ evidence


def test_evidence_is_kept_once_and_not_without_end(witness, monkeypatch):
    """The same fork again adds nothing, and neither does one beyond the bound."""
    monkeypatch.setattr("ledger.witness.store.EVIDENCE_MAX", 2)
    witness.add_checkpoint(LOG.request(0, 5))

    for at in (3, 3, 2, 1, 0):
        witness.add_checkpoint(LOG.forked(at=at).request(5, 5))

    assert [one.checkpoint for one in witness.evidence()] == [
        LOG.forked(at=at).checkpoint(5) for at in (3, 2)
    ]


def test_a_split_is_kept_whatever_old_size_is_claimed(witness):
    """Whoever asks with a stale size is told the right one, and has shown two roots of one size."""
    witness.add_checkpoint(LOG.request(0, 5))

    answer = witness.add_checkpoint(LOG.forked(at=3).request(0, 5))

    assert (answer.status, answer.body) == (409, b"5\n")
    assert [one.kind for one in witness.evidence()] == ["split"]


def junk(log, size, old_size=5):
    """Return a request of a stranger: a checkpoint that the log did sign, with a proof that is none."""
    return format_add_checkpoint(old_size, [bytes(32)], log.note(size))


def kept(witness):
    """Return what is kept as evidence: kind and checkpoint, oldest first."""
    return [(one.kind, one.checkpoint) for one in witness.evidence()]


def test_strangers_cannot_keep_a_fork_from_being_remembered(witness, monkeypatch):
    """Of what was not proven the first stays and the newest push out those between."""
    monkeypatch.setattr("ledger.witness.store.EVIDENCE_MAX", 3)
    witness.add_checkpoint(LOG.request(0, 5))
    for size in (6, 7, 8, 9, 10):
        witness.add_checkpoint(junk(LOG, size))

    fork = LOG.forked(at=3)
    witness.add_checkpoint(fork.request(5, 12))

    assert kept(witness) == [
        ("no-proof", LOG.checkpoint(6)),
        ("no-proof", LOG.checkpoint(10)),
        ("no-proof", fork.checkpoint(12)),
    ]


def test_what_was_not_proven_pushes_no_split_out(witness, monkeypatch):
    """Each kind has its own room."""
    monkeypatch.setattr("ledger.witness.store.EVIDENCE_MAX", 2)
    witness.add_checkpoint(LOG.request(0, 5))
    fork = LOG.forked(at=3)
    witness.add_checkpoint(fork.request(5, 5))

    for size in (6, 7, 8, 9):
        witness.add_checkpoint(junk(LOG, size))

    assert kept(witness)[0] == ("split", fork.checkpoint(5))
    assert [kind for kind, _ in kept(witness)].count("no-proof") == 2


def test_full_of_what_was_not_proven_there_is_room_for_a_split(witness, monkeypatch):
    """And the other way round."""
    monkeypatch.setattr("ledger.witness.store.EVIDENCE_MAX", 2)
    witness.add_checkpoint(LOG.request(0, 5))
    for size in (6, 7, 8, 9):
        witness.add_checkpoint(junk(LOG, size))

    witness.add_checkpoint(LOG.forked(at=3).request(5, 5))

    assert kept(witness)[-1] == ("split", LOG.forked(at=3).checkpoint(5))


def test_what_was_suspected_becomes_a_split_when_another_root_is_cosigned(witness):
    """First a fork at a size, then the other history at the same: two roots of one size, with both notes."""
    witness.add_checkpoint(LOG.request(0, 5))
    fork = LOG.forked(at=3)
    witness.add_checkpoint(fork.request(5, 9))

    answer = witness.add_checkpoint(LOG.request(5, 9))

    assert answer.status == 200
    (found,) = witness.evidence()
    assert (found.kind, found.checkpoint) == ("split", fork.checkpoint(9))
    assert parse_note(found.seen_note.encode()).text == parse_note(LOG.note(9).encode()).text
    assert len(parse_note(found.seen_note.encode()).signatures) == 4


@pytest.mark.parametrize("old_size", [0, 5])
def test_another_root_at_a_size_cosigned_long_before_is_a_split(witness, old_size):
    """Nothing is cosigned, the newest size is told, and both notes of the older size are kept."""
    for old, size in ((0, 5), (5, 9), (9, 12)):
        witness.add_checkpoint(LOG.request(old, size))
    fork = LOG.forked(at=3)

    answer = witness.add_checkpoint(fork.request(old_size, 5))

    assert (answer.status, answer.body) == (409, b"12\n")
    (found,) = witness.evidence()
    assert (found.kind, found.checkpoint) == ("split", fork.checkpoint(5))
    assert parse_note(found.seen_note.encode()).text == parse_note(LOG.note(5).encode()).text


def test_the_same_root_at_a_size_cosigned_long_before_is_nothing(witness):
    """Whoever shows an old checkpoint once more accuses nobody."""
    for old, size in ((0, 5), (5, 9)):
        witness.add_checkpoint(LOG.request(old, size))

    witness.add_checkpoint(LOG.request(0, 5))

    assert witness.evidence() == []


def test_older_checkpoints_are_remembered_as_far_as_there_is_room(witness, monkeypatch):
    """The newest of those before the last: at a size further back a split is not seen any more."""
    monkeypatch.setattr("ledger.witness.store.HEADS_MAX", 2)
    for size in range(1, 6):
        witness.add_checkpoint(LOG.request(size - 1, size))
    fork = LOG.forked(at=0)

    for size in range(1, 6):
        witness.add_checkpoint(fork.request(0, size))

    assert kept(witness) == [("split", fork.checkpoint(size)) for size in (3, 4, 5)]


@pytest.mark.parametrize("seen", [0, 5], ids=["from-nothing", "to-the-same"])
def test_where_nothing_had_to_be_proven_nobody_is_suspected(witness, seen):
    """A proof from the empty tree, or to the very checkpoint that was cosigned: the sender's mistake."""
    if seen:
        witness.add_checkpoint(LOG.request(0, seen))

    answer = witness.add_checkpoint(junk(LOG, 5, seen))

    assert answer.status == 422
    assert witness.evidence() == []


def test_evidence_carries_no_lines_of_strangers(witness):
    """A row is as long as the log's own keys make it, however much is sent beside them."""
    witness.add_checkpoint(LOG.request(0, 5))
    strangers = "".join(ALog(seed=seed).note(9).split("\n\n")[1] for seed in (7, 8, 9))
    note = LOG.note(9)

    witness.add_checkpoint(format_add_checkpoint(5, [bytes(32)] * 63, note + strangers))

    (found,) = witness.evidence()
    assert found.note == note


def test_a_strangers_bad_proof_accuses_nobody_for_long(witness):
    """What a log proves later is evidence against it no more."""
    witness.add_checkpoint(LOG.request(0, 5))
    witness.add_checkpoint(format_add_checkpoint(5, [bytes(32)], LOG.note(9)))
    before = len(witness.evidence())

    witness.add_checkpoint(LOG.request(5, 9))

    assert (before, witness.evidence()) == (1, [])


# ------------------------------------------------------------------ monitoring


def test_the_last_checkpoint_is_there_for_monitors_with_the_cosignatures(witness):
    """By the SHA-256 of the origin: the log's own signatures, then the witness's."""
    answer = witness.add_checkpoint(LOG.request(0, 5))

    note = witness.checkpoint(_digest())

    assert note.endswith(answer.body.decode())
    assert len(parse_note(note.encode()).signatures) == 4


def test_a_full_disk_cosigns_nothing(witness, monkeypatch):
    """Nothing is answered that is not remembered."""

    def full(*_arguments: object) -> None:
        raise Unavailable("witness.sqlite cannot be written now", code="storage")

    with monkeypatch.context() as stopped:
        stopped.setattr("ledger.witness.service.swap_seen", full)
        with pytest.raises(Unavailable):
            witness.add_checkpoint(LOG.request(0, 5))

    assert seen_size(witness) == 0
    assert witness.add_checkpoint(LOG.request(0, 5)).status == 200


def _digest() -> bytes:
    return sha256(LOG.origin.encode()).digest()
