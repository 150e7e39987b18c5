"""What an actor says: statements, and the submission that signs many of them at once.

Reading is strict and closed: unknown members, duplicate keys, wrong types and dates that are none
are findings of that row, never of its neighbours. A submission that does not hold together as a
whole (signature, count, root, salts) is refused as a whole, and the ledger stays as it was.

Source: LEDGER.md 2, SPEC.md 1.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from ledger.encoding.strict_json import parse, unb64url
from ledger.errors import Malformed
from ledger.keys.signer import Jws, jws_read
from ledger.log.merkle import MemoryTree
from ledger.policy.findings import Finding, finding
from ledger.privacy.commitments import statement_leaf, who_digest

STATEMENT_MAX_BYTES = 16 * 1024
LINE_MAX_BYTES = 64 * 1024
ROWS_MAX = 100_000
ATOMIC_ROWS_MAX = 10_000
SALT_BYTES = 32
SUBMISSION_TYP = "achievement-submission+jws"
ROW_BY_ROW, ATOMIC = "row_by_row", "atomic"


# ------------------------------------------------------------------ members and their kinds


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a statement: how its JSON value is read."""

    name: str
    read: Callable[[Any], Any]  # raises ValueError, whose text is the finding code
    required: bool = True


def _text(size_max: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > size_max:
            raise ValueError("E901")
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise ValueError("E901")
        return value

    return read


def _int(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError("E901")
        return value

    return read


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NSN = re.compile(r"\d{10}", re.ASCII)
_HEX32 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("E501")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("E501") from None


def _nsn(value: Any) -> str:
    if not isinstance(value, str) or not _NSN.fullmatch(value):
        raise ValueError("E101")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _HEX32.fullmatch(value):
        raise ValueError("E408")
    return value


def _uuid(value: Any) -> UUID:
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != value:
        raise ValueError("E901")
    return found


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("E901")  # noqa: TRY004 - every reader answers with a finding code
    return value


def _object(*members: Member) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or value.keys() - {member.name for member in members}:
            raise ValueError("E901")
        found = {member.name: member.read(value[member.name]) for member in members if member.name in value}
        if any(member.required and member.name not in value for member in members):
            raise ValueError("E904")
        return found

    return read


def _list(item: Callable[[Any], Any], highest: int, lowest: int = 0) -> Callable[[Any], list[Any]]:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or not lowest <= len(value) <= highest:
            raise ValueError("E901")
        return [item(one) for one in value]

    return read


def _either(*readers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        for reader in readers:
            try:
                return reader(value)
            except ValueError:
                continue
        raise ValueError("E901")

    return read


def _jwk(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) and len(text) < 100 for text in value.values()):
        raise ValueError("E901")
    if value.keys() not in ({"kty", "crv", "x"}, {"kty", "crv", "x", "y"}):
        raise ValueError("E901")
    return value


_CODE, _NAME, _PROSE = _text(64), _text(200), _text(4000)
_NUMBER = _int(1, 99_999)
_VERSION = _int(1, 999)
_NUMBER_OR_BODY = _either(_NUMBER, _CODE)
_JWS = _text(4000)
_OUTCOMES = _list(
    _object(
        Member("id", _text(16)),
        Member("text", _PROSE),
        Member(
            "standards",
            _list(_object(Member("no", _int(1, 999_999)), Member("version", _VERSION)), 50),
            required=False,
        ),
    ),
    50,
)


def _optional(name: str, read: Callable[[Any], Any]) -> Member:
    return Member(name, read, required=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """One statement type: its members, its identity columns, and whether it is public."""

    type: str
    members: tuple[Member, ...]
    who: tuple[Member, ...] = ()
    group: str = ""  # rows of one group share row references: passed and not achieved are one

    @property
    def public(self) -> bool:
        """Whether its record stays whole in the public log."""
        return not self.group


_PERSON = (_optional("name_id", _text(5)), _optional("date_of_birth", _date))
_ROW = (_optional("row_ref", _text(64)), Member("enrolment_ref", _text(20)), Member("nsn", _nsn), *_PERSON)
_ASSESSMENT = (
    Member("code", _CODE),
    _optional("version", _VERSION),
    Member("outcome", _text(16)),
    _optional("attempt", _int(1, 99)),
    Member("grade", _text(16)),
    Member("method", _CODE),
    Member("assessed_on", _date),
    _optional("language", _CODE),
)
_EVIDENCE = _optional("evidence_sha256", _digest)

KINDS: Mapping[str, Kind] = {
    kind.type: kind
    for kind in (
        Kind(
            "ledger.founded",
            (
                Member("origin", _NAME),
                Member("host", _NAME),
                Member("log_keys", _list(_text(4000), 8, 1)),
                Member(
                    "registrar",
                    _object(Member("number", _NUMBER), Member("name", _NAME), Member("jwk", _jwk), Member("possession", _JWS)),
                ),
                Member(
                    "operator",
                    _object(
                        Member("name", _NAME), Member("checkpoint", _jwk), Member("receipt", _jwk), Member("credential", _jwk)
                    ),
                ),
                Member("made_at", _text(32)),
            ),
        ),
        Kind(
            "organisation.registered",
            (
                _optional("number", _NUMBER),
                _optional("body", _CODE),
                Member("kind", _CODE),
                Member("name", _object(Member("en", _NAME), _optional("mi", _NAME))),
                Member("valid_from", _date),
            ),
        ),
        Kind(
            "organisation.role_granted",
            (
                Member("organisation", _NUMBER_OR_BODY),
                Member("role", _CODE),
                Member("valid_from", _date),
                _optional("basis", _NAME),
                _optional("transitional", _bool),
            ),
        ),
        Kind(
            "organisation.role_ended",
            (
                Member("organisation", _NUMBER_OR_BODY),
                Member("role", _CODE),
                Member("ended_on", _date),
                _optional("reason", _NAME),
            ),
        ),
        Kind(
            "key.registered",
            (
                Member("organisation", _NUMBER_OR_BODY),
                Member("jwk", _jwk),
                Member("purposes", _list(_CODE, 8, 1)),
                Member("custody", _CODE),
                Member("not_before", _date),
                Member("possession", _JWS),
            ),
        ),
        Kind(
            "key.retired",
            (Member("organisation", _NUMBER_OR_BODY), Member("kid", _CODE), Member("from", _date)),
        ),
        Kind(
            "key.revoked",
            (
                Member("organisation", _NUMBER_OR_BODY),
                Member("kid", _CODE),
                Member("reason", _CODE),
                _optional("suspected_from", _CODE),
            ),
        ),
        Kind(
            "microcredential.registered",
            (
                Member("code", _CODE),
                Member("version", _VERSION),
                Member("title", _NAME),
                Member("purpose", _PROSE),
                Member("relevance", _PROSE),
                Member("level", _int(-99, 99)),
                Member("credits", _int(-999, 999)),
                Member("nzsced", _CODE),
                Member("outcomes", _OUTCOMES),
                Member("assessment", _PROSE),
                Member("developer", _NUMBER_OR_BODY),
                Member("qa_approach", _CODE),
                Member("review_months", _int(1, 120)),
                Member("listed_on", _date),
                _optional("pathways", _PROSE),
                Member("languages", _list(_CODE, 8, 1)),
                _optional("ssb_support", _object(Member("outcome", _CODE), Member("ssb", _CODE), Member("on", _date))),
            ),
        ),
        Kind(
            "microcredential.status_set",
            (
                Member("code", _CODE),
                Member("version", _VERSION),
                Member("status", _CODE),
                Member("from", _date),
                Member("cause", _CODE),
            ),
        ),
        Kind(
            "microcredential.reviewed",
            (
                Member("code", _CODE),
                Member("version", _VERSION),
                Member("reviewed_on", _date),
                Member("outcome", _CODE),
                _optional("next_due", _date),
            ),
        ),
        Kind(
            "accreditation.granted",
            (
                Member("provider", _NUMBER),
                Member("code", _CODE),
                Member("versions", _list(_VERSION, 50, 1)),
                Member("valid_from", _date),
                _optional("conditions", _PROSE),
            ),
        ),
        Kind(
            "accreditation.ended",
            (Member("provider", _NUMBER), Member("code", _CODE), Member("ended_on", _date), Member("reason", _CODE)),
        ),
        Kind(
            "learner.registered",
            (),
            who=(
                Member("nsn", _nsn),
                Member(
                    "name",
                    _object(_optional("family", _NAME), _optional("given", _NAME), _optional("whole", _NAME)),
                ),
                Member("date_of_birth", _date),
            ),
            group="learner",
        ),
        Kind(
            "learner.enrolled",
            (
                Member("code", _CODE),
                _optional("version", _VERSION),
                Member("start_on", _date),
                _optional("planned_end_on", _date),
                Member("mode", _CODE),
                Member("language", _CODE),
                Member("funding", _CODE),
            ),
            who=_ROW,
            group="enrolment",
        ),
        Kind("assessment.passed", _ASSESSMENT, who=(*_ROW, _EVIDENCE), group="assessment"),
        Kind("assessment.not_achieved", _ASSESSMENT, who=(*_ROW, _EVIDENCE), group="assessment"),
        Kind(
            "microcredential.awarded",
            (
                Member("code", _CODE),
                _optional("version", _VERSION),
                Member("completed_on", _date),
                Member("conferred_on", _date),
                Member("basis", _CODE),
                _optional("basis_reason", _PROSE),
                _optional("language", _CODE),
                Member("funding", _CODE),
            ),
            who=_ROW,
            group="award",
        ),
        Kind(
            "award.revoked",
            (Member("award", _uuid), Member("reason", _CODE), Member("effective_on", _date)),
            group="revocation",
        ),
    )
}


# ------------------------------------------------------------------ one statement


@dataclass(frozen=True, slots=True)
class Row:
    """One statement as it travelled: exact bytes, and what was hidden from the signature."""

    statement: bytes
    salt: bytes
    who: bytes | None = None
    who_salt: bytes | None = None

    @property
    def leaf(self) -> bytes:
        """The statement's leaf in the tree that the submission signs."""
        return statement_leaf(self.salt, self.statement)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read: typed members, dates as `date`; absent members are missing."""

    kind: Kind
    members: dict[str, Any]
    who: dict[str, Any]
    raw: dict[str, Any]  # the JSON object as parsed, `who` included
    raw_who: dict[str, Any]


def read_statement(row: Row) -> Statement | tuple[Finding, ...]:
    """Return the statement of a row, or what is wrong with it."""
    try:
        raw = parse(row.statement, size_max_bytes=STATEMENT_MAX_BYTES)
        raw_who = {} if row.who is None else parse(row.who, size_max_bytes=STATEMENT_MAX_BYTES)
    except Malformed:
        return (finding("E901"),)
    if not isinstance(raw, dict) or not isinstance(raw_who, dict) or raw.get("v") != 1:
        return (finding("E901"),)
    kind = KINDS.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind is None:
        return (finding("E901", column="type"),)
    findings: list[Finding] = []
    members = _read_members(kind.members, raw, findings, also=("type", "v", "who"))
    who = _read_members(kind.who, raw_who, findings)
    if not _who_agrees(kind, row, raw.get("who")):
        findings.append(finding("E901", column="who"))
    return tuple(findings) if findings else Statement(kind, members, who, raw, raw_who)


def _read_members(
    members: Sequence[Member], raw: dict[str, Any], findings: list[Finding], also: tuple[str, ...] = ()
) -> dict[str, Any]:
    found, names = {}, set(also)
    for member in members:
        names.add(member.name)
        if member.name not in raw:
            if member.required:
                findings.append(finding("E904", column=member.name))
            continue
        try:
            found[member.name] = member.read(raw[member.name])
        except ValueError as error:
            findings.append(finding(str(error), column=member.name))
    findings.extend(finding("E901", column=name[:64]) for name in sorted(raw.keys() - names))
    return found


def _who_agrees(kind: Kind, row: Row, digest: Any) -> bool:
    """Whether the identity columns are there exactly where the type has them, and are the signed ones."""
    if not kind.who:
        return row.who is None and row.who_salt is None and digest is None
    if row.who is None or row.who_salt is None or not isinstance(digest, str):
        return False
    try:
        return unb64url(digest) == who_digest(row.who_salt, row.who)
    except Malformed:
        return False


# ------------------------------------------------------------------ a submission


@dataclass(frozen=True, slots=True)
class Claims:
    """The signed payload of a submission."""

    iss: UUID
    aud: str
    jti: UUID
    iat: int
    mode: str
    n: int
    root: bytes
    by: str | None


@dataclass(frozen=True, slots=True)
class ReceivedSubmission:
    """A submission whose parts belong together; whose key signed it is not yet checked."""

    token: str
    jws: Jws
    claims: Claims
    rows: tuple[Row, ...]
    tree: MemoryTree
    leaf_hashes: bytes
    kinds: frozenset[str]  # the types its statements say they have; unknown ones are refused row by row
    public: bool


def read_submission(lines: Iterable[bytes], *, origin: str) -> ReceivedSubmission:
    """Read a submission: its JWS on the first line, one statement on each further line.

    Raises:
        Malformed: it cannot be read, or its parts do not belong together.
    """
    parts = iter(lines)
    first = _line(next(parts, b""), {"submission"}, set())
    token = first["submission"]
    jws = jws_read(token)
    if jws.header["typ"] != SUBMISSION_TYP:
        raise Malformed(f"the first line is not a submission: typ must be {SUBMISSION_TYP}")
    claims = read_claims(jws.payload)
    if claims.aud != origin:
        raise Malformed(f"the submission is for another ledger: aud must be {origin}")
    rows = tuple(_row(line) for line in parts if line.strip())
    if len(rows) != claims.n:
        raise Malformed(f"the submission promises {claims.n} statements and brings {len(rows)}: was it cut off?")
    _check_salts(rows)
    leaves = [row.leaf for row in rows]
    tree = MemoryTree(leaves)
    if tree.root() != claims.root:
        raise Malformed("the statements are not the ones that were signed: root differs")
    kinds = frozenset(map(_type_of, rows))
    public = {KINDS[kind].public for kind in kinds if kind in KINDS}
    if len(public) > 1:
        raise Malformed("a submission is all public or all private")
    if public == {True} and claims.by is not None:
        raise Malformed("a public submission never carries `by`")
    return ReceivedSubmission(token, jws, claims, rows, tree, b"".join(leaves), kinds, public == {True})


def _type_of(row: Row) -> str:
    try:
        value = json.loads(row.statement)
    except ValueError:
        return ""
    found = value.get("type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def read_claims(payload: bytes) -> Claims:
    """Return the payload of a submission's JWS; Malformed when its members are not exactly those of v 1."""
    values = parse(payload, size_max_bytes=4096)
    names = {"v", "iss", "aud", "jti", "iat", "mode", "n", "root"}
    if not isinstance(values, dict) or values.keys() - {"by"} != names or values["v"] != 1:
        raise Malformed("the submission's payload does not have the members of version 1")
    try:
        claims = Claims(
            _uuid(values["iss"]),
            _NAME(values["aud"]),
            _uuid(values["jti"]),
            _int(0, 2**40)(values["iat"]),
            values["mode"],
            _int(1, ROWS_MAX)(values["n"]),
            unb64url(_text(64)(values["root"])),
            _CODE(values["by"]) if "by" in values else None,
        )
    except ValueError as error:
        raise Malformed("a member of the submission's payload has the wrong type or range") from error
    if claims.mode not in (ROW_BY_ROW, ATOMIC) or len(claims.root) != SALT_BYTES:
        raise Malformed("the submission's mode or root is not one of ours")
    if claims.mode == ATOMIC and claims.n > ATOMIC_ROWS_MAX:
        raise Malformed(f"an atomic submission has at most {ATOMIC_ROWS_MAX} statements")
    return claims


def _line(line: bytes, required: set[str], optional: set[str]) -> dict[str, str]:
    values = parse(line, size_max_bytes=LINE_MAX_BYTES)
    if (
        not isinstance(values, dict)
        or not required <= values.keys() <= required | optional
        or not all(isinstance(value, str) for value in values.values())
    ):
        raise Malformed("a line does not have the members of a submission")
    return values


def _row(line: bytes) -> Row:
    values = _line(line, {"statement", "salt"}, {"who", "who_salt"})
    who, who_salt = values.get("who"), values.get("who_salt")
    return Row(
        values["statement"].encode(),
        unb64url(values["salt"]),
        None if who is None else who.encode(),
        None if who_salt is None else unb64url(who_salt),
    )


def _check_salts(rows: Sequence[Row]) -> None:
    """Refuse salts that would let statements be guessed: not 32 bytes, constant, or used twice."""
    salts = [row.salt for row in rows]
    salts += [row.who_salt for row in rows if row.who_salt is not None]
    if any(len(salt) != SALT_BYTES or salt == salt[:1] * SALT_BYTES for salt in salts):
        raise Malformed("a salt is not 32 random bytes")
    if len(set(salts)) != len(salts):
        raise Malformed("a salt is used twice: every statement needs its own random salts")
