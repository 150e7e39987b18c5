"""With keys: what is sealed opens, is what was committed to, and is the statement that was signed."""

from collections.abc import Sequence
from uuid import UUID

from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, stored
from ledger.database import Connection
from ledger.deciding.rows import row_content, row_name
from ledger.domain.base import PRIVATE
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import unpack_canonical
from ledger.errors import Corrupt
from ledger.mapper import SALT_BYTES, LedgerMapper, claim_digests, private_state, unseal, with_sealed_fields
from ledger.privacy import commitments
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault
from ledger.statements import Row, Statement, read_statement
from ledger.store.readback import StatementLeaves, StoredRecord


class SealedChecks:
    """Opens every private record whose subject's key is still there."""

    def __init__(self, connection: Connection, vault: Vault, report: Report) -> None:
        self._connection, self._vault, self._report = connection, vault, report
        self._mapper = LedgerMapper.for_reading()
        self._leaves = StatementLeaves(connection)
        self._submissions: dict[int, tuple[bytes, bytes]] = {}

    def take(self, batch: Sequence[RecordRow]) -> None:
        """Check the private records of a batch."""
        private = []
        for row in batch:
            record = stored(row)
            with self._report.at(f"record {record.position}"):
                event_class = EVENTS.get(record.topic)
                if event_class is not None and event_class.PRIVACY is PRIVATE and record.state is not None:
                    private.append((record, self._mapper.to_domain_event(record.event)))
        keys = self._vault.keys({event.subject for _, event in private})
        for record, event in private:
            key = keys.get(event.subject)
            if key is None:
                self._report.not_checkable += 1
                continue
            with self._report.at(f"record {record.position}"):
                self._check(record, event, key)

    def _check(self, record: StoredRecord, event: object, key: SubjectKey) -> None:
        parts = private_state(record.state or b"")
        hidden = unseal(record.event, key)
        unpack_canonical(hidden.plaintext[SALT_BYTES:])
        whole = with_sealed_fields(event, hidden)  # type: ignore[arg-type]
        if commitments.sealed_commit(hidden.plaintext) != parts.sealed_commit:
            raise Corrupt("the sealed part is not what was committed to", code="sealed")
        digests = claim_digests(whole.shown(), hidden.content_salt)
        if commitments.claims_commit(record.topic, digests) != parts.claims_commit:
            raise Corrupt("the claims are not what was committed to", code="claims")
        said = hidden.said
        if said is None:
            return
        iss, jti = self._submission(record)
        assert said.jti is not None
        if (said.jti.bytes, said.row) != (jti, record.row):
            raise Corrupt("the sealed part names another submission or row", code="sealed")
        if commitments.statement_leaf(said.salt, said.statement) != self._leaves.of(record):
            raise Corrupt("the sealed statement is not the one that was signed", code="sealed")
        statement = read_statement(Row(said.statement, said.salt, said.who, said.who_salt))
        if not isinstance(statement, Statement):
            raise Corrupt("the sealed statement cannot be read", code="sealed")
        row_key = key.row_key(UUID(bytes=iss), statement.kind.group, row_name(statement))
        if (row_key, key.row_mac(row_content(statement))) != (whole.row_key, whole.row_mac):
            raise Corrupt("the row key or mac is not that of the statement", code="row")

    def _submission(self, record: StoredRecord) -> tuple[bytes, bytes]:
        number = record.submission
        assert number is not None
        if number not in self._submissions:
            row = self._connection.execute(
                "SELECT iss, jti FROM submission WHERE number = ?", (number,)
            ).fetchone()
            if row is None:
                raise Corrupt(f"cites submission {number}, which is not there", code="submission")
            self._submissions[number] = (row[0], row[1])
        return self._submissions[number]
