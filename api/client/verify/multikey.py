"""Multibase and Multikey, as far as a verifier of Ed25519 needs them.

Source: Controlled Identifiers v1.0 §2.2.2 (Multikey), §2.4 (Multibase, base58btc).
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..errors import Malformed
from ..jose import b64url, unb64url

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
ED25519_PREFIX = "z6Mk"  # how every Ed25519 Multikey begins; those of other kinds do not
_ED25519 = b"\xed\x01"
_KEY_BYTES = 32
# y of the points whose order divides 8, on the curve over the field of 2**255 - 19.
_FIELD = 2**255 - 19
_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset((0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y))
_TEXT_MAX = 256  # decoding takes the square of the length; no key or signature is longer


def base58_bytes(text: str) -> bytes:
    """Return the bytes of a multibase base58btc text (`z…`).

    Raises:
        Malformed: not multibase base58btc, or longer than any key or signature.
    """
    digits = text[1:]
    if not text.startswith("z") or len(digits) > _TEXT_MAX or not all(sign in _VALUES for sign in digits):
        raise Malformed("this is not multibase base58btc", code="multibase")
    number = 0
    for sign in digits:
        number = number * 58 + _VALUES[sign]
    zeros = len(digits) - len(digits.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base64_bytes(text: str) -> bytes:
    """Return the bytes of a multibase base64url text (`u…`), unpadded.

    Raises:
        Malformed: not multibase base64url in its one spelling.
    """
    if not text.startswith("u"):
        raise Malformed("this is not multibase base64url", code="multibase")
    return unb64url(text[1:])


def standard_base64(text: str) -> bytes:
    """Return the bytes of standard base64 with padding, as C2SP formats write it.

    Raises:
        Malformed: not the one spelling of some bytes.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("this is not base64", code="base64") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed("this is not base64 in its one spelling", code="base64")
    return data


def is_weak(key: bytes) -> bool:
    """Return whether these 32 bytes are an Ed25519 key to which one signature fits many texts.

    Such is a point of small order; a second spelling of a point is refused with them.

    Source: RFC 8032 §5.1.3; C2SP CCTV, ed25519.
    """
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return y >= _FIELD or y in _SMALL_ORDER_Y


def ed25519_key(multikey: str) -> Ed25519PublicKey:
    """Return the key that a Multikey spells.

    Raises:
        Malformed: not the Multikey of an Ed25519 public key.
    """
    return Ed25519PublicKey.from_public_bytes(ed25519_bytes(multikey))


def ed25519_bytes(multikey: str) -> bytes:
    """Return the 32 bytes of the Ed25519 public key that a Multikey spells.

    Raises:
        Malformed: not the Multikey of an Ed25519 public key.
    """
    data = base58_bytes(multikey)
    if not data.startswith(_ED25519) or len(data) != len(_ED25519) + _KEY_BYTES:
        raise Malformed("this is not an Ed25519 public key", code="multikey")
    key = data[len(_ED25519) :]
    if is_weak(key):
        raise Malformed("this is no Ed25519 public key to rely on", code="multikey")
    return key


def ed25519_jwk(multikey: str) -> dict[str, str]:
    """Return the public JWK of an Ed25519 Multikey."""
    return {"crv": "Ed25519", "kty": "OKP", "x": b64url(ed25519_bytes(multikey))}
