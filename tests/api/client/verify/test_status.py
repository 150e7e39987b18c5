"""Check 6: a status list is its issuer's own, signed, whole, of the right purpose and not too old."""

import gzip
import zlib
from datetime import timedelta

import pytest

from api.client.errors import Malformed, Unreachable
from api.client.verify import Trust
from api.client.verify.status import BYTES_MAX, BYTES_MIN, inflate
from tests.api.client.verify.words import (
    AWARD,
    BADGE,
    LIST,
    WORLD,
    codes,
    drop,
    edited,
    judged,
    put,
    sentence,
    served,
)
from tests.support.credentials import NOW, NOW_US, encoded_list, file_of
from tests.support.handmade import HOST, SIGNED_AT, b64url, rfc3339

HOUR_US = 3_600_000_000
SUBJECT = "credentialSubject"


def answer(listed, **how):
    """Return what check 6 says of a list, None where it passes."""
    return codes(judged(BADGE, fetch=served(listed), **how)).get(6)


def test_a_revoked_award_is_not_valid():
    """One bit set, and the award is shown as revoked."""
    verdict = judged(BADGE, fetch=served(WORLD.status_list([AWARD.status_index])))

    assert verdict.headline == "Not valid"
    assert codes(verdict) == {6: ("failed", "revoked")}
    assert verdict.credential["state"] == "revoked"
    assert "22 November 2026" in sentence(verdict, 6)


@pytest.mark.parametrize("other", [0, AWARD.status_index - 1, AWARD.status_index + 1, 131_071])
def test_other_bits_do_not_matter(other):
    """The bits beside it belong to other awards."""
    assert answer(WORLD.status_list([other])) is None


@pytest.mark.parametrize("index", [0, 7, 8, 131_071])
def test_bits_are_counted_from_the_most_significant(index):
    """Index 0 is the highest bit of the first byte."""
    entry = put("credentialStatus", "statusListIndex", str(index))
    badge = WORLD.badge(AWARD, entry)

    assert codes(judged(badge, fetch=served(WORLD.status_list([index])))) == {6: ("failed", "revoked")}
    assert codes(judged(badge, fetch=served(WORLD.status_list(set(range(16)) - {index})))) == {}


@pytest.mark.parametrize(
    ("made", "result"),
    [
        (
            WORLD.status_list(key=WORLD.stranger, at=SIGNED_AT - timedelta(hours=1)),
            ("failed", "status-list-key"),
        ),
        (
            WORLD.status_list(edit=put("issuer", f"did:web:{HOST}:providers:95002")),
            ("failed", "status-list-issuer"),
        ),
        (edited(LIST, put(SUBJECT, "encodedList", encoded_list([1]))), ("failed", "status-list-signature")),
        (edited(LIST, drop("proof")), ("failed", "status-list-signature")),
        (edited(LIST, put("proof", "cryptosuite", "x")), ("not_checked", "status-list-signature-kind")),
        (
            WORLD.status_list(edit=put(SUBJECT, "statusPurpose", "suspension")),
            ("failed", "status-list-purpose"),
        ),
        (WORLD.status_list(edit=put(SUBJECT, "encodedList", "uAAAA")), ("failed", "status-list-bits")),
        (
            WORLD.status_list(edit=put(SUBJECT, "encodedList", encoded_list([], BYTES_MIN * 8 - 8))),
            ("failed", "status-list-bits"),
        ),
        (WORLD.status_list(edit=put(SUBJECT, "encodedList", "zAAAA")), ("failed", "status-list-form")),
        (WORLD.status_list(edit=put("type", ["VerifiableCredential"])), ("failed", "status-list-form")),
        (WORLD.status_list(edit=drop("validFrom")), ("failed", "status-list-form")),
        (WORLD.status_list(did=f"did:web:{HOST}:providers:95002"), ("failed", "status-list-issuer")),
    ],
    ids=[
        "signed-by-a-stranger",
        "of-another-issuer",
        "tampered",
        "unsigned",
        "unknown-kind-of-signature",
        "another-purpose",
        "not-gzip",
        "too-short",
        "not-base64url",
        "another-type",
        "undated",
        "by-another-issuer",
    ],
)
def test_a_list_that_is_not_right_does_not_count(made, result):
    """Each thing that can be wrong with a list has its answer."""
    assert answer(made) == result


def test_an_index_beyond_the_list_fails():
    """There is no such bit."""
    badge = WORLD.badge(AWARD, put("credentialStatus", "statusListIndex", "131072"))

    assert codes(judged(badge))[6] == ("failed", "status-index")


@pytest.mark.parametrize("index", ["-1", "1e3", "٣", " 5", "9" * 40, 5, None])
def test_an_index_that_is_none_cannot_be_looked_up(index):
    """Only plain digits are an index."""
    badge = WORLD.badge(AWARD, put("credentialStatus", "statusListIndex", index))

    assert codes(judged(badge))[6] == ("not_checked", "status-entry")


