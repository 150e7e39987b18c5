"""Every check can fail: credentials that are well signed and yet wrong, one fault each."""

import pytest

from api.client.verify import Trust
from api.client.verify.plain import day_of, instant, instant_of_us
from tests.api.client.verify.words import (
    AWARD,
    BADGE,
    LIST,
    WORLD,
    YES,
    codes,
    drop,
    edited,
    judged,
    put,
    sentence,
)
from tests.support.credentials import NOW_US, PROVIDER, World
from tests.support.handmade import HOST, Key, rfc3339

DAY_US = 86_400_000_000
ACHIEVEMENT = ("credentialSubject", "achievement")


def signed_with(edit, **how):
    """Return the award with a fault in it, signed by its issuer all the same."""
    return WORLD.badge(AWARD, edit, **how)


# ------------------------------------------------------------------ 2 form


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(drop("credentialSchema", 0, "type"), id="schema-without-type"),
        pytest.param(put("@context", BADGE["@context"][::-1]), id="contexts-in-another-order"),
        pytest.param(put("id", "https://ledger.example/awards/1"), id="id-that-phones-home"),
        pytest.param(put("issuer", "type", ["Achievement"]), id="issuer-no-profile"),
        pytest.param(put("issuer", PROVIDER), id="issuer-not-an-object"),
        pytest.param(drop("issuer", "name"), id="issuer-without-name"),
        pytest.param(drop("awardedDate"), id="no-day-of-award"),
        pytest.param(put("awardedDate", "2026-10-30"), id="day-without-time"),
        pytest.param(drop("credentialStatus"), id="no-status"),
        pytest.param(
            put("credentialStatus", [BADGE["credentialStatus"], BADGE["credentialStatus"]]),
            id="two-status-entries",
        ),
        pytest.param(put("credentialStatus", "statusPurpose", "suspension"), id="another-purpose"),
        pytest.param(put("credentialStatus", "statusListIndex", 88412), id="index-a-number"),
        pytest.param(drop(*ACHIEVEMENT, "criteria"), id="no-criteria"),
        pytest.param(drop(*ACHIEVEMENT, "alignment", 0), id="no-level"),
        pytest.param(put(*ACHIEVEMENT, "achievementType", "Course"), id="not-a-micro-credential"),
        pytest.param(put("credentialSubject", "identifier", 0, "hashed", YES), id="hashed-name"),
        pytest.param(put("credentialSubject", "identifier", 0, "hashed", "false"), id="hashed-as-text"),
        pytest.param(put("credentialSubject", "creditsEarned", "20"), id="credits-as-text"),
        pytest.param(put("credentialSubject", "creditsEarned", 30.0), id="more-credits-than-carried"),
        pytest.param(put("credentialSubject", "result", 0, "value", "Z"), id="grade-that-does-not-exist"),
        pytest.param(
            put("credentialSubject", "result", 0, "resultDescription", "urn:x:1"), id="result-of-nothing"
        ),
        pytest.param(drop("credentialSubject", "result", 0, "value"), id="result-without-value"),
        pytest.param(put("evidence", 0, "genre", ""), id="empty-text"),
    ],
)
def test_an_award_of_another_form_is_refused(edit):
    """What our profile or the rules of Open Badges ask for is there, in its place and of its kind."""
    verdict = judged(signed_with(edit))

    assert verdict.headline == "Not valid"
    assert codes(verdict)[2][0] == "failed"
    assert 3 not in codes(verdict)


@pytest.mark.parametrize("member", ["jti", "endorsementJwt", "_sd", "iss"])
def test_claims_of_other_formats_are_refused(member):
    """Members that contexts define differently from version to version are never in an award."""
    badge = dict(BADGE, **{member: "x"})

    assert codes(judged(badge))[2] == ("failed", "undefined-term")


def test_two_levels_in_one_award_are_refused():
    """A reader must not have to choose which level to believe."""

    def second_level(badge):
        alignment = badge["credentialSubject"]["achievement"]["alignment"]
        alignment.append({**alignment[0], "targetCode": "7"})

    assert codes(judged(signed_with(second_level)))[2] == ("failed", "profile")


