"""The views of one ledger, in one file.

Opening builds what is missing, and rebuilds what another version of a view has left behind; a view
is never read in a shape that this version does not know. Past a disposal all of them are built anew:
what was folded of records that were cleared goes with the old ones, in one transaction.

Source: ARCHITECTURE.md 3 (steps 9, 10), DOMAIN.md 5.13 (INV-9), LEDGER.md 4 (level 2).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from ledger.application import Ledger
from ledger.database import Connection
from ledger.domain.disposal import StreamsDisposed
from ledger.errors import Absent, Unavailable
from ledger.files import locked
from ledger.log.merkle import EMPTY_ROOT
from ledger.publisher import latest
from projections.base import NotForward, Unsealer, ViewProjection, open_views, snapshot, standing
from projections.catalogue.comparing import Difference, compare
from projections.directory import DirectoryProjection, DirectoryView
from projections.public_register import PublicRegisterProjection, PublicRegisterView
from projections.record_of_achievement import (
    RecordOfAchievement,
    RecordOfAchievementProjection,
    RecordOfAchievementView,
    TreeState,
)
from projections.record_of_achievement.record import record_of
from projections.runner import BATCH, BatchRunner, Fold, build
from projections.statistics import StatisticsProjection, StatisticsView
from projections.status import StatusProjection, StatusView

PROJECTIONS: tuple[type[ViewProjection], ...] = (
    RecordOfAchievementProjection,
    PublicRegisterProjection,
    DirectoryProjection,
    StatusProjection,
    StatisticsProjection,
)
REBUILD_TRIES = 4  # each after another disposal was recorded meanwhile


class Views:
    """Every view of a ledger, and what keeps them up with it."""

    names = tuple(projection.VIEW.NAME for projection in PROJECTIONS)

    def __init__(self, ledger: Ledger, *, batch: int = BATCH) -> None:
        """Open the views, building those that are missing, of another version, or ahead of the ledger."""
        self._ledger, self._batch = ledger, batch
        self._database = open_views(ledger.files.views)
        self.record_of_achievement = RecordOfAchievementView(self._database)
        self.public_register = PublicRegisterView(self._database)
        self.directory = DirectoryView(self._database)
        self.status = StatusView(self._database)
        self.statistics = StatisticsView(self._database)
        self.unsealer = Unsealer(ledger.store, ledger.vault)
        served = Fold([projection(projection.VIEW(self._database)) for projection in PROJECTIONS])
        self.runner = BatchRunner(ledger.store, self._database, served, self._take_in_disposals, batch=batch)
        self._take_in_disposals()
        self._build_unfit()

    def catch_up(self) -> int:
        """Fold everything that is stored, and return the position reached."""
        return self.runner.run_once()

    def position(self) -> int:
        """Return the position at which every view is served."""
        return self.runner.position()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let this thread read every view as at one moment."""
        with snapshot(self._database):
            yield

    def record(self, learner_id: UUID) -> RecordOfAchievement:
        """Return a learner's record as it stands now; Absent when the learner is not known here.

        Name and NSN are unsealed for it.
        """
        published = latest(self._ledger.store.database.reader)
        with self.snapshot():
            held, founded = self.record_of_achievement.held(learner_id), self.directory.founded()
            if held is None or founded is None:
                raise Absent("no such learner is known here")
            size, root = (published.size, published.root) if published else (0, EMPTY_ROOT)
            tree = TreeState(size, root, founded.host)
            return record_of(held, self.public_register, self.unsealer, tree, self._ledger.clock.now_us())

    # -------------------------------------------------------------- rebuilding

    def rebuild(self, name: str | None = None) -> int:
        """Build one view again from position 1, or all of them, while the old one serves; then swap.

        Returns:
            The position at which it took over: that of the old one.

        Raises:
            Absent: there is no view of that name.
            Unavailable: another rebuild of the same view has begun meanwhile.
        """
        if name is not None and name not in self.names:
            raise Absent(f"there is no view {name}: the views are {', '.join(self.names)}")
        return self._rebuild([one for one in PROJECTIONS if name in (None, one.VIEW.NAME)])

    def differences(self) -> list[Difference]:
        """Return where the served views are not what a rebuild from the records makes; none if all is well.

        The rebuild is made beside the views' file and thrown away; nothing that is served is touched.
        """
        return compare(self._ledger.store, self._ledger.files.views, PROJECTIONS)

    def truncate_wal(self) -> bool:
        """Copy the write-ahead log back; see `Database.truncate_wal`."""
        return self._database.truncate_wal()

    def close(self) -> None:
        """Stop following the ledger and close the file."""
        self.runner.close()
        self._database.close()

    def _unfit(self) -> list[type[ViewProjection]]:
        """Return what cannot be read: not built, of another version, or of a ledger that was longer."""
        with snapshot(self._database) as connection:
            if (standing(connection) or 0) > self._ledger.store.head().size:
                return list(PROJECTIONS)
            return [one for one in PROJECTIONS if not one.VIEW.is_served(connection)]

    def _is_disposal_ahead(self) -> bool:
        """Whether records were cleared that what is served may have folded."""
        with snapshot(self._database) as connection:
            served = standing(connection)
        size = self._ledger.store.head().size
        return served is not None and self._ledger.store.has_topic(StreamsDisposed.TOPIC, served, size)

    def _take_in_disposals(self) -> None:
        """Build every view anew past the newest disposal, unless another process has done so meanwhile."""
        if self._is_disposal_ahead():
            with self._turn_to_build():
                if self._is_disposal_ahead():
                    self._build_anew(PROJECTIONS)
                    self._database.truncate_wal()

    def _build_unfit(self) -> None:
        """Build every view that cannot be read, unless another process has done so meanwhile."""
        if self._unfit():
            with self._turn_to_build():
                self._rebuild(self._unfit())

    def _rebuild(self, chosen: Sequence[type[ViewProjection]]) -> int:
        return self._build_anew(chosen) if chosen else self.position()

    def _turn_to_build(self) -> AbstractContextManager[None]:
        """Return the one turn to build what all processes need: each would undo what the others build."""
        return locked(self._ledger.files.folder)

    def _build_anew(self, chosen: Sequence[type[ViewProjection]]) -> int:
        for _ in range(REBUILD_TRIES):
            begun = self._ledger.store.head().size
            # All of them stand at one position, and none may stay behind a disposal.
            past = self._is_disposal_ahead()
            try:
                position = self._build(PROJECTIONS if past else chosen, begun, past=past)
            except NotForward as error:
                if not self._is_disposed_since(begun):
                    raise Unavailable(
                        "another rebuild of the same view has begun: let it finish", code="views"
                    ) from error
                position = None
            if position is not None:
                return position
        raise Unavailable("records are being cleared: build the views when that is done", code="views")

    def _is_disposed_since(self, size: int) -> bool:
        store = self._ledger.store
        return store.has_topic(StreamsDisposed.TOPIC, size, store.head().size)

    def _build(self, chosen: Sequence[type[ViewProjection]], begun: int, *, past: bool) -> int | None:
        """Build new generations and serve them; None where records were cleared while they were read."""
        with self._database.writing() as connection:
            for one in chosen:
                one.VIEW.drop_unserved(connection)
            numbers = [one.VIEW.create(connection) for one in chosen]
        built = [one(one.VIEW(self._database, number)) for one, number in zip(chosen, numbers, strict=True)]
        named = dict(zip(chosen, numbers, strict=True))
        position = self._build_and_swap(Fold(built), named, begun, past=past)
        with self._database.writing() as connection:
            for one in chosen:
                one.VIEW.drop_unserved(connection)
        return position

    def _build_and_swap(
        self, fold: Fold, numbers: Mapping[type[ViewProjection], int], begun: int, *, past: bool
    ) -> int | None:
        store = self._ledger.store
        while True:
            with snapshot(self._database) as connection:
                upto = self._upto(connection, past=past)
            build(store, self._database, fold, upto, batch=self._batch)
            with self._database.writing() as connection:
                # Nobody folds while this transaction is open: what came meanwhile is made up for here.
                position, upto = fold.position(connection), self._upto(connection, past=past)
                if upto - position > self._batch:
                    continue
                if position < upto:
                    records = store.select_notifications(position + 1, self._batch, stop=upto)
                    fold.write(connection, fold.read(records), upto)
                if self._is_disposed_since(begun):
                    return None  # some of what was read is cleared by now, some was read before
                for one, number in numbers.items():
                    one.VIEW.serve(connection, number)
                return upto

    def _upto(self, connection: Connection, *, past: bool) -> int:
        """Return where to swap: the position of what is served, so that all views stand at one.

        `past` a disposal that is the newest position, for all of them.
        """
        size = self._ledger.store.head().size
        served = standing(connection)
        return size if served is None or past else min(served, size)
