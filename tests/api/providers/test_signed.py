"""Signed submissions over HTTP: one clear answer to each way of being wrong, and the ledger as it was."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api.client.acknowledgement import check_acknowledgement
from api.client.jose import b64url
from api.client.statements import Line, Statement, line, root_of, statement_leaf
from api.client.submission import Submission, organisation_id
from api.providers import posting, routes
from ledger.founding import REGISTRAR
from ledger.keys.signer import ES256, MemorySigner
from tests.api.door import OTHER_KEY, Door, codes, statuses
from tests.ledger.submissions.forging import Lines, lines_of, resigned, token_of, with_members, with_token
from tests.support.ledgers import PROVIDER_KEY, statement
from tests.support.world import ANA, BEN, PROVIDER, a_result


def two_results(door: Door, label: str = PROVIDER_KEY, **options: Any) -> Submission:
    """Return an honest submission of a result for each of two learners."""
    return door.ledger.build(label, results(ANA, BEN), **options)


def results(*humans: Any) -> list[Statement]:
    """Return what says that these learners passed LO1."""
    return [statement("assessment.passed", **a_result(one)) for one in humans]


def insist_on_nothing(door: Door, content: Submission | Lines, status: int, code: str) -> str:
    """Post something, insist on that answer and on a ledger as it was; return the sentence."""
    head, jobs = door.head(), door.jobs()

    answer = door.post_signed(content if isinstance(content, Submission) else b"\n".join(content))

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert ANA.nsn not in answer.text
    assert (door.head(), door.jobs()) == (head, jobs)
    return str(answer.json()["detail"])


# ------------------------------------------------------------------ what is answered


@pytest.mark.parametrize("media_type", ["application/jsonl", "application/x-ndjson; charset=utf-8"])
def test_a_signed_submission_is_answered_row_by_row(door, media_type):
    """Needs no token: the signature says whose it is. Each row has its position and leaf hash."""
    size = door.ledger.size()

    answer = door.client.post(
        "/v1/submissions", content=two_results(door).body(), headers={"Content-Type": media_type}
    )

    body = answer.json()
    assert answer.status_code == 200
    assert (body["organisation"], body["status"], body["state"]) == (PROVIDER, "committed", "durable")
    assert [(row["row"], row["position"]) for row in body["rows"]] == [(1, size + 1), (2, size + 2)]
    assert door.ledger.size() == size + 2


def test_the_same_submission_again_is_answered_the_same(door):
    """The same bytes: the same answer, byte for byte, and nothing written."""
    sent = two_results(door)
    first = door.post_signed(sent)
    head, jobs = door.head(), door.jobs()

    again = door.post_signed(sent)

    assert again.content == first.content
    assert (door.head(), door.jobs()) == (head, jobs)


def test_the_same_submission_under_a_new_signature_is_the_same(door):
    """An ES256 signature is other bytes every time; what is signed counts."""
    door.ledger.key("95001.es256", PROVIDER, alg=ES256)
    lines = lines_of(two_results(door, "95001.es256"))
    signed_again = resigned(lines, door.ledger.signer("95001.es256"), {})
    first = door.post_signed(b"\n".join(lines))
    size = door.ledger.size()

    again = door.post_signed(b"\n".join(signed_again))

    assert token_of(signed_again) != token_of(lines)
    assert again.json() == first.json()
    assert door.ledger.size() == size


def test_an_atomic_submission_is_recorded_whole_or_not_at_all(door):
    """One wrong row refuses the right one with it; both say so."""
    size = door.ledger.size()
    wrong = statement("assessment.passed", **a_result(BEN, "LO9"))

    answer = door.post_signed(door.ledger.build(PROVIDER_KEY, [*results(ANA), wrong], mode="atomic"))

    assert answer.status_code == 200
    assert statuses(answer) == ["rejected", "rejected"]
    assert codes(answer)[1] == ["E203"]
    assert door.ledger.size() == size


def test_an_acknowledgement_is_signed_over_what_was_recorded(door):
    """By the receipt key of the founding: submission, root, and position and leaf hash of each row."""
    sent = two_results(door)
    answer = door.post_signed(sent).json()
    operator_keys = {name: json.loads(jwk) for name, jwk in door.ledger.ledger.founding.operator_keys}

    said = check_acknowledgement(answer["acknowledgement"], operator_keys["receipt"], sent)

    assert said["origin"] == "ledger.example/log"
    assert said["iss"] == str(organisation_id(PROVIDER))
    assert said["rows"] == [[row["row"], row["position"], row["leaf_hash"]] for row in answer["rows"]]


def test_the_acknowledged_leaf_hashes_are_those_of_the_log(door):
    """What was promised before publishing is what the published tiles hold."""
    sent = two_results(door)
    acknowledgement = door.post_signed(sent).json()["acknowledgement"]
    said = check_acknowledgement(acknowledgement, door.receipt_jwk(), sent)

    door.house.catch_up()
    tile = door.get(f"/log/tile/0/000.p/{door.ledger.size()}").content

    assert len(said["rows"]) == 2
    for _, position, leaf_hash in said["rows"]:
        assert b64url(tile[32 * (position - 1) : 32 * position]) == leaf_hash


def test_an_answer_says_when_its_records_are_published(door):
    """Durable at once, published once a checkpoint covers them; the rest of the answer stays."""
    sent = two_results(door)
    durable = door.post_signed(sent).json()

    door.house.catch_up()
    published = door.post_signed(sent).json()

    assert (durable["state"], published["state"]) == ("durable", "published")
    assert {**published, "state": None} == {**durable, "state": None}


def test_what_is_not_recorded_is_not_called_published(door):
    """Every row was refused: there is nothing of it under the checkpoint that covers everything."""
    door.house.catch_up()
    wrong = statement("assessment.passed", **a_result(ANA, "LO9"))

    answer = door.post_signed(door.ledger.build(PROVIDER_KEY, [wrong])).json()

    assert (answer["counts"]["rejected"], answer["state"]) == (1, "durable")


# ------------------------------------------------------------------ rows


def signed_over(door: Door, made: list[Line]) -> bytes:
    """Return a body honestly signed over these exact statements, whatever they say."""
    token = lines_of(two_results(door))[0]
    root = root_of([statement_leaf(one.statement, one.salt) for one in made])
    rest = [
        json.dumps(
            {
                "statement": one.statement.decode(),
                "salt": b64url(one.salt),
                "who": (one.who or b"").decode(),
                "who_salt": b64url(one.who_salt or b""),
            }
        ).encode()
        for one in made
    ]
    signer = door.ledger.signer(PROVIDER_KEY)
    return b"\n".join(resigned([token, *rest], signer, {"root": b64url(root), "n": len(made)}))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a member twice", lambda text: text[:-1] + b',"grade":"A"}'),
        ("an unknown member", lambda text: text[:-1] + b',"note":"x"}'),
        ("no number JSON knows", lambda text: text.replace(b'"grade":"A"', b'"grade":NaN')),
        ("cut off", lambda text: text[:-1]),
        ("something behind it", lambda text: text + b"{}"),
        ("another version", lambda text: text.replace(b'"v":1', b'"v":2')),
        ("a type nobody knows", lambda text: text.replace(b"assessment.passed", b"assessment.invented")),
    ],
)
def test_a_wrong_statement_is_rejected_alone(door, name, change):
    """Honestly signed and not a statement of ours: that row says so (E901), its neighbour is recorded."""
    del name
    made = [
        line(one, bytes([n, *range(31)]), bytes([n, *range(1, 32)]))
        for n, one in enumerate(results(ANA, BEN))
    ]
    made[0] = Line(change(made[0].statement), made[0].salt, made[0].who, made[0].who_salt)
    size = door.ledger.size()

    answer = door.post_signed(signed_over(door, made))

    assert answer.status_code == 200, answer.text
    assert statuses(answer) == ["rejected", "accepted"]
    assert codes(answer) == [["E901"], []]
    assert door.ledger.size() == size + 1


def test_an_unknown_member_is_named(door):
    """So that whoever wrote the program knows which one to take out."""
    said = statement("assessment.passed", **a_result(ANA, remark="x"))

    answer = door.post_signed(door.ledger.build(PROVIDER_KEY, [said]))

    assert [found["column"] for found in answer.json()["rows"][0]["findings"]] == ["remark"]


# ------------------------------------------------------------------ keys


def test_a_bad_signature_is_401(door):
    """A flipped bit, and a stranger's signature under the name of our key."""
    lines = lines_of(two_results(door))
    head, body, tail = token_of(lines).split(".")
    other = resigned(lines, MemorySigner.generate(), {})
    borrowed = f"{head}.{body}.{token_of(other).rpartition('.')[2]}"

    for token in (f"{head}.{body}.{'A' if tail[0] != 'A' else 'B'}{tail[1:]}", borrowed):
        insist_on_nothing(door, with_token(lines, token), 401, "signature")