def twice(*path):
    """Return an edit that puts the first of a list there a second time, under another id."""

    def edit(badge):
        there = badge
        for name in path:
            there = there[name]
        copy = {name: f"{value}0" if name == "id" else value for name, value in there[0].items()}
        there.append(copy)

    return edit


@pytest.mark.parametrize(
    ("path", "words"),
    [(("evidence",), "two receipts"), (("credentialSubject", "result"), "two values for one thing")],
)
def test_what_is_looked_up_stands_once(path, words):
    """A second receipt, or a second grade for an outcome, would be a choice."""
    assert words in sentence(judged(signed_with(twice(*path))), 2)


def test_a_proof_holds_nothing_but_what_belongs_there():
    """A member that we do not know may change what a proof means."""
    verdict = judged(signed_with(None, proof=put("domain", "ledger.example")))

    assert "does not belong there" in sentence(verdict, 2)


def test_a_list_is_a_list():
    """One thing where a list belongs has the same signature, and is not what readers expect."""
    alone = edited(BADGE, put("evidence", BADGE["evidence"][0]))

    assert codes(judged(alone)) == {2: ("failed", "profile"), 7: ("not_checked", "receipt-missing")}


def test_two_things_under_one_id_are_refused():
    """JSON-LD merges objects of one id, so parts could be moved from one to the other unseen."""

    def merged(badge):
        badge["evidence"].append({"id": badge["evidence"][0]["id"], "type": ["Evidence"], "name": "Another"})

    assert "one id" in sentence(judged(signed_with(merged)), 2)


def test_a_provider_that_is_also_the_developer_may_stand_twice():
    """Issuer and creator may be one body."""
    badge = signed_with(put("credentialSubject", "achievement", "creator", "id", PROVIDER))

    assert judged(badge).headline == "Verified"


def test_an_award_inside_an_award_is_refused():
    """A second context inside could give words another meaning there."""
    badge = signed_with(put("credentialSubject", "achievement", "@context", BADGE["@context"][1]))

    assert codes(judged(badge))[2][0] == "failed"


# ------------------------------------------------------------------ 3 and 4 signature and key


def test_an_unsigned_award_is_not_valid():
    """Anyone can write an award down."""
    verdict = judged({name: value for name, value in BADGE.items() if name != "proof"})

    assert codes(verdict)[3] == ("failed", "unsigned")


def test_a_signature_for_another_purpose_is_none():
    """A proof of, say, authentication is not the issuer's word about an award."""
    verdict = judged(signed_with(None, proof=put("proofPurpose", "authentication")))

    assert codes(verdict)[3] == ("failed", "unsigned")


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (put("proof", "proofValue", "zabc0"), "signature-form"),
        (put("proof", "proofValue", "z" + "2" * 300), "signature-form"),
        (put("proof", "proofValue", "zabc"), "signature-form"),
        (put("proof", "verificationMethod", f"{PROVIDER}#key-1"), "signature-form"),
        (put("proof", "verificationMethod", PROVIDER), "signature-form"),
        (put("proof", [BADGE["proof"]] * 5), "signature-form"),
        (put("proof", "signed"), "signature-form"),
    ],
)
def test_what_is_no_signature_proves_nothing(edit, code):
    """A proof that is not set out as one does not hold."""
    assert codes(judged(edited(BADGE, edit)))[3] == ("failed", code)


def test_every_one_of_two_signatures_must_hold():
    """A second, bad signature beside a good one is a bad signature."""
    good, bad = BADGE["proof"], dict(BADGE["proof"], created="2026-11-22T01:15:09Z")

    assert codes(judged({**BADGE, "proof": [good, bad]}))[3] == ("failed", "signature")
    assert judged({**BADGE, "proof": [good]}).headline == "Verified"


def test_a_second_signature_of_an_unknown_kind_is_neither_good_nor_bad():
    """A kind of signature that this program does not know is said to be that."""
    unknown = dict(BADGE["proof"], cryptosuite="eddsa-rdfc-2035")

    verdict = judged({**BADGE, "proof": [BADGE["proof"], unknown]})

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict) == {3: ("not_checked", "signature-kind")}


