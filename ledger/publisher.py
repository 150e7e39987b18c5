"""From stored rows to a signed checkpoint, in the one order that survives a crash.

1 the size to publish · 2 read the stored rows back and compute the root again, independently ·
3 the clock has not gone back · 4 entries and tiles to the anchor's place, then the anchor ·
5 sign and insert the checkpoint · 6 cosignatures by policy, while a bounded wait lasts · 7 serve.
Never sign what you computed: sign what you stored. A checkpoint's row never changes: cosignatures
stand beside it, and what is handed out carries both.

Named steps for crash tests, in order: `read_back`, `anchor_written`, `anchor_swapped`, `inserted`,
`cosigned`, `served`.

Source: LEDGER.md 5.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from ledger.clock import Clock
from ledger.cosigning import Cosigning, Wanted
from ledger.database import Connection
from ledger.errors import Corrupt, Unavailable
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import leaf_hash
from ledger.log.note import parse_note
from ledger.log.policy import NONE, Policy, of_log
from ledger.log.signing import SignsCheckpoints
from ledger.privacy.commitments import tag
from ledger.store.anchor import Anchor
from ledger.store.cosignatures import ServedCheckpoint, newest
from ledger.store.readback import StatementLeaves, entry_of, records
from ledger.store.recorder import CLOCK_BACK_MAX_US, Head
from ledger.store.sqlite import LedgerRecorder
from ledger.store.tree import StoredTree

NO_PREVIOUS = bytes(32)
_BATCH = 10_000  # records read back at a time
_TAG = tag("checkpoint")


@dataclass(frozen=True, slots=True)
class Published:
    """One row of `checkpoint`: numbered from 1, each holding the digest of the one before."""

    number: int
    size: int
    root: bytes
    previous: bytes
    note: str

    @property
    def digest(self) -> bytes:
        """What the next checkpoint holds as `previous`: a row changed or left out breaks the chain."""
        head = self.number.to_bytes(8, "big") + self.size.to_bytes(8, "big")
        return sha256(_TAG + head + self.root + self.previous + self.note.encode()).digest()


class Publisher:
    """Publishes one log; exactly one publisher works on it at a time."""

    def __init__(
        self,
        store: LedgerRecorder,
        anchor: Anchor,
        signer: SignsCheckpoints,
        clock: Clock,
        cosigning: Cosigning | None = None,
    ) -> None:
        """Publish nothing yet; without `cosigning` nobody is asked to witness."""
        self._store, self._anchor, self._signer, self._clock = store, anchor, signer, clock
        self.cosigning = cosigning
        self._turn = threading.Lock()
        self.tree = StoredTree(store.database)
        self.at_step: Callable[[str], None] = _no_step

    @property
    def policy(self) -> Policy:
        """By which checkpoints of this log are believed: its keys in force, and its witnesses."""
        policy = Policy((), (), {}, NONE) if self.cosigning is None else self.cosigning.policy
        return of_log(policy, self._signer.vkeys)

    def served(self, *, size_at_least: int = 0) -> ServedCheckpoint | None:
        """Return the newest checkpoint with its cosignatures, None when there is none that large."""
        return newest(self._store.database.reader, self.policy, size_at_least=size_at_least)

    def check(self) -> None:
        """Compare the anchor with what is stored, as at every start.

        Raises:
            Rollback, Split: reads may go on, writes must stop.
            Corrupt: the anchor is missing, or older than a checkpoint that was signed.
        """
        # Another process may publish meanwhile. What it writes later is read earlier, so that nothing seems
        # to be there without what has to be there before it.
        last = latest(self._store.database.reader)
        self._anchor.check(self.tree, lambda: self._store.head().size)
        anchored = self._anchor.read()
        if last is not None and (anchored is None or anchored.size < last.size):
            raise Corrupt(
                f"size {last.size} was signed, and the anchor does not say so: put the right one back",
                code="anchor",
            )

    def publish(self) -> Published | None:
        """Publish everything stored so far; return the newest checkpoint, None in an empty ledger.

        Raises:
            Rollback, Split: the database is not the one that was published.
            Corrupt: what is stored does not make what was recorded, or the anchored tiles are damaged.
            Unavailable: the clock has gone back, or the disk is full.
        """
        try:
            with self._turn, self._anchor.turn():
                return self._publish()
        except OSError as error:
            raise Unavailable(
                f"the anchor's place cannot be written now: {error.strerror}", code="storage"
            ) from error

    def _publish(self) -> Published | None:
        self.check()
        head, last, anchored = self._store.head(), latest(self._store.database.reader), self._anchor.read()
        if last is not None and last.size == head.size:
            self._collect(last, head)
            self._serve(last)
            return last
        if head.size == 0:
            return None
        old_size = anchored.size if anchored else 0
        fresh = Checkpoint(self._signer.origin, head.size, self._read_back(anchored, head))
        self.at_step("read_back")
        if self._clock.now_us() < head.recorded_at_us - CLOCK_BACK_MAX_US:
            raise Unavailable("the clock has gone back: nothing is signed until it is right", code="clock")
        if anchored != fresh:
            self._anchor.write_tiles(self.tree, old_size, head.size)
            self._anchor.frontier(fresh)  # what was written leads to the root that will be signed
            self.at_step("anchor_written")
            self._anchor.swap(anchored, fresh)
        self.at_step("anchor_swapped")
        published = self._sign(last, fresh)
        self._insert(published)
        self.at_step("inserted")
        self._collect(published, head)
        self.at_step("cosigned")
        self._serve(published)
        self.at_step("served")
        return published

    def _read_back(self, anchored: Checkpoint | None, head: Head) -> bytes:
        """Return the root of what is stored, from a frontier that the anchor's own tiles give.

        Raises:
            Corrupt: a stored row does not make the entry or the leaf that was stored with it, or the
                anchored tiles are damaged.
        """
        frontier = self._anchor.frontier(anchored)
        connection = self._store.database.reader
        leaves = StatementLeaves(connection)
        for first in range(frontier.size + 1, head.size + 1, _BATCH):
            for record in records(connection, first, min(first + _BATCH - 1, head.size)):
                entry = record.entry if record.gone else entry_of(record, leaves.of(record))
                leaf = leaf_hash(entry)
                if (entry, leaf, frontier.size + 1) != (record.entry, record.leaf, record.position):
                    raise Corrupt(
                        f"record {record.position} does not read back as it was written", code="read-back"
                    )
                frontier.append(leaf)
        if (frontier.size, frontier.root()) != (head.size, head.root):
            raise Corrupt("the records do not make the tree that the head row names", code="read-back")
        return head.root

    def _sign(self, last: Published | None, fresh: Checkpoint) -> Published:
        note = self._signer.sign(fresh, self._clock.now_us() // 1_000_000)
        number, previous = (last.number + 1, last.digest) if last else (1, NO_PREVIOUS)
        return Published(number, fresh.size, fresh.root, previous, note)

    def _collect(self, published: Published, head: Head) -> None:
        """Ask the witnesses; whoever gives nothing now is asked again at a later turn."""
        if self.cosigning is not None:
            wanted = Wanted(published.number, published.size, published.note, head.recorded_at_us)
            self.cosigning.collect(self._store.database, self.tree, wanted)

    def _serve(self, published: Published) -> None:
        """Complete the static log at the anchor's place, unless a checkpoint as good as this is there."""
        signed, served = self._anchor.signed(), self.served()
        assert served is not None, "what is served has been inserted"
        old_size = signed.size if signed else 0
        if old_size < published.size:
            self._anchor.put_checkpoint(served.note)
            self._anchor.drop_partials(old_size, published.size)
        elif old_size == published.size and self._anchor.signed_note() != parse_note(served.note.encode()):
            self._anchor.put_checkpoint(served.note)  # more witnesses have seen it

    def _insert(self, published: Published) -> None:
        with self._store.database.writing() as connection:
            connection.execute(
                "INSERT INTO checkpoint VALUES (?,?,?,?,?)",
                (published.number, published.size, published.root, published.previous, published.note),
            )


def latest(connection: Connection, *, size_at_least: int = 0) -> Published | None:
    """Return the newest checkpoint that covers `size_at_least` records, None when there is none yet."""
    row = connection.execute("SELECT * FROM checkpoint ORDER BY number DESC LIMIT 1").fetchone()
    found = None if row is None else Published(*row)
    return found if found is not None and found.size >= size_at_least else None


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
