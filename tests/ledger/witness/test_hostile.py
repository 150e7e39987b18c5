"""Whatever is sent: no exception, and no cosignature but for the request in effect."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.add_checkpoint import parse_add_checkpoint
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import parse_note
from tests.ledger.witness.logs import ALog, a_witness, seen_size

LOG = ALog(mldsa=False)
GOOD = LOG.request(5, 9)
STATUSES = {200, 400, 403, 404, 409, 413, 422}


@pytest.fixture(scope="module")
def witness():
    """A witness that has cosigned size 5, for all examples: what it cosigns is put back."""
    with tempfile.TemporaryDirectory() as folder:
        made = a_witness(Path(folder), LOG)
        made.add_checkpoint(LOG.request(0, 5))
        yield made
        made.close()


def forget(witness):
    """Put the witness back to size 5."""
    with witness._store.turn() as connection:
        connection.execute("DELETE FROM latest")
        connection.execute("DELETE FROM head")
        connection.execute("DELETE FROM evidence")
    assert witness.add_checkpoint(LOG.request(0, 5)).status == 200


def check(witness, body):
    """Ask, and see that only the request in effect is cosigned."""
    answer = witness.add_checkpoint(body)

    assert answer.status in STATUSES
    if answer.status != 200:
        assert seen_size(witness) == 5
        return
    asked, good = parse_add_checkpoint(body), parse_add_checkpoint(GOOD)
    assert (asked.old_size, asked.proof, asked.checkpoint) == (good.old_size, good.proof, good.checkpoint)
    lines = parse_note(asked.note.text.encode() + b"\n" + answer.body)
    assert parse_checkpoint(lines.text.encode()) == good.checkpoint
    forget(witness)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_gets_no_cosignature(witness, place, byte):
    """Any byte of a good request, to any other value."""
    check(witness, GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=40))
def test_a_changed_part_gets_no_cosignature(witness, first, after, put):
    """A part taken out, put in, or replaced."""
    first, after = sorted((first, after))
    check(witness, GOOD[:first] + put + GOOD[after:])


@given(st.lists(st.sampled_from([*GOOD.splitlines(keepends=True), b"\n"]), max_size=16))
def test_shuffled_lines_get_no_cosignature(witness, lines):
    """Lines of a good request in any order, doubled or left out."""
    check(witness, b"".join(lines))


@given(st.binary(max_size=2000))
def test_garbage_is_a_bad_request(witness, body):
    """Bytes that nobody made."""
    assert witness.add_checkpoint(body).status == 400
