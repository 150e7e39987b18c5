"""The log's own keys are rotated by position: whoever checks a checkpoint asks for the keys of its size.

Old checkpoints stay valid under the keys that signed them; a checkpoint of a size after the rotation
that the old keys signed, real as they are, is refused by everybody.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.operations.log_rotation import LogRotated, next_log_vkeys, rotate_log
from ledger.audit import How, audit
from ledger.errors import Corrupt, Unavailable
from ledger.founding import CHECKPOINT, CHECKPOINT_MLDSA, REGISTRAR
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import ES256
from ledger.log.note import parse_vkey
from ledger.log.policy import parse_policy
from ledger.log_keys import FollowedLogKeys, LogKeys, log_key_json, log_key_of_json, log_keys_at, log_keys_of
from ledger.monitor.entries import parse_entry
from ledger.monitor.findings import Findings
from ledger.monitor.fsck import fsck
from ledger.monitor.mirroring import copied_keys, pull
from ledger.monitor.rebuilding import rebuild
from ledger.monitor.source import folder
from ledger.monitor.trusted import Trusted
from ledger.monitor.watching import Watch, compare
from ledger.publisher import latest
from ledger.restore import restore
from tests.ledger.monitor.forging import entries_of
from tests.support.ledgers import House, a_study_ledger, open_house, people
from tests.support.rotation import (
    a_log_key,
    checkpoint_in,
    log_signers,
    signed_by,
    vkeys_under,
    with_operator,
)
from tests.support.witnessing import Network, witnessed_publisher

PAST_TILES = 300  # learners: more than a tile, before and after


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a published ledger with its first keys."""
    house = with_operator(a_study_ledger(tmp_path_factory.mktemp("rotation") / "ledger"))
    house.register(*people(PAST_TILES))
    house.publish()
    house.close()
    return house.files.folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    """That ledger, to rotate in one test."""
    house = open_house(Path(shutil.copytree(made, tmp_path / "ledger")))
    yield house
    house.close()


def first_vkeys(house: House) -> tuple[str, ...]:
    """Return the keys of the founding."""
    return tuple(house.ledger.founding.log_keys)


def believed(*vkeys: str) -> Trusted:
    """What somebody was told beforehand."""
    return Trusted(keys=tuple(map(parse_vkey, vkeys)))


def turned(house: House) -> LogRotated:
    """Rotate, and publish."""
    rotated = rotate_log(house.ledger)
    house.publish()
    return rotated


def grown(house: House, first: int = 2000) -> None:
    """Record something more, and publish it."""
    house.register(*people(3, first=first))
    house.publish()


def note_of(house: House) -> str:
    """Return the checkpoint that is served."""
    return (house.files.anchor / "checkpoint").read_text()


def forged_by_old_keys(house: House, kids: tuple[str, ...]) -> str:
    """Put a checkpoint in place that the old keys signed, over the true tree; return its note."""
    note = signed_by(house, kids, checkpoint_in(note_of(house)))
    (house.files.anchor / "checkpoint").write_text(note)
    return note


# ------------------------------------------------------------------ signing


def test_the_checkpoint_that_covers_the_rotation_is_signed_by_the_new_keys_alone(house: House) -> None:
    """Before it the first two, from its size on the next two; a restart changes nothing."""
    before = note_of(house)

    rotated = turned(house)

    assert rotated.first_size == house.size() == checkpoint_in(note_of(house)).size
    every = [*first_vkeys(house), *rotated.vkeys]
    assert vkeys_under(before, every) == list(first_vkeys(house))
    assert vkeys_under(note_of(house), every) == list(rotated.vkeys)

    house.reopen()
    grown(house)
    assert vkeys_under(note_of(house), every) == list(rotated.vkeys)
    assert house.audit().ok
    assert house.audit(with_keys=False).ok
    assert audit(house.ledger, how=How(since=checkpoint_in(before).size)).ok


