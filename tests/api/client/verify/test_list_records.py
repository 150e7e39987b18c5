"""Records of status lists: a list under a key that ended counts as at the day when the log had its bits."""

import gzip
import struct
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgpack
import pytest

from api.client.verify import Trust
from api.client.verify.list_records import ListRecords
from tests.api.client.verify.words import codes, judged, put, sentence
from tests.support.credentials import NOW_US, World, file_of
from tests.support.handmade import SIGNED_AT, Witness, b64url

TOPIC = b"status_list.changed"
RECORDED_US = 1_793_200_000_000_000  # 28 October 2026
CLEAR = bytes(16_384)
NUMBER = 95001


def entry(digest: bytes = sha256(CLEAR).digest(), **facts: Any) -> bytes:
    """Return the log's entry of a change, written from LEDGER.md 3."""
    said = {
        "issuer": NUMBER,
        "status_list": 1,
        "topic": TOPIC,
        "kind": b"\x02",
        "at_us": RECORDED_US,
        **facts,
    }
    values = [1, 5, "rules", said["issuer"], said["status_list"], digest, 5]
    state = msgpack.packb([said.get("values", values), said.get("statement")])
    head = said["kind"] + struct.pack(">Q", said["at_us"]) + bytes(16) + struct.pack(">I", 1)
    return bytes(head + struct.pack(">H", len(said["topic"])) + said["topic"] + state)


class Told:
    """A world in which an award was made, and the bits of its list are on record."""

    def __init__(self, recorded: bytes | None = None, *, signing: bool = True) -> None:
        self.world = World()
        self.award = self.world.award()
        self.badge = self.world.badge(self.award)
        self.signing = self.world.issue(self.badge) if signing else None
        self.entry = entry() if recorded is None else recorded
        self.index = self.world.log.append(self.entry)
        self.index = self.world.size - 1
        self.world.later()

    def paper(self, extra: bytes | None = None, **how: Any) -> bytes:
        """Return the proof that goes into the bundle."""
        size = how.pop("size", self.world.size)
        note = self.world.log.checkpoint(size, **how)
        proof = self.world.log.proof(
            self.index, self.entry if extra is None else extra, size=size, checkpoint=note
        )
        return proof.encode()

    def trust(self, edit: Callable[[Any], None] | None = None, *, stolen: bool = False) -> Trust:
        """Return a trust file in which the provider's key has ended with the newest record."""

        def ended(content: Any) -> None:
            key = content["issuers"][0]["keys"][0]
            key["to"] = self.world.size
            if stolen:
                # From the newest record on: what was recorded before is as good as ever.
                key |= {"suspected_from": self.world.size, "reaffirmed": [], "annulled": []}
            if edit is not None:
                edit(content)

        return Trust.parse(self.world.trust(ended))

    def bundle(self, *papers: bytes, lists: Any = None) -> bytes:
        """Return the bundle with these papers beside its list."""
        names = ["status-list.tlog-proof", "status-list-2.tlog-proof", "status-list-3.tlog-proof"]
        more = dict(zip(names, papers, strict=False))
        if self.signing is not None:
            more["issued.tlog-proof"] = self.world.issued(self.signing)
        return self.world.bundle(self.badge, [self.world.status_list()] if lists is None else lists, more)


TOLD = Told()
RETIRED, STOLEN = TOLD.trust(), TOLD.trust(stolen=True)


def offline(_url: str) -> bytes:
    """Be nowhere near a network."""
    raise LookupError


def answered(content: bytes, trust: Trust) -> tuple[str, str] | None:
    """Return what check 6 says of a bundle, None where it passes."""
    return codes(judged(content, trust=trust, fetch=offline)).get(6)


WITHOUT = {"retired": "status-list-key-retired", "stolen": "status-list-key-stolen"}
ended = pytest.mark.parametrize(("trust", "how"), [(RETIRED, "retired"), (STOLEN, "stolen")], ids=WITHOUT)


# ------------------------------------------------------------------ what a record does


@ended
def test_a_list_on_record_counts_as_at_its_day(trust, how):
    """Without the record nobody can tell; with it the award was not revoked as at that day."""
    bare, told = TOLD.bundle(), TOLD.bundle(TOLD.paper())

    verdict = judged(told, trust=trust, fetch=offline)

    assert answered(bare, trust) == ("not_checked", WITHOUT[how])
    assert codes(verdict) == {6: ("warning", "status-list-recorded")}
    assert verdict.headline == "Verified, with notes"
    assert "28 October 2026" in sentence(verdict, 6)


@ended
def test_a_revocation_on_record_is_one(trust, how):
    """The log has a list in which the bit is set: not valid, whatever became of the key."""
    told = Told()
    listed = told.world.status_list([told.award.status_index])
    bits = gzip.decompress(_encoded(listed))
    told = Told(entry(sha256(bits).digest()))
    trust = told.trust(stolen=how == "stolen")

    assert answered(told.bundle(told.paper(), lists=[listed]), trust) == ("failed", "revoked")


