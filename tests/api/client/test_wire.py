"""The kit and the ledger were written apart; what one sends, the other reads."""

import json
from pathlib import Path

import pytest

from api.cli import demo
from api.client import keys
from api.client.jose import canonical, open_jws, sign_jws, thumbprint
from api.client.rows import read
from api.client.statements import Statement
from api.client.submission import TYP, Submission, build, organisation_id
from ledger import statements as ledger
from ledger.keys import signer as ledger_keys
from ledger.possession import verify_possession

ORIGIN = "ledger.example/log"
KINDS = [keys.generate("Ed25519"), keys.generate("ES256")]


def sent(*said: object, key: keys.ProviderKey = KINDS[0]) -> Submission:
    """Build a submission to the demonstration's log."""
    return build(said, signer=key, organisation=organisation_id(95001), origin=ORIGIN, now_s=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", demo.CSV_FILES)
def test_every_row_of_the_demonstration_is_read_by_the_ledger(name: str):
    """The ledger reads each statement that the kit made of a row, digest of the person included."""
    made = sent(*read(demo.read_bytes(name)).rows)

    received = ledger.read_submission(made.body().splitlines(), origin=ORIGIN)

    assert [row.leaf for row in received.rows] == [made.leaf(i) for i in range(len(made))]
    assert received.claims.root == made.root
    assert (received.claims.jti, received.claims.n) == (made.jti, len(made))
    found = [ledger.read_statement(row) for row in received.rows]
    assert not [statement for statement in found if not isinstance(statement, ledger.Statement)]


def test_register_and_learners_are_read_by_the_ledger():
    """So are the public statements and the registration of learners."""
    people = [Statement({"type": "learner.registered", "v": 1}, person) for person in demo.learners()]

    for made in (sent(*demo.register()), sent(*people)):
        received = ledger.read_submission(made.body().splitlines(), origin=ORIGIN)
        assert all(isinstance(ledger.read_statement(row), ledger.Statement) for row in received.rows)


@pytest.mark.parametrize("key", KINDS, ids=["Ed25519", "ES256"])
def test_signatures_of_the_kit_count_with_the_ledger(key: keys.ProviderKey):
    """Each reads the other's tokens and both give a key the same name."""
    made = sent({"type": "x", "v": 1}, key=key)
    theirs = ledger_keys.MemorySigner.generate(key.alg)

    assert json.loads(ledger_keys.jws_verify(made.jws, key.jwk, TYP))["n"] == 1
    assert ledger_keys.thumbprint(key.jwk) == key.thumbprint
    token = ledger_keys.jws_sign(theirs, b"{}", "t")
    assert open_jws(token, theirs.public_key_jwk(), "t") == b"{}"
    assert thumbprint(theirs.public_key_jwk()) == theirs.thumbprint
    assert ledger_keys.jws_verify(sign_jws(key, b"{}", "t"), key.jwk, "t") == b"{}"


@pytest.mark.parametrize("key", KINDS, ids=["Ed25519", "ES256"])
def test_registration_of_a_key_is_read_by_the_ledger(key: keys.ProviderKey):
    """The statement has the members of its type, and its possession proof holds."""
    said = keys.key_registered(
        key,
        organisation=95001,
        organisation_id=organisation_id(95001),
        origin=ORIGIN,
        not_before="2026-11-01",
    )

    (row,) = ledger.read_submission(sent(said).body().splitlines(), origin=ORIGIN).rows
    assert isinstance(ledger.read_statement(row), ledger.Statement)
    verify_possession(said["possession"], said["jwk"], organisation_id(95001), ORIGIN)


def test_key_file_is_one_for_both(tmp_path: Path):
    """A key file made by the kit opens on the ledger's side with the same passphrase."""
    made = keys.create(tmp_path / "key.pem", passphrase="secret")

    found = ledger_keys.FileSigner.load(tmp_path / "key.pem", b"secret")

    assert found.thumbprint == made.thumbprint
    assert canonical(found.public_key_jwk()) == canonical(made.jwk)
