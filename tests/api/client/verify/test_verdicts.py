"""A genuine award, record and bundle are recognised for what they are; what is not known is said."""

import json

import pytest

from api.client.errors import Unreachable
from api.client.verify import Trust
from tests.api.client.verify.words import (
    AWARD,
    BADGE,
    LIST,
    PASSED,
    TRUST,
    WORLD,
    codes,
    edited,
    judged,
    put,
    results,
    sentence,
    served,
)
from tests.support.credentials import NOW_US, World, file_of, zipped


def no_network(_url, /):
    """Stand for a network that is off."""
    raise Unreachable("there is no network")


def test_a_genuine_award_is_verified():
    """With its issuer's list and the trust file, an untouched award passes all nine checks."""
    verdict = judged(BADGE)

    assert verdict.headline == "Verified"
    assert results(verdict) == PASSED
    assert verdict.exit_code == 0


def test_a_bundle_is_verified_with_the_network_off():
    """A bundle brings the status list, so nothing has to be fetched."""
    verdict = judged(WORLD.bundle(BADGE, [LIST]), fetch=no_network)

    assert verdict.headline == "Verified"


def test_the_verdict_as_json_has_the_settled_shape():
    """A verdict is headline, nine checks and the credential, and survives JSON."""
    said = judged(BADGE).as_json()

    assert json.loads(json.dumps(said)) == said
    assert said.keys() == {"headline", "checks", "credential"}
    assert [check["number"] for check in said["checks"]] == list(range(1, 10))
    assert all(check.keys() == {"number", "name", "result", "code", "sentence"} for check in said["checks"])
    assert said["credential"] == {
        "type": "award",
        "id": BADGE["id"],
        "name": "Ana Sample",
        "title": "Aquaculture Biosecurity",
        "code": "6022",
        "version": "1",
        "level": 4,
        "credits": 20,
        "hours": 200,
        "completed_on": "2026-10-16",
        "awarded_on": "2026-10-30",
        "awarded_by": "Harbourlight Polytechnic (demo)",
        "outcomes": [
            {"id": "LO1", "text": "Identify biosecurity hazards on a site", "grade": "M"},
            {"id": "LO2", "text": "Carry out a biosecurity plan", "grade": "A"},
        ],
        "state": "in force",
    }


def test_the_text_is_for_people():
    """The text names award, learner, day and provider in words, each check in one line or a few."""
    text = judged(BADGE).text()

    assert text.startswith("VERIFIED\n")
    for words in (
        "Ana Sample",
        "30 October 2026",
        "200 hours",
        "Merit",
        "Compare the name",
        "passed       9",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_without_a_trust_file_nobody_is_recognised():
    """Checks 4, 7, 8 and 9 need a trust file; without one the award is neither good nor bad."""
    verdict = judged(WORLD.bundle(BADGE, [LIST]), trust=None)

    assert verdict.headline == "Could not be verified completely"
    assert verdict.exit_code == 5
    assert codes(verdict) == dict.fromkeys((4, 7, 8, 9), ("not_checked", "no-trust-file"))
    assert verdict.credential["state"] == "not known"


def test_a_trust_file_inside_a_bundle_is_never_trusted():
    """A bundle with its own trust file answers as one without."""
    with_trust = judged(WORLD.bundle(BADGE, [LIST]), trust=None)
    without = judged(
        zipped({"credential.json": file_of(BADGE), "status-list.json": file_of(LIST)}), trust=None
    )

    assert codes(with_trust) == codes(without)


def test_without_a_status_list_revocation_is_not_known():
    """No list in reach: the award may have been revoked, and the verdict says so."""
    verdict = judged(BADGE, fetch=no_network)

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict) == {6: ("not_checked", "status-list-missing")}
    assert verdict.credential["state"] == "not known"


def test_an_award_without_receipt_is_not_verified_completely():
    """An award exported before it was published carries no receipt; it cannot pass check 7."""
    verdict = judged(WORLD.badge(AWARD, lambda badge: badge.pop("evidence")))

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict) == {7: ("not_checked", "receipt-missing")}


def test_the_receipt_beside_an_award_in_a_bundle_counts_as_its_own():
    """A bundle may bring a receipt that the credential did not have yet."""
    badge = WORLD.badge(AWARD, lambda badge: badge.pop("evidence"))
    receipt = {"award.tlog-proof": WORLD.receipt(AWARD).encode()}

    assert judged(WORLD.bundle(badge, [LIST], receipt)).headline == "Verified"
    assert codes(judged(WORLD.bundle(badge, [LIST], {"award.tlog-proof": b"\xff"}))) == {
        7: ("failed", "receipt-unreadable")
    }


