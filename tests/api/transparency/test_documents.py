"""What verifiers fetch: trust file, DID documents, status lists, each signed and each for anyone."""

from datetime import timedelta
from uuid import UUID

import pytest

from api.client.errors import Refused
from api.client.verify import Trust, jsonld, verify
from api.client.verify.status import StatusList, open_status_list
from ledger.access.rows import OWN
from ledger.domain.award import MicrocredentialAwarded
from ledger.founding import REGISTRAR
from ledger.keys.did import did_path
from tests.api.door import OTHER, Door
from tests.support.ledgers import PROVIDER_KEY, registration_of, statement
from tests.support.world import ANA, BEN, PROVIDER

HOST = "https://ledger.example"


@pytest.fixture
def awarding(door):
    """95001 has a key for credentials and has awarded 6022 to Ana and Ben; all of it is published."""
    door.ledger.key("95001.credential", PROVIDER, "credential")
    door.ledger.passed(ANA, BEN)
    door.ledger.award(ANA, BEN)
    door.house.catch_up()
    return door


def trust_of(door: Door) -> Trust:
    """Return the trust file with its signature, as the kit reads them."""
    return Trust.parse(door.get("/trust.json").content, door.get("/trust.json.jws").content)


def awards_of(door: Door) -> list[tuple[UUID, UUID, int]]:
    """Return (learner, award, place in status list 1) of every award, oldest first."""
    ledger = door.ledger.ledger
    stored = ledger.store.select_notifications(1, 100, topics=(MicrocredentialAwarded.TOPIC,))
    events = [ledger.mapper.to_domain_event(one) for one in stored]
    return [(event.subject, event.originator_id, event.status_index) for event in events]


def revoke(door: Door, award: UUID) -> None:
    """Revoke an award, and publish that."""
    said = {"award": str(award), "reason": "issued_in_error", "effective_on": "2026-11-20"}
    door.ledger.must(PROVIDER_KEY, [statement("award.revoked", **said)])
    door.house.catch_up()


# ------------------------------------------------------------------ trust


def test_the_trust_file_is_signed_by_the_operator(awarding):
    """Read and checked by the kit; it names log, operator, the issuer with its key, and the listing."""
    trust = trust_of(awarding)

    assert trust.signed
    assert trust.origin == "ledger.example/log"
    assert trust.as_at_position == awarding.ledger.size()
    assert trust.operator.did == "did:web:ledger.example"
    issuer = trust.issuers["did:web:ledger.example:providers:95001"]
    assert len(issuer.keys) == 1
    assert [(one.code, one.end) for one in issuer.accreditations] == [("6022", None)]
    assert trust.listings["6022", 1].credits == 20
    assert not trust.policy.needs_witnesses


def test_a_changed_trust_file_does_not_hold(awarding):
    """One digit of a position, and the operator has not signed it."""
    data, signature = awarding.get("/trust.json").content, awarding.get("/trust.json.jws").content
    place = f'"as_at_position":{awarding.ledger.size()}'.encode()

    assert place in data
    with pytest.raises(Refused):
        Trust.parse(data.replace(place, place + b"0"), signature)


def test_the_trust_file_stays_the_same_until_the_log_grows(awarding):
    """The same checkpoint: the same bytes and the same fingerprint; a newer one: a newer position."""
    first = awarding.get("/trust.json").content
    awarding.ledger.clock.advance(timedelta(hours=1))
    same = awarding.get("/trust.json").content
    awarding.ledger.organisation(95003, "provider")
    durable = awarding.get("/trust.json").content
    awarding.house.catch_up()
    grown = awarding.get("/trust.json").content

    assert first == same == durable
    assert trust_of(awarding).as_at_position == awarding.ledger.size()
    assert grown != first


# ------------------------------------------------------------------ DID documents


def test_every_issuer_has_its_document_where_its_did_says(awarding):
    """Operator and provider: the keys of the trust file, listed by id for assertions."""
    trust = trust_of(awarding)

    for issuer in (trust.operator, *trust.issuers.values()):
        if not issuer.keys:
            continue
        answer = awarding.get(did_path(issuer.did))
        document = answer.json()
        ids = [f"{issuer.did}#{key.multibase}" for key in issuer.keys]
        assert answer.headers["content-type"] == "application/did+json"
        assert document["id"] == issuer.did
        assert document["assertionMethod"] == ids
        assert [one["id"] for one in document["verificationMethod"]] == ids
        assert [one["publicKeyMultibase"] for one in document["verificationMethod"]] == [
            key.multibase for key in issuer.keys
        ]


def a_body(door: Door, code: str) -> None:
    """Register a body with a code."""
    said = {"body": code, "kind": "ssb_isb", "name": {"en": f"Skills Board {code} (demo)"}}
    door.ledger.must(REGISTRAR, [statement("organisation.registered", valid_from="2024-01-01", **said)])


def a_key_of(door: Door, code: str, label: str) -> None:
    """Register a key for credentials to a body."""
    signer = door.ledger.keystore.create(label)
    door.ledger.must(REGISTRAR, [registration_of(signer, code, "credential")])


