"""Check 1: bytes from a stranger become one JSON object, or a sentence that says why not.

Source: CREDENTIALS.md 6 (check 1), INTERFACES.md 9; RFC 8259.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed
from .archive import FIRST_BYTES, open_bundle
from .shapes import types

CREDENTIAL_SIZE_MAX_BYTES = 1024 * 1024
DEPTH_MAX = 32
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors put it before UTF-8 text
NOT_A_CREDENTIAL = "not-a-credential"
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Received:
    """What was handed in.

    Attributes:
        credential: one JSON object.
        status_lists, did_documents, receipts, issued: the papers of a bundle, not read yet; empty
            without one. `receipts` are those of awards, `issued` those of the signing of documents,
            `list_records` those of the status lists' bits.
        bundled: whether it came as a bundle.
    """

    credential: dict[str, Any]
    status_lists: tuple[bytes, ...] = ()
    did_documents: tuple[bytes, ...] = ()
    receipts: tuple[bytes, ...] = ()
    issued: tuple[bytes, ...] = ()
    list_records: tuple[bytes, ...] = ()
    bundled: bool = False


def read(data: bytes) -> Received:
    """Return what a credential file or a bundle holds.

    Raises:
        Malformed: neither; the message is one sentence for the person who handed it in.
    """
    if not data.startswith(FIRST_BYTES):
        return Received(_credential(data))
    members = open_bundle(data)
    if not members.credential:
        raise Malformed("This bundle (ZIP) holds no credential.json.", code="bundle-empty")
    return Received(
        credential=_credential(members.credential),
        status_lists=members.status_lists,
        did_documents=members.did_documents,
        receipts=members.receipts,
        issued=members.issued,
        list_records=members.list_records,
        bundled=True,
    )


def _credential(data: bytes) -> dict[str, Any]:
    """Return one JSON object that claims to be a credential, by any of the three marks of one.

    Whatever bears a mark is judged as a credential. What bears none, such as plain data or a trust file, is
    told apart before anybody looks at what it says: it would seem forged, and is only the wrong file.

    Raises:
        Malformed: the message is one sentence or two.
    """
    found = read_object(data)
    if "@context" not in found and "proof" not in found and "VerifiableCredential" not in types(found):
        raise Malformed(
            "This is not a credential: nothing in it says that it is one, and no signature stands in it. "
            "Plain data and trust files look like this. Ask for the bundle (ZIP).",
            code=NOT_A_CREDENTIAL,
        )
    return found


def read_object(data: bytes) -> dict[str, Any]:
    """Return one JSON object.

    Refused: more than 1 MB, bytes that are not UTF-8, anything but one object, a member named twice,
    NaN and infinities (`1e999` too), half surrogate pairs, nesting deeper than 32.

    Raises:
        Malformed: the message is one sentence.
    """
    value = read_json(data, CREDENTIAL_SIZE_MAX_BYTES)
    if not isinstance(value, dict):
        raise Malformed("The file holds JSON, but not a credential.", code="not-an-object")
    return value


def read_json(data: bytes, size_max_bytes: int) -> Any:
    """Return one JSON value, read as strictly as `read_object` reads one object.

    Raises:
        Malformed: the message is one sentence.
    """
    if not data.strip():
        raise Malformed("The file is empty.", code="empty")
    if len(data) > size_max_bytes:
        raise Malformed(f"The file is larger than {size_max_bytes // 2**20} MB.", code="too-large")
    try:
        text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_members, parse_constant=_no_number, parse_float=_finite_number
        )
    except Malformed:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise Malformed(
            "The file is not JSON (or a bundle, ZIP), or it was damaged on the way.", code="not-json"
        ) from error
    _check_text_and_depth(value)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed(
            "The file says something twice under one name, so two readers could read it differently.",
            code="duplicate-key",
        )
    return members


def _no_number(_name: str) -> Any:
    raise Malformed("The file holds a number that is none (NaN or infinity).", code="not-a-number")


def _finite_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _check_text_and_depth(value: Any) -> None:
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                raise Malformed("The file holds half a character.", code="not-text")
        elif isinstance(item, (dict, list)):
            if depth > DEPTH_MAX:
                raise _too_deep()
            if isinstance(item, dict):
                waiting += [(name, depth) for name in item]
            waiting += [(inner, depth + 1) for inner in (item.values() if isinstance(item, dict) else item)]


def _too_deep() -> Malformed:
    return Malformed("The file is nested more deeply than any credential.", code="too-deep")
