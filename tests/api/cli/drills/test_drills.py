"""Every drill comes out as it has to, and cannot come out well by itself."""

import re
from pathlib import Path
from typing import Any

import pytest

from api.cli.drills import backup, compromise, rollback, split, tampering
from api.cli.drills.result import Drill
from api.client.verify.keys import Key, Standing
from ledger.backup import placing
from ledger.backup.copying import copy_file
from ledger.log.note import format_signature
from ledger.monitor.watching import Watch
from ledger.witness.service import TEXT, Answer, Witness

AUDITORS = Path(__file__).parents[4] / "docs" / "for-auditors.md"


@pytest.mark.parametrize(
    "drill", [split, rollback, backup, compromise], ids=["split", "rollback", "backup", "compromise"]
)
def test_what_goes_wrong_is_found(drill, tmp_path):
    """Every step happens as it must."""
    done = drill.run(tmp_path)

    assert [step for step in done.steps if not step.ok] == []
    assert done.as_json()["ok"] is True


def test_the_table_for_auditors_is_what_was_found(tmp_path):
    """Each tampering is played again; `make drills` writes the table, and nobody else."""
    rows = tampering.run(tmp_path)

    assert all(row.is_found for row in rows)
    document = AUDITORS.read_text(encoding="utf-8")
    found = re.search(r"<!-- drills: begin -->\n(.*?)<!-- drills: end -->", document, re.DOTALL)
    assert found is not None
    assert found[1] == tampering.table(rows)


def test_a_drill_without_steps_is_not_passed():
    """Nothing that was looked at is nothing that holds."""
    assert Drill("nothing").as_json() == {"ok": False, "drill": "nothing", "steps": []}


def test_one_step_that_fails_fails_the_drill():
    """However many others hold."""
    drill = Drill("two")
    drill.expect("one", 1, 1)
    drill.expect("other", 1, 2)

    assert [step.ok for step in drill.steps] == [True, False]
    assert not drill.ok


def test_a_witness_that_signs_everything_fails_the_split(tmp_path, monkeypatch):
    """The drill does not believe that a fork is found: it looks whether it was."""

    def asleep(witness: Witness, _connection: Any, signed: Any) -> Answer:
        text = signed.request.note.text.encode()
        lines = [format_signature(one.cosign(text, witness._now_s())) for one in witness._cosigners]
        return Answer(200, TEXT, "".join(lines).encode())

    monkeypatch.setattr(Witness, "_decide", asleep)

    drill = split.run(tmp_path)

    assert "the witness refuses the other" in [step.what for step in drill.steps if not step.ok]


def test_a_restore_that_looks_at_nothing_fails_the_drill_of_backups(tmp_path, monkeypatch):
    """Whoever takes any file for the one that was signed, and any keys for those of the vault, is told."""
    monkeypatch.setattr(placing, "_check_epoch", lambda *_: None)
    monkeypatch.setattr(placing, "_copy_databases", _copied_unseen)

    drill = backup.run(tmp_path)

    failed = [step.what for step in drill.steps if not step.ok]
    assert failed == ["a backup that was changed is refused", "after a turn it opens for nobody"]


def _copied_unseen(taken: Path, manifest: Any, staging: Path) -> None:
    for one in manifest.files:
        copy_file(taken / one.name, staging / one.name)


def test_a_monitor_without_memory_fails_the_split(tmp_path, monkeypatch):
    """Whoever remembers nothing is shown anything."""
    monkeypatch.setattr(Watch, "advance", lambda _watch, _source: None)

    with pytest.raises(AssertionError, match="followed"):
        split.run(tmp_path)


def test_a_verifier_that_believes_every_key_fails_the_compromise(tmp_path, monkeypatch):
    """A back-dated document would then be verified, and the drill says so."""
    monkeypatch.setattr(Key, "counts_at", lambda _key, _size: True)
    monkeypatch.setattr(Key, "standing", lambda _key, _at: Standing.VALID)

    drill = compromise.run(tmp_path)

    assert not drill.ok