def test_an_entry_of_another_purpose_fails():
    """A status of another purpose says nothing about revocation."""
    badge = WORLD.badge(AWARD, put("credentialStatus", "statusPurpose", "suspension"))

    assert codes(judged(badge))[6] == ("failed", "status-purpose")


# ------------------------------------------------------------------ age


def test_an_expired_list_is_a_note_as_at_its_day():
    """What the list said holds as at its day; what came after is not known."""
    verdict = judged(BADGE, now_us=NOW_US + 48 * HOUR_US)

    assert verdict.headline == "Verified, with notes"
    assert codes(verdict) == {6: ("warning", "status-list-expired")}
    assert "22 November 2026, 01:15 UTC" in sentence(verdict, 6)
    assert verdict.credential["state"] == "in force"


def test_an_expired_list_that_says_revoked_is_believed():
    """A revocation is not undone by time."""
    revoked = WORLD.status_list([AWARD.status_index])

    assert answer(revoked, now_us=NOW_US + 9_000 * HOUR_US) == ("failed", "revoked")


def test_a_list_without_an_end_holds_for_two_days():
    """Where a list does not say how long it holds, two days."""
    endless = WORLD.status_list(edit=drop("validUntil"))

    assert answer(endless) is None
    assert answer(endless, now_us=NOW_US + 48 * HOUR_US) == ("warning", "status-list-expired")


def test_a_list_of_tomorrow_is_not_believed():
    """A list dated ahead of the clock cannot be used to outlive its time."""
    tomorrow = WORLD.status_list(at=NOW + timedelta(minutes=6))

    assert answer(tomorrow) == ("not_checked", "status-list-not-yet")
    assert answer(WORLD.status_list(at=NOW + timedelta(minutes=4))) is None


@pytest.mark.parametrize("hours", [0, 48, 9_000], ids=["fresh", "expired", "a-year-past"])
@pytest.mark.parametrize("bundled", [False, True], ids=["fetched", "bundled"])
def test_a_list_under_a_retired_key_is_not_believed(hours, bundled):
    """A key no longer in use makes no new lists, and can date one back: being past its time is no excuse.

    So whoever kept the key cannot clear a revoked award with an empty list that is long out of date.
    """
    retired = Trust.parse(WORLD.trust(put("issuers", 0, "keys", 0, "to", WORLD.size)))
    earlier = WORLD.badge(AWARD, receipt=WORLD.receipt(AWARD, size=WORLD.size - 1))
    forged = WORLD.status_list([])
    given = WORLD.bundle(earlier, [forged]) if bundled else earlier
    fetch = served() if bundled else served(forged)

    verdict = judged(given, fetch=fetch, trust=retired, now_us=NOW_US + hours * HOUR_US)

    assert codes(verdict)[6] == ("not_checked", "status-list-key-retired")
    assert verdict.headline == "Could not be verified completely"


@pytest.mark.parametrize("hours", [0, 48])
@pytest.mark.parametrize("revoked", [(), (AWARD.status_index,)], ids=["clear", "revoked"])
def test_a_list_under_a_stolen_key_says_nothing(hours, revoked):
    """A thief can sign a list of any day: neither "not revoked" nor "revoked" is taken from it."""
    stolen = {"to": WORLD.size, "suspected_from": WORLD.size - 1}
    trust = Trust.parse(WORLD.trust(lambda trust: trust["issuers"][0]["keys"][0].update(stolen)))
    fetch = served(WORLD.status_list(revoked))

    verdict = judged(BADGE, trust=trust, fetch=fetch, now_us=NOW_US + hours * HOUR_US)

    assert codes(verdict)[6] == ("not_checked", "status-list-key-stolen")


def test_a_list_under_a_key_newer_than_the_trust_file_is_not_failed():
    """A list made after the trust file may be signed with a key that the file cannot know."""
    newer = WORLD.status_list(key=WORLD.stranger, at=SIGNED_AT)
    older = WORLD.status_list(key=WORLD.stranger, at=SIGNED_AT - timedelta(hours=1))

    assert answer(newer) == ("not_checked", "trust-file-old")
    assert answer(older) == ("failed", "status-list-key")


# ------------------------------------------------------------------ where it comes from


def test_a_fetched_list_counts_before_the_one_in_the_bundle():
    """The list of the bundle is as old as the bundle; where a newer one can be had, it counts."""
    bundle = WORLD.bundle(BADGE, [LIST])

    assert codes(judged(bundle, fetch=served(WORLD.status_list([AWARD.status_index])))) == {
        6: ("failed", "revoked")
    }


@pytest.mark.parametrize("error", [Unreachable("down"), TimeoutError("slow"), KeyError("no such list")])
def test_where_nothing_can_be_fetched_the_bundle_counts(error):
    """No network, no server, no such list: the bundle's list is used."""

    def broken(_url, /):
        raise error

    assert judged(WORLD.bundle(BADGE, [LIST]), fetch=broken).headline == "Verified"
    assert codes(judged(BADGE, fetch=broken)) == {6: ("not_checked", "status-list-missing")}


