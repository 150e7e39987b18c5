"""How the ledger stands, as figures, read at the moment somebody asks: sizes, lags, queues, disks.

Each costs a look at one row or one file, whatever the size of the ledger. Where one cannot be read, the
others are told all the same, and `roa_metrics_incomplete` says that something is missing.

Every process on a ledger tells the same of its files, and its own of its queues.

Source: docs/metrics.md is the table; a test holds one to the other.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.house import House
from api.operations.troubles import trouble_of
from api.telemetry.logs import log, of_error
from ledger.domain.forgetting import APPROVED, REQUESTED
from ledger.forgetting.progress import DESTROYED, EFFECTIVE, progress
from ledger.store.cosignatures import newest_witnessed

# How many things wait or are worked on, and how many may.
Queue = Callable[[], tuple[int, int]]
_US = 1_000_000
_STATES = (REQUESTED, APPROVED, DESTROYED, EFFECTIVE)
_COUNT_EVERY_US = 60 * _US  # forgettings are read one by one, so they are counted once in a minute


class Gauges(Collector):
    """Reads how a served ledger stands."""

    def __init__(self, house: House, queues: Mapping[str, Queue], version: str) -> None:
        self._house, self._waiting, self._version = house, queues, version
        self._forgettings, self._counted_at_us = Counter[str](), -_COUNT_EVERY_US

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not read ahead, which would read the ledger before it serves."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure that can be read."""
        incomplete = 0
        for read in (
            self._standing,
            self._log,
            self._commits,
            self._views,
            self._queues,
            self._files,
            self._vault,
            self._forgotten,
        ):
            try:
                # All of a group before any of it is told: half a group would read like a fact.
                yield from list(read())
            except Exception as error:  # noqa: BLE001 - the other figures are needed most when something fails
                incomplete = 1
                log.warning("metrics-incomplete", **_named(error))
        yield _gauge("metrics_incomplete", "1 where some figures could not be read just now.", incomplete)

    def _standing(self) -> Iterator[Metric]:
        house = self._house
        info = GaugeMetricFamily("roa_info", "1; the version of the server is its label.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        found = trouble_of(house)
        yield _gauge("ready", "1 while submissions are taken and published, as /readyz says.", found is None)
        trouble = GaugeMetricFamily("roa_trouble", "1 with the code that /readyz gives.", labels=["code"])
        if found is not None:
            trouble.add_metric([found.code], 1)
        yield trouble
        stopped = house.fault is not None
        yield _gauge("writing_stopped", "1 while database and anchor do not agree.", stopped)
        yield _gauge(
            "publishing_failures_in_a_row", "Failed turns since one went well.", house.publishing.failures
        )

    def _log(self) -> Iterator[Metric]:
        house, store = self._house, self._house.ledger.store
        head, served = store.head(), house.publisher.served()
        published, now_us = served.size if served else 0, house.ledger.clock.now_us()
        yield _gauge("records", "Records in the ledger.", head.size)
        yield _gauge("published_records", "Records under the newest checkpoint.", published)
        if house.publisher.policy.needs_witnesses:
            witnessed = newest_witnessed(store.database.reader, house.publisher.policy)
            yield _gauge(
                "witnessed_records",
                "Records that the witnesses have seen.",
                witnessed.size if witnessed else 0,
            )
        waiting_us = 0
        if published < head.size:
            waiting_us = max(0, now_us - store.leaves_at([published + 1])[published + 1][1])
        yield _gauge(
            "unpublished_seconds", "How long the oldest unpublished record has waited.", waiting_us / _US
        )
        behind_us = max(0, head.recorded_at_us - now_us)
        yield _gauge(
            "clock_behind_seconds", "How far the clock is behind the newest record.", behind_us / _US
        )

    def _commits(self) -> Iterator[Metric]:
        sharing = self._house.ledger.store.database.sharing
        groups = CounterMetricFamily("roa_commit_groups", "Groups of writes, each with one flush.")
        groups.add_metric([], sharing.groups)
        writes = CounterMetricFamily("roa_commit_writes", "Writes in all of them.")
        writes.add_metric([], sharing.requests)
        yield from (groups, writes)

    def _views(self) -> Iterator[Metric]:
        position = self._house.views.position()
        yield _gauge("views_records", "Records that the views take into account.", position)

    def _queues(self) -> Iterator[Metric]:
        found = {name: queue() for name, queue in self._waiting.items()}
        lengths = {name: length for name, (length, _) in found.items()}
        limits = {name: limit for name, (_, limit) in found.items()}
        yield _labelled("queue_length", "Things that wait or are worked on.", "queue", lengths)
        yield _labelled("queue_limit", "Where one more is told to come back.", "queue", limits)

    def _files(self) -> Iterator[Metric]:
        files = self._house.ledger.files
        databases = (files.ledger, files.vault, files.jobs, files.views, files.documents, files.access)
        sizes = {path.stem: _size(path) for path in databases}
        waiting = {path.stem: _size(path.with_name(f"{path.name}-wal")) for path in databases}
        yield _labelled("database_bytes", "Size of a database.", "database", sizes)
        yield _labelled("wal_bytes", "Size of a database’s write-ahead log.", "database", waiting)
        free = {
            "ledger": shutil.disk_usage(files.folder).free,
            "anchor": shutil.disk_usage(files.anchor).free,
        }
        yield _labelled("disk_free_bytes", "Room on the disk of a place.", "place", free)

    def _vault(self) -> Iterator[Metric]:
        vault = self._house.ledger.vault
        yield _gauge("vault_epoch", "Number of the vault’s epoch.", vault.epoch)
        waiting = vault.destroyed_since_turn()
        yield _gauge("vault_destroyed_rows", "Rows that copies of the vault still open.", waiting)

    def _forgotten(self) -> Iterator[Metric]:
        now_us = self._house.ledger.clock.now_us()
        if now_us - self._counted_at_us >= _COUNT_EVERY_US:
            self._forgettings = Counter(one.state for one in progress(self._house.ledger))
            self._counted_at_us = now_us
        states = {state: self._forgettings[state] for state in _STATES}
        yield _labelled("forgettings", "Requests to forget a learner, by how far they came.", "state", states)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"roa_{name}", words, value=float(value))


def _labelled(name: str, words: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"roa_{name}", words, labels=[label])
    for which, value in values.items():
        family.add_metric([which], value)
    return family


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _named(error: Exception) -> dict[str, object]:
    said = of_error(error)
    return said if "error" in said else {"error": type(error).__name__}
