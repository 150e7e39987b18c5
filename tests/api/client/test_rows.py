"""A provider's file is read row by row; what is wrong is said with code, column and row."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.columns import COLUMNS, RESULTS
from api.client.errors import Malformed
from api.client.rows import ReadFile, Row, read

RESULT = {
    "row_ref": "A-1",
    "nsn": "9000000001",
    "name_id": "SMITJ",
    "date_of_birth": "1990-02-03",
    "mc_code": "6022",
    "mc_version": "1",
    "outcome_id": "LO1",
    "enrolment_ref": "H-1",
    "grade": "A",
    "method": "assessed",
    "attempt_no": "2",
    "assessed_on": "2026-03-31",
    "language": "en",
    "evidence_sha256": "ab" * 32,
}
ENROLMENT = {
    "row_ref": "E-1",
    "nsn": "9000000001",
    "name_id": "SMITJ",
    "date_of_birth": "1990-02-03",
    "enrolment_ref": "H-1",
    "mc_code": "6022",
    "mc_version": "",
    "start_on": "2026-01-12",
    "planned_end_on": "",
    "mode": "online",
    "language": "en",
    "funding": "learner",
}
AWARD = {
    "row_ref": "W-1",
    "nsn": "9000000001",
    "name_id": "SMITJ",
    "date_of_birth": "1990-02-03",
    "mc_code": "6022",
    "mc_version": "",
    "completed_on": "2026-04-01",
    "conferred_on": "",
    "basis": "",
    "basis_reason": "",
    "enrolment_ref": "H-1",
    "funding": "learner",
    "language": "",
}


def sheet(*rows: dict[str, str], ends: str = "\n") -> bytes:
    """Write rows as CSV under the columns of the first."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, fieldnames=list(rows[0]), lineterminator=ends)
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def one(row: dict[str, str]) -> Row:
    """Read a file of one row."""
    (found,) = read(sheet(row)).rows
    return found


def codes(read_file: ReadFile) -> list[str]:
    """Return the codes of a file's own findings."""
    return [found.code for found in read_file.findings]


# ------------------------------------------------------------------ what a good row says


def test_result_becomes_a_statement_and_its_identity_columns():
    """Every column of a result lands under the statement's own name, numbers as numbers."""
    row = one(RESULT)

    assert row.statement == {
        "type": "assessment.passed",
        "v": 1,
        "code": "6022",
        "version": 1,
        "outcome": "LO1",
        "grade": "A",
        "method": "assessed",
        "attempt": 2,
        "assessed_on": "2026-03-31",
        "language": "en",
    }
    assert row.who == {
        "row_ref": "A-1",
        "enrolment_ref": "H-1",
        "nsn": "9000000001",
        "name_id": "SMITJ",
        "date_of_birth": "1990-02-03",
        "evidence_sha256": "ab" * 32,
    }
    assert (row.number, row.row_ref, row.findings) == (1, "A-1", ())


@pytest.mark.parametrize(
    ("grade", "kind"),
    [("N", "not_achieved"), ("A", "passed"), ("M", "passed"), ("E", "passed"), ("B", "passed")],
)
def test_grade_decides_the_type(grade: str, kind: str):
    """N is not achieved; an unknown grade is left to the ledger's rules, as given."""
    row = one(RESULT | {"grade": grade})

    assert row.statement is not None
    assert row.statement["type"] == f"assessment.{kind}"
    assert row.statement["grade"] == grade


def test_empty_cells_are_absent_and_defaults_of_the_file_are_said():
    """An empty cell makes no member, but what the file format supplies is stated."""
    row = one(
        RESULT | {"mc_version": "", "method": "", "attempt_no": " ", "language": "", "evidence_sha256": ""}
    )

    assert row.statement is not None
    assert set(row.statement) == {"type", "v", "code", "outcome", "grade", "method", "assessed_on"}
    assert row.statement["method"] == "assessed"
    assert row.who is not None
    assert "evidence_sha256" not in row.who


def test_enrolment_keeps_row_ref_out_of_what_is_signed():
    """An enrolment is known by its enrolment_ref; row_ref is only echoed."""
    row = one(ENROLMENT)

    assert row.row_ref == "E-1"
    assert row.statement == {
        "type": "learner.enrolled",
        "v": 1,
        "code": "6022",
        "start_on": "2026-01-12",
        "mode": "online",
        "language": "en",
        "funding": "learner",
    }
    assert row.who == {
        "enrolment_ref": "H-1",
        "nsn": "9000000001",
        "name_id": "SMITJ",
        "date_of_birth": "1990-02-03",
    }


