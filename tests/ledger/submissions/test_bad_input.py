"""Bad submissions: one clear answer for the whole of it, and the ledger as it was.

Source: SPEC.md 6, LEDGER.md 2; the issue's "Bad input".
"""

import json
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from api.client.jose import Signer, b64url, canonical, unb64url
from api.client.statements import Statement, line, root_of, statement_leaf
from ledger import statements
from ledger.errors import BadSignature, LedgerError, Malformed, Unauthorised
from ledger.founding import REGISTRAR, founding_statement
from ledger.keys.signer import ES256, MemorySigner, thumbprint
from ledger.statements import read_submission
from tests.ledger.submissions.forging import (
    Lines,
    lines_of,
    resigned,
    send,
    token_of,
    with_header,
    with_members,
    with_token,
)
from tests.support.ledgers import CHARTER, PROVIDER_KEY, House, a_study_ledger, an_empty_ledger, statement
from tests.support.world import ANA, BEN, a_listing, a_result, an_enrolment

SALT = b64url(bytes(range(32)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A ledger in which Ana and Ben study; nothing below may change it."""
    made = a_study_ledger(tmp_path_factory.mktemp("ledger"))
    made.register(ANA, BEN)
    made.enrol(ANA, BEN)
    yield made
    made.close()


@pytest.fixture
def lines(house: House) -> Lines:
    """The lines of an honest submission of two results."""
    return lines_of(
        house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(one)) for one in (ANA, BEN)])
    )


@pytest.fixture
def signer(house: House) -> Signer:
    """The key that signed them."""
    return house.signer(PROVIDER_KEY)


def _refused(house: House, lines: Lines, error: type[LedgerError], code: str) -> str:
    """Insist that a submission is refused so, and that nothing of it is anywhere; return the sentence."""
    head, jobs = house.ledger.store.head(), _jobs(house)
    with pytest.raises(error) as refused:
        send(house, lines)
    assert refused.value.code == code
    assert type(refused.value) is error
    assert house.ledger.store.head() == head
    assert _jobs(house) == jobs
    return str(refused.value)


def _jobs(house: House) -> int:
    reader = house.ledger.jobs._database.reader
    (number,) = reader.execute("SELECT COUNT(*) FROM job").fetchone()
    return int(number)


def test_the_honest_submission_would_be_accepted(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the tests below break is whole: each of them fails for the one thing it changes."""
    house = a_study_ledger(tmp_path_factory.mktemp("other"))
    house.register(ANA, BEN)
    house.enrol(ANA, BEN)
    said = [statement("assessment.passed", **a_result(one)) for one in (ANA, BEN)]
    honest = lines_of(house.build(PROVIDER_KEY, said))
    signer = house.signer(PROVIDER_KEY)
    again = with_header(
        honest, signer, {"alg": "Ed25519", "kid": signer.thumbprint, "typ": "achievement-submission+jws"}
    )

    assert [one.status for one in send(house, resigned(again, signer, {}))] == ["accepted"] * 2
    house.close()


# ------------------------------------------------------------------ signatures and keys


@pytest.mark.parametrize("at", [0, 20, 63])
def test_a_flipped_bit_in_the_signature(house: House, lines: Lines, at: int) -> None:
    """Any bit of it."""
    head, body, tail = token_of(lines).split(".")
    signature = bytearray(unb64url(tail))
    signature[at] ^= 1

    _refused(house, with_token(lines, f"{head}.{body}.{b64url(signature)}"), BadSignature, "signature")


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"\0" * 65])
def test_no_signature_worth_the_name(house: House, lines: Lines, signature: bytes) -> None:
    """Empty, zeros, too short, too long."""
    head, body, _ = token_of(lines).split(".")

    _refused(house, with_token(lines, f"{head}.{body}.{b64url(signature)}"), BadSignature, "signature")


def test_another_keys_signature_under_our_name(house: House, lines: Lines, signer: Signer) -> None:
    """The header names the registered key, somebody else signed."""
    thief = MemorySigner.generate()
    header = {"alg": "Ed25519", "kid": signer.thumbprint, "typ": "achievement-submission+jws"}

    _refused(house, with_header(lines, thief, header), BadSignature, "signature")


def test_a_payload_changed_after_signing(house: House, lines: Lines) -> None:
    """The mode, for instance."""
    head, body, tail = token_of(lines).split(".")
    payload = json.loads(unb64url(body))
    changed = b64url(canonical({**payload, "mode": "atomic"}))

    _refused(house, with_token(lines, f"{head}.{changed}.{tail}"), BadSignature, "signature")


def test_a_key_that_nobody_registered(house: House, lines: Lines) -> None:
    """Honestly signed, by a stranger."""
    sentence = _refused(house, resigned(lines, MemorySigner.generate(), {}), Unauthorised, "E909")

    assert sentence == "the signing key is not registered to this organisation"


