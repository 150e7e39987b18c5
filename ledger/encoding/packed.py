"""Lines that are kept small: added part by part, packed where there are many, read one by one.

A hundred thousand statements have forty megabytes, half of which say the same again and again.
"""

import zlib
from collections.abc import Iterator
from typing import Self

PACKED_FROM_BYTES = 256 * 1024
_PART_BYTES = 1 << 16
_ZLIB = b"\x78"  # with which every zlib stream of ours begins (RFC 1950), and no JSON


class Packed:
    """Bytes that are added to, and then read any number of times. `size` is that of what was added."""

    def __init__(self, *parts: bytes) -> None:
        self.size = 0
        self._parts: list[bytes] = []
        self._packer = zlib.compressobj(level=1)
        self._is_packed = False
        for part in parts:
            self.add(part)

    @classmethod
    def of_stored(cls, data: bytes) -> Self:
        """Return what `stored` gave, to be read; bytes that were never packed as they are."""
        made = cls()
        made._parts, made._is_packed, made.size = [data], data.startswith(_ZLIB), len(data)
        return made

    def add(self, part: bytes) -> None:
        """Add what comes next."""
        self.size += len(part)
        if not self._is_packed and self.size > PACKED_FROM_BYTES:
            self._is_packed = True
            self._parts = list(map(self._packer.compress, self._parts))
        self._parts.append(self._packer.compress(part) if self._is_packed else part)

    def stored(self) -> bytes:
        """Return the bytes to be kept, of which `of_stored` makes the same again."""
        return b"".join([*self._parts, self._end()])

    def _end(self) -> bytes:
        """Return the end of what is packed; more may be added afterwards all the same."""
        return self._packer.copy().flush() if self._is_packed else b""

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes as they were added, in parts of any size.

        Raises:
            ValueError: they were cut off.
        """
        if not self._is_packed:
            yield from self._parts
            return
        unpacker = zlib.decompressobj()
        for packed in (*self._parts, self._end()):
            waiting = packed
            while waiting and not unpacker.eof:
                yield unpacker.decompress(waiting, _PART_BYTES)
                waiting = unpacker.unconsumed_tail
        yield unpacker.flush()
        if not unpacker.eof:
            raise ValueError("packed lines end too early")

    def lines(self, size_max_bytes: int) -> Iterator[bytes]:
        """Yield line after line without its end; one that is longer than the limit, in pieces above it."""
        rest = b""
        for part in self.parts():
            *lines, rest = (rest + part).split(b"\n")
            yield from lines
            if len(rest) > size_max_bytes:
                # Nobody reads a line that long; to gather it would cost its length squared.
                yield rest
                rest = b""
        if rest:
            yield rest

    def whole(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self.parts())
