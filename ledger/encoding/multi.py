"""Multibase and Multikey: how public keys are written in DID documents and trust files.

Source: W3C Controlled Identifiers 1.0 §2.2.2 (Multikey), §2.4 (multibase); multicodec table.
"""

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import Malformed

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
_TEXT_MAX = 200
_ED25519, _P256 = b"\xed\x01", b"\x80\x24"

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


def multikey(key: PublicKey) -> str:
    """Return the Multikey text of an Ed25519 or P-256 public key."""
    if isinstance(key, Ed25519PublicKey):
        return multibase(_ED25519 + key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return multibase(_P256 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def public_key_of(text: str) -> PublicKey:
    """Return the public key of a Multikey text; Malformed when it is no key of ours."""
    data = from_multibase(text)
    prefix, body = data[:2], data[2:]
    try:
        if prefix == _ED25519:
            return Ed25519PublicKey.from_public_bytes(body)
        if prefix == _P256:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), body)
    except (ValueError, InvalidKey) as error:
        raise Malformed("this Multikey does not hold a valid public key") from error
    raise Malformed("this Multikey is neither Ed25519 nor P-256")