@pytest.mark.parametrize(
    "same",
    [
        lambda badge: json.dumps(badge, indent=7).encode(),
        lambda badge: json.dumps(badge, separators=(",", ":")).encode(),
        lambda badge: json.dumps(badge, sort_keys=True).encode(),
        lambda badge: json.dumps(badge).replace(" 20.0,", " 20.00,").replace(" 20.0,", " 2e1,").encode(),
        lambda badge: json.dumps(badge).replace(" 20.0", " 20").encode(),
        lambda badge: b"\xef\xbb\xbf" + json.dumps(badge, ensure_ascii=False).encode(),
    ],
    ids=["indented", "compact", "sorted", "20.00", "20", "byte-order-mark"],
)
def test_what_says_the_same_is_the_same(same):
    """White space, order of members, spellings of a number: not tampering."""
    assert judged(same(BADGE)).headline == "Verified"


@pytest.mark.parametrize(
    "path", [("credentialSubject", "result"), ("credentialSubject", "achievement", "alignment")]
)
def test_a_reordered_list_is_the_same(path):
    """Lists are sets to a signature, apart from the few that are not: reordering one changes nothing."""

    def reverse(badge):
        for name in path:
            badge = badge[name]
        badge.reverse()

    verdict = judged(edited(BADGE, reverse))

    assert verdict.headline == "Verified"
    assert sorted(one["grade"] for one in verdict.credential["outcomes"]) == ["A", "M"]


# ------------------------------------------------------------------ records


@pytest.fixture(scope="module")
def three():
    """Return a world with three awards, their badges, and its trust file."""
    world = World()
    awards = [world.award(title=title) for title in ("Reefs", "Nets", "Tides")]
    return world, awards, [world.badge(award) for award in awards], Trust.parse(world.trust())


def test_a_record_is_verified_with_every_award_in_it(three):
    """A record passes when it and each of its awards do, and shows each award with its own result."""
    world, _, badges, trust = three

    verdict = judged(world.record(badges), trust=trust)

    assert verdict.headline == "Verified"
    assert verdict.credential["title"] == "Record of Achievement"
    assert [(one["title"], one["result"], one["state"]) for one in verdict.credential["awards"]] == [
        (title, "Verified", "in force") for title in ("Reefs", "Nets", "Tides")
    ]
    assert "3 awards" in sentence(verdict, 6)
    assert "RECORD" not in verdict.text()
    assert "Nets (6022, version 1)" in verdict.text()


def test_a_record_of_one_award_speaks_of_one():
    """Sentences about one award are about one."""
    verdict = judged(WORLD.record([BADGE]))

    assert verdict.headline == "Verified"
    assert sentence(verdict, 6) == "The award in it has not been revoked, by the list of its issuer."
    assert not any("awards" in check.sentence for check in verdict.checks)


def test_one_revoked_award_makes_a_record_not_valid_and_is_named(three):
    """An employer must see which award was revoked, and that the others stand."""
    world, awards, badges, trust = three
    revoked = world.status_list([awards[1].status_index])

    verdict = judged(world.record(badges), trust=trust, fetch=served(revoked))

    assert verdict.headline == "Not valid"
    assert codes(verdict) == {6: ("failed", "revoked")}
    assert sentence(verdict, 6).startswith("Award 2 of 3, Nets (6022): It has been revoked")
    assert [one["state"] for one in verdict.credential["awards"]] == ["in force", "revoked", "in force"]
    assert [one["result"] for one in verdict.credential["awards"]] == ["Verified", "Not valid", "Verified"]


def test_one_tampered_award_makes_a_record_not_valid(three):
    """A record re-signed around a changed award fails for that award, and the others are still judged."""
    world, _, badges, trust = three
    forged = edited(badges[2], put("credentialSubject", "result", 0, "value", "E"))

    verdict = judged(world.record([*badges[:2], forged]), trust=trust)

    assert verdict.headline == "Not valid"
    assert codes(verdict)[3] == ("failed", "signature")
    assert sentence(verdict, 3).startswith("Award 3 of 3, Tides")
    assert verdict.credential["awards"][0]["result"] == "Verified"
    assert all(result == "not_checked" for number, result in results(verdict).items() if number > 3)


