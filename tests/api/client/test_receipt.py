"""A provider's receipt proves its own statement, and nothing else."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from api.client.errors import ClientError, Refused
from api.client.jose import b64url, canonical
from api.client.keys import generate
from api.client.receipt import check_receipt
from api.client.rows import Row
from api.client.submission import Submission, build, organisation_id
from tests.support.handmade import MldsaKey, Witness

ORIGIN = "ledger.example/log"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
INDEX, SIZE = 2, 5


def digest(*parts: bytes) -> bytes:
    """Return SHA-256 over the parts."""
    return hashlib.sha256(b"".join(parts)).digest()


def standard(data: bytes) -> str:
    """Return padded base64."""
    return base64.b64encode(data).decode()


def vkey(key: Ed25519PrivateKey = LOG, name: str = ORIGIN, kind: bytes = b"\x01") -> str:
    """Return a verifier key as C2SP signed-note writes it."""
    data = kind + key.public_key().public_bytes_raw()
    key_id = digest(f"{name}\n".encode(), data)[:4]
    return f"{name}+{key_id.hex()}+{standard(data)}"


def sent() -> Submission:
    """Return a submission of three results."""
    rows = [
        Row(i, statement={"type": "assessment.passed", "v": 1, "attempt": i}, who={"nsn": "9000000001"})
        for i in range(1, 4)
    ]
    return build(rows, signer=generate(), organisation=organisation_id(95001), origin=ORIGIN, now_s=1)


def opened() -> dict[str, object]:
    """Return what a receipt opens, with digests that stand for themselves."""
    names = ("statement_blind", "open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")
    digests = {name: b64url(digest(name.encode())) for name in names}
    return {"v": 1, "topic": "assessment.passed", "recorded_at": 1_795_000_000_000_000, **digests}


def entry(leaf: bytes, members: dict[str, object]) -> bytes:
    """Work out the log entry step by step, as LEDGER.md 3 writes it."""
    commit = digest(b"achievement-ledger/statement-commit/v1\0", digest(b"statement_blind"), leaf)
    rest = [digest(name) for name in (b"open_commit", b"claims_commit", b"sealed_commit", b"ciphertext_hash")]
    recorded_at = int(str(members["recorded_at"])).to_bytes(8, "big")
    return b"\x01" + digest(b"achievement-ledger/entry/v1\0", recorded_at, commit, *rest)


def receipt(made: Submission, row: int = 2, key: Ed25519PrivateKey = LOG, name: str = ORIGIN) -> str:
    """Make the receipt of a row that lies third in a log of five records."""
    members = opened()
    leaves = [digest(b"\x00", bytes([i])) for i in range(SIZE)]
    leaves[INDEX] = digest(b"\x00", entry(made.leaf(row - 1), members))
    left = digest(b"\x01", leaves[0], leaves[1])
    right = digest(b"\x01", leaves[2], leaves[3])
    root = digest(b"\x01", digest(b"\x01", left, right), leaves[4])
    text = f"{name}\n{SIZE}\n{standard(root)}\n"
    key_id = digest(name.encode(), b"\n\x01", key.public_key().public_bytes_raw())[:4]
    note = f"{text}\n— {name} {standard(key_id + key.sign(text.encode()))}\n"
    path = "".join(f"{standard(node)}\n" for node in (leaves[3], left, leaves[4]))
    return f"c2sp.org/tlog-proof@v1\nextra {standard(canonical(members))}\nindex {INDEX}\n{path}\n{note}"


MADE = sent()
TEXT = receipt(MADE)


def with_extra(**changes: object) -> str:
    """Return the receipt with other members opened; None takes one out."""
    members = {name: value for name, value in {**opened(), **changes}.items() if value is not None}
    return TEXT.replace(standard(canonical(opened())), standard(canonical(members)))


def test_receipt_proves_the_statement_that_was_sent():
    """From the saved submission and the log's key alone, place and time of the record follow."""
    found = check_receipt(TEXT, MADE, 2, log_vkey=vkey())

    assert (found.topic, found.position, found.size) == ("assessment.passed", 3, 5)
    assert found.recorded_at_us == 1_795_000_000_000_000
    assert found.leaf_hash == digest(b"\x00", entry(MADE.leaf(1), opened()))


@pytest.mark.parametrize("row", [1, 3])
def test_receipt_of_one_row_does_not_prove_another(row: int):
    """A neighbour's statement is another leaf."""
    with pytest.raises(Refused, match="as it was sent"):
        check_receipt(TEXT, MADE, row, log_vkey=vkey())


@pytest.mark.parametrize("row", [0, 4, -1])
def test_row_must_be_one_of_the_submission(row: int):
    """Rows are counted from 1, as the answer counts them."""
    with pytest.raises(Refused, match="rows 1 to 3"):
        check_receipt(TEXT, MADE, row, log_vkey=vkey())


