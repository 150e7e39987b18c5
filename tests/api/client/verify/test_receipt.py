"""Check 7: a receipt proves one award only, exactly as shown, in the log one trusts."""

import pytest

from api.client.errors import Malformed
from api.client.verify import Trust
from api.client.verify.receipt import read_receipt
from tests.api.client.verify.words import AWARD, BADGE, TRUST, WORLD, YES, codes, judged, put, sentence
from tests.support.credentials import Award, Recorded, World
from tests.support.handmade import ORIGIN, Key, b64, b64url, sha256, sorted_json, tagged


def with_receipt(text):
    """Return the award, well signed, with this receipt in it."""
    return WORLD.badge(AWARD, receipt=text)


def answer(text, trust=TRUST):
    """Return what check 7 says of a receipt, None where it passes."""
    return codes(judged(with_receipt(text), trust=trust)).get(7)


def test_the_entry_is_recomputed_from_what_is_shown():
    """What the receipt opens gives the very bytes the log holds."""
    receipt = read_receipt(WORLD.receipt(AWARD))

    assert receipt.entry == WORLD.log.entries[AWARD.index]
    assert receipt.claims == dict(AWARD.claims())
    assert receipt.index == AWARD.index


@pytest.mark.parametrize("older", [AWARD.index + 1, AWARD.index + 2, WORLD.size])
def test_any_checkpoint_that_covers_the_award_will_do(older):
    """The receipt may be from the first checkpoint after the award, or from any later one."""
    assert answer(WORLD.receipt(AWARD, size=older)) is None


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("micro_credential", "6023"),
        ("version", "2"),
        ("level", "7"),
        ("credits", "40"),
        ("completed_on", "2026-10-15"),
        ("conferred_on", "2026-10-29"),
        ("awarded_by", "95002"),
        ("language", "mi"),
        ("name", "Ben Sample"),
    ],
)
def test_every_claim_must_be_what_the_credential_says(claim, value):
    """A receipt for an award that differs in one thing is found out by that thing."""

    def other(opened):
        next(one for one in opened["claims"] if one[0] == claim)[1] = value

    assert answer(WORLD.receipt(AWARD, other)) == ("failed", f"receipt-{claim.replace('_', '-')}")


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (put("credentialSubject", "achievement", "alignment", 0, "targetCode", "7"), "receipt-level"),
        (put("credentialSubject", "identifier", 0, "identityHash", "Ben Sample"), "receipt-name"),
        (put("credentialSubject", "identifier", 0, "identityHash", "Ana  Sample"), "receipt-name"),
        (put("credentialSubject", "achievement", "humanCode", "6099"), "receipt-micro-credential"),
        (
            put("credentialSubject", "achievement", "otherIdentifier", 0, "identifier", "6099"),
            "receipt-micro-credential",
        ),
        (put("awardedDate", "2026-10-31T00:00:00Z"), "receipt-conferred-on"),
        (put("issuer", "otherIdentifier", 0, "identifier", "95002"), "receipt-awarded-by"),
    ],
)
def test_the_issuer_cannot_sign_what_the_ledger_does_not_hold(edit, code):
    """A provider that signs something else than it recorded is found out, whoever holds its key."""
    verdict = judged(WORLD.badge(AWARD, edit))

    assert codes(verdict)[7] == ("failed", code)
    assert verdict.headline == "Not valid"


def test_the_learners_name_is_never_repeated():
    """The sentence about a name that differs tells nobody the other name."""
    verdict = judged(
        WORLD.badge(AWARD, put("credentialSubject", "identifier", 0, "identityHash", "Ben Sample"))
    )

    assert "Ana" not in sentence(verdict, 7)
    assert "Ben" not in sentence(verdict, 7)


def test_the_difference_is_said():
    """Where a detail differs, what the ledger holds is said."""
    verdict = judged(
        WORLD.badge(AWARD, put("credentialSubject", "achievement", "alignment", 0, "targetCode", "7"))
    )

    assert sentence(verdict, 7) == "It differs from the public ledger in the level: the ledger says “4”."


@pytest.mark.parametrize("member", ["statement_commit", "open_commit", "sealed_commit", "ciphertext_hash"])
def test_every_digest_is_part_of_the_entry(member):
    """One digest changed and the log does not hold it."""
    assert answer(WORLD.receipt(AWARD, put(member, b64url(bytes(32))))) == ("failed", "receipt-inclusion")


