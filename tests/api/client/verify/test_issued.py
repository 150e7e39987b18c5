"""Receipts of signing in a bundle: each belongs to one document, by its digest, in whatever order."""

import itertools
import json

import pytest

from api.client.verify import Trust
from api.client.verify.issued import Issuances
from api.client.verify.proofs import Method
from tests.api.client.verify.words import codes, judged, put, sentence, served
from tests.support.credentials import OPERATOR, PROVIDER, World, file_of, zipped
from tests.support.handmade import Key, Witness

WORLD = World()
AWARDS = [WORLD.award(title=title) for title in ("Reefs", "Nets")]
BADGES = [WORLD.badge(award) for award in AWARDS]
INNER = [WORLD.issue(badge) for badge in BADGES]
RECORD = WORLD.record(BADGES)
OUTER = WORLD.issue(RECORD, WORLD.operator, OPERATOR)
ELSEWHERE = WORLD.issue(WORLD.badge(AWARDS[0], put("validFrom", "2026-11-22T03:00:00Z")))
WORLD.later()
RECEIPTS = [WORLD.issued(signing) for signing in (OUTER, *INNER)]
TRUST = Trust.parse(WORLD.trust())
LIST = WORLD.status_list()


def bundle(document, receipts):
    """Return a bundle with these receipts of signing, named as bundles name them."""
    names = ["issued.tlog-proof", *(f"issued-{number}.tlog-proof" for number in range(1, len(receipts)))]
    return zipped({"credential.json": file_of(document), **dict(zip(names, receipts, strict=False))})


def answered(document, *receipts, trust=TRUST):
    """Judge a bundle with these receipts of signing."""
    return judged(bundle(document, receipts), trust=trust, fetch=served(LIST))


def retired(trust):
    """Say that the keys of provider and operator ended with the newest record, and who follows the one."""
    keys = trust["issuers"][0]["keys"]
    keys.append({**keys[0], "multibase": NEXT.multikey})
    keys[0]["to"] = WORLD.size
    trust["operator"]["keys"][0]["to"] = WORLD.size


NEXT = Key("the provider's next key")
ENDED = Trust.parse(WORLD.trust(retired))
FRESH = WORLD.status_list(key=NEXT)  # of today, by the key that is in use


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_receipts_are_matched_by_digest_in_any_order(order):
    """A record's own receipt and those of its awards, whatever their names: years later all verifies."""
    receipts = [RECEIPTS[at] for at in order]

    verdict = judged(bundle(RECORD, receipts), trust=ENDED, fetch=served(FRESH))

    assert codes(verdict) == {}
    assert [one["result"] for one in verdict.credential["awards"]] == ["Verified"] * 2


@pytest.mark.parametrize(
    ("missing", "who"),
    [(0, "The record itself"), (1, "Award 1 of 2, Reefs"), (2, "Award 2 of 2, Nets")],
)
def test_what_has_no_receipt_is_named(missing, who):
    """After its key was retired, a document without its receipt of signing is not verified completely."""
    receipts = [receipt for at, receipt in enumerate(RECEIPTS) if at != missing]

    verdict = judged(bundle(RECORD, receipts), trust=ENDED, fetch=served(FRESH))

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict)[4] == ("not_checked", "key-when")
    assert sentence(verdict, 4).startswith(who)


def test_a_record_with_keys_in_force_needs_no_receipts():
    """As before."""
    bare, whole = answered(RECORD), answered(RECORD, *RECEIPTS)

    assert bare.headline == whole.headline == "Verified"
    assert "on record" not in sentence(bare, 7)
    assert sentence(whole, 7).endswith("The signing of this very document is on record there.")


def test_that_the_very_document_is_on_record_is_said():
    """Check 7 tells of both: the award, and the signing of this document."""
    verdict = answered(BADGES[0], RECEIPTS[1])

    assert verdict.headline == "Verified"
    assert sentence(verdict, 7).endswith("included. The signing of this very document is on record there.")


def test_the_same_document_written_otherwise_is_the_same():
    """White space, order of members and spelling of numbers do not change a document's canonical form."""
    respelled = json.dumps(BADGES[0], sort_keys=True, indent=5).replace("20.0", "2e1").encode()
    members = {"credential.json": respelled, "issued.tlog-proof": RECEIPTS[1]}

    verdict = judged(zipped(members), trust=TRUST, fetch=served(LIST))

    assert "The signing of this very document" in sentence(verdict, 7)


