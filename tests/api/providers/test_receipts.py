"""Receipts: entry and proof for anyone, what opens a record for whoever said it, and nothing more."""

import base64
from hashlib import sha256

import pytest

from api.client.errors import Refused
from api.client.jose import b64url
from api.client.receipt import check_receipt
from api.client.verify.tlog import inclusion_root, leaf_hash, parse_checkpoint, parse_proof, parse_vkey
from ledger.founding import REGISTRAR
from tests.api.door import OTHER, Door, results_csv
from tests.support.ledgers import PROVIDER_KEY, statement
from tests.support.world import ANA, BEN, PROVIDER, REGULATOR, a_result

PROOF = "text/x.tlog-proof"


@pytest.fixture
def sent(door):
    """Two results that 95001 signed, posted and published."""
    said = [statement("assessment.passed", **a_result(one)) for one in (ANA, BEN)]
    submission = door.ledger.build(PROVIDER_KEY, said)
    assert door.post_signed(submission).json()["counts"]["accepted"] == 2
    door.house.catch_up()
    return submission


def vkey_of(door: Door) -> str:
    """Return the log's key as its policy names it."""
    return str(door.get("/log/policy").text.split()[1])


def insist_on_proof(door: Door, text: str, entry: bytes, position: int) -> None:
    """Check, with the verifier's own reading, that the log holds an entry at a position."""
    proof = parse_proof(text)
    checkpoint = parse_checkpoint(proof.checkpoint)
    assert proof.index == position - 1
    assert inclusion_root(leaf_hash(entry), proof.index, checkpoint.size, proof.path) == checkpoint.root
    assert parse_vkey(vkey_of(door)).signed(checkpoint)


def test_anyone_gets_the_entry_of_every_record_and_its_proof(door, sent):
    """Without a token: 33 opaque bytes of a private record, the whole of a public one, both proven."""
    del sent
    size = door.ledger.size()

    for position in range(1, size + 1):
        body = door.get(f"/v1/receipts/{position}").json()
        entry = base64.b64decode(body["entry"])
        assert set(body) == {"position", "recorded_at", "entry", "state", "tree_size", "proof"}
        assert (body["position"], body["tree_size"]) == (position, size)
        assert entry[0] in (1, 2)
        assert len(entry) == 33 or entry[0] == 2
        insist_on_proof(door, body["proof"], entry, position)


@pytest.mark.usefixtures("sent")
def test_a_proof_may_be_asked_for_alone(door):
    """As C2SP tlog-proof text: the same as in the JSON."""
    text, body = (door.get("/v1/receipts/2", accept=accept) for accept in (PROOF, "application/json"))

    assert text.headers["content-type"] == f"{PROOF}; charset=utf-8"
    assert text.text == body.json()["proof"]


@pytest.mark.parametrize("row", [1, 2])
def test_the_owner_gets_the_receipt_of_what_it_said(door, sent, row):
    """From its own statement and the receipt the kit computes the log's entry; it is the published one."""
    answer = door.post_signed(sent).json()["rows"][row - 1]

    body = door.get(f"/v1/receipts/{answer['position']}", PROVIDER).json()
    text = door.get(f"/v1/receipts/{answer['position']}", PROVIDER, accept=PROOF).text
    proven = check_receipt(body["receipt"], sent, row, log_vkey=vkey_of(door))

    assert text == body["receipt"]
    assert (proven.topic, proven.position) == ("assessment.passed", answer["position"])
    assert b64url(proven.leaf_hash) == answer["leaf_hash"]
    with pytest.raises(Refused, match="does not prove"):
        check_receipt(body["receipt"], sent, 3 - row, log_vkey=vkey_of(door))


@pytest.mark.parametrize("number", [None, OTHER, REGULATOR])
def test_nobody_else_gets_what_opens_a_record(door, sent, number):
    """Not another provider, not the regulator, not anyone: only entry and bare proof."""
    position = door.post_signed(sent).json()["rows"][0]["position"]

    body = door.get(f"/v1/receipts/{position}", number).json()
    text = door.get(f"/v1/receipts/{position}", number, accept=PROOF).text

    assert "receipt" not in body
    assert text == body["proof"]
    assert "extra" not in text


