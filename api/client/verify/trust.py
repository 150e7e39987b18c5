"""The trust file: whose word counts, for what, and between which positions of the log.

Whoever verifies gets it from the body that runs the ledger, and compares its fingerprint over
another way; a trust file that comes with a credential proves nothing. Which of its keys count, and
where in the log, is in `keys.py`.

Source: SPEC.md 5; LEDGER.md 2, 5.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

from ..errors import Malformed, Refused
from ..jose import b64url, open_jws, read_jws, thumbprint, unb64url
from .keys import CREDENTIAL, Key, LogKeyUse, read_key, read_log_key
from .members import a_day, by, day_or_none, mapping, member, members, position, wrong
from .multikey import ED25519_PREFIX, ed25519_jwk
from .plain import instant
from .policy import Policy, parse_policy
from .reading import read_json
from .tlog import HASH_BYTES

FORMAT = "achievement-ledger/trust/v1"
SIGNATURE_TYP = "achievement-trust+jws"
SIZE_MAX_BYTES = 16 * 1024 * 1024


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
        log_keys: all of those that must verify must have signed a checkpoint.
        policy: whose confirmations a checkpoint needs beside them.
        hosts: the did:web hosts of those it names, with a port where the DID has one.
    """

    fingerprint: str
    signed: bool
    made_at: datetime
    as_at_position: int
    origin: str
    founding_entry_hash: bytes
    log_keys: tuple[LogKeyUse, ...]
    policy: Policy
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
            Refused: the signature is not one of the operator over these bytes, or its key counted no
                longer (or was suspected) when the file was made.
        """
        content = mapping(read_json(data, SIZE_MAX_BYTES), "the trust file")
        if content.get("format") != FORMAT:
            raise Malformed(f"this is not a trust file: its format is not {FORMAT}", code="trust-form")
        operator = _issuer(member(content, "operator", dict), numbered=False)
        issuers = [_issuer(one, numbered=True) for one in members(content, "issuers", dict)]
        listings = [_listing(one) for one in members(content, "microcredentials", dict)]
        by("issuers", (operator, *issuers), lambda one: one.did)
        # A key that two bodies share would make the one's word the other's.
        by("keys", (key for one in (operator, *issuers) for key in one.keys), lambda key: key.multibase)
        as_at_position, origin = position(content, "as_at_position"), member(content, "origin", str)
        if jws is not None:
            _check_signature(data, jws, operator, as_at_position)
        log_keys = tuple(read_log_key(one, origin) for one in members(content, "log_keys", dict))
        return cls(
            fingerprint=hashlib.sha256(data).hexdigest(),
            signed=jws is not None,
            made_at=_made_at(content),
            as_at_position=as_at_position,
            origin=origin,
            founding_entry_hash=_founding(content),
            log_keys=log_keys,
            policy=_policy(member(content, "witness_policy", str), log_keys),
            operator=operator,
            issuers={one.did: one for one in issuers},
            listings=by("microcredentials", listings, lambda one: (one.code, one.version)),
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
        """Return the keys that must have signed a checkpoint of that size."""
        return [use for use in self.log_keys if use.must_verify and use.span.covers(size)]


def did_host(did: str) -> str | None:
    """Return the host of a did:web, with its port where it has one: `ledger.example`; None for other DIDs."""
    prefix = "did:web:"
    return unquote(did.removeprefix(prefix).partition(":")[0]).lower() if did.startswith(prefix) else None


def _check_signature(data: bytes, jws: bytes, operator: Issuer, as_at_position: int) -> None:
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
                if not key.counts_at(as_at_position):
                    raise Refused(
                        "the trust file is signed with a key out of use", code="trust-signature-key"
                    )
                return
    raise Refused("the trust file is not signed by a key of its operator", code="trust-signature")


# ------------------------------------------------------------------ reading the parts


def _issuer(content: Mapping[str, Any], *, numbered: bool) -> Issuer:
    did = member(content, "did", str)
    if did_host(did) is None:
        raise wrong("did")
    return Issuer(
        did=did,
        name=member(content, "name", str),
        keys=tuple(read_key(one) for one in members(content, "keys", dict)),
        number=member(content, "number", int) if numbered else None,
        accreditations=tuple(_accreditation(one) for one in members(content, "accreditations", dict))
        if numbered
        else (),
    )


def _accreditation(content: Mapping[str, Any]) -> Accreditation:
    return Accreditation(
        member(content, "code", str),
        frozenset(members(content, "versions", int)),
        a_day(content, "from"),
        day_or_none(content, "to"),
    )


def _listing(content: Mapping[str, Any]) -> Listing:
    return Listing(
        code=member(content, "code", str),
        version=member(content, "version", int),
        title=member(content, "title", str),
        level=member(content, "level", int),
        credits=member(content, "credits", int),
        outcomes=tuple(
            (member(one, "id", str), member(one, "text", str)) for one in members(content, "outcomes", dict)
        ),
        listed_on=a_day(content, "listed_on"),
        expiring_from=day_or_none(content, "expiring_from"),
        discontinued_on=day_or_none(content, "discontinued_on"),
    )


def _founding(content: Mapping[str, Any]) -> bytes:
    founding = unb64url(member(content, "founding_entry_hash", str))
    if len(founding) != HASH_BYTES:
        raise wrong("founding_entry_hash")
    return founding


def _policy(text: str, log_keys: tuple[LogKeyUse, ...]) -> Policy:
    """Read the witness policy. A log that were its own witness could confirm two histories. LEDGER.md 5."""
    policy, own = parse_policy(text), {use.key.key for use in log_keys}
    if any(witness.key in own for witness in policy.witnesses.values()):
        raise Malformed("the trust file names a key of the log as a witness", code="policy")
    return policy


def _made_at(content: Mapping[str, Any]) -> datetime:
    made_at = instant(content.get("made_at"))
    if made_at is None:
        raise wrong("made_at")
    return made_at