def test_award_is_conferred_when_completed_unless_it_says_otherwise():
    """conferred_on defaults to completed_on, the basis to accredited."""
    plain, late = one(AWARD), one(AWARD | {"conferred_on": "2026-05-01", "basis": "developer_good_reason"})

    assert plain.statement == {
        "type": "microcredential.awarded",
        "v": 1,
        "code": "6022",
        "completed_on": "2026-04-01",
        "conferred_on": "2026-04-01",
        "basis": "accredited",
        "funding": "learner",
    }
    assert late.statement is not None
    assert (late.statement["conferred_on"], late.statement["basis"]) == (
        "2026-05-01",
        "developer_good_reason",
    )


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [("900 000 0001", "9000000001"), ("123456789", "0123456789"), (" 9000000001 ", "9000000001")],
)
def test_nsn_is_ten_digits(cell: str, read_as: str):
    """Blanks are taken out and nine digits filled to ten."""
    row = one(RESULT | {"nsn": cell})

    assert row.who is not None
    assert row.who["nsn"] == read_as


def test_text_is_normalised_and_name_code_upper_case():
    """Letters typed as base and mark become one sign; case of a name code does not matter."""
    row = one(RESULT | {"name_id": unicodedata.normalize("NFD", "ngāta"), "enrolment_ref": "Ma\u0304-1"})

    assert row.who is not None
    assert row.who["name_id"] == "NGĀTA"
    assert row.who["enrolment_ref"] == "M\u0101-1"


@pytest.mark.parametrize("cell", ["31/03/2026", "31/3/2026"])
def test_slashed_dates_are_read_with_a_warning(cell: str):
    """Day/month/year is taken, and said to have been."""
    row = one(RESULT | {"assessed_on": cell})

    assert row.statement is not None
    assert row.statement["assessed_on"] == "2026-03-31"
    assert [(found.code, found.severity, found.column) for found in row.findings] == [
        ("W910", "warn", "assessed_on")
    ]


# ------------------------------------------------------------------ what is wrong with a row


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("nsn", "90000", "E101"),
        ("nsn", "90000000x1", "E101"),
        ("nsn", "٩٠٠٠٠٠٠٠٠١", "E101"),
        ("nsn", "9.00000E+09", "E907"),
        ("nsn", "9000000001.0", "E907"),
        ("assessed_on", "31 March 2026", "E501"),
        ("assessed_on", "2026-02-30", "E501"),
        ("assessed_on", "20260331", "E501"),
        ("assessed_on", "03/31/2026", "E501"),
        ("assessed_on", "46112", "E907"),
        ("assessed_on", "00/01/1900", "E501"),
        ("assessed_on", "1900-01-15", "E907"),
        ("assessed_on", "########", "E907"),
        ("mc_version", "one", "E202"),
        ("mc_version", "0", "E202"),
        ("attempt_no", "1.5", "E402"),
        ("attempt_no", "-1", "E402"),
        ("attempt_no", "#REF!", "E907"),
        ("evidence_sha256", "abc", "E408"),
        ("enrolment_ref", "1.2E+09", "E907"),
        ("outcome_id", "x" * 17, "E901"),
        ("row_ref", "x" * 65, "E901"),
        ("name_id", "SMITHJ", "E901"),
        ("enrolment_ref", "a\nb", "E901"),
        ("language", "e\x07n", "E901"),
        ("nsn", "", "E904"),
        ("mc_code", "", "E904"),
        ("outcome_id", "", "E904"),
        ("enrolment_ref", "", "E904"),
        ("grade", "", "E904"),
        ("assessed_on", "", "E904"),
    ],
)
def test_wrong_cell_stops_its_row_only(column: str, cell: str, code: str):
    """One finding names the code and the column; the rows around it are read."""
    file = read(sheet(RESULT | {"row_ref": "first"}, RESULT | {column: cell}, RESULT | {"row_ref": "last"}))

    assert not file.findings
    first, wrong, last = file.rows
    assert [(found.code, found.column, found.severity) for found in wrong.findings] == [
        (code, column, "block")
    ]
    assert wrong.statement is None
    assert wrong.who is None
    assert first.statement is not None
    assert last.statement is not None
    assert [row.row_ref for row in file.sendable()] == ["first", "last"]


def test_all_that_is_wrong_with_a_row_is_said_at_once():
    """A row with three wrong cells and a missing one gets four findings."""
    row = one(RESULT | {"nsn": "1", "assessed_on": "soon", "attempt_no": "x", "grade": ""})

    assert sorted(found.code for found in row.findings) == ["E101", "E402", "E501", "E904"]


