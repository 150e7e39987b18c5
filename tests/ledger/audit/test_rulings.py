"""Decisions made again: one that should not have been is found, whoever made the ledger believe it.

Below a ledger lies to itself while it decides: a rule answers nothing, a look-up leads elsewhere.
What it then records is whole and signed by those who had the right to; only deciding again tells.

Source: LEDGER.md 7 (rulings re-run).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger import mapper
from ledger.application import Consequence
from ledger.audit import How, audit
from ledger.commands import accreditations, assessments, enrolments, learners
from ledger.database import Database
from ledger.deciding import batch
from ledger.deciding.private import PrivateDeciding
from ledger.domain.base import Said
from ledger.domain.credential import CredentialIssued
from ledger.domain.enrolment import Enrolment
from ledger.domain.register import Register
from ledger.policy import law, rules
from ledger.privacy.vault import Vault
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.audit.houses import a_ledger_of_everything
from tests.support.ledgers import PROVIDER_KEY, House, a_full_ledger, a_study_ledger, statement
from tests.support.world import ANA, BEN, Human, a_result, an_award, an_enrolment

Lie = Callable[[pytest.MonkeyPatch, House], None]
Words = Callable[[House], Any]


def _nothing(*_: Any, **__: Any) -> tuple[()]:
    """What a rule says that has nothing against it."""
    return ()


def _silent(place: Any, *names: str) -> Lie:
    def lie(patch: pytest.MonkeyPatch, _house: House) -> None:
        for name in names:
            patch.setattr(place, name, _nothing)

    return lie


def _result(**changes: Any) -> Words:
    return lambda house: house.must(
        PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA, **changes))]
    )


def _award(**changes: Any) -> Words:
    said = [statement("microcredential.awarded", **an_award(ANA, **changes))]
    return lambda house: house.must(PROVIDER_KEY, said)


def _other_level(patch: pytest.MonkeyPatch, house: House) -> None:
    patch.setattr(house.ledger.register().microcredentials["6022", 1], "level", 7)


def _other_name(patch: pytest.MonkeyPatch, _house: House) -> None:
    patch.setattr(PrivateDeciding, "_name", lambda *_: "Somebody Else")


def _other_law(patch: pytest.MonkeyPatch, _house: House) -> None:
    patch.setattr(batch.law, "rules_on", lambda _day: law.rule_sets()[-4])


def _other_day(patch: pytest.MonkeyPatch, _house: House) -> None:
    patch.setattr(batch, "civil_date", lambda _now_us: date(2026, 11, 20))


def _counted_wrong(patch: pytest.MonkeyPatch, _house: House) -> None:
    patch.setattr(Enrolment, "attempts_made", lambda *_: 4)


def _other_enrolment(patch: pytest.MonkeyPatch, house: House) -> None:
    """The reference leads to Ana's other enrolment in the same micro-credential."""
    who = {**an_enrolment(ANA)["who"], "enrolment_ref": "other"}
    house.must(PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(ANA, who=who))])
    elsewhere = house.ledger.vault.enrolments(house.speakers[PROVIDER_KEY], ["other"])["other"]
    patch.setattr(Vault, "enrolments", lambda _self, _provider, refs: dict.fromkeys(refs, elsewhere))


def _revoked_by_anybody(house: House) -> Any:
    (outcome,) = house.award(ANA)
    house.organisation(95002, "provider")
    house.key("95002.submission", 95002)
    said = {"award": outcome.award, "reason": "issued_in_error", "effective_on": "2026-11-22"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Register, "is_regulator", lambda *_: True)
        return house.must("95002.submission", [statement("award.revoked", **said)])


def _truthful(_patch: pytest.MonkeyPatch, _house: House) -> None:
    """Nothing but the truth; the words themselves bring the lie."""


