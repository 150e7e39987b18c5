"""Keys kept for others: made, rotated, ended, settled; and what a stop in between leaves."""

from datetime import timedelta
from typing import Any

import pytest

from api.client.submission import organisation_id
from api.operations import custody
from api.operations.custody import Rotated
from ledger.application import Ledger
from ledger.clock import microseconds
from ledger.domain.founding import OPERATOR_BODY
from ledger.errors import Absent, LedgerError, Refusal, Unauthorised
from ledger.founding import CREDENTIAL, RECEIPT, REGISTRAR
from ledger.ids import public_id
from ledger.keys.keyring import ANNULLED, REAFFIRMED, SUSPECT, VALID
from ledger.keys.keystore import custody_label
from ledger.keys.signer import ED25519, ES256
from tests.api.door import Door
from tests.support.ledgers import PROVIDER_KEY, House, people, statement
from tests.support.witnessing import Network, witnessed_publisher
from tests.support.world import ANA, MIDDAY, PROVIDER, REGULATOR, a_result, an_enrolment

MIDDAY_S = microseconds(MIDDAY) // 1_000_000


@pytest.fixture
def house(door: Door) -> House:
    """A ledger in which 95001 has both its keys in custody here, and the operator is registered."""
    made = door.ledger
    made.must(
        REGISTRAR,
        [
            statement(
                "organisation.registered",
                body=OPERATOR_BODY,
                kind="operator",
                name={"en": "Operator (demo)"},
                valid_from="2018-08-22",
            )
        ],
    )
    made.key("95001.credential", PROVIDER, CREDENTIAL)
    return made


# reference, purpose, label, purposes of its keys, custody
KINDS = {
    "a provider's word": (PROVIDER, "submission", PROVIDER_KEY, {"submission"}, "delegated"),
    "a provider's documents": (PROVIDER, CREDENTIAL, "95001.credential", {CREDENTIAL}, "delegated"),
    "acknowledgements": (OPERATOR_BODY, RECEIPT, RECEIPT, {RECEIPT}, "own"),
    "records": (OPERATOR_BODY, CREDENTIAL, CREDENTIAL, {CREDENTIAL}, "own"),
    "the registrar's keys": (REGULATOR, "keys", REGISTRAR, {"keys", "submission"}, "own"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def signer_now(house: House, kind: str) -> str:
    """Return the thumbprint of the key that signs now."""
    reference, _, label, purposes, _ = KINDS[kind]
    organisation = public_id("organisation", reference)
    (kid,) = {house.ledger.signer(label, organisation, purpose).thumbprint for purpose in purposes}
    return kid


def rotated(house: House, kind: str, **options: Any) -> Rotated:
    """Rotate the key of a kind."""
    reference, purpose, *_ = KINDS[kind]
    return custody.rotate(house.ledger, reference, purpose, **options)


# ------------------------------------------------------------------ rotating


@every_kind
def test_the_next_key_takes_over(house, kind):
    """Registered and the old one retired in one submission; what the old one signed stays valid."""
    _, _, _, purposes, kept_as = KINDS[kind]
    old = signer_now(house, kind)

    made = rotated(house, kind)

    fresh, before = (house.ledger.keyring().get(kid) for kid in (made.signer.thumbprint, old))
    assert signer_now(house, kind) == made.signer.thumbprint != old
    assert made.retired == (old,)
    assert (fresh.registered_at, fresh.purposes, fresh.custody) == (made.registered_at, purposes, kept_as)
    assert (before.retired_at, before.standing(made.registered_at)) == (made.registered_at + 1, VALID)
    assert house.audit().ok


def test_the_registrar_s_key_is_not_rotated_by_another_name(house):
    """`submission` means a key that is kept for submissions; who has none is told so, and nothing ends."""
    before = signer_now(house, "the registrar's keys")

    with pytest.raises(Refusal, match="no submission key of 95000 is kept here"):
        custody.rotate(house.ledger, REGULATOR, "submission")

    assert signer_now(house, "the registrar's keys") == before


@every_kind
def test_keys_are_rotated_again_and_again(house, kind):
    """Each time one key comes and one goes, and another process signs with the newest."""
    made = [rotated(house, kind) for _ in range(3)]

    house.reopen()

    assert [one.retired for one in made[1:]] == [(one.signer.thumbprint,) for one in made[:-1]]
    assert signer_now(house, kind) == made[-1].signer.thumbprint
    assert house.audit().ok


@every_kind
@pytest.mark.parametrize("where", ["before-registering", "answer-lost"])
def test_a_stop_between_making_and_registering(house, kind, where, monkeypatch):
    """The key that was made is the one that is registered next time: none is left lying about."""
    real, label = Ledger.submit, KINDS[kind][2]
    old = signer_now(house, kind)

    def stopping(self: Ledger, received: Any) -> Any:
        if where == "answer-lost":
            real(self, received)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "submit", stopping)
        with pytest.raises(KeyboardInterrupt):
            rotated(house, kind)
    generations = [one.thumbprint for one in house.keystore.generations(label)]
    house.reopen()

    if where == "answer-lost":
        assert signer_now(house, kind) == generations[-1]
        return
    assert signer_now(house, kind) == old
    assert rotated(house, kind).signer.thumbprint == generations[-1]
    assert [one.thumbprint for one in house.keystore.generations(label)] == generations
    assert house.audit().ok


def test_what_was_made_otherwise_is_left_where_it_lies(house, monkeypatch):
    """An interrupted attempt made an Ed25519 key; now ES256 is asked for: that is what is registered."""
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "submit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotated(house, "a provider's word")

    made = rotated(house, "a provider's word", alg=ES256)

    assert made.signer.alg == ES256
    assert signer_now(house, "a provider's word") == made.signer.thumbprint


@every_kind
@pytest.mark.parametrize("row", [0, 1], ids=["the-next", "the-one-before"])
def test_a_refused_rotation_changes_nothing(house, monkeypatch, kind, row):
    """Whichever half is refused: the old key signs, and the next attempt registers the same new one."""
    old, size, label = signer_now(house, kind), house.size(), KINDS[kind][2]
    name, code = (("registration", "E817"), ("retirement", "E826"))[row]
    real = getattr(custody, name)
    spoilt = {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}} if row == 0 else {"kid": "x" * 43}
    with monkeypatch.context() as patch:
        patch.setattr(custody, name, lambda *args: {**real(*args), **spoilt})
        with pytest.raises(Refusal, match=f"statement {row + 1}") as caught:
            rotated(house, kind)
    generations = [one.thumbprint for one in house.keystore.generations(label)]

    assert caught.value.code == code
    assert (signer_now(house, kind), house.size()) == (old, size)
    assert rotated(house, kind).signer.thumbprint == generations[-1]
    assert len(house.keystore.generations(label)) == len(generations) == 2