def test_another_organisations_key(house: House, lines: Lines) -> None:
    """The registrar's key speaks for the registrar only."""
    _refused(house, resigned(lines, house.signer(REGISTRAR), {}), Unauthorised, "E909")


def test_another_organisations_name(house: House, lines: Lines, signer: Signer) -> None:
    """The provider's key, and the regulator as who says it."""
    _refused(house, resigned(lines, signer, {"iss": str(house.speakers[REGISTRAR])}), Unauthorised, "E909")


@pytest.mark.parametrize("ended", ["key.retired", "key.revoked"])
def test_a_key_that_was_retired_or_revoked(tmp_path_factory: pytest.TempPathFactory, ended: str) -> None:
    """It says nothing new; the sentence names the position where it ended."""
    house = a_study_ledger(tmp_path_factory.mktemp("ended"))
    lines = lines_of(house.build(PROVIDER_KEY, [statement("assessment.passed", **a_result(ANA))]))
    kid = house.signer(PROVIDER_KEY).thumbprint
    how: dict[str, Any] = {"from_": "2026-11-22"} if ended == "key.retired" else {"reason": "lost"}
    house.must(REGISTRAR, [statement(ended, organisation=95001, kid=kid, **how)])

    sentence = _refused(house, lines, Unauthorised, "E909")

    assert str(house.size()) in sentence
    house.close()


@pytest.mark.parametrize(
    ("purposes", "said"),
    [
        (("credential",), statement("learner.enrolled", **an_enrolment(ANA))),
        (("keys",), statement("learner.enrolled", **an_enrolment(ANA))),
        (("submission",), statement("key.retired", organisation=95001, kid="k", from_="2026-11-22")),
    ],
)
def test_a_key_for_other_purposes(
    tmp_path_factory: pytest.TempPathFactory, purposes: tuple[str, ...], said: Statement
) -> None:
    """One for credentials or keys posts no rows, one for rows ends no keys."""
    house = a_study_ledger(tmp_path_factory.mktemp("purposes"))
    house.key("95001.other", 95001, *purposes)

    sentence = _refused(house, lines_of(house.build("95001.other", [said])), Unauthorised, "E909")

    assert "not registered for the purpose" in sentence
    house.close()


def test_a_key_of_one_kind_under_the_algorithm_of_another(house: House, lines: Lines, signer: Signer) -> None:
    """The algorithm is fixed by the registered key, never by the header."""
    header = {"alg": "ES256", "kid": signer.thumbprint, "typ": "achievement-submission+jws"}

    _refused(house, with_header(lines, signer, header), Unauthorised, "E909")


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "EdDSA2"},
        {"alg": None},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": SALT}},
        {"crit": ["exp"]},
        {"b64": False},
        {"exp": 1},
        {"kid": 7},
    ],
)
def test_a_header_with_anything_but_its_three_members(
    house: House, lines: Lines, signer: Signer, change: dict[str, Any]
) -> None:
    """No other algorithm, no key that the header brings itself, nothing critical, nothing unknown."""
    header = {"alg": "Ed25519", "kid": signer.thumbprint, "typ": "achievement-submission+jws", **change}

    _refused(house, with_header(lines, signer, header), Malformed, "E909")


def test_a_header_that_names_a_member_twice(house: House, lines: Lines, signer: Signer) -> None:
    """Two readers could take two different algorithms from it."""
    text = b'{"alg":"none","alg":"Ed25519","kid":"%b","typ":"achievement-submission+jws"}'

    _refused(house, with_header(lines, signer, text % signer.thumbprint.encode()), Malformed, "malformed")


def test_a_token_of_another_kind(house: House, lines: Lines, signer: Signer) -> None:
    """A possession proof or a receipt is no submission."""
    header = {"alg": "Ed25519", "kid": signer.thumbprint, "typ": "key-possession+jws"}

    _refused(house, with_header(lines, signer, header), Malformed, "malformed")


