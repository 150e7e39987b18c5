"""Logs in memory that ask a witness, honest ones and forked ones, with seeded keys.

log = ALog()                        # a log of twelve entries, entry-0 … entry-11
log.request(4, 9)                   # the body that asks for size 9 when 4 was seen
log.forked(at=6)                    # another history from entry 6 on, under the same keys
witness = a_witness(tmp_path, log)
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.clock import Clock, FixedClock
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import MemorySigner
from ledger.log.add_checkpoint import format_add_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import verify_signed
from ledger.log.merkle import leaf_hash
from ledger.log.note import parse_note, parse_vkey
from ledger.log.signing import LogSigner
from ledger.witness import Answer, Witness, create_witness
from tests.ledger.log.plain_tree import PlainTree

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
ORIGIN = "ledger.example/log"
NAME = "witness.example/w1"
PASSPHRASE = b"a passphrase that lives for one test"
ENTRIES = 12
BOTH, ED25519_ALONE, MLDSA44_ALONE = "both", "ed25519", "mldsa44"


def ed25519_signer(seed: int) -> MemorySigner:
    """Return a signer over the key whose seed is that byte, 32 times."""
    return MemorySigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def mldsa_signer(seed: int) -> MldsaSigner:
    """Return an ML-DSA-44 signer over the key whose seed is that byte, 32 times."""
    return MldsaSigner(MLDSA44PrivateKey.from_seed_bytes(bytes([seed]) * 32))


class ALog:
    """A log in memory that signs whatever it is told to."""

    def __init__(
        self,
        origin: str = ORIGIN,
        entries: Sequence[bytes] | None = None,
        *,
        seed: int = 1,
        mldsa: bool = True,
    ) -> None:
        self.origin, self._seed, self._mldsa = origin, seed, mldsa
        self.entries = [b"entry-%d" % place for place in range(ENTRIES)] if entries is None else list(entries)
        self.tree = PlainTree([leaf_hash(entry) for entry in self.entries])
        self.signer = LogSigner(origin, ed25519_signer(seed), mldsa_signer(seed) if mldsa else None)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys that a witness is told."""
        return self.signer.vkeys

    def forked(self, at: int) -> "ALog":
        """Return a log of the same keys and size that tells another history from entry `at` on."""
        entries = [entry if place < at else b"other-" + entry for place, entry in enumerate(self.entries)]
        return ALog(self.origin, entries, seed=self._seed, mldsa=self._mldsa)

    def checkpoint(self, size: int) -> Checkpoint:
        """Return its head at a size."""
        return Checkpoint(self.origin, size, self.tree.root(size))

    def note(self, size: int, *, root: bytes | None = None) -> str:
        """Return its signed checkpoint at a size, over another root where one is given."""
        found = self.checkpoint(size)
        signed = found if root is None else Checkpoint(self.origin, size, root)
        return self.signer.sign(signed, NOON_S)

    def proof(self, old_size: int, size: int) -> list[bytes]:
        """Return the consistency proof; from size 0 and to the same size it is empty."""
        return self.tree.proof(old_size, size) if 0 < old_size <= size else []

    def request(self, old_size: int, size: int) -> bytes:
        """Return the body that asks for a cosignature at `size` when `old_size` was seen."""
        return format_add_checkpoint(old_size, self.proof(old_size, size), self.note(size))


def a_witness(folder: Path, *logs: ALog, clock: Clock | None = None) -> Witness:
    """Make a witness with both keys that watches these logs; its clock stands at noon."""
    witness = create_witness(folder / "witness", NAME, PASSPHRASE, clock=clock or FixedClock(NOON))
    for log in logs:
        witness.add_log(log.vkeys)
    return witness


def cosigned(answer: Answer, note: str, witness: Witness) -> list[int | None]:
    """Return the times in the cosignatures of an answer, each checked with the witness's own key."""
    assert answer.status == 200, answer
    whole = parse_note(note.encode() + answer.body)
    assert len(whole.signatures) == len(parse_note(note.encode()).signatures) + len(witness.vkeys)
    return [verify_signed(whole, parse_vkey(vkey)) for vkey in witness.vkeys]


def seen_size(witness: Witness, origin: str = ORIGIN) -> int:
    """Return the size that a witness cosigned last of a log."""
    return next(one.seen.size for one in witness.logs() if one.origin == origin)