def test_a_key_that_counts_needs_no_record():
    """The list is judged by its signature and its age, as without the record."""
    trust = Trust.parse(TOLD.world.trust())

    for content in (TOLD.bundle(), TOLD.bundle(TOLD.paper()), TOLD.bundle(b"not a proof")):
        assert answered(content, trust) is None


def test_a_list_fetched_anew_is_judged_by_its_own_signature():
    """A newer list, signed with the next key, is there: the old record has nothing to say."""
    told = Told()

    def rotated(content: Any) -> None:
        content["issuers"][0]["keys"].append(
            {"multibase": told.world.stranger.multikey, "purpose": "credential", "from": 4, "to": None}
        )

    fresh = told.world.status_list([told.award.status_index], key=told.world.stranger)
    content = told.bundle(told.paper())

    verdict = judged(content, trust=told.trust(rotated), fetch={fresh["id"]: file_of(fresh)}.__getitem__)

    assert codes(verdict)[6] == ("failed", "revoked")


def test_a_record_does_not_make_a_strangers_list_the_issuers():
    """The bits are public: whoever signs them with a key of nobody's is not believed."""
    listed = TOLD.world.status_list(key=TOLD.world.stranger, at=SIGNED_AT - timedelta(hours=1))

    assert answered(TOLD.bundle(TOLD.paper(), lists=[listed]), RETIRED) == ("failed", "status-list-key")


def test_a_record_does_not_heal_a_broken_signature():
    """A list that was changed after signing is no list."""
    listed = TOLD.world.status_list()
    listed["validUntil"] = "2027-01-01T00:00:00Z"

    assert answered(TOLD.bundle(TOLD.paper(), lists=[listed]), RETIRED) == ("failed", "status-list-signature")


def test_the_day_comes_from_the_log_not_from_the_list():
    """A thief can write any day into a list; the record's own instant is what is said."""
    listed = TOLD.world.status_list(edit=put("validFrom", "2026-11-21T23:00:00Z"))

    verdict = judged(TOLD.bundle(TOLD.paper(), lists=[listed]), trust=STOLEN, fetch=offline)

    assert codes(verdict)[6] == ("warning", "status-list-recorded")
    assert "28 October 2026" in sentence(verdict, 6)
    assert "November" not in sentence(verdict, 6)


# ------------------------------------------------------------------ one mutation each


