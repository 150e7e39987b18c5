"""Signed notes: what other implementations signed is read here, and what is signed here is plain."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, Unauthorised
from ledger.keys.signer import MemorySigner
from ledger.log.cosignature import verify_signed
from ledger.log.note import (
    ED25519_TYPE,
    Note,
    Signature,
    VerifierKey,
    format_note,
    parse_note,
    parse_vkey,
    vkey_of_signer,
)
from tests.ledger.log.checks import open_checkpoint, signed_note
from tests.support.vectors import published

NAME = "ledger.example/log"
SIGNER = MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEY = vkey_of_signer(NAME, SIGNER)

# C2SP signed-note: no control characters but newlines in a text, no spaces and no plus in a name.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\n")).map(
    lambda text: "first line\n" + "".join(sign for sign in text if sign >= " " or sign == "\n") + "\n"
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1)
SIGNATURES = st.builds(
    Signature, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=200)
)


# ------------------------------------------------------------------ published vectors


def _signed(alg: str) -> list[dict[str, str]]:
    cases = json.loads(published("tlog/generated/go-interop.json").read_text())["Signed"]
    return [case for case in cases if case["Alg"] == alg]


def test_notes_of_another_implementation_hold():
    """Ed25519 notes that Go signed are read, verified, and written back byte for byte."""
    cases = _signed("ed25519")

    for case in cases:
        data = case["Note"].encode()
        verify_signed(parse_note(data), parse_vkey(case["Vkey"]))
        assert format_note(parse_note(data)) == data
        assert str(parse_vkey(case["Vkey"])) == case["Vkey"]
    assert len(cases) == 3


@pytest.mark.parametrize("alg", ["cosig-ed25519", "cosig-mldsa44"])
def test_signatures_of_other_types_are_read_and_left_alone(alg):
    """A cosignature parses like any signature, and is never taken for a log's signature over the text."""
    for case in _signed(alg):
        note, key = parse_note(case["Note"].encode()), parse_vkey(case["Vkey"])
        assert format_note(note) == case["Note"].encode()
        assert [(one.name, one.key_id) for one in note.signatures] == [(key.name, key.key_id)]
        assert key.type != ED25519_TYPE
        with pytest.raises(Unauthorised, match="has not signed"):
            verify_signed(note, VerifierKey(key.name, ED25519_TYPE, key.key))


def test_a_checkpoint_with_four_signatures_is_opened():
    """One log key of a checkpoint signed twice by the log and by two witnesses is enough to open it."""
    data = published("tlog/generated/checkpoint-4sigs.txt").read_bytes()
    policy = published("tlog/generated/policy.txt").read_text().splitlines()
    vkey = next(line.split(" ")[1] for line in policy if line.startswith("log "))

    checkpoint = open_checkpoint(data, vkey)

    assert (checkpoint.origin, checkpoint.size) == ("log.example.nz/2026", 70_500)
    assert len(parse_note(data).signatures) == 4
    assert format_note(parse_note(data)) == data


def test_the_keys_of_a_policy_are_read():
    """Every verifier key of a published policy parses, whatever its type: 0x01, 0x04 and 0x06."""
    policy = published("tlog/generated/policy.txt").read_text().split()
    vkeys = [word for word in policy if word.count("+") >= 2]

    assert [str(parse_vkey(vkey)) for vkey in vkeys] == vkeys
    assert {parse_vkey(vkey).type for vkey in vkeys} == {0x01, 0x04, 0x06}


# C2SP signed-note, the example at its top. Its key is not published, so it is only read.
EXAMPLE = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0x"
    "McXxj99ihAQwaqP3ZekRwNtIc=\n"
)


def test_the_example_of_the_standard_is_read():
    """A text may have blank lines of its own: the signatures stand under the last one."""
    note = parse_note(EXAMPLE.encode())

    assert note.text.endswith("\n\ned è subito sera.\n")
    assert [(one.name, len(one.blob)) for one in note.signatures] == [("quasimodo.example/salvatore", 64)]
    assert format_note(note) == EXAMPLE.encode()


# ------------------------------------------------------------------ ours


@given(TEXTS, st.lists(SIGNATURES, min_size=1, max_size=16))
def test_notes_round_trip(text, signatures):
    """Any text with up to sixteen signatures comes back as it was."""
    note = Note(text, tuple(signatures))

    assert parse_note(format_note(note)) == note


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_malformed(data):
    """Nothing from outside leaks another exception; what is read is written back byte for byte."""
    try:
        note = parse_note(data)
    except Malformed:
        return
    assert format_note(note) == data


@given(NAMES, st.integers(0, 255), st.binary(min_size=1, max_size=100))
def test_verifier_keys_round_trip(name, key_type, key):
    """A verifier key of any type is read back from its text."""
    assert parse_vkey(str(VerifierKey(name, key_type, key))) == VerifierKey(name, key_type, key)


@given(TEXTS)
def test_what_is_signed_here_verifies(text):
    """A note signed here holds under its own key, and under no other name or key."""
    note = parse_note(signed_note(text, NAME, SIGNER).encode())

    verify_signed(note, KEY)
    assert note.text == text
    for key in (
        vkey_of_signer("ledger.example/other", SIGNER),
        vkey_of_signer(NAME, MemorySigner.generate()),
    ):
        with pytest.raises(Unauthorised, match="has not signed"):
            verify_signed(note, key)


def test_signatures_by_others_do_not_matter():
    """Unknown signatures stand beside the log's own, before or after it, even under its name or key id."""
    note = parse_note(signed_note("text\n", NAME, SIGNER).encode())
    (own,) = note.signatures
    others = (
        Signature(NAME, b"wxyz", bytes(64)),
        Signature("witness.example/w1", own.key_id, bytes(76)),
        Signature("witness.example/w2", b"abcd", bytes(2500)),
    )

    verify_signed(Note(note.text, (*others, own)), KEY)
    verify_signed(Note(note.text, (own, *others)), KEY)
    with pytest.raises(Unauthorised, match="has not signed"):
        verify_signed(Note(note.text, others), KEY)


def test_sixteen_signatures_of_the_largest_kind_are_accepted():
    """The standard asks verifiers to take at least sixteen signatures, of nearly 5 kB each."""
    many = tuple(Signature(f"w{number}.example", b"wxyz", bytes(5000)) for number in range(16))

    assert len(parse_note(format_note(Note("text\n", many))).signatures) == 16


def test_a_note_that_is_too_long_is_refused():
    """A note of megabytes is refused before it is looked at."""
    with pytest.raises(Malformed, match="long"):
        parse_note(b"x" * 1_000_001)


def test_a_note_needs_an_ed25519_key():
    """A P-256 key cannot sign a note of type 0x01: our own mistake."""
    with pytest.raises(AssertionError, match="Ed25519"):
        signed_note("text\n", NAME, MemorySigner.generate("ES256"))


@pytest.mark.parametrize(
    ("text", "name"), [("no newline", NAME), ("text\n", "a b"), ("text\n", "a+b"), ("text\n", "")]
)
def test_what_could_not_be_read_again_is_not_signed(text, name):
    """A text without its last newline, or a name with a space or a plus: our own mistake."""
    with pytest.raises(AssertionError):
        signed_note(text, name, SIGNER)
