"""Who said it: every submission's signature, and every record's statement in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.audit.outline import Outline, apply_row
from ledger.audit.report import FAULTS_MAX, Report
from ledger.audit.rows import RecordRow, rows_at, text
from ledger.authority import keyring_of, purpose_of
from ledger.database import Connection
from ledger.domain.base import PUBLIC
from ledger.domain.founding import LedgerFounded
from ledger.domain.register import Register
from ledger.domain.registry import EVENTS
from ledger.errors import Corrupt
from ledger.keys.keyring import ANNULLED, SUSPECT, Keyring
from ledger.keys.signer import jws_read, jws_verify
from ledger.log.merkle import MemoryTree
from ledger.mapper import LedgerMapper, public_state
from ledger.rulings import check_carried, check_public_ruling, check_who_said, read_carried
from ledger.statements import SUBMISSION_TYP, read_claims
from ledger.store.readback import StoredRecord


@dataclass(frozen=True, slots=True)
class Held:
    """A submission whose parts belong together: its token, and what that says."""

    number: int
    token: str
    kid: str
    iss: UUID
    jti: bytes
    size: int
    root: bytes
    leaf_hashes: bytes


class SubmissionChecks:
    """Follows the register through the records, so that keys and rulings count by position."""

    def __init__(self, connection: Connection, outline: Outline) -> None:
        self._connection, self._outline = connection, outline
        self._mapper = LedgerMapper.for_reading()
        self.register = Register()
        self._keys: Keyring | None = None  # of the register; made anew where it changed what keys there are
        self._followed = 0  # how many authority records were taken in
        # The newest authority record; the submission that it rests on; and the newest of another one.
        self._newest, self._together, self._newest_apart = 0, "", 0
        self._sound: int | None = None  # the submission whose leaves were found to be those signed last
        self.begin(Report())

    def begin(self, report: Report) -> None:
        """Begin with other records, reporting to `report`: nothing that was found before counts for them."""
        self._report = report
        self._number: int | None = None  # the submission looked at last, and what was read of it
        self._held: Held | None = None
        self._verified: set[tuple[int, str]] = set()
        self.cited: set[int] = set()  # submissions that hold together
        self.broken: dict[int, int | None] = {}  # others, and which fault says so: each is reported once

    def catch_up(self, position: int) -> None:
        """Take in the records about the register before a position; others report what is wrong with them."""
        authority, end = self._outline.authority, self._followed
        while end < len(authority) and authority[end] < position:
            end += 1
        heard, self._report = self._report, Report()
        for row in rows_at(self._connection, authority[self._followed : end]):
            self.follow(row)
        self._report = heard

    # -------------------------------------------------------------- the register

    def follow(self, row: RecordRow) -> None:
        """Take a record in that was checked; those that are not about the register change nothing."""
        authority, position = self._outline.authority, row[0]
        if self._followed == len(authority) or authority[self._followed] != position:
            return
        self._followed += 1
        with self._report.at(f"record {position}"):
            self._note_together(row)
        with self._report.at(f"record {position}"):
            topic = text(row[3])
            apply_row(self.register, self._mapper, row)
            if topic.startswith("key.") or topic == LedgerFounded.TOPIC:
                self._keys = None

    def _note_together(self, row: RecordRow) -> None:
        """Note which submission the newest authority records rest on: its rows see each other's effects."""
        newest, together = self._newest, self._together
        self._newest, self._together = row[0], ""
        said = public_state(row[4] or b"")[1]
        self._together = "" if said is None else said.jws
        if self._together != together or not together:
            self._newest_apart = newest

    def decided_after(self, token: str = "") -> int:
        """Return the position that the next record must have been decided after, or at.

        Args:
            token: of the submission that the record rests on, where that is about the register.
        """
        return self._newest_apart if token and token == self._together else self._newest

    def _keyring(self) -> Keyring:
        if self._keys is None:
            self._keys = keyring_of(self.register)
        return self._keys

    # -------------------------------------------------------------- one record

    def check(self, record: StoredRecord) -> Held | None:
        """Check what a record rests on.

        Returns:
            The submission, when all of its statements that need the same purpose may rest on it
            until the register changes; None otherwise.

        Raises:
            LedgerError: there is no such statement, or its key did not count at this position.
        """
        if (record.submission is None) != (record.row is None):
            raise Corrupt(
                "names a submission without a row, or a row without a submission", code="submission"
            )
        event_class = EVENTS.get(record.topic)
        if event_class is None or record.state is None:
            return None
        if event_class.CONSEQUENCE:
            if record.submission is not None:
                raise Corrupt("the ledger itself records such, and it cites a submission", code="submission")
            return None
        public = event_class.PRIVACY is PUBLIC
        if record.submission is None and public and self._outline.accounted(record.position):
            self._check_carried_alone(record)
            return None
        if record.submission is None or record.row is None:
            raise Corrupt("rests on no statement", code="submission")
        held = self._submission(record.submission)
        if held is None:
            return None
        self._authorise(record, held)
        self.count_standing(held.kid, (record.position,))
        if public:
            _check_public(record, held)
            return None
        return held

    def _check_carried_alone(self, record: StoredRecord) -> None:
        """Check a record that was read back from what was published: it carries all that it rests on."""
        said = public_state(record.state or b"")[1]
        check_who_said(said, record.topic, record.position, self.register, self._keyring())
        assert said is not None, "who said nothing was refused"
        self.count_standing(jws_read(said.jws).header["kid"], (record.position,))

    def check_ruling(self, record: StoredRecord) -> None:
        """Decide a public record again, on the register before it; Corrupt where something else comes out."""
        event_class = EVENTS.get(record.topic)
        if event_class is None or event_class.PRIVACY is not PUBLIC or record.state is None:
            return
        event: Any = self._mapper.to_domain_event(record.event)
        said = event.said
        check_public_ruling(event, said, record.position, record.recorded_at_us, self.register)
        if said is not None and event.as_of < self.decided_after(said.jws):
            raise Corrupt("was decided on a register that had changed meanwhile", code="ruling")

    def count_standing(self, kid: str, positions: Sequence[int]) -> None:
        """Count records signed by a key that, as all that is recorded says, somebody else may have had."""
        key = self._outline.suspects.get(kid)
        if key is not None:
            standings = [key.standing(position) for position in positions]
            self._report.suspect += standings.count(SUSPECT)
            self._report.annulled += standings.count(ANNULLED)

    # -------------------------------------------------------------- submissions

    def _submission(self, number: int) -> Held | None:
        if number != self._number:
            self._number, self._held = number, None
            if number in self.broken:
                return None
            # What `_read` raises becomes the next fault, unless there are too many already.
            found = len(self._report.faults)
            self.broken[number] = found if found < FAULTS_MAX else None
            self._held = self._read(number)
            del self.broken[number]
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
        if number not in self.cited and number != self._sound:
            leaves = [leaf_hashes[at : at + 32] for at in range(0, len(leaf_hashes), 32)]
            if len(leaf_hashes) != 32 * claims.n or MemoryTree(leaves).root() != claims.root:
                raise Corrupt(f"submission {number} keeps other leaves than were signed", code="submission")
        self._sound = number
        self.cited.add(number)
        return Held(number, token, read.header["kid"], claims.iss, jti, claims.n, claims.root, leaf_hashes)

    def _authorise(self, record: StoredRecord, held: Held) -> None:
        """Check that the key counted at this position for this kind of statement, and signed it."""
        keys, purpose = self._keyring(), purpose_of(record.topic)
        if record.position == 1:
            # The founding contains the key that signed it.
            register = Register()
            register.apply(self._mapper.to_domain_event(record.event), 1)
            keys = keyring_of(register)
        key = keys.valid(held.kid, held.iss, purpose, record.position)
        if (held.number, held.kid) not in self._verified:
            jws_verify(held.token, key.jwk, SUBMISSION_TYP)
            self._verified.add((held.number, held.kid))


def check_all_cited(connection: Connection, report: Report) -> None:
    """Check that every submission kept is cited: it is inserted with the first record that cites it."""
    for (number,) in connection.execute(
        "SELECT number FROM submission WHERE number NOT IN"
        " (SELECT submission FROM record WHERE submission IS NOT NULL)"
    ):
        report.add("submission", f"submission {number}", "no record cites it")


def _check_public(record: StoredRecord, held: Held) -> None:
    """Check that a public record carries the statement that it rests on, provable by itself."""
    _, said = public_state(record.state or b"")
    if said is None:
        raise Corrupt("carries no statement", code="submission")
    if (said.jws, said.row, said.size) != (held.token, record.row, held.size):
        raise Corrupt("carries another submission than the one it cites", code="submission")
    read_carried(said, record.topic)
    check_carried(said, held.size, held.root)
