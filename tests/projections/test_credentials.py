"""Credentials: signed once, recorded, handed out again as they were; signed anew when something changed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.access.rows import OWN
from ledger.application import Ledger
from ledger.domain.credential import CredentialIssued
from ledger.domain.founding import OPERATOR_BODY
from ledger.errors import Absent, LedgerError, Refusal, Unavailable
from ledger.files import locked
from ledger.forgetting import redo
from ledger.founding import CREDENTIAL, REGISTRAR
from ledger.ids import public_id
from ledger.keys.did import operator_did, provider_did
from ledger.keys.keystore import KeyStore
from ledger.mapper import unseal, with_sealed_fields
from ledger.store.cosignatures import PUBLISHED, WITNESSED
from projections import credentials
from projections.credentials import Issued
from projections.exports.securing import document_bytes
from projections.kept_documents import KeptDocuments
from tests.projections.office import KEY, Office, an_office
from tests.support.forgetting import approved, officers, requested
from tests.support.ledgers import statement
from tests.support.witnessing import Network, dead, honest, witnessed_publisher
from tests.support.world import ANA, BEN, PROVIDER, a_result, an_award, an_enrolment

HOST = "ledger.example"


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The thumbprint behind every signature that is made under a credential, in order."""
    real, made = credentials.sign_credential, []

    def counted(unsigned: Any, signer: Any, did: str, at_us: int) -> Any:
        made.append(signer.thumbprint)
        return real(unsigned, signer, did, at_us)

    monkeypatch.setattr(credentials, "sign_credential", counted)
    return made


def said(office: Office, position: int) -> CredentialIssued:
    """Return what the record of an issuing says, unsealed."""
    ledger = office.house.ledger
    (stored,) = ledger.store.select_notifications(position, 1, stop=position)
    event = ledger.mapper.to_domain_event(stored)
    key = ledger.vault.keys([event.subject])[event.subject]
    opened = with_sealed_fields(event, unseal(stored, key))
    assert isinstance(opened, CredentialIssued)
    return opened


# ------------------------------------------------------------------ once


def test_a_document_is_handed_out_again_byte_for_byte(office, signatures):
    """However often, however much later, and by another process: one signature, one record."""
    first = office.award(ANA)
    office.house.clock.advance(timedelta(days=400))
    again = office.award(ANA)
    office.reopen()

    last = office.award(ANA)

    assert document_bytes(first.document) == document_bytes(again.document) == document_bytes(last.document)
    assert first == again == last
    assert len(signatures) == 1
    assert office.issued() == [first.position]


def test_a_record_is_handed_out_again_with_the_awards_in_it(office, signatures):
    """The whole and its awards: three documents for two records of learners, signed once each."""
    record, inner = office.record(ANA)
    office.reopen()

    assert office.record(ANA) == (record, inner)
    assert office.award(ANA) == inner[0]
    assert len(signatures) == 2
    assert sorted(office.issued()) == sorted([record.position, inner[0].position])
    assert record.document["credentialSubject"]["verifiableCredential"] == [inner[0].document]


def test_many_ask_at_once(office, signatures):
    """Threads that ask for one document get one document: it is signed once and recorded once."""
    ready = threading.Barrier(12)

    def ask(number: int) -> Issued:
        ready.wait()
        return office.award(ANA) if number % 2 else office.record(ANA)[1][0]

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(ask, range(12)))

    assert all(one == found[0] for one in found)
    assert len(signatures) == 2  # the award, and the record around it
    assert len(office.issued()) == 2


def test_two_processes_that_ask_at_once_hand_out_one_document(office, monkeypatch):
    """Each found nothing kept: whoever keeps first has signed the document, and the other hands that out."""
    other = office.beside()
    other.house.clock.advance(timedelta(minutes=5))  # one clock for both: what differs is the moment
    real, found = credentials.sign_credential, []

    def interrupted(*args: Any) -> Any:
        signed = real(*args)
        if not found:
            found.append(None)
            office.house.clock.advance(timedelta(minutes=5))
            found[0] = other.award(ANA)
        return signed

    monkeypatch.setattr(credentials, "sign_credential", interrupted)

    mine = office.award(ANA)

    assert mine.document == found[0].document
    assert office.award(ANA).document == other.award(ANA).document == mine.document
    other.close()


