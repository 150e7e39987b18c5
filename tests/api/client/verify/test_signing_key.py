"""Check 4: a stolen key cannot back-date, and what was signed before the theft stays valid for ever.

One provider, one key, one log. Positions: the key is registered at 3; awards and the records of
their signing follow; the key ends at END. A thief holds the key from then on, and every paper that
was ever handed out.
"""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.client.verify import Trust
from api.client.verify.issued import Issuance
from api.client.verify.keys import Key, Span, Standing
from api.client.verify.verdict import VERIFIED, WITH_NOTES
from tests.api.client.verify.words import codes, judged, put, sentence, served
from tests.support.credentials import World, did_document, file_of, zipped
from tests.support.handmade import HOST, Witness
from tests.support.handmade import Key as Handmade

WORLD = World()
AWARD = WORLD.award()
GENUINE = WORLD.badge(AWARD)  # signed and recorded while the key counted
BEFORE = WORLD.issue(GENUINE)
SINCE = WORLD.later() + 1  # suspected from here on
WORLD.later()
DOUBTFUL = WORLD.badge(AWARD, put("validFrom", "2026-11-22T02:00:00Z"))
DURING = WORLD.issue(DOUBTFUL)  # recorded while the thief may have had the key already
WORLD.later()
END = WORLD.later(1)  # the record that retires or revokes it
OLD_RECEIPT = WORLD.receipt(AWARD, size=AWARD.index + 1)
FORGED = WORLD.badge(
    AWARD, put("credentialSubject", "achievement", "name", "Rocket Science"), receipt=OLD_RECEIPT
)
AFTER = WORLD.issue(FORGED)  # as if the ledger had been fooled into recording it
WORLD.later()
NEW_KEY = Handmade("the provider's next key")
LIST = WORLD.status_list(key=NEW_KEY)

RETIRED = {"to": END}
STOLEN = {"to": END, "suspected_from": SINCE}
AT = DURING.position
FATES = {
    "rotated": RETIRED,
    "stolen": STOLEN,
    "reaffirmed": {**STOLEN, "reaffirmed": [[AT, AT]]},
    "annulled": {**STOLEN, "annulled": [[SINCE, END]]},
}


def trust(**fate):
    """Return a trust file in which the provider has a new key, and this became of the old one."""

    def edit(content):
        keys = content["issuers"][0]["keys"]
        keys[0].update(fate)
        keys.append(
            {"multibase": NEW_KEY.multikey, "purpose": "credential", "from": END, "to": None, "annulled": []}
        )

    return Trust.parse(WORLD.trust(edit))


def bundle(document, *receipts):
    """Return a bundle with these receipts of signing."""
    names = ["issued.tlog-proof", *(f"issued-{number}.tlog-proof" for number in range(1, len(receipts)))]
    members = {"credential.json": file_of(document), "status-list.json": file_of(LIST)}
    return zipped({**members, **dict(zip(names, receipts, strict=False))})


def answered(document, *receipts, **fate):
    """Judge a document with these receipts of signing, when this became of its key."""
    return judged(bundle(document, *receipts), trust=trust(**fate), fetch=served(LIST))


def of(verdict, number=4):
    """Return the code of a check."""
    return verdict.checks[number - 1].code


# ------------------------------------------------------------------ what is genuine stays so


@pytest.mark.parametrize("fate", FATES)
def test_what_was_signed_before_stays_valid_whatever_became_of_the_key(fate):
    """Signed and recorded before a rotation or a theft, an award verifies years later."""
    verdict = answered(GENUINE, WORLD.issued(BEFORE), **FATES[fate])

    assert verdict.headline == VERIFIED
    assert of(verdict) == "key"
    assert verdict.credential["state"] == "in force"


def test_a_key_in_force_needs_no_receipt_of_signing():
    """A lone file under a key that counts and was never suspected passes as ever, and a bundle does too."""
    assert answered(GENUINE).headline == VERIFIED
    assert answered(GENUINE, WORLD.issued(BEFORE)).headline == VERIFIED


