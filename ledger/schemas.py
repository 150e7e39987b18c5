"""What each type of statement may say: closed schemas, one reader for each member.

A reader returns the typed value, dates as `date`, or raises ValueError whose text is the code of the
finding: E501 for a date that is none, E101 for an NSN, E408 for the digest of evidence, E904 for an
object without a member it needs, E901 for every other wrong type or value.

Source: SPEC.md 1.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

JWK_MEMBER_MAX = 100
MLDSA_PUB_CHARS = 1750  # base64url of 1312 bytes
NSN_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a statement: how its JSON value is read."""

    name: str
    read: Callable[[Any], Any]  # raises ValueError, whose text is the finding code
    required: bool = True


# A control character in a register text would stop every export that shows it; a newline does not.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def text(size_max: int) -> Callable[[Any], str]:
    """Return the reader of NFC text with at most `size_max` signs, not blank, without control characters."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > size_max:
            raise ValueError("E901")
        if not value.isprintable() and _CONTROL.search(value):
            raise ValueError("E901")
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise ValueError("E901")
        return value

    return read


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return the reader of an integer between two bounds, both included."""

    def read(value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError("E901")
        return value

    return read


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HEX32 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _date(value: Any) -> date:
    if not isinstance(value, str):
        raise ValueError("E501")  # noqa: TRY004 - every reader answers with a finding code
    return _day(value)


@lru_cache(maxsize=4096)  # the rows of a file share a few days
def _day(value: str) -> date:
    if not _DATE.fullmatch(value):
        raise ValueError("E501")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("E501") from None


def _nsn(value: Any) -> str:
    if not isinstance(value, str) or len(value) != NSN_DIGITS or not (value.isascii() and value.isdigit()):
        raise ValueError("E101")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _HEX32.fullmatch(value):
        raise ValueError("E408")
    return value


def uuid(value: Any) -> UUID:
    """Return the UUID of its lower-case text with hyphens."""
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
    if not isinstance(value, dict) or not all(
        isinstance(part, str) and len(part) <= JWK_MEMBER_MAX for part in value.values()
    ):
        raise ValueError("E901")
    if value.keys() not in ({"kty", "crv", "x"}, {"kty", "crv", "x", "y"}):
        raise ValueError("E901")
    return value


def _jwk_to_register(value: Any) -> dict[str, str]:
    """Read the key of a registration: only there, and for one purpose, an ML-DSA-44 key is one."""
    if not isinstance(value, dict) or value.keys() != {"kty", "alg", "pub"}:
        return _jwk(value)
    pub = value["pub"]
    if (value["kty"], value["alg"]) != ("AKP", "ML-DSA-44") or not isinstance(pub, str):
        raise ValueError("E901")
    if len(pub) != MLDSA_PUB_CHARS:
        raise ValueError("E901")
    return value


_CODE, _NAME, _PROSE = text(64), text(200), text(4000)
_NUMBER = whole_number(1, 99_999)
_VERSION = whole_number(1, 999)
_POSITION = whole_number(1, 2**53 - 1)  # JSON numbers are exact up to there
_NUMBER_OR_BODY = _either(_NUMBER, _CODE)
_JWS = text(4000)
_OUTCOMES = _list(
    _object(
        Member("id", text(16)),
        Member("text", _PROSE),
        Member(
            "standards",
            _list(_object(Member("no", whole_number(1, 999_999)), Member("version", _VERSION)), 50),
            required=False,
        ),
    ),
    50,
)


def _optional(name: str, read: Callable[[Any], Any]) -> Member:
    return Member(name, read, required=False)


@dataclass(frozen=True)
class Kind:
    """One statement type: its members, its identity columns, and whether it is public."""

    type: str
    members: tuple[Member, ...]
    who: tuple[Member, ...] = ()
    group: str = ""  # rows of one group share row references: passed and not achieved are one

    @cached_property
    def names(self) -> frozenset[str]:
        """Every member that a statement of this type may have."""
        return frozenset(("type", "v", "who", *(member.name for member in self.members)))

    @cached_property
    def who_names(self) -> frozenset[str]:
        """Every identity column that it may have."""
        return frozenset(member.name for member in self.who)

    @property
    def public(self) -> bool:
        """Whether its record stays whole in the public log."""
        return not self.group


_PERSON = (_optional("name_id", text(5)), _optional("date_of_birth", _date))
_ROW = (_optional("row_ref", text(64)), Member("enrolment_ref", text(20)), Member("nsn", _nsn), *_PERSON)
_ASSESSMENT = (
    Member("code", _CODE),
    _optional("version", _VERSION),
    Member("outcome", text(16)),
    _optional("attempt", whole_number(1, 99)),
    Member("grade", text(16)),
    Member("method", _CODE),
    Member("assessed_on", _date),
    _optional("language", _CODE),
)
_EVIDENCE = _optional("evidence_sha256", _digest)

_KEY_AND_POSITIONS = (
    Member("organisation", _NUMBER_OR_BODY),
    Member("kid", _CODE),
    Member("first", _POSITION),
    Member("last", _POSITION),
)

KINDS: Mapping[str, Kind] = {
    kind.type: kind
    for kind in (
        Kind(
            "ledger.founded",
            (
                Member("origin", _NAME),
                Member("host", _NAME),
                Member("log_keys", _list(text(4000), 8, 1)),
                Member(
                    "registrar",
                    _object(
                        Member("number", _NUMBER),
                        Member("name", _NAME),
                        Member("jwk", _jwk),
                        Member("possession", _JWS),
                    ),
                ),
                Member(
                    "operator",
                    _object(
                        Member("name", _NAME),
                        Member("checkpoint", _jwk),
                        Member("receipt", _jwk),
                        Member("credential", _jwk),
                    ),
                ),
                Member("made_at", text(32)),
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
                Member("jwk", _jwk_to_register),
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
                _optional("suspected_from", _POSITION),
            ),
        ),
        Kind("key.reaffirmed", _KEY_AND_POSITIONS),
        Kind("key.annulled", _KEY_AND_POSITIONS),
        Kind(
            "microcredential.registered",
            (
                Member("code", _CODE),
                Member("version", _VERSION),
                Member("title", _NAME),
                Member("purpose", _PROSE),
                Member("relevance", _PROSE),
                Member("level", whole_number(-99, 99)),
                Member("credits", whole_number(-999, 999)),
                _optional("hours", whole_number(0, 99_999)),  # never stored: must be credits × 10 (R04)
                Member("nzsced", _CODE),
                Member("outcomes", _OUTCOMES),
                Member("assessment", _PROSE),
                Member("developer", _NUMBER_OR_BODY),
                Member("qa_approach", _CODE),
                Member("review_months", whole_number(1, 120)),
                Member("listed_on", _date),
                _optional("pathways", _PROSE),
                Member("languages", _list(_CODE, 8, 1)),
                _optional(
                    "ssb_support",
                    _object(Member("outcome", _CODE), Member("ssb", _CODE), Member("on", _date)),
                ),
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
            (
                Member("provider", _NUMBER),
                Member("code", _CODE),
                Member("ended_on", _date),
                Member("reason", _CODE),
            ),
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
            (Member("award", uuid), Member("reason", _CODE), Member("effective_on", _date)),
            group="revocation",
        ),
        Kind(
            "forgetting.requested",
            (
                Member("learner", uuid),
                Member("level", whole_number(1, 2)),
                Member("basis", _CODE),
                Member("authority", _NAME),
            ),
            group="forgetting",
        ),
        Kind("forgetting.approved", (Member("forgetting", uuid),), group="forgetting"),
        Kind("forgetting.withdrawn", (Member("forgetting", uuid),), group="forgetting"),
    )
}