@pytest.mark.parametrize("kind", [one for one in KINDS if not one.startswith("the registrar")])
def test_after_a_revocation_the_next_key_is_made(house, kind):
    """Nothing is left to retire; the revoked key stays revoked."""
    reference, *_ = KINDS[kind]
    old = signer_now(house, kind)
    custody.revoke(house.ledger, reference, old, "stolen", None)
    with pytest.raises(Unauthorised):
        signer_now(house, kind)

    made = rotated(house, kind)

    assert made.retired == ()
    assert signer_now(house, kind) == made.signer.thumbprint
    assert house.ledger.keyring().get(old).revoked_at is not None


def test_the_registrar_rotates_before_it_revokes(house):
    """Its own key says so: rotated first, the next key revokes the old one, from a position on."""
    old = signer_now(house, "the registrar's keys")
    since = house.size() + 1
    house.listing("6100")
    made = rotated(house, "the registrar's keys")

    custody.revoke(house.ledger, REGULATOR, old, "stolen", since)

    assert house.ledger.keyring().get(old).standing(since) == SUSPECT
    assert [at for at, _ in custody.suspects(house.ledger, old)] == [since, *range(since + 1, since + 3)]
    assert made.signer.thumbprint == signer_now(house, "the registrar's keys")


@pytest.mark.parametrize("kind", ["a provider's word", "acknowledgements", "the registrar's keys"])
def test_a_key_may_be_of_another_kind_than_the_one_before(house, kind):
    """From Ed25519 to P-256 and back, and it signs."""
    for alg in (ES256, ED25519, ES256):
        assert rotated(house, kind, alg=alg).signer.alg == alg

    assert signer_now(house, kind) == house.keystore.generations(KINDS[kind][2])[-1].thumbprint
    assert house.audit().ok