def test_the_first_signature_is_of_the_kind_that_awards_carry():
    """Naming an unknown kind of signature does not turn a bad award into a doubtful one."""
    verdict = judged(signed_with(None, proof=put("cryptosuite", "eddsa-rdfc-2035")))

    assert codes(verdict)[2] == ("failed", "profile")
    assert verdict.headline == "Not valid"


def test_without_a_named_key_nobody_signed():
    """An unknown kind of signature that names no key in our way leaves the key unknown."""
    verdict = judged(edited(BADGE, put("proof", {"proofPurpose": "assertionMethod", "type": "Other"})))

    assert codes(verdict)[3] == ("not_checked", "signature-kind")
    assert codes(verdict)[4] == ("not_checked", "key-unknown")


def test_a_key_of_somebody_else_than_the_issuer_does_not_count():
    """The key stands in the name of the issuer, or it is not the issuer's."""
    verdict = judged(signed_with(None, did=f"did:web:{HOST}:providers:95002"))

    assert codes(verdict)[4] == ("failed", "key-of-another")


def key_span(start, end):
    """Return an edit of the trust file: when the provider's key counts."""

    def edit(trust):
        trust["issuers"][0]["keys"][0].update({"from": start, "to": end})

    return edit


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (WORLD.size, None, None),
        (WORLD.size + 1, None, None),
        (3, WORLD.size + 1, ("not_checked", "key-when")),
        (3, WORLD.size, ("failed", "key-retired")),
    ],
    ids=["just-registered", "registered-later", "about-to-be-retired", "just-retired"],
)
def test_the_receipt_inside_says_the_earliest_only(start, end, found):
    """An award was signed no earlier than the receipt in it, and may have been signed any time after.

    So with a key in force it passes, even one that is younger than the receipt; with one that was
    retired after the receipt it may be either; with one that was retired before it is not valid.
    """
    trust = Trust.parse(WORLD.trust(key_span(start, end)))

    assert codes(judged(BADGE, trust=trust)).get(4) == found


def test_a_receipt_beside_an_award_says_nothing_of_when_it_was_signed():
    """The receipt that a bundle brings may be younger than the award's signature."""
    bundle = WORLD.bundle(
        signed_with(drop("evidence")), [LIST], {"award.tlog-proof": WORLD.receipt(AWARD).encode()}
    )

    verdict = judged(bundle, trust=Trust.parse(WORLD.trust(key_span(3, WORLD.size))))

    assert codes(verdict)[4] == ("not_checked", "key-when")


def test_without_a_receipt_a_retired_key_cannot_be_judged():
    """Only a receipt says when an award was signed: without one a retired key proves nothing."""
    badge = signed_with(drop("evidence"))

    assert codes(judged(badge, trust=Trust.parse(WORLD.trust(key_span(3, 9)))))[4] == (
        "not_checked",
        "key-when",
    )
    assert 4 not in codes(judged(badge))


def test_a_key_of_another_purpose_does_not_sign_credentials():
    """A key registered for submissions signs no awards."""
    trust = Trust.parse(WORLD.trust(put("issuers", 0, "keys", 0, "purpose", "submission")))

    assert codes(judged(BADGE, trust=trust))[4] == ("failed", "key-not-registered")


def test_an_old_trust_file_is_said_to_be_old():
    """What an older trust file does not know, a newer one may: that is no fault of the award."""
    world = World()
    early = Trust.parse(world.trust(put("issuers", 0, "keys", 0, "multibase", Key("before").multikey)))
    badge = world.badge(world.award())

    old = ("not_checked", "trust-file-old")
    assert codes(judged(badge, trust=early)) == {4: old, 6: old}


@pytest.mark.parametrize(
    "edit",
    [
        put("issuers", 0, "did", f"did:web:{HOST}:providers:1"),
        put("microcredentials", 0, "code", "1"),
        put("issuers", 0, "accreditations", []),
    ],
    ids=["issuer", "micro-credential", "accreditation"],
)
def test_what_only_a_newer_trust_file_can_know_is_not_failed(edit):
    """Issuer, listing or accreditation may have been recorded after the trust file was made."""
    world = World()
    early = Trust.parse(world.trust(edit))
    verdict = judged(world.badge(world.award()), trust=early)

    assert verdict.headline == "Could not be verified completely"
    assert ("not_checked", "trust-file-old") in codes(verdict).values()


