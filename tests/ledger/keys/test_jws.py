"""Compact JWS: one header, an algorithm fixed by the key, and nothing that a header could talk us into."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.errors import BadSignature, Malformed, Unauthorised
from ledger.keys.signer import (
    ED25519,
    ES256,
    MemorySigner,
    jws_read,
    jws_sign,
    jws_verify,
    public_key_of_jwk,
    verify,
)

TYP = "achievement-submission+jws"
SIGNERS = {
    ED25519: MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
    ES256: MemorySigner(ec.derive_private_key(7, ec.SECP256R1())),
}
BOTH = pytest.mark.parametrize("alg", [ED25519, ES256])


def token_of(signer: MemorySigner, header: bytes, payload: bytes = b"payload") -> str:
    """Return a token that is signed properly, whatever its header says."""
    signing_input = f"{b64url(header)}.{b64url(payload)}"
    return f"{signing_input}.{b64url(signer.sign(signing_input.encode()))}"


def header_of(signer: MemorySigner, **changes: object) -> bytes:
    """Return the right header of a signer with some members changed or added; None takes one out."""
    members = {"alg": signer.alg, "kid": signer.thumbprint, "typ": TYP, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


# ------------------------------------------------------------------ published examples


def test_the_ed25519_example_of_the_standard():
    """RFC 8037 A.4: the same key signs the same bytes; its bare header is not one of ours."""
    token = (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg"
        "3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    signing_input, _, signature = token.rpartition(".")
    seed = unb64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    signer = MemorySigner(Ed25519PrivateKey.from_private_bytes(seed))

    assert signer.public_key_jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert b64url(signer.sign(signing_input.encode())) == signature
    with pytest.raises(Malformed, match="members"):
        jws_read(token)


def test_the_es256_example_of_the_standard():
    """RFC 7515 A.3: the signature holds under its key; its bare header is not one of ours."""
    token = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
        "bS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxf"
        "KTUJqPP3-Kg6NU1Q"
    )
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    signing_input, _, signature = token.rpartition(".")

    verify(public_key_of_jwk(jwk), unb64url(signature), signing_input.encode())

    with pytest.raises(Malformed, match="members"):
        jws_read(token)


# ------------------------------------------------------------------ ours


@BOTH
@given(payload=st.binary(max_size=2000))
def test_what_is_signed_is_read_back(alg, payload):
    """The payload comes back from a token by its own key; the header holds alg, kid and typ only."""
    signer = SIGNERS[alg]

    token = jws_sign(signer, payload, TYP)

    assert jws_verify(token, signer.public_key_jwk(), TYP) == payload
    read = jws_read(token)
    assert read.header == {"alg": alg, "kid": signer.thumbprint, "typ": TYP}
    assert read.payload == payload
    assert f"{read.signing_input.decode()}.{b64url(read.signature)}" == token
    head = unb64url(token.split(".")[0])
    assert canonical(parse(head, size_max_bytes=512)) == head


def test_eddsa_is_another_name_for_ed25519():
    """Libraries older than RFC 9864 write EdDSA: it counts under an Ed25519 key, and under no other."""
    old, point = SIGNERS[ED25519], SIGNERS[ES256]
    token = token_of(old, header_of(old, alg="EdDSA"))

    assert jws_verify(token, old.public_key_jwk(), TYP) == b"payload"
    with pytest.raises(Unauthorised, match="algorithm"):
        jws_verify(token_of(point, header_of(point, alg="EdDSA")), point.public_key_jwk(), TYP)


@BOTH
def test_the_algorithm_is_the_keys_and_not_the_headers(alg):
    """A header that names the other algorithm is refused before any signature is looked at."""
    signer = SIGNERS[alg]
    other = ES256 if alg == ED25519 else ED25519

    with pytest.raises(Unauthorised, match="algorithm") as refused:
        jws_verify(token_of(signer, header_of(signer, alg=other)), signer.public_key_jwk(), TYP)
    assert refused.value.code == "E909"


@BOTH
@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": "HS256"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": "PS256"},
        {"alg": "ES384"},
        {"alg": "ES256K"},
        {"alg": "Ed448"},
        {"alg": "ed25519"},
        {"alg": None},
        {"kid": None},
        {"typ": None},
        {"jku": "https://attacker.example/keys"},
        {"jwk": SIGNERS[ED25519].public_key_jwk()},
        {"x5u": "https://attacker.example/cert"},
        {"x5c": ["AAAA"]},
        {"x5t": "AAAA"},
        {"x5t#S256": "AAAA"},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"b64": False},
        {"b64": True},
        {"cty": "json"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"note": "anything"},
        {"alg": ["Ed25519"]},
        {"alg": 1},
        {"kid": 7},
        {"kid": {}},
        {"typ": ["achievement-submission+jws"]},
        {"typ": True},
    ],
    ids=lambda changes: "-".join(f"{name}-{value}" for name, value in changes.items())[:30],
)
def test_a_header_of_anything_else_is_refused(alg, changes):
    """A properly signed token whose header says, or lacks, anything else is not even read."""
    signer = SIGNERS[alg]
    token = token_of(signer, header_of(signer, **changes))

    with pytest.raises(Malformed) as refused:
        jws_read(token)
    assert refused.value.code == "E909"
    with pytest.raises(Malformed):
        jws_verify(token, signer.public_key_jwk(), TYP)


GOOD = header_of(SIGNERS[ED25519])


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(GOOD[:-1] + b', "alg": "Ed25519"}', id="a-key-twice"),
        pytest.param(GOOD[:-1] + b', "\\u0061lg": "none"}', id="a-key-twice-in-another-spelling"),
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="an-array"),
        pytest.param(b'"alg"', id="text"),
        pytest.param(GOOD + b"x", id="something-after-it"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, id="a-byte-order-mark"),
        pytest.param(GOOD.replace(b"kid", b"k\xefd"), id="not-utf-8"),
        pytest.param(GOOD[:-1] + b', "x": ' + b"[" * 200 + b"]" * 200 + b"}", id="deep"),
        pytest.param(GOOD[:-1] + b', "x": "' + b"y" * 600 + b'"}', id="long"),
        pytest.param(GOOD[:-1] + b', "x": NaN}', id="not-a-number"),
    ],
)
def test_a_header_that_two_readers_could_read_differently_is_refused(header):
    """Duplicate keys, other JSON, long and deep headers are refused however well they are signed."""
    with pytest.raises(Malformed):
        jws_read(token_of(SIGNERS[ED25519], header))


TOKEN = token_of(SIGNERS[ED25519], GOOD)
HEAD, BODY, TAIL = TOKEN.split(".")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("..", id="two-dots"),
        pytest.param(f"{HEAD}.{BODY}", id="two-parts"),
        pytest.param(f"{TOKEN}.", id="four-parts"),
        pytest.param(f"{HEAD}.{BODY}.{TAIL}.{TAIL}.{TAIL}", id="five-parts-as-if-encrypted"),
        pytest.param(f"{HEAD}=.{BODY}.{TAIL}", id="padded-header"),
        pytest.param(f"{HEAD}.{BODY}==.{TAIL}", id="padded-payload"),
        pytest.param(f"{HEAD}.{BODY}.{TAIL}==", id="padded-signature"),
        pytest.param(f"{HEAD}.{BODY[:-1]}h.{TAIL}", id="loose-bits-in-the-payload"),
        pytest.param(f"{HEAD}.{BODY}.{TAIL[:-1]}B", id="loose-bits-in-the-signature"),
        pytest.param(f"{HEAD}.{BODY}.+/{TAIL[2:]}", id="standard-base64"),
        pytest.param(f"{HEAD}.{BODY}.{TAIL}\n", id="a-newline-at-the-end"),
        pytest.param(f" {TOKEN}", id="a-space-before"),
        pytest.param(f"{HEAD}.{BODY}.ā{TAIL[1:]}", id="not-ascii"),
        pytest.param(f"{HEAD}.{BODY * 7000}.{TAIL}", id="too-long"),
        pytest.param(json.dumps({"protected": HEAD, "payload": BODY, "signature": TAIL}), id="json-form"),
    ],
)
def test_what_is_not_a_compact_jws_is_refused(token):
    """Other numbers of parts, other base64, the JSON form: refused before anything is verified."""
    with pytest.raises(Malformed):
        jws_read(token)
    with pytest.raises(Malformed):
        jws_verify(token, SIGNERS[ED25519].public_key_jwk(), TYP)


@BOTH
def test_a_token_holds_for_its_key_and_type_only(alg):
    """Another key, another type, or another kid in the header: refused."""
    signer, other = SIGNERS[alg], MemorySigner.generate(alg)
    token = jws_sign(signer, b"payload", TYP)

    with pytest.raises(Unauthorised, match="key"):
        jws_verify(token, other.public_key_jwk(), TYP)
    with pytest.raises(Unauthorised, match="not over a key-possession"):
        jws_verify(token, signer.public_key_jwk(), "key-possession+jws")
    with pytest.raises(Unauthorised, match="key"):
        jws_verify(token_of(other, header_of(signer, kid=other.thumbprint)), signer.public_key_jwk(), TYP)
    with pytest.raises(BadSignature):
        jws_verify(token_of(other, header_of(signer)), signer.public_key_jwk(), TYP)


@BOTH
def test_a_changed_token_does_not_hold(alg):
    """Payload and signature belong together: neither another payload nor another or no signature holds."""
    signer = SIGNERS[alg]
    head, _, tail = jws_sign(signer, b"payload", TYP).split(".")
    other = jws_sign(signer, b"other", TYP)
    _, body, other_tail = other.split(".")

    for token in (
        f"{head}.{body}.{tail}",
        f"{head}.{b64url(b'payload')}.{other_tail}",
        f"{head}.{body}.",
        f"{head}.{body}.{b64url(bytes(64))}",
        f"{head}.{body}.{b64url(unb64url(other_tail)[:-1])}",
    ):
        with pytest.raises(BadSignature):
            jws_verify(token, signer.public_key_jwk(), TYP)


PARTS = st.lists(st.binary(max_size=30).map(b64url), min_size=3, max_size=3)


@given(st.text(max_size=60) | PARTS.map(".".join))
def test_any_text_is_malformed(token):
    """Nothing from outside leaks another exception."""
    with pytest.raises(Malformed):
        jws_read(token)
