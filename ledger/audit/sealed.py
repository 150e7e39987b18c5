"""With keys: what is sealed opens, is what was committed to, and is the statement that was signed.

Then the decision behind it is made again, see `rulings`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ledger.audit.histories import KEPT_MAX
from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, stored
from ledger.audit.rulings import Ruling, RulingChecks
from ledger.database import Connection
from ledger.deciding.rows import row_content, row_name
from ledger.domain.award import AwardRevoked
from ledger.domain.base import LEARNER, PRIVATE, PrivateEvent
from ledger.domain.learner import LearnerRegistered
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import unpack_canonical
from ledger.errors import Corrupt
from ledger.ids import public_id
from ledger.mapper import (
    SALT_BYTES,
    LedgerMapper,
    LedgerStoredEvent,
    claim_digests,
    claims_shown,
    private_state,
    unseal,
    with_sealed_fields,
)
from ledger.privacy import commitments
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault
from ledger.statements import Row, Statement, read_statement
from ledger.store.readback import StatementLeaves, StoredRecord

_PRIVATE = frozenset(topic.encode() for topic, one in EVENTS.items() if one.PRIVACY is PRIVATE)


def check_keys(report: Report, forgotten_lost: int) -> None:
    """Say how many records cannot be opened because a key is gone, which no record accounts for.

    Args:
        report: what was found in all parts.
        forgotten_lost: how many learners were forgotten by records whose content is lost.
    """
    if 0 < report.learners_without_key <= forgotten_lost:
        # The public log counts as many, and a restore gave up what said whose they are.
        report.forgotten += report.without_key
        report.without_key = report.learners_without_key = 0
    if report.without_key:
        learners = report.learners_without_key
        whose = f", {learners} of them registrations of learners" if learners else ""
        report.add(
            "vault",
            "vault.sqlite",
            f"the keys of {report.without_key} records are gone{whose}, and nothing accounts for it",
        )


class SealedChecks:
    """Opens every private record whose subject's key is still there."""

    def __init__(
        self, connection: Connection, vault: Vault, forgotten: Mapping[UUID, int] | None = None
    ) -> None:
        """Open with the keys of `vault`; `forgotten` is where each forgotten learner is said to be one."""
        self._connection, self._vault = connection, vault
        self._forgotten = forgotten or {}
        self._mapper = LedgerMapper.for_reading()
        self._leaves = StatementLeaves(connection)
        self._rulings = RulingChecks(connection, vault)
        self._submissions: dict[int, tuple[UUID, bytes]] = {}
        self._keys: OrderedDict[UUID, SubjectKey] = OrderedDict()
        self.begin(Report(), 0)

    def begin(self, report: Report, first: int) -> None:
        """Begin with the records from position `first`, reporting to `report`."""
        self._report = report
        self._submissions.clear()
        self._rulings.begin(first)

    def take(self, part: Sequence[RecordRow], register: Register) -> None:
        """Check the private records of a part through which the register stands as it is."""
        private: list[tuple[StoredRecord, LedgerStoredEvent, Any]] = []
        for row in part:
            if row[3] in _PRIVATE and row[4] is not None:
                record = stored(row)
                with self._report.at(f"record {record.position}"):
                    raw = record.event
                    private.append((record, raw, self._mapper.to_domain_event(raw)))
        try:
            subjects = {event.subject for *_, event in private}
            revoked = any(isinstance(event, AwardRevoked) for *_, event in private)
            self._have_keys(subjects | ({_ledger_id(register)} if revoked and self._forgotten else set()))
        except Corrupt as error:
            self._report.add(error.code, f"keys of records {part[0][0]} to {part[-1][0]}", str(error))
            return
        self._rulings.prepare([event for *_, event in private], self._keys, part)
        for record, raw, event in private:
            forgotten = self._forgotten.get(event.subject)
            if forgotten is not None and forgotten < record.position and isinstance(event, AwardRevoked):
                # It came after the forgetting: no learner's key could seal it any more.
                key = self._keys.get(_ledger_id(register))
            else:
                key = self._keys.get(event.subject)
            if key is None and forgotten is not None:
                self._report.not_checkable += 1
                self._report.forgotten += 1
                continue
            if key is None:
                self._report.not_checkable += 1
                self._report.without_key += 1
                self._report.learners_without_key += record.topic == LearnerRegistered.TOPIC
                continue
            with self._report.at(f"record {record.position}"):
                ruling = self._check(record, raw, event, key)
                if ruling is not None:
                    self._rulings.check(ruling, register)

    def _have_keys(self, subjects: set[UUID]) -> None:
        """Have the keys of these subjects that are still there; those used lately are kept."""
        missing = subjects - self._keys.keys()
        for subject in subjects - missing:
            self._keys.move_to_end(subject)
        self._keys.update(self._vault.keys(missing))
        while len(self._keys) > max(KEPT_MAX, len(subjects)):
            self._keys.popitem(last=False)

    def _check(
        self, record: StoredRecord, raw: LedgerStoredEvent, event: PrivateEvent, key: SubjectKey
    ) -> Ruling | None:
        """Check what a record hides; return what was decided, None where nobody decided anything."""
        parts = private_state(record.state or b"")
        hidden = unseal(raw, key, parts)
        unpack_canonical(hidden.plaintext[SALT_BYTES:])
        whole = with_sealed_fields(event, hidden)
        if commitments.sealed_commit(hidden.plaintext) != parts.sealed_commit:
            raise Corrupt("the sealed part is not what was committed to", code="sealed")
        digests = claim_digests(claims_shown(whole, hidden), hidden.content_salt)
        if commitments.claims_commit(record.topic, digests) != parts.claims_commit:
            raise Corrupt("the claims are not what was committed to", code="claims")
        if event.CONSEQUENCE:
            if (whole.said, whole.row_key, whole.row_mac) != (None, None, None):
                raise Corrupt("the ledger itself records such, and it carries a statement", code="sealed")
            return None
        return self._check_statement(record, whole, key)

    def _check_statement(self, record: StoredRecord, whole: PrivateEvent, key: SubjectKey) -> Ruling:
        said = whole.said
        if said is None or said.jti is None:
            raise Corrupt("the sealed part holds no statement", code="sealed")
        iss, jti = self._submission(record.submission)
        if (said.jti.bytes, said.row) != (jti, record.row):
            raise Corrupt("the sealed part names another submission or row", code="sealed")
        if commitments.statement_leaf(said.salt, said.statement) != self._leaves.of(record):
            raise Corrupt("the sealed statement is not the one that was signed", code="sealed")
        statement = read_statement(Row(said.statement, said.salt, said.who, said.who_salt))
        if not isinstance(statement, Statement):
            raise Corrupt("the sealed statement cannot be read", code="sealed")
        known_by: tuple[bytes | None, bytes | None] = None, None
        if type(whole).SUBJECT == LEARNER:  # of others no row is known again
            row_key = key.row_key(iss, statement.kind.group, row_name(statement))
            known_by = row_key, key.row_mac(row_content(statement))
        if known_by != (whole.row_key, whole.row_mac):
            raise Corrupt("the row key or mac is not that of the statement", code="row")
        return Ruling(record.position, whole, statement, iss, record.recorded_at_us, record.submission)

    def _submission(self, number: int | None) -> tuple[UUID, bytes]:
        """Return organisation and id of a submission."""
        if number is None:
            raise Corrupt("rests on no statement", code="submission")
        found = self._submissions.get(number)
        if found is None:
            row = self._connection.execute(
                "SELECT iss, jti FROM submission WHERE number = ?", (number,)
            ).fetchone()
            if row is None:
                raise Corrupt(f"cites submission {number}, which is not there", code="submission")
            found = self._submissions[number] = UUID(bytes=row[0]), row[1]
        return found


def _ledger_id(register: Register) -> UUID:
    """Return the ledger as the one whom a record is about."""
    if register.founding is None:
        raise Corrupt("a ledger is founded by its first record", code="ruling")
    return public_id("ledger", register.founding.origin)
