"""Our own bytes, frozen: the ledger makes them, a plain second reading of LEDGER.md 3 makes them too."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.domain.base import PUBLIC
from ledger.domain.registry import EVENTS
from ledger.mapper import LedgerMapper, unseal, with_sealed_fields
from tests.ledger.golden import plain
from tests.ledger.golden.files import FOLDER, as_text, read, vector_of
from tests.ledger.golden.log import handed_out
from tests.ledger.golden.samples import KINDS, golden_records, signer, subject_key

RECORDS = golden_records()
SAID = [topic for topic in EVENTS if not EVENTS[topic].CONSEQUENCE]
SIGNER_KEY = Ed25519PublicKey.from_public_bytes(
    bytes.fromhex("0bbc346a57667c380120bd9c7fd7e51d2c5fdfea37cd2f5bf405b2c6bf6f2d78")
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the real recorder, publisher and receipts hand out about the golden records."""
    return handed_out(tmp_path_factory.mktemp("log"))


def _case(topic: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    vector = read(FOLDER / f"{topic}.json")
    return vector["inputs"], vector["outputs"]


def test_every_kind_of_record_has_its_vector() -> None:
    """A new event class is not finished without one."""
    there = {path.stem for path in FOLDER.glob("*.json")} - {"log"}

    assert there == EVENTS.keys() == RECORDS.keys()


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_the_ledger_still_makes_these_bytes(topic: str) -> None:
    """The same event, chance, keys and instant: the very same file."""
    assert as_text(vector_of(RECORDS[topic])) == (FOLDER / f"{topic}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_a_plain_second_reading_makes_these_bytes(topic: str) -> None:
    """From the inputs alone, with hashlib and msgpack."""
    inputs, outputs = _case(topic)
    make = plain.public_record if EVENTS[topic].PRIVACY is PUBLIC else plain.private_record

    assert make(inputs) == outputs


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_these_bytes_are_read_back_as_the_event_they_were(topic: str) -> None:
    """Stored, read, unsealed: every field, and the statement behind it."""
    golden = RECORDS[topic]
    event: Any = LedgerMapper.for_reading().to_domain_event(golden.stored)
    if golden.event.PRIVACY is not PUBLIC:
        assert not set(event.SEALED) & vars(event).keys(), "nothing sealed is read without a key"
        event = with_sealed_fields(event, unseal(golden.stored, subject_key()))

    for name in (*event.OPEN, *event.SEALED, "as_of", "ruleset_id"):
        assert getattr(event, name) == getattr(golden.event, name), name
    behind = golden.event.said
    assert (event.said and event.said.statement) == (behind and behind.statement)


@pytest.mark.parametrize("topic", sorted(topic for topic in SAID if EVENTS[topic].PRIVACY is PUBLIC))
def test_an_outsider_can_check_who_said_a_public_record(topic: str) -> None:
    """From the entry alone: the statement, its leaf, the path to the signed root, the signature."""
    _, outputs = _case(topic)
    entry = outputs["entry"]
    length = int.from_bytes(entry[29:31], "big")
    _, (jws, i, n, path, salt, statement) = msgpack.unpackb(entry[31 + length :])

    signing_input, _, signature = jws.rpartition(".")
    payload = json.loads(_unb64url(signing_input.split(".")[1]))
    SIGNER_KEY.verify(_unb64url(signature), signing_input.encode())
    root = plain.root_of_path(plain.statement_leaf(salt, statement), i, n, path)
    assert (root, n) == (_unb64url(payload["root"]), payload["n"])
    assert json.loads(statement)["type"] == topic == entry[31 : 31 + length].decode()


@pytest.mark.parametrize("topic", sorted(topic for topic in EVENTS if EVENTS[topic].PRIVACY is not PUBLIC))
def test_the_entry_of_a_private_record_is_opaque(topic: str) -> None:
    """33 bytes, and no open value, id or statement in them."""
    inputs, outputs = _case(topic)

    assert len(outputs["entry"]) == 33
    statement = inputs["statement"] or {"statement": b"nobody said anything"}
    for secret in (inputs["stream"], inputs["open"][1], statement["statement"]):
        assert secret not in outputs["entry"]


# ------------------------------------------------------------------ what is handed out


def test_checkpoint_and_receipts_are_still_these(log: dict[str, Any]) -> None:
    """The very same text for the same records, keys and instant."""
    assert as_text(log) == (FOLDER / "log.json").read_text(encoding="utf-8")


def _proof(text: str) -> tuple[dict[str, Any], int, list[bytes], str]:
    """Read a tlog-proof as its specification has it: extra, index, path, checkpoint."""
    head, _, note = text.partition("\n\n")
    first, extra, index, *path = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    data = _unb64(extra.removeprefix("extra "))
    return json.loads(data), int(index.removeprefix("index ")), list(map(_unb64, path)), note


def _checked(text: str, entry: bytes) -> None:
    """Check that a proof leads from an entry to the signed checkpoint in it."""
    _, index, path, note = _proof(text)
    body, _, signature = note.rpartition("\n\n")
    origin, size, root = body.split("\n")[:3]
    name, blob = signature.removeprefix("— ").rstrip("\n").split(" ")
    SIGNER_KEY.verify(_unb64(blob)[4:], (body + "\n").encode())
    assert name == origin == "ledger.example/log"
    assert plain.root_of_path(plain.H(b"\x00", entry), index, int(size), path) == _unb64(root)


@pytest.mark.parametrize("shows", ["all", "level"])
def test_an_award_receipt_is_checked_without_the_ledgers_code(log: dict[str, Any], shows: str) -> None:
    """The entry is made again from the claims that are shown and the digests of those that are not."""
    text = log["award_receipt" if shows == "all" else "award_receipt_showing_level_only"]
    extra, *_ = _proof(text)
    inputs, outputs = _case("microcredential.awarded")
    topic = b"microcredential.awarded"

    digests = []
    for claim in extra["claims"]:
        if len(claim) == 1:
            digests.append(_unb64url(claim[0]))
        else:
            name, value, salt = claim
            digests.append(
                plain.H(
                    plain.T("claim"), _unb64url(salt), plain.u(8, len(name)), name.encode(), value.encode()
                )
            )
    claims = plain.H(plain.T("claims"), plain.u(16, len(topic)), topic, plain.u(16, len(digests)), *digests)
    names = ("statement_commit", "open_commit", None, "sealed_commit", "ciphertext_hash")
    parts = [claims if name is None else _unb64url(extra[name]) for name in names]
    entry = b"\x01" + plain.H(plain.T("entry"), plain.u(64, extra["recorded_at"]), *parts)

    assert entry == outputs["entry"]
    _checked(text, entry)
    shown = {claim[0]: claim[1] for claim in extra["claims"] if len(claim) == 3}
    assert shown == (dict(inputs["shows"]) if shows == "all" else {"level": "4"})
    assert extra.keys() == {
        "v",
        "topic",
        "recorded_at",
        "claims",
        "statement_commit",
        "open_commit",
        "sealed_commit",
        "ciphertext_hash",
    }
    for hidden in (inputs["stream"], inputs["open"][1], inputs["data_key"]):
        assert hidden.hex() not in text


def test_a_provider_recomputes_its_own_statement_from_its_receipt(log: dict[str, Any]) -> None:
    """The statement it signed and the blind in the receipt make the entry; claims stay committed."""
    text = log["provider_receipt"]
    extra, *_ = _proof(text)
    inputs, outputs = _case("assessment.passed")

    own = plain.statement_leaf(inputs["statement"]["salt"], inputs["statement"]["statement"])
    commit = plain.H(plain.T("statement-commit"), _unb64url(extra["statement_blind"]), own)
    names = ("open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")
    rest = [_unb64url(extra[name]) for name in names]
    entry = b"\x01" + plain.H(plain.T("entry"), plain.u(64, extra["recorded_at"]), commit, *rest)

    assert entry == outputs["entry"]
    _checked(text, entry)
    assert extra.keys() == {"v", "topic", "recorded_at", "statement_blind", *names}


def test_an_acknowledgement_names_rows_positions_and_leaves(log: dict[str, Any]) -> None:
    """Signed by the receipt key: rows from 1, where they are, the leaf of each; the refused row is absent."""
    signing_input, _, signature = log["acknowledgement"].rpartition(".")
    header, payload = (json.loads(_unb64url(part)) for part in signing_input.split("."))
    SIGNER_KEY.verify(_unb64url(signature), signing_input.encode())

    assert header == {"alg": "Ed25519", "kid": signer().thumbprint, "typ": "achievement-receipt+jws"}
    topics = [topic for topic in KINDS if EVENTS[topic].PRIVACY is not PUBLIC]
    expected = [
        [row + 1, log["positions"][topic], _case(topic)[1]["leaf"]]
        for row, topic in enumerate(topics)
        if row != 1
    ]
    assert [[row, position, _unb64url(leaf)] for row, position, leaf in payload["rows"]] == expected
    assert (payload["recorded_at"], payload["publish_by"]) == ("2026-11-22T00:00:00Z", "2026-11-22T00:01:00Z")


def test_anyone_gets_entry_and_proof_and_nothing_else(log: dict[str, Any]) -> None:
    """What the door hands out without a token."""
    receipt = log["public_receipt"]

    assert receipt.keys() == {"position", "recorded_at", "entry", "state", "tree_size", "proof"}
    assert _unb64(receipt["entry"]) == _case("microcredential.registered")[1]["entry"]
    assert "extra" not in receipt["proof"]


def _unb64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
