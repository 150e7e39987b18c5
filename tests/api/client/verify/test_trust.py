"""The trust file: read strictly, fingerprinted, and signed by its operator or not at all."""

import hashlib
import json

import pytest

from api.client.errors import ClientError, Malformed, Refused
from api.client.verify import Trust
from api.client.verify.keys import Span
from api.client.verify.trust import SIZE_MAX_BYTES, did_host
from tests.api.client.verify.words import WORLD, YES, drop, put
from tests.support.credentials import OPERATOR, PROVIDER
from tests.support.handmade import HOST, ORIGIN, Key, b64url, sorted_json

TRUST = WORLD.trust()
SIGNATURE = WORLD.trust_signature(TRUST)


def test_a_trust_file_says_who_counts():
    """Issuers by DID, listings by code and version, keys of the log, hosts, a fingerprint of its bytes."""
    trust = Trust.parse(TRUST, SIGNATURE)

    assert trust.fingerprint == hashlib.sha256(TRUST).hexdigest()
    assert trust.signed
    assert trust.hosts == {HOST}
    assert trust.issuers[PROVIDER].number == 95001
    assert trust.listings["6022", 1].title == "Aquaculture Biosecurity"
    assert [use.must_verify for use in trust.log_keys] == [True, True]
    assert trust.party(OPERATOR) == trust.operator
    assert trust.party("did:web:other.example") is trust.party(None) is None
    assert not trust.policy.needs_witnesses


def test_without_a_signature_it_is_read_and_said_to_be_unsigned():
    """What makes a trust file trusted is its fingerprint; the signature shows that it is whole."""
    assert not Trust.parse(TRUST).signed
    assert Trust.parse(TRUST + b"\n").fingerprint != Trust.parse(TRUST).fingerprint


@pytest.mark.parametrize(
    ("signature", "error"),
    [
        (WORLD.trust_signature(TRUST + b" "), Refused),
        (WORLD.trust_signature(TRUST, Key("stranger")), Refused),
        (WORLD.trust_signature(TRUST, WORLD.provider), Refused),
        (WORLD.trust_signature(TRUST, typ="achievement-receipt+jws"), Refused),
        (SIGNATURE.replace(b"..", b"." + b64url(TRUST).encode() + b"."), Malformed),
        (SIGNATURE.replace(b"..", b"."), Malformed),
        (b"", Malformed),
        (b"\xff", Malformed),
        (b"a..b", Malformed),
        (SIGNATURE[:-4], ClientError),
    ],
    ids=[
        "of-other-bytes",
        "by-a-stranger",
        "by-a-provider",
        "of-another-kind",
        "not-detached",
        "two-parts",
        "empty",
        "not-text",
        "not-jws",
        "cut-off",
    ],
)
def test_a_signature_that_is_not_the_operators_is_refused(signature, error):
    """A trust file that comes with a signature must come with a good one."""
    with pytest.raises(error):
        Trust.parse(TRUST, signature)


@pytest.mark.parametrize(
    "fate",
    [
        {"to": WORLD.size},
        {"from": WORLD.size + 1},
        {"to": WORLD.size + 9, "suspected_from": WORLD.size + 5},
        {"to": WORLD.size, "suspected_from": 2, "reaffirmed": [[2, WORLD.size]]},
    ],
    ids=["ended", "not-yet-registered", "suspected", "reaffirmed"],
)
def test_a_key_of_the_operator_that_is_out_of_use_signs_no_trust_file(fate):
    """The key that signs a trust file counts at its position, beyond suspicion."""
    content = WORLD.trust(lambda trust: trust["operator"]["keys"][0].update(fate))

    with pytest.raises(Refused) as caught:
        Trust.parse(content, WORLD.trust_signature(content))

    assert caught.value.code == "trust-signature-key"
    assert not Trust.parse(content).signed


def test_a_line_feed_after_the_signature_is_no_matter():
    """Files end in line feeds."""
    assert Trust.parse(TRUST, SIGNATURE + b"\n").signed


def test_operator_keys_of_other_kinds_are_passed_over():
    """A P-256 key among the operator's does not keep its Ed25519 key from being found."""

    def with_p256(trust):
        other = dict(
            trust["operator"]["keys"][0], multibase="zDnaekGZTbQBerwcehBSXLqAg6s55hVEBms1zFy89VHXtJSa9"
        )
        trust["operator"]["keys"].insert(0, other)

    content = WORLD.trust(with_p256)

    assert Trust.parse(content, WORLD.trust_signature(content)).signed