def test_the_day_by_which_it_was_on_record_is_said():
    """Where witnesses confirmed the record of the signing, check 4 says by when, and check 7 by how many."""
    reef = Witness("reef.example/witness")
    receipt = WORLD.issued(BEFORE, witnesses={reef: 1_794_441_600})

    def edit(content):
        content["witness_policy"] = f"witness reef {reef.vkey}\nquorum none\n"

    verdict = judged(bundle(GENUINE, receipt), trust=Trust.parse(WORLD.trust(edit)), fetch=served(STATUS))

    assert verdict.headline == VERIFIED
    assert sentence(verdict, 4).endswith("which witnesses had seen on record by 12 November 2026.")
    assert sentence(verdict, 7).endswith("on record there, witnessed by 1 of 1, first on 12 November 2026.")


STATUS = WORLD.status_list()


def test_a_reaffirmed_signature_is_valid_with_a_note():
    """The issuer looked at what was signed in the doubtful time and stands by this."""
    verdict = answered(DOUBTFUL, WORLD.issued(DURING), **FATES["reaffirmed"])

    assert verdict.headline == WITH_NOTES
    assert codes(verdict) == {4: ("warning", "key-reaffirmed")}
    assert verdict.credential["state"] == "in force"


def test_an_award_signed_anew_with_the_next_key_verifies():
    """After a theft the holder gets the award signed anew; the old receipt of the award may stay in it."""
    anew = WORLD.badge(AWARD, key=NEW_KEY, receipt=OLD_RECEIPT)

    assert answered(anew, **STOLEN).headline == VERIFIED


# ------------------------------------------------------------------ back-dating


FORGERIES = {
    "new-document-with-an-old-receipt-inside": (FORGED, ()),
    "with-the-receipt-of-another-document": (FORGED, (WORLD.issued(BEFORE),)),
    "with-its-own-and-anothers-receipt": (FORGED, (WORLD.issued(AFTER), WORLD.issued(BEFORE))),
    "recorded-after-the-end": (FORGED, (WORLD.issued(AFTER),)),
    "with-a-bent-digest": (
        FORGED,
        (WORLD.issued(BEFORE, put("claims", 0, 1, AFTER.document_sha256)),),
    ),
    "with-a-bent-index": (
        FORGED,
        (WORLD.issued(AFTER).replace(b"index %d" % AFTER.index, b"index %d" % BEFORE.index),),
    ),
}
IN_DOUBT = {"in-the-doubtful-time": (DOUBTFUL, (WORLD.issued(DURING),)), "alone": (DOUBTFUL, ())}


@pytest.mark.parametrize(
    ("fate", "document", "receipts"),
    [
        pytest.param(fate, *forgery, id=f"{fate}-{attack}")
        for fate in ("rotated", "stolen", "reaffirmed", "annulled")
        for attack, forgery in FORGERIES.items()
    ]
    + [
        pytest.param(fate, *forgery, id=f"{fate}-{attack}")
        for fate in ("stolen", "annulled")
        for attack, forgery in IN_DOUBT.items()
    ],
)
def test_no_forgery_is_verified(fate, document, receipts):
    """Whatever a thief of the key puts together, the headline never begins with Verified."""
    verdict = answered(document, *receipts, **FATES[fate])

    assert verdict.headline not in (VERIFIED, WITH_NOTES)
    assert verdict.credential["state"] == "not known"


