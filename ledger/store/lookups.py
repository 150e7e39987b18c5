"""What is asked of the records beside streams and the log's order: rows, holders, submissions, instants.

Source: LEDGER.md 6.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from ledger.database import Database
from ledger.mapper import LedgerNotification
from ledger.store.recorder import Submission

ROW_MAX = 2**31  # beyond every row of a submission


class Lookups:
    """Questions to one ledger database, for the recorder to inherit."""

    database: Database

    def recorded_rows(self, iss: UUID, jti: UUID, first: int = 0, last: int = ROW_MAX) -> dict[int, int]:
        """Return row to position, for the rows first … last of a submission that are recorded already."""
        rows = self.database.reader.execute(
            "SELECT r.row, r.position FROM submission s JOIN record r ON r.submission = s.number"
            " WHERE s.iss = ? AND s.jti = ? AND r.row >= ? AND r.row <= ?",
            (iss.bytes, jti.bytes, first, last),
        )
        return dict(rows.fetchall())

    def submission(self, iss: UUID, jti: UUID) -> Submission | None:
        """Return what is kept of a submission, None when no record cites it."""
        row = self.database.reader.execute(
            "SELECT jws, leaf_hashes FROM submission WHERE iss = ? AND jti = ?", (iss.bytes, jti.bytes)
        ).fetchone()
        return None if row is None else Submission(iss, jti, *row)

    def taken(self, kind: str, keys: Sequence[bytes]) -> dict[bytes, LedgerNotification]:
        """Return which record holds each of these values; free ones are absent."""
        rows = self.database.select_in(
            "SELECT t.key, r.position, r.stream, r.version, r.topic, r.state, r.recorded_at_us"
            " FROM taken t JOIN record r ON r.position = t.position"
            " WHERE t.kind = ? AND t.key IN ({marks})",
            list(keys),
            kind,
        )
        return {
            key: LedgerNotification(UUID(bytes=stream), version, topic, state, position, recorded_at_us)
            for key, position, stream, version, topic, state, recorded_at_us in rows
        }

    def taken_count(self, kind: str, prefix: bytes) -> int:
        """Return how many values of a kind begin with `prefix`."""
        row = self.database.reader.execute(
            "SELECT COUNT(*) FROM taken WHERE kind = ? AND key >= ? AND key < ?",
            (kind, prefix, prefix + b"\xff" * 16),
        ).fetchone()
        return int(row[0])

    def leaves_at(self, positions: Sequence[int]) -> dict[int, tuple[bytes, int]]:
        """Return position to (leaf hash, recorded_at_us); positions without a record are absent."""
        rows = self.database.select_in(
            "SELECT position, leaf, recorded_at_us FROM record WHERE position IN ({marks})", list(positions)
        )
        return {position: (leaf, recorded_at_us) for position, leaf, recorded_at_us in rows}

    def streams_at(self, positions: Sequence[int], topic: str) -> dict[int, UUID]:
        """Return position to stream, of those records among these that have a topic and are still there."""
        rows = self.database.select_in(
            "SELECT position, stream FROM record WHERE topic = ? AND gone IS NULL AND position IN ({marks})",
            list(positions),
            topic,
        )
        return {position: UUID(bytes=stream) for position, stream in rows}

    def submissions_at(self, positions: Sequence[int]) -> dict[int, int]:
        """Return position to number of the submission it rests on; records that rest on none are absent."""
        rows = self.database.select_in(
            "SELECT position, submission FROM record WHERE position IN ({marks}) AND submission IS NOT NULL",
            list(positions),
        )
        return dict(rows)

    def states_apart(self, positions: Sequence[int], topics: Sequence[str]) -> Iterable[tuple[int, bytes]]:
        """Return (position, state) of records of these topics that rest on no submission."""
        rows = self.database.select_in(
            "SELECT position, topic, state FROM record WHERE position IN ({marks})"
            " AND submission IS NULL AND gone IS NULL",
            list(positions),
        )
        return [(position, state) for position, topic, state in rows if topic in topics]

    def submission_tokens(self, numbers: Sequence[int]) -> Iterable[tuple[int, str]]:
        """Return (number, JWS) of submissions."""
        rows = self.database.select_in(
            "SELECT number, jws FROM submission WHERE number IN ({marks})", list(numbers)
        )
        return [(number, jws) for number, jws in rows]

    def newest_of(self, stream: UUID, upto: int) -> LedgerNotification | None:
        """Return the newest record of a stream at or before a position, None where there is none."""
        row = self.database.reader.execute(
            "SELECT version, topic, state, position, recorded_at_us FROM record"
            " WHERE stream = ? AND position <= ? AND gone IS NULL ORDER BY version DESC LIMIT 1",
            (stream.bytes, upto),
        ).fetchone()
        return None if row is None else LedgerNotification(stream, *row)

    def has_topic(self, topic: str, after: int, upto: int) -> bool:
        """Return whether a record of a topic stands beyond one position, and not beyond another."""
        row = self.database.reader.execute(
            "SELECT 1 FROM record WHERE position > ? AND position <= ? AND topic = ? LIMIT 1",
            (after, upto, topic),
        ).fetchone()
        return row is not None

    def records_at(self, positions: Iterable[int]) -> Iterator[LedgerNotification]:
        """Yield the records at these positions, in no order; those that are not there are left out."""
        rows = self.database.select_in(
            "SELECT position, stream, version, topic, state, recorded_at_us FROM record"
            " WHERE position IN ({marks}) AND gone IS NULL",
            list(positions),
        )
        for position, stream, version, topic, state, recorded_at_us in rows:
            yield LedgerNotification(UUID(bytes=stream), version, topic, state, position, recorded_at_us)

    def newest_of_each(self, streams: Sequence[UUID]) -> dict[UUID, LedgerNotification]:
        """Return the newest record of each of these streams; those that have none are absent."""
        rows = self.database.select_in(
            "SELECT r.stream, r.version, r.topic, r.state, r.position, r.recorded_at_us FROM record r JOIN"
            " (SELECT stream, MAX(version) AS version FROM record WHERE stream IN ({marks}) AND gone IS NULL"
            " GROUP BY stream) newest ON r.stream = newest.stream AND r.version = newest.version",
            [stream.bytes for stream in streams],
        )
        return {UUID(bytes=stream): LedgerNotification(UUID(bytes=stream), *rest) for stream, *rest in rows}

    def position_recorded_by(self, instant_us: int) -> int:
        """Return the newest position recorded at or before an instant, 0 when there is none."""
        # Instants ascend with positions, so the border is found by halving, without an index.
        (newest,) = self.database.reader.execute("SELECT MAX(position) FROM record").fetchone()
        return bisect_right(range(1, (newest or 0) + 1), instant_us, key=self._recorded_at_us)

    def _recorded_at_us(self, position: int) -> int:
        row = self.database.reader.execute(
            "SELECT recorded_at_us FROM record WHERE position = ?", (position,)
        ).fetchone()
        return int(row[0])

    def organisation_of(self, submission: int | None) -> UUID | None:
        """Return the organisation of a submission's number, None where there is none."""
        row = self.database.reader.execute(
            "SELECT iss FROM submission WHERE number = ?", (submission,)
        ).fetchone()
        return None if row is None else UUID(bytes=row[0])
