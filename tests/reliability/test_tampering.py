"""Tampering in short, and that a change which an audit does not look at is named."""

from pathlib import Path

import pytest

from ledger.audit import Report
from tests.reliability.harness import Setting
from tests.reliability.tampering import KINDS, run

EACH = 3


def test_every_kind_of_change_is_found(tmp_path: Path) -> None:
    """A few changes of each kind, drawn by the seed from all columns and tables."""
    lines = run(Setting(EACH, 0, tmp_path))

    assert all(line.ok for line in lines), [line.failures for line in lines]
    assert len(lines) == len(KINDS)


def test_what_no_audit_looks_at_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an audit that looks at nothing every change is named, and in which way it was not found."""
    monkeypatch.setattr("tests.reliability.tampering.audit_files", lambda _files, _keys: Report())

    lines = run(Setting(1, 0, tmp_path))

    assert not any(line.ok for line in lines)
    assert all("is not found without keys" in line.failures[0] for line in lines)
