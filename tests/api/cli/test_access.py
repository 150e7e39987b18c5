"""What officers do at the command line is what the learner reads: who, as what, and what for."""

import json
from pathlib import Path

import pytest

from ledger.access import AccessLog
from tests.api.cli.shell import roa
from tests.support.ledgers import open_house
from tests.support.world import ANA, BEN, Human


def reads(folder: Path, human: Human) -> list[tuple[str, str, str]]:
    """Return who, what and why of all that was read about somebody, newest first."""
    house = open_house(folder)
    log = AccessLog(house.ledger)
    (person,) = house.ledger.vault.people([human.nsn]).values()
    rows = [json.loads(one.opened.row) for one in log.of(person.learner_id).rows]
    log.close()
    house.close()
    return [(row["who"], row["what"], row["why"]) for row in rows]


def test_an_export_says_what_it_is_for(folder):
    """The number first, by which the learner was found, then the document; Ben is not concerned."""
    ran = roa("export", ANA.nsn, "--data", folder, "--format", "clr", "--why", "legal")

    assert ran.code == 0, ran.err
    assert reads(folder, ANA) == [("operator", "record_clr", "legal"), ("operator", "nsn", "legal")]
    assert reads(folder, BEN) == []


def test_without_a_reason_none_is_given(folder):
    """Commands of before go on; the learner is told nothing that is not so."""
    assert roa("export", ANA.nsn, "--data", folder, "--format", "json").code == 0

    assert reads(folder, ANA)[0] == ("operator", "record_json", "unstated")


@pytest.mark.parametrize("why", ["curiosity", "own_record", "integrity", ""])
def test_a_reason_is_one_of_a_list(folder, why):
    """Wrong use, and nothing was read: an officer cannot read as somebody else would."""
    ran = roa("export", ANA.nsn, "--data", folder, "--why", why)

    assert ran.code == 2
    assert "learner_request" in ran.err
    assert reads(folder, ANA) == []


def test_what_is_refused_leaves_the_number_only(folder):
    """Ben has no award in force, so no document was opened; that he was looked up stays said."""
    assert roa("export", BEN.nsn, "--data", folder, "--format", "clr").code == 1

    assert reads(folder, BEN) == [("operator", "nsn", "unstated")]


def test_an_audit_is_told_to_everybody(folder):
    """With keys it opens everything; without, nothing."""
    assert roa("audit", "--data", folder, "--without-keys").code == 0
    assert roa("export", ANA.nsn, "--data", folder, "--format", "json").code == 0  # makes the access log
    before = reads(folder, BEN)

    assert roa("audit", "--data", folder).code == 0

    assert (before, reads(folder, BEN)) == ([], [("operator", "everything", "integrity")])


def test_an_audit_goes_on_where_it_cannot_be_told(folder):
    """What is damaged has to be looked at all the same: it says so, and finds the damage."""
    (folder / "access.sqlite").write_bytes(b"garbage" * 1000)

    ran = roa("audit", "--data", folder, "--json")

    assert ran.code == 1
    assert "This audit is not in the access log" in ran.err
    assert "storage" in {one["code"] for one in ran.json["findings"]}
