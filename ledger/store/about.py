"""Which records are about somebody, and which requests to forget stand.

Read when somebody is forgotten, which is rare: no index pays for it.

Source: LEDGER.md 4.
"""

from collections.abc import Iterator
from uuid import UUID

from ledger.domain.base import PrivateEvent
from ledger.domain.claims import FORGETTING
from ledger.mapper import LedgerMapper, LedgerNotification
from ledger.store.sqlite import LedgerRecorder

# Looked for in the bytes first: few records of others hold these sixteen, and they are sorted out below.
_HOLDING = (
    "SELECT stream, version, topic, state, position, recorded_at_us FROM record"
    " WHERE position <= ? AND gone IS NULL AND substr(entry, 1, 1) = x'01' AND instr(state, ?) > 0"
    " ORDER BY position"
)
_STANDING = (
    "SELECT t.key, r.stream FROM taken t JOIN record r ON r.position = t.position"
    " WHERE t.kind = ? ORDER BY t.position"
)


def records_about(store: LedgerRecorder, learner: UUID, upto: int) -> Iterator[LedgerNotification]:
    """Yield what the learner's own key seals, in order of position; the whole file is read."""
    mapper = LedgerMapper.for_reading()
    for stream, *rest in store.database.reader.execute(_HOLDING, (upto, learner.bytes)):
        record = LedgerNotification(UUID(bytes=stream), *rest)
        event = mapper.to_domain_event(record)
        if isinstance(event, PrivateEvent) and event.subject == learner:
            yield record


def standing_requests(store: LedgerRecorder) -> list[tuple[UUID, UUID]]:
    """Return (learner, request) for every learner whom somebody asked to forget, oldest first."""
    rows = store.database.reader.execute(_STANDING, (FORGETTING,)).fetchall()
    return [(UUID(bytes=learner), UUID(bytes=stream)) for learner, stream in rows]
