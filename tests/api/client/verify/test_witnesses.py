"""Check 7 with witnesses: published is one thing, seen by enough others is another."""

from datetime import UTC, datetime

import pytest

from api.client.verify import Trust
from tests.api.client.verify.words import AWARD, BADGE, WORLD, codes, judged, put, sentence
from tests.support.credentials import NOW
from tests.support.handmade import ORIGIN, MldsaKey, Witness

THREE = [Witness(f"{name}.example/witness") for name in ("reef", "tide", "gull")]
STRANGER = Witness("stranger.example/witness")
NOON = int(datetime(2026, 11, 11, 23, tzinfo=UTC).timestamp())  # noon of the 12th in New Zealand
POLICY = (
    f"log {WORLD.log.key.vkey(ORIGIN)}\n"
    + "".join(f"witness w{at} {witness.vkey}\n" for at, witness in enumerate(THREE))
    + "group enough 2 w0 w1 w2\nquorum enough\n"
)


def trust(policy=POLICY):
    """Return a trust file with this witness policy."""
    return Trust.parse(WORLD.trust(put("witness_policy", policy)))


def with_note(note):
    """Return the award's receipt under another note of the newest tree."""
    return WORLD.receipt(AWARD).partition("\n\n")[0] + "\n\n" + note


def witnessed(times, policy=POLICY):
    """Judge the award with a receipt cosigned at these times."""
    return judged(WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD, witnesses=times)), trust=trust(policy))


def test_what_enough_witnesses_have_seen_passes_and_says_so():
    """Two of three, and the earlier of their times, as a day in New Zealand."""
    verdict = witnessed({THREE[0]: NOON + 86_400, THREE[2]: NOON})

    assert verdict.headline == "Verified"
    assert sentence(verdict, 7).endswith("included; witnessed by 2 of 3, first on 12 November 2026.")


@pytest.mark.parametrize(
    "times",
    [{}, {THREE[1]: NOON}, {THREE[1]: NOON, STRANGER: NOON}],
    ids=["nobody", "one", "one-and-a-stranger"],
)
def test_what_too_few_have_seen_is_published_and_not_yet_witnessed(times):
    """A log that shows its tree to one reader only must not come out as verified."""
    verdict = witnessed(times)

    assert verdict.headline == "Could not be verified completely"
    assert codes(verdict) == {7: ("not_checked", "receipt-not-witnessed")}
    known = sum(witness in THREE for witness in times)
    assert f"published, not yet witnessed: {known} of 3 witnesses" in sentence(verdict, 7)


def test_a_cosignature_from_the_future_is_none():
    """A witness whose time is still to come has seen nothing yet; a few minutes are forgiven."""
    now_s = int(NOW.timestamp())

    assert codes(witnessed({THREE[0]: NOON, THREE[1]: now_s + 301}))[7][1] == "receipt-not-witnessed"
    assert 7 not in codes(witnessed({THREE[0]: NOON, THREE[1]: now_s + 299}))


def bad_line(at):
    """Return a cosignature of a known witness that does not hold under the newest tree."""
    return THREE[at].line(WORLD.log.text(WORLD.size - 1), NOON)


def test_a_cosignature_that_does_not_hold_counts_as_none():
    """Where enough others hold it changes nothing: whoever passes a receipt on could add such a line."""
    note = WORLD.log.checkpoint(WORLD.size, witnesses={THREE[0]: NOON, THREE[2]: NOON})

    verdict = judged(WORLD.badge(AWARD, receipt=with_note(note + bad_line(1))), trust=trust())

    assert verdict.headline == "Verified"
    assert sentence(verdict, 7).endswith("included; witnessed by 2 of 3, first on 12 November 2026.")


def test_a_cosignature_that_does_not_hold_makes_no_quorum():
    """One of the two that are needed holds and one does not: published, not yet witnessed."""
    note = WORLD.log.checkpoint(WORLD.size, witnesses={THREE[0]: NOON})

    verdict = judged(WORLD.badge(AWARD, receipt=with_note(note + bad_line(1))), trust=trust())

    assert codes(verdict) == {7: ("not_checked", "receipt-not-witnessed")}
    assert "1 of 3 witnesses" in sentence(verdict, 7)


def test_a_signature_of_the_log_that_does_not_hold_fails_beside_all_witnesses():
    """One bad line under the name and id of a log key: the receipt is not the log's, whoever cosigned."""
    note = WORLD.log.checkpoint(WORLD.size, witnesses=dict.fromkeys(THREE, NOON))
    bad = WORLD.log.key.note_line(ORIGIN, WORLD.log.text(WORLD.size - 1))

    verdict = judged(WORLD.badge(AWARD, receipt=with_note(note + bad)), trust=trust())

    assert verdict.headline == "Not valid"
    assert codes(verdict)[7] == ("failed", "receipt-signature")


def test_witnesses_that_nobody_asks_for_are_told_all_the_same():
    """A policy may know witnesses and need none; who has confirmed is still said."""
    policy = POLICY.replace("quorum enough", "quorum none")

    assert "witnessed by 1 of 3, first on 12 November" in sentence(witnessed({THREE[0]: NOON}, policy), 7)
    assert "witnessed" not in sentence(witnessed({}, policy), 7)


def test_a_confirmation_may_give_no_time():
    """An ML-DSA-44 cosignature with time 0 confirms the tree, and says nothing of when."""
    key = MldsaKey("quantum.example/witness")
    policy = f"witness q {key.vkey('quantum.example/witness')}\nquorum q\n"
    line = key.note_line("quantum.example/witness", WORLD.log.text(WORLD.size), 0)

    verdict = judged(WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD) + line), trust=trust(policy))

    assert verdict.headline == "Verified"
    assert sentence(verdict, 7).endswith("; witnessed by 1 of 1.")


def test_witnesses_do_not_make_up_for_the_log():
    """A checkpoint that all witnesses cosigned and the log's second key did not sign proves nothing."""
    note = WORLD.log.checkpoint(WORLD.size, [WORLD.log.key], dict.fromkeys(THREE, NOON))

    verdict = judged(WORLD.badge(AWARD, receipt=with_note(note)), trust=trust())

    assert codes(verdict)[7] == ("failed", "receipt-signature")


def test_a_receipt_that_nobody_witnessed_holds_where_nobody_is_asked():
    """The policy of these tests' trust file asks for no witness."""
    assert judged(BADGE).headline == "Verified"
    assert codes(judged(BADGE, trust=trust()))[7][1] == "receipt-not-witnessed"


def test_the_log_is_never_its_own_witness():
    """A trust file that names a key of the log among the witnesses is refused."""
    own = Witness("own.example/witness")
    own.key = WORLD.log.key

    with pytest.raises(Exception, match="a key of the log as a witness") as caught:
        trust(f"witness own {own.vkey}\nquorum own\n")

    assert caught.value.code == "policy"
