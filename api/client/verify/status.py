"""Check 6: has the issuer revoked it? Its signed list of bits says so, one bit for each credential.

Source: Bitstring Status List v1.0 §2.1, §3.2; CREDENTIALS.md 5.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..errors import ClientError, Malformed, Refused
from .keys import Key
from .list_records import ListRecords
from .multikey import base64_bytes
from .plain import CLOCK_SKEW, instant, instant_of_us, long_instant
from .profile import issuer_of, status_list_faults
from .proofs import Canonical, Secured, Unsupported, method_of
from .reading import read_object
from .trust import Issuer, Trust, did_host
from .verdict import OLD_TRUST, Answer, failed, not_checked, passed, warning

PURPOSE = "revocation"
REVOKED = "revoked"  # the code of the answer
BYTES_MIN = 16 * 1024  # 131 072 bits: a shorter list would tell whose bit is asked for
BYTES_MAX = 2 * 1024 * 1024
FRESH_FOR = timedelta(hours=48)  # where a list does not say how long it holds
_GZIP = 16 + zlib.MAX_WBITS


class Fetch(Protocol):
    """Something that gets the bytes behind an address.

    Called only for the status lists of issuers in the trust file, at the host of their DID, over https
    or http. May raise `ClientError` (of which `Unreachable` is one), `OSError` or `LookupError`: the
    list then counts as not to be had.
    """

    def __call__(self, url: str, /) -> bytes:
        """Return what stands at the address."""
        ...


@dataclass(frozen=True, slots=True)
class StatusList:
    """A status list that holds: its signature, its issuer, its form.

    Attributes:
        bits: bit 0 is the most significant bit of the first byte.
        made_at: when it was signed.
        fresh_until: until when it may be relied on.
        key_retired: whether its key counted no longer when the trust file was made.
        recorded: whether it is believed because the public log holds its bits since `made_at`.
    """

    bits: bytes
    made_at: datetime
    fresh_until: datetime
    key_retired: bool
    recorded: bool = False

    def bit(self, index: int) -> bool:
        """Return one bit; IndexError beyond the end."""
        return bool(self.bits[index >> 3] & (0x80 >> (index & 7)))


class Lists:
    """Where the status lists of one verification come from: fetched if possible, else the bundle's."""

    def __init__(
        self,
        bundled: Sequence[bytes],
        fetch: Fetch | None,
        trust: Trust | None,
        canonical: Canonical,
        records: ListRecords | None = None,
    ) -> None:
        self._records = records
        self._bundled = bundled
        self._fetch = fetch
        self._trust = trust
        self._canonical = canonical
        self._known: dict[tuple[str, str], StatusList | Answer] = {}

    def get(self, url: str, issuer: str) -> StatusList | Answer:
        """Return an issuer's list, or the answer to give because there is none that holds."""
        if (url, issuer) not in self._known:
            self._known[url, issuer] = self._look_up(url, issuer)
        return self._known[url, issuer]

    def _look_up(self, url: str, issuer: str) -> StatusList | Answer:
        data = self._fetched(url, issuer)
        document = None if data is None else _readable(data)
        if document is None:
            document = next(
                (one for one in map(_readable, self._bundled) if one and one.get("id") == url), None
            )
        if document is None:
            return not_checked(
                "status-list-missing",
                "The list of revoked credentials was not to be had, so this could not be checked.",
            )
        return open_status_list(document, url, issuer, self._trust, self._canonical, self._records)

    def _fetched(self, url: str, issuer: str) -> bytes | None:
        if self._fetch is None or self._trust is None or not _may_fetch(url, issuer, self._trust):
            return None
        try:
            return self._fetch(url)
        except (ClientError, OSError, LookupError):
            return None


def check(document: Mapping[str, Any], lists: Lists, now_us: int) -> Answer:
    """Answer check 6 for one credential that has a status entry."""
    entry, issuer = document.get("credentialStatus"), issuer_of(document)
    url = entry.get("statusListCredential") if isinstance(entry, Mapping) else None
    index = entry.get("statusListIndex") if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or not isinstance(url, str) or not _is_index(index) or issuer is None:
        return not_checked(
            "status-entry", "It does not say where revocations are listed, so this could not be checked."
        )
    if entry.get("statusPurpose") != PURPOSE:
        return failed("status-purpose", "It points to a list that is not about revocation.")
    found = lists.get(url, issuer)
    return found if isinstance(found, Answer) else _answer(found, int(str(index)), now_us)


def _answer(listed: StatusList, index: int, now_us: int) -> Answer:
    as_at = long_instant(listed.made_at)
    try:
        revoked = listed.bit(index)
    except IndexError:
        return failed("status-index", "It points beyond the end of the list of revoked credentials.")
    if revoked:
        return failed(REVOKED, f"It has been revoked: the issuer's list of {as_at} says so.")
    return next(
        _list_objections(listed, as_at, instant_of_us(now_us)),
        passed("not-revoked", f"It has not been revoked, by the issuer's list of {as_at}."),
    )


def _list_objections(listed: StatusList, as_at: str, now: datetime) -> Iterator[Answer]:
    if listed.made_at > now + CLOCK_SKEW:
        yield not_checked(
            "status-list-not-yet",
            f"The list of revoked credentials is dated {as_at}, which is still to come.",
        )
    if listed.recorded:
        yield warning(
            "status-list-recorded",
            f"It was not revoked as at {as_at}, by the public ledger. What came after is not known: the"
            " list beside it is signed with a key no longer in use.",
        )
    # Before age: whoever holds an old key can write any day into a list, and one long past would pass.
    if listed.key_retired:
        yield not_checked(
            "status-list-key-retired",
            "The list of revoked credentials is signed with a key no longer in use: get a newer list.",
        )
    if listed.fresh_until < now:
        yield warning(
            "status-list-expired",
            f"It was not revoked as at {as_at}. That list has expired: what came after is not known.",
        )


