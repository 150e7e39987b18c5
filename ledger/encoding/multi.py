"""Multibase and Multikey: how public keys are written in DID documents and trust files.

Source: W3C Controlled Identifiers 1.0 §2.2.2 (Multikey), §2.4 (multibase); multicodec table.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import Malformed

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
_TEXT_MAX = 200
_ED25519, _P256, _MLDSA44 = b"\xed\x01", b"\x80\x24", b"\x90\x24"

# y of the points whose order divides 8, on the curve over the field of 2**255 - 19.
_FIELD = 2**255 - 19
_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset((0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y))
_KEY_BYTES = 32

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey


def base58_encode(data: bytes) -> str:
    """Return base58-btc; leading zero bytes become leading `1`s."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _ALPHABET[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\x00"))) + text


def base58_decode(text: str) -> bytes:
    """Return the bytes of base58-btc text; Malformed when it has another sign or is too long."""
    if len(text) > _TEXT_MAX:
        raise Malformed("base58 text is too long for a key or a signature")
    number = 0
    for sign in text:
        value = _VALUES.get(sign)
        if value is None:
            raise Malformed("this is not base58")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multibase(data: bytes) -> str:
    """Return `z` and base58-btc."""
    return "z" + base58_encode(data)


def from_multibase(text: str) -> bytes:
    """Return the bytes of a `z…` text; Malformed for every other base."""
    if not text.startswith("z"):
        raise Malformed("only multibase z (base58-btc) is used here")
    return base58_decode(text[1:])


def ed25519_public_key(data: bytes) -> Ed25519PublicKey:
    """Return the Ed25519 key of 32 bytes.

    Raises:
        Malformed: another length, a second spelling of a point, or a point of small order. Under
            such a key one signature holds for many messages, so its owner could deny them all.

    Source: RFC 8032 §5.1.3 (decoding); the corner cases are those of C2SP CCTV, ed25519.
    """
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if len(data) != _KEY_BYTES or y >= _FIELD or y in _SMALL_ORDER_Y:
        raise Malformed("this is not an Ed25519 public key")
    return Ed25519PublicKey.from_public_bytes(data)


def mldsa44_multikey(public: bytes) -> str:
    """Return the Multikey text of an ML-DSA-44 public key of 1312 bytes."""
    return multibase(_MLDSA44 + public)


def multikey(key: PublicKey) -> str:
    """Return the Multikey text of an Ed25519 or P-256 public key."""
    if isinstance(key, Ed25519PublicKey):
        return multibase(_ED25519 + key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return multibase(_P256 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def public_key_of(text: str) -> PublicKey:
    """Return the public key of a Multikey text; Malformed when it is no key of ours."""
    data = from_multibase(text)
    prefix, body = data[:2], data[2:]
    if prefix == _ED25519:
        return ed25519_public_key(body)
    # A whole point (0x04) would be a second spelling of the same key.
    if prefix != _P256 or len(body) != 1 + _KEY_BYTES:
        raise Malformed("this Multikey is neither Ed25519 nor P-256")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), body)
    except ValueError as error:
        raise Malformed("this Multikey does not hold a valid public key") from error
