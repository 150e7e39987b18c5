"""A ledger with something of every kind in it, for tests that change one thing after the other."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.access import AccessLog
from ledger.access.rows import OWN, RECORD_PAGE
from ledger.application import Consequence
from ledger.domain.credential import CredentialIssued
from ledger.domain.registry import EVENTS
from ledger.domain.status_list import StatusListChanged
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.keys.signer import ES256
from ledger.restore import restore
from tests.support.disposal import cleared as clear
from tests.support.disposal import to_be_cleared
from tests.support.forgetting import SECOND as OFFICER
from tests.support.forgetting import forget, requested
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, statement
from tests.support.rollbacks import RolledBack, put_back, say_public, study, take_copy
from tests.support.witnessing import Network, witnessed_publisher
from tests.support.world import ANA, BEN, PROVIDER, Human, a_result, an_award, synthetic_nsn

SECOND, OLD, STOLEN = "95001.second", "95001.old", "95001.stolen"


def a_ledger_of_everything(folder: Path, learners: int = 45) -> House:
    """Return a closed ledger in which everything has happened that can.

    A witness cosigned it; an old copy was put back and the loss accepted; an award was revoked and
    conferred again; learners were forgotten, and one cleared; keys were retired, suspected and settled;
    the ledger noted what it notes.
    """
    house = a_study_ledger(folder / "ledger")
    network = Network(folder / "witnesses", house)
    publish(house, network)
    lose_a_tail(house, network, folder / "copy")
    _teach(house, learners)
    publish(house, network)
    _note(house, _award_again(house))
    _forget(house)
    _settle_keys(house)
    _end_everything(house)
    _read(house)
    publish(house, network)
    network.close()
    recorded = {topic for (topic,) in house.ledger.store.database.reader.execute("SELECT topic FROM record")}
    assert recorded == {*EVENTS, ""}, "a record of every kind, and lost ones"
    house.close()
    return house


def publish(house: House, network: Network) -> None:
    """Publish a minute later, cosigned by every witness of a network."""
    house.clock.advance(timedelta(minutes=1))
    published = witnessed_publisher(house, network, enough=len(network.witnesses)).publish()
    assert published is not None


def lose_a_tail(house: House, network: Network, copy: Path) -> None:
    """Put an old copy back, and accept that the content of private records is lost.

    One public record comes back without its submission: most of that was refused, and what was said
    there stands nowhere.
    """
    take_copy(house, copy)
    made = RolledBack(house, house.size(), 0, people(1, first=900))
    say_public(made)
    said = [_role(96999), _role(96001), _role(96999), _role(96999)]
    assert [one.refused for one in house.post(REGISTRAR, said)] == [True, False, True, True]
    study(made)
    publish(house, network)
    put_back(house, copy)
    house.clock.advance(timedelta(minutes=1))
    assert restore(house.ledger, accept_lost=True).plan.lost > 0


def _role(organisation: int) -> Any:
    members = {"organisation": organisation, "role": "developer", "valid_from": "2018-08-22"}
    return statement("organisation.role_granted", **members)


def _teach(house: House, learners: int) -> None:
    humans = people(learners)
    house.register(*humans)
    house.enrol(*humans)
    house.passed(*humans)
    house.award(*humans)


def _award_again(house: House) -> UUID:
    """Revoke an award and confer it once more, by another key; return the new one."""
    house.key(SECOND, PROVIDER, "submission", "keys", alg=ES256)
    house.register(ANA, BEN)
    house.enrol(ANA, BEN)
    house.passed(ANA)
    house.must(PROVIDER_KEY, [statement("assessment.not_achieved", **a_result(BEN, grade="N"))])
    (outcome,) = house.award(ANA)
    again = an_award(ANA)
    revocation = {"award": outcome.award, "reason": "issued_in_error", "effective_on": "2026-11-22"}
    _, second = house.must(
        SECOND,
        [
            statement("award.revoked", **revocation),
            statement("microcredential.awarded", **{**again, "who": {**again["who"], "row_ref": "again"}}),
        ],
    )
    assert second.award is not None
    return second.award


def _note(house: House, award: UUID) -> None:
    """Record what the ledger records itself."""
    held = house.ledger.get_many([award])[award]
    fields: Mapping[str, Any] = {
        "subject": held.learner,  # type: ignore[attr-defined]
        "kind": "award",
        "award": award,
        "issuer": "did:web:ledger.example:issuers:95001",
        "kid": house.signer(PROVIDER_KEY).thumbprint,
        "document_sha256": "ab" * 32,
    }
    bits = {"issuer": PROVIDER, "status_list": 1, "bits_sha256": bytes(32), "as_at": house.size()}
    stream = held.credential_id  # type: ignore[attr-defined]
    house.ledger.note([Consequence(stream, CredentialIssued, fields)])
    house.ledger.note([Consequence(stream, CredentialIssued, fields)])
    house.ledger.note([Consequence(public_id("status_list", PROVIDER, 1), StatusListChanged, bits)])


def _forget(house: House) -> None:
    """Forget a learner whose award is revoked afterwards; of another it is asked for, and taken back.

    The streams of a third are cleared.
    """
    gone, stays, cleared = (
        Human(synthetic_nsn(800 + place), given, "Brook")
        for place, given in enumerate(("Gone", "Stays", "Cleared"))
    )
    house.register(gone, stays, cleared)
    house.enrol(gone, cleared)
    house.passed(gone, cleared)
    awarded, _ = house.award(gone, cleared)
    forget(house, gone)
    revocation = {"award": awarded.award, "reason": "issued_in_error", "effective_on": "2026-11-22"}
    house.must(PROVIDER_KEY, [statement("award.revoked", **revocation)])
    house.must(OFFICER, [statement("forgetting.withdrawn", forgetting=requested(house, stays))])
    to_be_cleared(house, cleared)
    clear(house)


def _settle_keys(house: House) -> None:
    """Retire a key; find out that another was stolen, and say of what it signed whose it is."""
    for label in (OLD, STOLEN):
        house.key(label, PROVIDER)
    first = house.size() + 1
    for outcome, attempt in (("LO1", 2), ("LO2", 1)):
        house.must(STOLEN, [statement("assessment.passed", **a_result(BEN, outcome, attempt=attempt))])
    house.must(STOLEN, [statement("microcredential.awarded", **an_award(BEN))])
    key = {"organisation": PROVIDER, "kid": house.signer(STOLEN).thumbprint}
    old = {"organisation": PROVIDER, "kid": house.signer(OLD).thumbprint}
    house.must(SECOND, [statement("key.retired", **old, from_="2026-11-22")])
    house.must(SECOND, [statement("key.revoked", **key, reason="lost", suspected_from=first)])
    house.must(REGISTRAR, [statement("key.reaffirmed", **key, first=first, last=first)])
    house.must(REGISTRAR, [statement("key.annulled", **key, first=first + 1, last=first + 1)])


def _read(house: House) -> None:
    """Have two records read, let the day pass, and close it."""
    log = AccessLog(house.ledger)
    people = house.ledger.vault.people([ANA.nsn, BEN.nsn]).values()
    log.write(OWN, {person.learner_id: RECORD_PAGE for person in people})
    house.clock.advance(timedelta(days=1))
    assert log.days.close() == 1
    log.truncate_wal()
    log.close()


def _end_everything(house: House) -> None:
    product = {"code": "6022", "version": 1}
    status = {"status": "expiring", "from_": "2026-06-01", "cause": "replaced"}
    ended = {"provider": PROVIDER, "code": "6022", "ended_on": "2026-12-30", "reason": "surrendered"}
    role = {"organisation": 96001, "role": "developer", "ended_on": "2026-06-30"}
    house.must(
        REGISTRAR,
        [
            statement("microcredential.reviewed", **product, reviewed_on="2026-02-10", outcome="continue"),
            statement("microcredential.status_set", **product, **status),
            statement("accreditation.ended", **ended),
            statement("organisation.role_ended", **role),
        ],
    )