TOMORROW = date(2026, 11, 23)
PRIVATE_LIES: dict[str, tuple[Lie, Words, str]] = {
    "an award before every outcome is achieved": (_silent(rules, "r10_every_outcome"), _award(), "E601"),
    "a result of tomorrow": (
        _silent(assessments, "not_in_future"),
        _result(assessed_on=TOMORROW, attempt=2),
        "E502",
    ),
    "a result about somebody else": (
        _silent(assessments, "right_person"),
        _result(who={**a_result(ANA)["who"], "name_id": "XXXXX"}, attempt=2),
        "E103",
    ),
    "a grade that is none": (_silent(assessments, "_result"), _result(grade="Z", attempt=2), "E401"),
    "an attempt counted wrong": (_counted_wrong, _result(attempt=5), "E402"),
    "a result on another enrolment": (
        _other_enrolment,
        _result(who={**a_result(ANA)["who"], "row_ref": "new"}),
        "stands on another enrolment",
    ),
    "an award under another name": (_other_name, _award(), "make something else of it: name"),
    "an award of another level": (_other_level, _award(), "make something else of it: level"),
    "under the rules of another day": (_other_law, _result(attempt=2), "something else of it: ruleset_id"),
    "decided on another day": (_other_day, _result(attempt=2), "on another day"),
    "revoked by who may not": (_truthful, _revoked_by_anybody, "E811"),
    "an enrolment that was not open": (
        _silent(enrolments, "_open", "_authority"),
        lambda house: house.must(
            PROVIDER_KEY, [statement("learner.enrolled", **an_enrolment(BEN, start_on=date(2022, 1, 10)))]
        ),
        "E3",
    ),
    "a child of three": (
        _silent(learners, "_age"),
        lambda house: house.register(Human("9000000090", "Kid", "Brook", date(2023, 5, 1))),
        "E106",
    ),
}


@pytest.mark.parametrize(("lie", "words", "why"), PRIVATE_LIES.values(), ids=PRIVATE_LIES)
def test_a_decision_about_people_that_should_not_have_been(
    tmp_path: Path, lie: Lie, words: Words, why: str
) -> None:
    """It is found with keys, at its record, with the rule that refuses it; without keys nobody can know."""
    house = a_study_ledger(tmp_path)
    house.register(ANA, BEN)
    house.enrol(ANA)
    if why == "E601":
        _result()(house)
    else:
        house.passed(ANA)
    with pytest.MonkeyPatch.context() as patch:
        lie(patch, house)
        words(house)
    house.publish()

    faults = house.audit().faults

    assert [(fault.code, fault.where) for fault in faults] == [("ruling", f"record {house.size()}")]
    assert why in faults[0].what
    assert house.audit(with_keys=False).ok


PUBLIC_LIES: dict[str, tuple[Lie, Words]] = {
    "a listing of too many credits": (
        _silent(rules, "r01_credits"),
        lambda house: house.listing("7001", credits=99),
    ),
    "an accreditation that a provider gives itself": (
        _silent(accreditations, "only_regulator"),
        lambda house: house.must(
            PROVIDER_KEY,
            [
                statement(
                    "accreditation.granted",
                    provider=95001,
                    code="7000",
                    versions=[1],
                    valid_from="2023-03-01",
                )
            ],
        ),
    ),
    "a listing that says something else than was said": (
        lambda patch, _house: patch.setattr(rules, "review_due", lambda *_: date(2030, 1, 1)),
        lambda house: house.listing("7001"),
    ),
}


@pytest.mark.parametrize(("lie", "words"), PUBLIC_LIES.values(), ids=PUBLIC_LIES)
def test_a_decision_about_the_register_that_should_not_have_been(
    tmp_path: Path, lie: Lie, words: Words
) -> None:
    """It is found without any key: everybody has what it rested on."""
    house = a_study_ledger(tmp_path)
    house.listing("7000")
    with pytest.MonkeyPatch.context() as patch:
        lie(patch, house)
        words(house)
    house.publish()

    faults = house.audit(with_keys=False).faults

    assert [(fault.code, fault.where) for fault in faults] == [("ruling", f"record {house.size()}")]


# ------------------------------------------------------------------ on which register


@contextmanager
def _decided_too_early(back: int) -> Iterator[None]:
    """Let a ledger decide on a register that has changed, and not notice."""
    honest = batch.Circumstances.__post_init__

    def earlier(self: batch.Circumstances) -> None:
        honest(self)
        self.as_of -= back

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch.Circumstances, "__post_init__", earlier)
        patch.setattr(LedgerRecorder, "_check_reads", lambda *_: None)
        yield


