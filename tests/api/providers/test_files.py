"""Files over HTTP: what is read, what is not, and the ledger as it was when nothing is."""

import csv
import io
from collections.abc import Iterator
from uuid import uuid4

import pytest

from api.providers import routes
from tests.api.door import OTHER, Door, codes, enrolments_csv, results_csv, statuses
from tests.support.ledgers import people
from tests.support.world import ANA, BEN, PROVIDER, REGULATOR

RESULTS = results_csv([(ANA, "LO1", "A"), (BEN, "LO2", "N")])
HEADER, *LINES = RESULTS.decode().splitlines()
BOM = b"\xef\xbb\xbf"


def insist_on_nothing(door: Door, data: bytes, status: int, code: str, **options: str) -> str:
    """Post a file, insist on that answer and on a ledger as it was; return the sentence."""
    head, jobs = door.head(), door.jobs()

    answer = door.post_csv(data, **options)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert (door.head(), door.jobs()) == (head, jobs)
    return str(answer.json()["detail"])


# ------------------------------------------------------------------ what is answered


def test_a_file_is_answered_row_by_row(door):
    """Two results are recorded; a third, on an unknown outcome, says what to do and stops nobody."""
    size = door.ledger.size()

    answer = door.post_csv(results_csv([(ANA, "LO1", "A"), (ANA, "LO9", "A"), (BEN, "LO2", "N")]))

    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["organisation"]) == ("committed", PROVIDER)
    assert [row["row"] for row in body["rows"]] == [1, 2, 3]
    assert [row["row_ref"] for row in body["rows"]] == ["R-1", "R-2", "R-3"]
    assert statuses(answer) == ["accepted", "rejected", "accepted"]
    assert [row["position"] for row in body["rows"]] == [size + 1, None, size + 2]
    assert body["counts"] == {"accepted": 2, "warned": 0, "unchanged": 0, "held": 0, "rejected": 1}
    (found,) = body["rows"][1]["findings"]
    assert (found["code"], found["severity"], found["column"]) == ("E203", "block", "outcome_id")
    assert found["message"]
    assert found["fix"]
    assert door.ledger.size() == size + 2


def test_a_row_that_cannot_be_read_is_answered_in_its_place(door):
    """It is never posted, the rows around it are; numbers are those of the file."""
    wrong = LINES[0].replace("2026-03-02", "2 March")
    data = "\n".join([HEADER, LINES[0], wrong.replace("R-1", "R-9"), "", LINES[1]]).encode()

    answer = door.post_csv(data)

    assert [(row["row"], row["status"]) for row in answer.json()["rows"]] == [
        (1, "accepted"),
        (2, "rejected"),
        (4, "accepted"),
    ]
    assert codes(answer)[1] == ["E501"]


def test_a_file_in_which_no_row_can_be_read_is_answered_and_nothing_is_kept(door):
    """It is a file, so every row says what is wrong with it; nothing is signed or kept for it."""
    head, jobs = door.head(), door.jobs()
    data = RESULTS.replace(b"2026-03-02", b"2 March")

    answer = door.post_csv(data)

    assert answer.status_code == 200
    assert codes(answer) == [["E501"], ["E501"]]
    assert answer.json()["acknowledgement"] is None
    assert (door.head(), door.jobs()) == (head, jobs)