def test_keys_count_by_size(house: House) -> None:
    """From the position that registers a key on, and below the one that ends it."""
    start = house.size()
    rotated = turned(house)

    first, second, third, fourth = log_keys_of(house.ledger.register())

    assert (first.vkey, second.vkey) == first_vkeys(house)
    assert (third.vkey, fourth.vkey) == rotated.vkeys
    spans = [(one.first, one.end) for one in (first, second, third, fourth)]
    assert spans == [(1, start + 3), (1, start + 4), (start + 1, None), (start + 2, None)]
    register = house.ledger.register()
    assert log_keys_at(register, start) == (first.key, second.key)
    assert log_keys_at(register, start + 2) == (first.key, second.key, third.key, fourth.key)
    assert log_keys_at(register, start + 4) == (third.key, fourth.key)


def test_a_key_that_is_registered_beside_others_signs_beside_them(house: House) -> None:
    """Whatever is in force signs; nothing is signed by less, so a key that is not in custody stops it."""
    third = house.keystore.create_next_mldsa(CHECKPOINT_MLDSA)
    house.must(REGISTRAR, [a_log_key(third)])
    house.publish()
    every = log_keys_of(house.ledger.register()).every
    assert len(every) == 3
    assert vkeys_under(note_of(house), every) == list(every)
    assert house.audit().ok

    elsewhere = MldsaSigner.generate()
    house.must(REGISTRAR, [a_log_key(elsewhere)])

    with pytest.raises(Unavailable, match=elsewhere.thumbprint) as caught:
        house.publish()
    assert caught.value.code == "custody"
    newest = latest(house.ledger.store.database.reader)
    assert newest is not None
    assert newest.size == house.size() - 1


def test_two_rotations_one_after_the_other(house: House) -> None:
    """Each has its own generation, and every checkpoint keeps the keys of its size."""
    one = turned(house)
    grown(house)
    two = turned(house)
    grown(house, 3000)

    assert {*one.registered} == {*two.retired}
    assert vkeys_under(note_of(house), [*first_vkeys(house), *one.vkeys, *two.vkeys]) == list(two.vkeys)
    assert house.audit().ok


@pytest.mark.parametrize("made_before", ["nothing", "ed25519", "both"])
def test_a_stop_between_making_and_registering_costs_nothing(house: House, made_before: str) -> None:
    """The next attempt, in another process, registers what was made; meanwhile it signs nothing."""
    if made_before == "ed25519":
        house.keystore.create_next(CHECKPOINT)
    told = next_log_vkeys(house.ledger) if made_before == "both" else None
    generations = len(log_signers(house))
    grown(house)
    assert vkeys_under(note_of(house), [*first_vkeys(house), *(told or ())]) == list(first_vkeys(house))

    house.reopen()
    rotated = turned(house)

    assert told in (None, rotated.vkeys)
    assert len(log_signers(house)) == 4
    assert generations == {"nothing": 2, "ed25519": 3, "both": 4}[made_before]
    assert house.audit().ok


def test_what_is_told_beforehand_is_what_signs(house: House) -> None:
    """Asked twice, the same keys are named, and nothing is recorded."""
    size = house.size()

    told = next_log_vkeys(house.ledger)

    assert next_log_vkeys(house.ledger) == told
    assert house.size() == size
    assert turned(house).vkeys == told


def test_a_process_that_is_running_signs_with_the_new_keys(house: House) -> None:
    """Another process rotates; the publisher that was there before signs with what it made."""
    publisher, beside = house.publisher(), open_house(house.files.folder, house.clock)
    publisher.publish()

    rotated = rotate_log(beside.ledger)
    published = publisher.publish()

    assert published is not None
    every = log_keys_of(house.ledger.register()).every
    assert vkeys_under(published.note, every) == list(rotated.vkeys)
    assert {str(log.key) for log in publisher.policy.logs} == {*rotated.vkeys}
    beside.close()