def test_what_a_next_key_says_is_accepted(house):
    """A provider's results under a P-256 key that was kept and rotated here."""
    made = rotated(house, "a provider's word", alg=ES256)

    outcomes = house.post(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA))], signer=made.signer)

    assert [one.status for one in outcomes] == ["accepted"]
    assert house.ledger.standings().signed_by(made.signer.thumbprint, [house.size()]) == {house.size()}
    assert house.audit().ok


@pytest.mark.parametrize("reference", [PROVIDER, OPERATOR_BODY])
def test_documents_are_not_signed_with_p256(house, reference):
    """Refused before a key is made."""
    label = CREDENTIAL if reference == OPERATOR_BODY else "95001.credential"

    with pytest.raises(Refusal, match="Ed25519"):
        custody.rotate(house.ledger, reference, CREDENTIAL, alg=ES256)
    assert len(house.keystore.generations(label)) == 1


@pytest.mark.parametrize(
    ("reference", "purpose", "error"),
    [
        (99999, "submission", Absent),
        ("NOBODY", CREDENTIAL, Absent),
        (95002, CREDENTIAL, Refusal),
        (PROVIDER, "keys", Refusal),
        (PROVIDER, "receipt", Refusal),
        (PROVIDER, "no such purpose", Refusal),
        (REGULATOR, CREDENTIAL, Refusal),
        (OPERATOR_BODY, "submission", Refusal),
    ],
)
def test_what_is_not_kept_here_is_not_rotated(house, reference, purpose, error):
    """In words, and no key file is left behind."""
    files = sorted(house.files.keys.iterdir())

    with pytest.raises(error):
        custody.rotate(house.ledger, reference, purpose)
    assert sorted(house.files.keys.iterdir()) == files


def test_an_algorithm_that_there_is_not(house):
    """Refused, and nothing is made."""
    with pytest.raises(LedgerError):
        rotated(house, "a provider's word", alg="RSA")
    assert len(house.keystore.generations(PROVIDER_KEY)) == 1


# ------------------------------------------------------------------ taken into custody


def test_an_interrupted_taking_registers_the_same_keys(house, monkeypatch):
    """Made and not registered: the next attempt says so of these."""
    house.organisation(95009, "provider")
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "submit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            custody.take_into_custody(house.ledger, [95009])
    labels = [custody_label(95009, purpose) for purpose in ("submission", CREDENTIAL)]
    made = [house.keystore.get(label).thumbprint for label in labels]

    custody.take_into_custody(house.ledger, [95009])

    assert [house.ledger.keyring().get(kid).organisation for kid in made] == [organisation_id(95009)] * 2
    with pytest.raises(Refusal, match="already"):
        custody.take_into_custody(house.ledger, [95009])


# ------------------------------------------------------------------ ended and settled


def test_a_retired_key_signs_nothing_more(house):
    """Once is enough: a second time is refused."""
    kid = signer_now(house, "a provider's word")

    outcome = custody.retire(house.ledger, PROVIDER, kid)

    assert house.ledger.keyring().get(kid).retired_at == outcome.position
    with pytest.raises(Unauthorised):
        signer_now(house, "a provider's word")
    with pytest.raises(Refusal):
        custody.retire(house.ledger, PROVIDER, kid)


def test_suspects_are_listed_until_they_are_settled(house):
    """What the key signed from there on, and nothing of other keys or of the ledger itself."""
    before = house.size()
    results = [one.position for one in house.passed(ANA)]
    house.organisation(95009, "provider")
    kid = signer_now(house, "a provider's word")
    custody.revoke(house.ledger, PROVIDER, kid, "stolen", before + 1)
    listed = custody.suspects(house.ledger, kid)

    custody.settle(house.ledger, PROVIDER, kid, results[0], results[0], own=True)
    left = custody.suspects(house.ledger, kid)
    custody.settle(house.ledger, PROVIDER, kid, results[1], results[1], own=False)

    assert listed == [(at, "assessment.passed") for at in results]
    assert left == listed[1:]
    assert custody.suspects(house.ledger, kid) == []
    standings = house.ledger.standings().of(results)
    assert list(standings.values()) == [REAFFIRMED, ANNULLED]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_suspects_are_read_in_batches(house, monkeypatch, batch):
    """All of them, once, in order."""
    learners = people(3)
    house.register(*learners)
    since = house.size() + 1
    house.enrol(*learners)
    house.passed(*learners)
    kid = signer_now(house, "a provider's word")
    custody.revoke(house.ledger, PROVIDER, kid, "stolen", since)
    monkeypatch.setattr(custody, "_TOPIC_BATCH", batch)

    assert [at for at, _ in custody.suspects(house.ledger, kid)] == list(range(since, since + 9))


