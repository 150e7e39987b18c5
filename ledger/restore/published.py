"""What was published and is not in the database: read from the anchor's place, and checked as it is read.

Tiles that do not make the anchored root say nothing about the database, so they are looked at
first. Whatever is damaged is named by its file.

Source: LEDGER.md 5; C2SP tlog-tiles.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from ledger.errors import Corrupt, LedgerError, Malformed, ProofShapeError, Split
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import (
    HASH_BYTES,
    Frontier,
    consistency_path,
    leaf_hash,
    root_at,
    root_of,
    verify_consistency,
)
from ledger.log.note import Note, VerifierKey, format_note, format_signature
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, entries_path, tile_path
from ledger.log_keys import LogKeys
from ledger.privacy.commitments import PRIVATE_ENTRY, PublicEntry, read_public_entry
from ledger.store.anchor import Anchor
from ledger.store.cosignatures import Cosignature
from ledger.store.recorder import Head

_PRIVATE_ENTRY_BYTES = len(PRIVATE_ENTRY) + HASH_BYTES


@dataclass(frozen=True, slots=True)
class PublishedRecord:
    """One published record: its entry and, where it is public, all of it."""

    position: int
    entry: bytes
    leaf: bytes
    public: PublicEntry | None


class PublishedTail:
    """The published records after those that the database holds."""

    def __init__(self, anchor: Anchor, anchored: Checkpoint, head: Head) -> None:
        """Read at `anchor` what comes after `head` in the log of the anchored size and root."""
        self._anchor, self.anchored, self.head = anchor, anchored, head

    def check_beginning(self) -> None:
        """Check that the stored tree is the beginning of the published one.

        Raises:
            Split: it is not.
            Corrupt: the tiles are not those of the anchored root, so nobody can tell.
        """
        head, anchored = self.head, self.anchored
        self._anchor.frontier(anchored)
        if not head.size:
            return
        node = self._anchor.reader(anchored.size).node
        try:
            root = root_at(head.size, node)
            path = consistency_path(head.size, anchored.size, node)
            verify_consistency(head.size, anchored.size, root, anchored.root, path)
        except (Malformed, ProofShapeError) as error:
            raise Corrupt(
                f"the tiles at the anchor's place are not those of the anchored root: {error}", code="anchor"
            ) from error
        if root != head.root:
            raise Split(
                "the database has another history than the one that was published: the two part"
                f" before record {head.size + 1}, and no restore can join them"
            )

    def root(self, size: int) -> bytes:
        """Return the root of the published log at a size, from its tiles."""
        return root_at(size, self._anchor.reader(self.anchored.size).node)

    def __iter__(self) -> Iterator[PublishedRecord]:
        """Yield the records in order of position; only once all were read, their root is known to be right.

        Raises:
            Corrupt: a bundle or a tile is missing or damaged; the sentence says which.
        """
        head, anchored = self.head, self.anchored
        frontier = Frontier.from_bytes(head.size, head.frontier)
        last_path = ""
        for number in range(head.size // TILE_WIDTH, -(-anchored.size // TILE_WIDTH)):
            first = number * TILE_WIDTH
            width = min(TILE_WIDTH, anchored.size - first)
            last_path = entries_path(number, width)
            entries = self._anchor.entries(number, width)
            leaves = [leaf_hash(entry) for entry in entries]
            self._check_tile(leaves, number)
            for place in islice(range(width), max(0, head.size - first), None):
                frontier.append(leaves[place])
                yield _record(first + place + 1, entries[place], leaves[place])
        if frontier.root() != anchored.root:
            raise _damaged(last_path)

    def _check_tile(self, leaves: list[bytes], number: int) -> None:
        """Check entries against the tile above them, and a full tile against the one above that."""
        # Made anew for every tile: a reader keeps whatever it has read.
        reader = self._anchor.reader(self.anchored.size)
        width = len(leaves)
        try:
            tile = reader.tile(0, number)
            above = reader.node(LEVEL_BITS, number) if width == TILE_WIDTH else None
        except Malformed as error:
            raise Corrupt(f"a tile at the anchor's place is cut off: {error}", code="anchor") from error
        if b"".join(leaves) != tile:
            raise Corrupt(
                f"{entries_path(number, width)} and {tile_path(0, number, width)} at the anchor's place"
                " do not fit together: one of them is damaged",
                code="anchor",
            )
        if above is not None and root_of(leaves) != above:
            raise _damaged(tile_path(0, number))

    def signed(self, log_keys: LogKeys) -> tuple[Checkpoint, str] | None:
        """Return the newest signed checkpoint and its note with the log's own signatures.

        None where nothing was signed yet. Cosignatures under it are left out: they have their own table.

        Args:
            log_keys: the log's own, by position; all that count at its size must have signed.

        Raises:
            Corrupt: one has not, or the checkpoint is not that of the tiles.
        """
        note = self._anchor.signed_note()
        if note is None:
            return None
        try:
            signed = parse_checkpoint(note.text.encode())
            keys = log_keys.at(signed.size)
            for key in keys:
                verify_signed(note, key)
        except LedgerError as error:
            raise Corrupt(f"the checkpoint at the anchor's place: {error}", code="anchor") from error
        if self.root(signed.size) != signed.root:
            raise Corrupt("the checkpoint at the anchor's place is not that of its tiles", code="anchor")
        names = {(key.name, key.key_id) for key in keys}
        own = tuple(one for one in note.signatures if (one.name, one.key_id) in names)
        return signed, format_note(Note(note.text, own)).decode()

    def cosignatures(self, witnesses: Iterable[VerifierKey]) -> list[Cosignature]:
        """Return the lines under the signed checkpoint that hold under keys of witnesses.

        Lines of others, and lines that do not hold, are nobody's word, and are left out.
        """
        note, found = self._anchor.signed_note(), list[Cosignature]()
        if note is None:
            return found
        for key in witnesses:
            for one in note.signatures:
                if (one.name, one.key_id) != (key.name, key.key_id):
                    continue
                with suppress(LedgerError):
                    timestamp_s = verify_signed(Note(note.text, (one,)), key)
                    if timestamp_s is not None:
                        found.append(Cosignature(str(key), timestamp_s, format_signature(one)))
        return found


def _record(position: int, entry: bytes, leaf: bytes) -> PublishedRecord:
    if entry.startswith(PRIVATE_ENTRY) and len(entry) == _PRIVATE_ENTRY_BYTES:
        return PublishedRecord(position, entry, leaf, None)
    try:
        return PublishedRecord(position, entry, leaf, read_public_entry(entry))
    except Malformed as error:
        raise Corrupt(f"entry {position} at the anchor's place: {error}", code="anchor") from error


def _damaged(path: str) -> Corrupt:
    return Corrupt(f"{path} at the anchor's place does not lead to the anchored root", code="anchor")