def flipped(data: bytes, at: int) -> bytes:
    """Return bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def line(paper: bytes, number: int, change: Callable[[str], str]) -> bytes:
    """Return a paper with one of its lines changed."""
    lines = paper.decode().split("\n")
    lines[number] = change(lines[number])
    return "\n".join(lines).encode()


def without(paper: bytes, number: int) -> bytes:
    """Return a paper without one of its lines."""
    lines = paper.decode().split("\n")
    del lines[number]
    return "\n".join(lines).encode()


def number_of(start: str, paper: bytes) -> int:
    """Return the number of the first line that begins so."""
    return next(at for at, one in enumerate(paper.decode().split("\n")) if one.startswith(start))


PAPER = TOLD.paper()
ENTRY = TOLD.entry
_INDEX = number_of("index", PAPER)
_ORIGIN = number_of("ledger.example/log", PAPER)
MUTATIONS = {
    "empty": b"",
    "not-text": b"\xff\xfe",
    "not-a-proof": b"nothing of the kind\n",
    "cut": PAPER[: len(PAPER) // 2],
    "no-entry": TOLD.paper(b""),
    "entry-kind": TOLD.paper(b"\x01" + ENTRY[1:]),
    "entry-instant": TOLD.paper(flipped(ENTRY, 8)),
    "entry-stream": TOLD.paper(flipped(ENTRY, 12)),
    "entry-version": TOLD.paper(flipped(ENTRY, 28)),
    "entry-last-byte": TOLD.paper(flipped(ENTRY, -2)),
    "entry-cut": TOLD.paper(ENTRY[:-1]),
    "entry-longer": TOLD.paper(ENTRY + b"\x00"),
    "index": line(PAPER, _INDEX, lambda text: f"index {int(text.split()[1]) + 1}"),
    "index-beyond": line(PAPER, _INDEX, lambda _: f"index {2**63}"),
    "path": line(PAPER, _INDEX + 1, lambda _: b64url(bytes(32)) + "="),
    "path-shorter": without(PAPER, _INDEX + 1),
    "size": line(PAPER, _ORIGIN + 1, lambda text: str(int(text) + 1)),
    "root": line(PAPER, _ORIGIN + 2, lambda _: b64url(bytes(32)) + "="),
    "origin": line(PAPER, _ORIGIN, lambda _: "other.example/log"),
    "signature": line(
        PAPER, _ORIGIN + 4, lambda text: text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:]
    ),
    "signature-missing": without(PAPER, _ORIGIN + 4),
    "signed-with-one-key-only": without(PAPER, _ORIGIN + 5),
}


@ended
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_record_that_does_not_hold_says_nothing(trust, how, mutation):
    """One thing changed: the list is answered as it is without a record."""
    assert MUTATIONS[mutation] != PAPER

    found = answered(TOLD.bundle(MUTATIONS[mutation]), trust)

    assert found == ("not_checked", WITHOUT[how])


GENUINE = {
    "another-digest": entry(bytes(32)),
    "another-issuer": entry(issuer=95002),
    "another-list": entry(status_list=2),
    "another-topic": entry(topic=b"status_list.closed"),
    "private": entry(kind=b"\x01"),
    "issuer-as-text": entry(issuer="95001"),
    "issuer-is-true": entry(issuer=True),
    "digest-as-text": entry(values=[1, 5, "rules", NUMBER, 1, sha256(CLEAR).hexdigest(), 5]),
    "a-field-less": entry(values=[1, 5, "rules", NUMBER, 1, sha256(CLEAR).digest()]),
    "a-field-more": entry(values=[1, 5, "rules", NUMBER, 1, sha256(CLEAR).digest(), 5, 6]),
    "no-fields": entry(values=7),
    "fields-by-name": entry(values={"issuer": NUMBER}),
    "somebodys-statement": entry(statement=["a.b.c", 0, 1, [], b"", b"{}"]),
    "instant-beyond": entry(at_us=2**64 - 1),
    "not-msgpack": entry()[:48] + b"\xc1",
    "nested-without-end": entry()[: 1 + 8 + 16 + 4 + 2 + len(TOPIC)] + b"\x91" * 20_000,
    "promises-more-than-there-is": entry()[: 1 + 8 + 16 + 4 + 2 + len(TOPIC)] + b"\xdd\xff\xff\xff\xff",
    "a-head-and-nothing": entry()[: 1 + 8 + 16 + 4],
    "too-long": entry(values=[1, 5, "r" * 65_600, NUMBER, 1, sha256(CLEAR).digest(), 5]),
}


@pytest.mark.parametrize("record", GENUINE)
def test_a_genuine_entry_that_says_something_else_says_nothing_of_this_list(record):
    """The log does hold it, and it is not the record of these bits of this list."""
    told = Told(GENUINE[record])

    found = answered(told.bundle(told.paper()), told.trust())

    assert found == ("not_checked", "status-list-key-retired")


def test_without_a_trust_file_a_record_says_nothing():
    """Nobody can say whose log it is."""
    records = ListRecords([PAPER], None, NOW_US)

    assert records.in_force_at(NUMBER, "1", CLEAR) is None
    assert ListRecords([PAPER], RETIRED, NOW_US).in_force_at(NUMBER, "1", CLEAR) is not None


@pytest.mark.parametrize(
    "asked", [(95002, "1", CLEAR), (NUMBER, "2", CLEAR), (NUMBER, "01", CLEAR), (NUMBER, "1", CLEAR + b"\0")]
)
def test_a_record_is_of_one_list_and_its_bits(asked):
    """Another issuer, list or bits: nothing known."""
    assert ListRecords([PAPER], RETIRED, NOW_US).in_force_at(*asked) is None


# ------------------------------------------------------------------ witnesses


def test_where_the_policy_asks_for_witnesses_the_record_needs_them():
    """A log could show some a record that it hides from others: too few witnesses, and it says nothing."""
    told = Told()
    witness = Witness("w1.example")

    def watched(content: Any) -> None:
        content["witness_policy"] = (
            f"log {told.world.log.key.vkey('ledger.example/log')}\nwitness w1 {witness.vkey}\nquorum w1\n"
        )

    trust, at_s = told.trust(watched), NOW_US // 1_000_000 - 60
    bare = ListRecords([told.paper()], trust, NOW_US)
    seen = ListRecords([told.paper(witnesses={witness: at_s})], trust, NOW_US)
    to_come = ListRecords([told.paper(witnesses={witness: at_s + 10**6})], trust, NOW_US)
    other = ListRecords([told.paper(witnesses={Witness("w2.example"): at_s})], trust, NOW_US)

    found = [one.in_force_at(NUMBER, "1", CLEAR) is not None for one in (bare, seen, to_come, other)]

    assert found == [False, True, False, False]


# ------------------------------------------------------------------ several


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_records_are_matched_by_what_they_say(order):
    """Whatever their names: among others' records and broken ones, the right one is found."""
    told = Told()
    papers = [told.paper(), b"broken", told.paper(ENTRY[:-1])]

    content = told.bundle(*(papers[at] for at in order))

    assert answered(content, told.trust()) == ("warning", "status-list-recorded")


def test_of_two_records_of_the_same_bits_neither_is_mixed_up():
    """Bits that were clear, set and clear again have two records: each proves its own instant."""
    told = Told()
    later = told.world.log.append(entry(at_us=RECORDED_US + 86_400_000_000))
    assert later is not None
    first = told.paper()

    found = ListRecords([first], told.trust(), NOW_US).in_force_at(NUMBER, "1", CLEAR)

    assert found.date().isoformat() == "2026-10-28"


def _encoded(listed: Any) -> bytes:
    text = listed["credentialSubject"]["encodedList"][1:]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