def test_changed_statement_is_not_proven():
    """If what was saved is changed later, the receipt no longer holds for it."""
    lines = list(MADE.statements)
    lines[1] = replace(lines[1], statement=lines[1].statement.replace(b'"attempt":2', b'"attempt":9'))

    with pytest.raises(Refused, match="as it was sent"):
        check_receipt(TEXT, replace(MADE, statements=tuple(lines)), 2, log_vkey=vkey())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: receipt(MADE, key=Ed25519PrivateKey.generate()), "not signed by the log"),
        (lambda: receipt(MADE, name="other.example/log"), "another log"),
        (lambda: with_extra(recorded_at=1), "as it was sent"),
        (lambda: with_extra(statement_blind=b64url(bytes(32))), "as it was sent"),
        (lambda: with_extra(topic="assessment.not_achieved"), "another kind"),
    ],
)
def test_receipt_that_proves_something_else_is_refused(make: Callable[[], str], says: str):
    """Other logs, other keys, other records: each is refused for what it is."""
    with pytest.raises(Refused, match=says):
        check_receipt(make(), MADE, 2, log_vkey=vkey())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        with_extra(v=2),
        with_extra(v=True),
        with_extra(recorded_at="1"),
        with_extra(recorded_at=-1),
        with_extra(recorded_at=None),
        with_extra(topic=7),
        with_extra(claims=[]),
        with_extra(open_commit="AQ"),
        with_extra(open_commit=7),
        TEXT.replace(standard(canonical(opened())), standard(json.dumps(opened()).encode())),
        TEXT.replace(standard(canonical(opened())), standard(b"[]")),
        TEXT.replace(f"index {INDEX}", "index 7"),
        TEXT.replace(f"index {INDEX}", "index 02"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str):
    """Whatever its shape lacks, one of our errors says so."""
    with pytest.raises(ClientError):
        check_receipt(text, MADE, 2, log_vkey=vkey())


@pytest.mark.parametrize("key", ["", "x", vkey().replace("+", "-"), vkey(kind=b"\x06"), vkey(name="a/b")])
def test_key_must_be_the_logs(key: str):
    """A key that cannot be read, of another kind or of another log checks nothing."""
    with pytest.raises(ClientError):
        check_receipt(TEXT, MADE, 2, log_vkey=key)


MLDSA = MldsaKey("log")
REEF, TIDE = Witness("reef.example/witness"), Witness("tide.example/witness")
POLICY = (
    f"log {vkey()}\nwitness reef {REEF.vkey}\nwitness tide {TIDE.vkey}\n"
    "group both all reef tide\nquorum both\n"
)


def signed_more(*, mldsa: bool = True, witnesses: tuple[Witness, ...] = (REEF, TIDE)) -> str:
    """Return the receipt with more signatures under its checkpoint."""
    text = TEXT.split("\n\n")[1] + "\n"
    lines = [MLDSA.note_line(ORIGIN, text)] if mldsa else []
    return TEXT + "".join(lines + [witness.line(text, 1_794_000_000) for witness in witnesses])


def test_every_key_of_the_log_and_every_witness_of_the_policy_signed():
    """With all keys and a policy the receipt says who confirmed it, and when."""
    keys = [vkey(), MLDSA.vkey(ORIGIN)]

    found = check_receipt(signed_more(), MADE, 2, log_vkey=keys, policy=POLICY)

    assert found.witnessed == {"reef": 1_794_000_000, "tide": 1_794_000_000}
    assert check_receipt(signed_more(witnesses=()), MADE, 2, log_vkey=keys).witnessed == {}


@pytest.mark.parametrize(
    ("text", "keys", "policy", "code"),
    [
        (signed_more(mldsa=False), [vkey(), MLDSA.vkey(ORIGIN)], None, "log-signature"),
        (signed_more(), [vkey(), MldsaKey("another").vkey(ORIGIN)], None, "log-signature"),
        (signed_more(), [vkey(), vkey(name="other.example/log")], None, "other-log"),
        (signed_more(), [vkey(), REEF.vkey], None, "log-key-kind"),
        (signed_more(), [], None, "refused"),
        (signed_more(witnesses=(REEF,)), [vkey()], POLICY, "not-witnessed"),
        (signed_more(witnesses=()), [vkey()], POLICY, "not-witnessed"),
        (signed_more() + REEF.line("ledger.example/log\n1\n", 1), [vkey()], POLICY, "not-witnessed"),
        (signed_more(), [vkey()], POLICY.replace("all", "3"), "policy"),
    ],
    ids=[
        "second-key-missing",
        "another-second-key",
        "second-key-of-another-log",
        "witness-as-log-key",
        "no-key",
        "one-witness-missing",
        "no-witness",
        "bad-cosignature",
        "bad-policy",
    ],
)
def test_all_keys_and_enough_witnesses_or_none(text: str, keys: list[str], policy: str | None, code: str):
    """One signature that is missing or bad, and the receipt proves nothing."""
    with pytest.raises(ClientError) as caught:
        check_receipt(text, MADE, 2, log_vkey=keys, policy=policy)

    assert caught.value.code == code


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
def test_one_changed_sign_is_refused(at: int, sign: str):
    """Whichever sign of the receipt becomes another, it proves nothing any more."""
    changed = TEXT[:at] + sign + TEXT[at + 1 :]

    if changed != TEXT:
        with pytest.raises(ClientError):
            check_receipt(changed, MADE, 2, log_vkey=vkey())
