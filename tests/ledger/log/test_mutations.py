"""One mutation per file: each differs from `good` in what its name says, and is refused.

To look at one: `git diff --no-index good.txt index-negative.txt`.
"""

from pathlib import Path

import pytest

from ledger.errors import BadSignature, Malformed, ProofShapeError, Refusal, Unauthorised
from tests.ledger.log.checks import CHECKS, MUTATIONS

FILES = sorted(path for path in MUTATIONS.glob("*/*") if path.stem != "good")
IDS = [path.relative_to(MUTATIONS).as_posix() for path in FILES]

# What a mutation is refused for where reading it is not enough; the others are Malformed.
UNSIGNED = {
    "note/key-id-changed",
    "note/name-changed",
    "note/signed-by-another-key",
    "proof/checkpoint-by-another-key",
    "vkey/another-key",
}
BADLY_SIGNED = {
    "note/blank-line-added-to-text",
    "note/line-added-to-text",
    "note/second-signature-by-the-key-does-not-hold",
    "note/signature-bit-changed",
    "note/signature-cut",
    "note/signature-too-long",
    "note/text-changed",
    "proof/checkpoint-text-changed",
}
LEADING_NOWHERE = {
    "proof/checkpoint-of-a-smaller-tree",
    "proof/checkpoint-of-another-tree",
    "proof/index-beyond-the-tree",
    "proof/index-of-its-neighbour",
    "proof/no-path",
    "proof/node-added",
    "proof/node-changed",
    "proof/node-doubled",
    "proof/node-removed",
    "proof/nodes-swapped",
}


def _refusal(path: Path) -> type[Refusal]:
    name = f"{path.parent.name}/{path.stem}"
    if name in UNSIGNED:
        return Unauthorised
    if name in BADLY_SIGNED:
        return BadSignature
    if name in LEADING_NOWHERE or path.parent.name == "consistency":
        return ProofShapeError
    return Malformed


@pytest.mark.parametrize("kind", CHECKS)
def test_the_unchanged_file_is_accepted(kind):
    """What every mutation of a kind starts from holds."""
    (good,) = (MUTATIONS / kind).glob("good.*")

    CHECKS[kind](good.read_bytes())


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_mutation_is_refused(path):
    """A file with one mutation is refused, and for the reason that its name gives."""
    error = _refusal(path)

    with pytest.raises(error) as refused:
        CHECKS[path.parent.name](path.read_bytes())
    assert type(refused.value) is error


def test_every_reason_has_its_mutation():
    """The lists of reasons name files that are there."""
    names = {f"{path.parent.name}/{path.stem}" for path in FILES}

    assert names >= UNSIGNED | BADLY_SIGNED | LEADING_NOWHERE