def test_a_key_that_nobody_suspects_has_no_suspects(house):
    """In force, retired, or revoked without a position."""
    kids = [signer_now(house, kind) for kind in ("a provider's word", "acknowledgements")]
    custody.retire(house.ledger, PROVIDER, kids[0])
    custody.revoke(house.ledger, OPERATOR_BODY, kids[1], "lost", None)

    assert [custody.suspects(house.ledger, kid) for kid in kids] == [[], []]
    with pytest.raises(Absent):
        custody.suspects(house.ledger, "x" * 43)


def test_a_key_that_was_retired_long_ago_turns_out_stolen(house):
    """Suspected up to its retirement; after it, it signed nothing."""
    since = house.size() + 1
    house.passed(ANA)
    made = rotated(house, "a provider's word")
    said = [statement("learner.enrolled", **an_enrolment(one)) for one in people(1)]
    house.register(*people(1))
    house.must(PROVIDER_KEY, said, signer=made.signer)

    custody.revoke(house.ledger, PROVIDER, made.retired[0], "stolen", since)

    assert [at for at, _ in custody.suspects(house.ledger, made.retired[0])] == [since, since + 1]
    assert house.audit().ok


@pytest.mark.parametrize(
    ("reference", "kid", "error"), [(99999, None, Absent), (95002, None, Refusal), (PROVIDER, "x", Refusal)]
)
def test_somebody_elses_key_is_not_ended(house, reference, kid, error):
    """Unknown organisation, another's key, no key: nothing is recorded."""
    kid = kid or signer_now(house, "a provider's word")
    size = house.size()

    with pytest.raises(error):
        custody.revoke(house.ledger, reference, kid, "stolen", None)
    with pytest.raises((Absent, Refusal)):
        custody.retire(house.ledger, reference, kid)
    with pytest.raises((Absent, Refusal)):
        custody.settle(house.ledger, reference, kid, 1, 2, own=True)
    assert house.size() == size


# ------------------------------------------------------------------ from an instant to a position


@pytest.fixture
def dated(house: House) -> tuple[House, dict[int, int]]:
    """The house, and its size at 0, 60 and 120 minutes after now."""
    sizes = {}
    for minutes in (0, 60, 120):
        house.register(*people(1, first=200 + minutes))
        sizes[minutes] = house.size()
        house.clock.advance(timedelta(hours=1))
    return house, sizes


@pytest.mark.parametrize(
    ("minutes", "known"), [(-1, None), (0, 0), (59, 0), (60, 60), (61, 60), (120, 120), (10**6, 120)]
)
def test_without_witnesses_the_records_own_instants_count(dated, minutes, known):
    """The first position after all that was recorded by then: there is only the ledger's own clock."""
    house, sizes = dated

    first = custody.first_position_after(house.ledger, MIDDAY_S + minutes * 60)

    assert first == (1 if known is None else sizes[known] + 1)


def test_what_witnesses_had_seen_bounds_it(house, tmp_path):
    """Recorded at once, witnessed an hour later: an instant in between takes in what no outsider had seen."""
    network = Network(tmp_path / "network", house, 1)
    publisher = witnessed_publisher(house, network, enough=1)
    publisher.publish()
    seen = house.size()
    house.register(*people(1))
    recorded = house.size()
    house.clock.advance(timedelta(hours=1))
    publisher.publish()

    between = custody.first_position_after(house.ledger, MIDDAY_S + 1800)
    after = custody.first_position_after(house.ledger, MIDDAY_S + 3600)

    assert seen < recorded
    assert (between, after) == (seen + 1, recorded + 1)
    network.close()
