"""Cosignatures of witnesses, kept beside the checkpoints they are under, whose rows never change.

Every line was checked when it was kept; whoever receives a note checks it again.

Source: LEDGER.md 5 (publisher step 6); C2SP tlog-cosignature, tlog-policy.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from ledger.database import Connection
from ledger.log.policy import Policy

DURABLE, PUBLISHED, WITNESSED = "durable", "published", "witnessed"  # how far a record has come
_LOOK_BACK = 10_000  # checkpoints, the newest: a policy that none of them meets is not met


class Cosignature(NamedTuple):
    """One cosignature that was checked; `line` is the signature line with its newline."""

    vkey: str
    timestamp_s: int
    line: str


class ServedCheckpoint(NamedTuple):
    """A checkpoint as it is handed out: `note` carries the log's signatures and then the witnesses'."""

    number: int
    size: int
    note: str
    witnessed: bool

    @property
    def state(self) -> str:
        """PUBLISHED, or WITNESSED where the policy asks for witnesses and enough have seen it."""
        return WITNESSED if self.witnessed else PUBLISHED


def keep_cosignatures(connection: Connection, checkpoint: int, found: Iterable[Cosignature]) -> None:
    """Keep cosignatures under the checkpoint of a number; a witness's first one stands."""
    for one in found:
        connection.execute("INSERT OR IGNORE INTO cosigner (vkey) VALUES (?)", (one.vkey,))
        connection.execute(
            "INSERT OR IGNORE INTO cosignature SELECT ?, number, ?, ? FROM cosigner WHERE vkey = ?",
            (checkpoint, one.timestamp_s, one.line, one.vkey),
        )


def cosignatures_of(connection: Connection, checkpoint: int) -> list[Cosignature]:
    """Return the cosignatures under the checkpoint of a number, those of older witnesses first."""
    rows = connection.execute(
        "SELECT k.vkey, c.timestamp_s, c.line FROM cosignature c JOIN cosigner k ON k.number = c.cosigner"
        " WHERE c.checkpoint = ? ORDER BY c.cosigner",
        (checkpoint,),
    )
    return [Cosignature(*row) for row in rows]


def cosigners(connection: Connection) -> list[str]:
    """Return the vkeys of all witnesses that ever cosigned."""
    return [vkey for (vkey,) in connection.execute("SELECT vkey FROM cosigner ORDER BY number")]


def cosigned_size(connection: Connection, vkeys: Collection[str]) -> int:
    """Return the size of the newest checkpoint under which one of these keys stands, 0 for none."""
    marks = ",".join("?" * len(vkeys))
    row = connection.execute(
        "SELECT MAX(p.size) FROM checkpoint p JOIN cosignature c ON c.checkpoint = p.number"
        f" JOIN cosigner k ON k.number = c.cosigner WHERE k.vkey IN ({marks})",
        tuple(vkeys),
    ).fetchone()
    return int(row[0] or 0)


def size_witnessed_by(connection: Connection, instant_s: int) -> int | None:
    """Return the largest size that some witness had cosigned by an instant; None when there were none yet."""
    row = connection.execute(
        "SELECT MAX(p.size) FROM checkpoint p JOIN cosignature c ON c.checkpoint = p.number"
        " WHERE c.timestamp_s <= ?",
        (instant_s,),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def last_seen(connection: Connection, vkeys: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return which checkpoint each of these keys cosigned last: (size, seconds since 1970).

    Keys without one among the newest checkpoints are absent.
    """
    marks = ",".join("?" * len(vkeys))
    rows = connection.execute(
        # Beside a MAX, SQLite takes the other columns from the row that has it.
        "SELECT k.vkey, MAX(c.checkpoint), p.size, c.timestamp_s FROM cosignature c"
        " JOIN cosigner k ON k.number = c.cosigner JOIN checkpoint p ON p.number = c.checkpoint"
        f" WHERE c.checkpoint > (SELECT MAX(number) FROM checkpoint) - ? AND k.vkey IN ({marks})"
        " GROUP BY k.vkey",
        (_LOOK_BACK, *vkeys),
    )
    return {vkey: (size, timestamp_s) for vkey, _, size, timestamp_s in rows}


def newest(
    connection: Connection, policy: Policy | None, *, size_at_least: int = 0
) -> ServedCheckpoint | None:
    """Return the newest checkpoint that covers `size_at_least` records; None when there is none yet."""
    row = connection.execute(
        "SELECT number, size, note FROM checkpoint ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if row is None or row[1] < size_at_least:
        return None
    number, size, note = row
    found = cosignatures_of(connection, number)
    return ServedCheckpoint(number, size, _joined(note, found), _is_met(policy, found))


def newest_witnessed(
    connection: Connection, policy: Policy | None, *, size_at_least: int = 0
) -> ServedCheckpoint | None:
    """Return the newest checkpoint that the witnesses of a policy have seen and that covers that much.

    None when there is none, and where the policy asks for no witnesses.
    """
    if policy is None or not policy.needs_witnesses:
        return None
    rows = connection.execute(
        "SELECT p.number, p.size, p.note, k.vkey, c.timestamp_s, c.line FROM checkpoint p"
        " JOIN cosignature c ON c.checkpoint = p.number JOIN cosigner k ON k.number = c.cosigner"
        " WHERE p.size >= ? AND p.number > (SELECT MAX(number) FROM checkpoint) - ?"
        " ORDER BY p.number DESC, c.cosigner",
        (size_at_least, _LOOK_BACK),
    )
    for (number, size, note), group in groupby(rows, key=lambda row: row[:3]):
        found = [Cosignature(*row[3:]) for row in group]
        if _is_met(policy, found):
            return ServedCheckpoint(number, size, _joined(note, found), witnessed=True)
    return None


def best_covering(
    connection: Connection, policy: Policy | None, size_at_least: int
) -> ServedCheckpoint | None:
    """Return the checkpoint to prove a record under: the newest witnessed one, else the newest."""
    witnessed = newest_witnessed(connection, policy, size_at_least=size_at_least)
    return witnessed or newest(connection, policy, size_at_least=size_at_least)


def witnesses_of(policy: Policy, found: Iterable[Cosignature]) -> set[str]:
    """Return the names that the cosigners have in a policy; others are ignored."""
    names = {str(one.key): one.name for one in policy.witnesses}
    return {names[one.vkey] for one in found if one.vkey in names}


def _is_met(policy: Policy | None, found: Sequence[Cosignature]) -> bool:
    return policy is not None and policy.needs_witnesses and policy.is_met(witnesses_of(policy, found))


def _joined(note: str, found: Iterable[Cosignature]) -> str:
    return note + "".join(one.line for one in found)