def test_everybody_has_a_document_of_their_own(office):
    """Ana's and Ben's, an award and a record: four streams, four documents."""
    found = [office.award(ANA), office.award(BEN), office.record(ANA)[0], office.record(BEN)[0]]

    assert len({one.document["id"] for one in found}) == 4
    assert len({event.originator_id for _, event in office.records(CredentialIssued.TOPIC)}) == 4


# ------------------------------------------------------------------ what the log says


@pytest.mark.parametrize("whole", [False, True], ids=["award", "record"])
def test_the_log_says_which_bytes_were_signed_by_whom(office, whole):
    """The record has digest, issuer and key of the document; what it says of a learner is sealed."""
    issued = office.record(ANA)[0] if whole else office.award(ANA)

    event = said(office, issued.position)

    assert event.document_sha256 == sha256(document_bytes(issued.document)).hexdigest()
    assert event.issuer == issued.document["issuer"]["id"]
    assert event.issuer == (operator_did(HOST) if whole else provider_did(HOST, PROVIDER))
    label, number = (CREDENTIAL, OPERATOR_BODY) if whole else (KEY, PROVIDER)
    assert event.kid == office.house.keystore.get(label).thumbprint
    assert office.house.ledger.keyring().get(event.kid).organisation == public_id("organisation", number)
    assert (event.kind, event.award) == (
        ("record", None) if whole else ("award", office.held(ANA).awards[0].award_id)
    )
    assert event.subject == office.learner(ANA)
    assert office.house.audit().ok


def test_a_bundle_proves_its_own_signing(office):
    """The receipt of the issuing stands in the bundle, and the kit finds it right."""
    verdict = office.verdict(office.bundle(ANA))

    assert verdict.headline == "Verified"
    assert "The signing of this very document is on record" in verdict.checks[6].sentence


def test_a_receipt_is_there_once_the_issuing_is_published(office):
    """None before: the document is handed out all the same."""
    held, issued = office.held(ANA), office.award(ANA)
    before = office.issuer.credentials.receipt(held, issued)

    office.publisher.publish()

    assert before is None
    assert office.issuer.credentials.receipt(held, issued) is not None


# ------------------------------------------------------------------ signed anew


def test_a_fact_that_changed_asks_for_another_document(office, signatures):
    """A review moves the day of the next: the award's document says so, and the record around it follows."""
    before, old_record = office.award(ANA), office.record(ANA)[0]
    office.house.must(
        REGISTRAR,
        [
            statement(
                "microcredential.reviewed",
                code="6022",
                version=1,
                reviewed_on="2026-11-01",
                outcome="continue",
                next_due="2028-03-01",
            )
        ],
    )
    office.turn()

    after, new_record = office.award(ANA), office.record(ANA)[0]

    assert after.document != before.document
    assert after.document["id"] == before.document["id"]
    assert new_record.document["credentialSubject"]["verifiableCredential"] == [after.document]
    assert new_record.document != old_record.document
    assert len(signatures) == len(office.issued()) == 4
    assert office.award(ANA) == after


def test_what_concerns_somebody_else_changes_nothing(office, signatures):
    """Ben's award is revoked, another micro-credential is listed: Ana's document stays."""
    first = office.award(ANA)
    office.revoke_award(BEN)
    office.house.listing("6100")
    office.house.organisation(95009, "provider")
    office.turn()

    assert office.award(ANA) == first
    assert len(signatures) == 1


def test_an_issuer_under_another_name_signs_anew(office, signatures):
    """Whose name stands in a document is one of its facts."""
    first = office.award(ANA)
    office.house.ledger.register().organisation(PROVIDER).name_en = "Renamed Polytechnic (demo)"

    second = office.award(ANA)

    assert second.document["issuer"]["name"] == "Renamed Polytechnic (demo)"
    assert second.position > first.position
    assert len(signatures) == 2


# ------------------------------------------------------------------ keys that end


@pytest.mark.parametrize("how", ["rotated", "retired", "revoked-later", "revoked-for-nothing"])
def test_a_key_that_ended_leaves_its_documents(office, signatures, how):
    """What it signed while it counted is handed out for ever, with whoever signs today."""
    first, kid = office.award(ANA), office.key_in_use().thumbprint
    office.next_key()
    if how in ("rotated", "retired"):
        office.retire(kid)
    else:
        office.revoke(kid, office.house.size() + 1 if how == "revoked-later" else None)
    office.turn()

    assert office.award(ANA) == first
    assert office.award(BEN).document["proof"]["verificationMethod"] not in str(first.document)
    assert signatures[1] == office.key_in_use().thumbprint != kid
    assert office.verdict(office.bundle(ANA)).headline.startswith("Verified")


