"""Base58, multibase and Multikey: one spelling of each public key."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.multi import (
    base58_decode,
    base58_encode,
    from_multibase,
    multibase,
    multikey,
    public_key_of,
)
from ledger.errors import Malformed
from tests.support.vectors import published

# draft-msporny-base58-03 §5.
BASE58 = [
    (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
    (
        b"The quick brown fox jumps over the lazy dog.",
        "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
    ),
    (bytes.fromhex("0000287fb4cd"), "11233QC4"),
]


@pytest.mark.parametrize(("data", "text"), BASE58)
def test_base58_of_the_draft(data, text):
    """The three examples of the base58 draft."""
    assert base58_encode(data) == text
    assert base58_decode(text) == data


@given(st.binary(max_size=100))
def test_base58_round_trips(data):
    """Bytes come back, leading zeros among them."""
    assert base58_decode(base58_encode(data)) == data
    assert from_multibase(multibase(data)) == data


@given(st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", max_size=100))
def test_base58_text_has_one_spelling(text):
    """No two texts stand for the same bytes."""
    assert base58_encode(base58_decode(text)) == text


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "a b", "é", "z\n", "1" * 201])
def test_other_signs_are_refused(text):
    """Signs left out of the alphabet, and texts longer than any key, are refused."""
    with pytest.raises(Malformed):
        base58_decode(text)


@pytest.mark.parametrize("text", ["", "u-_8", "m//8", "f00ff", "Z2NEpo7", "0101"])
def test_only_base58_is_read(text):
    """Every other base of multibase is refused: a key has one text."""
    with pytest.raises(Malformed, match="multibase"):
        from_multibase(text)


def _w3c_multikey(folder: str, name: str) -> str:
    text: str = json.loads((published(folder) / name).read_text())["publicKeyMultibase"]
    return text


def test_multikey_of_the_eddsa_standard():
    """The Ed25519 key of the W3C test vectors is read and written back as it is."""
    text = _w3c_multikey("vc/vc-di-eddsa/TestVectors", "keyPair.json")

    assert multikey(public_key_of(text)) == text
    assert text.startswith("z6Mk")


def test_multikey_of_the_ecdsa_standard():
    """The P-256 key of the W3C test vectors is read and written back; the P-384 one is not ours."""
    text = _w3c_multikey("vc/vc-di-ecdsa/TestVectors", "p256KeyPair.json")

    assert multikey(public_key_of(text)) == text
    assert text.startswith("zDna")
    with pytest.raises(Malformed):
        public_key_of(_w3c_multikey("vc/vc-di-ecdsa/TestVectors", "p384KeyPair.json"))


@given(st.binary(min_size=32, max_size=32))
def test_every_ed25519_key_round_trips(seed):
    """The Multikey of any Ed25519 key leads back to it."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()

    assert public_key_of(multikey(key)) == key


@given(st.integers(1, 2**256 - 2**225))
def test_every_p256_key_round_trips(number):
    """The Multikey of any P-256 key leads back to it."""
    key = ec.derive_private_key(number, ec.SECP256R1()).public_key()

    assert public_key_of(multikey(key)) == key


P256 = ec.derive_private_key(7, ec.SECP256R1()).public_key()
WHOLE_POINT = P256.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xed\x01", id="no-key"),
        pytest.param(b"\xed\x01" + ED25519[:31], id="31-bytes"),
        pytest.param(b"\xed\x01" + ED25519 + b"\x00", id="33-bytes"),
        pytest.param(b"\x80\x26" + ED25519, id="a-private-key"),
        pytest.param(b"\xec\x01" + ED25519, id="x25519"),
        pytest.param(b"\x80\x24" + WHOLE_POINT, id="a-whole-point"),
        pytest.param(b"\x80\x24\x05" + WHOLE_POINT[1:33], id="a-point-of-neither-sign"),
        pytest.param(b"\x80\x24\x02" + b"\xff" * 32, id="not-on-the-curve"),
        pytest.param(b"\x80\x24\x00", id="the-point-at-infinity"),
        pytest.param(b"\xed\x01" + bytes(32), id="of-order-four"),
        pytest.param(b"\xed\x01\x01" + bytes(31), id="the-neutral-point"),
        pytest.param(b"\xed\x01\xee" + b"\xff" * 30 + b"\x7f", id="the-neutral-point-spelt-otherwise"),
    ],
)
def test_what_is_no_key_of_ours_is_refused(data):
    """Other lengths, other kinds, points off the curve, of small order, or in a second spelling."""
    with pytest.raises(Malformed):
        public_key_of(multibase(data))