def test_a_key_of_another_kind_under_that_label_is_passed_over(house: House) -> None:
    """A P-256 key signs no checkpoints, whoever put it there; the rotation makes one that does."""
    other = house.keystore.create_next(CHECKPOINT, alg=ES256)

    rotated = turned(house)

    assert other.thumbprint not in rotated.registered
    assert house.audit().ok


# ------------------------------------------------------------------ the old keys are refused


def test_an_audit_finds_a_checkpoint_that_the_old_keys_signed(house: House) -> None:
    """The row of the checkpoint, over the true tree, with the real old keys."""
    rotated = turned(house)
    forged = signed_by(house, rotated.retired, checkpoint_in(note_of(house)))
    with house.ledger.store.database.writing() as writing:
        writing.execute("DROP TRIGGER checkpoint_is_never_updated")
        writing.execute(
            "UPDATE checkpoint SET note = ? WHERE number = (SELECT MAX(number) FROM checkpoint)", (forged,)
        )

    report = house.audit(with_keys=False)

    assert [one.code for one in report.faults if one.where.startswith("checkpoint ")] == ["unsigned"]


@pytest.mark.parametrize("told", ["nothing", "old keys", "one old key", "policy"])
def test_outsiders_refuse_a_checkpoint_that_the_old_keys_signed(
    house: House, tmp_path: Path, told: str
) -> None:
    """fsck, rebuild, mirror and monitor, on their first look: whatever of the old keys they believe."""
    rotated = turned(house)
    grown(house)
    forged_by_old_keys(house, rotated.retired)
    old, log = first_vkeys(house), folder(house.files.anchor)
    policy = parse_policy("".join(f"log {vkey}\n" for vkey in old) + "quorum none\n")
    trusted = {
        "nothing": Trusted(),
        "old keys": believed(*old),
        "one old key": believed(old[0]),
        "policy": Trusted(policy=policy),
    }[told]

    watch = Watch(tmp_path / "state.json", trusted, frozenset())

    assert watch.advance(log) is None
    assert watch.result.findings.found[0].code == "unsigned"
    assert watch.follower.register.founding is None
    assert "unsigned" in [one.code for one in fsck(log, trusted).findings.found]
    assert "unsigned" in [one.code for one in rebuild(log, trusted).findings.found]
    assert [one.code for one in pull(log, tmp_path / "copy", trusted).findings.found] == ["unsigned"]
    assert not (tmp_path / "copy" / "checkpoint").exists()


def test_a_monitor_that_follows_refuses_them_and_goes_on_with_the_right_ones(
    house: House, tmp_path: Path
) -> None:
    """A forged checkpoint is forgotten with everything under it; the true one is followed after."""
    old, log, state = first_vkeys(house), folder(house.files.anchor), tmp_path / "state.json"
    assert Watch(state, believed(*old), frozenset()).advance(log) is not None
    rotated = turned(house)
    true = note_of(house)
    forged_by_old_keys(house, rotated.retired)

    watch = Watch(state, believed(*old), frozenset({"OPERATOR"}))
    assert watch.advance(log) is None
    assert [one.code for one in watch.result.findings.found] == ["unsigned"]
    assert watch.result.news == []

    (house.files.anchor / "checkpoint").write_text(true)
    assert watch.advance(log) is not None
    assert len(watch.result.findings.found) == 1
    assert [one.type for one in watch.result.news] == ["key.registered"] * 2 + ["key.retired"] * 2
    watch.told()
    again = Watch(state, believed(*old), frozenset())
    assert again.advance(log) is not None
    assert again.result.findings.ok


def test_a_restore_refuses_a_checkpoint_that_the_old_keys_signed(house: House, tmp_path: Path) -> None:
    """At the anchor's place a checkpoint needs the keys of its size; then the log goes on."""
    behind = _behind(house, tmp_path)
    rotated, true = behind
    forged_by_old_keys(house, rotated.retired)

    with pytest.raises(Corrupt) as caught:
        restore(house.ledger, accept_lost=True)
    assert caught.value.code == "anchor"

    (house.files.anchor / "checkpoint").write_text(true)
    restore(house.ledger, accept_lost=True)
    house.publish()
    assert vkeys_under(note_of(house), [*first_vkeys(house), *rotated.vkeys]) == list(rotated.vkeys)
    assert house.audit().ok