@pytest.mark.parametrize("earlier", [0, 1, 4])
def test_what_a_thief_may_have_signed_is_signed_anew(office, signatures, earlier):
    """Suspected from its position, or from before it: the key that counts now signs, once."""
    first, kid = office.award(ANA), office.key_in_use().thumbprint
    office.revoke(kid, first.position - earlier)
    fresh = office.next_key()
    office.turn()

    second = office.award(ANA)

    assert second.document != first.document
    assert signatures == [kid, fresh.thumbprint]
    assert office.award(ANA) == second
    assert office.verdict(office.bundle(ANA)).headline == "Verified"


def test_what_was_reaffirmed_is_handed_out_again(office, signatures):
    """Its issuer stands by it: nothing has to be signed anew."""
    first, kid = office.award(ANA), office.key_in_use().thumbprint
    office.revoke(kid, first.position)
    office.next_key()
    office.settle("reaffirmed", kid, first.position, first.position)
    office.turn()

    assert office.award(ANA) == first
    assert len(signatures) == 1


def test_an_annulled_signature_is_made_anew(office, signatures):
    """Its issuer says that it never signed this: then it signs now."""
    first, kid = office.award(ANA), office.key_in_use().thumbprint
    office.revoke(kid, first.position)
    fresh = office.next_key()
    office.settle("annulled", kid, first.position, first.position)
    office.turn()

    assert office.award(ANA).document != first.document
    assert signatures[-1] == fresh.thumbprint


def test_without_a_key_that_counts_nothing_new_is_signed(office):
    """The only key was stolen and no next one is registered: refused in words, nothing recorded."""
    office.revoke(office.key_in_use().thumbprint, None)
    before = office.issued()

    with pytest.raises(LedgerError) as caught:
        office.award(ANA)

    assert caught.value.code == "custody"
    assert office.issued() == before


def test_a_key_that_ends_while_it_signs_makes_no_document(office, monkeypatch):
    """Signed before the rotation and recorded after it, a document would not verify: it is not handed out."""
    kid, real = office.key_in_use().thumbprint, Ledger.note
    office.next_key()
    monkeypatch.setattr(KeyStore, "newest_first", lambda self, label: iter(self.generations(label)))

    def late(self: Ledger, consequences: Any) -> Any:
        monkeypatch.undo()
        office.retire(kid)
        return real(self, consequences)

    monkeypatch.setattr(Ledger, "note", late)
    with pytest.raises(Unavailable, match="ended a moment ago"):
        office.award(ANA)
    office.turn()

    assert said(office, office.award(ANA).position).kid == office.key_in_use().thumbprint != kid
    assert office.verdict(office.bundle(ANA)).headline == "Verified"


# ------------------------------------------------------------------ stopped in between


class Stopped(BaseException):
    """The process is gone."""


def stop_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool, call: int = 1) -> None:
    """Stop at a call of a function, before it does anything or when it is done; once."""
    real, calls = getattr(owner, name), []

    def stopping(*args: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) != call:
            return real(*args, **options)
        if after:
            real(*args, **options)
        raise Stopped

    monkeypatch.setattr(owner, name, stopping)


STOPS = {
    "before-signing": (credentials, "sign_credential", False, 1),
    "signed-not-kept": (KeptDocuments, "keep", False, 1),
    "kept-not-recorded": (Ledger, "note", False, 1),
    "recorded-no-position": (Ledger, "note", True, 1),
    "position-not-kept": (KeptDocuments, "keep", False, 2),
    "all-done-not-answered": (KeptDocuments, "keep", True, 2),
}