def test_neither_name_code_nor_birth_date_is_said():
    """A person needs one of the two beside the NSN; either alone will do."""
    alone = one(RESULT | {"name_id": ""}), one(RESULT | {"date_of_birth": ""})
    neither = one(RESULT | {"name_id": "", "date_of_birth": ""})

    assert all(row.statement is not None for row in alone)
    assert [(found.code, found.column) for found in neither.findings] == [
        ("E904", "name_id or date_of_birth")
    ]


def test_second_row_with_a_row_ref_is_refused():
    """The first row stands; the second is told where the first is."""
    file = read(sheet(RESULT, RESULT | {"row_ref": "A-2"}, RESULT))

    assert [bool(row.statement) for row in file.rows] == [True, True, False]
    (found,) = file.rows[2].findings
    assert (found.code, found.column) == ("E906", "row_ref")
    assert "row 1" in found.message


def test_row_with_a_missing_comma_is_told_of_its_cells():
    """A row with another number of cells than the header is refused alone."""
    data = sheet(RESULT) + b"A-9,9000000001\n" + sheet(RESULT | {"row_ref": "A-3"}).split(b"\n", 1)[1]

    first, short, last = read(data).rows

    assert [found.code for found in short.findings] == ["E901"]
    assert "2 cells" in short.findings[0].message
    assert short.row_ref == "A-9"
    assert first.statement is not None
    assert last.statement is not None


@pytest.mark.parametrize("column", ["action", "standard_no", "assessing_provider", "status"])
def test_column_that_would_change_the_meaning_stops_the_row(column: str):
    """A row that asks for more than can be recorded is not recorded as something else."""
    file = read(sheet(RESULT | {column: "void"}, RESULT | {"row_ref": "A-2", column: ""}))

    assert [found.code for found in file.rows[0].findings] == ["E901"]
    assert file.rows[0].findings[0].column == column
    assert file.rows[1].statement is not None


def test_findings_never_repeat_what_a_cell_says():
    """A name, NSN or birth date in a cell is in no message, whatever is wrong with it."""
    wrong = {
        "nsn": "77777x7777",
        "name_id": "VERYLONGNAME",
        "date_of_birth": "77 May 1977",
        "evidence_sha256": "secret",
    }
    row = one(RESULT | wrong)

    said = " ".join(found.message + found.fix for found in row.findings)
    assert len(row.findings) == 4
    assert not [cell for cell in wrong.values() if cell in said]


# ------------------------------------------------------------------ the file


def test_line_ends_mark_quotes_and_case_of_the_header_do_not_matter():
    """The same rows with CRLF, a byte order mark, quoted commas and a shouting header."""
    row = AWARD | {"basis": "developer_good_reason", "basis_reason": 'Provider closed, said "no"'}
    plain = read(sheet(row))
    head, rest = sheet(row, ends="\r\n").split(b"\r\n", 1)

    odd = read(b"\xef\xbb\xbf" + head.upper() + b"\r\n" + rest)

    assert odd.rows == plain.rows
    assert odd.rows[0].statement is not None
    assert odd.rows[0].statement["basis_reason"] == 'Provider closed, said "no"'


def test_blank_lines_are_counted_and_left_out():
    """A row's number is what a spreadsheet shows, less the header."""
    head, first = sheet(RESULT).splitlines()
    data = b"\n".join([head, first, b"", b"," * 13, first.replace(b"A-1", b"A-2"), b""])

    assert [(row.number, row.row_ref) for row in read(data).rows] == [(1, "A-1"), (4, "A-2")]


@pytest.mark.parametrize(("row", "kind"), [(RESULT, "results"), (ENROLMENT, "enrolments"), (AWARD, "awards")])
def test_kind_is_seen_from_the_header(row: dict[str, str], kind: str):
    """Each of the three kinds is told apart, in any order of columns."""
    backwards = dict(reversed(row.items()))

    assert read(sheet(row)).kind == kind
    assert read(sheet(backwards)).kind == kind
    assert read(sheet(backwards)).rows[0].statement == one(row).statement


def test_unknown_column_is_a_warning_about_the_file():
    """Columns of one's own are named once and left unread."""
    file = read(sheet(RESULT | {"campus": "North", "note": "x"}, RESULT | {"row_ref": "A-2"}))

    assert codes(file) == ["W902"]
    assert "campus, note" in file.findings[0].message
    assert not file.refused
    assert len(file.sendable()) == 2