def test_a_key_that_nobody_registered_is_403(door):
    """Honestly signed, by a stranger."""
    lines = resigned(lines_of(two_results(door)), MemorySigner.generate(), {})

    insist_on_nothing(door, lines, 403, "E909")


@pytest.mark.parametrize("rows", [2, 50_000])
def test_no_row_is_read_of_what_no_key_of_ours_signed(door, monkeypatch, rows):
    """An unsigned megabyte costs its sender more than us: whose it is stands in the first line."""
    monkeypatch.setattr(posting, "read_submission", lambda *_a, **_k: pytest.fail("rows were read"))
    unknown = resigned(lines_of(two_results(door)), MemorySigner.generate(), {"n": rows})
    forged = with_token(unknown, token_of(lines_of(two_results(door)))[:-4] + "AAAA")
    door.hold_background()

    insist_on_nothing(door, [unknown[0], b"no row"], 403, "E909")
    insist_on_nothing(door, [forged[0], b"no row"], 401, "signature")


def test_the_key_of_another_organisation_is_403(door):
    """The signature holds, and its key speaks for somebody else."""
    insist_on_nothing(door, two_results(door, OTHER_KEY, organisation=organisation_id(PROVIDER)), 403, "E909")


def test_a_retired_key_is_403(door):
    """It says nothing new; what it said before is still answered."""
    before, after = two_results(door), two_results(door)
    first = door.post_signed(before)
    kid = door.ledger.signer(PROVIDER_KEY).thumbprint
    retired = statement("key.retired", organisation=PROVIDER, kid=kid, from_="2026-11-22")
    door.ledger.must(REGISTRAR, [retired])

    sentence = insist_on_nothing(door, after, 403, "E909")

    assert "retired" in sentence
    assert door.post_signed(before).json() == first.json()


