"""The offline bundle: everything a check needs, and the same bytes for the same input."""

import io
import json
import re
import zipfile
from typing import Any

import pytest

from ledger.errors import Refusal
from ledger.keys.did import did_document
from projections.exports import securing
from projections.exports.bundle import TrustCopy, bundle, how_to_check
from projections.exports.model import Document, IssuerProfile
from projections.exports.trust import trust_file, trust_signature
from tests.projections.exports.world import (
    HOST,
    RECEIPT,
    a_badge,
    a_provider,
    a_signed_badge,
    a_signed_clr,
    a_signed_status_list,
    a_trust_file,
    proof_holds,
    the_operator,
)


def keys_of(issuer: IssuerProfile) -> Document:
    """Return the DID document of an issuer."""
    return did_document(issuer.did, [securing.multikey_of(issuer.signer)])


OTHER = a_provider(95004)
TRUST = TrustCopy(
    trust_file(a_trust_file()), trust_signature(trust_file(a_trust_file()), the_operator().signer)
)
LISTS = [a_signed_status_list(), a_signed_status_list(issuer=OTHER)]
DIDS = [keys_of(a_provider()), keys_of(OTHER), keys_of(the_operator())]


def a_bundle(**changes: Any) -> bytes:
    """Return the bundle of one award, with changes."""
    made: dict[str, Any] = {
        "credential": a_signed_badge(),
        "status_lists": LISTS[:1],
        "did_documents": DIDS[:1],
        "trust": TRUST,
        "host": HOST,
    }
    return bundle(**{**made, **changes})


def members(data: bytes) -> dict[str, bytes]:
    """Return what is in a ZIP, by name, in its order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_bundle_of_an_award_holds_what_a_check_needs() -> None:
    """Credential, receipt, status list, keys, words, and the trust file for reference; sorted."""
    inside = members(a_bundle())

    assert list(inside) == [
        "HOW-TO-CHECK.txt",
        "award.tlog-proof",
        "credential.json",
        "did.json",
        "status-list.json",
        "trust.json",
        "trust.json.jws",
    ]
    assert json.loads(inside["credential.json"]) == a_signed_badge()
    assert proof_holds(json.loads(inside["credential.json"]))
    assert proof_holds(json.loads(inside["status-list.json"]))
    assert inside["award.tlog-proof"].decode() == RECEIPT
    assert json.loads(inside["did.json"])["id"] == a_provider().did
    assert inside["trust.json"] == TRUST.content
    assert inside["trust.json.jws"].decode() == TRUST.signature


def test_same_input_same_bytes() -> None:
    """No time, no order of arguments, no compression enters the file."""
    record = a_signed_clr()
    turned = {"status_lists": list(reversed(LISTS)), "did_documents": list(reversed(DIDS))}

    assert a_bundle() == a_bundle()
    assert a_bundle(credential=record, status_lists=LISTS, did_documents=DIDS) == a_bundle(
        credential=record, **turned
    )


def test_members_are_stored_with_a_fixed_date() -> None:
    """Nothing is compressed; every member says 1980 and is a plain file."""
    with zipfile.ZipFile(io.BytesIO(a_bundle())) as archive:
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr == 0o100644 << 16
            assert entry.create_system == 3


def test_a_record_brings_all_its_lists_keys_and_receipts() -> None:
    """With several awards the first of a kind has the plain name, and the others are numbered."""
    inside = members(a_bundle(credential=a_signed_clr(), status_lists=LISTS, did_documents=DIDS))

    assert json.loads(inside["did.json"])["id"] == the_operator().did
    assert json.loads(inside["did-2.json"])["id"] == a_provider().did
    assert json.loads(inside["did-3.json"])["id"] == OTHER.did
    assert json.loads(inside["status-list.json"])["issuer"] == a_provider().did
    assert json.loads(inside["status-list-2.json"])["issuer"] == OTHER.did
    assert {"award.tlog-proof", "award-2.tlog-proof"} <= inside.keys()


def test_an_award_without_receipt_has_none_in_the_bundle() -> None:
    """Before publication there is no proof to put in, and nothing stands in its place."""
    assert "award.tlog-proof" not in members(a_bundle(credential=a_signed_badge(receipt=None)))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"credential": a_badge()}, "only a signed credential"),
        ({"status_lists": []}, "each status list"),
        ({"status_lists": LISTS[1:]}, "each status list"),
        ({"status_lists": LISTS}, "each status list"),
        ({"status_lists": LISTS[:1] * 2}, "each status list"),
        ({"did_documents": []}, "each DID document"),
        ({"did_documents": DIDS[1:2]}, "each DID document"),
        ({"did_documents": DIDS}, "each DID document"),
    ],
    ids=[
        "unsigned",
        "no-status-list",
        "anothers-status-list",
        "a-list-too-many",
        "a-list-twice",
        "no-did",
        "anothers-did",
        "a-did-too-many",
    ],
)
def test_a_bundle_that_could_not_be_checked_is_refused(changes: dict[str, Any], match: str) -> None:
    """A bundle with a list or a key missing would fail years later, when nobody can mend it."""
    with pytest.raises(Refusal, match=match) as caught:
        a_bundle(**changes)

    assert caught.value.code == "export-bundle"


def test_how_to_check_is_plain_and_complete() -> None:
    """The page names the command, where a trust file comes from, and how its fingerprint is compared."""
    page = how_to_check(HOST)

    assert "roa verify BUNDLE.zip --trust trust.json" in page
    assert f"https://{HOST}/trust.json" in page
    assert "sha256sum trust.json" in page
    assert "never trusts that copy by itself" in " ".join(page.split())
    for headline in ("Verified", "Verified, with notes", "Could not be verified completely", "Not valid"):
        assert re.search(rf"^ +{headline}$", page, re.MULTILINE)
    assert max(map(len, page.splitlines())) <= 110
    assert page.isascii()


# ------------------------------------------------------------------ receipts of signing, and of lists


def test_the_receipt_of_the_signing_stands_beside_the_credential() -> None:
    """`issued.tlog-proof`, as it was given; the award's own receipt stays what it is."""
    inside = members(a_bundle(issued="of the signing\n"))

    assert inside["issued.tlog-proof"] == b"of the signing\n"
    assert inside["award.tlog-proof"].decode() == RECEIPT


