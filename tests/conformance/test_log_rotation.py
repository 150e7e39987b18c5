"""Receipts on both sides of a rotation of the log's own keys, judged by Python and JavaScript alike.

One trust file checks them all: each key of the log counts for the sizes that the file says.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.client.verify.receipt import check, read_receipt
from api.client.verify.trust import Trust
from api.operations.log_rotation import rotate_log
from ledger.mapper import LedgerMapper, unseal, with_sealed_fields
from ledger.receipts import Proven, award_receipt, prove
from tests.conformance import client_side
from tests.conformance.javascript import answers
from tests.projections.office import Office, an_office
from tests.support.rotation import checkpoint_in, signed_by, with_operator
from tests.support.world import ANA, BEN, Human


class Rotated:
    """A ledger with an award before and one after a rotation, and its trust file of today."""

    def __init__(self, folder: Path) -> None:
        self.office = an_office(folder, (ANA,), turned=False)
        with_operator(self.office.house)
        self.office.turn()
        self.before = self.proven(ANA)
        self.old_trust = self.office.issuer.trust_file()[0]
        self.rotated = rotate_log(self.office.house.ledger)
        house = self.office.house
        house.register(BEN)
        house.enrol(BEN)
        house.passed(BEN)
        house.award(BEN)
        self.office.turn()
        self.after = self.proven(BEN)
        self.trust = self.office.issuer.trust_file()[0]

    def proven(self, human: Human) -> Proven:
        """Return somebody's award with its path in the newest checkpoint."""
        position = self.office.held(human).awards[0].position
        ledger = self.office.house.ledger
        return prove(ledger.store, self.office.publisher.tree, position, self.office.publisher.policy)

    def judged(self, proven: Proven, trust: bytes) -> tuple[str, str]:
        """Return what Python and JavaScript answer to the award's receipt."""
        ledger, mapper = self.office.house.ledger, LedgerMapper.for_reading()
        event = mapper.to_domain_event(proven.record.event)
        key = ledger.vault.keys([event.subject])[event.subject]
        receipt = award_receipt(proven, key, mapper)
        facts: dict[str, Any] = dict(with_sealed_fields(event, unseal(proven.record.event, key)).shown())
        case = {
            "kind": "award-receipt",
            "given": {"receipt": receipt, "facts": facts, "trust": json.loads(trust)},
        }
        (answer,) = answers([case])
        python = check(
            read_receipt(receipt), client_side._award(facts), None, Trust.parse(trust), client_side.NOW_US
        )
        return client_side._code(python), answer.get("code", client_side.ACCEPTED)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    """That ledger."""
    made = Rotated(tmp_path_factory.mktemp("rotated") / "ledger")
    yield made
    made.office.close()


def test_old_and_new_receipts_hold_with_the_new_trust_file(made: Rotated) -> None:
    """The receipt of before the rotation with its own checkpoint, the one of after with the new keys'."""
    assert made.before.size < made.rotated.first_size <= made.after.size

    assert made.judged(made.before, made.trust) == ("accepted", "accepted")
    assert made.judged(made.after, made.trust) == ("accepted", "accepted")


def test_a_new_receipt_does_not_hold_with_the_old_trust_file(made: Rotated) -> None:
    """Whoever has only the file of before knows no key that has signed; the old receipt still holds."""
    assert made.judged(made.before, made.old_trust) == ("accepted", "accepted")
    assert made.judged(made.after, made.old_trust) == ("receipt-signature", "unsigned")


def test_the_old_keys_sign_nothing_after_the_rotation(made: Rotated) -> None:
    """A checkpoint over the true tree, of a size after it, signed by the old keys alone or by one of each."""
    old, new = made.rotated.retired, made.rotated.registered
    checkpoint = checkpoint_in(made.after.note)
    for kids in (old, (old[0], new[1]), (new[0], old[1])):
        note = signed_by(made.office.house, kids, checkpoint)

        answer = made.judged(replace(made.after, note=note), made.trust)

        assert answer == ("receipt-signature", "unsigned"), kids


def test_the_new_keys_sign_nothing_before_the_rotation(made: Rotated) -> None:
    """Whoever holds the new keys cannot sign an older tree with them."""
    note = signed_by(made.office.house, made.rotated.registered, checkpoint_in(made.before.note))

    answer = made.judged(replace(made.before, note=note), made.trust)

    assert answer == ("receipt-signature", "unsigned")


def test_documents_of_both_sides_verify(made: Rotated) -> None:
    """Bundles that leave now are verified by the kit, whoever's award they carry."""
    office: Office = made.office

    assert [office.verdict(office.bundle(human)).headline for human in (ANA, BEN)] == ["Verified"] * 2


def test_the_trust_file_says_from_where_to_where(made: Rotated) -> None:
    """Four keys: two up to the rotation, two from it on; the policy in it names all of them."""
    trust = json.loads(made.trust)

    spans = {one["vkey"]: (one["from"], one["to"]) for one in trust["log_keys"]}

    size = made.rotated.first_size
    assert sorted(spans.values(), key=str) == sorted(
        [(1, size - 1), (1, size), (size - 3, None), (size - 2, None)], key=str
    )
    assert all(f"log {vkey}\n" in trust["witness_policy"] for vkey in spans)
    assert all(f"log {vkey}\n" in made.office.issuer.log_policy() for vkey in made.rotated.vkeys)
    assert made.office.issuer.log_policy().count("log ") == len(made.rotated.vkeys)