def _behind(house: House, tmp_path: Path) -> tuple[LogRotated, str]:
    """Rotate, publish, and put back the database from before; return the rotation and the true note."""
    house.close()
    kept = shutil.copytree(house.files.folder, tmp_path / "kept")
    house.reopen()
    rotated = turned(house)
    grown(house)
    house.close()
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        target = house.files.folder / name
        target.unlink(missing_ok=True)
        if (kept / name).exists():
            shutil.copy(kept / name, target)
    house.reopen()
    return rotated, note_of(house)


# ------------------------------------------------------------------ outsiders follow


@pytest.mark.parametrize("told", ["nothing", "old keys"])
def test_whoever_followed_the_log_follows_it_past_the_rotation(
    house: House, tmp_path: Path, told: str
) -> None:
    """Monitor and mirror with the old keys, or none: what they followed tells them the next ones."""
    trusted = Trusted() if told == "nothing" else believed(*first_vkeys(house))
    log, state, copy = folder(house.files.anchor), tmp_path / "state.json", tmp_path / "copy"
    for step in (lambda: None, lambda: turned(house), lambda: grown(house), lambda: turned(house)):
        step()
        watch = Watch(state, trusted, frozenset())

        assert watch.advance(log) is not None
        assert watch.result.findings.ok
        assert pull(log, copy, trusted).findings.ok
    assert fsck(log, Trusted()).findings.ok
    assert fsck(folder(copy), Trusted()).findings.ok
    assert rebuild(log, Trusted()).findings.ok


def test_a_copy_that_lost_its_keys_reads_them_again(house: House, tmp_path: Path) -> None:
    """What lies beside the copy spares reading it; where it is gone, or garbage, nothing is lost."""
    log, copy, trusted = folder(house.files.anchor), tmp_path / "copy", believed(*first_vkeys(house))
    assert pull(log, copy, trusted).findings.ok
    turned(house)
    assert pull(log, copy, trusted).findings.ok
    at = checkpoint_in(note_of(house))
    whole = [log_key_json(one) for one in copied_keys(copy, at)]
    assert len(whole) == 4

    for damage in (b"", b"[]", b'{"size": 1, "keys": []}', b'{"size": %d, "keys": [7]}' % at.size):
        (copy / "log-keys.json").write_bytes(damage)
        assert [log_key_json(one) for one in copied_keys(copy, at)] == whole
    (copy / "log-keys.json").unlink()
    grown(house)
    assert pull(log, copy, trusted).findings.ok


def test_new_keys_alone_are_believed_by_whoever_comes_later(house: House, tmp_path: Path) -> None:
    """The next trust file names the keys in force; the first look needs no others."""
    rotated = turned(house)

    watch = Watch(tmp_path / "state.json", believed(*rotated.vkeys), frozenset())

    assert watch.advance(folder(house.files.anchor)) is not None
    assert watch.result.findings.ok


def test_a_trust_file_of_today_believes_an_older_copy_too(house: House, tmp_path: Path) -> None:
    """Keys with their sizes: a copy of before the rotation, the log of now, and no forged one."""
    older = shutil.copytree(house.files.anchor, tmp_path / "older")
    rotated = turned(house)
    trusted = Trusted(by_size=log_keys_of(house.ledger.register()))

    for place in (older, house.files.anchor):
        assert fsck(folder(place), trusted).findings.ok
        watch = Watch(tmp_path / f"{place.name}.json", trusted, frozenset())
        assert watch.advance(folder(place)) is not None
        assert watch.result.findings.ok
    forged_by_old_keys(house, rotated.retired)
    assert [one.code for one in fsck(folder(house.files.anchor), trusted).findings.found] == ["unsigned"]
    ended = Trusted(by_size=LogKeys(one for one in trusted.by_size if one.end is not None))
    assert [one.code for one in fsck(folder(older), ended).findings.found] == []
    assert [one.code for one in fsck(folder(house.files.anchor), ended).findings.found] == ["unsigned"]