# ------------------------------------------------------------------ 5 dates


@pytest.mark.parametrize(
    ("edit", "proof", "code"),
    [
        (put("validFrom", "2026-11-23T00:06:00Z"), None, "not-yet-valid"),
        (put("validUntil", "2026-11-22T23:59:59Z"), None, "expired"),
        (None, put("expires", "2026-11-22T23:00:00Z"), "signature-expired"),
        (put("credentialSubject", "activityStartDate", "2026-10-17T00:00:00Z"), None, "dates-order"),
        (put("validFrom", "2026-10-29T10:59:59Z"), None, "dates-order"),
    ],
)
def test_dates_out_of_order_fail(edit, proof, code):
    """Not yet, no longer, or impossible: each is named."""
    assert codes(judged(signed_with(edit, proof=proof)))[5] == ("failed", code)


def test_days_are_counted_in_new_zealand():
    """An award of the 30th may be signed when it is still the 29th in London."""
    badge = signed_with(
        put("validFrom", "2026-10-29T11:00:00Z"), proof=put("created", "2026-10-29T11:00:00Z")
    )

    assert 5 not in codes(judged(badge))


def test_a_few_minutes_of_clock_are_forgiven():
    """A clock that is a little behind does not make a fresh award invalid."""
    assert 5 not in codes(judged(signed_with(put("validFrom", "2026-11-23T00:04:00Z"))))


def test_a_credential_without_dates_is_not_judged_by_them():
    """What cannot be found cannot be checked; the form has failed already."""
    assert codes(judged(signed_with(drop("validFrom"))))[5] == ("not_checked", "dates-missing")
    assert codes(judged(signed_with(put("validUntil", "soon"))))[5] == ("not_checked", "dates-missing")


# ------------------------------------------------------------------ 8 issuer


def test_an_unknown_issuer_is_not_recognised():
    """A provider that the trust file does not name is nobody's; its keys cannot be judged."""
    other = Trust.parse(WORLD.trust(put("issuers", [])))
    verdict = judged(BADGE, trust=other)

    assert codes(verdict)[8] == ("failed", "issuer-unknown")
    assert codes(verdict)[4] == ("not_checked", "key-issuer-unknown")
    assert codes(verdict)[9] == ("not_checked", "award-unclear")


def test_an_issuer_under_another_name_is_a_note():
    """A body may be renamed; what it is registered as is said."""
    verdict = judged(
        BADGE, trust=Trust.parse(WORLD.trust(put("issuers", 0, "name", "Renamed Polytechnic (demo)")))
    )

    assert verdict.headline == "Verified, with notes"
    assert verdict.exit_code == 0
    assert codes(verdict) == {8: ("warning", "issuer-name")}
    assert "Renamed Polytechnic (demo)" in sentence(verdict, 8)


def test_an_issuer_under_another_number_fails():
    """The number is how the regulator knows a provider."""
    trust = Trust.parse(WORLD.trust(put("issuers", 0, "number", 95002)))

    assert codes(judged(BADGE, trust=trust))[8] == ("failed", "issuer-number")


def test_a_record_without_a_trust_file_is_nobodys():
    """Without a trust file neither the operator nor the providers are recognised."""
    verdict = judged(WORLD.bundle(WORLD.record([BADGE]), [LIST]), trust=None)

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict)[8] == ("not_checked", "no-trust-file")


def test_a_record_of_another_operator_is_not_recognised():
    """Only the operator of the ledger one trusts issues records."""

    def other(trust):
        trust["operator"]["did"] = "did:web:other.example"

    verdict = judged(WORLD.record([BADGE]), trust=Trust.parse(WORLD.trust(other)))

    assert codes(verdict)[8] == ("failed", "issuer-not-operator")
    assert sentence(verdict, 8).startswith("The record itself")


# ------------------------------------------------------------------ 9 accreditation


