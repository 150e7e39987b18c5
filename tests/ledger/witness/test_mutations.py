"""One mutation per file: each differs from `good.txt` in what its name says, and its folder is the answer.

The witness watches the log of these files (twelve entries, `entry-0` … `entry-11`, signed by a key
whose seed is 32 bytes of 1) and has cosigned its size 5; `good.txt` asks for size 9.
To look at one: `git diff --no-index good.txt 422/node-changed.txt`.
"""

import json
from pathlib import Path

import pytest

from ledger.errors import Malformed
from ledger.log.add_checkpoint import PROOF_LINES_MAX, parse_add_checkpoint
from ledger.witness.service import SIZE_TYPE
from tests.ledger.witness.logs import ALog, a_witness, cosigned, seen_size

MUTATIONS = Path(__file__).parent / "mutations"
FILES = sorted(MUTATIONS.glob("*/*.txt"))
IDS = [path.relative_to(MUTATIONS).as_posix() for path in FILES]
LOG = ALog(mldsa=False)
# By code, which of `400/` are refused with it when they are read.
CODES: dict[str, list[str]] = json.loads((MUTATIONS / "codes.json").read_text())
CODE_OF = {name: code for code, names in CODES.items() for name in names}


@pytest.fixture
def witness(tmp_path):
    """A witness that has cosigned size 5."""
    made = a_witness(tmp_path, LOG)
    assert made.add_checkpoint(LOG.request(0, 5)).status == 200
    yield made
    made.close()


def test_the_unchanged_file_is_cosigned(witness):
    """What every mutation starts from holds."""
    answer = witness.add_checkpoint((MUTATIONS / "good.txt").read_bytes())

    cosigned(answer, LOG.note(9), witness)
    assert seen_size(witness) == 9


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_mutation_is_answered_as_its_folder_says(witness, path):
    """And the witness stays up and remembers what it remembered, unless it cosigned."""
    answer = witness.add_checkpoint(path.read_bytes())

    assert str(answer.status) == path.parent.name
    assert seen_size(witness) == (9 if answer.status == 200 else 5)
    if answer.content_type == SIZE_TYPE:
        assert (answer.status, answer.body) == (409, b"5\n")
    after = witness.add_checkpoint((MUTATIONS / "good.txt").read_bytes())
    assert after.status == (409 if answer.status == 200 else 200)


@pytest.mark.parametrize("name", CODE_OF)
def test_what_cannot_be_read_is_refused_with_its_own_code(name):
    """With the code that stands for what its name says."""
    with pytest.raises(Malformed) as refused:
        parse_add_checkpoint((MUTATIONS / "400" / f"{name}.txt").read_bytes())

    assert refused.value.code == CODE_OF[name]


def test_every_bad_request_has_its_code():
    """Each once, but for one that can be read: its sizes are in the wrong order."""
    names = {path.stem for path in FILES if path.parent.name == "400"}

    assert CODE_OF.keys() == names - {"old-size-above-the-checkpoint"}
    assert len(CODE_OF) == sum(map(len, CODES.values()))


def test_there_is_a_file_for_every_status():
    """And the two on both sides of the bound on proofs are what they say."""
    assert {path.parent.name for path in FILES} == {"200", "400", "403", "404", "409", "422"}
    bounds = [path.read_bytes() for path in FILES if path.stem.startswith("proof-of-6")]
    lengths = [body.partition(b"\n\n")[0].count(b"\n") for body in bounds]
    assert sorted(lengths) == [PROOF_LINES_MAX, PROOF_LINES_MAX + 1]