def test_a_body_has_its_document_under_bodies(door):
    """`ISB:FOOD_FIBRE` is written `ISB-FOOD_FIBRE`; before it has a key there is none."""
    path = "/bodies/ISB-FOOD_FIBRE/did.json"
    a_body(door, "ISB:FOOD_FIBRE")
    before = door.get(path)
    a_key_of(door, "ISB:FOOD_FIBRE", "isb")

    document = door.get(path).json()

    assert before.status_code == 404
    assert document["id"] == "did:web:ledger.example:bodies:ISB-FOOD_FIBRE"
    assert did_path(document["id"]) == path
    assert len(document["verificationMethod"]) == 1
    assert door.get("/providers/ISB-FOOD_FIBRE/did.json").status_code == 404


def test_bodies_of_like_codes_have_documents_of_their_own(door):
    """`A:B` and `A-B` differ in their identifiers, and so they do in their addresses."""
    for label, code in (("colon", "A:B"), ("hyphen", "A-B")):
        a_body(door, code)
        a_key_of(door, code, label)

    colon, hyphen = (door.get(f"/bodies/{segment}/did.json").json() for segment in ("A-B", "A%2DB"))

    assert colon["id"] == "did:web:ledger.example:bodies:A-B"
    assert hyphen["id"] == "did:web:ledger.example:bodies:A%2DB"
    assert colon["verificationMethod"][0]["publicKeyMultibase"] not in str(hyphen)


def test_a_retired_key_stays_in_the_document(awarding):
    """What it signed is checked with it for ever."""
    before = awarding.get("/providers/95001/did.json").json()
    kid = awarding.ledger.signer("95001.credential").thumbprint
    retired = statement("key.retired", organisation=PROVIDER, kid=kid, from_="2026-11-22")
    awarding.ledger.must(REGISTRAR, [retired])
    awarding.ledger.key("95001.newer", PROVIDER, "credential")

    after = awarding.get("/providers/95001/did.json").json()

    assert after["verificationMethod"][:1] == before["verificationMethod"]
    assert len(after["verificationMethod"]) == 2


@pytest.mark.parametrize(
    "path",
    [
        f"/providers/{OTHER}/did.json",
        "/providers/99999/did.json",
        "/providers/095001/did.json",
        "/providers/nobody/did.json",
        "/providers/..%2f..%2f/did.json",
        "/providers//did.json",
        "/bodies/95001/did.json",
        "/providers/OPERATOR/did.json",
        "/bodies/NOBODY/did.json",
    ],
)
def test_who_has_no_such_identifier_has_no_document(awarding, path):
    """Nobody, somebody without a key, or somebody whose identifier says another address."""
    answer = awarding.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


# ------------------------------------------------------------------ status lists


def listed(door: Door) -> StatusList:
    """Return 95001's first status list, its signature, issuer and form checked by the verifier."""
    answer = door.get("/status/95001/1", accept="application/vc")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vc"
    assert answer.headers["cache-control"] == "public, max-age=300"
    found = open_status_list(
        answer.json(),
        f"{HOST}/status/95001/1",
        "did:web:ledger.example:providers:95001",
        trust_of(door),
        jsonld.pinned().canonical,
    )
    assert isinstance(found, StatusList), found
    return found


def test_a_status_list_is_signed_and_flips_one_bit_on_revocation(awarding):
    """131 072 bits, none set; after Ben's award is revoked exactly his."""
    (_, _, of_ana), (_, bens, of_ben) = awards_of(awarding)
    before = listed(awarding)

    revoke(awarding, bens)
    after = listed(awarding)

    assert len(before.bits) * 8 == 131_072
    assert not any(before.bits)
    assert (after.bit(of_ana), after.bit(of_ben)) == (False, True)
    assert sum(byte.bit_count() for byte in after.bits) == 1


def test_who_asks_over_http_learns_of_a_revocation(awarding):
    """The verifier, with this door as its network: verified before, not valid after."""
    learner, award, _ = awards_of(awarding)[1]
    badge = awarding.house.issuer.export(learner, "ob3", award, reader=OWN).data

    before, after = (_headline(awarding, badge), (revoke(awarding, award), _headline(awarding, badge))[1])

    assert before.startswith("Verified")
    assert after == "Not valid"


def _headline(door: Door, credential: bytes) -> str:
    def fetch(url: str, /) -> bytes:
        assert url == f"{HOST}/status/95001/1"
        return door.get(url.removeprefix(HOST), accept="application/vc").content

    verdict = verify(credential, trust=trust_of(door), fetch=fetch, now_us=door.ledger.clock.now_us())
    return str(verdict.headline)


def test_a_status_list_stays_fresh(awarding):
    """The same bytes for a while; signed again before its 48 hours are over, so none expires unnoticed."""
    first = awarding.get("/status/95001/1").json()
    awarding.ledger.clock.advance(timedelta(hours=23))
    later = awarding.get("/status/95001/1").json()
    awarding.ledger.clock.advance(timedelta(hours=2))
    renewed = awarding.get("/status/95001/1").json()

    assert later == first
    assert renewed["validFrom"] > first["validFrom"]
    assert renewed["credentialSubject"] == first["credentialSubject"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/status/95001/2", 404),
        ("/status/95001/0", 404),
        ("/status/95002/1", 404),
        ("/status/99999/1", 404),
        ("/status/95001/one", 400),
        ("/status/95001/-1", 400),
        ("/status/95001/99999999999999999999", 400),
        ("/status/95001/", 404),
    ],
)
def test_a_status_list_that_is_none(awarding, path, status):
    """404 where an issuer has no such list, 400 where it is no number."""
    assert awarding.get(path).status_code == status
