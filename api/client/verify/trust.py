"""The trust file: whose word counts, for what, and between which positions of the log.

Whoever verifies gets it from the body that runs the ledger, and compares its fingerprint over
another way; a trust file that comes with a credential proves nothing. Keys count by position,
never by "now": from the position that registered them to the first at which they count no longer.

Source: SPEC.md 5; LEDGER.md 2 (keys count by log position).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import unquote

from ..errors import Malformed, Refused
from ..jose import b64url, open_jws, read_jws, thumbprint, unb64url
from .multikey import ED25519_PREFIX, ed25519_jwk
from .plain import day, instant
from .reading import read_json
from .tlog import HASH_BYTES, LOG_KINDS, LogKey, parse_vkey

FORMAT = "achievement-ledger/trust/v1"
SIGNATURE_TYP = "achievement-trust+jws"
CREDENTIAL = "credential"
SIZE_MAX_BYTES = 16 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """Positions between which something counts: `start` included, `end` excluded, None while it counts."""

    start: int
    end: int | None

    def covers(self, position: int) -> bool:
        """Return whether it counted when the log had that many records."""
        return self.start <= position and (self.end is None or position < self.end)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs documents."""

    multibase: str
    purpose: str
    span: Span


@dataclass(frozen=True, slots=True)
class LogKeyUse:
    """A key of the log, when it counts, and whether a tree head needs its signature."""

    key: LogKey
    span: Span
    must_verify: bool

    @property
    def checkable(self) -> bool:
        """Whether this program knows its kind of signature, and logs sign in that way."""
        return self.key.kind in LOG_KINDS


