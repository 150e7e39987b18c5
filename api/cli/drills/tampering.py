"""What an operator could do to the past, in every way there is, and who finds it.

Five kinds of tampering, each done twice: to the database alone, and with everything made anew around
it (tiles, anchor, checkpoint) and signed with the log's real keys. The table in docs/for-auditors.md
is what this prints; nothing in it is written by hand.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from api.cli.drills.stage import OUTCOMES, Stage, a_stage
from ledger.audit import audit_files
from ledger.cosigning import COSIGNED
from ledger.database import Connection, connect
from ledger.errors import LedgerError
from ledger.files import LedgerFiles
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import parse_note
from ledger.log.proof import TlogProof, parse_proof
from ledger.log.tiles import TILE_WIDTH, Tile, parse_entry_bundle, parse_tile_path
from ledger.monitor.fsck import fsck
from ledger.monitor.source import LogSource
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch
from ledger.receipts import prove
from ledger.store.readback import records
from ledger.store.sqlite import APPEND_ONLY, SCHEMA

KINDS = ("edit", "delete", "reorder", "back-date", "split view")
FINDERS = ("start-up", "audit", "fsck", "monitor", "witness", "holder of a receipt")
NOTHING = "–"
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One tampering in one way: the code by which each finder found it, `–` where it did not."""

    kind: str
    way: str
    found: Mapping[str, str]

    @property
    def is_found(self) -> bool:
        """Whether anybody found it."""
        return any(code != NOTHING for code in self.found.values())


