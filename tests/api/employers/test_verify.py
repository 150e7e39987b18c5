"""The employers' door: anything may be posted, a verdict always comes back, nothing is kept."""

import io
import json
import logging
import zipfile
from hashlib import sha256

import pytest

from api.employers import checking
from api.employers.reading import BODY_MAX_BYTES
from tests.api.web.html import read
from tests.api.web.site import BEN, a_site, an_empty_site
from tests.support.world import ANA

NUMBERS = list(range(1, 10))


def download(site, path, who=ANA) -> bytes:
    """Return what a learner downloads."""
    answer = site.get(path, "*/*", who)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture(scope="module")
def badge(site) -> bytes:
    """ANA's award as an Open Badge."""
    return download(site, f"/me/awards/{site.awards[ANA.nsn]}?format=ob3")


@pytest.fixture(scope="module")
def revoked(site) -> bytes:
    """BEN's award, which was revoked, as an Open Badge."""
    return download(site, f"/me/awards/{site.awards[BEN.nsn]}?format=ob3", BEN)


def tampered(badge: bytes) -> bytes:
    """Return an award of a higher level than was signed."""
    document = json.loads(badge)
    document["credentialSubject"]["achievement"]["alignment"][0]["targetCode"] = "9"
    return json.dumps(document).encode()


def verdict(site, data: bytes, **options) -> dict:
    """Post a body and return the verdict."""
    answer = site.post("/v1/verify", content=data, **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def by_name(found: dict) -> dict[str, str]:
    """Return each check's result by its name."""
    return {check["name"]: check["result"] for check in found["checks"]}


def test_a_genuine_award_is_verified(site, badge):
    """Nine checks pass, and the verdict says what the award says."""
    found = verdict(site, badge)

    assert found.keys() == {"headline", "checks", "credential"}
    assert found["headline"] == "Verified"
    assert [check["number"] for check in found["checks"]] == NUMBERS
    assert set(by_name(found).values()) == {"passed"}
    assert found["credential"]["name"] == "Ana Brook"
    assert found["credential"]["state"] == "in force"


@pytest.mark.parametrize("path", ["/me?format=clr", "/me?format=bundle", "/me/awards/{award}?format=bundle"])
def test_everything_a_learner_can_hand_over_is_verified(site, path):
    """A record, and bundles of one award and of a record."""
    data = download(site, path.format(award=site.awards[ANA.nsn]))

    assert verdict(site, data)["headline"] == "Verified"


def test_a_revoked_award_is_not_valid(site, revoked):
    """The list of revocations is this ledger's own, as it stands now."""
    found = verdict(site, revoked)

    assert found["headline"] == "Not valid"
    assert by_name(found)["Revocation"] == "failed"
    assert by_name(found)["Signatures"] == "passed"


def test_a_bundle_from_before_a_revocation_is_found_out(tmp_path):
    """The papers in a bundle say in force; the ledger knows better by now."""
    site = a_site(tmp_path)
    try:
        bundle = download(site, f"/me/awards/{site.awards[ANA.nsn]}?format=bundle")
        before = verdict(site, bundle)
        site.ledger.must("95001.submission", [revocation(site)])
        site.house.catch_up()
        after = verdict(site, bundle)
    finally:
        site.close()

    assert before["headline"] == "Verified"
    assert (after["headline"], by_name(after)["Revocation"]) == ("Not valid", "failed")


def revocation(site):
    """Return what revokes ANA's award."""
    said = {"award": str(site.awards[ANA.nsn]), "reason": "integrity", "effective_on": "2026-11-21"}
    return {"type": "award.revoked", "v": 1, **said}


def test_a_changed_award_is_not_valid(site, badge):
    """One changed letter under the signature, and nothing further is believed."""
    found = verdict(site, tampered(badge))

    assert found["headline"] == "Not valid"
    assert by_name(found)["Signatures"] == "failed"
    assert by_name(found)["Accreditation"] == "not_checked"


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"{}",
        b"[]",
        b"null",
        b"\x00\xff\xfe",
        b'{"a":1,"a":2}',
        b"PK\x03\x04 not really",
        b"{" * 3000,
        b'{"@context":NaN}',
        b" " * 100 + b"{",
    ],
)
def test_whatever_is_posted_gets_a_verdict(site, data):
    """What is no credential is not valid: 200 with nine answers, never an error."""
    found = verdict(site, data)

    assert found["headline"] == "Not valid"
    assert [check["number"] for check in found["checks"]] == NUMBERS


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/vc", "application/zip", "application/x-www-form-urlencoded", None],
)
def test_the_kind_of_a_body_does_not_matter(site, badge, media_type):
    """What is in it counts, not what it is called: also what curl calls it when it is not told."""
    headers = {} if media_type is None else {"Content-Type": media_type}

    assert verdict(site, badge, headers=headers)["headline"] == "Verified"