def test_receipts_of_the_awards_inside_are_numbered_in_the_records_order() -> None:
    """From 1, however many: `issued-1` is the first award's, as `award` and `award-2` are in that order."""
    record = a_signed_clr()
    inside = members(
        a_bundle(
            credential=record,
            status_lists=LISTS,
            did_documents=DIDS,
            issued="the record's",
            inner_issued=["the first's", "the second's"],
        )
    )

    names = [name for name in inside if name.startswith("issued")]
    assert [inside[name].decode() for name in sorted(names)] == [
        "the first's",
        "the second's",
        "the record's",
    ]
    assert sorted(names) == ["issued-1.tlog-proof", "issued-2.tlog-proof", "issued.tlog-proof"]


def test_a_receipt_that_is_not_there_yet_leaves_a_gap() -> None:
    """Numbers say which award: the second's receipt is never called the first's."""
    inside = members(
        a_bundle(
            credential=a_signed_clr(),
            status_lists=LISTS,
            did_documents=DIDS,
            inner_issued=[None, "the second's"],
        )
    )

    assert [name for name in inside if name.startswith("issued")] == ["issued-2.tlog-proof"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_records_of_lists_stay_with_their_lists(order: tuple[int, int]) -> None:
    """In whatever order the lists come, each has its own record under its own number."""
    papers = [f"the record of {one['id']}" for one in LISTS]
    inside = members(
        a_bundle(
            credential=a_signed_clr(),
            status_lists=[LISTS[at] for at in order],
            did_documents=DIDS,
            list_records=[papers[at] for at in order],
        )
    )

    for suffix in ("", "-2"):
        listed = json.loads(inside[f"status-list{suffix}.json"])
        assert inside[f"status-list{suffix}.tlog-proof"].decode() == f"the record of {listed['id']}"


@pytest.mark.parametrize("missing", [0, 1])
def test_a_list_without_a_record_leaves_the_others_theirs(missing: int) -> None:
    """Its number stays free."""
    papers: list[str | None] = ["first", "second"]
    papers[missing] = None
    inside = members(
        a_bundle(credential=a_signed_clr(), status_lists=LISTS, did_documents=DIDS, list_records=papers)
    )

    found = {name: inside[name] for name in inside if name.endswith("tlog-proof") and "list" in name}
    assert (
        found
        == [
            {"status-list-2.tlog-proof": b"second"},
            {"status-list.tlog-proof": b"first"},
        ][missing]
    )


@pytest.mark.parametrize("papers", [["one"], ["one", "two", "three"]])
def test_a_record_too_few_or_too_many_is_our_own_mistake(papers: list[str]) -> None:
    """Nobody could say whose they are: the work stops."""
    with pytest.raises(ValueError, match="zip"):
        a_bundle(credential=a_signed_clr(), status_lists=LISTS, did_documents=DIDS, list_records=papers)


def test_every_member_is_explained_on_the_page() -> None:
    """Whoever opens the ZIP finds each kind of file in `HOW-TO-CHECK.txt`."""
    inside = members(a_bundle(issued="x", list_records=["y"]))

    page = inside["HOW-TO-CHECK.txt"].decode()
    assert [name for name in inside if name not in page] == []