@dataclass(frozen=True, slots=True)
class Accreditation:
    """What a provider may award; both days included, `end` None while in force."""

    code: str
    versions: frozenset[int]
    start: date
    end: date | None

    def covers(self, code: str, version: int, on: date) -> bool:
        """Return whether a version might be awarded on a day."""
        held = self.start <= on and (self.end is None or on <= self.end)
        return held and code == self.code and version in self.versions


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider, or the operator (without number and accreditations)."""

    did: str
    name: str
    keys: tuple[Key, ...]
    number: int | None = None
    accreditations: tuple[Accreditation, ...] = ()

    def key(self, multibase: str) -> Key | None:
        """Return the credential key with that Multikey, or None."""
        return next(
            (one for one in self.keys if one.multibase == multibase and one.purpose == CREDENTIAL), None
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """An immutable version of a micro-credential in the register."""

    code: str
    version: int
    title: str
    level: int
    credits: int
    outcomes: tuple[tuple[str, str], ...]
    listed_on: date
    expiring_from: date | None
    discontinued_on: date | None


@dataclass(frozen=True)
class Trust:
    """A trust file, read.

    Attributes:
        fingerprint: SHA-256 of its exact bytes, 64 hexadecimal digits.
        signed: whether a detached signature of the operator was given with it, and holds.
        as_at_position: the newest position it takes into account.
        needs_witnesses: whether its policy asks for cosignatures.
        hosts: the did:web hosts of those it names, with a port where the DID has one.
    """

    fingerprint: str
    signed: bool
    made_at: datetime
    as_at_position: int
    origin: str
    founding_entry_hash: bytes
    log_keys: tuple[LogKeyUse, ...]
    needs_witnesses: bool
    operator: Issuer
    issuers: Mapping[str, Issuer]
    listings: Mapping[tuple[str, int], Listing]
    hosts: frozenset[str]

    @classmethod
    def parse(cls, data: bytes, jws: bytes | None = None) -> "Trust":
        """Read a trust file, and check its signature where one is given.

        Args:
            data: the exact bytes of `trust.json`.
            jws: the bytes of `trust.json.jws`: a detached JWS (RFC 7515 appendix F) by a credential key
                of the operator that the file itself names. It shows that nothing was changed since, not
                whose file it is: that only the fingerprint does.

        Raises:
            Malformed: not a trust file, or not a detached JWS.
            Refused: the signature is not one of the operator over these bytes.
        """
        content = _object(read_json(data, SIZE_MAX_BYTES), "the trust file")
        if content.get("format") != FORMAT:
            raise Malformed(f"this is not a trust file: its format is not {FORMAT}", code="trust-form")
        operator = _issuer(_member(content, "operator", dict), numbered=False)
        issuers = [_issuer(one, numbered=True) for one in _list(content, "issuers", dict)]
        listings = [_listing(one) for one in _list(content, "microcredentials", dict)]
        if jws is not None:
            _check_signature(data, jws, operator)
        founding = unb64url(_member(content, "founding_entry_hash", str))
        if len(founding) != HASH_BYTES:
            raise _wrong("founding_entry_hash")
        return cls(
            fingerprint=hashlib.sha256(data).hexdigest(),
            signed=jws is not None,
            made_at=_made_at(content),
            as_at_position=_position(content, "as_at_position"),
            origin=_member(content, "origin", str),
            founding_entry_hash=founding,
            log_keys=tuple(_log_key(one) for one in _list(content, "log_keys", dict)),
            needs_witnesses=not _quorum_none(_member(content, "witness_policy", str)),
            operator=operator,
            issuers=_by("issuers", issuers, lambda one: one.did),
            listings=_by("microcredentials", listings, lambda one: (one.code, one.version)),
            hosts=frozenset(host for one in (operator, *issuers) if (host := did_host(one.did)) is not None),
        )

    def party(self, did: str | None) -> Issuer | None:
        """Return the provider or operator with that DID, or None."""
        if did is None:
            return None
        return self.operator if did == self.operator.did else self.issuers.get(did)

    def older_than(self, size: int | None) -> bool:
        """Return whether the log had more records than this file takes into account."""
        return size is not None and size > self.as_at_position

    def log_keys_at(self, size: int) -> list[LogKeyUse]:
        """Return the keys that must have signed a tree head of that size."""
        return [use for use in self.log_keys if use.must_verify and use.span.covers(size)]


def did_host(did: str) -> str | None:
    """Return the host of a did:web, with its port where it has one: `ledger.example`; None for other DIDs."""
    prefix = "did:web:"
    return unquote(did.removeprefix(prefix).partition(":")[0]).lower() if did.startswith(prefix) else None


def _check_signature(data: bytes, jws: bytes, operator: Issuer) -> None:
    """Put the detached payload back and open the JWS with the key it names. Source: RFC 7515 appendix F."""
    try:
        header, middle, signature = jws.decode("ascii").strip().split(".")
    except ValueError as error:
        raise Malformed(
            "the signature of the trust file is not a detached JWS", code="trust-signature"
        ) from error
    if middle:
        raise Malformed("the signature of the trust file is not a detached JWS", code="trust-signature")
    token = f"{header}.{b64url(data)}.{signature}"
    kid = read_jws(token)[0]["kid"]
    for key in operator.keys:
        if key.purpose == CREDENTIAL and key.multibase.startswith(ED25519_PREFIX):
            jwk = ed25519_jwk(key.multibase)
            if thumbprint(jwk) == kid:
                open_jws(token, jwk, SIGNATURE_TYP)
                return
    raise Refused("the trust file is not signed by a key of its operator", code="trust-signature")


# ------------------------------------------------------------------ reading the parts


def _issuer(content: Mapping[str, Any], *, numbered: bool) -> Issuer:
    did = _member(content, "did", str)
    if did_host(did) is None:
        raise _wrong("did")
    return Issuer(
        did=did,
        name=_member(content, "name", str),
        keys=tuple(_key(one) for one in _list(content, "keys", dict)),
        number=_member(content, "number", int) if numbered else None,
        accreditations=tuple(_accreditation(one) for one in _list(content, "accreditations", dict))
        if numbered
        else (),
    )


def _key(content: Mapping[str, Any]) -> Key:
    return Key(_member(content, "multibase", str), _member(content, "purpose", str), _span(content))


def _log_key(content: Mapping[str, Any]) -> LogKeyUse:
    vkey = parse_vkey(_member(content, "vkey", str))
    return LogKeyUse(vkey, _span(content), _member(content, "must_verify", bool))


def _span(content: Mapping[str, Any]) -> Span:
    end = None if content.get("to", 0) is None else _position(content, "to")
    return Span(_position(content, "from"), end)


def _accreditation(content: Mapping[str, Any]) -> Accreditation:
    return Accreditation(
        _member(content, "code", str),
        frozenset(_list(content, "versions", int)),
        _day(content, "from"),
        _open_day(content, "to"),
    )


def _listing(content: Mapping[str, Any]) -> Listing:
    return Listing(
        code=_member(content, "code", str),
        version=_member(content, "version", int),
        title=_member(content, "title", str),
        level=_member(content, "level", int),
        credits=_member(content, "credits", int),
        outcomes=tuple(
            (_member(one, "id", str), _member(one, "text", str)) for one in _list(content, "outcomes", dict)
        ),
        listed_on=_day(content, "listed_on"),
        expiring_from=_open_day(content, "expiring_from"),
        discontinued_on=_open_day(content, "discontinued_on"),
    )


def _quorum_none(policy: str) -> bool:
    """Return whether a C2SP tlog-policy asks for no cosignatures. Source: C2SP tlog-policy."""
    lines = [line.split() for line in policy.splitlines() if line.strip() and not line.startswith("#")]
    return [line[1:] for line in lines if line[0] == "quorum"] == [["none"]]


def _made_at(content: Mapping[str, Any]) -> datetime:
    made_at = instant(content.get("made_at"))
    if made_at is None:
        raise _wrong("made_at")
    return made_at


def _position(content: Mapping[str, Any], name: str) -> int:
    position: int = _member(content, name, int)
    if position < 1:
        raise _wrong(name)
    return position


def _day(content: Mapping[str, Any], name: str) -> date:
    found = day(content.get(name))
    if found is None:
        raise _wrong(name)
    return found


def _open_day(content: Mapping[str, Any], name: str) -> date | None:
    return None if name in content and content[name] is None else _day(content, name)


def _member(content: Mapping[str, Any], name: str, kind: type) -> Any:
    value = content.get(name)
    if not _is(value, kind):
        raise _wrong(name)
    return value


def _list(content: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    values = content.get(name)
    if not isinstance(values, list) or not all(_is(value, kind) for value in values):
        raise _wrong(name)
    return values


def _is(value: Any, kind: type) -> bool:
    # A bool is an int to Python, and not one to JSON.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is not a JSON object", code="trust-form")
    return value


def _by(where: str, values: Iterable[T], key_of: Callable[[T], Any]) -> dict[Any, T]:
    found: dict[Any, T] = {}
    for value in values:
        if key_of(value) in found:
            raise Malformed(f"the trust file names one of its {where} twice", code="trust-form")
        found[key_of(value)] = value
    return found


def _wrong(name: str) -> Malformed:
    return Malformed(f"the trust file is not set out as it should be: {name}", code="trust-form")
