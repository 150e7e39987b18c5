"""The log's own signatures: with both keys, under its own name, and each of them needed."""

import pytest

from ledger.errors import Unauthorised
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import MemorySigner
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import MLDSA44_TYPE, verify_signed
from ledger.log.note import ED25519_TYPE, Note, parse_note, parse_vkey
from ledger.log.signing import LogSigner

ORIGIN = "ledger.example/log"
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))


def test_a_log_signs_with_both_keys_under_its_name():
    """One signature without a time for every reader there is, one with it for the decades."""
    signer = LogSigner(ORIGIN, MemorySigner.generate(), MldsaSigner.generate())
    keys = list(map(parse_vkey, signer.vkeys))

    note = parse_note(signer.sign(CHECKPOINT, 1_000).encode())

    assert [(key.name, key.type) for key in keys] == [(ORIGIN, ED25519_TYPE), (ORIGIN, MLDSA44_TYPE)]
    assert [verify_signed(note, key) for key in keys] == [None, 1_000]
    assert [(one.name, one.key_id) for one in note.signatures] == [(key.name, key.key_id) for key in keys]


def test_neither_signature_stands_for_the_other():
    """With one of them taken away, its key has not signed."""
    signer = LogSigner(ORIGIN, MemorySigner.generate(), MldsaSigner.generate())
    note = parse_note(signer.sign(CHECKPOINT, 1_000).encode())

    for kept, missing in ((0, 1), (1, 0)):
        with pytest.raises(Unauthorised):
            verify_signed(Note(note.text, (note.signatures[kept],)), parse_vkey(signer.vkeys[missing]))


def test_a_log_without_the_second_key_signs_with_the_first():
    """One founded before ML-DSA-44 says so by its keys."""
    signer = LogSigner(ORIGIN, MemorySigner.generate())

    note = parse_note(signer.sign(CHECKPOINT, 1_000).encode())

    assert len(signer.vkeys) == len(note.signatures) == 1


def test_a_log_signs_no_other_log():
    """To sign under another name would be our own mistake."""
    with pytest.raises(AssertionError):
        LogSigner(ORIGIN, MemorySigner.generate()).sign(Checkpoint("other.example/log", 7, bytes(32)), 1)