def test_an_award_on_another_ground_is_noted():
    """Who awarded with good reason claims no accreditation; that the log took it is noted, not failed."""

    def without_claim(badge):
        achievement = badge["credentialSubject"]["achievement"]
        achievement["alignment"] = [
            one for one in achievement["alignment"] if one["targetType"] != "ext:NZQAConsentToAssess"
        ]

    trust = Trust.parse(WORLD.trust(put("issuers", 0, "accreditations", [])))
    verdict = judged(signed_with(without_claim), trust=trust)

    assert codes(verdict)[9] == ("warning", "other-ground")
    assert verdict.headline == "Verified, with notes"


@pytest.mark.parametrize(
    ("edit", "result", "code"),
    [
        (put("issuers", 0, "accreditations", 0, "from", "2026-10-31"), "failed", "not-accredited"),
        (put("issuers", 0, "accreditations", 0, "to", "2026-10-29"), "failed", "not-accredited"),
        (put("issuers", 0, "accreditations", 0, "code", "6099"), "failed", "not-accredited"),
        (put("issuers", 0, "accreditations", 0, "versions", [2]), "failed", "not-accredited"),
        (put("issuers", 0, "accreditations", 0, "to", "2026-10-30"), "warning", "no-longer-accredited"),
        (put("microcredentials", 0, "listed_on", "2026-10-31"), "failed", "not-yet-listed"),
        (put("microcredentials", 0, "version", 2), "failed", "not-listed"),
        (put("microcredentials", 0, "discontinued_on", "2026-10-15"), "failed", "discontinued"),
        (put("microcredentials", 0, "discontinued_on", "2026-11-01"), "warning", "no-longer-listed"),
        (put("microcredentials", 0, "discontinued_on", "2026-10-16"), "warning", "no-longer-listed"),
    ],
    ids=[
        "accredited-later",
        "ended-before",
        "for-another-code",
        "for-another-version",
        "ended-since",
        "listed-later",
        "version-not-listed",
        "discontinued-before",
        "discontinued-since",
        "completed-by-the-day-it-was-discontinued",
    ],
)
def test_accreditation_and_listing_count_on_the_day_of_award(edit, result, code):
    """What held on the day counts; what ended since is a note, not a fault."""
    verdict = judged(BADGE, trust=Trust.parse(WORLD.trust(edit)))

    assert codes(verdict) == {9: (result, code)}
    assert verdict.headline == ("Not valid" if result == "failed" else "Verified, with notes")


def test_days_on_the_edge_count():
    """First and last day of an accreditation, and the day of listing, are days on which one may award."""

    def edges(trust):
        trust["issuers"][0]["accreditations"][0].update({"from": "2026-10-30", "to": "2026-12-01"})
        trust["microcredentials"][0]["listed_on"] = "2026-10-30"

    assert judged(BADGE, trust=Trust.parse(WORLD.trust(edges))).headline == "Verified"


def test_an_award_of_long_ago_stays_verified():
    """Ten years on, with the list of that time, an award is verified with a note."""
    in_ten_years = NOW_US + 3650 * DAY_US

    verdict = judged(BADGE, now_us=in_ten_years)

    assert verdict.headline == "Verified, with notes"
    assert codes(verdict) == {6: ("warning", "status-list-expired")}


def test_version_and_code_of_odd_forms_are_not_checked():
    """A version that is no number names no listing."""
    badge = signed_with(put("credentialSubject", "achievement", "version", "one"))

    assert codes(judged(badge))[9] == ("not_checked", "award-unclear")


def test_what_an_answer_says_is_safe_to_print():
    """Text of a stranger reaches a terminal without control characters or reversed writing."""
    badge = signed_with(put("credentialSubject", "achievement", "name", "A\u202eB\u2066 C"))

    text = judged(badge).text()

    assert "A B C" in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "20260101T000000Z",
    ],
)
def test_what_is_no_instant_is_none(text):
    """RFC 3339, of a year that every time zone has."""
    assert instant(text) is None
    assert day_of(text) is None


def test_rfc3339_is_how_instants_are_written():
    """The builder of these tests writes what the checks read."""
    assert instant(rfc3339(instant_of_us(NOW_US))) == instant_of_us(NOW_US)
