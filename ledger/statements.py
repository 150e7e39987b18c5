"""What an actor says: statements, and the submission that signs many of them at once.

Reading is strict and closed: unknown members, duplicate keys, wrong types and dates that are none
are findings of that row, never of its neighbours. A submission that does not hold together as a
whole (signature, count, root, salts) is refused as a whole, and the ledger stays as it was.

Source: LEDGER.md 2, SPEC.md 1.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from ledger.batched import batched
from ledger.encoding.strict_json import b64url, parse, unb64url
from ledger.errors import Malformed
from ledger.keys.signer import Jws, jws_read
from ledger.log.merkle import HASH_BYTES, Frontier, MemoryTree
from ledger.policy.findings import Finding, finding
from ledger.privacy.commitments import statement_leaf, who_digest
from ledger.schemas import KINDS, Kind, Member, text, uuid, whole_number

STATEMENT_MAX_BYTES = 16 * 1024
LINE_MAX_BYTES = 64 * 1024
ROWS_MAX = 100_000
ATOMIC_ROWS_MAX = 10_000
SALT_BYTES = 32
_ROWS_AT_ONCE = 1000
SUBMISSION_TYP = "achievement-submission+jws"
ROW_BY_ROW, ATOMIC = "row_by_row", "atomic"
# Members of the first line, and of every other: at least, and at most.
_FIRST = frozenset(("submission",))
_SAID = frozenset(("statement", "salt"))
_SAID_OF_SOMEBODY = _SAID | {"who", "who_salt"}


# ------------------------------------------------------------------ one statement


class Row(NamedTuple):
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
    if not isinstance(raw, dict) or not isinstance(raw_who, dict) or not _is_version_1(raw.get("v")):
        return (finding("E901"),)
    kind = KINDS.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind is None:
        return (finding("E901", column="type"),)
    findings: list[Finding] = []
    members = _read_members(kind.members, kind.names, raw, findings)
    who = _read_members(kind.who, kind.who_names, raw_who, findings)
    if kind.public:
        named = (name for name, value in raw.items() if _names_somebody(name, value))
        findings.extend(finding("E831", column=name) for name in named)
    if not _who_agrees(kind, row, raw.get("who")):
        findings.append(finding("E901", column="who"))
    return tuple(findings) if findings else Statement(kind, members, who, raw, raw_who)


# Keys, signatures and digests: what looks like a number in them is chance.
_NOT_PROSE = frozenset(("jwk", "possession", "log_keys", "kid", "registrar", "operator"))
# A student number has nine or ten digits, however they are spaced.
_NSN_OR_EMAIL = re.compile(
    r"(?<![0-9])(?<![0-9][ -])(?:[0-9][ -]?){8,9}[0-9](?![ -]?[0-9])|[^\s@]+@[^\s@]+\.[^\s@]+"
)


def _names_somebody(name: str, value: Any) -> bool:
    """Whether a member of a public statement holds what must never stand in a log that forgets nothing.

    Source: LEDGER.md 3 (no natural person in any public field).
    """
    if name in _NOT_PROSE:
        return False
    if isinstance(value, dict):
        return any(_names_somebody(inner, one) for inner, one in value.items())
    if isinstance(value, list):
        return any(_names_somebody(name, one) for one in value)
    return isinstance(value, str) and names_somebody(value)


def names_somebody(text: str) -> bool:
    """Return whether a text holds what looks like a student number or an e-mail address."""
    return _NSN_OR_EMAIL.search(text) is not None


def _read_members(
    members: Sequence[Member], names: frozenset[str], raw: dict[str, Any], findings: list[Finding]
) -> dict[str, Any]:
    found = {}
    for member in members:
        name = member.name
        if name in raw:
            try:
                found[name] = member.read(raw[name])
            except ValueError as error:
                findings.append(finding(str(error), column=name))
        elif member.required:
            findings.append(finding("E904", column=name))
    if not raw.keys() <= names:
        unknown = sorted(raw.keys() - names)
        # A stranger's word, and outcomes are kept in NFC.
        findings.extend(finding("E901", column=unicodedata.normalize("NFC", name[:64])) for name in unknown)
    return found


def _is_version_1(value: Any) -> bool:
    # In Python 1 == True == 1.0, in JSON not.
    return type(value) is int and value == 1


def _who_agrees(kind: Kind, row: Row, digest: Any) -> bool:
    """Whether the identity columns are there exactly where the type has them, and are the signed ones."""
    if not kind.who:
        return row.who is None and row.who_salt is None and digest is None
    if row.who is None or row.who_salt is None:
        return False
    # Compared as text: base64url has one spelling here, so another text is another digest.
    return bool(digest == b64url(who_digest(row.who_salt, row.who)))


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
class SignedClaims:
    """What the first line of a submission says; whose key signed it is not yet checked."""

    token: str
    jws: Jws
    claims: Claims


@dataclass(frozen=True, slots=True)
class ReceivedSubmission(SignedClaims):
    """A submission whose parts belong together; whose key signed it is not yet checked.

    rows: as many as its claims say; they can be gone through any number of times.
    """

    rows: Iterable[Row]
    leaf_hashes: bytes
    kinds: frozenset[str]  # the types its statements say they have; unknown ones are refused row by row
    public: bool

    def tree(self) -> MemoryTree:
        """Return the tree over its statements, made anew: only public ones need the paths in it."""
        at = range(0, len(self.leaf_hashes), HASH_BYTES)
        return MemoryTree([self.leaf_hashes[start : start + HASH_BYTES] for start in at])


def read_signed_claims(line: bytes, *, origin: str) -> SignedClaims:
    """Read the first line of a submission; Malformed when it is none, or for another ledger."""
    token = _line(line, _FIRST, _FIRST)["submission"]
    jws = jws_read(token)
    if jws.header["typ"] != SUBMISSION_TYP:
        raise Malformed(f"the first line is not a submission: typ must be {SUBMISSION_TYP}")
    claims = read_claims(jws.payload)
    if claims.aud != origin:
        raise Malformed(f"the submission is for another ledger: aud must be {origin}")
    return SignedClaims(token, jws, claims)


def read_submission(
    lines: Iterable[bytes],
    *,
    origin: str,
    signed: SignedClaims | None = None,
    again: Callable[[], Iterable[bytes]] | None = None,
) -> ReceivedSubmission:
    """Read a submission: its JWS on the first line, one statement on each further line.

    Args:
        lines: of the submission.
        origin: of this ledger.
        signed: the first line, where it was read from the same lines before.
        again: gives the same lines once more, for a large submission: its rows are then not held, but read
            from there whenever somebody goes through them.

    Raises:
        Malformed: it cannot be read, or its parts do not belong together.
    """
    parts = iter(lines)
    first = next(parts, b"")
    signed = signed or read_signed_claims(first, origin=origin)
    claims = signed.claims
    # One more than promised shows that there are more; a body of megabytes of them is not gone through.
    rows: Iterable[Row] = islice(_rows(parts), claims.n + 1)
    if again is None:
        rows = tuple(rows)
    read = _Reading(claims.n)
    read.take(rows)
    if read.edge.root() != claims.root:
        raise Malformed("the statements are not the ones that were signed: root differs")
    public = {KINDS[kind].public for kind in read.kinds if kind in KINDS}
    if len(public) > 1:
        raise Malformed("a submission is all public or all private")
    if public == {True} and claims.by is not None:
        raise Malformed("a public submission never carries `by`")
    return ReceivedSubmission(
        signed.token,
        signed.jws,
        claims,
        rows if again is None else _RowsAgain(again),
        bytes(read.leaves),
        frozenset(read.kinds),
        public == {True},
    )


class _Reading:
    """What is taken of the rows of a submission while they pass: a thousand of them are held at a time."""

    def __init__(self, promised: int) -> None:
        self._promised = promised
        self._salts: set[bytes] = set()
        self.edge, self.leaves, self.kinds = Frontier(), bytearray(), set[str]()

    def take(self, rows: Iterable[Row]) -> None:
        """Go through the rows; Malformed where they are not as many as promised, or a salt is none."""
        count = 0
        for part in batched(rows, _ROWS_AT_ONCE):
            count += len(part)
            if count > self._promised:
                raise Malformed(f"the submission promises {self._promised} statements and brings more")
            self._take(part)
        if count != self._promised:
            raise Malformed(
                f"the submission promises {self._promised} statements and brings {count}: was it cut off?"
            )

    def _take(self, part: Sequence[Row]) -> None:
        self._check_salts([row.salt for row in part])
        self._check_salts([row.who_salt for row in part if row.who_salt is not None])
        leaves = [row.leaf for row in part]
        self.edge.extend(leaves)
        self.leaves += b"".join(leaves)
        self.kinds.update(map(type_of, part))

    def _check_salts(self, salts: Sequence[bytes]) -> None:
        """Refuse salts that would let statements be guessed: not 32 bytes, constant, or used twice."""
        if any(len(salt) != SALT_BYTES or salt == salt[:1] * SALT_BYTES for salt in salts):
            raise Malformed("a salt is not 32 random bytes")
        before = len(self._salts)
        self._salts.update(salts)
        if len(self._salts) != before + len(salts):
            raise Malformed("a salt is used twice: every statement needs its own random salts")


class _RowsAgain:
    """Rows that are read anew whenever somebody goes through them."""

    def __init__(self, lines: Callable[[], Iterable[bytes]]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Row]:
        return read_rows(self._lines())


def read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows of a submission that was read before, one by one, its first line left out."""
    return _rows(islice(lines, 1, None))


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    return (_row(line) for line in lines if line.strip())


