"""A learner's access log, checked by others: the kit alone, and the JavaScript verifier."""

import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgpack
import pytest

from api.client.verify.opened import Kind, Receipt
from api.client.verify.published import Witnessed, publication
from api.client.verify.tlog import inclusion_root, leaf_hash, parse_checkpoint, parse_proof
from api.client.verify.trust import Trust
from ledger.access.rows import LEARNER_REQUEST, OPERATOR, RECORD_CLR, Reader, leaf_of, read_access
from ledger.mapper import LedgerMapper, LedgerStoredEvent
from ledger.privacy.commitments import read_public_entry
from ledger.rulings import _is_possible
from tests.api.web.site import Site, a_site
from tests.conformance.formats import EXAMPLES
from tests.conformance.javascript import answers
from tests.support.world import ANA, BEN
from tests.vectors.formats.access_rows import access_examples

TAG = b"achievement-ledger/access/v1\x00"
KIND = Kind("access.day_closed", frozenset(("day", "rows", "root")), "access-day", "The record of a day")


def unb64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def holds(learner: str, row: dict[str, Any], entry: bytes) -> bool:
    """Whether a row stands under the root that an entry of the log carries; nothing but the kit is used."""
    said, closed = json.loads(row["row"]), row["closed"]
    leaf = leaf_hash(TAG + unb64url(row["salt"]) + row["row"].encode())
    root = inclusion_root(leaf, closed["index"], closed["size"], [unb64url(one) for one in closed["path"]])
    topic = KIND.topic.encode()
    head = 31 + len(topic)
    values, statement = msgpack.unpackb(entry[head:])
    return (
        said.get("learner", learner) == learner
        and (entry[:1], entry[29:31], entry[31:head]) == (b"\x02", len(topic).to_bytes(2, "big"), topic)
        and statement is None
        and values[3:] == [row["day"], closed["size"], root]
        and root == unb64url(closed["root"])
    )


# ------------------------------------------------------------------ the example


@pytest.fixture(scope="module")
def example() -> tuple[dict[str, Any], bytes]:
    """The answer of the example, and the entry of its day."""
    answer, day = (json.loads((EXAMPLES / name).read_text()) for name in ("access.json", "access-day.json"))
    return answer, b64decode(day["entry"])


def test_the_example_is_what_plain_lines_make() -> None:
    """Made with hashlib and msgpack from the page that describes it."""
    for name, content in access_examples().items():
        assert Path(EXAMPLES, name).read_bytes() == content, name


def test_the_example_holds(example: tuple[dict[str, Any], bytes]) -> None:
    """By the kit, and by the ledger's own reading."""
    answer, entry = example

    for row in answer["rows"]:
        assert holds(answer["learner"], row, entry)
        read_access(row["row"].encode())
        assert leaf_of(unb64url(row["salt"]), row["row"].encode()) == leaf_hash(
            TAG + unb64url(row["salt"]) + row["row"].encode()
        )


def test_the_entry_is_one_that_the_ledger_would_make(example: tuple[dict[str, Any], bytes]) -> None:
    """Topic, stream, values: a monitor that reads it finds nothing wrong."""
    found = read_public_entry(example[1])
    stored = LedgerStoredEvent(found.stream, found.version, found.topic, found.state, public=True)
    event: Any = LedgerMapper.for_reading().to_domain_event(stored)

    assert _is_possible(event, 25, found.recorded_at_us)
    assert not _is_possible(event, 25, found.recorded_at_us - 86_400_000_000)


@pytest.mark.parametrize("change", ["row", "salt", "index", "size", "day", "path", "root", "learner"])
def test_nothing_of_a_row_can_be_changed(example: tuple[dict[str, Any], bytes], change: str) -> None:
    """Each part of what was handed out counts."""
    answer, entry = example
    row = json.loads(json.dumps(answer["rows"][1]))
    other = {
        "row": row["row"].replace("record_page", "record_json"),
        "salt": answer["rows"][0]["salt"],
        "day": "2026-11-20",
    }
    closed = {"index": 1, "size": 4, "path": row["closed"]["path"][::-1], "root": answer["rows"][0]["salt"]}
    row.update({change: other[change]} if change in other else {})
    row["closed"].update({change: closed[change]} if change in closed else {})
    learner = answer["learner"] if change != "learner" else "01941f29-7c00-7000-8000-000000000009"

    assert not holds(learner, row, entry)


def test_javascript_follows_the_same_paths(example: tuple[dict[str, Any], bytes]) -> None:
    """The second verifier knows trees: the leaf of a row leads to the root, and a changed one does not."""
    answer, _ = example
    asked = []
    for row in answer["rows"]:
        for text in (row["row"], row["row"].replace("record", "rekord").replace("every", "any")):
            leaf = leaf_hash(TAG + unb64url(row["salt"]) + text.encode())
            closed = row["closed"]
            given = {
                "leaf": b64(leaf),
                "index": closed["index"],
                "size": closed["size"],
                "path": [b64(unb64url(one)) for one in closed["path"]],
                "root": b64(unb64url(closed["root"])),
            }
            asked.append({"kind": "inclusion", "given": given})

    assert answers(asked) == [{"gives": {}}, {"code": "inclusion-root"}] * 2


def b64(data: bytes) -> str:
    """Return standard base64."""
    return urlsafe_b64encode(data).decode().replace("-", "+").replace("_", "/")


# ------------------------------------------------------------------ a ledger of today


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A ledger behind its doors."""
    made = a_site(tmp_path / "ledger")
    yield made
    made.close()


def test_a_learner_checks_without_us(site: Site) -> None:
    """What the door gives, a trust file of one's own, and the kit: row, day, entry, log and its keys."""
    accesses = site.house.issuer.accesses
    officer = Reader(OPERATOR, LEARNER_REQUEST)
    accesses.write(officer, {site.learners[one.nsn]: RECORD_CLR for one in (ANA, BEN)})
    site.ledger.clock.advance(timedelta(days=1))
    site.house.close_days()
    site.house.catch_up()
    content, signature = site.house.issuer.trust_file()

    answer = site.json("/me/access?by=others", who=ANA)
    (row,) = answer["rows"]
    receipt = site.json(f"/v1/receipts/{row['closed']['position']}")

    entry, proof = b64decode(receipt["entry"]), parse_proof(receipt["proof"])
    assert holds(answer["learner"], row, entry)
    shown = Receipt({}, 0, entry, proof.index, proof.path, parse_checkpoint(proof.checkpoint))
    trust = Trust.parse(content, signature.encode())
    assert proof.index + 1 == row["closed"]["position"]
    assert isinstance(publication(shown, KIND, trust, site.ledger.clock.now_us()), Witnessed)
