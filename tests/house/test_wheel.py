"""The wheel: the three packages, whole, and the same bytes whenever and wherever it is built."""

import os
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.support.tree import PACKAGES, ROOT, project_files

MADE_AT = "1767225600"  # 2026-01-01T00:00:00Z


def build(target, source, folder):
    """Build from a source tree into a folder and return the one file made."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": MADE_AT},
        check=True,
        capture_output=True,
    )
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel built from this tree."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_three_packages_whole(wheel):
    """Every file of the three packages is in the wheel, data files too, and nothing else is."""
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}

    relative = {path.relative_to(ROOT) for path in project_files()}

    assert shipped == {path.as_posix() for path in relative if path.parts[0] in PACKAGES}


def test_the_wheel_carries_its_licence_and_command(wheel):
    """Who installs it gets the licence text and the command `roa`."""
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        (commands,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))

        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
        assert b"roa = api.cli.main:main" in archive.read(commands)


def test_a_wheel_built_from_the_source_archive_is_the_same(wheel, tmp_path):
    """Built a second time, from the source archive and in another folder, the wheel has the same bytes."""
    sources = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sources) as archive:
        # 3.11.0 to 3.11.3 have no filter; it is our own archive.
        careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path / "unpacked", **careful)  # noqa: S202 - made by the line above
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    again = build("wheel", unpacked, tmp_path / "again")

    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