# ------------------------------------------------------------------ the body


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a line is missing", lambda lines: lines[:-1]),
        ("a line came twice", lambda lines: [*lines, lines[-1]]),
        ("two lines changed places", lambda lines: [lines[0], lines[2], lines[1]]),
        ("only the token", lambda lines: lines[:1]),
        ("only the rows", lambda lines: lines[1:]),
        ("nothing at all", lambda _lines: []),
        ("an empty first line", lambda lines: [b"", *lines]),
        ("cut off inside a line", lambda lines: [*lines[:-1], lines[-1][:40]]),
        ("cut off inside the token", lambda lines: [lines[0][:100], *lines[1:]]),
        ("not JSON", lambda lines: [lines[0], b"nsn,grade", *lines[2:]]),
        ("not UTF-8", lambda lines: [lines[0], lines[1].replace(b"6022", b"\xff\xfe"), *lines[2:]]),
        ("not an object", lambda lines: [lines[0], b"[]", *lines[2:]]),
        (
            "a key twice",
            lambda lines: [lines[0], lines[1][:-1] + b',"salt":"%b"}' % SALT.encode(), *lines[2:]],
        ),
        ("an unknown member", lambda lines: [lines[0], with_members(lines[1], note="x"), *lines[2:]]),
        ("no statement", lambda lines: [lines[0], with_members(lines[1], statement=None), *lines[2:]]),
        (
            "a statement that is no text",
            lambda lines: [lines[0], with_members(lines[1], statement={}), *lines[2:]],
        ),
        ("a token that is no text", lambda lines: [b'{"submission":1}', *lines[1:]]),
        ("a token of two parts", lambda lines: with_token(lines, token_of(lines).rpartition(".")[0])),
        ("a token with padding", lambda lines: with_token(lines, token_of(lines) + "=")),
        (
            "a very long line",
            lambda lines: [lines[0], with_members(lines[1], statement="x" * 70_000), *lines[2:]],
        ),
        ("a statement changed", lambda lines: [lines[0], lines[1].replace(b"LO1", b"LO2"), *lines[2:]]),
        ("a salt changed", lambda lines: [lines[0], with_members(lines[1], salt=SALT), *lines[2:]]),
        ("no salt", lambda lines: [lines[0], with_members(lines[1], salt=None), *lines[2:]]),
        ("half a character", lambda lines: [lines[0], lines[1].replace(b"LO1", b"\\ud800"), *lines[2:]]),
    ],
)
def test_a_body_that_does_not_hold_together(
    house: House, lines: Lines, name: str, change: Callable[[Lines], Lines]
) -> None:
    """Cut off, doubled, reordered, unreadable, or not what was signed."""
    del name
    _refused(house, change(lines), Malformed, "malformed")


def test_the_sentence_about_a_cut_off_body_says_so(house: House, lines: Lines) -> None:
    """How many were promised, how many came."""
    sentence = _refused(house, lines[:-1], Malformed, "malformed")

    assert sentence == "the submission promises 2 statements and brings 1: was it cut off?"