@pytest.mark.parametrize(
    "edit",
    [
        put("format", "achievement-ledger/trust/v2"),
        drop("format"),
        put("made_at", "yesterday"),
        put("as_at_position", 0),
        put("as_at_position", "13"),
        put("as_at_position", YES),
        put("origin", 5),
        put("founding_entry_hash", "AAAA"),
        put("founding_entry_hash", "not base64"),
        put("log_keys", {}),
        put("log_keys", 0, "vkey", "nobody"),
        put("log_keys", 0, "must_verify", 1),
        drop("log_keys", 0, "from"),
        drop("log_keys", 0, "to"),
        put("witness_policy", None),
        put("operator", []),
        put("operator", "did", "https://ledger.example"),
        put("issuers", ["x"]),
        put("issuers", 0, "number", "95001"),
        put("issuers", 0, "keys", 0, "from", -1),
        put("issuers", 0, "keys", 0, "to", 0),
        put("issuers", 0, "accreditations", 0, "from", "2020-13-01"),
        put("issuers", 0, "accreditations", 0, "to", "never"),
        drop("issuers", 0, "accreditations", 0, "to"),
        put("issuers", 0, "accreditations", 0, "versions", ["1"]),
        put("issuers", 0, "accreditations", 0, "versions", [True]),
        put("microcredentials", 0, "level", 4.5),
        put("microcredentials", 0, "outcomes", [{"id": "LO1"}]),
        put("microcredentials", 0, "listed_on", None),
        lambda trust: trust["issuers"].append(trust["issuers"][0]),
        lambda trust: trust["microcredentials"].append(trust["microcredentials"][0]),
        lambda trust: trust["issuers"][0]["keys"].append(trust["issuers"][0]["keys"][0]),
        lambda trust: trust["operator"]["keys"].append(trust["issuers"][0]["keys"][0]),
        put("issuers", 0, "did", OPERATOR),
        put("issuers", 0, "keys", 0, "suspected_from", "2026-11-22"),
        put("issuers", 0, "keys", 0, "suspected_from", 5),
        put("operator", "keys", 0, "annulled", [[5, 6]]),
        put("log_keys", 1, "vkey", WORLD.log.mldsa.vkey("other.example/log")),
        put("log_keys", 1, "vkey", WORLD.log.mldsa.vkey(ORIGIN)[:-4]),
    ],
)
def test_a_trust_file_of_another_form_is_refused(edit):
    """Nothing in it is guessed."""
    with pytest.raises(Malformed):
        Trust.parse(WORLD.trust(edit))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"format":1,"format":1}',
        b" " * SIZE_MAX_BYTES + b"{}",
        b"[" * 99 + b"]" * 99,
    ],
)
def test_what_is_no_trust_file_is_refused(data):
    """Bytes from outside never raise anything but our own errors."""
    with pytest.raises(ClientError):
        Trust.parse(data)


@pytest.mark.parametrize("policy", ["", "quorum any\n", "quorum none\nquorum none\n", "# quorum none\n"])
def test_a_policy_says_once_who_must_confirm(policy):
    """A trust file whose policy names no quorum, or one that nothing defines, is refused."""
    with pytest.raises(Malformed) as caught:
        Trust.parse(WORLD.trust(put("witness_policy", policy)))

    assert caught.value.code == "policy"


def test_white_space_in_a_trust_file_is_no_matter():
    """A file that somebody indented says the same, under another fingerprint and without its signature."""
    indented = json.dumps(json.loads(TRUST), indent=2).encode()

    assert Trust.parse(indented).issuers == Trust.parse(TRUST).issuers
    with pytest.raises(Refused):
        Trust.parse(indented, SIGNATURE)


def test_positions_count_from_the_first_to_before_the_last():
    """`from` is the first position at which a key counts, `to` the first at which it counts no longer."""
    assert [Span(3, 5).covers(position) for position in (2, 3, 4, 5)] == [False, True, True, False]
    assert Span(3, None).covers(10**9)


@pytest.mark.parametrize(
    ("did", "host"),
    [
        ("did:web:ledger.example", "ledger.example"),
        ("did:web:Ledger.Example:providers:1", "ledger.example"),
        ("did:web:localhost%3A8443", "localhost:8443"),
        ("did:key:z6Mk", None),
        ("web:ledger.example", None),
    ],
)
def test_the_host_of_a_did(did, host):
    """Only did:web has a host."""
    assert did_host(did) == host


def test_the_trust_file_of_these_tests_is_canonical():
    """Members sorted, no white space: what the ledger signs."""
    assert sorted_json(json.loads(TRUST)) == TRUST
