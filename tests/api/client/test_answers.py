"""Every row of a file gets its outcome, and the file comes back with four columns more."""

import csv
import io
from typing import Any

import pytest

from api.client.answers import answer_csv, counts, outcomes
from api.client.errors import Malformed
from api.client.rows import read

HEADER = "row_ref,nsn,name_id,date_of_birth,mc_code,outcome_id,enrolment_ref,grade,assessed_on"
GOOD = "A-1,9000000001,SMITJ,1990-02-03,6022,LO1,H-1,A,2026-03-31"
BAD = "A-2,9,SMITJ,1990-02-03,6022,LO1,H-1,A,2026-03-31"
SLASHED = '"A-3",9000000001,SMITJ,1990-02-03,6022,LO1,H-1,A,31/03/2026'
OTHER = "A-4,9000000001,SMITJ,1990-02-03,6022,LO1,H-1,A,2026-03-31"


def reply(row: int, status: str = "accepted", *found: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome as the ledger gives it."""
    return {
        "row": row,
        "row_ref": None,
        "status": status,
        "findings": list(found),
        "position": row,
        "leaf_hash": "e",
        "award": None,
    }


def said(code: str, message: str = "m", fix: str = "f") -> dict[str, Any]:
    """Return a finding as the ledger gives it."""
    return {"code": code, "severity": "block", "column": None, "rule": None, "message": message, "fix": fix}


def file_of(*lines: str, end: str = "\n") -> bytes:
    """Return a file of lines."""
    return "".join(line + end for line in (HEADER, *lines)).encode()


def test_each_row_has_one_outcome_in_file_order():
    """Rows that were never posted are rejected here; the others keep the ledger's answer."""
    file = read(file_of(GOOD, BAD, "", SLASHED, OTHER))

    found = outcomes(file, [reply(1), reply(2), reply(3, "rejected", said("E303"))])

    assert [(row["row"], row["row_ref"], row["status"]) for row in found] == [
        (1, "A-1", "accepted"),
        (2, "A-2", "rejected"),
        (4, "A-3", "accepted_with_warnings"),
        (5, "A-4", "rejected"),
    ]
    assert [[item["code"] for item in row["findings"]] for row in found] == [[], ["E101"], ["W910"], ["E303"]]
    assert [row["position"] for row in found] == [1, None, 2, 3]
    assert all(set(row) == set(reply(1)) for row in found)
    assert counts(found) == {"accepted": 2, "warned": 1, "unchanged": 0, "held": 0, "rejected": 2}


def test_findings_name_the_columns_of_the_file():
    """The ledger speaks of members of statements; the sender of a file is told its columns."""
    columns = ["code", "version", "outcome", "attempt", "assessed_on", None]
    found = [{**said("E201"), "column": column} for column in columns]

    (row,) = outcomes(read(file_of(GOOD)), [reply(1, "rejected", *found)])

    told = [item["column"] for item in row["findings"]]
    assert told == ["mc_code", "mc_version", "outcome_id", "attempt_no", "assessed_on", None]


def test_what_stops_a_row_stands_before_what_warns():
    """In the answered file the reason for a rejection comes first."""
    late = {**said("W506", "late", "sooner"), "severity": "warn"}

    answered = answer_csv(file_of(GOOD), [reply(1, "rejected", late, said("E601", "missing", "post"))])

    assert answered.decode().splitlines()[1] == f"{GOOD},rejected,E601 W506,missing late,post sooner"


def test_answer_for_other_rows_is_refused():
    """An answer with more or fewer rows than were posted is not matched up by guesswork."""
    with pytest.raises(Malformed, match="2 rows, 1 were posted"):
        outcomes(read(file_of(GOOD)), [reply(1), reply(2)])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_answered_file_keeps_every_byte_and_appends_four_cells(end: str):
    """Quotes, blanks, line ends and the byte order mark stay as they were."""
    data = b"\xef\xbb\xbf" + file_of(GOOD, BAD, "", " " + SLASHED, end=end).removesuffix(end.encode())
    file = read(data)

    answered = answer_csv(data, outcomes(file, [reply(1, "rejected", said("E303", "a, b", "c")), reply(2)]))

    assert answered.startswith(b"\xef\xbb\xbf")
    lines = answered.decode("utf-8-sig").split(end)
    assert lines[0] == f"{HEADER},status,code,message,fix"
    assert lines[1] == f'{GOOD},rejected,E303,"a, b",c'
    assert lines[2].startswith(f"{BAD},rejected,E101,An NSN has")
    assert lines[3] == ""
    assert lines[4].startswith(f" {SLASHED},accepted_with_warnings,W910,")
    assert len(lines) == 5


def test_our_cells_are_no_formulas_and_the_senders_stay_their_own():
    """Only what we append is kept from being run by a spreadsheet."""
    data = file_of(GOOD.replace("H-1", "=H1"))
    bad = [said("E303", message, "@f") for message in ("=1+1",)]

    answered = answer_csv(data, [reply(1, "rejected", *bad)])

    (_, row) = csv.reader(io.StringIO(answered.decode()))
    assert row[6] == "=H1"
    assert row[-4:] == ["rejected", "E303", "'=1+1", "'@f"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_every_sign_that_begins_a_formula_is_disarmed(sign: str):
    """The six signs of a formula get an apostrophe in front."""
    answered = answer_csv(file_of(GOOD), [reply(1, "rejected", said("E303", f"{sign}x"))])

    (_, row) = csv.reader(io.StringIO(answered.decode(), newline=""))
    assert row[-2] == f"'{sign}x"


def test_answer_to_an_answered_file_replaces_the_columns():
    """A file sent again with its four columns does not grow four more."""
    first = answer_csv(
        file_of(GOOD, BAD), outcomes(read(file_of(GOOD, BAD)), [reply(1, "held", said("E104"))])
    )

    second = answer_csv(first, outcomes(read(first), [reply(1)]))

    lines = second.decode().splitlines()
    assert lines[0] == f"{HEADER},status,code,message,fix"
    assert lines[1] == f"{GOOD},accepted,,,"
    assert lines[2].startswith(f"{BAD},rejected,E101,")


def test_multi_line_cells_stay_one_record():
    """A quoted line break belongs to its row in the answer too, and in the answer to the answer."""
    data = file_of(GOOD.replace("H-1", '"H\n1"'), OTHER)

    for _ in range(2):
        data = answer_csv(data, outcomes(read(data), [reply(1)]))

        _, first, second = csv.reader(io.StringIO(data.decode(), newline=""))
        assert (first[6], first[-4], second[-4]) == ("H\n1", "rejected", "accepted")


def test_unreadable_file_has_no_answer_of_its_kind():
    """What could not be read cannot come back with columns."""
    with pytest.raises(Malformed):
        answer_csv(b"\xff\x00", [])