def open_status_list(
    document: Mapping[str, Any],
    url: str,
    issuer: str,
    trust: Trust | None,
    canonical: Canonical,
    records: ListRecords | None = None,
) -> StatusList | Answer:
    """Return a status list once it is known to be that issuer's and whole, or the answer why not.

    Args:
        document: the status list credential.
        url: the id it must have.
        issuer: the issuer of the credential that points to it, whose list it must be.
        trust: whose keys count; None: the signature is checked, not whose key made it.
        canonical: to canonical N-Quads.
        records: what a bundle shows of the lists' bits in the public log; None without a bundle.
    """
    if document.get("id") != url or issuer_of(document) != issuer:
        return failed("status-list-issuer", "The list of revoked credentials is not the one of its issuer.")
    objection = _signature_objection(document, canonical)
    if objection is not None:
        return objection
    if any(status_list_faults(document)):
        return failed("status-list-form", "The list of revoked credentials is not made as it should be.")
    known = None if trust is None else trust.party(issuer)
    if trust is None or known is None:
        return _read_list(document, key_retired=False)
    key = known.key(method_of(Secured(document, canonical).proofs[0]).multikey)
    if records is not None and key is not None and not key.counts_at(trust.as_at_position):
        recorded = _recorded(document, url, known, records)
        if recorded is not None:
            return recorded
    return _by_key(document, key, trust)


def _recorded(
    document: Mapping[str, Any], url: str, known: Issuer, records: ListRecords
) -> StatusList | None:
    """Return a list that the log holds, whoever signed it when; None where nothing shows that it does."""
    listed = _read_list(document, key_retired=True)
    if isinstance(listed, Answer) or known.number is None:
        return None
    since = records.in_force_at(known.number, url.rpartition("/")[2], listed.bits)
    return None if since is None else StatusList(listed.bits, since, since, key_retired=True, recorded=True)


def _by_key(document: Mapping[str, Any], key: Key | None, trust: Trust) -> StatusList | Answer:
    """Return what a list says where the key it is signed with may say it; None: not the issuer's key."""
    if key is None:
        return _unknown_key(document, trust)
    if key.suspected_from is not None:
        # Nothing shows when a list was signed, and a thief can write any day into it.
        return not_checked(
            "status-list-key-stolen",
            "The list of revoked credentials is signed with a key that was stolen: get a newer list.",
        )
    return _read_list(document, key_retired=not key.counts_at(trust.as_at_position))


def _unknown_key(document: Mapping[str, Any], trust: Trust) -> Answer:
    made_at = instant(document["validFrom"])
    if made_at is not None and made_at > trust.made_at:
        return OLD_TRUST
    return failed(
        "status-list-key", "The list of revoked credentials is signed with a key that is not its issuer's."
    )


def _signature_objection(document: Mapping[str, Any], canonical: Canonical) -> Answer | None:
    try:
        secured = Secured(document, canonical)
        for proof in secured.proofs:
            secured.verify(proof)
        signed = bool(secured.proofs)
    except Unsupported:
        return not_checked(
            "status-list-signature-kind",
            "The list of revoked credentials is signed in a way that this program does not know.",
        )
    except (Malformed, Refused):
        signed = False
    if not signed:
        return failed(
            "status-list-signature", "The signature of the list of revoked credentials does not hold."
        )
    return None


def _read_list(document: Mapping[str, Any], *, key_retired: bool) -> StatusList | Answer:
    subject = document["credentialSubject"]
    if subject["statusPurpose"] != PURPOSE:
        return failed("status-list-purpose", "The list it points to is not a list of revoked credentials.")
    try:
        bits = inflate(base64_bytes(subject["encodedList"]))
    except Malformed:
        return failed("status-list-bits", "The list of revoked credentials is damaged.")
    made_at = instant(document["validFrom"])
    assert made_at is not None  # its form has been checked
    until = instant(document.get("validUntil"))
    return StatusList(bits, made_at, made_at + FRESH_FOR if until is None else until, key_retired)


def inflate(data: bytes) -> bytes:
    """Return what one gzip stream holds, and never more than 2 MiB of it.

    Raises:
        Malformed: not one whole gzip stream of 16 KiB to 2 MiB.
    """
    inflater = zlib.decompressobj(_GZIP)
    try:
        bits = inflater.decompress(data, BYTES_MAX + 1)
    except zlib.error as error:
        raise Malformed("this is not gzip", code="gzip") from error
    if not inflater.eof or inflater.unused_data or not BYTES_MIN <= len(bits) <= BYTES_MAX:
        raise Malformed("this is not one gzip stream of the size of a status list", code="gzip")
    return bits


def _may_fetch(url: str, issuer: str, trust: Trust) -> bool:
    """Return whether an address may be asked: the issuer is in the trust file, and it is its host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = (parts.hostname or "") + ("" if port is None else f":{port}")
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.fragment
    return plain and trust.party(issuer) is not None and host == did_host(issuer)


def _readable(data: bytes) -> dict[str, Any] | None:
    try:
        return read_object(data)
    except Malformed:
        return None


def _is_index(index: Any) -> bool:
    return (
        isinstance(index, str)
        and index.isascii()
        and index.isdigit()
        and len(index) < len(str(BYTES_MAX * 8)) + 1
    )