def run(place: Path) -> list[Row]:
    """Play every tampering in folders below `place`; return the table's rows."""
    rows = []
    for kind in KINDS:
        if kind in _IN_DATABASE:
            rows.append(_in_database(place / f"{kind}-database", kind))
        rows.append(_signed_anew(place / f"{kind}-signed", kind))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| tampering | how | " + " | ".join(FINDERS) + " |",
        "| --- | --- |" + " --- |" * len(FINDERS),
    ]
    words = {"database": "in the database alone", "signed anew": "everything made anew and signed"}
    for row in rows:
        cells = (
            row.found[finder] if row.found[finder] == NOTHING else f"`{row.found[finder]}`"
            for finder in FINDERS
        )
        lines.append(f"| {row.kind} | {words[row.way]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------ in the database alone


def _edit(database: Connection, at: int) -> None:
    (state,) = database.execute("SELECT state FROM record WHERE position = ?", (at,)).fetchone()
    changed = bytes([*state[:-1], state[-1] ^ 1])
    database.execute("UPDATE record SET state = ? WHERE position = ?", (changed, at))


def _delete(database: Connection, at: int) -> None:
    database.execute("DELETE FROM record WHERE position = ?", (at,))


def _reorder(database: Connection, at: int) -> None:
    for old, new in ((at, -1), (at - 1, at), (-1, at - 1)):
        database.execute("UPDATE record SET position = ? WHERE position = ?", (new, old))


def _back_date(database: Connection, at: int) -> None:
    database.execute(
        "UPDATE record SET recorded_at_us = recorded_at_us - ? WHERE position = ?", (_DAY_US, at)
    )


_IN_DATABASE: Mapping[str, Callable[[Connection, int], None]] = {
    "edit": _edit,
    "delete": _delete,
    "reorder": _reorder,
    "back-date": _back_date,
}


def _in_database(place: Path, kind: str) -> Row:
    with a_stage(place / "one") as stage:
        state = place / "monitor.json"
        stage.enrolled(0)
        stage.result(0, "LO1")
        stage.publish()
        stage.monitor(state)
        held = _receipt_of_newest(stage)
        trusted, at = stage.trusted, stage.house.ledger.store.head().size
        stage.close()
        _with_triggers_off(stage.files, lambda database: _IN_DATABASE[kind](database, at))
        return Row(kind, "database", _looked(stage, trusted, state, held))


def _with_triggers_off(files: LedgerFiles, change: Callable[[Connection], None]) -> None:
    """Change what must never be changed, and leave the schema as if nothing had happened."""
    database = connect(files.ledger)
    for name in APPEND_ONLY:
        for verb in ("update", "delete"):
            database.execute(f"DROP TRIGGER {name}_is_never_{verb}d")
    change(database)
    database.executescript(SCHEMA)
    database.close()


# ------------------------------------------------------------------ signed anew


def _signed_anew(place: Path, kind: str) -> Row:
    """Let a forger go on from an older copy in another way, with the real keys, and show that to everybody.

    In a split view the honest log stays, and with it the one anchor; otherwise the forged one takes its
    place, anchor and all.
    """
    with a_stage(place / "honest") as honest:
        state = place / "monitor.json"
        honest.enrolled(0)
        # Some time passes before anybody outside has seen it: room to claim a moment in between.
        honest.clock.advance(timedelta(hours=1))
        honest.publish()
        forged = honest.copied(place / "forged")
        for outcome in OUTCOMES:
            honest.result(0, outcome)
        honest.publish()
        honest.monitor(state)
        held, trusted = _receipt_of_newest(honest), honest.trusted
        _FORGED[kind](forged)
        forged.publish()
        refused = forged.witness_state()
        forged.close()
        if kind == "split view":
            forged.files = LedgerFiles(forged.files.folder, honest.files.anchor)
        found = _looked(forged, trusted, state, held)
        return Row(kind, "signed anew", {**found, "witness": NOTHING if refused == COSIGNED else refused})


def _other_grade(forged: Stage) -> None:
    forged.clock.advance(timedelta(hours=1))
    for outcome in OUTCOMES:
        forged.result(0, outcome, "E")


def _one_left_out(forged: Stage) -> None:
    forged.clock.advance(timedelta(hours=1))
    forged.result(0, OUTCOMES[-1])


def _other_order(forged: Stage) -> None:
    forged.clock.advance(timedelta(hours=1))
    for outcome in reversed(OUTCOMES):
        forged.result(0, outcome)


def _long_ago(forged: Stage) -> None:
    """Record it as of the moment before the newest record, long before the witness saw that one."""
    last_us = forged.house.ledger.store.head().recorded_at_us
    forged.clock.advance(timedelta(microseconds=last_us - forged.clock.now_us()))
    for outcome in OUTCOMES:
        forged.result(0, outcome)
    forged.clock.advance(timedelta(days=2))


_FORGED: Mapping[str, Callable[[Stage], None]] = {
    "edit": _other_grade,
    "delete": _one_left_out,
    "reorder": _other_order,
    "back-date": _long_ago,
    "split view": _other_grade,
}


# ------------------------------------------------------------------ who looks


def _looked(stage: Stage, trusted: Trusted, state: Path, held: TlogProof) -> dict[str, str]:
    """Let everybody look at a ledger that is closed: how it starts, what it holds, what it serves."""
    audited = [fault.code for fault in audit_files(stage.files).faults]
    found = {"audit": audited[0] if audited else NOTHING, "witness": NOTHING}
    try:
        fault = stage.open().fault
    except LedgerError as error:
        return {**dict.fromkeys(FINDERS, error.code), **found}
    found["start-up"] = NOTHING if fault is None else fault.code
    source = _served(stage)
    checked = fsck(source, trusted)
    found["fsck"] = _worst(one.code for one in checked.findings.found)
    watch = Watch(state, trusted, ())
    watch.advance(source)
    found["monitor"] = _worst(one.code for one in watch.result.findings.found)
    found["holder of a receipt"] = _held_to(held, source)
    return found


def _served(stage: Stage) -> LogSource:
    """Return the log as the ledger's server serves it: out of its database."""
    publisher = stage.house.publisher

    def fetch(path: str, _size_max: int) -> bytes:
        if path == "checkpoint":
            served = publisher.served()
            assert served is not None, "something was published"
            return served.note.encode()
        tile = parse_tile_path(path)
        if tile.level is None:
            return publisher.tree.entries(tile.number, tile.width)
        return publisher.tree.tile(tile.level, tile.number, tile.width)

    return LogSource(fetch, "the server")


def _worst(codes: Iterable[str]) -> str:
    """Return the code that says most: that history was changed, before that too few have seen it."""
    ordered = sorted(codes, key=lambda code: (code not in ("split", "rollback"), code == "quorum"))
    return ordered[0] if ordered else NOTHING


def _receipt_of_newest(stage: Stage) -> TlogProof:
    """Return what a provider keeps: the proof that its newest record is in the log."""
    ledger, publisher = stage.house.ledger, stage.house.publisher
    position = max(
        one.id for one in ledger.store.select_notifications(None, 1000, topics=("assessment.passed",))
    )
    proven = prove(ledger.store, publisher.tree, position, publisher.policy)
    return parse_proof(proven.proof(_entry(stage, position)))


def _entry(stage: Stage, position: int) -> bytes:
    (record,) = records(stage.house.ledger.store.database.reader, position, position)
    return record.entry


def _held_to(held: TlogProof, source: LogSource) -> str:
    """Compare a receipt that somebody kept with what the log shows now at that place."""
    number, place = divmod(held.index, TILE_WIDTH)
    try:
        note = parse_note(source.checkpoint())
        size = parse_checkpoint(note.text.encode()).size
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        shown = parse_entry_bundle(source.get(Tile(None, number, width)))[place]
    except (LedgerError, IndexError):
        return "missing"
    return NOTHING if shown == held.extra else "other-entry"
