"""Which of an issuer's credentials are revoked: one bit each, as a Bitstring Status List credential."""

import hashlib
import struct
import zlib
from collections.abc import Iterable
from datetime import timedelta

from ledger.clock import rfc3339
from ledger.encoding import strict_json
from ledger.errors import Malformed, Refusal
from projections.exports.jsonld import CREDENTIALS_V2
from projections.exports.model import Document, IssuerProfile

ENTRIES = 131_072
SIZE_BYTES = ENTRIES // 8
VALID_FOR = timedelta(hours=48)
# How long a reader may keep a copy, in milliseconds: an hour.
TTL_MS = 3_600_000
# RFC 1952 §2.3: deflate, no flags, no time, no hint about compression, made on Unix. Written out
# because Python's own header depends on its version and on the zlib it was built with.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_LEVEL = 9


class StatusBits:
    """A list of 131 072 bits; bit 0 is the most significant bit of the first byte.

    Source: Bitstring Status List v1.0 §2.2, §3.3.
    """

    def __init__(self, revoked: Iterable[int] = ()) -> None:
        """Start with all bits clear but those at the indexes given."""
        self._bits = bytearray(SIZE_BYTES)
        for index in revoked:
            self.set(index)

    def set(self, index: int, *, revoked: bool = True) -> None:
        """Set or clear one bit.

        Raises:
            Refusal: the list has no such entry.
        """
        byte, mask = _place(index)
        if revoked:
            self._bits[byte] |= mask
        else:
            self._bits[byte] &= ~mask

    def get(self, index: int) -> bool:
        """Return whether the bit is set.

        Raises:
            Refusal: the list has no such entry.
        """
        byte, mask = _place(index)
        return bool(self._bits[byte] & mask)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatusBits) and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]  # It changes: two equal lists may differ a moment later.

    def count(self) -> int:
        """Return how many bits are set."""
        return int.from_bytes(self._bits, "big").bit_count()

    def digest(self) -> bytes:
        """Return the SHA-256 of the 16 384 bytes, uncompressed: 32 bytes."""
        return hashlib.sha256(self._bits).digest()

    def encoded(self) -> str:
        """Return the `encodedList` form: `u`, then base64url of the gzipped bits; same bits, same text."""
        squeezer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        deflated = squeezer.compress(bytes(self._bits)) + squeezer.flush()
        trailer = struct.pack("<II", zlib.crc32(self._bits), SIZE_BYTES)
        return "u" + strict_json.b64url(_GZIP_HEADER + deflated + trailer)

    @classmethod
    def decoded(cls, text: str) -> "StatusBits":
        """Read an `encodedList` of exactly 131 072 entries, inflating no more than that.

        Raises:
            Malformed: it is not multibase base64url of one gzip stream of 16 384 bytes.
        """
        if not text.startswith("u"):
            raise Malformed("an encoded status list begins with u, the multibase sign of base64url")
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            bits = inflater.decompress(strict_json.unb64url(text[1:]), SIZE_BYTES + 1)
        except zlib.error as error:
            raise Malformed("an encoded status list is one gzip stream: this is not") from error
        if len(bits) != SIZE_BYTES or not inflater.eof or inflater.unused_data:
            raise Malformed(f"an encoded status list holds exactly {ENTRIES} entries: this does not")
        read = cls()
        read._bits = bytearray(bits)
        return read


def status_list_credential(
    bits: StatusBits, issuer: IssuerProfile, host: str, number: int, signed_at_us: int
) -> Document:
    """Return the unsigned status list credential of an issuer's list.

    Args:
        bits: what is revoked.
        issuer: the issuer of the badges that point into this list; verifiers want the two to be one.
        host: the did:web host of the ledger.
        number: which of the issuer's lists, from 1.
        signed_at_us: microseconds since 1970; the list may be relied on for 48 hours from then.

    Raises:
        Refusal: the issuer has no number, so its lists have no address.

    Source: Bitstring Status List v1.0 §2.2; BUILD.md 8.
    """
    if issuer.number is None:
        raise Refusal("only an organisation with a number has status lists", code="export-issuer")
    address = f"https://{host}/status/{issuer.number}/{number}"
    valid_for_us = VALID_FOR // timedelta(microseconds=1)
    return {
        "@context": [CREDENTIALS_V2],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer.did,
        "validFrom": rfc3339(signed_at_us),
        "validUntil": rfc3339(signed_at_us + valid_for_us),
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": bits.encoded(),
            "ttl": TTL_MS,
        },
    }


def _place(index: int) -> tuple[int, int]:
    if not 0 <= index < ENTRIES:
        raise Refusal(f"a status list has entries 0 to {ENTRIES - 1}", code="status-index")
    return index >> 3, 0x80 >> (index & 7)
