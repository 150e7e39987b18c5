"""`roa prove` asks a served ledger; `roa verify` asks nobody unless it is told whom."""

import io
import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.client.submission import organisation_id
from api.client.verify.tlog import parse_checkpoint, parse_proof, parse_vkey
from ledger.clock import FixedClock, instant
from tests.api.cli.conftest import NOW_US
from tests.api.cli.shell import roa
from tests.support import ledgers
from tests.support.ledgers import PROVIDER_KEY, statement
from tests.support.world import ANA, PROVIDER

NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a server that is no ledger and answers everything alike."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(418)
            self.end_headers()
            self.wfile.write(b"<html>a teapot")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# ------------------------------------------------------------------ prove


def test_prove_prints_the_proof_of_a_record(served, url):
    """C2SP tlog-proof text as it came, signed by the log's key."""
    ran = roa("prove", 1, "--url", url)

    proof = parse_proof(ran.out)
    vkeys = served.ledger.founding.log_keys
    assert ran.code == 0
    assert (proof.index, proof.extra) == (0, b"")
    checkpoint = parse_checkpoint(proof.checkpoint)
    assert [parse_vkey(vkey).signed(checkpoint) for vkey in vkeys] == [True, True]


def test_with_a_token_the_proof_opens_what_is_ours(served, url, monkeypatch):
    """From the option or ROA_TOKEN; somebody else's token opens nothing."""
    ledger = served.ledger
    (stored,) = ledger.store.select_notifications(1, 1, topics=("assessment.passed",))
    tokens = [served.tokens.make(organisation_id(one), ledger.clock.now_us()) for one in (PROVIDER, 95002)]

    own, other = (roa("prove", stored.id, "--url", url, "--token", one) for one in tokens)
    monkeypatch.setenv("ROA_TOKEN", tokens[0])
    again = roa("prove", stored.id, "--url", url)

    assert (own.code, other.code) == (0, 0)
    assert parse_proof(own.out).extra
    assert not parse_proof(other.out).extra
    assert again.out == own.out


@pytest.mark.parametrize("position", [0, 99999])
def test_there_is_no_proof_of_what_is_not_there(url, position):
    """Exit 1 with the ledger's own sentence."""
    ran = roa("prove", position, "--url", url)

    assert (ran.code, ran.out) == (1, "")
    assert "there is no record at this position" in ran.err


@pytest.mark.parametrize("address", [NOBODY_LISTENS, "ledger.example", "http://["])
def test_prove_where_no_ledger_answers(address):
    """Exit 1 and one sentence."""
    ran = roa("prove", 1, "--url", address)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)


def test_prove_where_something_else_answers(stranger):
    """Exit 1 and one sentence: what came back is no ledger's."""
    ran = roa("prove", 1, "--url", stranger)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert "418" in ran.err


# ------------------------------------------------------------------ verify