@pytest.mark.parametrize("purpose", ["credential", "keys"])
def test_a_key_for_other_purposes_is_403(door, purpose):
    """One that signs credentials, or registers keys, posts no results."""
    door.ledger.key("95001.other", PROVIDER, purpose)

    sentence = insist_on_nothing(door, two_results(door, "95001.other"), 403, "E909")

    assert "purpose `submission`" in sentence


def test_an_own_key_signs_without_by(door):
    """`by` names who was signed in here, which only keys in our keeping can say."""
    sentence = insist_on_nothing(door, two_results(door, by="somebody"), 403, "E909")

    assert "`by`" in sentence


# ------------------------------------------------------------------ ids


@pytest.mark.parametrize("other", ["other content", "fewer rows"])
def test_an_id_with_other_content_is_409(door, other):
    """E908; what the id named first is still answered."""
    first = two_results(door)
    door.post_signed(first)
    humans = (BEN, ANA) if other == "other content" else (ANA,)

    insist_on_nothing(door, door.ledger.build(PROVIDER_KEY, results(*humans), jti=first.jti), 409, "E908")

    assert statuses(door.post_signed(first)) == ["accepted", "accepted"]


# ------------------------------------------------------------------ bodies


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("nothing", lambda _lines: [b""]),
        ("prose", lambda _lines: [b"Dear Sir or Madam"]),
        ("a CSV file", lambda _lines: [b"nsn,grade", b"1,A"]),
        ("cut off between lines", lambda lines: lines[:-1]),
        ("cut off inside a line", lambda lines: [*lines[:-1], lines[-1][:-9]]),
        ("cut off inside the token", lambda lines: [lines[0][:99]]),
        ("a JSON key twice", lambda lines: [lines[0], lines[1][:-1] + b',"salt":"x"}', *lines[2:]]),
        ("a token twice", lambda lines: [lines[0][:-1] + b"," + lines[0][1:], *lines[1:]]),
        ("an unknown member", lambda lines: [lines[0], with_members(lines[1], note="x"), *lines[2:]]),
        ("a changed statement", lambda lines: [lines[0], lines[1].replace(b"LO1", b"LO2"), *lines[2:]]),
        ("not UTF-8", lambda lines: [lines[0], lines[1].replace(b"6022", b"\xff"), *lines[2:]]),
        ("a BOM", lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]]),
    ],
)
def test_a_body_that_does_not_hold_together_is_400(door, name: str, change: Callable[[Lines], Lines]):
    """Cut off, doubled, unreadable, or not what was signed: refused whole."""
    del name
    insist_on_nothing(door, change(lines_of(two_results(door))), 400, "malformed")


def test_a_body_that_was_cut_off_is_told_so(door):
    """How many were promised, how many came."""
    sentence = insist_on_nothing(door, lines_of(two_results(door))[:-1], 400, "malformed")

    assert sentence == "the submission promises 2 statements and brings 1: was it cut off?"


def test_more_than_100_000_statements_are_400(door):
    """Nobody has to send them all to be told."""
    lines = resigned(lines_of(two_results(door)), door.ledger.signer(PROVIDER_KEY), {"n": 100_001})

    insist_on_nothing(door, lines, 400, "malformed")


def test_a_body_that_is_too_large_is_413(door, monkeypatch):
    """As soon as it is larger than allowed."""
    lines = lines_of(two_results(door))
    monkeypatch.setattr(routes, "JSON_LINES_MAX_BYTES", len(b"\n".join(lines)) - 1)

    insist_on_nothing(door, lines, 413, "too-large")


def test_windows_line_ends_change_nothing(door):
    """The statements are what is signed, not the ends of their lines."""
    answer = door.post_signed(b"\r\n".join(lines_of(two_results(door))))

    assert statuses(answer) == ["accepted", "accepted"]