@pytest.mark.parametrize("short", [True, False])
def test_a_decision_on_an_old_register_is_found_without_keys(tmp_path: Path, *, short: bool) -> None:
    """Somebody was registered meanwhile: the second of these results knew the register before that."""
    house = a_study_ledger(tmp_path)
    house.register(ANA, BEN)
    house.enrol(ANA, BEN)
    house.organisation(95100)
    with _decided_too_early(back=1):
        house.passed(ANA)
    house.passed(BEN)

    found = audit(house.ledger, with_keys=False, how=How(short=short)).faults

    newest = house.size()
    assert [(fault.code, fault.where) for fault in found] == [
        ("ruling", f"record {position}") for position in (newest - 3, newest - 2)
    ]


def test_a_public_decision_on_an_old_register_is_found(tmp_path: Path) -> None:
    """Rows of one submission see each other; another submission's record may not lie between."""
    house = a_study_ledger(tmp_path)
    house.organisation(95100, "provider", "developer")
    assert house.audit(with_keys=False).ok
    with _decided_too_early(back=1):
        house.organisation(95101)

    found = house.audit(with_keys=False).faults

    assert [(fault.code, fault.where) for fault in found] == [("ruling", f"record {house.size()}")]


# ------------------------------------------------------------------ what needs no decision


def _noted(house: House) -> None:
    """Record that a credential was signed."""
    learner = house.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id
    fields = {
        "subject": learner,
        "kind": "record",
        "award": None,
        "issuer": "did:web:ledger.example",
        "kid": "kid",
        "document_sha256": "00" * 32,
    }
    house.ledger.note([Consequence(UUID(int=7), CredentialIssued, fields)])


def test_what_the_ledger_notes_rests_on_nothing(tmp_path: Path) -> None:
    """A consequence with a statement inside, or an award without one, is found with keys."""
    house = a_full_ledger(tmp_path, [ANA])
    said = Said(house.speakers[PROVIDER_KEY], 0, bytes(32), b"{}", bytes(32), b"{}")
    honest = mapper._packed_said
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_packed_said", lambda _said: honest(said))
        _noted(house)
    noted = house.size()
    house.register(BEN)
    house.enrol(BEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapper, "_packed_said", lambda _said: None)
        house.passed(BEN)

    found = house.audit().faults

    assert [(fault.code, fault.where) for fault in found] == [
        ("sealed", f"record {position}") for position in (noted, house.size() - 1, house.size())
    ]


def test_a_number_that_leads_to_somebody_else_is_found(tmp_path: Path) -> None:
    """Two learners' numbers swapped in the vault: both registrations are found, nothing else is wrong."""
    house = a_full_ledger(tmp_path, [ANA, BEN])
    with house.ledger.vault._database.writing() as connection:
        (one, first), (other, second) = connection.execute(
            "SELECT id_mac, nsn_mac FROM subject WHERE nsn_mac IS NOT NULL"
        ).fetchall()
        for id_mac, nsn_mac in ((one, b"aside"), (other, first), (one, second)):
            connection.execute("UPDATE subject SET nsn_mac = ? WHERE id_mac = ?", (nsn_mac, id_mac))

    found = house.audit().faults

    assert {fault.code for fault in found} == {"ruling"}
    assert len(found) == 2


def test_an_honest_ledger_of_everything_is_clean_and_its_vault_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every decision of every kind comes out the same; nothing is written while that is found."""
    house = a_ledger_of_everything(tmp_path, learners=4)
    house.reopen()

    def never(_self: Database) -> None:
        raise AssertionError("an audit writes nothing")

    monkeypatch.setattr(Database, "writing", never)
    report = house.audit()

    assert report.faults == []
    assert (report.suspect, report.annulled) == (1, 1)
    assert report.lost == report.forgotten == report.redacted == 5
    assert report.not_checkable == 15


def test_decisions_at_midnight_come_out_the_same(tmp_path: Path) -> None:
    """A day that ends between deciding and recording is no finding."""
    house = a_study_ledger(tmp_path)
    house.clock.advance(timedelta(hours=10, minutes=59, seconds=59))
    house.register(ANA)
    honest = LedgerRecorder.insert_events

    def later(self: LedgerRecorder, *given: Any, **also: Any) -> Any:
        house.clock.advance(timedelta(seconds=2))
        return honest(self, *given, **also)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LedgerRecorder, "insert_events", later)
        house.enrol(ANA)

    assert house.audit().faults == []
