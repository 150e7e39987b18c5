"""Who said it: every submission's signature, and every record's statement in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger.audit.report import Report
from ledger.authority import keyring_of, purpose_of
from ledger.database import Connection
from ledger.domain.base import PUBLIC
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.encoding.strict_json import parse
from ledger.errors import Corrupt
from ledger.keys.signer import jws_read, jws_verify
from ledger.log.merkle import MemoryTree, verify_inclusion
from ledger.mapper import LedgerMapper, public_state
from ledger.privacy.commitments import statement_leaf
from ledger.statements import SUBMISSION_TYP, read_claims
from ledger.store.readback import StoredRecord


@dataclass(frozen=True, slots=True)
class _Held:
    """A submission that verified, as far as it goes by itself."""

    token: str
    kid: str
    iss: bytes
    size: int
    root: bytes


class SubmissionChecks:
    """Follows the register through the records, so that keys count by position."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._register = Register()
        self._mapper = LedgerMapper.for_reading()
        self._held: dict[int, _Held | None] = {}
        self._authorised: set[tuple[int, str]] = set()
        self._rows_seen: dict[int, int] = {}

    def take(self, batch: Sequence[StoredRecord]) -> None:
        """Check the statements of a batch."""
        for record in batch:
            with self._report.at(f"record {record.position}"):
                self._check(record)
            with self._report.at(f"record {record.position}"):
                self._follow(record)

    def _follow(self, record: StoredRecord) -> None:
        event_class = EVENTS.get(record.topic)
        if event_class is not None and event_class.AUTHORITY and record.state is not None:
            self._register.apply(self._mapper.to_domain_event(record.event), record.position)

    def _check(self, record: StoredRecord) -> None:
        if (record.submission is None) != (record.row is None):
            raise Corrupt(
                "names a submission without a row, or a row without a submission", code="submission"
            )
        event_class = EVENTS.get(record.topic)
        if event_class is None or record.state is None:
            return
        if record.submission is None or record.row is None:
            raise Corrupt("rests on no statement", code="submission")
        held = self._submission(record)
        if held is None:
            return
        if event_class.PRIVACY is PUBLIC:
            self._check_public(record, held)

    def _submission(self, record: StoredRecord) -> _Held | None:
        number = record.submission
        assert number is not None
        if number not in self._held:
            self._held[number] = None  # reported once, if it does not hold
            self._held[number] = self._read(number)
        held = self._held[number]
        if held is not None:
            self._authorise(record, number, held)
        return held

    def _read(self, number: int) -> _Held:
        row = self._connection.execute(
            "SELECT iss, jti, jws, leaf_hashes FROM submission WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            raise Corrupt(f"cites submission {number}, which is not there", code="submission")
        iss, jti, token, leaf_hashes = row
        self._report.submissions += 1
        jws = jws_read(token)
        claims = read_claims(jws.payload)
        leaves = [leaf_hashes[at : at + 32] for at in range(0, len(leaf_hashes), 32)]
        if (claims.iss.bytes, claims.jti.bytes) != (iss, jti):
            raise Corrupt(f"submission {number} is kept under another id", code="submission")
        if len(leaf_hashes) != 32 * claims.n or MemoryTree(leaves).root() != claims.root:
            raise Corrupt(f"submission {number} keeps other leaves than were signed", code="submission")
        return _Held(token, jws.header["kid"], iss, claims.n, claims.root)

    def _authorise(self, record: StoredRecord, number: int, held: _Held) -> None:
        """Check that the key counted at this position for this kind of statement; once for each."""
        purpose = purpose_of(record.topic)
        if (number, purpose) in self._authorised:
            return
        self._authorised.add((number, purpose))
        register = self._register
        if record.position == 1:
            register = Register()
            register.apply(self._mapper.to_domain_event(record.event), 1)
        key = keyring_of(register).valid(held.kid, UUID(bytes=held.iss), purpose, record.position)
        jws_verify(held.token, key.jwk, SUBMISSION_TYP)

    def _check_public(self, record: StoredRecord, held: _Held) -> None:
        _, said = public_state(record.state or b"")
        if said is None:
            raise Corrupt("carries no statement", code="submission")
        if (said.jws, said.row, said.size) != (held.token, record.row, held.size):
            raise Corrupt("carries another submission than the one it cites", code="submission")
        leaf = statement_leaf(said.salt, said.statement)
        verify_inclusion(leaf, said.row, said.size, list(said.path), held.root)
        statement = parse(said.statement, size_max_bytes=1 << 16)
        if statement.get("type") != record.topic:
            raise Corrupt("records something else than what was said", code="submission")

    def finish(self) -> None:
        """Check that every submission kept is cited: it is inserted with the first record that cites it."""
        for (number,) in self._connection.execute(
            "SELECT number FROM submission WHERE number NOT IN"
            " (SELECT submission FROM record WHERE submission IS NOT NULL)"
        ):
            self._report.add("submission", f"submission {number}", "no record cites it")