@pytest.mark.parametrize("where", STOPS)
def test_a_stop_leaves_what_the_next_request_completes(office, monkeypatch, where):
    """One document for one state of things: what was kept is what is recorded and handed out."""
    owner, name, after, call = STOPS[where]
    with monkeypatch.context() as patch:
        stop_at(patch, owner, name, after=after, call=call)
        with pytest.raises(Stopped):
            office.award(ANA)
    kept = office.issuer.credentials._kept.find(
        office.held(ANA).awards[0].credential_id, office.issuer.credentials.key(office.learner(ANA))
    )
    office.house.clock.advance(timedelta(hours=1))
    office.reopen()

    issued = office.award(ANA)

    digests = {said(office, at).document_sha256 for at in office.issued()}
    assert digests == {sha256(document_bytes(issued.document)).hexdigest()}
    assert kept is None or kept.document == issued.document
    assert issued.position in office.issued()
    assert office.award(ANA) == issued
    assert office.house.audit().ok
    assert office.verdict(office.bundle(ANA)).headline == "Verified"


def test_a_document_kept_under_a_key_that_ended_meanwhile_is_signed_anew(office, monkeypatch):
    """Nobody has it, and no record could say any more that it was signed in time."""
    kid = office.key_in_use().thumbprint
    with monkeypatch.context() as patch:
        stop_at(patch, Ledger, "note", after=False)
        with pytest.raises(Stopped):
            office.award(ANA)
    office.next_key()
    office.retire(kid)
    office.turn()

    issued = office.award(ANA)

    assert said(office, issued.position).kid == office.key_in_use().thumbprint != kid
    assert len(office.issued()) == 1


def test_a_full_disk_hands_nothing_out_and_is_made_good(office, monkeypatch):
    """What cannot be recorded is not handed out; later it is the same document."""
    with monkeypatch.context() as patch:

        def full(*_args: Any, **_options: Any) -> None:
            raise Unavailable("ledger.sqlite cannot be written now: disk full", code="storage")

        patch.setattr(Ledger, "save_events", full)
        with pytest.raises(Unavailable):
            office.award(ANA)
    before = office.issued()

    issued = office.award(ANA)

    assert before == []
    assert office.issued() == [issued.position]


def test_when_writing_has_stopped_only_what_is_recorded_is_handed_out(office):
    """Reads go on: an old document can be had, a new one cannot."""
    first = office.award(ANA)
    office.house.ledger.fault = Unavailable("rolled back", code="rollback")

    assert office.award(ANA) == first
    with pytest.raises(Unavailable):
        office.award(BEN)


def test_a_lost_file_of_documents_loses_no_fact(office):
    """Signed anew, and the log shows both signings, on one stream."""
    first = office.award(ANA)
    office.house.clock.advance(timedelta(hours=1))
    office.close()
    for path in office.house.files.folder.glob("documents.sqlite*"):
        path.unlink()
    office.reopen_files()

    second = office.award(ANA)

    assert second.document != first.document
    assert office.issued() == [first.position, second.position]
    assert len({event.originator_id for _, event in office.records(CredentialIssued.TOPIC)}) == 1
    assert office.house.audit().ok


# ------------------------------------------------------------------ privacy


def test_nothing_of_a_person_stands_in_the_file_of_documents(office):
    """Neither name, NSN, birth date nor a piece of a document: in the file, its WAL and its index."""
    office.record(ANA)
    office.award(BEN)
    ana = office.held(ANA).awards[0]

    bytes_of = b"".join(path.read_bytes() for path in office.house.files.folder.glob("documents.sqlite*"))

    words = [ANA.nsn, BEN.nsn, "Ana", "Brook", "Cliff", "2001-02-03", "credentialSubject", "6022", "LO1"]
    assert len(bytes_of) > 4096
    assert [word for word in words if word.encode() in bytes_of] == []
    assert ana.credential_id.bytes in bytes_of  # the slot: random, and no claim


