"""Policies: the published one holds as it says, ours round-trip, and quorums count as they should."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, Unauthorised
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import Note, VerifierKey, note_signature, parse_note, vkey_of_signer
from ledger.log.policy import Group, KnownLog, KnownWitness, Policy, format_policy, parse_policy
from tests.support.vectors import published

# ------------------------------------------------------------------ the published policy


def test_the_published_policy_is_met_by_its_checkpoint():
    """A log, two witnesses of both kinds, both needed: the checkpoint with four signatures is believed."""
    policy = parse_policy(published("tlog/generated/policy.txt").read_bytes())
    note = parse_note(published("tlog/generated/checkpoint-4sigs.txt").read_bytes())

    witnessed = policy.check(note)

    assert len(note.signatures) == 4
    assert set(witnessed) == {"w0", "w1"}
    assert parse_policy(format_policy(policy)) == policy


def test_every_signature_that_the_published_policy_needs_is_needed():
    """With any of log, first or second witness taken away the checkpoint is refused, and says for which."""
    policy = parse_policy(published("tlog/generated/policy.txt").read_bytes())
    note = parse_note(published("tlog/generated/checkpoint-4sigs.txt").read_bytes())
    wanted = {
        (policy.logs[0].key.name, policy.logs[0].key.key_id): "policy-log",
        **{(one.key.name, one.key.key_id): "quorum" for one in policy.witnesses},
    }
    met = 0
    for count in range(5):
        for kept in itertools.combinations(note.signatures, count):
            cut = Note(note.text, kept)
            there = {(one.name, one.key_id) for one in kept}
            missing = [code for key, code in wanted.items() if key not in there]
            if not missing:
                policy.check(cut)
                met += 1
                continue
            with pytest.raises(Unauthorised) as refused:
                policy.check(cut)
            assert refused.value.code == missing[0]
    # The log's second signature is nobody's in this policy: with it or without.
    assert met == 2


# ------------------------------------------------------------------ quorums

SIGNERS = [MemorySigner.generate() for _ in range(4)]
WITNESSES = [Ed25519Cosigner(f"witness.example/{place}", signer) for place, signer in enumerate(SIGNERS)]
LOG = MemorySigner.generate()
ORIGIN = "ledger.example/log"


def a_policy(groups: dict[str, Group], quorum: str) -> Policy:
    """Return a policy of one log and four witnesses w0 to w3."""
    known = tuple(KnownWitness(f"w{place}", one.vkey, None) for place, one in enumerate(WITNESSES))
    return Policy((KnownLog(vkey_of_signer(ORIGIN, LOG), None),), known, groups, quorum)


def cosigned(*places: int) -> Note:
    """Return a checkpoint that the log signed, and these witnesses, at the time of their place."""
    text = format_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)))
    signatures = [note_signature(text.decode(), ORIGIN, LOG)]
    signatures += [WITNESSES[place].cosign(text, place) for place in places]
    return Note(text.decode(), tuple(signatures))


@pytest.mark.parametrize("threshold", range(1, 5))
def test_k_of_n_is_met_by_k_and_more(threshold):
    """For every set of witnesses: met exactly when there are enough, and each with its time."""
    policy = a_policy({"all": Group(threshold, ("w0", "w1", "w2", "w3"))}, "all")

    for count in range(5):
        for places in itertools.combinations(range(4), count):
            if count >= threshold:
                assert policy.check(cosigned(*places)) == {f"w{place}": place for place in places}
            else:
                with pytest.raises(Unauthorised) as refused:
                    policy.check(cosigned(*places))
                assert refused.value.code == "quorum"


def test_groups_count_as_one_member_of_what_holds_them():
    """Two houses of two witnesses, one of each house needed: two of one house are not enough."""
    groups = {
        "here": Group(1, ("w0", "w1")),
        "there": Group(1, ("w2", "w3")),
        "both": Group(2, ("here", "there")),
    }
    policy = a_policy(groups, "both")

    met = {
        places: policy.is_met([f"w{place}" for place in places])
        for places in itertools.combinations(range(4), 2)
    }

    assert met == {(0, 1): False, (2, 3): False, (0, 2): True, (0, 3): True, (1, 2): True, (1, 3): True}


def test_a_cosignature_that_does_not_hold_is_none():
    """A known witness's broken signature counts for nothing, and spoils nothing else."""
    policy = a_policy({"any": Group(1, ("w0", "w1", "w2", "w3"))}, "any")
    note = cosigned(0, 1)
    log, first, second = note.signatures
    broken = Note(note.text, (log, type(first)(first.name, first.key_id, bytes(72)), second))

    assert policy.check(broken) == {"w1": 1}


def test_unknown_signatures_change_nothing():
    """Who is not in the policy is not asked, and not counted."""
    policy = a_policy({}, "w0")
    note = cosigned(1, 2, 3)

    with pytest.raises(Unauthorised):
        policy.check(note)


def test_without_a_quorum_the_log_is_enough():
    """`none` asks for no witness, and still for the log."""
    policy = a_policy({}, "none")

    assert policy.check(cosigned()) == {}
    with pytest.raises(Unauthorised) as refused:
        policy.check(Note(cosigned().text, cosigned(0).signatures[1:]))
    assert refused.value.code == "policy-log"


# ------------------------------------------------------------------ the text

WORDS = st.text(
    st.characters(codec="ascii", exclude_characters=" \t\n#", categories=("L", "N", "P")), min_size=1
)


@st.composite
def policies(draw):
    """Return a policy that can be written."""
    names = draw(st.lists(WORDS.filter(lambda name: name != "none"), min_size=1, max_size=6, unique=True))
    urls = st.none() | WORDS
    count = draw(st.integers(1, len(names)))
    witnesses = tuple(
        KnownWitness(name, VerifierKey(f"w/{place}", 4, bytes([place]) * 32), draw(urls))
        for place, name in enumerate(names[:count])
    )
    groups, free = {}, list(names[:count])
    for name in names[count:]:
        if not free:
            break
        members = tuple(free[: draw(st.integers(1, len(free)))])
        free = [*free[len(members) :], name]
        groups[name] = Group(draw(st.integers(1, len(members))), members)
    quorum = draw(st.sampled_from(["none", *names[:count], *groups]))
    return Policy((KnownLog(VerifierKey("log", 1, bytes(32)), draw(urls)),), witnesses, groups, quorum)


@given(policies())
def test_a_policy_is_read_as_it_was_written(policy):
    """Writing and reading gives the same policy, whatever names and groups it has."""
    assert parse_policy(format_policy(policy)) == policy


@given(policies(), st.data())
def test_blanks_tabs_and_comments_mean_nothing(policy, data):
    """Between words and lines there may be more of them."""
    lines = format_policy(policy).splitlines()
    padded = []
    for line in lines:
        padded.append(data.draw(st.sampled_from(["", "# a comment", "  \t", "\t# quorum none"])))
        blank = data.draw(st.sampled_from([" ", "  ", "\t", " \t "]))
        padded.append(blank + blank.join(line.split(" ")) + blank)

    assert parse_policy("\n".join(padded)) == policy


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused(data):
    """Garbage is refused as such, and nothing else happens."""
    try:
        parse_policy(data)
    except Malformed as error:
        assert error.code != "malformed"  # noqa: PT017 - it may also be read


def test_a_policy_of_a_million_bytes_is_refused():
    """Nothing is read without bound."""
    with pytest.raises(Malformed) as refused:
        parse_policy("quorum none\n#" + "x" * 1_000_000)
    assert refused.value.code == "policy-text"