@pytest.mark.parametrize(
    ("document", "receipts", "fate", "check", "result", "code"),
    [
        pytest.param(FORGED, [], "rotated", 4, "not_checked", "key-when", id="retired-and-no-receipt"),
        pytest.param(
            FORGED, [], "stolen", 4, "not_checked", "key-compromised-when", id="stolen-and-no-receipt"
        ),
        pytest.param(FORGED, [BEFORE], "stolen", 7, "failed", "issued-other-document", id="anothers-receipt"),
        pytest.param(FORGED, [AFTER], "rotated", 4, "failed", "key-retired", id="after-retirement"),
        pytest.param(FORGED, [AFTER], "stolen", 4, "failed", "key-retired", id="after-revocation"),
        pytest.param(DOUBTFUL, [DURING], "stolen", 4, "not_checked", "key-suspect", id="suspect"),
        pytest.param(DOUBTFUL, [DURING], "annulled", 4, "failed", "key-annulled", id="annulled"),
        pytest.param(
            DOUBTFUL, [], "reaffirmed", 4, "not_checked", "key-compromised-when", id="reaffirmed-alone"
        ),
    ],
)
def test_each_attack_has_its_answer(document, receipts, fate, check, result, code):
    """Programs see which attack it was."""
    verdict = answered(document, *map(WORLD.issued, receipts), **FATES[fate])

    assert codes(verdict)[check] == (result, code)


@pytest.mark.parametrize(
    ("size", "fate", "result", "code"),
    [
        (SINCE - 1, "stolen", "not_checked", "key-compromised-when"),
        (SINCE, "stolen", "failed", "key-compromised"),
        (END, "stolen", "failed", "key-compromised"),
        (AT - 1, "reaffirmed", "not_checked", "key-compromised-when"),
        (AT, "reaffirmed", "failed", "key-compromised"),
        (END - 1, "rotated", "not_checked", "key-when"),
        (END, "rotated", "failed", "key-retired"),
    ],
)
def test_the_receipt_inside_shows_what_came_too_late(size, fate, result, code):
    """An award that holds a checkpoint of the doubtful time, or of after the end, was signed after it.

    Only where its issuer stands by a later position may the receipt of its signing still help.
    """
    late = WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD, size=size))

    assert codes(answered(late, **FATES[fate]))[4] == (result, code)


def test_a_key_retired_before_it_was_stolen():
    """Positions between retirement and theft are after its end, whichever of the two ended it."""
    fate = {"to": SINCE, "suspected_from": END}

    in_between = WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD, size=SINCE))

    assert of(answered(GENUINE, WORLD.issued(BEFORE), **fate)) == "key"
    assert codes(answered(DOUBTFUL, WORLD.issued(DURING), **fate))[4] == ("failed", "key-retired")
    assert codes(answered(in_between, **fate))[4] == ("failed", "key-retired")


def test_a_record_from_before_the_key_is_no_record_of_it():
    """A signing that is on record before the key was registered cannot be."""
    verdict = answered(GENUINE, WORLD.issued(BEFORE), **{"from": BEFORE.position})

    assert codes(verdict) == {4: ("failed", "key-not-yet")}


@pytest.mark.parametrize("fate", ["rotated", "stolen"])
def test_the_holder_is_told_what_to_ask_for(fate):
    """A genuine award without its receipt of signing is not lost: the bundle has it."""
    verdict = answered(GENUINE, **FATES[fate])

    assert verdict.headline == "Could not be verified completely"
    assert "ask for the bundle (ZIP), which holds the receipt of its signing" in sentence(verdict, 4)


def test_a_stolen_key_and_a_second_history_that_nobody_witnessed():
    """Whoever has the log's keys too can write another history, and no witness confirms it."""
    reef = Witness("reef.example/witness")

    def edit(content):
        content["issuers"][0]["keys"][0].update(STOLEN)
        content["witness_policy"] = f"witness reef {reef.vkey}\nquorum reef\n"

    badge = WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD, witnesses={reef: 1_794_441_600}))
    world_trust = Trust.parse(WORLD.trust(edit))

    verdict = judged(bundle(badge, of_another_history(badge)), trust=world_trust, fetch=served(LIST))

    assert verdict.headline not in (VERIFIED, WITH_NOTES)
    assert codes(verdict)[7] == ("not_checked", "issued-not-witnessed")


def of_another_history(badge):
    """Return the receipt of a signing in another tree, signed with the log's real keys."""
    world = World()
    world.award()
    signing = world.issue(badge)
    world.later(30)
    return world.issued(signing)


