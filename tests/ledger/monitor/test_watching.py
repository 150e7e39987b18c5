"""A log that is followed may only grow, and only by what could be said: everything else is a finding."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Consequence
from ledger.clock import microseconds
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, Corrupt
from ledger.founding import REGISTRAR
from ledger.ids import public_id
from ledger.keys.signer import MemorySigner
from ledger.log.note import VerifierKey, format_note, parse_note
from ledger.log.policy import parse_policy
from ledger.monitor.entries import parse_entry
from ledger.monitor.source import LogSource, folder
from ledger.monitor.statuses import Served, StatusList
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch, compare
from tests.ledger.monitor.forging import changed, entries_of, entry_of, trusted, write_log
from tests.support.ledgers import House, registration_of, statement
from tests.support.world import MIDDAY, PROVIDER

LIST: StatusList = (PROVIDER, 1)


class Monitor:
    """A monitor of one house's log: every look is a new process, with the file between them."""

    def __init__(self, house: House, state: Path, *wanted: str) -> None:
        self.house, self.state, self.wanted = house, state, wanted
        self.place = house.files.anchor
        self.trusted = trusted(house)

    def watch(self) -> Watch:
        """Begin a look."""
        return Watch(self.state, self.trusted, frozenset(self.wanted))

    def look(self) -> Watch:
        """Look once, and be told."""
        watch = self.watch()
        watch.advance(folder(self.place))
        watch.told()
        return watch


def codes(watch: Watch) -> list[str]:
    """Return the codes that were found."""
    return [one.code for one in watch.result.findings.found]


@pytest.fixture
def monitor(house: House, tmp_path: Path) -> Monitor:
    """A monitor that has seen the log once, and wants news of 95001."""
    monitor = Monitor(house, tmp_path / "state.json", str(PROVIDER))
    first = monitor.look()
    assert codes(first) == []
    return monitor


def test_the_first_look_tells_all_news_and_the_second_none(house: House, tmp_path: Path) -> None:
    """What is said about an organisation is told once, with its position and by whom."""
    monitor = Monitor(house, tmp_path / "state.json", str(PROVIDER))

    first, second = monitor.look(), monitor.look()

    assert [(one.type, one.said_by) for one in first.result.news] == [
        ("organisation.registered", "95000"),
        ("organisation.role_granted", "95000"),
        ("key.registered", "95000"),
        ("accreditation.granted", "95000"),
    ]
    assert [one.position for one in first.result.news] == [3, 4, 5, 7]
    assert (second.result.size_before, second.result.news, codes(second)) == (house.size(), [], [])


def test_only_what_is_new_is_read(house: House, monitor: Monitor) -> None:
    """A later look fetches the tiles at the right edge and the bundles that grew, and no others."""
    house.organisation(95002, "developer")
    house.publish()
    fetched: list[str] = []
    inner = folder(monitor.place)

    def fetch(path: str, size_max_bytes: int) -> bytes:
        fetched.append(path)
        return inner._fetch(path, size_max_bytes)

    watch = monitor.watch()
    watch.advance(LogSource(fetch, "log"))

    assert codes(watch) == []
    width = house.size() % 256
    assert set(fetched) <= {
        "checkpoint",
        "tile/1/000.p/1",
        "tile/0/000",
        f"tile/0/001.p/{width}",
        f"tile/entries/001.p/{width}",
    }
    assert "tile/entries/000" not in fetched