def test_no_digest_of_a_document_stands_in_clear(office):
    """Over a document whose parts can be guessed a digest would be an oracle: it is sealed everywhere."""
    issued = office.award(ANA)
    office.bundle(ANA)
    digest = sha256(document_bytes(issued.document))

    for path in sorted(office.house.files.folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            assert digest.digest() not in content, path.name
            assert digest.hexdigest().encode() not in content, path.name


def test_without_the_learners_key_nothing_is_handed_out(office):
    """What was signed once is noise then, and nothing new is signed."""
    first = office.award(ANA)
    learner, held = office.learner(ANA), office.held(ANA)
    assert office.house.ledger.vault.forget([learner]).learners == 1

    for ask in (
        lambda: office.issuer.credentials.award(held, held.awards[0]),
        lambda: office.issuer.credentials.record(held),
        lambda: office.issuer.credentials.receipt(held, first),
        lambda: office.issuer.export(learner, "bundle", reader=OWN),
    ):
        office.publisher.publish()
        with pytest.raises(Absent):
            ask()
    assert office.issued() == [first.position]


def test_an_export_that_a_forgetting_overtakes_is_not_left_behind(office):
    """It was opened before the key was destroyed, and written when nobody looks for it any more."""
    learner = office.learner(ANA)
    made = office.issuer.export(learner, "json", reader=OWN)
    officers(office.house)
    approved(office.house, requested(office.house, ANA))
    redo(office.house.ledger, office.issuer.destroy)

    with pytest.raises(Absent):
        office.issuer.write(learner, made)

    assert not (office.house.files.out / str(learner)).exists()


def test_an_export_waits_for_a_forgetting_and_is_found_by_it(office, monkeypatch):
    """Whoever is killed after the look for the key has written under the lock that the destroying needs."""
    learner = office.learner(ANA)
    made = office.issuer.export(learner, "json", reader=OWN)
    monkeypatch.setattr("projections.issuing.locked", partial(locked, within_s=0))
    officers(office.house)
    approved(office.house, requested(office.house, ANA))

    office.house.files.out.mkdir()
    with locked(office.house.files.out), pytest.raises(Unavailable):
        office.issuer.write(learner, made)
    (office.issuer.write(learner, made).parent / "inside").mkdir()
    redo(office.house.ledger, office.issuer.destroy)

    assert not (office.house.files.out / str(learner)).exists()


# ------------------------------------------------------------------ awards that do not count


def submission_key(office: Office) -> str:
    """Return the thumbprint of the key with which the provider spoke."""
    return office.house.signer("95001.submission").thumbprint


def test_a_suspect_award_has_no_document_and_stops_the_record(office):
    """Its provider has to settle it first: code `suspect`; what other keys said is not touched."""
    office.revoke(submission_key(office), office.held(ANA).awards[0].position)
    office.turn()

    for ask in (office.award, office.record):
        with pytest.raises(Refusal) as caught:
            ask(ANA)
        assert caught.value.code == "suspect"


def test_awards_before_the_suspicion_have_their_documents(office):
    """From the second award on the key is suspected: the first is as good as ever."""
    ana, ben = (office.held(who).awards[0].position for who in (ANA, BEN))
    assert ana < ben
    office.revoke(submission_key(office), ben)
    office.turn()

    assert office.verdict(office.bundle(ANA)).headline == "Verified"
    with pytest.raises(Refusal):
        office.award(BEN)


def test_an_annulled_award_has_no_document_and_no_place_in_a_record(office):
    """Code `annulled`; a record holds what else there is, here nothing."""
    at = office.held(ANA).awards[0].position
    office.revoke(submission_key(office), at)
    office.settle("annulled", submission_key(office), at, at)
    office.turn()

    with pytest.raises(Refusal) as caught:
        office.award(ANA)
    assert caught.value.code == "annulled"
    with pytest.raises(Refusal) as nothing:
        office.record(ANA)
    assert nothing.value.code not in ("suspect", "annulled")


def test_a_reaffirmed_award_counts(office):
    """Its provider stands by it: document, record and status list are as before."""
    at = office.held(ANA).awards[0].position
    office.revoke(submission_key(office), at)
    office.settle("reaffirmed", submission_key(office), at, at)
    office.turn()

    record, inner = office.record(ANA)

    assert record.document["credentialSubject"]["verifiableCredential"] == [inner[0].document]
    assert office.verdict(office.bundle(ANA)).headline == "Verified"


# ------------------------------------------------------------------ published, then witnessed


def states(office: Office) -> list[str]:
    """Return how far the award of Ana has come, as its receipt would say."""
    position = office.held(ANA).awards[0].position
    state = office.issuer.credentials._proven(position).state
    assert office.issuer.credentials._states([position]) == {position: state}
    return [state]


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[tuple[Office, Network]]:
    """An office whose log has two witnesses that must both have seen a checkpoint; neither is there yet."""
    office = an_office(tmp_path / "ledger", turned=False)
    network = Network(tmp_path / "network", office.house, 2)
    network.answers = dict.fromkeys(network.answers, dead)
    office.issuer.close()
    office.views.close()
    office.furnish(witnessed_publisher(office.house, network, enough=2))
    office.turn()
    yield office, network
    office.close()
    network.close()


def awake(office: Office, network: Network) -> None:
    """Have every witness answer from now on, and let the time pass until they are asked again."""
    office.house.clock.advance(timedelta(hours=1))
    network.answers = {url: honest(one) for url, one in network.witnesses.items()}


def test_an_award_that_was_only_published_is_signed_once_more_when_it_is_witnessed(witnessed, signatures):
    """The better receipt goes into the document; after that, more confirmations change nothing."""
    office, network = witnessed
    first, early = office.award(ANA), states(office)
    awake(office, network)
    office.turn()

    second = office.award(ANA)
    for _ in range(3):
        office.house.organisation(95100 + office.house.size(), "provider")
        office.turn()

    assert (early, states(office)) == ([PUBLISHED], [WITNESSED])
    assert second.document != first.document
    assert office.award(ANA) == second
    assert len(signatures) == len(office.issued()) == 2


def test_an_award_that_was_witnessed_is_not_signed_again_for_less(witnessed, signatures):
    """Witnesses go, or the policy asks for none any more: the document with the better receipt stays."""
    office, network = witnessed
    awake(office, network)
    office.turn()
    first, before = office.award(ANA), states(office)
    office.house.files.policy.unlink()
    office.issuer.close()
    office.views.close()
    office.furnish(office.house.publisher())

    again = office.award(ANA)

    assert (before, states(office)) == ([WITNESSED], [PUBLISHED])
    assert again == first
    assert len(signatures) == 1


# ------------------------------------------------------------------ how much is asked


def asked(office: Office) -> int:
    """Return how many queries it takes to hand out a record that is kept already."""
    ran: list[str] = []
    ledger, held = office.house.ledger, office.held(ANA)
    databases = (ledger.store.database, ledger.vault._database, office.views._database)
    for one in databases:
        one.reader.set_trace_callback(ran.append)
    try:
        office.issuer.credentials.record(held)
    finally:
        for one in databases:
            one.reader.set_trace_callback(None)
    # What tells whether the register has moved is asked with every look into it, and is one row.
    return sum("FROM head" not in query for query in ran)


def another_award(office: Office, code: str) -> None:
    """Award Ana another micro-credential."""
    office.house.listing(code)
    office.house.accredited(PROVIDER, code)
    office.house.must("95001.submission", [statement("learner.enrolled", **an_enrolment(ANA, code))])
    results = [statement("assessment.passed", **a_result(ANA, one, code)) for one in ("LO1", "LO2")]
    office.house.must("95001.submission", results)
    office.house.must("95001.submission", [statement("microcredential.awarded", **an_award(ANA, code))])


def test_more_awards_ask_no_more_of_the_ledger(office):
    """One look at key, names, standing and checkpoints, however many awards a record has."""
    office.record(ANA)
    office.turn()
    few = asked(office)
    for code in ("6101", "6102", "6103"):
        another_award(office, code)
    office.turn()
    record, inner = office.record(ANA)
    office.turn()

    assert asked(office) == few
    assert len(inner) == len(record.document["credentialSubject"]["verifiableCredential"]) == 4


def test_another_award_is_another_record_around_the_same_documents(office, signatures):
    """The record is signed anew because an award came; the award that was there is not."""
    record, (first,) = office.record(ANA)
    another_award(office, "6101")
    office.turn()

    fresh, inner = office.record(ANA)

    assert first in inner
    assert fresh.document["id"] != record.document["id"]
    assert len(signatures) == 4  # the award, its record; the other award, the record of both


def test_an_award_that_is_not_published_is_for_later(office):
    """Without a receipt there is no document: Unavailable `unpublished`, for it and for the record."""
    another_award(office, "6101")
    office.views.catch_up()
    held = office.held(ANA)

    for ask in (
        lambda: office.issuer.credentials.record(held),
        lambda: office.issuer.credentials.award(held, max(held.awards, key=lambda one: one.position)),
    ):
        with pytest.raises(Unavailable) as caught:
            ask()
        assert caught.value.code == "unpublished"
    assert office.issued() == []