def test_an_old_trust_file_is_said_to_be_old():
    """A key that the trust file does not know, on a record newer than it, may be known to a newer file."""
    world = World()
    award = world.award()
    early = Trust.parse(world.trust(put("issuers", 0, "keys", 0, "multibase", NEW_KEY.multikey)))
    badge = world.badge(award)
    signing = world.issue(badge)

    verdict = judged(
        zipped({"credential.json": file_of(badge), "issued.tlog-proof": world.issued(signing)}), trust=early
    )

    assert codes(verdict)[4] == ("not_checked", "trust-file-old")


def test_without_a_trust_file_nothing_is_said_of_the_key():
    """A receipt of signing is no trust file; the issuer's own document in the bundle is none either."""
    document = file_of(did_document(f"did:web:{HOST}:providers:95001", NEW_KEY))
    members = {"credential.json": file_of(GENUINE), "issued.tlog-proof": WORLD.issued(BEFORE)}

    alone = judged(zipped(members), trust=None)
    beside = judged(zipped({**members, "did.json": document}), trust=None)

    assert codes(alone)[4] == ("not_checked", "no-trust-file")
    assert codes(beside)[4] == ("not_checked", "key-not-in-document")


# ------------------------------------------------------------------ the rule


@pytest.mark.parametrize(
    ("at", "standing"),
    [
        (9, Standing.NOT_YET),
        (10, Standing.NOT_YET),
        (11, Standing.VALID),
        (19, Standing.VALID),
        (20, Standing.SUSPECT),
        (22, Standing.REAFFIRMED),
        (23, Standing.REAFFIRMED),
        (24, Standing.SUSPECT),
        (26, Standing.ANNULLED),
        (29, Standing.ANNULLED),
        (30, Standing.ENDED),
        (10**9, Standing.ENDED),
    ],
)
def test_the_standing_of_a_position(at, standing):
    """After the record that registers a key, before the one that ends it; in between, what was said."""
    key = Key("z", "credential", Span(10, 30), 20, reaffirmed=((22, 23),), annulled=((26, 29),))

    assert key.standing(at) is standing


@settings(max_examples=150)
@given(data=st.data())
def test_no_fate_of_a_key_lets_a_back_dated_document_through(data):
    """Whatever became of a key that ended: what is on record after its end, or nowhere, is not verified."""
    end = data.draw(st.integers(4, AFTER.position), "end")
    since = data.draw(st.none() | st.integers(4, end + 3), "suspected from")
    doubtful = [] if since is None else list(range(since, end + 1))
    settled = sorted(data.draw(st.sets(st.sampled_from(doubtful), max_size=6)) if doubtful else [])
    pairs = [list(pair) for pair in zip(settled[::2], settled[1::2], strict=False)]
    fate = {"to": end, "suspected_from": since, "reaffirmed": pairs[::2], "annulled": pairs[1::2]}
    receipts = data.draw(st.sampled_from([(), (WORLD.issued(AFTER),)]), "receipts")

    verdict = answered(FORGED, *receipts, **fate)

    assert verdict.headline not in (VERIFIED, WITH_NOTES)


@settings(max_examples=100)
@given(end=st.integers(BEFORE.position + 1, 40), since=st.none() | st.integers(BEFORE.position + 1, 40))
def test_no_fate_of_a_key_harms_what_was_on_record_before(end, since):
    """Retired, revoked or stolen at any later position: what was signed before verifies."""
    assert answered(GENUINE, WORLD.issued(BEFORE), to=end, suspected_from=since).headline == VERIFIED


def test_every_answer_about_keys_is_explained_to_employers():
    """The page for employers has each code of this check, and says what to do."""
    root = Path(__file__).parents[4]
    source = (root / "api" / "client" / "verify" / "signing_key.py").read_text(encoding="utf-8")
    page = (root / "docs" / "for-employers.md").read_text(encoding="utf-8")

    found = set(re.findall(r'"(key(?:-[a-z]+)*)"', source))

    assert len(found) == 14
    assert {code for code in found if f"`{code}`" not in page} == set()


def test_nothing_is_issued_without_a_receipt():
    """No receipt, no position."""
    assert Issuance().position is Issuance().answer is None