def test_a_form_may_carry_a_file_or_text(site, badge):
    """A chosen file counts before pasted text; an empty file field, as browsers send it, counts as none."""
    as_file = site.post("/v1/verify", files={"file": ("award.json", badge)}, data={"text": "{}"})
    as_text = site.post("/v1/verify", files={"file": ("", b"")}, data={"text": badge.decode()})

    assert as_file.json()["headline"] == "Verified"
    assert as_text.json()["headline"] == "Verified"


@pytest.mark.parametrize("path", ["/v1/verify", "/verify"])
@pytest.mark.parametrize(
    "options",
    [
        {"content": b""},
        {"content": b" \n\t"},
        {"files": {"file": ("", b"")}, "data": {"text": ""}},
        {"files": {"other": ("x.json", b"{}")}},
        {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"--x\r\nContent", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"files": [("file", ("a", b"{}")), ("file", ("b", b"{}"))]},
    ],
)
def test_nothing_to_check_is_a_clear_no(site, path, options):
    """An empty body or form, or one that cannot be read, is answered 400, with what to do."""
    answer = site.post(path, **options)

    assert answer.status_code == 400
    told = read(answer.text).one("div", role="alert").text if path == "/verify" else answer.json()["detail"]
    assert "send the file by itself" in told or "choose a file, or paste the text" in told


@pytest.mark.parametrize("path", ["/v1/verify", "/verify"])
def test_what_is_larger_than_anything_checked_is_refused(site, path):
    """413 as soon as it is too large; what is just below gets its verdict."""
    assert site.post(path, content=b"x" * (BODY_MAX_BYTES + 1)).status_code == 413
    assert site.post(path, content=b"x" * BODY_MAX_BYTES).status_code == 200


def test_nothing_posted_is_kept(site, badge, tmp_path, monkeypatch, caplog):
    """No record, no file and no line of a log comes of a check, however large the file is."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    size, files = site.ledger.size(), sorted(site.ledger.files.folder.rglob("*"))
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w") as archive:
        archive.writestr("credential.json", badge)
        archive.writestr("padding", b"x" * 3_000_000)

    with caplog.at_level(logging.DEBUG):
        answer = site.post("/verify", files={"file": ("Ana Brook.zip", large.getvalue())})

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (site.ledger.size(), sorted(site.ledger.files.folder.rglob("*"))) == (size, files)
    assert list(tmp_path.iterdir()) == []
    assert "Brook" not in caplog.text


def test_only_own_status_lists_are_fetched(site):
    """The page answers from this ledger's lists; any other address is out of reach, not asked."""
    fetch = checking._own_lists(site.house)

    assert (
        json.loads(fetch("https://ledger.example/status/95001/1"))["type"][1]
        == "BitstringStatusListCredential"
    )
    for url in (
        "https://ledger.example/status/95001/99",
        "https://ledger.example/status/95002/1",
        "https://ledger.example/status/95001/1/2",
        "https://ledger.example/trust.json",
        "https://ledger.example:8443/status/95001/1",
        "https://me@ledger.example/status/95001/1",
        "https://elsewhere.example/status/95001/1",
        "http://ledger.example/status/95001/1",
        "https://ledger.example/status/x/1",
        "https://ledger.example/status/٤/1",
        f"https://ledger.example/status/{'9' * 30}/1",
        "file:///etc/hostname",
        "",
    ):
        with pytest.raises(checking.Unreachable):
            fetch(url)