def test_news_of_keys_roles_listings_and_accreditations(house: House, monitor: Monitor) -> None:
    """Whatever happens to an organisation's keys, roles, products and permissions is told."""
    signer = MemorySigner.generate()
    house.must(REGISTRAR, [registration_of(signer, PROVIDER, "keys")])
    key = {"organisation": PROVIDER, "kid": signer.thumbprint}
    house.must(REGISTRAR, [statement("key.retired", **key, from_="2026-11-22")])
    house.must(REGISTRAR, [statement("key.revoked", **key, reason="stolen", suspected_from=house.size())])
    house.organisation(95002, "provider")
    house.must(
        REGISTRAR,
        [
            statement(
                "accreditation.ended",
                provider=PROVIDER,
                code="6022",
                ended_on="2026-06-30",
                reason="withdrawn",
            ),
            statement(
                "organisation.role_ended", organisation=PROVIDER, role="provider", ended_on="2026-06-30"
            ),
        ],
    )
    house.publish()

    watch = monitor.look()

    assert codes(watch) == []
    assert [(one.type, one.what.get("kid")) for one in watch.result.news] == [
        ("key.registered", signer.thumbprint),
        ("key.retired", signer.thumbprint),
        ("key.revoked", signer.thumbprint),
        ("accreditation.ended", None),
        ("organisation.role_ended", None),
    ]


# ------------------------------------------------------------------ a step back, a step aside


def test_an_older_log_is_a_rollback_with_both_notes(house: House, monitor: Monitor, tmp_path: Path) -> None:
    """Fewer entries than were seen: code, exit, and the two signed notes; what is remembered stays."""
    before = monitor.state.read_bytes()
    note = write_log(tmp_path / "old", entries_of(house)[:200], house.files)
    monitor.place = tmp_path / "old"

    watch = monitor.look()

    (found,) = watch.result.findings.found
    assert (found.code, found.evidence[1]) == ("rollback", note)
    assert "checkpoint" not in found.evidence[0]
    assert parse_note(found.evidence[0].encode()).text.split("\n")[1] == str(house.size())
    assert monitor.state.read_bytes() == before


@pytest.mark.parametrize("more", [0, 1, 50])
def test_a_fork_made_with_the_real_key_is_a_split(
    house: House, monitor: Monitor, tmp_path: Path, more: int
) -> None:
    """Another history, as long or longer, well signed and whole in itself, is found by who saw the first."""
    entries = entries_of(house)
    entries[100] = b"\x01" + bytes(32)
    forged = [*entries, *[b"\x01" + bytes([number]) * 32 for number in range(more)]]
    note = write_log(tmp_path / "fork", forged, house.files)
    monitor.place = tmp_path / "fork"

    watch = monitor.look()

    (found,) = watch.result.findings.found
    assert (found.code, found.evidence[1]) == ("split", note)
    assert codes(Monitor(house, tmp_path / "fresh.json").look()) == []


def test_a_split_view_is_found_between_two_addresses(house: House, monitor: Monitor, tmp_path: Path) -> None:
    """One history here and another there, of whichever size, is found; an older true copy is none."""
    entries = entries_of(house)
    write_log(tmp_path / "older", entries[:150], house.files)
    write_log(tmp_path / "forked", [*entries[:149], b"\x01" + bytes(32)], house.files)
    write_log(tmp_path / "longer", [*entries, b"\x01" + bytes(32)], house.files)
    write_log(tmp_path / "other", [*entries[:-1], b"\x01" + bytes(32), b"\x01" + bytes(32)], house.files)
    found = {}
    for name in ("older", "forked", "longer", "other"):
        watch = monitor.watch()
        log = watch.advance(folder(monitor.place))
        assert log is not None
        assert watch.result.seen is not None

        compare(watch.result.seen, log, folder(tmp_path / name), monitor.trusted, watch.result.findings)

        found[name] = codes(watch)
    assert found == {"older": [], "forked": ["split"], "longer": [], "other": ["split"]}


def test_another_log_in_its_place_is_found(monitor: Monitor, tmp_path: Path) -> None:
    """A checkpoint under another name is not this log's, whoever signed it."""
    monitor.trusted = Trusted()
    text = (
        (monitor.place / "checkpoint").read_text().replace("ledger.example/log\n", "other.example/log\n", 1)
    )
    shutil.copytree(monitor.place, tmp_path / "other")
    (tmp_path / "other" / "checkpoint").write_text(text)
    monitor.place = tmp_path / "other"

    assert codes(monitor.look()) == ["origin"]


