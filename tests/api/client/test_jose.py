"""Signed tokens, keys and JSON are read in one strict way only."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.errors import ClientError, Malformed, Refused
from api.client.jose import (
    alg_of,
    b64url,
    canonical,
    open_jws,
    public_key_of,
    read_json,
    read_jws,
    sign_jws,
    thumbprint,
    unb64url,
)
from api.client.keys import ProviderKey, create, generate, key_registered, load, possession
from api.client.submission import organisation_id
from ledger import ids

ED, EC = generate("Ed25519"), generate("ES256")

# RFC 8037 appendix A.1 and A.3.
RFC8037_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def forged(header: object, key: ProviderKey = ED, payload: bytes = b"{}") -> str:
    """Sign a token under any header whatever."""
    signing_input = f"{b64url(json.dumps(header).encode())}.{b64url(payload)}"
    return f"{signing_input}.{b64url(key.sign(signing_input.encode()))}"


def header(**changes: object) -> dict[str, object]:
    """Return the right header for `ED` with changes; None takes a member out."""
    members = {"alg": "Ed25519", "kid": ED.thumbprint, "typ": "t", **changes}
    return {name: value for name, value in members.items() if value is not None}


@given(st.binary(max_size=80))
def test_base64url_round_trip(data: bytes):
    """Every byte string has one spelling, and it is read back."""
    assert unb64url(b64url(data)) == data


@pytest.mark.parametrize("text", ["YQ==", "Y", "YR", "a+b/", "YQ\n", "é", "Y Q"])
def test_other_spellings_of_base64url_are_refused(text: str):
    """Padding, other alphabets, loose last bits and blanks are refused."""
    with pytest.raises(Malformed):
        unb64url(text)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":NaN}', "[Infinity]", '{"a":1} x', "", "{", b"\xff", "[" * 100_000]
)
def test_json_that_could_be_read_in_two_ways_is_refused(text: bytes | str):
    """Duplicate members, NaN, trailing data, bad UTF-8 and bottomless nesting are refused."""
    with pytest.raises(Malformed):
        read_json(text)


def test_thumbprint_is_the_one_of_the_standard():
    """RFC 8037 A.3 gives the thumbprint of the key of A.1; other members change nothing."""
    assert thumbprint(RFC8037_JWK) == RFC8037_THUMBPRINT
    assert thumbprint({**RFC8037_JWK, "use": "sig"}) == RFC8037_THUMBPRINT


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "RSA", "n": "AQ", "e": "AQAB"},
        {"kty": "oct", "k": "AQ"},
        {"kty": "EC", "crv": "P-256", "x": EC.jwk["x"]},
        {**RFC8037_JWK, "d": "AQ"},
        {**RFC8037_JWK, "x": 7},
    ],
)
def test_other_keys_are_refused(jwk: dict[str, object]):
    """Only Ed25519 and P-256 public keys count; a private key is not taken by mistake."""
    with pytest.raises(Malformed):
        alg_of(jwk)


@pytest.mark.parametrize(
    "jwk",
    [
        {**RFC8037_JWK, "x": "AQ"},
        {**EC.jwk, "x": EC.jwk["y"]},
        {**EC.jwk, "x": "AQ"},
        {**EC.jwk, "x": "!"},
    ],
)
def test_keys_that_are_no_points_are_refused(jwk: dict[str, str]):
    """Wrong lengths and points off the curve never reach a check of a signature."""
    with pytest.raises(Malformed):
        public_key_of(jwk)


@pytest.mark.parametrize("key", [ED, EC], ids=["Ed25519", "ES256"])
def test_token_is_opened_with_its_key(key: ProviderKey):
    """What was signed comes back; its header has three members and the algorithm of the key."""
    token = sign_jws(key, b'{"a":1}', "t")

    assert open_jws(token, key.jwk, "t") == b'{"a":1}'
    assert read_jws(token)[0] == {"alg": key.alg, "kid": key.thumbprint, "typ": "t"}
    assert len(read_jws(token)[3]) == 64


def test_eddsa_is_another_name_for_ed25519():
    """Older signers say EdDSA; for an Ed25519 key that is the same."""
    assert open_jws(forged(header(alg="EdDSA")), ED.jwk, "t") == b"{}"


@pytest.mark.parametrize(
    "token",
    [
        forged(header(alg="none")),
        forged(header(alg="HS256")),
        forged(header(alg="ES256")),
        forged(header(typ="other")),
        forged(header(typ=None)),
        forged(header(kid=None)),
        forged(header(kid=EC.thumbprint)),
        forged(header(kid=7)),
        forged(header(jwk=ED.jwk)),
        forged(header(jku="https://example.org")),
        forged(header(x5u="https://example.org")),
        forged(header(x5c=[])),
        forged(header(crit=["b64"], b64=False)),
        forged([]),
        forged(header(), generate()),
        forged(header()) + "A",
        forged(header()) + ".e30",
        forged(header()).rsplit(".", 1)[0] + ".",
        "",
        "..",
        "é.é.é",
    ],
)
def test_any_other_token_is_refused(token: str):
    """Headers beyond {alg, kid, typ}, other algorithms, keys, kinds and signatures are refused."""
    with pytest.raises(ClientError):
        open_jws(token, ED.jwk, "t")


@pytest.mark.parametrize("key", [ED, EC], ids=["Ed25519", "ES256"])
@given(at=st.integers(0, 10_000), change=st.integers(1, 255))
def test_one_changed_byte_is_refused(key: ProviderKey, at: int, change: int):
    """Whichever byte of the payload or the signature changes, the token no longer opens."""
    head, *parts = sign_jws(key, b'{"grade":"A"}', "t").split(".")
    payload, signature = (bytearray(unb64url(part)) for part in parts)
    target = (payload, signature)[at % 2]
    target[at // 2 % len(target)] ^= change

    with pytest.raises(ClientError):
        open_jws(f"{head}.{b64url(bytes(payload))}.{b64url(bytes(signature))}", key.jwk, "t")


# ------------------------------------------------------------------ key files


@pytest.mark.parametrize("alg", ["Ed25519", "ES256"])
@pytest.mark.parametrize("passphrase", [None, "long and secret"])
def test_key_file_round_trip(tmp_path: Path, alg: str, passphrase: str | None):
    """A key that was written is read back the same, and only its owner can read the file."""
    path = tmp_path / "provider.pem"

    made = create(path, alg=alg, passphrase=passphrase)
    found = load(path, passphrase=passphrase)

    assert (found.alg, found.jwk, found.thumbprint) == (alg, made.jwk, made.thumbprint)
    assert open_jws(sign_jws(found, b"{}", "t"), made.jwk, "t") == b"{}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (b"ENCRYPTED" in path.read_bytes()) is (passphrase is not None)


def test_key_file_is_never_written_over(tmp_path: Path):
    """Making a key where one lies is refused and leaves the old one."""
    path = tmp_path / "provider.pem"
    first = create(path)

    with pytest.raises(Refused, match="never written over"):
        create(path)

    assert load(path).thumbprint == first.thumbprint


def test_wrong_passphrases_are_told_apart(tmp_path: Path):
    """Missing, needless and wrong passphrases each get their own sentence."""
    locked, unlocked = tmp_path / "locked.pem", tmp_path / "open.pem"
    create(locked, passphrase="right")
    create(unlocked)

    with pytest.raises(Refused, match="needs a passphrase"):
        load(locked)
    with pytest.raises(Refused, match="not protected"):
        load(unlocked, passphrase="needless")
    with pytest.raises(Refused, match="does not open"):
        load(locked, passphrase="wrong")


@pytest.mark.parametrize(
    "data", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_other_files_are_no_keys(tmp_path: Path, data: bytes):
    """A file that holds no private key is refused as such."""
    path = tmp_path / "provider.pem"
    path.write_bytes(data)

    with pytest.raises(Malformed, match="no private key"):
        load(path)


def test_a_key_of_another_kind_is_refused():
    """Only the two kinds that the ledger takes are made."""
    with pytest.raises(Refused):
        generate("RS256")


def test_private_key_is_not_shown():
    """What a key prints of itself is its public name."""
    assert repr(ED) == f"ProviderKey(Ed25519, {ED.thumbprint})"


@pytest.mark.parametrize("key", [ED, EC], ids=["Ed25519", "ES256"])
def test_registration_proves_that_the_key_is_in_hand(key: ProviderKey):
    """The possession token opens with the key in the statement and names whose key it will be, and where."""
    organisation = organisation_id(95009)

    said = key_registered(
        key,
        organisation=95009,
        organisation_id=organisation,
        origin="ledger.example/log",
        not_before="2026-11-01",
    )

    assert said["organisation"] == 95009
    assert said["purposes"] == ["submission", "keys"]
    proof = open_jws(said["possession"], said["jwk"], "key-possession+jws")
    assert proof == canonical(
        {"organisation": str(organisation), "origin": "ledger.example/log", "thumbprint": key.thumbprint}
    )
    assert said["possession"] == possession(
        key, organisation_id=organisation, origin="ledger.example/log"
    ) or (
        key.alg == "ES256"  # signatures of that kind differ each time
    )


@pytest.mark.parametrize("name", [95001, "ISB:FOOD_FIBRE"])
def test_organisation_id_is_the_ledgers(name: int | str):
    """The kit and the ledger derive the same id, each by itself."""
    assert organisation_id(name) == ids.public_id("organisation", name)
