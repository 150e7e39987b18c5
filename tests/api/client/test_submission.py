"""A submission is signed once and is the same bytes at every try."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from api.client import submission
from api.client.errors import Malformed, Refused
from api.client.jose import b64url, open_jws, read_json, sign_jws, unb64url
from api.client.keys import generate
from api.client.rows import Row
from api.client.statements import Statement, root_of, statement_bytes, who_digest
from api.client.submission import Submission, build, organisation_id

KEY = generate()
ORIGIN = "ledger.example/log"
NOW_S = 1_795_000_000


def rows(count: int) -> list[Row]:
    """Return rows that differ, and one that could not be read."""
    return [
        Row(i, statement={"type": "assessment.passed", "v": 1, "attempt": i}, who={"nsn": "9000000001"})
        for i in range(1, count + 1)
    ] + [Row(count + 1)]


def built(count: int = 3, **options: object) -> Submission:
    """Build a submission of so many rows."""
    settings = {"signer": KEY, "organisation": organisation_id(95001), "origin": ORIGIN, "now_s": NOW_S}
    return build(rows(count), **{**settings, **options})  # type: ignore[arg-type]


def test_signed_part_says_who_speaks_to_whom_and_about_which_root():
    """The payload has the members of the contract, and its root is that of the lines."""
    made = built()

    payload = json.loads(open_jws(made.jws, KEY.jwk, "achievement-submission+jws"))

    assert payload == {
        "v": 1,
        "iss": str(organisation_id(95001)),
        "aud": ORIGIN,
        "jti": str(made.jti),
        "iat": NOW_S,
        "mode": "row_by_row",
        "n": 3,
        "root": b64url(root_of([made.leaf(i) for i in range(3)])),
    }
    assert made.jti.version == 7
    assert made.jti.int >> 80 == NOW_S * 1000


def test_body_is_the_token_then_each_statement():
    """Each line holds exact texts and salts; the person travels beside the statement that binds them."""
    made = built()

    first, *lines = [json.loads(line) for line in made.body().decode().splitlines()]

    assert first == {"submission": made.jws}
    assert len(lines) == len(made) == 3
    for number, line in enumerate(lines, 1):
        assert set(line) == {"statement", "salt", "who", "who_salt"}
        digest = who_digest(line["who"].encode(), unb64url(line["who_salt"]))
        said = {"type": "assessment.passed", "v": 1, "attempt": number, "who": b64url(digest)}
        assert line["statement"].encode() == statement_bytes(said)
        assert line["who"] == '{"nsn":"9000000001"}'


def test_salts_are_long_and_never_the_same():
    """Every salt has 32 bytes and is drawn once, within and across submissions."""
    salts = [
        salt for made in (built(), built()) for line in made.statements for salt in (line.salt, line.who_salt)
    ]

    assert {len(salt or b"") for salt in salts} == {32}
    assert len(set(salts)) == len(salts) == 12


def test_public_statements_travel_without_a_person():
    """Plain mappings are statements about no person; a Statement may name one."""
    public = {"type": "organisation.registered", "v": 1, "number": 95001}
    private = Statement(
        {"type": "learner.registered", "v": 1}, {"nsn": "9000000001", "name": {"whole": "Ānaru"}}
    )

    made = build([public, private], signer=KEY, organisation="x", origin=ORIGIN, now_s=NOW_S)

    _, first, second = [json.loads(line) for line in made.body().decode().splitlines()]
    assert set(first) == {"statement", "salt"}
    assert second["who"] == '{"name":{"whole":"Ānaru"},"nsn":"9000000001"}'


def test_options_stand_in_the_signed_part():
    """Mode, a given id and the signed-in person are what was asked for."""
    jti = UUID("01930000-0000-7000-8000-000000000001")

    made = built(mode="atomic", jti=jti, by="a-random-id")

    payload = read_json(open_jws(made.jws, KEY.jwk, submission.TYP))
    assert (payload["mode"], payload["jti"], payload["by"]) == ("atomic", str(jti), "a-random-id")


def test_what_is_no_submission_is_refused():
    """No statement, too many of them, or an unknown mode is refused before anything is signed."""
    with pytest.raises(Refused, match="1 to 100000"):
        built(0)
    with pytest.raises(Refused, match="row_by_row or atomic"):
        built(1, mode="dry_run")
    with pytest.raises(Refused, match="1 to 10000 statements, this one 10001"):
        build([{"v": 1}] * 10_001, signer=KEY, organisation="x", origin=ORIGIN, now_s=NOW_S, mode="atomic")


def test_saved_submission_is_sent_again_as_the_same_bytes(tmp_path: Path):
    """What was saved is loaded to the same body, is private to its owner, and is never replaced."""
    path, made = tmp_path / "results.submission", built(40)

    made.save(path)

    assert path.read_bytes() == made.body()
    assert Submission.load(path) == made
    assert Submission.load(path).body() == made.body()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="never written over"):
        built().save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.submission"]


BODY = built().body()
LINES = BODY.splitlines(keepends=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        BODY[:-1],
        BODY[: len(BODY) // 2],
        b"".join(LINES[:-1]),
        LINES[0],
        b"".join([LINES[0], LINES[2], LINES[1], LINES[3]]),
        BODY.replace(b'\\"attempt\\":1', b'\\"attempt\\":2'),
        BODY + LINES[1],
        b"".join([LINES[0], b"{}\n", *LINES[2:]]),
        b"".join([LINES[0], b'{"statement":1,"salt":"YQ"}\n', *LINES[2:]]),
        b"".join([LINES[0], b'{"statement":"{}","salt":"YQ"}\n', *LINES[2:]]),
        b"".join([LINES[0], b'{"statement":"\\ud800","salt":"' + b"A" * 43 + b'"}\n', *LINES[2:]]),
        b'{"submission":"a.b.c"}\n' + b"".join(LINES[1:]),
    ],
)
def test_changed_or_cut_file_is_not_loaded(body: bytes):
    """A file that is not what was signed is refused, whatever happened to it."""
    with pytest.raises(Malformed):
        Submission.from_body(body)


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b'{"jti":1,"n":3,"root":"x"}', b'{"jti":"x","n":3,"root":"x"}']
)
def test_token_that_signs_no_submission_is_not_loaded(payload: bytes):
    """A token of another content is refused, not tripped over."""
    token = sign_jws(KEY, payload, submission.TYP)

    with pytest.raises(Malformed):
        Submission.from_body(b'{"submission":"%b"}\n' % token.encode() + b"".join(LINES[1:]))