def test_who_posts_files_gets_receipts_too(door):
    """What was signed for an organisation by a key in our keeping is its own as well."""
    position = door.post_csv(results_csv([(ANA, "LO1", "A")])).json()["rows"][0]["position"]
    door.house.catch_up()

    opened = door.get(f"/v1/receipts/{position}", PROVIDER, accept=PROOF).text

    assert parse_proof(opened).extra
    entry = base64.b64decode(door.get(f"/v1/receipts/{position}").json()["entry"])
    insist_on_proof(door, opened, entry, position)


@pytest.mark.usefixtures("sent")
def test_a_public_record_has_nothing_more_to_open(door):
    """Who said it, the regulator, gets what everybody gets."""
    public = [position for position in range(1, door.ledger.size() + 1) if _is_public(door, position)]

    assert len(public) > 5
    for position in public:
        own, all_get = (door.get(f"/v1/receipts/{position}", number).json() for number in (REGULATOR, None))
        assert own == all_get


def _is_public(door: Door, position: int) -> bool:
    return base64.b64decode(door.get(f"/v1/receipts/{position}").json()["entry"])[0] == 2


def test_the_regulator_opens_the_registrations_that_it_said(door):
    """A private record of the regulator's own: a learner's registration."""
    (registered,) = door.ledger.ledger.store.select_notifications(1, 1, topics=("learner.registered",))
    door.house.catch_up()

    own, provider = (door.get(f"/v1/receipts/{registered.id}", number) for number in (REGULATOR, PROVIDER))

    assert "receipt" in own.json()
    assert "receipt" not in provider.json()


def test_what_is_durable_and_not_published_is_asked_for_again(door):
    """503 with Retry-After until a checkpoint covers it; then the proof."""
    door.house.catch_up()
    position = door.post_csv(results_csv([(ANA, "LO1", "A")])).json()["rows"][0]["position"]

    early = door.get(f"/v1/receipts/{position}", PROVIDER)
    door.house.catch_up()
    later = door.get(f"/v1/receipts/{position}", PROVIDER)

    assert (early.status_code, early.json()["code"]) == (503, "unpublished")
    assert int(early.headers["retry-after"]) > 0
    assert later.status_code == 200


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(
    ("position", "status"),
    [
        ("0", 404),
        ("1000000", 404),
        ("9223372036854775807", 404),
        ("9223372036854775808", 400),
        ("-1", 400),
        ("one", 400),
    ],
)
def test_a_position_where_nothing_is(door, position, status):
    """404, or 400 where it is no position at all."""
    assert door.get(f"/v1/receipts/{position}").status_code == status


def test_no_receipt_holds_a_word_about_a_person(door, sent):
    """Not even the owner's: it opens digests, and the owner knows what it said."""
    position = door.post_signed(sent).json()["rows"][0]["position"]

    text = door.get(f"/v1/receipts/{position}", PROVIDER).text
    opened = parse_proof(door.get(f"/v1/receipts/{position}", PROVIDER, accept=PROOF).text).extra.decode()

    for word in (ANA.nsn, ANA.family, ANA.name_id, '"grade"'):
        assert word not in text + opened


def test_another_logs_key_proves_nothing(door, sent):
    """A receipt is checked against the key one has from elsewhere, not against what it brings."""
    position = door.post_signed(sent).json()["rows"][0]["position"]
    receipt = door.get(f"/v1/receipts/{position}", PROVIDER).json()["receipt"]
    name = vkey_of(door).partition("+")[0]
    from_elsewhere = _vkey(name, door.ledger.signer(REGISTRAR).public_key_jwk()["x"])

    with pytest.raises(Refused, match="not signed by the log"):
        check_receipt(receipt, sent, 1, log_vkey=from_elsewhere)


def _vkey(name: str, x: str) -> str:
    blob = b"\x01" + base64.urlsafe_b64decode(x + "=")
    key_id = sha256(name.encode() + b"\n" + blob).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(blob).decode()}"