def test_who_asks_for_a_file_gets_the_same_file_with_four_columns_more(door):
    """Every line as it was sent, and behind it status, code, message and fix."""
    data = results_csv([(ANA, "LO1", "A"), (ANA, "LO9", "A")])

    answer = door.post_csv(data, Accept="text/csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    sent, back = (list(csv.reader(io.StringIO(text.decode()))) for text in (data, answer.content))
    assert [row[:-4] for row in back] == sent
    assert [row[-4:-2] for row in back] == [["status", "code"], ["accepted", ""], ["rejected", "E203"]]
    assert all(back[2][-2:])


@pytest.mark.parametrize(
    ("kind", "status"), [("results", 200), ("enrolments", 422), ("awards", 422), ("grades", 400)]
)
def test_the_kind_of_a_file_may_be_named(door, kind, status):
    """Then it is read as that kind and as no other."""
    assert door.post_csv(RESULTS, query=f"?kind={kind}").status_code == status


# ------------------------------------------------------------------ the same file in another dress


def _quoted(data: bytes) -> bytes:
    rows = csv.reader(io.StringIO(data.decode()))
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _columns_turned_round(data: bytes) -> bytes:
    return b"".join(b",".join(line.split(b",")[::-1]) + b"\n" for line in data.splitlines())


DRESSES = {
    "crlf": RESULTS.replace(b"\n", b"\r\n"),
    "cr": RESULTS.replace(b"\n", b"\r"),
    "bom": BOM + RESULTS,
    "bom-crlf": BOM + RESULTS.replace(b"\n", b"\r\n"),
    "quoted": _quoted(RESULTS),
    "no-last-end": RESULTS.rstrip(b"\n"),
    "blank-lines": RESULTS + b"\n\n",
    "upper-case-header": HEADER.upper().encode() + RESULTS.removeprefix(HEADER.encode()),
    "columns-turned-round": _columns_turned_round(RESULTS),
    "spaces": RESULTS.replace(b",", b" , "),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_file_says_the_same_in_another_dress(door, dress):
    """Line ends, a byte order mark, quotes, order of columns: its rows are those recorded already."""
    first = door.post_csv(RESULTS)
    size = door.ledger.size()

    again = door.post_csv(DRESSES[dress])

    assert statuses(again) == ["unchanged", "unchanged"]
    positions = [[row["position"] for row in answer.json()["rows"]] for answer in (first, again)]
    assert positions[0] == positions[1]
    assert door.ledger.size() == size


@pytest.mark.parametrize("dress", ["crlf", "bom-crlf", "quoted", "blank-lines"])
def test_the_file_comes_back_in_the_dress_it_was_sent_in(door, dress):
    """Byte for byte, but for the four columns: line ends, byte order mark and quotes stay."""
    data = DRESSES[dress]

    answer = door.post_csv(data, Accept="text/csv").content

    sent, back = data.splitlines(keepends=True), answer.splitlines(keepends=True)
    assert len(sent) == len(back)
    for line, answered in zip(sent, back, strict=True):
        end = line[len(line.rstrip(b"\r\n")) :]
        assert answered.startswith(line.removesuffix(end))
        assert answered.endswith(end)


def test_a_comma_inside_quotes_is_part_of_the_cell(door):
    """The row reference comes back whole, and the cells behind it are where they were."""
    answer = door.post_csv(RESULTS.replace(b"R-1", b'"R,1 ""a"""'))

    assert statuses(answer) == ["accepted", "accepted"]
    assert answer.json()["rows"][0]["row_ref"] == 'R,1 "a"'


# ------------------------------------------------------------------ what is no such file


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "E901", id="empty"),
        pytest.param(BOM, "E901", id="a byte order mark only"),
        pytest.param(b"Dear Sir or Madam", "E901", id="prose"),
        pytest.param(b'{"nsn": 1}', "E901", id="JSON"),
        pytest.param(b"PK\x03\x04" + RESULTS, "E901", id="a workbook"),
        pytest.param(b"%PDF-1.7", "E901", id="a PDF"),
        pytest.param(bytes(range(256)), "E901", id="bytes"),
        pytest.param(RESULTS.replace(b",", b";"), "E901", id="semicolons"),
        pytest.param(RESULTS.replace(b"R-1", b'"R-1'), "E901", id="a quote that never ends"),
        pytest.param(RESULTS[: RESULTS.index(b"R-2")] + b'"R-2', "E901", id="cut off inside quotes"),
        pytest.param(RESULTS.replace(b"grade", b"nsn"), "E901", id="two columns of one name"),
        pytest.param(RESULTS.replace(b"grade", b"mark"), "E904", id="a column missing"),
        pytest.param(RESULTS.replace(b"grade", b"completed_on"), "E901", id="columns of two kinds"),
        pytest.param(RESULTS.replace(b"BROOA", "BRÖOA".encode("cp1252")), "E903", id="Windows-1252"),
        pytest.param(RESULTS.decode().encode("utf-16"), "E903", id="UTF-16"),
        pytest.param(RESULTS.replace(b"R-1", b"R\0"), "E901", id="a zero byte"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(door, data, code):
    """422 with the finding that says why and what to do; nothing is signed, kept or recorded."""
    insist_on_nothing(door, data, 422, code)

    (found, *_) = door.post_csv(data).json()["findings"]
    assert found["code"] == code
    assert found["message"]
    assert found["fix"]


def test_more_than_100_000_rows_are_too_many(door):
    """A file of 100 001 rows is refused whole (E905); it says how to split it."""
    row = LINES[0].encode() + b"\n"

    sentence = insist_on_nothing(door, HEADER.encode() + b"\n" + row * 100_001, 422, "E905")

    assert "100 000 rows" in sentence


@pytest.mark.parametrize("in_parts", [False, True], ids=["with its length", "in parts of unknown length"])
def test_a_body_that_is_too_large_is_not_read(door, monkeypatch, in_parts):
    """413 as soon as it is larger than allowed, whether or not it says so beforehand."""
    monkeypatch.setattr(routes, "CSV_MAX_BYTES", len(RESULTS) - 1)
    head, jobs = door.head(), door.jobs()

    def parts() -> Iterator[bytes]:
        yield from (RESULTS[at : at + 10] for at in range(0, len(RESULTS), 10))

    answer = door.post_csv(parts() if in_parts else RESULTS)

    assert answer.status_code == 413
    assert answer.json()["code"] == "too-large"
    assert (door.head(), door.jobs()) == (head, jobs)


def test_a_file_may_have_50_mb():
    """The limit that the page of problems and the contract name."""
    assert routes.CSV_MAX_BYTES == 50_000_000


# ------------------------------------------------------------------ who may


@pytest.mark.parametrize(
    "header", [None, "Bearer roa_nobody", "Bearer ", "Basic cm9hOnJvYQ==", "roa_without_scheme"]
)
def test_a_file_needs_a_token_of_ours(door, header):
    """401, and how to send one; the file is not even looked at."""
    sent = {} if header is None else {"Authorization": header}
    head = door.head()

    answer = door.post_csv(b"not a file", number=None, **sent)

    assert answer.status_code == 401
    assert answer.json()["code"] == "token"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert door.head() == head


def test_a_file_needs_a_key_in_our_keeping(door):
    """The regulator's own key is not at hand under its number: its files are signed by itself, elsewhere."""
    sentence = insist_on_nothing(door, RESULTS, 403, "custody", number=REGULATOR)

    assert "custody" in sentence


@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain", ""])
def test_another_media_type_is_refused(door, media_type):
    """415: neither signed lines nor a file."""
    answer = door.post_csv(RESULTS, Content_Type=media_type)

    assert answer.status_code == 415
    assert answer.json()["code"] == "media-type"


def test_a_submission_is_its_own_organisations_business(door):
    """With another organisation's token there is no such submission: 404, for its rows and its file too."""
    path = f"/v1/submissions/{door.post_csv(RESULTS).json()['submission']}"

    for asked in (path, f"{path}/rows", f"{path}/rows?format=csv"):
        own, other, nobody = door.get(asked, PROVIDER), door.get(asked, OTHER), door.get(asked)
        assert (own.status_code, other.status_code, nobody.status_code) == (200, 404, 401)
        assert ANA.nsn not in other.text + nobody.text


# ------------------------------------------------------------------ the same again


def test_the_same_file_again_is_answered_the_same(door):
    """The same body is the same submission: the same answer, byte for byte, and nothing written."""
    first = door.post_csv(RESULTS)
    head, jobs = door.head(), door.jobs()

    again = door.post_csv(RESULTS)

    assert again.content == first.content
    assert (door.head(), door.jobs()) == (head, jobs)


def test_an_idempotency_key_names_one_posting(door):
    """Same key, same file: the first answer. Same key, another file: 409, and nothing of it is recorded."""
    first = door.post_csv(RESULTS, Idempotency_Key="march")
    head, jobs = door.head(), door.jobs()
    another = results_csv([(BEN, "LO1", "A")])

    again = door.post_csv(RESULTS, Idempotency_Key="march")
    conflict = door.post_csv(another, Idempotency_Key="march")

    assert again.content == first.content
    assert (conflict.status_code, conflict.json()["code"]) == (409, "E908")
    assert (door.head(), door.jobs()) == (head, jobs)


def test_another_idempotency_key_is_another_posting(door):
    """The same file under another key is decided again: its rows are recorded already."""
    first = door.post_csv(RESULTS, Idempotency_Key="march")

    second = door.post_csv(RESULTS, Idempotency_Key="april")

    assert second.json()["submission"] != first.json()["submission"]
    assert statuses(second) == ["unchanged", "unchanged"]


def test_two_organisations_may_use_one_idempotency_key(door):
    """Names of postings are each organisation's own."""
    key = str(uuid4())
    human = people(1)[0]
    door.ledger.register(human)
    enrolment = enrolments_csv([human])

    posted = ((RESULTS, PROVIDER), (enrolment, OTHER))
    answers = [door.post_csv(data, number, Idempotency_Key=key) for data, number in posted]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert statuses(answers[1]) == ["accepted"]
    assert len({answer.json()["submission"] for answer in answers}) == 2


def test_an_endless_idempotency_key_is_refused(door):
    """400: 200 characters are enough for a name."""
    insist_on_nothing(door, RESULTS, 400, "malformed", Idempotency_Key="k" * 201)