def test_a_second_address_is_held_to_the_keys_of_its_size(house: House, tmp_path: Path) -> None:
    """Whoever compares two views after a rotation believes one of before it, and none forged since."""
    older = shutil.copytree(house.files.anchor, tmp_path / "older")
    log, believing = folder(house.files.anchor), believed(*first_vkeys(house))
    assert Watch(tmp_path / "state.json", believing, frozenset()).advance(log) is not None
    rotated = turned(house)
    forged = shutil.copytree(house.files.anchor, tmp_path / "forged")
    note = signed_by(house, rotated.retired, checkpoint_in(note_of(house)))
    (forged / "checkpoint").write_text(note)
    watch = Watch(tmp_path / "state.json", believing, frozenset())
    followed = watch.advance(log)
    assert followed is not None
    assert watch.result.seen is not None

    found = []
    for other in (older, house.files.anchor, forged):
        findings = Findings()
        compare(watch.result.seen, followed, folder(other), watch.trusted, findings, watch.log_keys)
        found.append([one.code for one in findings.found])

    assert found == [[], [], ["unsigned"]]


def test_keys_gathered_from_entries_are_those_of_the_register(house: House) -> None:
    """Two ways to the same keys: the register, and the public records read one by one."""
    before = checkpoint_in(note_of(house)).size
    entries = entries_of(house)
    turned(house)
    turned(house)
    gathered = FollowedLogKeys()
    log = folder(house.files.anchor)
    rebuilt = rebuild(log, Trusted())

    for position, data in enumerate(_all_entries(house), 1):
        entry = parse_entry(data)
        if entry is not None:
            gathered.take(entry.event(position), position)

    assert len(entries) == before
    assert (
        list(gathered.keys)
        == list(log_keys_of(rebuilt.register))
        == list(log_keys_of(house.ledger.register()))
    )
    assert [log_key_of_json(log_key_json(one)) for one in gathered.keys] == list(gathered.keys)


def _all_entries(house: House) -> list[bytes]:
    rows = house.ledger.store.database.reader.execute("SELECT entry FROM record ORDER BY position")
    return [bytes(entry) for (entry,) in rows]


# ------------------------------------------------------------------ witnesses


def test_witnesses_that_were_told_cosign_on(house: House, tmp_path: Path) -> None:
    """Two witnesses with two keys each: told the next keys first, they miss no checkpoint."""
    network = Network(tmp_path, house, 2)
    publisher = witnessed_publisher(house, network, enough=2)
    publisher.publish()
    told = next_log_vkeys(house.ledger)
    for witness in network.witnesses.values():
        witness.add_log(told)

    rotated = rotate_log(house.ledger)
    publisher.publish()

    served = publisher.served()
    assert served is not None
    assert (served.size, served.witnessed) == (rotated.first_size, True)
    assert {str(log.key) for log in publisher.policy.logs} == {*told}
    assert house.audit().ok
    network.close()


def test_witnesses_that_were_not_told_refuse_until_they_are(house: House, tmp_path: Path) -> None:
    """Nothing is lost by the wrong order: published, not witnessed, until they add the keys."""
    network = Network(tmp_path, house, 2)
    publisher = witnessed_publisher(house, network, enough=2, deadline_s=0.2, grace_s=0.1)
    publisher.publish()

    rotated = rotate_log(house.ledger)
    publisher.publish()
    served = publisher.served()
    assert served is not None
    assert not served.witnessed

    for witness in network.witnesses.values():
        witness.add_log(rotated.vkeys)
    again = witnessed_publisher(house, network, enough=2)
    again.publish()
    served = again.served()
    assert served is not None
    assert (served.size, served.witnessed) == (rotated.first_size, True)
    network.close()
