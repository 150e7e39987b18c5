"""Status lists: their bits as recorded, the record of every change, and the list that is served.

Only bits whose digest stands in a published record are served, so whoever has two lists for one
moment has proof against us.

Source: LEDGER.md 5 (status digests); CREDENTIALS.md 5.
"""

import threading
from dataclasses import dataclass
from uuid import UUID

from ledger.application import Consequence, Ledger
from ledger.domain.award import MicrocredentialAwarded
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Corrupt, Stale, Unavailable
from ledger.ids import public_id
from ledger.mapper import LedgerNotification
from ledger.publisher import Publisher
from ledger.receipts import prove
from ledger.standing import Standings
from projections.catalogue import Views
from projections.exports.model import IssuerProfile
from projections.exports.securing import document_bytes, sign_credential
from projections.exports.status_list import VALID_FOR, StatusBits, status_list_credential
from projections.issuers import Issuers
from projections.trust_facts import keyring_as_at

_VALID_FOR_US = VALID_FOR.total_seconds() * 1_000_000
_MOMENT_US = 1_000_000
_Annulled = dict[tuple[int, int], list[int]]  # (issuer, list) to indexes


@dataclass(frozen=True, slots=True)
class _SignedList:
    """A status list as signed last: signed again when bits or key change, or half its life is over."""

    digest: bytes
    kid: str
    signed_at_us: int
    data: bytes


class StatusLists:
    """The status lists of one ledger's issuers."""

    def __init__(self, ledger: Ledger, publisher: Publisher, views: Views, issuers: Issuers) -> None:
        self._ledger, self._publisher, self._views, self._issuers = ledger, publisher, views, issuers
        self._signed: dict[tuple[int, int], _SignedList] = {}
        self._looked_at = 0  # position of the views at which every change was on record
        self._lock = threading.Lock()

    # -------------------------------------------------------------- recording

    def record_changes(self) -> int:
        """Record the digest of every list whose bits are others than recorded last; return how many.

        The views have to be caught up: what they do not have yet is for the next time, and so is what
        another process has recorded about the same lists meanwhile.
        """
        as_at = self._views.position()
        if as_at == self._looked_at:
            return 0  # nothing was folded since
        consequences = self._consequences(as_at)
        if consequences:
            try:
                self._ledger.note(consequences)
            except Stale:
                # Whoever was first may have seen more than we: bits never go back to older ones.
                return 0
        self._looked_at = as_at
        return len(consequences)

    def _consequences(self, as_at: int) -> list[Consequence]:
        lists, annulled = self._views.status.lists(), self._annulled(as_at)
        newest = self._ledger.store.newest_of_each([_stream(*one) for one in lists])
        consequences = []
        for issuer, number in lists:
            stream = _stream(issuer, number)
            stored = newest.get(stream)
            recorded = None if stored is None else self._event(stored)
            if recorded is not None and recorded.as_at >= as_at:
                continue  # by a process whose views are ahead of these
            digest = self._bits(issuer, number, as_at, annulled).digest()
            if recorded is None or recorded.bits_sha256 != digest:
                fields = {"issuer": issuer, "status_list": number, "bits_sha256": digest, "as_at": as_at}
                version = 0 if stored is None else stored.originator_version
                consequences.append(Consequence(stream, StatusListChanged, fields, follows=version))
        return consequences

    def _bits(self, issuer: int, number: int, as_at: int, annulled: _Annulled) -> StatusBits:
        """Return the bits when `as_at` was the newest record: awards that were revoked or annulled."""
        bits = StatusBits(self._views.status.revoked_as_at(issuer, number, as_at))
        for index in annulled.get((issuer, number), ()):
            bits.set(index)
        return bits

    def _annulled(self, as_at: int) -> _Annulled:
        """Return the indexes of awards that were annulled by then; there hardly ever are any."""
        if not any(key.annulled for key in self._ledger.keyring()):
            return {}
        standings = Standings(self._ledger.store, keyring_as_at(self._ledger, as_at))
        found: _Annulled = {}
        for event in map(
            self._ledger.mapper.to_domain_event, standings.annulled(MicrocredentialAwarded.TOPIC)
        ):
            found.setdefault((event.awarded_by, event.status_list), []).append(event.status_index)
        return found

    # -------------------------------------------------------------- serving

    def signed(self, issuer: int, number: int) -> bytes | None:
        """Return a list as it is served, None when the issuer has none of that number.

        Raises:
            Unavailable: it was opened a moment ago, and its digest is not published yet; or (views) the
                views have not come as far as what was published.
            Corrupt: the views' bits are not those that were recorded.
        """
        # Read inside the lock: bits that were read before a change must not be signed after it.
        with self._lock:
            published = self._published(issuer, number)
            if published is None:
                if self._views.status.status_list(issuer, number) is None:
                    return None
                raise Unavailable("this status list was opened a moment ago: ask again", code="unpublished")
            now_us, by = self._ledger.clock.now_us(), self._issuers.provider(issuer)
            kept = self._signed.get((issuer, number))
            wanted = (published.bits_sha256, by.signer.thumbprint)
            fresh = kept is not None and now_us - kept.signed_at_us < _VALID_FOR_US / 2
            if kept is None or (kept.digest, kept.kid) != wanted or not fresh:
                if kept is not None and kept.digest != published.bits_sha256:
                    # Moments are whole seconds: two lists with other bits never have the same one.
                    now_us = max(now_us, kept.signed_at_us + _MOMENT_US)
                kept = self._signed[issuer, number] = self._sign(published, by, now_us)
            return kept.data

    def record(self, issuer: int, number: int) -> str | None:
        """Return the tlog-proof of the published record of a list's bits, its entry in it; None for none."""
        stored = self._newest_published(issuer, number)
        if stored is None:
            return None
        tree, policy = self._publisher.tree, self._publisher.policy
        proven = prove(self._ledger.store, tree, stored.id, policy)
        return proven.proof(proven.record.entry)

    def _published(self, issuer: int, number: int) -> StatusListChanged | None:
        stored = self._newest_published(issuer, number)
        return None if stored is None else self._event(stored)

    def _newest_published(self, issuer: int, number: int) -> LedgerNotification | None:
        """Return the newest record of a list that a checkpoint covers, None where there is none."""
        served = self._publisher.served()
        if served is None:
            return None
        return self._ledger.store.newest_of(_stream(issuer, number), served.size)

    def _event(self, stored: LedgerNotification) -> StatusListChanged:
        event = self._ledger.mapper.to_domain_event(stored)
        assert isinstance(event, StatusListChanged)
        return event

    def _sign(self, published: StatusListChanged, issuer: IssuerProfile, now_us: int) -> _SignedList:
        as_at = published.as_at
        if self._views.position() < as_at:
            raise Unavailable("the views have not caught up yet: ask again shortly", code="views")
        bits = self._bits(published.issuer, published.status_list, as_at, self._annulled(as_at))
        if bits.digest() != published.bits_sha256:
            raise Corrupt("the bits of a status list are not those that were recorded", code="status-list")
        document = status_list_credential(bits, issuer, self._issuers.host, published.status_list, now_us)
        data = document_bytes(sign_credential(document, issuer.signer, issuer.did, now_us))
        return _SignedList(published.bits_sha256, issuer.signer.thumbprint, now_us, data)


def _stream(issuer: int, number: int) -> UUID:
    return public_id("status_list", issuer, number)
