"""With keys: a ledger that lied when it sealed is found out, and garbage inside stops nothing.

From outside such a record is whole: entry, leaf and tree are those of what is stored. Only who can
open the sealed part sees that it is not what was committed to, or not what was said.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger import database, mapper
from ledger.audit import audit_files
from ledger.domain.base import Said
from ledger.files import LedgerFiles
from ledger.privacy.epoch import load_epoch_keys
from ledger.privacy.sealing import SubjectKey
from ledger.privacy.vault import Vault
from tests.ledger.audit.tampering import Bench, Change, columns, value_changes
from tests.support.ledgers import PASSPHRASE, House, a_full_ledger, a_study_ledger, people
from tests.support.world import ANA


def _said(change: Callable[[Said], Said]) -> Callable[[Said | None], Any]:
    honest = mapper._packed_said
    return lambda said: honest(None if said is None else change(said))


LIES: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "claims of somebody else": (
        "claims",
        lambda patch: patch.setattr(mapper, "claim_digests", lambda shown, _salt: [bytes(32)] * len(shown)),
    ),
    "fewer claims": (
        "claims",
        lambda patch: patch.setattr(mapper, "claim_digests", lambda _shown, _salt: []),
    ),
    "another sealed part": (
        "sealed",
        lambda patch: patch.setattr(mapper.commitments, "sealed_commit", lambda _plaintext: bytes(32)),
    ),
    "another statement": (
        "sealed",
        lambda patch: patch.setattr(
            mapper, "_packed_said", _said(lambda said: replace(said, statement=said.statement + b" "))
        ),
    ),
    "another salt": (
        "sealed",
        lambda patch: patch.setattr(
            mapper, "_packed_said", _said(lambda said: replace(said, salt=bytes(range(32))))
        ),
    ),
    "another submission": (
        "sealed",
        lambda patch: patch.setattr(
            mapper, "_packed_said", _said(lambda said: replace(said, jti=UUID(int=1)))
        ),
    ),
    "another row": (
        "sealed",
        lambda patch: patch.setattr(
            mapper, "_packed_said", _said(lambda said: replace(said, row=said.row + 1))
        ),
    ),
    "another person": (
        "sealed",
        lambda patch: patch.setattr(
            mapper,
            "_packed_said",
            _said(lambda said: replace(said, who=(said.who or b"").replace(b"9", b"8"))),
        ),
    ),
    "another row key": (
        "row",
        lambda patch: patch.setattr(
            SubjectKey, "row_key", lambda _self, _iss, _group, name: name.ljust(16)[:16]
        ),
    ),
    "another row mac": (
        "row",
        lambda patch: patch.setattr(SubjectKey, "row_mac", lambda _self, _data: bytes(16)),
    ),
}


@pytest.mark.parametrize(("code", "lie"), LIES.values(), ids=LIES)
def test_a_lie_told_when_sealing_is_found_with_keys(
    tmp_path: Path, code: str, lie: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The award below is recorded dishonestly: whole from outside, found out by who can open it."""
    house = a_study_ledger(tmp_path)
    house.register(ANA)
    house.enrol(ANA)
    house.passed(ANA)
    with pytest.MonkeyPatch.context() as patch:
        lie(patch)
        house.award(ANA)
    house.publish()

    assert house.audit(with_keys=False).ok
    report = house.audit()
    assert [(fault.code, fault.where) for fault in report.faults] == [(code, f"record {house.size()}")]


def test_what_cannot_be_opened_any_more_is_counted_and_said_once(tmp_path: Path) -> None:
    """A learner's key is gone: her five records stay provable, and no record accounts for the key."""
    house = a_full_ledger(tmp_path, [ANA, *people(3)])
    learner = house.ledger.vault.people([ANA.nsn])[ANA.nsn].learner_id
    house.ledger.vault.forget([learner])
    house.ledger.vault.let_go([learner])

    report = house.audit()

    assert [(one.code, one.where) for one in report.faults] == [("vault", "vault.sqlite")]
    assert report.not_checkable == 5


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A closed ledger of a few learners."""
    house = a_full_ledger(tmp_path_factory.mktemp("ledger"), people(2))
    house.close()
    return house


@pytest.mark.parametrize(
    "column", [one for one in columns() if one.table in {"record", "submission"}], ids=lambda one: one.name
)
def test_garbage_stops_no_audit_with_keys(full: House, tmp_path: Path, column: Any) -> None:
    """Whatever stands in a column: findings, and an end."""
    bench = Bench(full.files.ledger, tmp_path)
    vault = Vault(full.files.vault, load_epoch_keys(full.files.epoch, PASSPHRASE))
    for change in _changes(bench, column):
        if bench.apply(change):
            report = audit_files(LedgerFiles(tmp_path, full.files.anchor), vault)
            assert not report.ok, change.words
            bench.restore()
    vault.close()


def _changes(bench: Bench, column: Any) -> list[Change]:
    connection = database.connect(bench.path)
    try:
        return value_changes(connection, column)
    finally:
        connection.close()
