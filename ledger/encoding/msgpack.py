"""MessagePack as records are stored: arrays only, one way to write each value.

No maps, no floats, no extension types; whole numbers in their shortest form; text in UTF-8, NFC;
bytes as bin. Audit packs what it unpacked and must get the same bytes.

Source: LEDGER.md 3; MessagePack specification, formats array, nil, bool, int, str, bin.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any, Never

import msgpack

from ledger.errors import Corrupt

DEPTH_MAX = 16
_SCALARS = frozenset((int, bytes, bool, type(None)))


def pack(values: Sequence[Any]) -> bytes:
    """Return the canonical bytes of an array of None, bool, int, text, bytes and arrays of these.

    Raises:
        TypeError: a value of another type, or text that is not NFC: our own mistake, never stored.
    """
    _check(values, DEPTH_MAX)
    packed: bytes = msgpack.packb(values, use_bin_type=True)
    return packed


def unpack(data: bytes) -> list[Any]:
    """Return the array that these bytes hold.

    Raises:
        Corrupt: it is not exactly one array, or holds a map or an extension type.
    """
    try:
        values = msgpack.unpackb(
            data, raw=False, use_list=True, strict_map_key=True, object_pairs_hook=_refuse_map, ext_hook=_refuse_ext
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise Corrupt("stored bytes are not a MessagePack array of ours", code="encoding") from error
    if type(values) is not list:
        raise Corrupt("stored bytes are not a MessagePack array of ours", code="encoding")
    return values


def unpack_canonical(data: bytes) -> list[Any]:
    """Return the array, after checking that packing it again gives the same bytes.

    Raises:
        Corrupt: it cannot be read, or there is a shorter or other way to write it.
    """
    values = unpack(data)
    try:
        again = pack(values)
    except TypeError as error:
        raise Corrupt("stored bytes hold a value that is never stored", code="encoding") from error
    if again != data:
        raise Corrupt("stored bytes are not in their one canonical form", code="encoding")
    return values


def _check(values: Sequence[Any], depth: int) -> None:
    if depth == 0:
        raise TypeError("arrays are nested too deeply")
    for value in values:
        kind = type(value)
        if kind is str:
            if not value.isascii() and not unicodedata.is_normalized("NFC", value):
                raise TypeError("text that is not NFC is never stored")
        elif kind is list or kind is tuple:
            _check(value, depth - 1)
        elif kind not in _SCALARS:
            raise TypeError(f"a {kind.__name__} is never stored")


def _refuse_map(_pairs: list[tuple[Any, Any]]) -> Never:
    raise ValueError("maps are never stored")


def _refuse_ext(_code: int, _data: bytes) -> Never:
    raise ValueError("extension types are never stored")
