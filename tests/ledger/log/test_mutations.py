"""One mutation per file: each differs from `good` in what its name says, and is refused.

To look at one: `git diff --no-index good.txt index-negative.txt`.
"""

import json

import pytest

from ledger.errors import BadSignature, Malformed, ProofShapeError, Refusal, Unauthorised
from tests.ledger.log.checks import CHECKS, MUTATIONS

FILES = sorted(path for path in MUTATIONS.glob("*/*") if path.stem != "good")
IDS = [path.relative_to(MUTATIONS).as_posix() for path in FILES]

# By code, what is refused with it.
CODES: dict[str, list[str]] = json.loads((MUTATIONS / "codes.json").read_text())
CODE_OF = {name: code for code, names in CODES.items() for name in names}
KINDS = {"signature": BadSignature, "unsigned": Unauthorised}


def _kind(code: str) -> type[Refusal]:
    """Return the kind of refusal that a code belongs to: most are Malformed."""
    leading_nowhere = code.startswith(("inclusion", "consistency")) or code == "hash-size"
    return KINDS.get(code, ProofShapeError if leading_nowhere else Malformed)


@pytest.mark.parametrize("kind", CHECKS)
def test_the_unchanged_file_is_accepted(kind):
    """What every mutation of a kind starts from holds."""
    (good,) = (MUTATIONS / kind).glob("good.*")

    CHECKS[kind](good.read_bytes())


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_mutation_is_refused_with_its_own_code(path):
    """A file with one mutation is refused, and with the code that stands for what its name says."""
    code = CODE_OF[f"{path.parent.name}/{path.stem}"]

    with pytest.raises(_kind(code)) as refused:
        CHECKS[path.parent.name](path.read_bytes())
    assert (type(refused.value), refused.value.code) == (_kind(code), code)


def test_every_mutation_has_its_code_and_every_code_its_mutation():
    """The list of codes names the files that are there, each once."""
    assert sorted(CODE_OF) == sorted(f"{path.parent.name}/{path.stem}" for path in FILES)
    assert len(CODE_OF) == sum(map(len, CODES.values()))
