"""A copy only grows, holds nothing that was not checked, and is whole again after every interruption."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import Absent
from ledger.log.tiles import entry_bundle, parse_entry_bundle
from ledger.monitor import mirroring
from ledger.monitor.fsck import fsck
from ledger.monitor.mirroring import copied, pull, served
from ledger.monitor.source import LogSource, folder
from ledger.monitor.trusted import Trusted
from tests.ledger.monitor.forging import entries_of, trusted, write_log
from tests.support.ledgers import House, people


def files_in(place: Path) -> dict[str, bytes]:
    """Return what a reader of a log finds in a folder."""
    names = ["checkpoint", *(str(one.relative_to(place)) for one in place.glob("tile/**/*") if one.is_file())]
    return {name: (place / name).read_bytes() for name in names if (place / name).exists()}


def pulled(house: House, place: Path, source: LogSource | None = None) -> list[str]:
    """Pull and return the codes that were found."""
    result = pull(source or folder(house.files.anchor), place, trusted(house))
    return [one.code for one in result.findings.found]


def test_a_copy_is_the_log_byte_for_byte_at_every_step(house: House, tmp_path: Path) -> None:
    """First pull, nothing new, some more, past the next full tile: the copy's files are the log's own."""
    copy = tmp_path / "copy"
    sizes = []
    for number in (0, 3, 250):
        if number:
            house.register(*people(number, first=1000 + number * 10))
            house.publish()
        assert pulled(house, copy) == []
        assert pulled(house, copy) == []
        assert files_in(copy).items() >= files_in(house.files.anchor).items()
        assert fsck(folder(copy), trusted(house)).findings.ok
        sizes.append(str(house.size()))
    assert sorted(one.name for one in (copy / "checkpoints").iterdir()) == sorted(sizes)
    # Partial tiles stay until the full one is there, for readers of older checkpoints.
    assert not (copy / "tile" / "0" / "001.p").exists()
    for size in map(int, sizes[1:]):
        assert (copy / "tile" / "1" / "000.p" / str(size // 256)).exists()


def test_only_what_is_new_is_fetched(house: House, tmp_path: Path) -> None:
    """A second pull reads the right edge and the bundles that grew."""
    copy = tmp_path / "copy"
    pulled(house, copy)
    house.organisation(95002)
    house.publish()
    fetched: list[str] = []
    inner = folder(house.files.anchor)

    def fetch(path: str, size_max_bytes: int) -> bytes:
        fetched.append(path)
        return inner._fetch(path, size_max_bytes)

    assert pulled(house, copy, LogSource(fetch, "log")) == []
    assert "tile/entries/000" not in fetched


class _PowerCut(Exception):
    """The process is gone."""


def _cut_after(number: int, write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    """Return what writes that many files, and is cut off at the next."""
    left = iter(range(number))

    def cut(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise _PowerCut
        write(path, data)

    return cut


def test_a_pull_that_is_cut_off_leaves_the_old_copy_and_goes_on(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before any write, the copy is a whole log as before; the next pull brings it up."""
    copy, before = tmp_path / "copy", tmp_path / "before"
    pulled(house, copy)
    old = copied(copy)[1]
    house.register(*people(250, first=2000))
    house.publish()
    shutil.copytree(copy, before)
    write, stop = mirroring.replace_file, 0
    while True:
        shutil.rmtree(copy)
        shutil.copytree(before, copy)
        monkeypatch.setattr(mirroring, "replace_file", _cut_after(stop, write))
        try:
            assert pulled(house, copy) == []
            break
        except _PowerCut:
            pass
        monkeypatch.setattr(mirroring, "replace_file", write)
        at = copied(copy)[1]
        assert at == old
        assert fsck(folder(copy), trusted(house)).findings.ok
        assert pulled(house, copy) == []
        assert files_in(copy).items() >= files_in(house.files.anchor).items()
        stop += 1
    assert stop > 6


