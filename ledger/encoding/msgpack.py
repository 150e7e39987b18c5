"""MessagePack as records are stored: arrays only, one way to write each value.

No maps, no floats, no extension types; whole numbers in their shortest form; text in UTF-8, NFC;
bytes as bin. Audit packs what it unpacked and must get the same bytes.

Source: LEDGER.md 3; MessagePack specification, formats array, nil, bool, int, str, bin.
"""

import threading
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Never

import msgpack

from ledger.errors import Corrupt

DEPTH_MAX = 16
_SCALARS = frozenset((int, bytes, bool, type(None)))


def pack(values: Sequence[Any]) -> bytes:
    """Return the canonical bytes of an array of None, bool, int, text, bytes and arrays of these.

    Raises:
        TypeError: a value of another type (a subclass is another type), text that is not NFC, or
            arrays more than 16 deep: our own mistake, never stored.
        OverflowError: a whole number that does not fit 64 bits.
    """
    _check(values, DEPTH_MAX)
    return _pack(values)


def check(values: Sequence[Any]) -> None:
    """Raise TypeError when these values hold something that `pack` refuses for its kind, form or depth."""
    _check(values, DEPTH_MAX)


def unpack(data: bytes) -> list[Any]:
    """Return the array that these bytes hold; whether they are its one form is not looked at.

    Raises:
        Corrupt: it is not exactly one array of values that are ever stored.
    """
    try:
        values = msgpack.unpackb(data, raw=False, object_pairs_hook=_refuse_map, ext_hook=_refuse_ext)
        if type(values) is not list:
            raise Corrupt("stored bytes hold something else than an array", code="encoding")
        _check(values, DEPTH_MAX)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Corrupt("stored bytes are not a MessagePack array of ours", code="encoding") from error
    return values


def unpack_canonical(data: bytes) -> list[Any]:
    """Return the array, after checking that packing it again gives the same bytes.

    Raises:
        Corrupt: it cannot be read, or there is a shorter or other way to write it.
    """
    values = unpack(data)
    if _pack(values) != data:
        raise Corrupt("stored bytes are not in their one canonical form", code="encoding")
    return values


class _Packer(threading.local):
    """One packer for each thread: to make one, with its buffer, costs as much as to pack a record."""

    def __init__(self) -> None:
        self.pack: Callable[[Sequence[Any]], bytes] = msgpack.Packer(use_bin_type=True).pack


_packer = _Packer()


def _pack(values: Sequence[Any]) -> bytes:
    return _packer.pack(values)


def _check(values: Sequence[Any], depth: int) -> None:
    # On the path of every record, twice: measured cheaper than hooks, or than asking for all types at once.
    if depth == 0:
        raise TypeError("arrays are nested too deeply")
    for value in values:
        kind = type(value)
        if kind is str:
            if not value.isascii() and not unicodedata.is_normalized("NFC", value):
                raise TypeError("text that is not NFC is never stored")
        elif kind in _SCALARS:
            continue
        elif kind is list or kind is tuple:
            _check(value, depth - 1)
        else:
            raise TypeError(f"a {kind.__name__} is never stored")


def _refuse_map(_pairs: list[tuple[Any, Any]]) -> Never:
    raise ValueError("maps are never stored")


def _refuse_ext(_code: int, _data: bytes) -> Never:
    raise ValueError("extension types are never stored")
