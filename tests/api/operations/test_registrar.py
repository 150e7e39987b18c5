"""Speaking for the registrar: founding, statements said or refused, keys taken into custody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.operations.custody import take_into_custody
from api.operations.registrar import found, say, say_or_fail
from ledger.application import Ledger
from ledger.audit import audit
from ledger.clock import SystemClock, microseconds
from ledger.domain.founding import OPERATOR_BODY
from ledger.errors import Refusal, Unauthorised
from ledger.files import LedgerFiles
from ledger.founding import REGISTRAR
from tests.support.ledgers import CHARTER, PASSPHRASE, statement
from tests.support.world import MIDDAY, REGULATOR


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger that was founded as commands do it, by a clock that stands still."""
    monkeypatch.setattr(SystemClock, "now_us", lambda _self: microseconds(MIDDAY))
    made = found(LedgerFiles(tmp_path), PASSPHRASE, CHARTER)
    yield made
    made.close()


def a_provider(number: int) -> dict[str, object]:
    """Return the statement that registers an organisation."""
    return {
        "type": "organisation.registered",
        "v": 1,
        "number": number,
        "kind": "pte",
        "name": {"en": f"Organisation {number} (demo)"},
        "valid_from": "2024-01-01",
    }


def test_a_founding_is_three_records(ledger):
    """The founding itself, then regulator and operator registered like everybody; audit is content."""
    register = ledger.register()

    assert ledger.store.head().size == 3
    assert ledger.founding.origin == CHARTER.origin
    assert register.organisation(REGULATOR).name_en == CHARTER.registrar_name
    assert register.organisation(OPERATOR_BODY).name_en == CHARTER.operator_name
    assert audit(ledger).ok


def test_a_ledger_is_founded_once(ledger):
    """The folder is taken; what is in it stays."""
    with pytest.raises(FileExistsError):
        found(ledger.files, PASSPHRASE, CHARTER)

    assert ledger.store.head().size == 3


def test_what_is_said_is_answered_one_by_one(ledger):
    """A refused statement is an outcome, and stops no other."""
    outcomes = say(ledger, [a_provider(95001), a_provider(95001), a_provider(95002)])

    assert [one.status for one in outcomes] == ["accepted", "rejected", "accepted"]


def test_what_must_not_fail_says_which_one_did(ledger):
    """By its place and code, with the sentence of the finding."""
    (code,) = {one.findings[0].code for one in say(ledger, [a_provider(95001)] * 2)[1:]}

    with pytest.raises(Refusal, match=f"statement 2: {code} ") as refused:
        say_or_fail(ledger, [a_provider(95003), a_provider(95001)])

    assert refused.value.code == code


def test_without_the_registrars_key_nobody_speaks_for_it(ledger, tmp_path):
    """The key may be kept elsewhere: then these commands say so."""
    (tmp_path / "keys" / f"{REGISTRAR}.pem").unlink()
    ledger.close()
    reopened = Ledger(LedgerFiles(tmp_path), PASSPHRASE)

    with pytest.raises(Unauthorised, match=REGISTRAR):
        say(reopened, [a_provider(95001)])
    reopened.close()


def test_custody_makes_and_registers_two_keys_for_each(ledger):
    """One for submissions, one for credentials, both delegated; the private halves are here."""
    say_or_fail(ledger, [a_provider(95001)])

    outcomes = take_into_custody(ledger, [95001])

    provider = ledger.register().organisation(95001)
    keys = {key.kid: key for key in ledger.keyring() if key.organisation == provider.id}
    assert [one.status for one in outcomes] == ["accepted", "accepted"]
    assert sorted(tuple(key.purposes) for key in keys.values()) == [("credential",), ("submission",)]
    assert {key.custody for key in keys.values()} == {"delegated"}
    for purpose in ("submission", "credential"):
        assert keys[ledger.keystore.get(f"95001.{purpose}").thumbprint].purposes == {purpose}


def test_custody_that_was_refused_is_asked_for_again_with_the_same_keys(ledger):
    """The organisation is registered later: the keys made at the first try are registered then."""
    with pytest.raises(Refusal):
        take_into_custody(ledger, [95001])
    made = ledger.keystore.get("95001.submission").thumbprint
    say_or_fail(ledger, [a_provider(95001)])

    take_into_custody(ledger, [95001])

    assert ledger.keyring().get(made) is not None


def test_custody_for_a_body_goes_by_its_code(ledger):
    """`ISB:FOOD` is no name of a file, and its keys are found again all the same."""
    said = {"body": "ISB:FOOD", "kind": "ssb_isb", "name": {"en": "Skills Board (demo)"}}
    say_or_fail(ledger, [statement("organisation.registered", valid_from="2024-01-01", **said)])

    outcomes = take_into_custody(ledger, ["ISB:FOOD"])

    body = ledger.register().organisation("ISB:FOOD")
    assert [one.status for one in outcomes] == ["accepted", "accepted"]
    assert sum(key.organisation == body.id for key in ledger.keyring()) == 2