def test_garbage_from_the_network_is_no_list():
    """A captive portal answers every address with a page."""
    assert judged(WORLD.bundle(BADGE, [LIST]), fetch=lambda _url, /: b"<html>").headline == "Verified"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/status/95001/1",
        "https://ledger.example.evil.example/status/95001/1",
        "https://user@ledger.example/status/95001/1",
        "https://ledger.example:444/status/95001/1",
        "https://ledger.example:99999999/status/95001/1",
        "https://ledger.example/status/95001/1#x",
        "http://169.254.169.254/latest",
        "ftp://ledger.example/status/95001/1",
        "file:///etc/passwd",
        "https://[::1/status",
    ],
)
def test_only_the_issuers_own_host_is_ever_asked(url):
    """An address in a credential is a stranger's wish: only the host of an issuer's own DID is asked."""
    badge = WORLD.badge(AWARD, put("credentialStatus", "statusListCredential", url))

    verdict = judged(badge, fetch=lambda _url, /: pytest.fail("an address outside was asked"))

    assert codes(verdict)[6] == ("not_checked", "status-list-missing")


def test_nothing_is_asked_for_an_issuer_nobody_knows():
    """Without a trust file, or for an issuer it does not name, no address is asked."""
    asked = []

    def fetch(url, /):
        asked.append(url)
        return file_of(LIST)

    judged(BADGE, trust=None, fetch=fetch)
    judged(BADGE, trust=Trust.parse(WORLD.trust(put("issuers", []))), fetch=fetch)

    assert asked == []


def test_a_host_with_a_port_is_the_one_its_did_names():
    """did:web writes a port as %3A; the same port is allowed in the address, and no other."""
    did, url = "did:web:localhost%3A8443:providers:95001", "https://localhost:8443/status/95001/1"

    def moved(trust):
        trust["issuers"][0]["did"] = did

    def edit(badge):
        badge["issuer"]["id"] = did
        badge["credentialStatus"]["statusListCredential"] = url

    listed = WORLD.status_list(edit=lambda one: one.update(id=url, issuer=did), did=did)
    badge = WORLD.badge(AWARD, edit, did=did)

    assert judged(badge, trust=Trust.parse(WORLD.trust(moved)), fetch=served(listed)).headline == "Verified"


def test_without_a_trust_file_the_list_is_still_checked_for_what_it_is():
    """The bundle's list must be signed, and by the same issuer; whose key it was, nobody can say."""
    good, bad = (
        WORLD.bundle(BADGE, [LIST]),
        WORLD.bundle(BADGE, [edited(LIST, put("validFrom", rfc3339(NOW)))]),
    )

    assert 6 not in codes(judged(good, trust=None))
    assert codes(judged(bad, trust=None))[6] == ("failed", "status-list-signature")


def test_a_record_that_has_a_status_of_its_own_is_looked_up():
    """A record needs no status entry; one that has it is held to it."""
    entry = dict(BADGE["credentialStatus"], statusListIndex="9")
    record = WORLD.record([BADGE], put("credentialStatus", entry))

    assert codes(judged(record)) == {6: ("failed", "status-list-issuer")}


# ------------------------------------------------------------------ inflating


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(BYTES_MIN - 1)),
        gzip.compress(bytes(BYTES_MAX + 1)),
        gzip.compress(bytes(BYTES_MIN))[:-1],
        gzip.compress(bytes(BYTES_MIN)) + b"\0",
        gzip.compress(bytes(BYTES_MIN)) * 2,
        zlib.compress(bytes(BYTES_MIN)),
        b"",
    ],
    ids=["too-short", "too-long", "cut-off", "trailing-byte", "two-streams", "zlib", "empty"],
)
def test_only_one_whole_gzip_stream_of_a_lists_size_is_inflated(data):
    """Nothing is inflated beyond 2 MiB, and nothing may follow."""
    with pytest.raises(Malformed):
        inflate(data)


def test_a_bomb_is_given_up_at_the_limit():
    """64 MiB of zeros in 64 KiB: 2 MiB of them are made, and no more."""
    squeezer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeezer.compress(bytes(2**20)) for _ in range(64)) + squeezer.flush()
    listed = WORLD.status_list(edit=put(SUBJECT, "encodedList", "u" + b64url(bomb)))

    with pytest.raises(Malformed):
        inflate(bomb)
    assert answer(listed) == ("failed", "status-list-bits")


def test_a_longer_list_is_allowed():
    """131 072 bits is the least, not the most."""
    longer = WORLD.status_list(edit=put(SUBJECT, "encodedList", encoded_list([AWARD.status_index], 262_144)))

    assert answer(longer) == ("failed", "revoked")
