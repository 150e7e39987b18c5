"""Bytes nobody thought of: whatever happens to a good file, both implementations answer the same.

To look further: pytest --hypothesis-profile=explore
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.strict_json import b64, canonical_plain, unb64
from tests.conformance import client_side
from tests.conformance.javascript import Conversation
from tests.conformance.ledger_side import VECTORS, judge, resolved
from tests.vectors.formats.receipt_mutations import with_extra

Change = Callable[[bytes], bytes]

# What readers of text trip over: ends of lines, spaces and digits of other scripts, halves of characters.
ODD = [
    *(sign.encode() for sign in ("\n", "\n\n", " ", "\t", "\r", "+", "=", "-", "0", "9", "#", "— ", "none")),
    *(sign.encode() for sign in ("\u0085", "\u00a0", "\u2028", "\ufeff", "\u0661", "e\u0301", "\U0001f600")),
    b"\x00",
    b"\x7f",
    b"\xff",
    b"\xed\xa0\x80",  # half of a surrogate pair
    b"\xc0\x80",  # an overlong zero
]
PLACES = st.floats(0, 1, exclude_max=True)


def _lines(change: Callable[[list[bytes], int, int], object], place: float, other: float) -> Change:
    def changed(data: bytes) -> bytes:
        lines = data.split(b"\n")
        change(lines, int(place * len(lines)), int(other * len(lines)))
        return b"\n".join(lines)

    return changed


def _swap(lines: list[bytes], one: int, other: int) -> None:
    lines[one], lines[other] = lines[other], lines[one]


def _double(lines: list[bytes], one: int, other: int) -> None:
    lines.insert(other, lines[one])


def _leave_out(lines: list[bytes], one: int, _other: int) -> None:
    lines.pop(one)


def _put(place: float, odd: bytes, left_out: int) -> Change:
    """Return what puts bytes in at a place, and leaves some out that stood there."""

    def changed(data: bytes) -> bytes:
        at = int(place * len(data))
        return data[:at] + odd + data[at + left_out :]

    return changed


def _cut(place: float) -> Change:
    return lambda data: data[: int(place * len(data))]


BYTES = st.integers(0, 255).map(lambda byte: bytes([byte]))
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(_put, PLACES, st.sampled_from(ODD), st.just(0)),
    st.builds(_put, PLACES, BYTES, st.just(1)),
    st.builds(_put, PLACES, st.just(b""), st.integers(1, 5)),
    st.builds(_cut, PLACES),
    st.builds(_lines, st.sampled_from([_swap, _double, _leave_out]), PLACES, PLACES),
)

# Which member of the good vector of a folder is changed.
CHANGED = [
    ("note", "note"),
    ("note", "vkey"),
    ("vkey", "vkey"),
    ("checkpoint", "text"),
    ("cosignature-ed25519", "note"),
    ("cosignature-mldsa44", "note"),
    ("log-mldsa44", "note"),
    ("policy", "policy"),
    ("policy", "note"),
    ("proof", "proof"),
]


@pytest.fixture(scope="module")
def javascript() -> Iterator[Conversation]:
    """A Node process with the JavaScript verifier in it."""
    conversation = Conversation()
    yield conversation
    conversation.close()


def _good(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / folder / "good.json").read_text())
    return found


def _changed(vector: dict[str, Any], member: str, changes: list[Change]) -> dict[str, Any]:
    data = resolved(vector["given"])[member]
    for change in changes:
        data = change(data)
    return {**vector["given"], member: {"base64": b64(data)}}


@pytest.mark.parametrize(("folder", "member"), CHANGED)
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_both_answer_alike(javascript: Conversation, folder: str, member: str, changes: list[Change]) -> None:
    """A good file with up to three changes is accepted by both, or refused by both with one code."""
    vector = _good(folder)
    case = _changed(vector, member, changes)
    if member == "vkey":
        case["vkey"] = resolved(case)["vkey"].decode(errors="replace")  # a key is text wherever it comes from

    assert javascript.ask(vector["kind"], case) == judge(vector["kind"], case)


@pytest.mark.parametrize("folder", ["award-receipt", "issued-receipt"])
@given(changes=st.lists(CHANGES, min_size=1, max_size=2))
def test_receipts_are_judged_alike(javascript: Conversation, folder: str, changes: list[Change]) -> None:
    """A good receipt with a change or two is accepted by JavaScript exactly where the kit accepts it."""
    vector = _good(folder)
    case = _changed(vector, "receipt", changes)

    accepted = client_side.judge(vector["kind"], case) == client_side.ACCEPTED

    assert ("gives" in javascript.ask(vector["kind"], case)) == accepted


def _extra_with(receipt: str, member: str, value: Any) -> bytes:
    """Return the `extra` of a receipt with another member, sorted as JCS is wherever it has such a form."""
    opened = json.loads(unb64(receipt.split("\n")[1].removeprefix("extra ")))
    return canonical_plain({**opened, member: value})


OPENED = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["v", "topic", "recorded_at", "claims", "statement_commit", "open_commit", "other"]


@given(member=st.sampled_from(MEMBERS), value=OPENED)
def test_what_a_receipt_opens_is_judged_alike(javascript: Conversation, member: str, value: Any) -> None:
    """Whatever stands in the place of a member of `extra`, both accept it or neither does."""
    vector = _good("award-receipt")
    receipt = with_extra(vector["given"]["receipt"], _extra_with(vector["given"]["receipt"], member, value))
    case = {**vector["given"], "receipt": receipt}

    accepted = client_side.judge(vector["kind"], case) == client_side.ACCEPTED

    assert ("gives" in javascript.ask(vector["kind"], case)) == accepted


SIZES = st.integers(-1, 20)
HASHES = st.lists(st.integers(0, 11), max_size=6)


@given(index=SIZES, size=SIZES, hashes=HASHES)
def test_inclusion_is_shaped_alike(
    javascript: Conversation, index: int, size: int, hashes: list[int]
) -> None:
    """Any index, size and number of hashes leads both to the same answer."""
    path = [b64(bytes([one]) * 32) for one in hashes]
    case = {"leaf": b64(bytes(32)), "index": index, "size": size, "path": path, "root": b64(bytes(32))}

    assert javascript.ask("inclusion", case) == judge("inclusion", case)


@given(old=SIZES, new=SIZES, hashes=HASHES)
def test_consistency_is_judged_alike(javascript: Conversation, old: int, new: int, hashes: list[int]) -> None:
    """Any two sizes and number of hashes lead both to the same answer."""
    path = [b64(bytes([one]) * 32) for one in hashes]
    roots = {"old_root": b64(bytes(32)), "new_root": b64(bytes(32))}
    case = {"old_size": old, "new_size": new, "path": path, **roots}

    assert javascript.ask("consistency", case) == judge("consistency", case)