@pytest.mark.parametrize("is_large", [False, True])
def test_no_row_is_read_beyond_the_first_too_many(
    house: House,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    is_large: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A megabyte may have tens of thousands of them: that there are more is known from one."""
    monkeypatch.setattr(statements, "_ROWS_AT_ONCE", 2)
    passed: list[bytes] = []

    def endless() -> Iterator[bytes]:
        for one in chain(lines, repeat(lines[-1])):
            passed.append(one)
            yield one

    with pytest.raises(Malformed, match=r"promises 2 statements and brings more$"):
        read_submission(endless(), origin=house.ledger.founding.origin, again=endless if is_large else None)

    assert len(passed) == 1 + 2 + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"root": b64url(bytes(32))},
        {"root": b64url(bytes(31))},
        {"root": "not base64url!"},
        {"root": None},
        {"n": 3},
        {"n": 0},
        {"n": -1},
        {"n": "2"},
        {"n": 2.5},
        {"n": True},
        {"n": 100_001},
        {"aud": "other.example/log"},
        {"aud": None},
        {"jti": "not-a-uuid"},
        {"jti": "{0190c0de-0000-7000-8000-0123456789ab}"},
        {"jti": "0190C0DE-0000-7000-8000-0123456789AB"},
        {"iss": "95001"},
        {"iss": 95001},
        {"iat": -1},
        {"iat": "now"},
        {"mode": "all_or_nothing"},
        {"mode": None},
        {"v": 2},
        {"v": True},
        {"by": 7},
        {"by": ""},
        {"note": "x"},
    ],
)
def test_a_signed_part_that_is_not_version_1(
    house: House, lines: Lines, signer: Signer, changes: dict[str, Any]
) -> None:
    """Every member there, of its type, and no other; the root is that of the statements."""
    _refused(house, resigned(lines, signer, changes), Malformed, "malformed")


# ------------------------------------------------------------------ salts


def _salted(house: House, salts: list[tuple[bytes, bytes]]) -> Lines:
    """Return a submission signed over statements with these salts: (salt, who_salt) for each."""
    said = [statement("assessment.passed", **a_result(one)) for one in (ANA, BEN)]
    made = [line(one, salt, who_salt) for one, (salt, who_salt) in zip(said, salts, strict=True)]
    honest = lines_of(house.build(PROVIDER_KEY, said))
    root = root_of([statement_leaf(one.statement, one.salt) for one in made])
    body = [
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
    return resigned([honest[0], *body], house.signer(PROVIDER_KEY), {"root": b64url(root)})


_A, _B, _C, _D = (bytes([first, *range(31)]) for first in (200, 201, 202, 203))


@pytest.mark.parametrize(
    "salts",
    [
        [(_A, _B), (_A, _D)],
        [(_A, _B), (_C, _B)],
        [(_A, _A), (_C, _D)],
        [(_A, _B), (_C, _A)],
        [(bytes(32), _B), (_C, _D)],
        [(_A, bytes(32)), (_C, _D)],
        [(b"\xaa" * 32, _B), (_C, _D)],
        [(_A[:31], _B), (_C, _D)],
        [(_A + b"\0", _B), (_C, _D)],
        [(b"", _B), (_C, _D)],
        [(_A, b""), (_C, _D)],
    ],
)
def test_salts_that_would_let_statements_be_guessed(house: House, salts: list[tuple[bytes, bytes]]) -> None:
    """Used twice anywhere in a submission, constant, or not 32 bytes: honestly signed, and refused."""
    sentence = _refused(house, _salted(house, salts), Malformed, "malformed")

    assert "salt" in sentence


# ------------------------------------------------------------------ what may stand together


def test_public_and_private_statements_in_one(house: House) -> None:
    """A submission is all public or all private."""
    said = [
        statement("learner.enrolled", **an_enrolment(ANA)),
        statement(
            "accreditation.ended", provider=95001, code="6022", ended_on="2026-11-22", reason="withdrawn"
        ),
    ]

    _refused(house, lines_of(house.build(PROVIDER_KEY, said)), Malformed, "malformed")


def test_a_public_submission_that_names_a_person(house: House) -> None:
    """`by` is a person's id; the public log cannot take it back."""
    said = statement(
        "organisation.registered", number=95100, kind="pte", name={"en": "N"}, valid_from="2018-01-01"
    )

    _refused(house, lines_of(house.build(REGISTRAR, [said], by="officer-7")), Malformed, "malformed")


# ------------------------------------------------------------------ before the founding


def test_a_ledger_that_is_not_founded_takes_nothing_but_its_founding(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another ledger's honest submission is refused by an empty one."""
    empty = an_empty_ledger(tmp_path_factory.mktemp("empty"))
    lines = lines_of(
        house.build(
            REGISTRAR,
            [
                statement(
                    "organisation.role_granted", organisation=95001, role="developer", valid_from="2018-08-22"
                )
            ],
        )
    )

    _refused(empty, lines, Unauthorised, "not-founded")
    empty.close()


def test_a_second_founding_is_refused(house: House) -> None:
    """Position 1 and nowhere else."""
    said = founding_statement(house.keystore, CHARTER, house.clock.now_us())
    size = house.size()

    (outcome,) = house.post(REGISTRAR, [said])

    assert outcome.status == "rejected"
    assert house.size() == size


def test_a_founding_signed_by_another_key_than_it_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who signs it in must be the registrar that it names."""
    empty = an_empty_ledger(tmp_path_factory.mktemp("empty"))
    said = founding_statement(empty.keystore, CHARTER, empty.clock.now_us())
    lines = lines_of(empty.build(REGISTRAR, [said]))

    _refused(empty, resigned(lines, MemorySigner.generate(ES256), {}), Unauthorised, "E909")
    assert thumbprint(said["registrar"]["jwk"]) == empty.signer(REGISTRAR).thumbprint
    empty.close()


@pytest.mark.parametrize(
    "words",
    [
        "learner 9000001004 complained",
        "NSN 900 000 1004",
        "by 900-000-1004",
        "ask ana.brook@school.example",
        "900000100",
    ],
)
def test_nobody_is_named_in_the_public_log(tmp_path: Path, words: str) -> None:
    """What looks like a student number or an address is refused before it stands there for ever: E831."""
    house = a_study_ledger(tmp_path)
    size = house.size()
    listing = statement("microcredential.registered", **a_listing("6023", relevance=words))

    (outcome,) = house.post(REGISTRAR, [listing])

    assert (outcome.status, [one.code for one in outcome.findings]) == ("rejected", ["E831"])
    assert outcome.findings[0].column == "relevance"
    assert house.size() == size


@pytest.mark.parametrize(
    "words",
    ["20 credits, 200 hours, from 2026-11-20 on", "2026-11-20 2027-01-01", "Standard 90001, version 2"],
)
def test_numbers_that_are_nobodys_stay(tmp_path: Path, words: str) -> None:
    """Dates, credits and standards are no student numbers."""
    house = a_study_ledger(tmp_path)

    house.must(REGISTRAR, [statement("microcredential.registered", **a_listing("6023", relevance=words))])
