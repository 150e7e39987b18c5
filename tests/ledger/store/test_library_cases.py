"""The library's own recorder test cases, run against our recorder.

They begin streams at version 0 (what `INITIAL_VERSION` says, and the concurrent cases in any event)
and use topics and states that are nobody's events, so the recorder is given `first_version` and
`entry_of`; registry and submission duty are the mapper's and `Ledger.submit`'s (LEDGER.md 6, trap 3).

Not run, because the ledger has no such part:
* `TrackingRecorderTestCase`, `ProcessRecorderTestCase`: tracking lies with the views, in their own
  file and with their own tests (the factory refuses it, tested here).
* `InfrastructureFactoryTestCase`: asks for a compressor, a cipher and a mapper chosen by the
  environment; our mapper is fixed and seals per subject.
* `TranscoderTestCase`: nothing of ours is transcoded to JSON.
* Text ids of streams (`new_originator_id` of the DCB cases): every stream id of ours is a UUID.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import eventsourcing.cryptography
import pytest
from eventsourcing.persistence import AggregateRecorder, DatabaseError, StoredEvent
from eventsourcing.utils import Environment

from ledger.store.sqlite import LedgerFactory, LedgerRecorder

# The module of cases imports a cipher made with a package that we do not use. The library brings
# the same class over the one that we do, and no case that runs here enciphers anything.
with mock.patch.dict(sys.modules, {"eventsourcing.cipher": eventsourcing.cryptography}):
    from eventsourcing.tests import persistence as library


def _recorder(case: library.RecorderTestCase) -> LedgerRecorder:
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    recorder = LedgerRecorder(
        Path(folder.name, "ledger.sqlite"), entry_of=lambda stored, _at_us: stored.state, first_version=0
    )
    case.addCleanup(recorder.close)
    return recorder


class _AsAggregateRecorder(AggregateRecorder):
    """What the aggregate case wants to see of it: no positions, and plain stored events.

    An application's recorder answers with positions, and ours with records that know more than the
    library's; its case compares by class.
    """

    def __init__(self, recorder: LedgerRecorder) -> None:
        self._recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        self._recorder.insert_events(stored_events, **kwargs)

    def select_events(self, originator_id: UUID | str, **options: Any) -> list[StoredEvent]:
        return [
            StoredEvent(one.originator_id, one.originator_version, one.topic, one.state)
            for one in self._recorder.select_events(originator_id, **options)
        ]


class TestAggregateRecorder(library.AggregateRecorderTestCase):
    """Streams: insert, select, conflicts, atomic batches."""

    INITIAL_VERSION = 0

    def create_recorder(self) -> AggregateRecorder:
        """Return an empty recorder."""
        return _AsAggregateRecorder(_recorder(self))


class TestApplicationRecorder(library.ApplicationRecorderTestCase[LedgerRecorder]):
    """The log: positions, filters, limits, writers and readers at once, subscriptions."""

    INITIAL_VERSION = 0

    def create_recorder(self) -> LedgerRecorder:
        """Return an empty recorder."""
        return _recorder(self)

    def test_insert_subscribe(self) -> None:
        """The library leaves this case to recorders that have subscriptions; ours has."""
        self.optional_test_insert_subscribe()


class TestPositionsDoNotInterleave(library.NonInterleavingNotificationIDsBaseCase):
    """Two writers at once: the positions of one write stay together."""

    INITIAL_VERSION = 0

    def create_recorder(self) -> LedgerRecorder:
        """Return an empty recorder."""
        return _recorder(self)


def test_factory_keeps_no_tracking_in_the_ledgers_file(tmp_path: Path) -> None:
    """Views track in their own file: a request for it here is refused, not silently served."""
    environment = Environment("ledger", {LedgerFactory.DATABASE: str(tmp_path / "ledger.sqlite")})
    factory = LedgerFactory(environment)

    with pytest.raises(DatabaseError, match="tracking"):
        factory.tracking_recorder()
    with pytest.raises(DatabaseError, match="tracking"):
        factory.process_recorder()


def test_factory_says_which_variable_names_the_file() -> None:
    """Without a file named, the sentence names the environment variable."""
    with pytest.raises(OSError, match="LEDGER_DATABASE"):
        LedgerFactory(Environment("ledger", {})).application_recorder()
