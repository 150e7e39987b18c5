"""One mutation per file: each differs from `good` in what its name says, and its folder is the code.

To look at one: `git diff --no-index good.tlog-proof issued-key/another-key.tlog-proof`. The files of
the ledger's own room are read here too, by the verifier's second implementation.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.client.errors import ClientError, Malformed, Refused
from api.client.verify import Result, Trust, Verdict, verify
from api.client.verify.keys import read_key
from api.client.verify.tlog import inclusion_root, leaf_hash, parse_checkpoint, parse_proof, parse_vkey
from tests.ledger.log.checks import MUTATIONS as LOG_FILES
from tests.ledger.log.checks import PROVEN_ENTRY, VKEY
from tests.support.credentials import NOW_US, zipped

FILES = Path(__file__).parent / "mutations"
GOOD = (FILES / "issued" / "good.tlog-proof").read_bytes()
KEY = json.loads((FILES / "trust-key" / "good.json").read_bytes())
TRUST = Trust.parse((FILES / "trust.json").read_bytes())
BESIDE = {
    name: (FILES / name).read_bytes() for name in ("credential.json", "award.tlog-proof", "status-list.json")
}
NOT_CHECKED = {"issued-not-witnessed"}


def files(kind):
    """Return the mutations of a kind, with their names."""
    return [pytest.param(path, id=path.stem) for path in sorted((FILES / kind).glob("*/*"))]


def checked(receipt: bytes) -> Verdict:
    """Judge a bundle with this receipt of signing; everything beside it is good."""
    return verify(zipped({**BESIDE, "issued.tlog-proof": receipt}), trust=TRUST, now_us=NOW_US)


# ------------------------------------------------------------------ receipts of signing


def test_the_unchanged_receipt_is_accepted():
    """What every mutation starts from holds: all nine checks pass, and both witnesses are named."""
    verdict = checked(GOOD)

    assert verdict.headline == "Verified"
    assert verdict.checks[6].sentence.count("witnessed by 2 of 2, first on 12 November 2026") == 2


@pytest.mark.parametrize("path", files("issued"))
def test_a_mutated_receipt_is_refused_with_its_code(path):
    """Not valid, or not witnessed; and check 7 says which."""
    check = checked(path.read_bytes()).checks[6]

    result = Result.NOT_CHECKED if path.parent.name in NOT_CHECKED else Result.FAILED
    assert (check.result, check.code) == (result, path.parent.name)


@settings(max_examples=300)
@given(at=st.integers(0, len(GOOD.decode()) - 1), sign=st.characters(codec="utf-8"))
def test_one_changed_sign_is_never_verified(at, sign):
    """Whichever sign of the receipt becomes another, the award is not verified by it any more."""
    text = GOOD.decode()
    changed = text[:at] + sign + text[at + 1 :]

    assert changed == text or not checked(changed.encode()).headline.startswith("Verified")


@settings(max_examples=100)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), at=st.integers(0, len(GOOD)))
def test_no_bytes_stop_the_reader_of_receipts(data, at):
    """Anything put into a receipt, or in place of its rest, gives a verdict that is not good."""
    for changed in (GOOD[:at] + data, GOOD[:at] + data + GOOD[at:]):
        verdict = checked(changed)

        assert changed == GOOD or not verdict.headline.startswith("Verified")


# ------------------------------------------------------------------ keys of the trust file


def test_the_unchanged_key_is_accepted():
    """What every mutation starts from is read, with and without the members that may be missing."""
    plain = {name: KEY[name] for name in ("multibase", "purpose", "from", "to")}

    assert read_key(KEY).reaffirmed == ((22, 23), (30, 30))
    assert read_key(plain).suspected_from is None


@pytest.mark.parametrize("path", files("trust-key"))
def test_a_mutated_key_is_refused_with_its_code(path):
    """What is not set out as it should be, and positions that cannot be."""
    with pytest.raises(Malformed) as caught:
        read_key(json.loads(path.read_bytes()))

    assert caught.value.code == path.parent.name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 50) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=300)
@given(changes=st.dictionaries(st.sampled_from(sorted(KEY)), JSON, min_size=1))
def test_whatever_stands_in_a_key_is_read_or_refused(changes):
    """Nothing leaks, and what is read contradicts itself nowhere: a position has one standing."""
    try:
        key = read_key({**KEY, **changes})
    except ClientError as error:
        assert error.code in {"trust-form", "trust-key"}  # noqa: PT017 (reading it is no error)
        return

    assert all(key.standing(at) for at in range(60))
    assert key.suspected_from is None or key.span.end is not None


# ------------------------------------------------------------------ what the ledger's own room refuses


def log_files(kind):
    """Return the mutations of the ledger's room of the log."""
    return [
        pytest.param(path, id=path.stem)
        for path in sorted((LOG_FILES / kind).glob("*"))
        if path.stem != "good"
    ]


def check_note(data: bytes) -> None:
    """Read a checkpoint and check the log's signature on it."""
    if not parse_vkey(VKEY).signed(parse_checkpoint(data.decode("utf-8"))):
        raise Refused("not signed")


def check_proof(data: bytes) -> None:
    """Check that a proof proves the sixth entry of the log."""
    proof = parse_proof(data.decode("utf-8"))
    check_note(proof.checkpoint.encode())
    checkpoint = parse_checkpoint(proof.checkpoint)
    root = inclusion_root(leaf_hash(PROVEN_ENTRY), proof.index, checkpoint.size, proof.path)
    if root != checkpoint.root:
        raise Refused("leads elsewhere")


def check_vkey(data: bytes) -> None:
    """Check the log's own note with the key of a file."""
    note = (LOG_FILES / "note" / "good.txt").read_text(encoding="utf-8")
    if not parse_vkey(data.decode("utf-8")).signed(parse_checkpoint(note)):
        raise Refused("not signed")


CHECKS = {"note": check_note, "proof": check_proof, "vkey": check_vkey}


@pytest.mark.parametrize("kind", CHECKS)
def test_the_files_that_the_ledger_accepts_are_accepted_here(kind):
    """Two implementations, one good file of each kind."""
    (good,) = (LOG_FILES / kind).glob("good.*")

    CHECKS[kind](good.read_bytes())


@pytest.mark.parametrize("path", [one for kind in CHECKS for one in log_files(kind)])
def test_the_files_that_the_ledger_refuses_are_refused_here(path):
    """Two implementations, one opinion of every mutation."""
    with pytest.raises((ClientError, UnicodeDecodeError)):
        CHECKS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("path", log_files("checkpoint"))
def test_bodies_of_checkpoints_that_the_ledger_refuses_are_refused_here(path):
    """A body is read as part of a note; a signature under it does not mend it."""
    good = (LOG_FILES / "checkpoint" / "good.txt").read_bytes()
    signature = b"\n\xe2\x80\x94 ledger.example/log EWOd1MTr\n"
    assert parse_checkpoint((good + signature).decode("utf-8")).size

    with pytest.raises((ClientError, UnicodeDecodeError)):
        parse_checkpoint((path.read_bytes() + signature).decode("utf-8"))
