"""Identifiers: derived ones for public things, time-ordered random ones for people's."""

import os
import threading
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

# Fixed for ever: every public stream id is derived from it.
NAMESPACE = uuid5(NAMESPACE_URL, "achievement-ledger/v1")


def public_id(kind: str, *parts: object) -> UUID:
    """Return the stream id of a public aggregate, for example `organisation|95001`.

    Source: LEDGER.md 6, SPEC.md 2.
    """
    return uuid5(NAMESPACE, "|".join((kind, *map(str, parts))))


@lru_cache(maxsize=4096)  # a chunk asks for each once to load it and once to decide
def award_id(enrolment_id: UUID, ordinal: int) -> UUID:
    """Return the stream id of an enrolment's award; ordinal counts from 1, re-awards follow a revocation."""
    return uuid5(enrolment_id, f"award|{ordinal}")


class _RandomPool:
    """Random bytes bought in bulk: one system call for hundreds of ids, never shared over a fork."""

    SIZE_BYTES = 16_384

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        self._bytes, self._at = b"", 0

    def take(self, size: int) -> bytes:
        with self._lock:
            if self._at + size > len(self._bytes):
                self._bytes, self._at = os.urandom(max(size, self.SIZE_BYTES)), 0
            self._at += size
            return self._bytes[self._at - size : self._at]


_pool = _RandomPool()
random_bytes = _pool.take


def uuid7(now_us: int) -> UUID:
    """Return a time-ordered random UUID (RFC 9562 §5.7): 48 bits of milliseconds, 74 random bits."""
    number = (now_us // 1000) << 80 | int.from_bytes(random_bytes(10), "big")
    number = number & ~(0xF << 76) | (7 << 76)
    return UUID(int=number & ~(0x3 << 62) | (2 << 62))


def uuid8(digest: bytes) -> UUID:
    """Return the UUID (RFC 9562 §5.8) made of the first 16 bytes of a keyed digest."""
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | (8 << 76)
    return UUID(int=number & ~(0x3 << 62) | (2 << 62))
