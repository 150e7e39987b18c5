"""Records of status lists in a bundle: that the public log holds the bits of a list, and since when.

Whenever the bits of a list change, the ledger records their digest for everybody to see
(`status_list.changed`). A list whose signature nobody can date any more, because its key was retired
or stolen since, is still the list of that moment if the log says so.

Source: LEDGER.md 3 (public record), 5 (status digests).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgpack

from ..errors import Malformed
from .opened import Kind, Receipt
from .plain import instant_of_us
from .published import Witnessed, publication
from .tlog import parse_checkpoint, parse_proof
from .trust import Trust
from .verdict import Answer

CHANGED = Kind(
    "status_list.changed",
    frozenset(("issuer", "status_list", "bits_sha256")),
    "status-list-record",
    "The record of the list of revoked credentials",
)
_PUBLIC = b"\x02"
_HEAD = 1 + 8 + 16 + 4  # kind, instant, stream, version
_ENTRY_MAX_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class ListRecord:
    """One record, read; `receipt` says where the log holds it, which is not checked yet."""

    receipt: Receipt
    recorded_at: datetime


class ListRecords:
    """The records of status lists that came in one bundle."""

    def __init__(self, papers: Iterable[bytes], trust: Trust | None, now_us: int) -> None:
        """Read them; what cannot be read says nothing.

        Args:
            papers: tlog-proofs whose extra bytes are the log's entry.
            trust: whose log keys and witnesses count, or None.
            now_us: microseconds since 1970.
        """
        self._trust, self._now_us = trust, now_us
        self._records = [record for paper in papers if (record := _read(paper)) is not None]

    def in_force_at(self, issuer: int, status_list: str, bits: bytes) -> datetime | None:
        """Return since when the log holds these bits for a list, None where nothing here shows that.

        Args:
            issuer: number of the provider whose list it is.
            status_list: number of the list, as its address ends.
            bits: not compressed.
        """
        wanted = {"issuer": str(issuer), "status_list": status_list, "bits_sha256": sha256(bits).hexdigest()}
        for record in self._records:
            if record.receipt.claims == wanted and self._holds(record.receipt):
                return record.recorded_at
        return None

    def _holds(self, receipt: Receipt) -> bool:
        found: Answer | Witnessed = publication(receipt, CHANGED, self._trust, self._now_us)
        return isinstance(found, Witnessed)


def _read(paper: bytes) -> ListRecord | None:
    try:
        proof = parse_proof(paper.decode("utf-8"))
        recorded_at_us, claims = _claims(proof.extra)
        checkpoint = parse_checkpoint(proof.checkpoint)
        recorded_at = instant_of_us(recorded_at_us)
    except (Malformed, UnicodeDecodeError, OverflowError):
        return None
    return ListRecord(Receipt(claims, 0, proof.extra, proof.index, proof.path, checkpoint), recorded_at)


def _claims(entry: bytes) -> tuple[int, dict[str, str]]:
    """Return when a public entry was recorded, and what it says; Malformed when it is of another kind."""
    topic, start = CHANGED.topic.encode(), _HEAD + 2
    length = int.from_bytes(entry[_HEAD:start], "big")
    if entry[:1] != _PUBLIC or entry[start : start + length] != topic or len(entry) > _ENTRY_MAX_BYTES:
        raise Malformed("this is not the record of a status list", code="list-record-form")
    try:
        values, statement = msgpack.unpackb(entry[start + length :], strict_map_key=True)
        _, _, _, issuer, status_list, digest, _ = values
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise Malformed("this is not the record of a status list", code="list-record-form") from error
    if statement is not None or type(issuer) is not int or type(digest) is not bytes:
        raise Malformed("this is not the record of a status list", code="list-record-form")
    claims = {"issuer": str(issuer), "status_list": str(status_list), "bits_sha256": digest.hex()}
    return int.from_bytes(entry[1:9], "big"), claims