def test_answered_file_can_be_sent_again():
    """The four columns of an answer are no surprise to the reader."""
    answered = RESULT | {"status": "rejected", "code": "E303", "message": "m", "fix": "f"}

    assert read(sheet(answered)).findings == []
    assert one(answered).statement is not None


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "E901", "empty"),
        (b"\n\n", "E901", "empty"),
        (b'{"rows": []}', "E901", "JSON"),
        (b'  [{"nsn": 1}]', "E901", "JSON"),
        (b"PK\x03\x04\x14\x00", "E901", "workbook"),
        (b"%PDF-1.7", "E901", "PDF"),
        (b"\x1f\x8b\x08", "E901", "gzip"),
        (b"nsn,mc_code\0", "E901", "text file"),
        (b"\x81\x8d\x00\xff", "E901", "text file"),
        (b"hello world", "E901", "header"),
        (b"nsn;name_id;mc_code", "E901", "commas"),
        (sheet(RESULT | {"nsn ": "x"}), "E901", "same name"),
        (sheet(RESULT | AWARD), "E901", "mixes"),
        (sheet(RESULT) + b'A-2,"90000', "E901", "line 3"),
        (sheet(RESULT) + b'"a"b,c\n', "E901", "line 3"),
        ("nsn,name_id\n".encode("utf-16"), "E903", "UTF-16"),
        (sheet(RESULT).replace(b"SMITJ", b"NG\xc2TA"), "E903", "Windows-1252"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(data: bytes, code: str, says: str):
    """One finding says what the file is instead, and no row is read."""
    file = read(data)

    assert file.refused
    assert codes(file) == [code]
    assert says in file.findings[0].message
    assert file.rows == []


def test_missing_columns_are_named_together():
    """A header without required columns stops the file and says which."""
    without = {name: cell for name, cell in RESULT.items() if name not in ("grade", "enrolment_ref")}

    file = read(sheet(without))

    assert codes(file) == ["E904"]
    assert file.findings[0].column == "enrolment_ref, grade"
    assert file.refused


def test_missing_mark_column_is_named_when_the_rest_tells_the_kind():
    """A results file that lacks only assessed_on is told so."""
    without = {name: cell for name, cell in RESULT.items() if name != "assessed_on"}

    assert [(found.code, found.column) for found in read(sheet(without)).findings] == [
        ("E904", "assessed_on")
    ]


def test_given_kind_is_held_to():
    """A file posted as awards that is one of results lacks columns; an unknown kind is a wrong call."""
    assert codes(read(sheet(RESULT), kind="awards")) == ["E904"]
    with pytest.raises(Malformed):
        read(sheet(RESULT), kind="marks")


def test_too_many_rows_or_bytes_refuse_the_file():
    """One row or one byte past the limit and nothing is read."""
    data = sheet(RESULT, RESULT | {"row_ref": "A-2"})

    assert codes(read(data, rows_max=2)) == []
    assert codes(read(data, rows_max=1)) == ["E905"]
    assert read(data, rows_max=1).rows == []
    assert codes(read(data, size_max_bytes=len(data))) == []
    assert codes(read(data, size_max_bytes=len(data) - 1)) == ["E905"]


# ------------------------------------------------------------------ properties

cells = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "9000000001", "2026-03-31", "31/03/2026", "A", "N", "1", "1.2E+09", "LO1", "=1+1"]),
)


@given(st.lists(st.lists(cells, min_size=14, max_size=14), max_size=6))
def test_any_cells_whatever_are_answered(rows: list[list[str]]):
    """Whatever the cells hold, each row has a statement or a finding that blocks it, never both."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow([column.name for column in COLUMNS[RESULTS]])
    writer.writerows(rows)

    file = read(sink.getvalue().encode("utf-8", "surrogatepass"))

    for row in file.rows:
        assert (row.statement is None) == any(found.blocks for found in row.findings)
        assert (row.statement is None) == (row.who is None)


@given(st.binary(max_size=300))
def test_any_bytes_whatever_are_answered(data: bytes):
    """Reading never raises for what the bytes are."""
    file = read(data)

    assert file.refused or file.header


@given(st.integers(0, 3), st.sampled_from(["nsn", "assessed_on", "attempt_no", "name_id", "grade"]), cells)
def test_careful_path_agrees_with_the_ordinary_one(at: int, column: str, cell: str):
    """A row reads the same whether or not the file has a reason to look at every cell twice."""
    rows = [RESULT | {"row_ref": f"A-{i}"} for i in range(4)]
    rows[at] = rows[at] | {column: cell}
    odd = [*rows, RESULT | {"row_ref": "#"}]

    assert read(sheet(*odd)).rows[:4] == read(sheet(*rows)).rows[:4]