def type_of(row: Row) -> str:
    """Return which type a row says it has, nothing where it cannot be read."""
    try:
        value = json.loads(row.statement.decode())  # as text: of bytes it would guess the encoding first
    except (ValueError, RecursionError):
        return ""
    found = value.get("type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def read_claims(payload: bytes) -> Claims:
    """Return the payload of a submission's JWS; Malformed when its members are not exactly those of v 1."""
    values = parse(payload, size_max_bytes=4096)
    names = {"v", "iss", "aud", "jti", "iat", "mode", "n", "root"}
    if not isinstance(values, dict) or values.keys() - {"by"} != names or not _is_version_1(values["v"]):
        raise Malformed("the submission's payload does not have the members of version 1")
    try:
        claims = Claims(
            uuid(values["iss"]),
            text(200)(values["aud"]),
            uuid(values["jti"]),
            whole_number(0, 2**40)(values["iat"]),
            values["mode"],
            whole_number(1, ROWS_MAX)(values["n"]),
            unb64url(text(64)(values["root"])),
            text(64)(values["by"]) if "by" in values else None,
        )
    except ValueError as error:
        raise Malformed("a member of the submission's payload has the wrong type or range") from error
    if claims.mode not in (ROW_BY_ROW, ATOMIC) or len(claims.root) != SALT_BYTES:
        raise Malformed("the submission's mode or root is not one of ours")
    if claims.mode == ATOMIC and claims.n > ATOMIC_ROWS_MAX:
        raise Malformed(f"an atomic submission has at most {ATOMIC_ROWS_MAX} statements")
    return claims


def _line(line: bytes, required: frozenset[str], allowed: frozenset[str]) -> dict[str, str]:
    values = parse(line, size_max_bytes=LINE_MAX_BYTES)
    if (
        not isinstance(values, dict)
        or not required <= values.keys() <= allowed
        or {*map(type, values.values())} != {str}
    ):
        raise Malformed("a line does not have the members of a submission")
    return values


def _row(line: bytes) -> Row:
    values = _line(line, _SAID, _SAID_OF_SOMEBODY)
    who, who_salt = values.get("who"), values.get("who_salt")
    return Row(
        values["statement"].encode(),
        unb64url(values["salt"]),
        None if who is None else who.encode(),
        None if who_salt is None else unb64url(who_salt),
    )
