"""Check 1: what is not one credential, readable in one way only, is refused with the reason."""

import json
import zipfile

import pytest

from api.client.errors import Malformed
from api.client.verify.archive import (
    BUNDLE_SIZE_MAX_BYTES,
    MEMBER_SIZE_MAX_BYTES,
    MEMBERS_MAX,
    TOTAL_SIZE_MAX_BYTES,
    open_bundle,
)
from api.client.verify.reading import CREDENTIAL_SIZE_MAX_BYTES, DEPTH_MAX, read
from tests.api.client.verify.words import BADGE, LIST, WORLD, codes, judged, raw
from tests.support.credentials import file_of, zipped

MARKS = ("@context", "type", "proof")
TRUST_FILE = WORLD.trust_content()
NESTED = "[" * DEPTH_MAX + "]" * DEPTH_MAX


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\x89PNG\r\n", "not-json"),
        (b"eyJhbGciOiJFZERTQSJ9.e30.AA", "not-json"),
        (b'{"a":1', "not-json"),
        (b'{"a":1} {"b":2}', "not-json"),
        (b'{"a":"\xff"}', "not-json"),
        (b'{"a":01}', "not-json"),
        (b'{"a":' + b"9" * 5_000 + b"}", "not-json"),
        (b"[]", "not-an-object"),
        (b'"text"', "not-an-object"),
        (b'{"a":NaN}', "not-a-number"),
        (b'{"a":-Infinity}', "not-a-number"),
        (b'{"a":1e999}', "not-a-number"),
        (b'{"a":{"b":1,"b":1}}', "duplicate-key"),
        (rb'{"a":1,"\u0061":1}', "duplicate-key"),
        (rb'{"a":"\ud800"}', "not-text"),
        (rb'{"\udfff":1}', "not-text"),
        (f'{{"a":{NESTED}}}'.encode(), "too-deep"),
        (b'{"a":' + b"[" * 200_000, "too-deep"),
        (b'{"a":"' + b"x" * CREDENTIAL_SIZE_MAX_BYTES + b'"}', "too-large"),
    ],
)
def test_what_is_no_credential_is_refused(data, code):
    """Each kind of damage has its own code, and stops everything else."""
    verdict = judged(data)

    assert verdict.headline == "Not valid"
    assert codes(verdict)[1] == ("failed", code)
    assert {codes(verdict)[number] for number in range(2, 10)} == {("not_checked", "unread")}
    assert verdict.credential == {}
    assert verdict.text().startswith("NOT VALID\n\n  FAILED       1 Readable")


def test_an_award_with_one_member_twice_is_refused():
    """Two readers could believe two different levels."""
    doubled = raw(BADGE, '"targetCode": "4"', '"targetCode": "7", "targetCode": "4"')

    assert codes(judged(doubled))[1] == ("failed", "duplicate-key")


def test_nesting_up_to_the_limit_is_read():
    """The limit itself is allowed."""
    assert read(f'{{"proof":{NESTED[1:-1]}}}'.encode()).credential["proof"]


# ------------------------------------------------------------------ what is no credential at all


@pytest.mark.parametrize(
    "document", [{}, {"v": 1, "name": None}, {"type": "record"}, {"type": None}, TRUST_FILE]
)
@pytest.mark.parametrize("bundled", [False, True])
def test_what_claims_to_be_no_credential_is_told_apart_before_it_is_judged(document, bundled):
    """Plain data with an empty value, a trust file: which file to ask for is said, and no fault of theirs.

    To a program it stays `Not valid`, exit code 1: whatever is left out of a forgery, it never passes.
    """
    data = zipped({"credential.json": file_of(document)}) if bundled else file_of(document)

    verdict = judged(data)

    assert verdict.text().startswith("THIS IS NOT A CREDENTIAL\n\n  FAILED       1 Readable")
    assert (verdict.headline, verdict.exit_code, verdict.credential) == ("Not valid", 1, {})
    assert codes(verdict)[1] == ("failed", "not-a-credential")
    assert {codes(verdict)[number] for number in range(2, 10)} == {("not_checked", "unread")}
    assert "Ask for the bundle (ZIP)." in verdict.checks[0].sentence


@pytest.mark.parametrize("kept", ["@context", "type", "proof"])
def test_one_mark_of_a_credential_is_enough_to_be_judged_as_one(kept):
    """Who takes two of the three marks from an award hears what is wrong with it."""
    document = {name: value for name, value in BADGE.items() if name == kept or name not in MARKS}

    verdict = judged(file_of(document))

    assert verdict.title == verdict.headline == "Not valid"
    assert codes(verdict)[2][0] == "failed"
    assert 1 not in codes(verdict)
    assert verdict.text().startswith("NOT VALID\n\n  Do not rely on it.")


# ------------------------------------------------------------------ bundles


def bundle_of(**members):
    """Return a bundle with the award and other members; `_` stands for `.` in names."""
    return zipped(
        {
            "credential.json": file_of(BADGE),
            **{name.replace("_", "."): data for name, data in members.items()},
        }
    )


