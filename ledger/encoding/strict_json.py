"""JSON and base64 read strictly, JSON written in its one canonical form (JCS).

Two parsers that disagree about a duplicate key would disagree about what was signed: duplicate
keys, numbers without a finite value, trailing data, deep nesting and broken UTF-8 are refused.
Base64 has one spelling for the same bytes: loose last bits and optional padding are refused.

Source: RFC 8259, RFC 7493 §2 (I-JSON), RFC 8785 (JCS), RFC 4648 §3.5, §4, §5 (base64).
"""

import base64
import json
import math
from typing import Any, Never

import rfc8785

from ledger.errors import Malformed

DEPTH_MAX = 32
_plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def parse(data: bytes | str, *, size_max_bytes: int, depth_max: int = DEPTH_MAX) -> Any:
    """Return the value of one JSON text.

    Raises:
        Malformed: too large, not UTF-8, not JSON, a key twice in one object, a number that is not
            finite, a lone surrogate, or nested too deeply.
    """
    if _size_bytes(data) > size_max_bytes:
        raise Malformed(f"more than {size_max_bytes} bytes of JSON")
    try:
        text = data if isinstance(data, str) else data.decode()
        if text.count("[") + text.count("{") > depth_max:
            _check_depth(text, depth_max)
        value = _read(text)
        if "\\ud" in text or "\\uD" in text:
            _plain(value).encode()  # a lone surrogate has no UTF-8 form
    except UnicodeDecodeError as error:
        raise Malformed("the bytes are not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Malformed("this is not JSON, or an object has a key twice") from error
    return value


def canonical(value: Any) -> bytes:
    """Return the JCS bytes of a JSON value (RFC 8785).

    Raises:
        Malformed: it has none: a whole number of 2**53 or more, no finite value, a lone surrogate.
    """
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # CanonicalizationError is a ValueError
        raise Malformed("this value has no canonical JSON form") from error


def canonical_plain(value: Any) -> bytes:
    """Return the same bytes as `canonical`, fast.

    Only for values of text, whole numbers below 2**53, true, false, null, arrays, and objects whose
    keys are ASCII: for these, sorting by code point is sorting by UTF-16 unit.
    """
    return _plain(value).encode()


def b64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url in its one canonical form.

    Raises:
        Malformed: padding, another alphabet, or bits left over.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:  # binascii.Error is one
        raise Malformed("this is not unpadded base64url") from error
    if b64url(data) != text:
        raise Malformed("this is not unpadded base64url in its one form")
    return data


def b64(data: bytes) -> str:
    """Return standard base64 with padding, as the formats of the log have it."""
    return base64.b64encode(data).decode()


def unb64(text: str, *, code: str | None = None) -> bytes:
    """Return the bytes of padded standard base64 in its one canonical form.

    Raises:
        Malformed: another alphabet, no padding, or bits left over; with the caller's `code`.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("this is not base64", code=code) from error
    if b64(data) != text:
        raise Malformed("this is not base64 in its one form", code=code)
    return data


def _size_bytes(data: bytes | str) -> int:
    return len(data) if isinstance(data, bytes) else len(data.encode(errors="surrogatepass"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


# One decoder for all: to make one costs as much as to read a statement.
_read = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant
).decode


def _check_depth(text: str, depth_max: int) -> None:
    """Refuse nesting before the parser sees it; signs inside strings do not count."""
    depth, inside, escaped = 0, False, False
    for sign in text:
        if inside:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == '"':
                inside = False
        elif sign == '"':
            inside = True
        elif sign in "[{":
            depth += 1
            if depth > depth_max:
                raise Malformed(f"nested more than {depth_max} deep")
        elif sign in "]}":
            depth -= 1
