"""Forgettings that were recorded: whose keys may be gone, and whether two people asked for each.

A key that is not there accounts for nothing by itself: only a learner who is forgotten on record, by
a request that somebody else approved, has none. The public counts are held to those records.

Source: LEDGER.md 4, 7.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from ledger.audit.report import Report
from ledger.audit.rows import RecordRow, rows_at, rows_of, stored
from ledger.database import Connection
from ledger.domain.forgetting import APPROVED, LEVEL_SEALED, Forgetting, ForgettingCounted, LearnerForgotten
from ledger.mapper import LedgerMapper
from ledger.privacy.vault import Vault


class Forgotten(NamedTuple):
    """Who is forgotten.

    positions: by learner, of the record that says so.
    lost: how many more were forgotten, by records whose content a restore gave up: whose, nobody can tell.
    faults: (position of a record, what is wrong with it).
    """

    positions: Mapping[UUID, int] = MappingProxyType({})
    lost: int = 0
    faults: tuple[tuple[int, str], ...] = ()


def read_forgotten(
    connection: Connection,
    positions: Sequence[int],
    counted: Sequence[int],
    cleared: Callable[[int], bool],
    given_up: Callable[[int], bool],
) -> Forgotten:
    """Read who is forgotten, never failing for what is stored.

    Args:
        connection: the ledger's.
        positions: of all `learner.forgotten`, ascending.
        counted: of all `forgetting.counted`, ascending.
        cleared: whether a disposal accounts for what stood at a position.
        given_up: whether a restore accounts for the loss of what stood there.
    """
    found = _events(connection, positions)
    public, asked = _events(connection, counted), _requests(connection, found)
    where: dict[UUID, int] = {}
    faults = []
    for at, (row, event) in found.items():
        request = asked.get(event.forgetting)
        if request is not None and request.learner == event.originator_id:
            where[event.originator_id] = at
        else:
            faults.append((at, "says that a learner is forgotten, and no two people asked for it before"))
        if not _counts(public.get(at + 1), row):
            faults.append((at, "says that a learner is forgotten, and the record after it does not count it"))
    lost = 0
    for at, (_, event) in public.items():
        if event.level != LEVEL_SEALED or at - 1 in found or cleared(at - 1):
            continue
        if given_up(at - 1):
            lost += 1
        else:
            faults.append((at, "counts a forgetting that is not recorded right before it"))
    return Forgotten(where, lost, tuple(sorted(faults)))


def positions_after(connection: Connection, newest: int) -> list[int]:
    """Return where records beyond a position say that a learner is forgotten."""
    query = "SELECT position FROM record WHERE position > ? AND topic = ? ORDER BY position"
    return [position for (position,) in connection.execute(query, (newest, LearnerForgotten.TOPIC))]


def check_forgotten(forgotten: Forgotten, vault: Vault | None, skipped: int, report: Report) -> None:
    """Say what is wrong with forgettings, and whose keys are still there, or there again."""
    for position, what in forgotten.faults:
        if position > skipped:
            report.add("forgetting", f"record {position}", what)
    learners = sorted(forgotten.positions, key=lambda learner: forgotten.positions[learner])
    if vault is not None and learners:
        still = vault.keys(learners)
        if still:
            report.add(
                "forgetting",
                "vault.sqlite",
                f"holds the keys of {len(still)} learners who are forgotten: `roa forget redo` destroys them",
            )
    if vault is not None and (left := vault.count_leaving()):
        report.add(
            "forgetting",
            "vault.sqlite",
            f"holds the numbers of {left} learners whose keys are destroyed, {len(vault.leaving())} of which"
            " open: `roa forget redo` destroys those",
        )


def _events(connection: Connection, positions: Sequence[int]) -> dict[int, tuple[RecordRow, Any]]:
    """Return the records at these positions, and what they say; what cannot be read is left out."""
    mapper, unheard, found = LedgerMapper.for_reading(), Report(), {}
    for row in rows_at(connection, positions):
        with unheard.at(""):  # said with its record
            event: Any = mapper.to_domain_event(stored(row).event)
            assert isinstance(event, LearnerForgotten | ForgettingCounted), event.TOPIC
            found[row[0]] = row, event
    return found


def _requests(connection: Connection, found: Mapping[int, tuple[RecordRow, Any]]) -> dict[UUID, Forgetting]:
    """Return the requests behind these records that were approved before them."""
    mapper, unheard, made = LedgerMapper.for_reading(), Report(), {}
    ends = {event.forgetting.bytes: at for at, (_, event) in found.items()}
    rows = rows_of(connection, ends, max(ends.values(), default=0))
    for stream, mine in groupby(rows, key=itemgetter(1)):
        before = [row for row in mine if row[0] < ends[stream]]
        with unheard.at(""):
            aggregate: Any = None
            for row in before:
                aggregate = mapper.to_domain_event(stored(row).event).mutate(aggregate)
            if isinstance(aggregate, Forgetting) and _by_two(aggregate):
                made[aggregate.id] = aggregate
    return made


def _by_two(forgetting: Forgetting) -> bool:
    return forgetting.state == APPROVED and forgetting.approved_by not in (None, forgetting.requested_by)


def _counts(public: tuple[RecordRow, Any] | None, row: RecordRow) -> bool:
    """Whether the record after one that forgets somebody counts that one, in the same transaction."""
    if public is None:
        return False
    counted, event = public
    return (event.level, event.learners, counted[5]) == (LEVEL_SEALED, 1, row[5])