def test_what_its_keys_did_not_sign_is_not_followed(house: House, monitor: Monitor, tmp_path: Path) -> None:
    """All log keys must have signed: with one signature taken away the checkpoint is nobody's word."""
    house.organisation(95002, "developer")
    house.publish()
    shutil.copytree(monitor.place, tmp_path / "unsigned")
    note = parse_note((monitor.place / "checkpoint").read_bytes())
    for place, own in enumerate(note.signatures):
        cut = format_note(type(note)(note.text, (own,)))
        (tmp_path / "unsigned" / "checkpoint").write_bytes(cut)
        for known in (monitor.trusted, Trusted()):
            monitor.place, monitor.trusted = tmp_path / "unsigned", known
            watch = monitor.look()
            assert codes(watch) == ["unsigned"], place
            assert watch.result.seen is None


def test_too_few_witnesses_are_told_and_the_log_is_held_to_its_word(house: House, tmp_path: Path) -> None:
    """Without the quorum there is a finding; the checkpoint is remembered all the same."""
    key = VerifierKey("witness.example/w1", 4, MemorySigner.generate().public_key().public_bytes_raw())
    lines = [
        *(f"log {vkey}" for vkey in house.ledger.founding.log_keys),
        f"witness w1 {key}",
        "quorum w1",
        "",
    ]
    monitor = Monitor(house, tmp_path / "state.json")
    monitor.trusted = Trusted(policy=parse_policy("\n".join(lines)))

    watch = monitor.look()

    assert codes(watch) == ["quorum"]
    assert monitor.look().result.size_before == house.size()


# ------------------------------------------------------------------ what nobody had the right to say


def test_a_record_that_nobody_could_say_is_found_and_changes_nothing(
    house: House, monitor: Monitor, tmp_path: Path
) -> None:
    """An operator who writes a key of his own into the register, well signed as a log, is found."""
    signer = MemorySigner.generate()
    entries = entries_of(house)
    (position,) = (
        at
        for at, data in enumerate(entries, 1)
        if (one := parse_entry(data)) and one.topic == "key.registered"
    )
    entry = parse_entry(entries[position - 1])
    assert entry is not None
    event = entry.event(position)
    forged: Any = changed(
        event,
        originator_id=public_id("key", signer.thumbprint),
        kid=signer.thumbprint,
        as_of=len(entries),
    )
    write_log(tmp_path / "forged", [*entries, entry_of(forged, microseconds(MIDDAY))], house.files)
    monitor.place = tmp_path / "forged"

    watch = monitor.look()

    assert codes(watch) == ["ruling"]
    assert watch.result.news == []
    assert signer.thumbprint not in watch.follower.register.keys


def test_a_record_dated_back_is_found(house: House, monitor: Monitor, tmp_path: Path) -> None:
    """Public records are recorded one after another: an earlier instant than the one before is a lie."""
    house.organisation(95002)
    house.publish()
    entries = entries_of(house)
    entry = parse_entry(entries[-1])
    assert entry is not None
    back = entry_of(entry.event(len(entries)), entry.recorded_at_us - 1)
    write_log(tmp_path / "back", [*entries[:-1], back], house.files)
    monitor.place = tmp_path / "back"

    assert codes(monitor.look()) == ["recorded-at"]


# ------------------------------------------------------------------ status lists


def _bits(house: House, digest: bytes) -> None:
    fields = {"issuer": LIST[0], "status_list": LIST[1], "bits_sha256": digest, "as_at": house.size()}
    house.ledger.note([Consequence(public_id("status_list", *LIST), StatusListChanged, fields)])
    house.publish()


