"""What the ledger makes today: JavaScript accepts it, and the frozen examples are still of its kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.javascript import answers
from tests.conformance.ledger_side import VECTORS
from tests.vectors.formats.ledger_examples import ledger_examples
from tests.vectors.formats.make import EXAMPLES, all_cases


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The examples of a ledger that was founded a moment ago, with keys of its own."""
    return ledger_examples(tmp_path_factory.mktemp("fresh") / "ledger")


def _award(fresh: dict[str, bytes], **changed: Any) -> dict[str, Any]:
    given = {
        "receipt": fresh["award.tlog-proof"].decode(),
        "facts": json.loads(fresh["award-facts.json"]),
        "trust": json.loads(fresh["trust.json"]),
    }
    return {"kind": "award-receipt", "given": {**given, **changed}}


def _issued(fresh: dict[str, bytes]) -> dict[str, Any]:
    given = {
        "receipt": fresh["issued.tlog-proof"].decode(),
        "document": fresh["credential.json"].decode(),
        "trust": json.loads(fresh["trust.json"]),
    }
    return {"kind": "issued-receipt", "given": {**given, **json.loads(fresh["issued-facts.json"])}}


def test_what_the_ledger_hands_out_is_accepted(fresh: dict[str, bytes]) -> None:
    """Both receipts hold with the ledger's own trust file, the cosigned checkpoint by its policy."""
    policy = {"policy": fresh["policy.txt"].decode(), "note": fresh["checkpoint-witnessed.txt"].decode()}

    award, issued, witnessed = answers([_award(fresh), _issued(fresh), {"kind": "policy", "given": policy}])

    assert award["gives"]["position"] + 1 == issued["gives"]["position"] - 1
    assert sorted(witnessed["gives"]["witnesses"]) == ["one", "two"]


def test_the_receipt_in_the_credential_is_the_award_s(fresh: dict[str, bytes]) -> None:
    """What travels as evidence proves the same award."""
    evidence = json.loads(fresh["credential.json"])["evidence"]
    (inside,) = (one["narrative"] for one in evidence if one["genre"] == "TransparencyReceipt")

    beside, within = answers([_award(fresh), _award(fresh, receipt=inside)])

    assert beside == within


def test_another_ledger_s_trust_file_does_not_do(fresh: dict[str, bytes]) -> None:
    """With the trust file of the frozen ledger, which has the same name, nothing of the fresh one holds."""
    frozen = json.loads((EXAMPLES / "trust.json").read_bytes())

    (answer,) = answers([_award(fresh, trust=frozen)])

    assert answer == {"code": "unsigned"}


def test_the_frozen_examples_are_those_that_would_be_made(fresh: dict[str, bytes]) -> None:
    """No example came or went since: the maker still makes every file that the documents quote."""
    assert sorted(fresh) == sorted(path.name for path in EXAMPLES.iterdir())


def test_the_frozen_vectors_are_those_that_would_be_made() -> None:
    """Every case has its file and every file its case, and neither expects what the other does not."""
    files = {
        path.relative_to(VECTORS).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in Path(VECTORS).rglob("*.json")
        if path.parent != EXAMPLES
    }

    made = {name: json.loads(case.as_text()) for name, case in all_cases().items()}

    assert made.keys() == files.keys()
    for name, vector in made.items():
        same = ("says", "kind", "expected")
        assert [vector[member] for member in same] == [files[name][member] for member in same], name
        assert vector["given"].keys() == files[name]["given"].keys(), name