def test_when_it_was_recorded_is_part_of_the_entry():
    """Nor can the time of recording be changed."""
    later = put("recorded_at", Recorded().recorded_at + 1)

    assert answer(WORLD.receipt(AWARD, later)) == ("failed", "receipt-inclusion")


def test_the_order_of_claims_is_part_of_the_entry():
    """Claims stand in their order."""

    def swapped(opened):
        opened["claims"][0], opened["claims"][1] = opened["claims"][1], opened["claims"][0]

    assert answer(WORLD.receipt(AWARD, swapped)) == ("failed", "receipt-inclusion")


def hide(claim):
    """Return an edit that gives a claim as its digest only, as a receipt may."""

    def edit(opened):
        at = next(at for at, one in enumerate(opened["claims"]) if one[0] == claim)
        name, value, _ = opened["claims"][at]
        salt = WORLD.recorded.salts(AWARD)[at]
        opened["claims"][at] = [
            b64url(tagged("claim", salt, bytes([len(name)]), name.encode(), value.encode()))
        ]

    return edit


def test_a_hidden_claim_still_recomputes_but_does_not_do_for_a_badge():
    """A receipt may hide a claim and gives the same entry; an award must show them all, the name too."""
    text = WORLD.receipt(AWARD, hide("name"))

    assert read_receipt(text).entry == WORLD.log.entries[AWARD.index]
    assert answer(text) == ("failed", "receipt-incomplete")


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(put("v", 2), id="version"),
        pytest.param(put("v", YES), id="version-true"),
        pytest.param(put("topic", "assessment.passed"), id="another-topic"),
        pytest.param(put("recorded_at", -1), id="before-1970"),
        pytest.param(put("recorded_at", "now"), id="time-as-text"),
        pytest.param(put("recorded_at", 2**64), id="time-too-large"),
        pytest.param(put("more", 1), id="unknown-member"),
        pytest.param(lambda opened: opened.pop("open_commit"), id="missing-member"),
        pytest.param(put("open_commit", "AA"), id="short-digest"),
        pytest.param(put("open_commit", 5), id="digest-as-number"),
        pytest.param(put("open_commit", b64url(bytes(32)) + "="), id="padded-digest"),
        pytest.param(put("claims", {}), id="claims-no-list"),
        pytest.param(put("claims", 0, "level"), id="claim-no-list"),
        pytest.param(put("claims", 0, ["level", "4"]), id="claim-of-two-parts"),
        pytest.param(put("claims", 0, ["level", 4, "AA"]), id="claim-as-number"),
        pytest.param(put("claims", 0, ["level", "4", "AA"]), id="claim-with-short-salt"),
        pytest.param(put("claims", 0, ["x" * 256, "4", b64url(bytes(16))]), id="claim-with-long-name"),
        pytest.param(lambda opened: opened["claims"].append(opened["claims"][0]), id="claim-twice"),
    ],
)
def test_a_receipt_of_another_form_is_not_read(edit):
    """One way to write what a receipt opens."""
    assert answer(WORLD.receipt(AWARD, edit)) == ("failed", "receipt-unreadable")


@pytest.mark.parametrize(
    "opened",
    [b"", b"{", b"[]", b"[" * 100_000, b'{"v":1,"v":1}', b' {"v":1}', b"\xff"],
)
def test_what_a_receipt_opens_is_canonical_json(opened):
    """White space, duplicate members or other bytes: not a receipt."""
    with pytest.raises(Malformed):
        read_receipt(WORLD.log.proof(AWARD.index, opened, size=WORLD.size))


def test_a_receipt_with_white_space_inside_is_not_read():
    """The same members written with spaces are other bytes."""
    spaced = sorted_json(WORLD.recorded.opened(AWARD)).replace(b'","', b'", "')

    assert answer(WORLD.log.proof(AWARD.index, spaced, size=WORLD.size)) == ("failed", "receipt-unreadable")