def _judged(monitor: Monitor, served: Served | None, between: Any = None) -> list[str]:
    watch = monitor.look()

    def fetch(one: StatusList) -> Served:
        assert one == LIST
        if between is not None:
            between()
        if served is None:
            raise Absent("it is not served", code="missing")
        return served

    watch.judge_statuses(folder(monitor.place), fetch)
    watch.told()
    return codes(watch)


A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))


def test_bits_in_force_hold_and_others_do_not(house: House, monitor: Monitor) -> None:
    """Served must be what the log says, as long as it says so."""
    _bits(house, A)
    assert _judged(monitor, Served("2026-11-22T00:00:00Z", A)) == []
    assert _judged(monitor, Served("2026-11-22T00:00:01Z", B)) == ["status-bits"]
    _bits(house, B)

    assert _judged(monitor, Served("2026-11-22T00:00:02Z", B)) == []
    assert _judged(monitor, Served("2026-11-22T00:00:03Z", A)) == ["status-bits"]


def test_bits_that_change_while_they_are_fetched_are_no_fault(house: House, monitor: Monitor) -> None:
    """Old bits and new ones are right between the two checkpoints; bits of neither are not."""
    _bits(house, A)
    assert _judged(monitor, Served("2026-11-22T00:00:00Z", A), lambda: _bits(house, B)) == []
    assert _judged(monitor, Served("2026-11-22T00:00:01Z", C), lambda: _bits(house, C)) == []
    assert _judged(monitor, Served("2026-11-22T00:00:02Z", A), lambda: _bits(house, B)) == ["status-bits"]


def test_two_lists_for_one_moment_are_found(house: House, monitor: Monitor) -> None:
    """The same moment with other bits is remembered from look to look, though each was in force once."""
    _bits(house, A)
    assert _judged(monitor, Served("2026-11-22T00:00:00Z", A)) == []
    assert _judged(monitor, Served("2026-11-22T00:00:00Z", A)) == []
    _bits(house, B)

    assert _judged(monitor, Served("2026-11-22T00:00:00Z", B)) == ["status-moment"]


def test_a_list_that_is_not_served_is_found(house: House, monitor: Monitor) -> None:
    """A list that the log knows has to be there."""
    _bits(house, A)

    assert _judged(monitor, None) == ["missing"]


# ------------------------------------------------------------------ what is remembered


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "state"])
def test_a_damaged_memory_is_refused(monitor: Monitor, damage: str) -> None:
    """A monitor does not go on from a memory that somebody changed: it says so."""
    records = monitor.state.with_name(monitor.state.name + ".records")
    data = bytearray(records.read_bytes())
    if damage == "cut":
        records.write_bytes(data[:-1])
    elif damage == "flipped":
        data[-1] ^= 1
        records.write_bytes(data)
    elif damage == "gone":
        records.unlink()
    else:
        monitor.state.write_bytes(monitor.state.read_bytes()[:-5])

    with pytest.raises(Corrupt) as refused:
        monitor.watch()
    assert refused.value.code in ("state", "entry-fields", "entry-form")


def test_a_look_that_was_cut_off_is_done_again(house: House, monitor: Monitor) -> None:
    """Records written after the last state do not count, and do not stand in the way."""
    records = monitor.state.with_name(monitor.state.name + ".records")
    records.write_bytes(records.read_bytes() + b"half a record")
    house.organisation(95002, "developer")
    house.publish()

    watch = monitor.look()

    assert codes(watch) == []
    assert b"half a record" not in records.read_bytes()
    assert codes(monitor.look()) == []


def test_two_monitors_do_not_write_over_each_other(house: House, monitor: Monitor) -> None:
    """Whoever is second finds that the file has moved, and leaves it as it is."""
    first, second = monitor.watch(), monitor.watch()
    house.organisation(95002, "developer")
    house.publish()
    first.advance(folder(monitor.place))

    second.advance(folder(monitor.place))

    assert (codes(first), codes(second)) == ([], ["busy"])
    assert codes(monitor.look()) == []