def test_a_record_changed_around_its_awards_is_not_valid(three):
    """The record's own signature covers the awards: leaving one out breaks it, and stops the rest."""
    world, _, badges, trust = three
    record = world.record(badges)

    verdict = judged(
        edited(record, lambda one: one["credentialSubject"]["verifiableCredential"].pop()), trust=trust
    )

    assert verdict.headline == "Not valid"
    assert codes(verdict)[3] == ("failed", "signature")
    assert sentence(verdict, 3).startswith("The record itself")
    assert {results(verdict)[number] for number in range(4, 10)} == {"not_checked"}


def test_a_record_signed_by_a_provider_is_not_one(three):
    """Records are issued by the operator: a provider's signature on one is not recognised."""
    world, _, badges, trust = three

    verdict = judged(world.record(badges, key=world.provider), trust=trust)

    assert codes(verdict)[4] == ("failed", "key-not-registered")


def test_awards_of_two_people_do_not_make_a_record(three):
    """An award about somebody else has no place in a record, even if both are genuine."""
    world, _, badges, trust = three

    def of_another(badge):
        badge["credentialSubject"]["id"] = "urn:uuid:0192f5c4-0000-7cc1-9d1e-00000000dead"

    record = world.record([badges[0], world.badge(three[1][1], of_another)])

    assert codes(judged(record, trust=trust)) == {2: ("failed", "profile")}


def test_many_faults_are_counted_not_listed():
    """In a long record the first three awards with a fault are named, the others counted; it is said once."""
    world = World()
    awards = [world.award() for _ in range(6)]
    record = world.record([world.badge(award) for award in awards])
    revoked = world.status_list([award.status_index for award in awards[:5]])

    verdict = judged(record, trust=Trust.parse(world.trust()), fetch=served(revoked))

    assert sentence(verdict, 6).count("Award ") == 3
    assert "; and 2 more awards: It has been revoked" in sentence(verdict, 6)


def test_many_different_faults_are_counted_too():
    """Where every award has a fault of its own, three are said and the others counted."""
    world = World()
    badges = []
    for number in range(5):
        expired = put("validUntil", f"2026-11-22T0{number}:30:00Z")
        badges.append(world.badge(world.award(), expired))

    verdict = judged(world.record(badges), trust=Trust.parse(world.trust()))

    assert codes(verdict) == {5: ("failed", "expired")}
    assert sentence(verdict, 5).count("expired on") == 3
    assert sentence(verdict, 5).endswith("And 2 more things like these.")


def test_what_is_true_of_all_is_said_once():
    """Without a trust file the same sentence holds for the record and each award."""
    verdict = judged(WORLD.record([BADGE]), trust=None)

    assert sentence(verdict, 4).startswith("The record and every award in it: Without a trust file")
    assert sentence(verdict, 9).startswith("Award 1 of 1, Aquaculture Biosecurity (6022): Without")


def test_what_is_true_of_every_award_is_said_of_every_award(three):
    """A record has no receipt of its own: what every award lacks is said of the awards."""
    world, awards, _, trust = three
    bare = [world.badge(award, lambda badge: badge.pop("evidence")) for award in awards]

    assert sentence(judged(world.record(bare), trust=trust), 7).startswith("Every award in it: It carries no")


def test_a_record_bundle_brings_the_lists_of_all_its_awards(three):
    """A bundle of a record holds one list for each issuer, numbered; the one that is named is found."""
    world, _, badges, trust = three
    other = world.status_list(edit=put("id", "https://ledger.example/status/95002/1"))

    verdict = judged(
        world.bundle(world.record(badges), [other, world.status_list()]), trust=trust, fetch=no_network
    )

    assert verdict.headline == "Verified"


def test_each_list_is_looked_up_once(three):
    """Awards that share a list cost one look-up."""
    world, _, badges, trust = three
    asked = []

    def fetch(url, /):
        asked.append(url)
        return file_of(LIST)

    assert judged(world.record(badges), trust=trust, fetch=fetch).headline == "Verified"
    assert asked == [LIST["id"]]


def test_a_record_without_awards_says_nothing():
    """A record that holds nothing that could be checked is not verified."""
    record = WORLD.record([BADGE], put("credentialSubject", "verifiableCredential", ["urn:uuid:x"]))

    verdict = judged(record)

    assert verdict.headline == "Not valid"
    assert codes(verdict)[9] == ("not_checked", "no-awards")


def test_a_verdict_needs_only_the_time_it_is_given():
    """The clock comes in as an argument: an award of tomorrow is not valid today."""
    yesterday = judged(BADGE, trust=TRUST, now_us=NOW_US - 2 * 86_400_000_000)

    assert codes(yesterday)[5] == ("failed", "not-yet-valid")
