"""Who said it: every submission's signature, and every record's statement in it."""

from dataclasses import dataclass
from uuid import UUID

from ledger.audit.report import Report
from ledger.audit.rows import text
from ledger.authority import keyring_of, purpose_of
from ledger.database import Connection
from ledger.domain.base import PUBLIC
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.errors import Corrupt
from ledger.keys.keyring import Keyring
from ledger.keys.signer import jws_read, jws_verify
from ledger.log.merkle import MemoryTree
from ledger.mapper import LedgerMapper, public_state
from ledger.rulings import check_carried, read_carried
from ledger.statements import SUBMISSION_TYP, read_claims
from ledger.store.readback import StoredRecord


@dataclass(frozen=True, slots=True)
class Held:
    """A submission whose parts belong together: its token, and what that says."""

    token: str
    kid: str
    iss: UUID
    jti: bytes
    size: int
    root: bytes
    leaf_hashes: bytes


class SubmissionChecks:
    """Follows the register through the records, so that keys count by position."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection, self._report = connection, report
        self._register = Register()
        self._keys = Keyring(())
        self._mapper = LedgerMapper.for_reading()
        self._number: int | None = None  # the submission looked at last, and what was read of it
        self._held: Held | None = None
        self._broken: set[int] = set()  # reported once
        self._verified: set[tuple[int, str]] = set()
        self._cited: set[int] = set()

    def check(self, record: StoredRecord) -> Held | None:
        """Check what a record rests on, and take the record in.

        Returns:
            The submission, when all of its statements that need the same purpose may rest on it
            until the register changes; None otherwise.

        Raises:
            LedgerError: there is no such statement, or its key did not count at this position.
        """
        try:
            return self._check(record)
        finally:
            self._follow(record)

    def _follow(self, record: StoredRecord) -> None:
        event_class = EVENTS.get(record.topic)
        if event_class is None or not event_class.AUTHORITY or record.state is None:
            return
        with self._report.at(f"record {record.position}"):
            self._register.apply(self._mapper.to_domain_event(record.event), record.position)
            self._keys = keyring_of(self._register)

    def _check(self, record: StoredRecord) -> Held | None:
        if (record.submission is None) != (record.row is None):
            raise Corrupt(
                "names a submission without a row, or a row without a submission", code="submission"
            )
        event_class = EVENTS.get(record.topic)
        if event_class is None or record.state is None:
            return None
        if record.submission is None and event_class.CONSEQUENCE:
            return None
        if record.submission is None or record.row is None:
            raise Corrupt("rests on no statement", code="submission")
        held = self._submission(record.submission)
        if held is None:
            return None
        self._authorise(record, record.submission, held)
        if event_class.PRIVACY is PUBLIC:
            _check_public(record, held)
            return None
        return held

    def _submission(self, number: int) -> Held | None:
        if number != self._number:
            self._number, self._held = number, None
            if number in self._broken:
                return None
            self._broken.add(number)
            self._held = self._read(number)
            self._broken.discard(number)
        return self._held

    def _read(self, number: int) -> Held:
        row = self._connection.execute(
            "SELECT iss, jti, jws, leaf_hashes FROM submission WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            raise Corrupt(f"cites submission {number}, which is not there", code="submission")
        iss, jti, jws, leaf_hashes = row
        token = text(jws)
        read = jws_read(token)
        claims = read_claims(read.payload)
        if (claims.iss.bytes, claims.jti.bytes) != (iss, jti):
            raise Corrupt(f"submission {number} is kept under another id", code="submission")
        if number not in self._cited:
            self._cited.add(number)
            self._report.submissions += 1
            leaves = [leaf_hashes[at : at + 32] for at in range(0, len(leaf_hashes), 32)]
            if len(leaf_hashes) != 32 * claims.n or MemoryTree(leaves).root() != claims.root:
                raise Corrupt(f"submission {number} keeps other leaves than were signed", code="submission")
        return Held(token, read.header["kid"], claims.iss, jti, claims.n, claims.root, leaf_hashes)

    def _authorise(self, record: StoredRecord, number: int, held: Held) -> None:
        """Check that the key counted at this position for this kind of statement, and signed it."""
        keys, purpose = self._keys, purpose_of(record.topic)
        if record.position == 1:
            # The founding contains the key that signed it.
            register = Register()
            register.apply(self._mapper.to_domain_event(record.event), 1)
            keys = keyring_of(register)
        key = keys.valid(held.kid, held.iss, purpose, record.position)
        if (number, held.kid) not in self._verified:
            jws_verify(held.token, key.jwk, SUBMISSION_TYP)
            self._verified.add((number, held.kid))

    def finish(self) -> None:
        """Check that every submission kept is cited: it is inserted with the first record that cites it."""
        for (number,) in self._connection.execute(
            "SELECT number FROM submission WHERE number NOT IN"
            " (SELECT submission FROM record WHERE submission IS NOT NULL)"
        ):
            self._report.add("submission", f"submission {number}", "no record cites it")


def _check_public(record: StoredRecord, held: Held) -> None:
    """Check that a public record carries the statement that it rests on, provable by itself."""
    _, said = public_state(record.state or b"")
    if said is None:
        raise Corrupt("carries no statement", code="submission")
    if (said.jws, said.row, said.size) != (held.token, record.row, held.size):
        raise Corrupt("carries another submission than the one it cites", code="submission")
    read_carried(said, record.topic)
    check_carried(said, held.size, held.root)
