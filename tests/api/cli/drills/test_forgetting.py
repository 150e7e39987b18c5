"""The drill that forgets a learner finds nothing left, and finds what is left where something is."""

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from api.cli.drills import forgetting
from api.cli.drills.searching import PART_BYTES, Search, forms_of
from projections.issuing import Issuer

SALT = bytes(range(200, 232))


def test_nobody_is_found_after_the_forgetting(tmp_path):
    """In no file of the ledger, its WALs, copies, log lines and exports; and everything else still holds."""
    drill = forgetting.run(tmp_path)

    assert [step for step in drill.steps if not step.ok] == []
    assert drill.as_json()["ok"] is True
    assert drill.numbers["hits"] == 0
    assert drill.numbers["places"] > 30


def test_what_is_left_is_found(tmp_path, monkeypatch):
    """An export that nobody destroys, and an epoch that does not turn, fail the drill."""
    monkeypatch.setattr(Issuer, "destroy", lambda _issuer, _remains: True)
    monkeypatch.setattr(forgetting, "turn", lambda _ledger: None)

    drill = forgetting.run(tmp_path)

    failed = [step.what for step in drill.steps if not step.ok]
    assert failed == [
        "nothing of it is found in any file, nor in any copy",
        "old copies of the vault do not open",
    ]
    assert drill.numbers["hits"] > 0


@pytest.mark.parametrize(
    "written",
    [
        SALT,
        SALT.hex().encode(),
        SALT.hex().upper().encode(),
        b64encode(SALT),
        urlsafe_b64encode(SALT).rstrip(b"="),
        b64encode(b"x" + SALT + b"y"),
        b64encode(b"xy" + SALT + b"z"),
    ],
)
def test_a_salt_is_found_however_it_is_written(tmp_path, written):
    """As bytes, in hexadecimal, in base64 at any place of a longer text; across the parts of a large file."""
    (tmp_path / "file").write_bytes(bytes(PART_BYTES - 10) + written + bytes(10))

    assert Search(tmp_path, {"salt": SALT}, leave_out=[]).found_in() == ["file: salt"]


@pytest.mark.parametrize("written", ["Tāne Hēnare", json.dumps("Tāne Hēnare"), "T%C4%81ne%20H%C4%93nare"])
def test_a_name_is_found_however_it_is_written(tmp_path, written):
    """As text, as JSON without signs beyond ASCII, in an address."""
    (tmp_path / "log").write_text(written)

    assert Search(tmp_path, {"name": "Tāne Hēnare".encode()}, leave_out=[]).hits() == 1


def test_what_was_taken_along_is_left_out(tmp_path):
    """The learner's own copies are the learner's."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "file").write_bytes(SALT)

    search = Search(tmp_path, {"salt": SALT}, leave_out=[tmp_path / "own"])

    assert (search.places(), search.hits()) == (0, 0)


def test_forms_are_not_so_short_that_chance_writes_them():
    """A hit is somebody."""
    assert min(map(len, forms_of(SALT))) >= 32
