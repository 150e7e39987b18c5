"""Documents that leave: put together from credentials, status lists and trust, and written out.

Issues from what is recorded and nothing else: an award's issuer is the provider that awarded it,
with its credential key in custody here; a record's issuer is the operator.

Whoever asks for something about a learner says who they are and why, and that is kept before anything is
opened (`ledger.access`): what cannot be kept is not shown.

Source: CREDENTIALS.md 1, 3, 5; SPEC.md 5, 6; LEDGER.md 5.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.access import AccessLog, Reader
from ledger.access import rows as reads
from ledger.application import Ledger
from ledger.errors import Absent, Unavailable
from ledger.files import destroy_file, flush_folder, locked, write_private
from ledger.forgetting import Remains
from ledger.keys.did import operator_did
from ledger.log.policy import format_policy
from ledger.publisher import Publisher, latest
from projections.catalogue import Views
from projections.credentials import Credentials, Issued
from projections.exports.bundle import TrustCopy, bundle
from projections.exports.model import Document
from projections.exports.securing import document_bytes
from projections.exports.trust import trust_file, trust_signature
from projections.issuers import Issuers
from projections.record_of_achievement import HeldAward, HeldRecord, RecordOfAchievement
from projections.status_lists import StatusLists
from projections.trust_facts import trust_facts

EXPORT_FORMATS = ("json", "clr", "ob3", "bundle")
_RECORD_READS = {"json": reads.RECORD_JSON, "clr": reads.RECORD_CLR, "bundle": reads.RECORD_BUNDLE}


@dataclass(frozen=True, slots=True)
class Made:
    """A document ready to be handed out.

    opened: whether the learner's key opened what it holds; False for what is left of one who is forgotten.
    """

    name: str
    media_type: str
    data: bytes
    opened: bool = True


class Issuer:
    """Makes the documents of one ledger.

    `await_published` is called with a position that a bundle should have a proof for, and returns when
    it is published or will not be soon; whoever serves sets one that waits for the publisher's turn.
    """

    def __init__(self, ledger: Ledger, publisher: Publisher, views: Views) -> None:
        self._ledger, self._publisher, self._views = ledger, publisher, views
        self.issuers = Issuers(ledger)
        self.credentials = Credentials(ledger, publisher, views, self.issuers)
        self.status_lists = StatusLists(ledger, publisher, views, self.issuers)
        self.accesses = AccessLog(ledger)
        self.await_published: Callable[[int], object] = lambda _position: publisher.publish()
        self._trust: tuple[int, bytes, str] | None = None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Host of the did:web identifiers."""
        return self.issuers.host

    # -------------------------------------------------------------- a learner's documents

    def record(self, learner_id: UUID, reader: Reader, what: str = reads.RECORD_PAGE) -> RecordOfAchievement:
        """Return a learner's record as it stands, after keeping who reads it.

        Args:
            learner_id: whose.
            reader: who reads it, and why.
            what: as what it is shown, one of `ledger.access.rows.WHAT`.

        Raises:
            Absent: the learner is not known here.
            Unavailable: who reads it cannot be kept.
        """
        self._held(learner_id)
        self.accesses.write(reader, {learner_id: what})
        return self._views.record(learner_id)

    def names(self, learners: Iterable[UUID], reader: Reader) -> dict[UUID, str | None]:
        """Return learners' names, None where one is no longer kept, after keeping who reads them.

        Raises:
            Absent: one is not known here.
            Unavailable: who reads them cannot be kept.
        """
        wanted = list(learners)
        self.accesses.write(reader, dict.fromkeys(wanted, reads.NAME))
        return {learner: self._views.record(learner).learner.legal_name for learner in wanted}

    def awards_in_force(self, learner_id: UUID) -> int:
        """Return how many awards of a learner are in force: nothing is opened for it.

        Raises:
            Absent: the learner is not known here.
        """
        return sum(award.revocation is None for award in self._held(learner_id).awards)

    def export(
        self,
        learner_id: UUID,
        format: str,  # noqa: A002 - the word of whoever asks
        award_id: UUID | None = None,
        *,
        reader: Reader,
    ) -> Made:
        """Return a record, or one award of it, in one of EXPORT_FORMATS, after keeping who reads it.

        Raises:
            Absent: no such learner, or the award is not this learner's.
            Unavailable: the award is not published yet, so that it has no receipt; or who reads it cannot
                be kept.
            Refusal: there is nothing to put into a record, or an award is annulled or suspect.
        """
        held, whole = self._held(learner_id), award_id is None and format != "ob3"
        award = None if whole or format == "json" else self._award(held, award_id)
        of_award = reads.AWARD_BUNDLE if format == "bundle" else reads.AWARD_BADGE
        what = of_award if award else _RECORD_READS[format]
        self.accesses.write(reader, {learner_id: what})
        if format == "json":
            record = self._views.record(learner_id)
            text = json.dumps(record.as_json(), ensure_ascii=False, indent=1)
            opened = record.learner.legal_name is not None
            return Made("record-of-achievement.json", "application/json", text.encode() + b"\n", opened)
        if award is None:
            issued, inner = self.credentials.record(held)
            name = "record-of-achievement"
        else:
            issued, inner = self.credentials.award(held, award), []
            name = f"award-{award.code}-{award.conferred_on.isoformat()}"
        if format == "bundle":
            return Made(f"{name}.zip", "application/zip", self._bundle(held, issued, inner))
        return Made(f"{name}.json", "application/vc", document_bytes(issued.document))

    def write(self, learner_id: UUID, made: Made) -> Path:
        """Write an export into the learner's own folder of exports, and return where it is.

        Whose it is the folder says, by random id: so it can be found when the learner is forgotten.

        Raises:
            Absent: the learner was forgotten while the export was made; nothing of it is written.
            Unavailable: another process is at work on exports.
        """
        out = self._ledger.files.out
        out.mkdir(parents=True, exist_ok=True)
        # A forgetting destroys exports under this lock once more when the key is gone. So what is written
        # while the key is there it finds, and afterwards nothing is written: also where this process is
        # killed on the way.
        with locked(out):
            if made.opened and not self._ledger.vault.keys([learner_id]):
                raise Absent("no such learner is known here")
            folder = out / str(learner_id)
            folder.mkdir(exist_ok=True)
            write_private(folder / made.name, made.data)
        return folder / made.name

    def destroy(self, remains: Sequence[Remains]) -> bool:
        """Destroy documents, exports and accesses of learners who are forgotten; see `ledger.forgetting`.

        Raises:
            Unavailable: a file of theirs cannot be removed now.
        """
        out = self._ledger.files.out
        if out.exists():
            with locked(out):
                for one in remains:
                    _destroy_folder(out / str(one.learner))
        read = self.accesses.destroy([one.learner for one in remains])
        kept = self.credentials.destroy({slot for one in remains for slot in (one.learner, *one.credentials)})
        return read and kept

    def _held(self, learner_id: UUID) -> HeldRecord:
        held = self._views.record_of_achievement.held(learner_id)
        if held is None:
            raise Absent("no such learner is known here")
        return held

    @staticmethod
    def _award(held: HeldRecord, award_id: UUID | None) -> HeldAward:
        for award in held.awards:
            if award_id is None or award.award_id == award_id:
                return award
        raise Absent("this record holds no such award")

    # -------------------------------------------------------------- what issuers publish

    def did_document(self, segment: str | None = None) -> dict[str, Any] | None:
        """Return the DID document of a provider, a body or the operator: see `Issuers.did_document`."""
        return self.issuers.did_document(segment)

    def status_list(self, number: int, status_list: int) -> bytes | None:
        """Return the signed status list of an issuer: see `StatusLists.signed`."""
        return self.status_lists.signed(number, status_list)

    # -------------------------------------------------------------- trust

    def trust_file(self) -> tuple[bytes, str]:
        """Return the trust file as at the newest checkpoint, and the operator's signature over it."""
        published = latest(self._ledger.store.database.reader)
        if published is None:
            raise Unavailable("nothing has been published yet", code="unpublished")
        with self._lock:
            if self._trust is None or self._trust[0] != published.size:
                content = trust_file(trust_facts(self._ledger, published, self._publisher.policy))
                signature = trust_signature(content, self.issuers.operator_signer(published.size))
                self._trust = (published.size, content, signature)
            return self._trust[1:]

    def trust_fingerprint(self) -> str:
        """Return the SHA-256 of the trust file, hexadecimal: what two people compare."""
        return sha256(self.trust_file()[0]).hexdigest()

    def write_trust(self) -> None:
        """Keep the trust file and its signature in the ledger's folder."""
        content, signature = self.trust_file()
        target = self._ledger.files.trust
        write_private(target, content)
        write_private(target.with_name(target.name + ".jws"), signature.encode())

    def log_policy(self) -> str:
        """Return the C2SP tlog-policy of the log: its keys in force, and its witnesses."""
        return format_policy(self._publisher.policy)

    def close(self) -> None:
        """Close what is kept."""
        self.credentials.close()
        self.accesses.close()

    # -------------------------------------------------------------- bundles

    def _bundle(self, held: HeldRecord, issued: Issued, inner: Sequence[Issued]) -> bytes:
        whole = [issued, *inner]
        newest = max(one.position for one in whole)
        if not all(map(self.credentials.is_published, whole)):
            self.await_published(newest)
        document = issued.document
        awards = [one.document for one in inner] or [document]
        lists = {award["credentialStatus"]["statusListCredential"] for award in awards}
        signers = {one["issuer"]["id"] for one in (document, *awards)}
        content, signature = self.trust_file()
        return bundle(
            document,
            [json.loads(self._list_at(url)) for url in sorted(lists)],
            [self._document_of(did) for did in sorted(signers)],
            TrustCopy(content, signature),
            self.host,
            list_records=[self.status_lists.record(*_numbers(url)) for url in sorted(lists)],
            issued=self.credentials.receipt(held, issued),
            inner_issued=[self.credentials.receipt(held, one) for one in inner],
        )

    def _list_at(self, url: str) -> bytes:
        data = self.status_list(*_numbers(url))
        assert data is not None, "an award's status list is there"
        return data

    def _document_of(self, did: str) -> Document:
        segment = None if did == operator_did(self.host) else did.rsplit(":", 1)[-1]
        document = self.did_document(segment)
        assert document is not None, "an issuer that signed has a DID document"
        return document


def _destroy_folder(folder: Path) -> None:
    """Destroy all that lies in a folder of exports, and the folder; nothing happens where there is none."""
    if not folder.is_dir():
        return
    try:
        for place, _, names in os.walk(folder, topdown=False):
            for name in names:
                destroy_file(Path(place, name))
            Path(place).rmdir()
    except OSError as error:
        raise Unavailable(f"an export cannot be destroyed now: {error.strerror}", code="storage") from error
    flush_folder(folder.parent)


def _numbers(url: str) -> tuple[int, int]:
    """Return the issuer's number and that of the list, of a status list's address."""
    number, status_list = url.rsplit("/", 2)[-2:]
    return int(number), int(status_list)