@pytest.mark.parametrize("document", [RECORD, BADGES[0]], ids=["record", "award"])
@pytest.mark.parametrize(
    ("receipt", "code"),
    [
        (WORLD.issued(ELSEWHERE), "issued-other-document"),
        (WORLD.receipt(AWARDS[0]).encode(), "issued-unreadable"),
        (b"\xff", "issued-unreadable"),
        (WORLD.issued(OUTER, lambda opened: opened["claims"].pop()), "issued-incomplete"),
    ],
    ids=["of-another-document", "of-an-award", "not-text", "incomplete"],
)
def test_a_receipt_that_belongs_to_nothing_in_the_bundle_fails(document, receipt, code):
    """Somebody put it there for a reason: the bundle is not as it was handed out."""
    good = RECEIPTS if document is RECORD else RECEIPTS[1:2]

    verdict = answered(document, *good, receipt)

    assert verdict.headline == "Not valid"
    assert codes(verdict) == {7: ("failed", code)}


def test_the_receipt_of_an_award_inside_is_none_of_the_award_alone():
    """A bundle of one award with the receipt of its neighbour."""
    assert codes(answered(BADGES[0], RECEIPTS[2])) == {7: ("failed", "issued-other-document")}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"issuer": OPERATOR}, "issued-issuer"),
        ({"kid": WORLD.stranger.thumbprint}, "issued-key"),
    ],
)
def test_issuer_and_key_on_record_must_be_the_documents(facts, code):
    """A genuine record that names another issuer or key of the same document does not count for it."""
    world = World()
    badge = world.badge(world.award())
    signing = world.issue(badge, **facts)

    verdict = judged(bundle(badge, [world.issued(signing)]), trust=Trust.parse(world.trust()))

    assert codes(verdict)[7] == ("failed", code)


def test_a_receipt_of_a_bad_signature_is_not_looked_at():
    """What carries a bad signature is not looked into any further, its receipts neither."""
    tampered = {**BADGES[0], "name": "Rocket Science"}

    verdict = answered(tampered, RECEIPTS[1])

    assert codes(verdict)[3] == ("failed", "signature")
    assert codes(verdict)[7] == ("not_checked", "bad-signature")


def test_without_a_trust_file_nobody_can_say_who_signed_it():
    """Matched and recomputed, and no more."""
    assert codes(answered(BADGES[0], RECEIPTS[1], trust=None))[7] == ("not_checked", "no-trust-file")


def test_the_earliest_record_counts():
    """A document whose signing is on record twice was signed before the first of them."""
    reef = Witness("reef.example/witness")
    world = World()
    badge = world.badge(world.award())
    first, second = world.issue(badge), world.issue(badge)
    trust = Trust.parse(world.trust(put("witness_policy", f"witness reef {reef.vkey}\nquorum none\n")))
    late = world.issued(second, witnesses={reef: 1_794_000_000})

    found = Issuances([late, world.issued(first), late], [badge], trust, 1_795_000_000_000_000).of(
        badge, Method(PROVIDER, world.provider.multikey), PROVIDER
    )

    assert found.position == first.position
    assert found.witnessed.count == 0


def test_a_kind_of_key_that_is_not_known_is_not_judged():
    """The thumbprint of a key of another kind cannot be compared here."""
    method = Method(PROVIDER, "zDnaekGZTbQBerwcehBSXLqAg6s55hVEBms1zFy89VHXtJSa9")

    found = Issuances([RECEIPTS[1]], [BADGES[0]], TRUST, 1_795_000_000_000_000).of(
        BADGES[0], method, PROVIDER
    )

    assert (str(found.answer.result), found.answer.code) == ("not_checked", "issued-key-kind")
    assert found.position is None


def test_a_document_without_canonical_form_has_no_receipt():
    """A number that JSON readers read differently: no digest, so no receipt is its own."""
    document = {**BADGES[0], "more": 2**60}

    found = Issuances([RECEIPTS[1]], [document], TRUST, 1_795_000_000_000_000)

    assert found.stray.code == "issued-other-document"
    assert found.of(document, None, None).answer is None