def test_what_is_there_already_is_not_fetched_again(house: House, tmp_path: Path) -> None:
    """After a first pull that never came to its checkpoint, bundles that hold are kept, others are not."""
    copy = tmp_path / "copy"
    shutil.copytree(house.files.anchor / "tile", copy / "tile")
    bundle = copy / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"?")

    result = pull(folder(house.files.anchor), copy, trusted(house))

    assert (result.kept, result.fetched) == (1, 1)
    assert files_in(copy) == files_in(house.files.anchor)


# ------------------------------------------------------------------ never back, never aside


def test_an_older_log_and_a_fork_change_nothing(house: House, tmp_path: Path) -> None:
    """A step back is a rollback, another history a split, made with the real key or not; the copy stays."""
    copy = tmp_path / "copy"
    pulled(house, copy)
    before = files_in(copy)
    entries = entries_of(house)
    fork = [*entries[:-2], b"\x01" + bytes(32), entries[-1]]
    write_log(tmp_path / "old", entries[:-1], house.files)
    write_log(tmp_path / "fork", fork, house.files)
    write_log(tmp_path / "longer", [*fork, *fork], house.files)

    found = {name: pulled(house, copy, folder(tmp_path / name)) for name in ("old", "fork", "longer")}

    assert found == {"old": ["rollback"], "fork": ["split"], "longer": ["split"]}
    assert files_in(copy) == before


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1", "checkpoint"])
def test_what_does_not_check_is_never_written(house: House, tmp_path: Path, name: str) -> None:
    """One flipped bit anywhere, and nothing of the new checkpoint is in the copy."""
    log, copy = tmp_path / "log", tmp_path / "copy"
    shutil.copytree(house.files.anchor, log)
    data = bytearray((log / name).read_bytes())
    data[len(data) // 2] ^= 1
    (log / name).write_bytes(data)

    codes = pulled(house, copy, folder(log))

    assert len(codes) == 1
    assert not (copy / "checkpoint").exists()
    assert (copy / name).read_bytes() != bytes(data) if (copy / name).exists() else True


def test_a_log_that_nobody_signed_is_not_copied(house: House, tmp_path: Path) -> None:
    """Without keys at hand those of the founding are asked; a log without one must be given keys."""
    log, copy = tmp_path / "log", tmp_path / "copy"
    write_log(log, [b"\x01" + bytes(32)] * 3, house.files)

    result = pull(folder(log), copy, Trusted())

    assert [one.code for one in result.findings.found] == ["unfounded"]
    assert not (copy / "checkpoint").exists()
    assert [one.code for one in pull(folder(house.files.anchor), copy, Trusted()).findings.found] == []


# ------------------------------------------------------------------ serving a copy


def test_a_copy_serves_what_its_checkpoint_covers(house: House, tmp_path: Path) -> None:
    """Full and partial tiles within the checkpoint, narrower ones cut out of wider; nothing else."""
    copy = tmp_path / "copy"
    pulled(house, copy)
    width = house.size() % 256
    full = parse_entry_bundle((copy / "tile/entries/000").read_bytes())

    assert served(copy, "checkpoint") == ((copy / "checkpoint").read_bytes(), False)
    assert served(copy, "tile/0/000") == ((copy / "tile/0/000").read_bytes(), True)
    assert served(copy, "tile/0/000.p/7")[0] == (copy / "tile/0/000").read_bytes()[: 7 * 32]
    assert served(copy, f"tile/0/001.p/{width - 1}")[0] == (copy / f"tile/0/001.p/{width}").read_bytes()[:-32]
    assert served(copy, "tile/entries/000.p/7")[0] == entry_bundle(full[:7])
    for path in (
        "",
        "anchor",
        "checkpoints/1",
        ".lock",
        "tile/0/001",
        f"tile/0/001.p/{width + 1}",
        "tile/0/002",
        "tile/2/000.p/1",
        "tile/0/0",
        "../ledger/ledger.sqlite",
        "tile/entries/../../checkpoint",
    ):
        with pytest.raises(Absent):
            served(copy, path)