# ------------------------------------------------------------------ the log


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("index 7\n", "index 6\n"), id="another-index"),
        pytest.param(lambda text: text.replace("index 7\n", "index 11\n"), id="outside-the-tree"),
        pytest.param(lambda text: text.replace(text.split("\n")[3] + "\n", ""), id="path-without-a-step"),
    ],
)
def test_a_path_that_leads_elsewhere_proves_nothing(change):
    """Index and path belong to the entry."""
    assert answer(change(WORLD.receipt(AWARD))) == ("failed", "receipt-inclusion")


def test_a_checkpoint_signed_by_a_stranger_proves_nothing():
    """Anyone can build a tree: the log's key makes it the log."""
    world = World()
    award = world.award()
    world.log.key = Key("a log of my own")

    assert answer(world.receipt(award)) == ("failed", "receipt-signature")


def test_a_signature_under_the_right_name_that_does_not_hold_proves_nothing():
    """Name and id of the log's key with another signature."""
    text = WORLD.receipt(AWARD)
    older = WORLD.receipt(AWARD, size=AWARD.index + 1)

    assert answer(text[: text.rindex("— ")] + older[older.rindex("— ") :]) == ("failed", "receipt-signature")


def test_the_receipt_of_another_log_is_said_to_be_that():
    """A genuine receipt of another ledger does not count here."""
    other = "other.example/log"

    def of_another(trust):
        trust["origin"] = other
        for use, key in zip(trust["log_keys"], (WORLD.log.key, WORLD.log.mldsa), strict=True):
            use["vkey"] = key.vkey(other)

    trust = Trust.parse(WORLD.trust(of_another))

    assert answer(WORLD.receipt(AWARD), trust) == ("failed", "receipt-other-log")


def two_keys(second, **span):
    """Return a trust file with a second log key that must verify too."""
    use = {"vkey": second.vkey(ORIGIN), "from": 1, "to": None, "must_verify": True, **span}
    return Trust.parse(WORLD.trust(lambda trust: trust["log_keys"].append(use)))


def test_every_key_that_must_verify_must_have_signed():
    """With two keys that must verify, one signature is not enough; a key that need not is not asked for."""
    second = Key("second log key")
    both = WORLD.log.checkpoint(WORLD.size, [WORLD.log.key, WORLD.log.mldsa, second])
    extra = sorted_json(WORLD.recorded.opened(AWARD))
    signed_by_both = WORLD.log.proof(AWARD.index, extra, size=WORLD.size, checkpoint=both)

    assert answer(signed_by_both, two_keys(second)) is None
    assert answer(WORLD.receipt(AWARD), two_keys(second)) == ("failed", "receipt-signature")
    assert answer(WORLD.receipt(AWARD), two_keys(second, must_verify=False)) is None


def test_log_keys_count_by_position_too():
    """A key of the log that came later is not asked for older checkpoints; one that ended is not enough."""
    late = two_keys(Key("second log key"), **{"from": WORLD.size + 1})

    def end(trust):
        for use in trust["log_keys"]:
            use["to"] = WORLD.size

    ended = Trust.parse(WORLD.trust(end))

    assert answer(WORLD.receipt(AWARD), late) is None
    assert answer(WORLD.receipt(AWARD), ended) == ("failed", "receipt-signature")
    assert answer(WORLD.receipt(AWARD, size=WORLD.size - 1), ended) is None


def test_kinds_of_log_signatures_that_are_not_known_here_are_not_judged():
    """A trust file that asks for a newer kind of signature needs a newer program."""
    vkey = _vkey_of_kind(0xFF, bytes(100))

    def with_newer(trust):
        trust["log_keys"].append({"vkey": vkey, "from": 1, "to": None, "must_verify": True})

    unknown = ("not_checked", "receipt-signature-kind")
    assert answer(WORLD.receipt(AWARD), Trust.parse(WORLD.trust(with_newer))) == unknown


def _vkey_of_kind(kind, public):
    blob = bytes([kind]) + public
    key_id = sha256(ORIGIN.encode(), b"\n", blob)[:4]
    return "+".join([ORIGIN, key_id.hex(), b64(blob)])


def test_without_a_trust_file_a_bad_receipt_still_fails():
    """Everything but the log's signature is checked without a trust file."""
    hers = WORLD.badge(Award(name="Ben Sample"), receipt=WORLD.receipt(AWARD))

    assert codes(judged(BADGE, trust=None))[7] == ("not_checked", "no-trust-file")
    assert codes(judged(hers, trust=None))[7] == ("failed", "receipt-name")