@pytest.fixture
def bundle(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ana's bundle, in a folder with nothing else of the ledger in it but the trust file."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    assert (
        roa("export", ANA.nsn, "--data", folder, "--format", "bundle", "--out", place / "bundle.zip").code
        == 0
    )
    for name in ("trust.json", "trust.json.jws"):
        (place / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(place)
    return place / "bundle.zip"


@pytest.fixture
def record(folder: Path, bundle: Path) -> Path:
    """Ana's record alone: the status list is with its issuer."""
    assert (
        roa(
            "export", ANA.nsn, "--data", folder, "--format", "clr", "--out", bundle.with_name("record.json")
        ).code
        == 0
    )
    return bundle.with_name("record.json")


def changed(bundle: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a bundle with its credential changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "credential.json":
                credential = json.loads(content)
                change(credential)
                content = json.dumps(credential).encode()
            new.writestr(name, content)
    return out.getvalue()


def test_a_genuine_bundle_is_verified_offline(bundle, monkeypatch):
    """Exit 0, one sentence for each check; nobody is asked."""

    def asked(*_arguments: object) -> None:
        pytest.fail("somebody was asked")

    monkeypatch.setattr(socket.socket, "connect", asked)

    words, as_json = (roa("verify", bundle, "--trust", "trust.json", *more) for more in ((), ("--json",)))

    assert (words.code, as_json.code) == (0, 0)
    assert words.out.casefold().startswith("verified")
    assert as_json.json["headline"].startswith("Verified")
    assert {one["number"] for one in as_json.json["checks"]} == set(range(1, 10))
    assert {one["result"] for one in as_json.json["checks"]} <= {"passed", "warning"}


def test_a_changed_bundle_is_not_valid(bundle):
    """Exit 1, from standard input too."""
    forged = changed(bundle, lambda one: one["credentialSubject"].update(id="urn:uuid:somebody-else"))

    ran = roa("verify", "-", "--trust", "trust.json", "--json", stdin=forged)

    assert (ran.code, ran.json["headline"]) == (1, "Not valid")


def test_without_a_trust_file_it_cannot_be_verified_completely(bundle):
    """Exit 5: the one inside the bundle proves nothing."""
    ran = roa("verify", bundle, "--json")

    checks = {one["number"]: one["result"] for one in ran.json["checks"]}
    assert (ran.code, ran.json["headline"]) == (5, "Could not be verified completely")
    assert [checks[number] for number in (4, 8, 9)] == ["not_checked"] * 3


def test_a_status_list_is_fetched_from_where_one_says_and_nowhere_else(record, url):
    """Without --url that check stays open (5), with it it is made (0); a dead address leaves it open."""
    codes = [
        roa("verify", record, "--trust", "trust.json", *more).code
        for more in ((), ("--url", url), ("--url", NOBODY_LISTENS))
    ]

    assert codes == [5, 0, 5]


def test_a_revoked_award_is_not_valid(record, folder, served, url):
    """The ledger that is asked says so: exit 1."""
    house = ledgers.open_house(folder, FixedClock(instant(NOW_US)))
    (stored,) = house.ledger.store.select_notifications(1, 1, topics=("microcredential.awarded",))
    said = {"award": str(stored.originator_id), "reason": "issued_in_error", "effective_on": "2026-11-20"}
    house.must(PROVIDER_KEY, [statement("award.revoked", **said)])
    house.close()
    served.catch_up()
    trust = record.with_name("newer.json")
    trust.write_bytes(served.issuer.trust_file()[0])

    ran = roa("verify", record, "--trust", trust, "--url", url, "--json")

    assert (ran.code, ran.json["headline"]) == (1, "Not valid")
    (failed,) = [one for one in ran.json["checks"] if one["result"] == "failed"]
    assert (failed["number"], failed["code"]) == (6, "revoked")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"not a credential", b"PK\x03\x04", b"[" * 100_000, b'{"id": 1, "id": 2}']
)
def test_what_is_no_credential_is_not_valid(data, bundle):
    """Exit 1 in one way or another, never 0 and never 70."""
    del bundle

    ran = roa("verify", "-", "--trust", "trust.json", stdin=data)

    assert ran.code == 1
    assert ran.out or ran.err.startswith("roa: ")


@pytest.mark.parametrize(
    "words",
    [
        ["nothing.zip"],
        ["."],
        ["bundle.zip", "--trust", "nothing.json"],
        ["bundle.zip", "--trust", "bundle.zip"],
        ["bundle.zip", "--trust", "trust.json", "--url", "ledger.example"],
    ],
    ids=" ".join,
)
def test_wrong_use_of_verify_is_2(bundle, words):
    """Files that there are not, a trust file that is none, an address that is none."""
    del bundle

    ran = roa("verify", *words)

    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


def test_a_trust_file_with_a_signature_that_does_not_hold_is_not_used(bundle):
    """Its signature lies beside it and is checked without asking: nothing is verified with it."""
    trust = bundle.with_name("trust.json")
    trust.write_bytes(trust.read_bytes().replace(b'"number":95001', b'"number":95091'))

    ran = roa("verify", bundle, "--trust", trust)

    assert ran.code in (1, 2)
    assert ran.out == ""


def test_verify_and_prove_need_no_ledger_here(bundle, url):
    """Nor do they leave anything behind."""
    before = sorted(bundle.parent.iterdir())

    roa("verify", bundle, "--trust", "trust.json")
    roa("prove", 1, "--url", url)

    assert sorted(bundle.parent.iterdir()) == before
