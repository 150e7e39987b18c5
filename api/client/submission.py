"""A submission: one or more statements of one organisation, signed once, the same bytes at every try.

Salts are random and never drawn again for the same submission, so what was built is saved before
it is sent; a retry sends the file. Source: LEDGER.md 2, BUILD contract 9.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps as json_text
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from .errors import Malformed, Refused
from .jose import Signer, b64url, canonical, read_json, read_jws, sign_jws, unb64url
from .rows import Row
from .statements import SALT_BYTES, Line, Statement, line, root_of, statement_leaf

TYP = "achievement-submission+jws"
ROW_BY_ROW, ATOMIC = "row_by_row", "atomic"
STATEMENTS_MAX = {ROW_BY_ROW: 100_000, ATOMIC: 10_000}
MEDIA_TYPE = "application/jsonl"

_NAMESPACE = uuid5(NAMESPACE_URL, "achievement-ledger/v1")


def organisation_id(number_or_body: int | str) -> UUID:
    """Return the id of an organisation, which is the same in every ledger: derived from its number or code.

    Source: SPEC.md 2.
    """
    return uuid5(_NAMESPACE, f"organisation|{number_or_body}")


@dataclass(frozen=True, slots=True)
class Submission:
    """Statements under one signature."""

    jti: UUID
    jws: str
    statements: tuple[Line, ...]

    def __len__(self) -> int:
        """Return the number of statements."""
        return len(self.statements)

    def lines(self) -> Iterator[bytes]:
        """Yield the body line by line (JSON Lines): the signed token, then each statement."""
        yield b'{"submission":%b}\n' % json_text(self.jws).encode()
        for item in self.statements:
            members = {"statement": item.statement.decode(), "salt": b64url(item.salt)}
            if item.who is not None and item.who_salt is not None:
                members |= {"who": item.who.decode(), "who_salt": b64url(item.who_salt)}
            yield json_text(members, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.lines())

    def leaf(self, index: int) -> bytes:
        """Return the leaf of one statement, counted from 0: what a receipt is checked against."""
        item = self.statements[index]
        return statement_leaf(item.statement, item.salt)

    @property
    def root(self) -> bytes:
        """The root over all statements: what the signature covers."""
        return _root(self.statements)

    def save(self, path: Path) -> None:
        """Write the body to a file that only its owner can read, whole or not at all, and flush it to disk.

        Raises:
            Refused: something is there already; what was built once is never replaced.
        """
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(self.lines())
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        except FileExistsError as error:
            raise Refused(f"{path} exists already; a saved submission is never written over") from error
        finally:
            Path(temporary).unlink()
        _flush_directory(path.parent)

    @classmethod
    def load(cls, path: Path) -> "Submission":
        """Return the submission that `save` wrote.

        Raises:
            Malformed: the file is cut off or changed: its statements are not those that were signed.
        """
        return cls.from_body(path.read_bytes())

    @classmethod
    def from_body(cls, body: bytes) -> "Submission":
        """Return the submission of a body; the statements are compared with the signed root.

        Raises:
            Malformed: not such a body, or the statements are not those that were signed.
        """
        if not body.endswith(b"\n"):
            raise Malformed("a submission ends with the end of a line; this one is cut off")
        first, *rest = body[:-1].split(b"\n")
        (jws,) = _members(first, ("submission",))
        statements = tuple(map(_line, rest))
        payload = read_json(read_jws(jws)[1])
        try:
            jti, count, root = UUID(payload["jti"]), payload["n"], payload["root"]
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise Malformed("the signed part of a submission names jti, n and root") from error
        if count != len(statements) or not statements or root != b64url(_root(statements)):
            raise Malformed("the statements of this submission are not those that were signed")
        return cls(jti, jws, statements)


def build(
    statements: Iterable[Row | Statement | Mapping[str, Any]],
    *,
    signer: Signer,
    organisation: UUID | str,
    origin: str,
    now_s: int,
    mode: str = ROW_BY_ROW,
    jti: UUID | None = None,
    by: str | None = None,
) -> Submission:
    """Return a signed submission.

    Args:
        statements: rows of a file (rows without a statement are left out), or statements; a plain
            mapping is a statement in which no person is concerned.
        signer: a key registered to the organisation for submissions.
        organisation: id of the organisation that speaks, see `organisation_id`.
        origin: name of the log it speaks to, for example `ledger.example/log`.
        now_s: seconds since 1970.
        mode: `row_by_row` (up to 100 000 statements) or `atomic` (up to 10 000).
        jti: id of the submission; a new UUIDv7 when not given.
        by: random id of the signed-in person, only for a key in somebody else's keeping.

    Raises:
        Refused: nothing to send, too many statements, one too large, or an unknown mode.
        Malformed: a statement that has no exact bytes.
    """
    said = [item for item in map(_said, statements) if item is not None]
    if mode not in STATEMENTS_MAX:
        raise Refused("the mode of a submission is row_by_row or atomic")
    if not 1 <= len(said) <= STATEMENTS_MAX[mode]:
        raise Refused(
            f"a submission ({mode}) has 1 to {STATEMENTS_MAX[mode]} statements, this one {len(said)}"
        )
    salts = _salts(2 * len(said))
    lines = tuple(line(item, next(salts), next(salts)) for item in said)
    jti = jti or _uuid7(now_s)
    payload = {
        "v": 1,
        "iss": str(organisation),
        "aud": origin,
        "jti": str(jti),
        "iat": now_s,
        "mode": mode,
        "n": len(lines),
        "root": b64url(_root(lines)),
    }
    if by is not None:
        payload["by"] = by
    return Submission(jti, sign_jws(signer, canonical(payload), TYP), lines)


def _said(item: Row | Statement | Mapping[str, Any]) -> Statement | None:
    if isinstance(item, Row):
        return None if item.statement is None else Statement(item.statement, item.who)
    return item if isinstance(item, Statement) else Statement(item)


def _salts(count: int) -> Iterator[bytes]:
    pool = os.urandom(count * SALT_BYTES)  # one system call for all of them
    return (pool[at : at + SALT_BYTES] for at in range(0, len(pool), SALT_BYTES))


def _root(lines: Iterable[Line]) -> bytes:
    return root_of([statement_leaf(item.statement, item.salt) for item in lines])


def _uuid7(now_s: int) -> UUID:
    """Return a time-ordered random UUID (RFC 9562 §5.7)."""
    number = (now_s * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | (7 << 76)
    return UUID(int=number & ~(0x3 << 62) | (2 << 62))


# ------------------------------------------------------------------ reading a body back


def _line(data: bytes) -> Line:
    texts = _members(data, ("statement", "salt"), ("statement", "salt", "who", "who_salt"))
    salts = [unb64url(text) for text in texts[1::2]]
    if any(len(salt) != SALT_BYTES for salt in salts):
        raise Malformed("a salt has 32 bytes")
    try:
        parts = [text.encode() for text in texts[::2]]
    except UnicodeEncodeError as error:
        raise Malformed("a statement holds half a character") from error
    if len(parts) == 1:
        return Line(parts[0], salts[0])
    return Line(parts[0], salts[0], parts[1], salts[1])


def _members(data: bytes, *choices: tuple[str, ...]) -> list[str]:
    """Return the members of a line that has exactly the names of one of the choices, all text."""
    members = read_json(data)
    names = next(
        (names for names in choices if isinstance(members, dict) and members.keys() == set(names)), None
    )
    if names is None:
        raise Malformed(f"a line of this submission must have exactly the members {', '.join(choices[-1])}")
    values = [members[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise Malformed("the members of a submission's lines are text")
    return values


def _flush_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