def test_a_bundle_gives_its_papers_in_order():
    """Several of a kind come in the order of their numbers, whatever the order of the ZIP."""
    members = {f"status-list-{number}.json": str(number).encode() for number in (10, 2)}
    data = zipped(
        {
            "credential.json": b"{}",
            **members,
            "status-list.json": b"1",
            "award.tlog-proof": b"r",
            "did.json": b"d",
        }
    )

    papers = open_bundle(data)

    assert papers.status_lists == (b"1", b"2", b"10")
    assert papers.receipts == (b"r",)
    assert papers.did_documents == (b"d",)


def test_a_compressed_bundle_is_read_too():
    """A person may have zipped the papers again."""
    data = zipped(
        {"credential.json": file_of(BADGE), "status-list.json": file_of(LIST)}, zipfile.ZIP_DEFLATED
    )

    assert judged(data).headline == "Verified"


def refused(data):
    """Return the code with which a bundle is refused."""
    with pytest.raises(Malformed) as caught:
        open_bundle(data)
    return caught.value.code


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/passwd", "a/b.json", "a\\b.json", "sub/", ".hidden", "C:x", "a b", "x" * 200],
)
def test_a_name_that_is_a_path_is_refused(name):
    """Nothing is ever unpacked to a disk, and still such a ZIP is nobody's bundle."""
    assert refused(zipped({"credential.json": b"{}", name: b""})) == "bundle-name"


def test_two_members_of_one_name_are_refused():
    """Two programs could read two different credentials; letter case does not make a difference."""
    two = zipped({"credential.json": b"{}", "credential.jsom": b"[]"})

    assert refused(two.replace(b"credential.jsom", b"credential.json")) == "bundle-duplicate"
    assert refused(zipped({"credential.json": b"{}", "Credential.JSON": b"{}"})) == "bundle-duplicate"


def test_too_many_members_are_refused():
    """A bundle is a handful of papers."""
    assert refused(zipped({f"f{number}": b"" for number in range(MEMBERS_MAX + 1)})) == "bundle-members"


def test_a_bomb_is_refused_before_it_unpacks():
    """A member that inflates to more than it may is given up at the limit."""
    bomb = zipped({"credential.json": b" " * (MEMBER_SIZE_MAX_BYTES + 1)}, zipfile.ZIP_DEFLATED)

    assert len(bomb) < 5_000
    assert refused(bomb) == "bundle-bomb"


def test_many_small_bombs_are_refused_together():
    """The members of a bundle share one limit."""
    number = TOTAL_SIZE_MAX_BYTES // MEMBER_SIZE_MAX_BYTES
    lists = {f"status-list-{at}.json": bytes(MEMBER_SIZE_MAX_BYTES) for at in range(1, number + 2)}

    assert refused(zipped({"credential.json": b"{}", **lists}, zipfile.ZIP_DEFLATED)) == "bundle-bomb"


@pytest.mark.parametrize("claimed", [50, 150])
def test_a_member_that_lies_about_its_size_is_refused(claimed):
    """What the ZIP says and what it holds must agree."""
    data = zipped({"credential.json": b"x" * 100}, zipfile.ZIP_DEFLATED)
    size = (100).to_bytes(4, "little")
    assert data.count(size) == 2

    assert refused(data.replace(size, claimed.to_bytes(4, "little"))) == "bundle-damaged"


def test_a_bundle_that_is_too_large_is_refused():
    """Before anything in it is looked at."""
    assert refused(b"PK\x03\x04" + bytes(BUNDLE_SIZE_MAX_BYTES)) == "too-large"


def test_encryption_and_rare_compression_are_refused():
    """A bundle is stored or deflated, and open."""
    encrypted = bytearray(bundle_of())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = encrypted.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        encrypted[at] |= 1

    assert refused(bytes(encrypted)) == "bundle-damaged"
    assert refused(zipped({"credential.json": b"{}"}, zipfile.ZIP_LZMA)) == "bundle-damaged"
    assert refused(bundle_of()[:-10]) == "bundle-damaged"


def test_a_bundle_without_a_credential_says_so():
    """A ZIP of something else is not a bundle."""
    assert codes(judged(zipped({"readme.txt": b"hello"})))[1] == ("failed", "bundle-empty")


def test_a_damaged_status_list_in_a_bundle_is_no_list():
    """One damaged paper does not make the rest unreadable."""
    bundle = WORLD.bundle(BADGE, [], {"status-list.json": b"{", "did.json": b"[]"})

    assert codes(judged(bundle, fetch=lambda _url, /: b"{")) == {6: ("not_checked", "status-list-missing")}
    assert codes(judged(bundle, trust=None))[4] == ("not_checked", "no-trust-file")


def test_the_issuers_document_in_a_bundle_is_read_without_a_trust_file():
    """A DID document that does not name the key is worth a word, and proves nothing either way."""
    other = json.dumps(
        {"id": BADGE["issuer"]["id"], "assertionMethod": ["did:web:ledger.example:providers:95001#z6Mkx"]}
    )

    verdict = judged(WORLD.bundle(BADGE, [LIST], {"did.json": other.encode()}), trust=None)

    assert codes(verdict)[4] == ("not_checked", "key-not-in-document")
