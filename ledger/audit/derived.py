"""What is derived: the schema itself, versions without gaps, the newest authority record."""

from ledger import database
from ledger.audit.outline import Outline
from ledger.audit.report import Report
from ledger.database import Connection
from ledger.store.sqlite import SCHEMA, read_head

_FORGOTTEN = b"learner.forgotten"
_COUNTS = "SELECT stream, MIN(version), MAX(version), COUNT(*) FROM record"
_LOOKED_AT = " WHERE stream IN (SELECT stream FROM record WHERE position > ?)"
_GAPS = (
    " GROUP BY stream HAVING stream <> x'' AND (MIN(version) <> 1 OR MAX(version) <> COUNT(*))"
    " ORDER BY stream"
)


def check_schema(connection: Connection, report: Report) -> None:
    """Compare tables, indexes and triggers with ours: an append-only trigger may have been dropped."""
    fresh = database.in_memory()
    fresh.text_factory = bytes
    fresh.executescript(SCHEMA)
    if _schema(fresh) != _schema(connection):
        report.add(
            "schema", "schema", "tables, indexes or triggers are not the ledger's: something was altered"
        )
    fresh.close()


def _schema(connection: Connection) -> list[tuple[bytes, bytes, bytes]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    # How a statement is broken into lines means nothing.
    return sorted((kind, name, b" ".join(sql.split())) for kind, name, sql in rows)


def check_versions(connection: Connection, outline: Outline, report: Report) -> None:
    """Check that every stream with a record to look at counts from 1 without gaps.

    A record that lost its content belongs to no stream; what is left of it is checked by itself. Of a
    learner's stream that was cleared only `learner.forgotten` stays: as many as disposals say.
    """
    skipped = outline.skipped
    some, given = (_LOOKED_AT, (skipped,)) if skipped else ("", ())
    begins_no_more = 0
    for stream, lowest, highest, count in connection.execute(_COUNTS + some + _GAPS, given):
        if highest - lowest + 1 == count and _is_forgotten(connection, stream, lowest):
            begins_no_more += 1
        else:
            what = f"versions {lowest} to {highest} in {count} records"
            report.add("versions", f"stream {stream.hex()}", what)
    if begins_no_more > (told := outline.disposals.learners) or (not skipped and begins_no_more < told):
        what = f"{begins_no_more} learners' streams lost their beginning, disposals account for {told}"
        report.add("disposal", "versions", what)


def _is_forgotten(connection: Connection, stream: bytes, version: int) -> bool:
    """Whether a stream goes on, where its beginning was, with the record that its learner is forgotten."""
    row = connection.execute(
        "SELECT topic FROM record WHERE stream = ? AND version = ?", (stream, version)
    ).fetchone()
    return row is not None and bytes(row[0]) == _FORGOTTEN


def check_authority(connection: Connection, outline: Outline, report: Report) -> None:
    """Check that the head names the newest record about the register."""
    with report.at("head"):
        if read_head(connection).authority != (outline.authority[-1] if outline.authority else 0):
            report.add("head", "head", "the newest authority record is another")
