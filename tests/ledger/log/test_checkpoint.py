"""Checkpoint bodies: three lines, each in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed
from ledger.log.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from ledger.log.merkle import EMPTY_ROOT

ORIGINS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)
ROOTS = st.binary(min_size=32, max_size=32)

# C2SP tlog-checkpoint, the example at its top.
EXAMPLE = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_example_of_the_standard_is_read():
    """Origin, size and root of the standard's example, and the same bytes again."""
    checkpoint = parse_checkpoint(EXAMPLE)

    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.root.hex().startswith("0ac5186a")
    assert format_checkpoint(checkpoint) == EXAMPLE


@given(ORIGINS, st.integers(0, 10**19 - 1), ROOTS)
def test_checkpoints_round_trip(origin, size, root):
    """Any origin, size and root come back as they were."""
    checkpoint = Checkpoint(origin, size, root)

    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


@given(
    st.binary(max_size=100)
    | st.sampled_from(range(len(EXAMPLE))).map(lambda at: EXAMPLE[:at] + EXAMPLE[at + 1 :])
)
def test_any_bytes_are_a_checkpoint_or_malformed(data):
    """Nothing from outside leaks another exception; what is read is written back byte for byte."""
    try:
        checkpoint = parse_checkpoint(data)
    except Malformed:
        return
    assert format_checkpoint(checkpoint) == data


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 0, EMPTY_ROOT),
        ("two\nlines", 0, EMPTY_ROOT),
        ("carriage\r", 0, EMPTY_ROOT),
        ("log", -1, EMPTY_ROOT),
        ("log", 1, EMPTY_ROOT[:31]),
    ],
)
def test_what_could_not_be_read_again_is_not_written(origin, size, root):
    """An origin of two lines or none, a negative size, a short root: our own mistakes."""
    with pytest.raises(AssertionError):
        format_checkpoint(Checkpoint(origin, size, root))