def test_without_a_trust_file_nothing_is_believed(badge, tmp_path):
    """On a ledger that has published nothing, genuine papers stay unconfirmed, and the page says why."""
    fresh = an_empty_site(tmp_path)
    try:
        found = verdict(fresh, badge)
        page = read(fresh.get("/verify").text)
    finally:
        fresh.close()

    assert found["headline"] == "Could not be verified completely"
    assert "has published nothing yet" in page.text


def test_the_page_says_whose_word_it_takes(site):
    """It shows the fingerprint of the trust file that anyone can download and compare."""
    page = read(site.get("/verify").text)

    assert sha256(site.get("/trust.json").content).hexdigest() in page.text
    assert "/trust.json" in page.links
    assert "for example by telephone" in page.text
    assert "nothing you send is kept" in page.text
    # A lone credential would be answered incompletely with no network.
    assert "roa verify bundle.zip --trust trust.json" in page.text


@pytest.mark.parametrize(
    ("name", "headline", "result"),
    [
        ("badge", "Verified", "Passed"),
        ("revoked", "Not valid", "Failed"),
        ("tampered", "Not valid", "Not checked"),
    ],
)
def test_the_page_shows_the_verdict_in_words(site, badge, revoked, name, headline, result):
    """The headline is the heading; each check has its name, its outcome as a word, and one sentence."""
    data = {"badge": badge, "revoked": revoked, "tampered": tampered(badge)}[name]
    page = read(site.post("/verify", files={"file": ("award.json", data)}).text)
    found = verdict(site, data)

    assert page.one("h1").text == headline
    assert page.one("title").text.startswith(headline)
    assert [one.text for one in page.all("p") if "mark" in str(one.attributes.get("class"))].count(
        result
    ) >= 1
    for check in found["checks"]:
        assert check["sentence"] in page.text
    assert page.faults == []
    assert page.headings.count(1) == 1
    failed = [check["sentence"] for check in found["checks"] if check["result"] == "failed"]
    for sentence in failed:
        # Said at once beside the headline, and again in its place.
        assert page.text.count(sentence) == 2


@pytest.mark.parametrize("path", ["/me?format=json", "/trust.json"])
def test_a_genuine_file_that_is_no_credential_is_not_called_forged(site, path):
    """Plain data and the trust file are told apart; the page says which file to ask for."""
    data = download(site, path)

    page = read(site.post("/verify", files={"file": ("some.json", data)}).text)
    found = verdict(site, data)

    assert page.one("h1").text == "This is not a credential"
    assert page.one("title").text.startswith("This is not a credential")
    assert "Do not rely on it" not in page.text
    assert "Ask for the bundle (ZIP)." in page.text
    assert (found["headline"], found["checks"][0]["code"]) == ("Not valid", "not-a-credential")


def test_the_page_shows_what_a_credential_says_as_text(site, badge):
    """Markup in a stranger's file, or in its name, is shown and not run."""
    document = json.loads(badge)
    document["credentialSubject"]["achievement"]["name"] = "<script>alert(1)</script>"
    data = json.dumps(document).encode()

    answer = site.post("/verify", files={"file": ("<b>me</b>.json", data)})

    page = read(answer.text)
    assert page.all("script") == page.all("b") == []
    assert "<script>alert(1)</script>" in page.text
    assert "<b>me</b>.json" in page.text


def test_the_page_shows_each_award_of_a_record(site):
    """A record is told award by award, each with its own result."""
    data = download(site, "/me?format=clr")

    page = read(site.post("/verify", files={"file": ("record.json", data)}).text)

    assert "Record of Achievement, 1 award" in page.text.replace("\u00a0", " ")
    assert page.text.count("Modular Building Assembly (Micro-credential)") == 1
    assert "Achieved" in page.text
